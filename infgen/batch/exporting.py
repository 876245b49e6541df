"""The verb export, and the end of every other: records into the formats that people train on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from infgen.batch.engines import Crew
from infgen.batch.kinds import check_folders
from infgen.batch.marks import (
    end,
    keep_apart,
    kept_lines,
    marked_entries,
    read_marks,
    settle,
    under_way,
)
from infgen.batch.owed import FILE, as_written, owe, owed, paid, settings_of
from infgen.batch.painting import CHUNK, workers_for
from infgen.batch.preview import preview_made
from infgen.batch.report import report_again
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.statistics import read_statistics, write_statistics
from infgen.batch.store import Store, open_finished
from infgen.formats import EXPORTS, Export
from infgen.formats.settings import Dataset, ExportSettings
from infgen.ops.plans import Plans
from infgen.records.errors import InputError, StorageError, WorkerDied
from infgen.records.manifest import Manifest
from infgen.records.sample import Entry
from infgen.sources.disk import remove_file


def export(
    folder: Path,
    settings: ExportSettings,
    workers: int | None = None,
    reporter: Reporter | None = None,
) -> Manifest:
    """Write a finished dataset in further formats, from its records. Labels begin where the run's
    do, if the settings don't say where.

    Raises:
        InputError: no finished dataset, an unknown format, or one that needs what wasn't kept, or
            has no room for what is there; nothing was written.
    """
    check_formats(settings.format)
    store, manifest = open_finished(folder)
    _check_room(settings.format, store, manifest)
    check_masks(settings.format, manifest.unmasked)
    check_folders(settings.format, manifest.settings)
    _check_backgrounds(store, settings)
    with store.claimed(), Crew(workers_for(workers, manifest.pictures)) as crew:
        _, manifest = open_finished(folder)  # as it is now that nobody else is at work
        if settings.first_label is None:
            settings = replace(settings, first_label=settings_of(manifest).first_label)
        manifest = write_formats(store, manifest, settings, crew, reporter or Silent())
        report_again(store, manifest, reporter or Silent())
        return manifest


def check_formats(names: Sequence[str]) -> None:
    """Raise InputError for names that aren't in EXPORTS."""
    if not names:
        raise InputError(f"--format is empty: name one or more of {', '.join(EXPORTS)}")
    unknown = [name for name in names if name not in EXPORTS]
    if unknown:
        raise InputError(
            f"--format: there is no format {', '.join(unknown)}: the formats are "
            f"{', '.join(EXPORTS)}"
        )


def check_masks(names: Sequence[str], unmasked: int) -> None:
    """Raise InputError for formats that hold masks, if that many labels have none."""
    needing = [name for name in names if EXPORTS[name].needs_masks]
    if needing and unmasked:
        others = ", ".join(name for name, row in EXPORTS.items() if not row.needs_masks)
        raise InputError(
            f"--format {', '.join(needing)} holds masks, and {unmasked:,} labels of this dataset "
            f"are boxes without one: the formats that take boxes are {others}"
        )


def check_fit(names: Sequence[str], classes: tuple[str, ...], planner: Plans) -> None:
    """Raise InputError for formats that can't hold what the planner plans."""
    for name in names:
        EXPORTS[name].check(classes, planner.most_objects)
        if EXPORTS[name].needs_background and planner.recipe.pictures:
            raise InputError(_moved_on([name]))
    check_masks(names, planner.request.given.unmasked)


def check_unmoved(names: Sequence[str], store: Store) -> None:
    """Raise InputError for formats that hold backgrounds, if pictures there were changed as a
    whole."""
    needing = [name for name in names if EXPORTS[name].needs_background]
    if needing and any(entry.changes for entry in store.entries()):
        raise InputError(_moved_on(needing))


def _check_room(names: Sequence[str], store: Store, manifest: Manifest) -> None:
    """Raise InputError for formats that can't hold what is there."""
    classes = tuple(one.name for one in manifest.classes)
    for row in (EXPORTS[name] for name in names):
        if row.check is not Export.check:  # which all fits
            entries = (msgspec.json.decode(line, type=Entry) for line in kept_lines(store))
            most = max((len(_as_taken(entry, row).objects) for entry in entries), default=0)
            row.check(classes, most)


def _check_backgrounds(store: Store, settings: ExportSettings) -> None:
    check_unmoved(settings.format, store)
    needing = [name for name in settings.format if EXPORTS[name].needs_background]
    if needing and not all(entry.background_file or entry.failure for entry in store.entries()):
        raise InputError(
            f"--format {', '.join(needing)} needs every picture's background, and this dataset's "
            "weren't kept: run the command that made it again, with --keep-backgrounds"
        )


def _moved_on(formats: Sequence[str]) -> str:
    return (
        f"--format {', '.join(formats)} holds each picture beside its background, which --augment "
        "doesn't change: use a recipe without [pictures]"
    )


def write_formats(
    store: Store, manifest: Manifest, settings: ExportSettings, crew: Crew, reporter: Reporter
) -> Manifest:
    """Export, without what is marked, and write the manifest last. It lists the formats that are
    whole, so none that is being written. Those that the dataset had before it changed, or was to
    have when who wrote them was stopped, and that nobody asks for now, are written as they were."""
    settle(store)
    marks, marking = read_marks(store.folder), under_way(store.folder)
    came_back = keep_apart(store, marks)
    before = store.manifest()
    if marking or came_back or (before and before.marked != len(marks)):
        _show_anew(store, manifest)
        owe(store.folder, as_written(before) if before else {})
    how = owed(store.folder)
    if settings.format and (more := how.keys() - settings.format):
        names = ", ".join(_in_order(more))
        reporter.say(f"written, too: {names}, which the dataset has or was to have ({FILE})")
    how |= dict.fromkeys(settings.format, settings)
    owe(store.folder, how)
    there = as_written(before) if before else {}
    if before and (over := how.keys() & there):
        store.finish(replace(before, formats=_in_order(there.keys() - over)))
    for name in _in_order(how):
        export_formats(store, manifest, replace(how[name], format=(name,)), crew, reporter)
    whole = there | how
    written = {name: _told(whole[name]) for name in _in_order(whole)}
    usual = _told(settings_of(manifest))  # of this run, and not of the one before
    manifest = replace(
        manifest,
        formats=tuple(written),
        marked=len(marks),
        written={name: values for name, values in written.items() if values != usual},
    )
    store.finish(manifest)
    end(store.folder)
    paid(store.folder)
    return manifest


def _show_anew(store: Store, manifest: Manifest) -> None:
    """The contact sheet, and the statistics if there are any, of what isn't marked now."""
    preview_made(store, manifest)
    if counted := read_statistics(store.folder):
        write_statistics(store, counted.size)


def _told(settings: ExportSettings) -> dict[str, Any]:
    """All settings but the formats' names."""
    values: dict[str, Any] = msgspec.to_builtins(settings)
    del values["format"]
    return values


def _in_order(formats: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in EXPORTS if name in formats)


def export_formats(
    store: Store, manifest: Manifest, settings: ExportSettings, crew: Crew, reporter: Reporter
) -> None:
    """Write each format of `settings` from the store's records, but for what is marked."""
    marked = list(marked_entries(store))
    counts = Counter(manifest.splits) - Counter(entry.split for entry in marked)
    dataset = Dataset(
        folder=store.folder,
        classes=tuple(one.name for one in manifest.classes),
        splits=tuple(name for name in manifest.splits if counts[name]),
        settings=settings,
        unmasked=manifest.unmasked,
        painted=manifest.painted,
        known_classes=len(manifest.parts[-2].classes) if manifest.parts else 0,
    )
    for name in dict.fromkeys(settings.format):
        _clear(name, marked, manifest.splits, dataset)
        converted = crew.map(Converter(name, dataset), kept_lines(store), CHUNK)
        try:
            reporter.start(name, counts.total())
            EXPORTS[name].finish(_counted(name, converted, counts.total(), reporter), dataset)
        finally:
            reporter.stop()


def _clear(name: str, marked: Sequence[Entry], splits: Collection[str], dataset: Dataset) -> None:
    """Remove what a format has of marked pictures, and of splits in which there are no others."""
    row = EXPORTS[name]
    for entry in marked:
        for file in row.files(_as_taken(entry, row), dataset):
            remove_file(dataset.folder / file)
    for split in set(splits).difference(dataset.splits) if marked else ():
        for file in row.lists(split):
            remove_file(dataset.folder / file)


def _as_taken(entry: Entry, row: Export) -> Entry:
    """The record as a format gets to see it."""
    if row.takes_crowds or not any(one.crowd for one in entry.objects):
        return entry
    things = tuple(one for one in entry.objects if not one.crowd)
    return replace(entry, objects=things)


class Converter:
    """A format's `convert` over record lines, as it is sent to workers."""

    def __init__(self, name: str, dataset: Dataset):
        self._name, self._dataset = name, dataset

    def __call__(self, line: bytes) -> Any:
        entry, row = msgspec.json.decode(line, type=Entry), EXPORTS[self._name]
        return row.convert(_as_taken(entry, row), self._dataset)


def _counted(name: str, converted: Iterator[Any], total: int, reporter: Reporter) -> Iterator[Any]:
    """Pass on what was converted, which has to be so many pictures: fewer mean broken records."""
    done = 0
    for one in converted:
        if isinstance(one, WorkerDied):
            raise WorkerDied(
                f"--format {name}: {one}: run the same command again, with fewer --workers if it "
                "was the memory"
            )
        done += 1
        reporter.advance()
        yield one
    if done != total:
        raise StorageError(
            f"--format {name}: the records hold {done:,} of {total:,} pictures: make the dataset's "
            "command run again, which mends them"
        )
