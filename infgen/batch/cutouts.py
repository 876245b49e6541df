"""The verb cutouts: objects of the user's own pictures, cut out, with the table that pastes them.

Read the source, cut its objects out picture by picture, note what became of each, write the tables.
The folder, its settings and its finish line are as in a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from infgen import __version__
from infgen.batch.cutter import Cutter, Result
from infgen.batch.encoding import encode_picture
from infgen.batch.engines import Crew
from infgen.batch.fingerprint import RECIPE, eye_prints
from infgen.batch.painting import CHUNK, TOLD_FAILURES, open_eyes, workers_for
from infgen.batch.preview import FILE as SHEET
from infgen.batch.preview import cutout_tile, spread
from infgen.batch.quarry import Quarry, open_quarry
from infgen.batch.register import Register
from infgen.batch.relabel import resolve_segmenter
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import CutoutsSettings, flatten, write_toml
from infgen.batch.stock import versions
from infgen.batch.store import Pinned, Store
from infgen.records.errors import InputError, WorkerDied
from infgen.records.manifest import ClassCount, Failure, Manifest
from infgen.records.taken import Taken
from infgen.report.sheet import draw_sheet
from infgen.sources.disk import write_file
from infgen.sources.sidecars import hash_together

METHOD = "cutouts"
TILES = 48  # cutouts on the contact sheet


def cutouts(settings: CutoutsSettings, reporter: Reporter | None = None) -> Manifest:
    """Cut out the objects of the pictures that `settings` name, or of those that have come in or
    changed since.

    Raises:
        InputError: the source or the settings are wrong; nothing was written.
        FolderError: the output folder holds something else.
        StorageError: the disk refused; running again goes on.
    """
    reporter = reporter or Silent()
    if settings.source is None:
        raise InputError("--from is missing: name a folder of class folders, or a dataset")
    quarry = open_quarry(settings.source)
    eyes = resolve_segmenter(settings.segmenter)
    notes = (*quarry.notes, *(eyes.warnings if eyes else ()))
    for note in notes:
        reporter.warn(note)
    reporter.say(f"cutouts: {', '.join(quarry.classes)}")
    store = Store(settings.out)
    pinned = Pinned(
        infgen=__version__,
        methods=dict.fromkeys(quarry.classes, METHOD),
        fingerprint=_fingerprint(settings) | (eye_prints(eyes) if eyes else {}),
    )
    store.check(pinned.fingerprint)
    with ExitStack() as stack:
        stack.enter_context(store.claimed())
        store.begin(write_toml(settings, msgspec.to_builtins(pinned), METHOD), pinned)
        register = Register(store.folder)
        cutter = Cutter(settings.out, quarry.folders, settings.cutting)
        if eyes:
            cutter.segmenter = open_eyes(eyes, reporter).segmenter
        workers = 1 if eyes else workers_for(settings.workers, quarry.count)
        crew = stack.enter_context(Crew(workers))
        failures = _cut_out(quarry, register, cutter, crew, store, reporter)
        after = (
            *_shortfalls(quarry, register),
            *_write_tables(quarry, register, store.folder),
        )
        for note in after:
            reporter.warn(note)
        manifest = _take_stock(
            quarry, register, failures, settings, pinned.fingerprint, (*notes, *after)
        )
        if eyes:
            manifest = msgspec.structs.replace(manifest, models={"eyes": eyes.record})
        _write_sheet(quarry, register, store.folder)
        store.finish(manifest)
        store.log("finished", cutouts=manifest.pictures, failed=len(failures))
    return manifest


def _cut_out(
    quarry: Quarry, register: Register, cutter: Cutter, crew: Crew, store: Store, reporter: Reporter
) -> list[Taken]:
    """Cut out what isn't in the register yet, and note it there; gives what failed."""
    failures: list[Taken] = []
    with register.open():
        results = crew.map(cutter, quarry.blocks(register), CHUNK)
        try:
            reporter.start("pictures", quarry.count)
            for one in _told(results, store, reporter):
                store.reopen()
                (failures.append if one.failure else register.add)(one)
        finally:
            reporter.stop()
    return failures


def _fingerprint(settings: CutoutsSettings) -> dict[str, str]:
    """What another try must share to go on in the same folder. The pictures aren't in it: there may
    be more of them by then."""
    assert settings.source is not None
    prints = {
        "infgen's recipe": RECIPE,
        "the method": METHOD,
        "--from": str(settings.source.resolve()),
    }
    cutting = msgspec.to_builtins(settings.cutting)
    return prints | {f"--{name.replace('_', '-')}": str(v) for name, v in cutting.items()}


def _told(
    results: Iterator[Result | WorkerDied], store: Store, reporter: Reporter
) -> Iterator[Taken]:
    """The lines of what is new, told to the log and to the user on the way."""
    failures = 0
    for result in results:
        if isinstance(result, WorkerDied):
            raise WorkerDied(f"{result}: run the same command again, with fewer --workers")
        line = result.line
        reporter.advance(bool(line and line.failure))
        if line is None:  # it is known
            continue
        if line.failure:
            failures += 1
            store.log("failed", reason=f"{line.picture}: {line.failure}", traceback=result.trace)
            if failures <= TOLD_FAILURES:
                reporter.warn(f"{line.picture} failed: {line.failure}")
            elif failures == TOLD_FAILURES + 1:
                reporter.warn(f"more pictures fail: run.log in {store.folder} says which and why")
        yield line


# ---- what is left in the folder ------------------------------------------------------------------


def _shortfalls(quarry: Quarry, register: Register) -> Iterator[str]:
    """Sentences about the classes of which there is nothing to paste."""
    there = {piece.name for piece in register.pieces()}
    empty = [name for name in quarry.classes if name not in there]
    if empty:
        yield f"there is no cutout of {', '.join(empty)}: max_appear is 0 in the table"


def _write_tables(quarry: Quarry, register: Register, folder: Path) -> Iterator[str]:
    """Write the tables, but for those that somebody has changed: sentences about these."""
    for name, data in quarry.tables(register, folder).items():
        path = folder / name
        there = path.read_bytes() if path.exists() else None
        if there not in (None, data) and hash_together(there) != register.tables.get(name):
            yield f"{path} was changed and is kept as it is: delete it to have it anew"
            continue
        if there != data:
            write_file(path, data)
        register.tables[name] = hash_together(data)
    register.close()


def _take_stock(
    quarry: Quarry,
    register: Register,
    failures: Sequence[Taken],
    settings: CutoutsSettings,
    fingerprint: Mapping[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """The manifest of what is there."""
    return Manifest(
        infgen=__version__,
        pictures=len(register.pieces()),
        splits={},
        classes=_count_up(quarry, register),
        failures=tuple(
            Failure(number, f"{one.picture}: {one.failure}") for number, one in enumerate(failures)
        ),
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models={},
        fingerprint=dict(fingerprint),
        sources={},
        versions=versions(),
    )


def _count_up(quarry: Quarry, register: Register) -> tuple[ClassCount, ...]:
    counts = {name: ClassCount(name) for name in quarry.classes}
    for one in register.all():
        for name, reasons in one.left_out.items():
            counts[name].dropped = dict(Counter(counts[name].dropped) + Counter(reasons))
    for piece in register.pieces():
        count = counts[piece.name]
        count.images, count.objects = count.images + 1, count.objects + 1
        count.ways[piece.how] = count.ways.get(piece.how, 0) + 1
    return tuple(counts.values())


def _write_sheet(quarry: Quarry, register: Register, folder: Path) -> None:
    """Cutouts of all classes on checkers, to look at."""
    pieces = register.pieces()
    by_class = [[piece for piece in pieces if piece.name == name] for name in quarry.classes]
    each = max(TILES // max(sum(map(bool, by_class)), 1), 1)
    shown = [own[rank] for own in by_class for rank in spread(len(own), each)][:TILES]
    sheet = draw_sheet(
        [cutout_tile(folder / one.file, f"{one.name} · {Path(one.file).stem}") for one in shown],
        (),
        f"Cutouts: {len(pieces):,}, {len(quarry.classes)} classes",
        f"Shown: {len(shown)}. What isn't good enough may be deleted: it isn't made again.",
    )
    write_file(folder / SHEET, encode_picture(sheet, "png").data)
