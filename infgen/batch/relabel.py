"""The verb relabel: labels for pictures that somebody painted before, from what changed in them.

Read the pairs, find in each what appeared, keep the picture as it is, write down what is there. All
else (the folder, resuming, counting, exporting) is as in a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import msgspec

from infgen import __version__
from infgen.batch.engines import Crew
from infgen.batch.exporting import check_formats, write_formats
from infgen.batch.fingerprint import RECIPE, eye_prints
from infgen.batch.made import Made
from infgen.batch.painting import CHUNK, fill_gaps, open_eyes, workers_for
from infgen.batch.preview import preview_made
from infgen.batch.relabeller import METHOD, Relabelling
from infgen.batch.report import report_made
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import RelabelSettings, flatten, write_toml
from infgen.batch.stock import count_up, versions
from infgen.batch.store import Pinned, Store
from infgen.batch.understanding import with_needed_backgrounds
from infgen.formats import EXPORTS
from infgen.models.eye_choice import ResolvedEyes, resolve_eyes
from infgen.models.known_eyes import Role
from infgen.models.resolve import choose_device
from infgen.models.settings import VerifySettings
from infgen.records.errors import InputError, WorkerDied
from infgen.records.manifest import Manifest
from infgen.records.pairs import Pairs
from infgen.sources.pairs import read_pairs

SEGMENTER: Role = "segmenter"


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
            lambda missing, _: _made(job, missing, crew, eyes, reporter),
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
        upright=pairs.upright,
    )
