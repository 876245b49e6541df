"""The verb relabel: labels for pictures that somebody painted before, from what changed in them.

Read the pairs, find in each what appeared, keep the picture as it is, write down what is there. All
else (the folder, resuming, counting, exporting) is as in a run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import msgspec
import numpy as np

from infgen import __version__
from infgen.batch.engines import Crew
from infgen.batch.exporting import check_formats, write_formats
from infgen.batch.fingerprint import RECIPE, eye_prints
from infgen.batch.painting import CHUNK, fill_gaps, open_eyes, workers_for
from infgen.batch.pipeline import Made, as_line, told_failure
from infgen.batch.preview import preview_made
from infgen.batch.report import report_made
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import RelabelSettings, flatten, write_toml
from infgen.batch.stock import count_up, versions
from infgen.batch.store import Pinned, Store
from infgen.batch.understanding import with_needed_backgrounds
from infgen.formats import EXPORTS
from infgen.models.eye_choice import ResolvedEyes, resolve_eyes
from infgen.models.eyes import Segmenter
from infgen.models.known_eyes import Role
from infgen.models.resolve import choose_device
from infgen.models.settings import VerifySettings
from infgen.ops.dealing import choose_val
from infgen.ops.masks import same_thing, tight_box
from infgen.ops.refit import Found, find_objects, find_requested
from infgen.ops.rle import encode_rle
from infgen.records.errors import REFUSED, InputError, WorkerDied
from infgen.records.manifest import Manifest
from infgen.records.pairs import Pair, Pairs
from infgen.records.plan import BackgroundPlan, Dropped
from infgen.records.sample import Entry, Instance
from infgen.sources.disk import write_file
from infgen.sources.pairs import read_pairs
from infgen.sources.pictures import read_rgb

METHOD = "relabel"
SEGMENTER: Role = "segmenter"
UNSURE, NOT_FOUND = "unsure", "not found"  # why an object has no label


def relabel(settings: RelabelSettings, reporter: Reporter | None = None) -> Manifest:
    """Make a dataset of the pairs that `settings` name, or go on where an earlier try stopped.

    Raises:
        InputError: the pairs or settings are wrong; nothing was written.
        FolderError: the output folder holds something else.
        StorageError, DeviceFull, DeviceLost: the machine refused; running again goes on.
    """
    reporter = reporter or Silent()
    check_formats(settings.export.format)
    if settings.pairs is None:
        raise InputError(
            "nothing to relabel: give a folder of pairs, or a CSV file that names them"
        )
    pairs, warnings = read_pairs(settings.pairs, settings.classes)
    eyes = resolve_segmenter(settings.segmenter)
    store = Store(settings.out)
    settings = with_needed_backgrounds(settings, store.pinned() or Pinned())
    job = Relabelling(pairs, settings)
    for name in settings.export.format:
        EXPORTS[name].check(pairs.classes, max(len(pair.boxes) for pair in pairs.pairs))
    notes = (*map(str, warnings), *job.notes, *(eyes.warnings if eyes else ()))
    for note in notes:
        reporter.warn(note)
    pinned = Pinned(
        infgen=__version__,
        backgrounds_kept=settings.keep_backgrounds,
        methods=dict.fromkeys(pairs.classes, METHOD),
        fingerprint=_fingerprint(pairs, settings, eyes),
    )
    store.check(pinned.fingerprint)
    with ExitStack() as stack:
        stack.enter_context(store.claimed())
        store.begin(write_toml(settings, msgspec.to_builtins(pinned), METHOD), pinned)
        crew = stack.enter_context(Crew(workers_for(settings.workers, len(pairs.pairs))))
        fill_gaps(
            store,
            len(pairs.pairs),
            settings,
            lambda missing: _made(job, missing, crew, eyes, reporter),
            job.failed,
            reporter,
        )
        manifest = _take_stock(store, job, pinned.fingerprint, notes, reporter)
        manifest = msgspec.structs.replace(manifest, models={"eyes": eyes.record} if eyes else {})
        preview_made(store, manifest)
        manifest = write_formats(store, manifest, settings.export, crew, reporter)
        store.log("finished", pictures=manifest.pictures, failed=len(manifest.failures))
        report_made(store, manifest, settings.report, reporter)
    return manifest


def resolve_segmenter(name: str | None) -> ResolvedEyes | None:
    """The segmenter of this name; None if there is none.

    Raises:
        InputError: it can't be had.
    """
    if name is None:
        return None
    wanted, roles = VerifySettings(segmenter=name), [SEGMENTER]
    found = resolve_eyes(wanted, "cpu", roles=roles)
    if not found.missing:
        found = resolve_eyes(wanted, choose_device("auto")[0], roles=roles)
    if found.problems:
        raise InputError(found.problems)
    return found


def _made(
    job: Relabelling,
    missing: Sequence[int],
    crew: Crew,
    eyes: ResolvedEyes | None,
    reporter: Reporter,
) -> Iterator[Made | WorkerDied]:
    """The missing pictures in order: by the crew, or by the process with the segmenter."""
    if eyes is None:
        return crew.map(job, missing, CHUNK)
    job.segmenter = open_eyes(eyes, reporter).segmenter
    return map(job, missing)


class Relabelling:
    """Labels pictures by index into `settings.out`; sent to every worker process once, unless there
    is a `segmenter`."""

    def __init__(self, pairs: Pairs, settings: RelabelSettings):
        self.pairs, self.settings = pairs, settings
        self.segmenter: Segmenter | None = None
        scenes = Counter(pair.before.sha256 for pair in pairs.pairs)
        self._scenes = {sha256: number for number, sha256 in enumerate(scenes)}
        self._val = choose_val(scenes, settings.val_frac, settings.seed)
        self._first = {
            pair.before.sha256: index
            for index, pair in reversed(list(enumerate(pairs.pairs)))
        }  # fmt: skip

    @property
    def splits(self) -> tuple[str, ...]:
        return ("train", "val") if self._val else ("train",)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the split."""
        if self.settings.val_frac > 0 and not self._val:
            return ("all pictures have the same background, so val stays empty",)
        return ()

    def __call__(self, index: int) -> Made:
        """Label picture `index` and put it into the dataset.

        A picture that can't be labelled becomes a record of why; only a disk that refuses to take
        any (StorageError), or a device that gives up, stops the run.
        """
        try:
            entry = self._keep(index)
        except REFUSED:
            raise
        except Exception as error:
            return self.failed(index, *told_failure(error))
        return Made(as_line(entry), background_file=entry.background_file)

    def failed(self, index: int, reason: str, trace: str = "") -> Made:
        """The record of a picture that couldn't be labelled."""
        return Made(as_line(self._entry(index, failure=reason)), True, trace)

    def _keep(self, index: int) -> Entry:
        pair = self.pairs.pairs[index]
        objects, dropped = self._judge(pair, _find(pair, self.segmenter))
        data = pair.after.path.read_bytes()  # every byte of it stays as it is
        file = f"images/{self._split(pair)}/{pair.stem}{pair.after.path.suffix.lower()}"
        write_file(self.settings.out / file, data)
        background = self._background_file(pair)
        if background and index == self._first[pair.before.sha256]:
            write_file(self.settings.out / background, pair.before.path.read_bytes())
        return self._entry(
            index,
            file=file,
            bytes=len(data),
            objects=objects,
            dropped=dropped,
            background_file=background,
        )

    def _judge(
        self, pair: Pair, found: list[Found | None]
    ) -> tuple[tuple[Instance, ...], tuple[Dropped, ...]]:
        """Labels for what is sure enough, and why the others have none."""
        objects: list[Instance] = []
        dropped: list[Dropped] = []
        for number, one in enumerate(found):
            wanted = pair.wanted[number if pair.boxes else 0]
            if one is None:
                dropped.append(Dropped(wanted.class_id, NOT_FOUND, wanted.box))
            elif one.confidence < self.settings.min_confidence:
                dropped.append(Dropped(wanted.class_id, UNSURE, one.box))
            else:
                objects.append(
                    Instance(
                        id=len(objects) + 1,
                        class_id=wanted.class_id,
                        box=one.box,
                        requested=wanted.box,
                        rle=encode_rle(one.mask),
                        area=int(one.mask.sum()),
                        visible_frac=1.0,
                        method=METHOD,
                        score=round(one.confidence, 4),
                    )
                )
        if pair.wanted and not found:
            dropped.append(Dropped(pair.wanted[0].class_id, NOT_FOUND))
        return tuple(objects), tuple(dropped)

    def _entry(self, index: int, file: str = "", bytes: int = 0, **facts: object) -> Entry:
        pair = self.pairs.pairs[index]
        scene = self._scenes[pair.before.sha256]
        return msgspec.structs.replace(
            Entry(
                index=index,
                split=self._split(pair),
                size=pair.after.size,
                file=file,
                bytes=bytes,
                background=BackgroundPlan(
                    number=scene,
                    row=0,
                    picture=pair.before.name,
                    scaled_size=pair.before.size,
                ),
            ),
            **facts,
        )

    def _split(self, pair: Pair) -> str:
        return "val" if pair.before.sha256 in self._val else "train"

    def _background_file(self, pair: Pair) -> str:
        if not self.settings.keep_backgrounds:
            return ""
        ending = pair.before.path.suffix.lower()
        return f"backgrounds/{self._scenes[pair.before.sha256]:08d}{ending}"


def _find(pair: Pair, segmenter: Segmenter | None) -> list[Found | None]:
    """What appeared: for each of the boxes that were asked for, or else whatever there is."""
    before, after = read_rgb(pair.before), read_rgb(pair.after)
    if not pair.wanted:
        return []
    found = find_requested(before, after, pair.boxes) or [*find_objects(before, after)]
    things = [one for one in found if one is not None]
    if segmenter is None or not things:
        return found
    drawn = iter(segmenter.segment([after] * len(things), [one.box for one in things]))
    taken = np.zeros(after.shape[:2], bool)
    return [_redrawn(one, next(drawn), taken) if one is not None else None for one in found]


def _redrawn(one: Found, drawn: np.ndarray, taken: np.ndarray) -> Found | None:
    """The object with a segmenter's outline, (H, W) bool, if that is of the same thing, without the
    pixels that are `taken` by others; these become its own."""
    mask = (drawn if same_thing(one.mask, drawn) else one.mask) & ~taken
    taken |= mask
    box = tight_box(mask)
    return Found(mask, box, one.confidence) if box else None


def _fingerprint(
    pairs: Pairs, settings: RelabelSettings, eyes: ResolvedEyes | None
) -> dict[str, str]:
    """What another try must share to go on in the same folder: the pictures' bytes and names, what
    was asked for in them, and every setting that changes a label or a split."""
    asked = [
        (pair.stem, pair.before.sha256, pair.after.sha256, pair.wanted) for pair in pairs.pairs
    ]
    return {
        "infgen's recipe": RECIPE,
        "the method": METHOD,
        "the number of pictures": str(len(pairs.pairs)),
        "the pairs": hashlib.sha256(msgspec.json.encode(asked)).hexdigest(),
        "the classes": ", ".join(pairs.classes),
        "--min-confidence": str(settings.min_confidence),
        "--val-frac": str(settings.val_frac),
        "--seed": str(settings.seed),
    } | (eye_prints(eyes) if eyes else {})


def _take_stock(
    store: Store,
    job: Relabelling,
    fingerprint: Mapping[str, str],
    notes: tuple[str, ...],
    reporter: Reporter,
) -> Manifest:
    """The manifest of what is there."""
    pairs, settings = job.pairs, job.settings
    classes, splits, failures = count_up(store, len(pairs.pairs), pairs.classes, job.splits)
    poorer = sum(bool(entry.dropped) for entry in store.entries())
    if poorer:
        notes = (*notes, f"{poorer} of {len(pairs.pairs)} pictures may show something that has no "
                 "label: see them in preview.png, or lower --min-confidence")  # fmt: skip
        reporter.warn(notes[-1])
    return Manifest(
        infgen=__version__,
        pictures=sum(splits.values()),
        splits=splits,
        classes=classes,
        failures=failures,
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models={},
        fingerprint=dict(fingerprint),
        sources={
            "before": {pair.before.name: pair.before.sha256 for pair in pairs.pairs},
            "after": {pair.after.name: pair.after.sha256 for pair in pairs.pairs},
        },
        versions=versions(),
    )
