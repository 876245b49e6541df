"""The verbs convert and merge: anybody's datasets in one of infgen's, their pictures as they are.

Open the datasets, bring their classes together, read the labels, check the pictures, put both into
the folder. All else (the folder, resuming, counting, exporting) is as in a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from infgen import __version__
from infgen.batch.engines import Crew
from infgen.batch.exporting import check_formats, check_masks, write_formats
from infgen.batch.gather import FAULTS, SPLITS, Gathering, Item, open_sources
from infgen.batch.made import Made, as_line, told_failure
from infgen.batch.origins import merged_prompts, merged_upright, origins_of
from infgen.batch.painting import CHUNK, fill_gaps, workers_for
from infgen.batch.preview import preview_made
from infgen.batch.report import report_made
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import MergeSettings, flatten, write_toml
from infgen.batch.stock import count_up, versions
from infgen.batch.store import Pinned, Store
from infgen.formats import EXPORTS
from infgen.formats.settings import ExportSettings
from infgen.ops.rle import rle_area
from infgen.records.box import Box
from infgen.records.errors import REFUSED, InputError, PictureError
from infgen.records.labelled import LabelledObject
from infgen.records.manifest import Manifest
from infgen.records.plan import BackgroundPlan, Dropped
from infgen.records.sample import Entry, Instance
from infgen.sources.class_map import ClassMap, map_classes
from infgen.sources.datasets.common import rle_box
from infgen.sources.disk import link_file, write_file
from infgen.sources.packs import archive_of, file_bytes, file_length

METHOD = "convert"
NO_LABELS = msgspec.msgpack.encode(())
EMPTY_MASK, OUTSIDE = "empty mask", "outside its picture"  # why an object has no label
LEAST = 0.5  # pixels a side of what is left of a box inside its picture


def convert(settings: MergeSettings, reporter: Reporter | None = None) -> Manifest:
    """Make one of infgen's datasets of the one that `settings` name; see merge.

    Raises:
        InputError: it isn't one dataset, or can't be read; nothing was written.
    """
    if len(settings.datasets) != 1:
        text = "name one dataset" if not settings.datasets else "infgen merge takes several"
        raise InputError(f"infgen convert takes one dataset: {text}")
    return merge(settings, reporter)


def merge(settings: MergeSettings, reporter: Reporter | None = None) -> Manifest:
    """Make one dataset of those that `settings` name, or go on where an earlier try stopped.

    Raises:
        InputError: the datasets or settings are wrong; nothing was written.
        FolderError: the output folder holds something else.
        StorageError: the machine refused; running again goes on.
    """
    reporter = reporter or Silent()
    _check_formats(settings.export)
    sources = open_sources(settings)
    for text in (f"{s.name}: {s.dataset.kind}, {', '.join(s.dataset.classes)}" for s in sources):
        reporter.say(text)  # and no name here that would hold on to a dataset
    named = [(source.name, source.dataset.classes) for source in sources]
    classes = map_classes(named, settings.map)
    store = Store(settings.out)
    store.pinned()  # before all is read
    total = sum(source.dataset.count for source in sources)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(workers_for(settings.workers, total)))
        gathering = Gathering(sources, classes, reporter)
        items = gathering.items(crew)
        _check_room(settings.export, classes.names, items)
        notes = tuple(gathering.notes(items))
        for note in notes:
            reporter.warn(note)
        pinned = Pinned(
            infgen=__version__,
            methods=dict.fromkeys(classes.names, METHOD),
            prompts=merged_prompts(sources, classes),
            fingerprint=_fingerprint(items, gathering.labels.hexdigest(), classes),
        )
        store.check(pinned.fingerprint)
        stack.enter_context(store.claimed())
        verb = METHOD if len(sources) == 1 else "merge"
        store.begin(write_toml(settings, msgspec.to_builtins(pinned), verb), pinned)
        fill_gaps(
            store,
            len(items),
            settings,
            lambda missing, _: crew.map(Taking(settings.out), (items[i] for i in missing), CHUNK),
            partial(_failed, items),
            reporter,
        )
        items = [msgspec.structs.replace(item, labels=NO_LABELS) for item in items]  # room
        if gathering.faults:
            text = "".join(f"{line}\n" for line in gathering.faults)
            write_file(settings.out / FAULTS, text.encode(errors="replace"))
        manifest = _take_stock(store, items, classes, settings, pinned.fingerprint, notes)
        manifest = msgspec.structs.replace(
            manifest,
            upright=merged_upright(sources, classes),
            origins=origins_of(sources, items, gathering),
        )
        preview_made(store, manifest)
        manifest = write_formats(store, manifest, settings.export, crew, reporter)
        store.log("finished", pictures=manifest.pictures, failed=len(manifest.failures))
        report_made(store, manifest, settings.report, reporter)
    return manifest


# ---- what is asked for ---------------------------------------------------------------------------


def _check_formats(settings: ExportSettings) -> None:
    check_formats(settings.format)
    needing = [name for name in settings.format if EXPORTS[name].needs_background]
    if needing:
        raise InputError(
            f"--format {', '.join(needing)} needs pictures without their objects, and other "
            "people's datasets have none: leave it out"
        )


def _check_room(settings: ExportSettings, classes: tuple[str, ...], items: Sequence[Item]) -> None:
    """Raise InputError for formats that can't hold what there is."""
    most = unmasked = 0
    for item in items:
        objects = () if item.failure else item.objects
        most = max(most, len(objects))
        unmasked += sum(not (one.rle or one.crowd) for one in objects)
    for name in settings.format:
        EXPORTS[name].check(classes, most)
    check_masks(settings.format, unmasked)


# ---- what is made of it --------------------------------------------------------------------------


class Taking:
    """Puts pictures with their labels into the folder `out`; sent to every worker process once."""

    def __init__(self, out: Path):
        self._out = out

    def __call__(self, item: Item) -> Made:
        """Take a picture over, every byte as it is, and judge its labels.

        What can't be taken becomes a record of why; only a disk that refuses to take any
        (StorageError) stops the run.
        """
        try:
            return Made(as_line(self._keep(item)))
        except REFUSED:
            raise
        except Exception as error:
            reason, trace = told_failure(error)
            return Made(as_line(_entry(item, failure=reason)), True, trace)

    def _keep(self, item: Item) -> Entry:
        if item.failure:
            raise PictureError(item.failure)
        length = self._take(item.path, self._out / item.file)
        objects: list[Instance] = []
        dropped: list[Dropped] = []
        for one in item.objects:
            made = _instance(one, len(objects) + 1, item.size)
            if isinstance(made, Dropped):
                dropped.append(made)
            else:
                objects.append(made)
        facts = {"objects": tuple(objects), "dropped": tuple(dropped)}
        return _entry(item, file=item.file, bytes=length, **facts)

    @staticmethod
    def _take(source: Path, path: Path) -> int:
        """Link or copy a picture's file, or unpack it, and give its length."""
        try:
            length = file_length(source)
            data = file_bytes(source) if archive_of(source) else None
        except OSError as error:
            raise PictureError(f"{source}: {error.strerror or error}") from error
        if data is None:
            link_file(source, path)
        else:
            write_file(path, data)
        return length


def _instance(one: LabelledObject, number: int, size: tuple[int, int]) -> Instance | Dropped:
    """A label as infgen has them: its box tight around its mask, or within the picture."""
    box = rle_box(one.rle, size) if one.rle else one.box.intersect(Box(0, 0, *size))
    if box is None or (not one.rle and min(box.width, box.height) < LEAST):
        return Dropped(one.class_id, EMPTY_MASK if one.rle else OUTSIDE, one.box)
    return Instance(
        id=number,
        class_id=one.class_id,
        box=box,
        requested=one.box,
        rle=one.rle,
        area=rle_area(one.rle, size) if one.rle else round(box.area),
        visible_frac=1.0,
        method=METHOD,
        crowd=one.crowd,
    )


def _entry(item: Item, file: str = "", bytes: int = 0, **facts: object) -> Entry:
    scene = BackgroundPlan(
        number=item.scene, row=item.source, picture=item.name, scaled_size=item.size
    )
    entry = Entry(item.index, item.split, item.size, file, bytes, scene)
    return msgspec.structs.replace(entry, **facts)


def _failed(items: Sequence[Item], index: int, reason: str) -> Made:
    """The record for a picture that took its worker down with it."""
    return Made(as_line(_entry(items[index], failure=reason)), True)


def _fingerprint(items: Sequence[Item], labels: str, classes: ClassMap) -> dict[str, str]:
    """What another try must share to go on in the same folder: the pictures' bytes and new names,
    and the hash of their `labels`."""
    pictures = hashlib.sha256()
    for item in items:
        pictures.update(msgspec.json.encode((item.file, item.sha256, bool(item.failure))))
    return {
        "the method": METHOD,
        "the number of pictures": str(len(items)),
        "the pictures": pictures.hexdigest(),
        "the labels": labels,
        "the classes": ", ".join(classes.names),
    }


def _take_stock(
    store: Store,
    items: Sequence[Item],
    classes: ClassMap,
    settings: MergeSettings,
    fingerprint: Mapping[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """The manifest of what is there."""
    there = {item.split for item in items}
    counts, splits, failures = count_up(
        store, len(items), classes.names, [split for split in SPLITS if split in there]
    )
    clipped = sum(
        not one.rle and one.box != one.requested
        for entry in store.entries()
        for one in entry.objects
    )
    if clipped:
        notes = (*notes, f"{clipped:,} boxes left their pictures and end at the border now")
    return Manifest(
        infgen=__version__,
        pictures=sum(splits.values()),
        splits=splits,
        classes=counts,
        failures=failures,
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models={},
        fingerprint=dict(fingerprint),
        sources={"pictures": {item.name: item.sha256 for item in items if item.sha256}},
        versions=versions(),
        painted=False,
    )
