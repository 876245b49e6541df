"""The verbs: run, plan, export, preview. Each is a short story over the floors below."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import msgspec

from infgen import __version__
from infgen.batch.engines import Crew, usable_cores
from infgen.batch.methods import canvas_size, choose_methods
from infgen.batch.pipeline import Made, Pipeline, worker_failed
from infgen.batch.preview import preview_made
from infgen.batch.settings import RunSettings, flatten, write_toml
from infgen.batch.store import Store, open_finished
from infgen.formats import EXPORTS
from infgen.formats.settings import Dataset, ExportSettings
from infgen.ops.planning import Planner
from infgen.records.errors import InputError, Problem, WorkerDied
from infgen.records.manifest import ClassCount, Failure, Manifest
from infgen.records.sample import Entry
from infgen.records.specs import Request
from infgen.sources.tables import read_request

RECIPE = "1"  # raised when plans or pixels come out otherwise for the same settings
CHUNK = 8  # pictures handed to a worker at a time


class Reporter(Protocol):
    """Where a run tells what it does. The terminal's is in ui/; `Silent` is the default."""

    def say(self, text: str) -> None:
        """A line worth reading."""

    def warn(self, text: str) -> None:
        """A line that the user should act on or know of."""

    def start(self, what: str, total: int, done: int = 0) -> None:
        """A count begins: `total` things named `what`, of which `done` are there already."""

    def advance(self, failed: bool = False) -> None:
        """One more is done."""

    def stop(self) -> None:
        """The count is over."""


class Silent:
    """A Reporter that says nothing."""

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def start(self, what: str, total: int, done: int = 0) -> None: ...
    def advance(self, failed: bool = False) -> None: ...
    def stop(self) -> None: ...


# ---- run -----------------------------------------------------------------------------------------


def run(settings: RunSettings, reporter: Reporter | None = None) -> Manifest:
    """Make the dataset that `settings` ask for, or go on where an earlier try stopped.

    Raises:
        InputError: the tables or settings are wrong; nothing was written.
        FolderError: the output folder holds something else.
        StorageError: the disk refused; running again goes on.
    """
    reporter = reporter or Silent()
    check_formats(settings.export.format)
    settings = _with_needed_backgrounds(settings)
    store = Store(settings.out)
    pinned = store.recorded().get("methods", {})
    planner, notes = prepare(settings, pinned, reporter)
    for name in settings.export.format:
        EXPORTS[name].check(_names(planner.request))
    fingerprint = fingerprint_of(settings, planner)
    with ExitStack() as stack:
        stack.enter_context(store.claimed())
        methods = dict(zip(_names(planner.request), planner.methods, strict=True))
        record = {"infgen": __version__, "methods": methods, "fingerprint": fingerprint}
        store.begin(write_toml(settings, record), fingerprint)
        crew = stack.enter_context(Crew(_workers(settings.workers, planner.count)))
        _paint_missing(store, planner, settings, crew, reporter)
        manifest = _take_stock(store, planner, settings, fingerprint, notes)
        before = store.manifest()
        formats = tuple(
            dict.fromkeys([*(before.formats if before else ()), *settings.export.format])
        )
        export_formats(store, manifest, settings.export, crew, reporter)
        manifest = msgspec.structs.replace(manifest, formats=formats)
        preview_made(store, manifest)
        store.finish(manifest)
        store.log("finished", pictures=manifest.pictures, failed=len(manifest.failures))
    return manifest


def prepare(
    settings: RunSettings, pinned: dict[str, str], reporter: Reporter
) -> tuple[Planner, tuple[str, ...]]:
    """Read the tables, choose the methods, throw the first dice: (planner, notes for the user)."""
    backgrounds, classes = _tables(settings)
    canvas = canvas_size(settings)
    request, warnings = read_request(backgrounds, classes, canvas)
    methods = choose_methods(request, settings, pinned)
    planner = Planner(request, settings.plan, methods, canvas)
    notes = (*map(str, warnings), *planner.notes)
    for note in notes:
        reporter.warn(note)
    for method in dict.fromkeys(methods):
        names = [n for n, m in zip(_names(request), methods, strict=True) if m == method]
        reporter.say(f"{method}: {', '.join(names)}")
    return planner, notes


def _tables(settings: RunSettings) -> tuple[Path, Path]:
    problems = [
        Problem(f"--{name} is missing: give the path of {file}")
        for name, file in (("backgrounds", "background.csv"), ("classes", "classes.csv"))
        if getattr(settings, name) is None
    ]
    if problems or settings.backgrounds is None or settings.classes is None:
        raise InputError(problems)
    return settings.backgrounds, settings.classes


def _paint_missing(
    store: Store, planner: Planner, settings: RunSettings, crew: Crew, reporter: Reporter
) -> None:
    """Make every picture that isn't there yet."""

    def is_kept(entry: Entry) -> bool:
        return bool(entry.background_file) or not settings.keep_backgrounds

    missing = store.missing(planner.count, is_kept)
    if not missing:
        return
    store.reopen()
    store.log("painting", missing=len(missing), of=planner.count, workers=settings.workers)
    began = time.perf_counter()
    reporter.start("pictures", planner.count, planner.count - len(missing))
    made = crew.map(Pipeline(planner, settings), missing, CHUNK)
    try:
        lines = _told(made, missing, planner, store, reporter)
        for _ in store.fill(planner.count, is_kept, lines):
            pass
    finally:
        reporter.stop()
    store.log("painted", seconds=round(time.perf_counter() - began, 3))


def _told(
    made: Iterator[Made | WorkerDied],
    indices: Sequence[int],
    planner: Planner,
    store: Store,
    reporter: Reporter,
) -> Iterator[bytes]:
    """The record lines of what was made, told to the log and to the user on the way."""
    for index, one in zip(indices, made, strict=True):
        if isinstance(one, WorkerDied):
            one = worker_failed(planner, index, str(one))
        if one.failed:
            reason = msgspec.json.decode(one.line, type=Entry).failure
            store.log("failed", index=index, reason=reason, traceback=one.traceback)
            reporter.warn(f"picture {index} failed: {reason}")
        reporter.advance(one.failed)
        yield one.line


def _take_stock(
    store: Store,
    planner: Planner,
    settings: RunSettings,
    fingerprint: dict[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """Count what is there."""
    classes = tuple(ClassCount(name) for name in _names(planner.request))
    splits = dict.fromkeys(planner.splits, 0)
    failures = []
    for entry in store.entries():
        if entry.failure:
            failures.append(Failure(entry.index, entry.failure))
            continue
        splits[entry.split] += 1
        for class_id in {instance.class_id for instance in entry.objects}:
            classes[class_id].images += 1
        for instance in entry.objects:
            classes[instance.class_id].objects += 1
        for dropped in entry.dropped:
            reasons = classes[dropped.class_id].dropped
            reasons[dropped.reason] = reasons.get(dropped.reason, 0) + 1
    request = planner.request
    return Manifest(
        infgen=__version__,
        pictures=sum(splits.values()),
        splits=splits,
        classes=classes,
        failures=tuple(failures),
        formats=(),
        notes=notes,
        settings=flatten(settings),
        fingerprint=fingerprint,
        sources={
            "backgrounds": {p.name: p.sha256 for s in request.backgrounds for p in s.pictures},
            "cutouts": {p.name: p.sha256 for s in request.classes for p in s.cutouts},
        },
        versions={name: metadata.version(name) for name in ("numpy", "opencv-python-headless")}
        | {"python": platform.python_version()},
    )


def fingerprint_of(settings: RunSettings, planner: Planner) -> dict[str, str]:
    """What another run must share to go on in the same folder, by names that make sense to a user.

    Rows are hashed with the pictures that they name (their bytes, not their paths).
    """
    prints = {"infgen's recipe": RECIPE, "the canvas": "{} x {}".format(*planner.canvas)}
    prints |= {
        f"--{name.replace('_', '-')}": str(value)
        for name, value in settings.decisive.items()
        if name not in ("width", "height")
    }
    for file, rows in (
        (settings.backgrounds, planner.request.backgrounds),
        (settings.classes, planner.request.classes),
    ):
        for number, row in enumerate(rows, 1):
            prints[f"row {number} of {file.name if file else ''}"] = _row_hash(row)
    for name, method in zip(_names(planner.request), planner.methods, strict=True):
        prints[f"the method of '{name}'"] = method
    return prints


def _row_hash(row: msgspec.Struct) -> str:
    """A hash of a table row in which pictures stand for their bytes, and the line doesn't count."""

    def plain(value: Any) -> Any:
        return str(value)

    fields = msgspec.to_builtins(row, enc_hook=plain)
    fields.pop("line")
    for name in ("pictures", "cutouts"):
        fields[name] = [picture["sha256"] for picture in fields.get(name, ())]
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


def _names(request: Request) -> tuple[str, ...]:
    return tuple(spec.name for spec in request.classes)


def _workers(asked: int | None, pictures: int) -> int:
    """Processes to start: as asked, or one per core, but no more than there are chunks."""
    return max(1, min(asked or usable_cores(), -(-pictures // CHUNK)))


def _with_needed_backgrounds(settings: RunSettings) -> RunSettings:
    needed = any(EXPORTS[name].needs_background for name in settings.export.format)
    return msgspec.structs.replace(settings, keep_backgrounds=True) if needed else settings


# ---- plan ----------------------------------------------------------------------------------------


def plan(settings: RunSettings, reporter: Reporter | None = None) -> Planner:
    """The planner of a run: plans by index, without a pixel being made or a file written."""
    planner, _ = prepare(settings, {}, reporter or Silent())
    return planner


# ---- export --------------------------------------------------------------------------------------


def export(
    folder: Path,
    settings: ExportSettings,
    workers: int | None = None,
    reporter: Reporter | None = None,
) -> Manifest:
    """Write a finished dataset in further formats, from its records.

    Raises:
        InputError: no finished dataset, an unknown format, or one that needs what wasn't kept.
    """
    check_formats(settings.format)
    store, manifest = open_finished(folder)
    for name in settings.format:
        EXPORTS[name].check(tuple(one.name for one in manifest.classes))
    with store.claimed(), Crew(_workers(workers, manifest.pictures)) as crew:
        export_formats(store, manifest, settings, crew, reporter or Silent())
        formats = tuple(dict.fromkeys([*manifest.formats, *settings.format]))
        manifest = msgspec.structs.replace(manifest, formats=formats)
        store.finish(manifest)
    return manifest


def check_formats(names: Sequence[str]) -> None:
    """Raise InputError for names that aren't in EXPORTS."""
    unknown = [name for name in names if name not in EXPORTS]
    if unknown:
        raise InputError(
            f"--format: there is no format {', '.join(unknown)}: the formats are {', '.join(EXPORTS)}"
        )


def export_formats(
    store: Store, manifest: Manifest, settings: ExportSettings, crew: Crew, reporter: Reporter
) -> None:
    """Write each format of `settings` from the store's records."""
    dataset = Dataset(
        folder=store.folder,
        classes=tuple(one.name for one in manifest.classes),
        splits=tuple(name for name, count in manifest.splits.items() if count),
        settings=settings,
    )
    for name in settings.format:
        lines = (line for line in store.lines() if b'"failure":""' in line)
        reporter.start(name, manifest.pictures)
        converted = crew.map(Converter(name, dataset), lines, CHUNK)
        try:
            EXPORTS[name].finish(_counted(converted, reporter), dataset)
        finally:
            reporter.stop()


class Converter:
    """A format's `convert` over record lines, as it is sent to workers."""

    def __init__(self, name: str, dataset: Dataset):
        self._name, self._dataset = name, dataset

    def __call__(self, line: bytes) -> Any:
        return EXPORTS[self._name].convert(msgspec.json.decode(line, type=Entry), self._dataset)


def _counted(converted: Iterator[Any], reporter: Reporter) -> Iterator[Any]:
    for one in converted:
        if isinstance(one, WorkerDied):
            raise one
        reporter.advance()
        yield one
