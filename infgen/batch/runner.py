"""The verbs: run, plan, export, preview. Each is a short story over the floors below."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import msgspec
import numpy as np

from infgen import __version__
from infgen.batch.depth import bits_of, check_maps, facts_of, find_depth, write_depths
from infgen.batch.engines import Crew, usable_cores
from infgen.batch.fingerprint import fingerprint_of
from infgen.batch.kinds import check_folders, check_kind, pasting
from infgen.batch.methods import Means, check_means, choose_means
from infgen.batch.nearness import keep_nearness, nearness_of
from infgen.batch.packing import Packer, by_pack, one_by_one, whole_packs
from infgen.batch.pipeline import Made, Pipeline, worker_failed
from infgen.batch.preview import preview_made
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import MergeSettings, RelabelSettings, RunSettings, flatten, write_toml
from infgen.batch.statistics import write_statistics
from infgen.batch.store import Pinned, Store, open_finished
from infgen.batch.uses import Tally
from infgen.formats import EXPORTS
from infgen.formats.settings import Dataset, ExportSettings
from infgen.models.choice import Resolved
from infgen.models.eye_choice import ResolvedEyes
from infgen.models.eyes import Eyes, load_eyes
from infgen.models.loader import load
from infgen.models.prompts import Prompt
from infgen.models.verdict import canvas_warning
from infgen.ops.augment.recipe import Recipe
from infgen.ops.grid import GridPlanner
from infgen.ops.planning import Planner
from infgen.ops.plans import Plans
from infgen.records.errors import InputError, Problem, StorageError, WorkerDied
from infgen.records.manifest import ClassCount, Failure, Manifest
from infgen.records.sample import Entry
from infgen.records.specs import Request
from infgen.sources.given import with_labels
from infgen.sources.recipes import read_recipe
from infgen.sources.tables import read_request

if TYPE_CHECKING:
    from infgen.models.painter import Painter

Asked = TypeVar("Asked", RunSettings, RelabelSettings)

CHUNK = 8  # pictures handed to a worker at a time
TOLD_FAILURES = 10  # that the user hears of one by one
OR_APPEND = "; to add to it instead, give --append"


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
    check_folders(settings.export.format, flatten(settings))
    store = Store(settings.out)
    if settings.append or store.parts():
        from infgen.batch.growing import grow  # which tells its story with what is here

        return grow(settings, store, reporter)
    pinned = store.pinned() or Pinned()
    settings = with_needed_backgrounds(settings, pinned)
    planner, means, notes = prepare(settings, pinned, reporter)
    for name in settings.export.format:
        EXPORTS[name].check(names_of(planner.request), planner.most_objects)
        if EXPORTS[name].needs_background and planner.recipe.pictures:
            raise InputError(_moved_on([name]))
    check_masks(settings.export.format, planner.request.given.unmasked)
    pinned = pinned_of(settings, planner, means)
    store.check(pinned.fingerprint, OR_APPEND)
    depth = means_for_maps(settings, store, reporter)
    with ExitStack() as stack:
        stack.enter_context(store.claimed())
        store.begin(write_toml(settings, msgspec.to_builtins(pinned)), pinned)
        crew = stack.enter_context(Crew(workers_for(settings.workers, planner.count)))
        make_missing(store, planner, means, settings, crew, reporter)
        manifest = _take_stock(store, planner, means, settings, pinned.fingerprint, notes)
        manifest = finish(store, manifest, settings, crew, depth, reporter)
        if settings.files.statistics or settings.grid.grid:
            write_statistics(store, planner.canvas)
        return manifest


def pinned_of(settings: RunSettings, planner: Plans, means: Means) -> Pinned:
    """What a later run must match."""
    names = names_of(planner.request)
    return Pinned(
        infgen=__version__,
        backgrounds_kept=settings.keep_backgrounds,
        methods=dict(zip(names, planner.methods, strict=True)),
        prompts={spec.name: spec.prompt for spec in planner.request.classes},
        eyes=means.eyes.pins if means.eyes else {},
        fingerprint=fingerprint_of(settings, planner, means),
    )


def make_missing(
    store: Store,
    planner: Plans,
    means: Means,
    settings: RunSettings,
    crew: Crew,
    reporter: Reporter,
) -> None:
    """Make every picture of the planner's that isn't there yet."""
    if means.depth:
        keep_nearness(store, planner.request, means.depth, planner.nearness)
    fill_gaps(
        store,
        planner.indices.stop,
        settings,
        lambda missing: _made(planner, means, settings, missing, crew, store, reporter),
        partial(worker_failed, planner),
        reporter,
        planner.indices.start,
        settings.files.together,
    )


def finish(
    store: Store,
    manifest: Manifest,
    settings: RunSettings,
    crew: Crew,
    depth: ResolvedEyes | None,
    reporter: Reporter,
) -> Manifest:
    """Say what is odd about what was made, draw the sheet, the depth maps by that model, the
    formats, and write the manifest."""
    thoughts = tuple(second_thoughts(manifest))
    for note in thoughts:
        reporter.warn(note)
    manifest = msgspec.structs.replace(manifest, notes=(*manifest.notes, *thoughts))
    preview_made(store, manifest)
    if depth:
        opened = partial(open_eyes, depth)
        write_depths(store, settings, manifest.pictures, depth, opened, reporter)
    if facts := facts_of(store):
        manifest.models["depth"] = msgspec.to_builtins(facts)
    manifest = write_formats(store, manifest, settings.export, crew, reporter)
    store.log("finished", pictures=manifest.pictures, failed=len(manifest.failures))
    return manifest


def prepare(
    settings: RunSettings, pinned: Pinned, reporter: Reporter
) -> tuple[Plans, Means, tuple[str, ...]]:
    """Read the tables, choose the means, throw the first dice: (planner, means, notes). Tells of
    them."""
    planner, means, notes = understand(settings, pinned, reporter)
    return planner, means, told(planner, means, notes, reporter)


def told(
    planner: Plans, means: Means, notes: tuple[str, ...], reporter: Reporter
) -> tuple[str, ...]:
    """Say what will be made and with what; gives all notes, the planner's too."""
    notes = (*notes, *planner.notes)
    for note in notes:
        reporter.warn(note)
    painted = [spec.name for spec in planner.request.classes if spec.line]
    reporter.say(f"{means.method}: {', '.join(painted)}")
    if means.model:
        reporter.say(f"on {means.model.device}: {'; '.join(means.licences)}")
    return notes


def understand(
    settings: RunSettings,
    pinned: Pinned,
    reporter: Reporter,
    known: Mapping[str, str] | None = None,
) -> tuple[Plans, Means, tuple[str, ...]]:
    """Read the tables and choose the means: (planner, means, notes, but for the planner's). `known`
    is as in read_request.

    Raises:
        InputError: the tables or settings are wrong, or can't be carried out.
    """
    backgrounds, classes = _tables(settings)
    if settings.grid.grid:
        settings = pasting(settings)
    means = choose_means(settings, pinned.methods)
    canvas = (settings.plan.width or means.native, settings.plan.height or means.native)
    recipe = read_recipe(settings.augment.augment)
    request, warnings = read_request(backgrounds, classes, canvas, known)
    labelled: list[str] = []
    if settings.background_labels is not None:
        request, labelled = with_labels(request, settings.background_labels)
    means = check_means(means, request, settings, pinned)
    check_kind(settings, means, request)
    nearness: dict[str, np.ndarray] = {}
    if settings.depth.depth_scale:
        depth = find_depth(settings, reporter)
        means = replace(means, depth=depth)
        opened = partial(open_eyes, depth)
        nearness = nearness_of(request, Store(settings.out), depth, opened, reporter)
    planner = _planner(settings, request, means, canvas, nearness, recipe)
    notes = (*map(str, warnings), *labelled, *means.notes)
    generated = any(
        row.num_imgs and not row.pictures and not row.plain for row in request.backgrounds
    )
    if means.model and means.model.scenes and generated:
        notes += tuple(filter(None, [canvas_warning(means.model.scenes, canvas)]))
    if generated and settings.depth.depth_scale:
        notes += ("--depth-scale: the depth of scenes that are yet to be painted isn't known, so "
                  "that sizes on them don't go by it",)  # fmt: skip
    if means.method == "inpaint":
        unused = [spec.name for spec in request.classes if spec.cutouts]
        if unused:
            notes += (f"cutouts of {', '.join(unused)} aren't used: --method paste pastes them",)
    return planner, means, notes


def _planner(
    settings: RunSettings,
    request: Request,
    means: Means,
    canvas: tuple[int, int],
    nearness: Mapping[str, np.ndarray],
    recipe: Recipe,
) -> Plans:
    if settings.grid.grid:
        return GridPlanner(request, settings.plan, settings.grid, canvas, settings.look, nearness)
    methods = (means.method,) * len(request.classes)
    return Planner(request, settings.plan, methods, canvas, settings.look, nearness, recipe)


def _tables(settings: RunSettings) -> tuple[Path, Path]:
    problems = [
        Problem(f"--{name} is missing: give the path of {file}")
        for name, file in (("backgrounds", "background.csv"), ("classes", "classes.csv"))
        if getattr(settings, name) is None
    ]
    if problems or settings.backgrounds is None or settings.classes is None:
        raise InputError(problems)
    return settings.backgrounds, settings.classes


def fill_gaps(
    store: Store,
    total: int,
    settings: RunSettings | RelabelSettings | MergeSettings,
    make: Callable[[Sequence[int]], Iterator[Made | WorkerDied]],
    failed: Callable[[int, str], Made],
    reporter: Reporter,
    first: int = 0,
    together: int = 1,
) -> None:
    """Make every picture from `first` to before `total` that isn't there yet: `make` gives them by
    index, in order, and `failed` the record of one that took its worker down with it, for a
    reason. Archives hold pictures `together`, and are made again as a whole."""
    missing = store.mend(total, settings.keep_backgrounds, first)
    if not missing:
        return
    if together > 1:
        missing = whole_packs(missing, together, total)
        store.take_out(frozenset(missing))
    store.log("painting", missing=len(missing), of=total - first, workers=settings.workers)
    began = time.perf_counter()
    made = make(missing)
    try:
        reporter.start("pictures", total - first, total - first - len(missing))
        store.fill(missing, _told(made, missing, failed, store, reporter))
    finally:
        reporter.stop()
    store.log("painted", seconds=round(time.perf_counter() - began, 3))


def _made(
    planner: Plans,
    means: Means,
    settings: RunSettings,
    missing: Sequence[int],
    crew: Crew,
    store: Store,
    reporter: Reporter,
) -> Iterator[Made | WorkerDied]:
    """The missing pictures in order: by the crew, or in batches by the process with the model."""
    if means.model is None and settings.files.pack != "none":
        packs = by_pack(missing, settings.files.pack_size)
        packer = Packer(Pipeline(planner, settings), settings.out, settings.files)
        return one_by_one(packs, crew.map(packer, packs, 1))
    if means.model is None:
        return crew.map(Pipeline(planner, settings), missing, CHUNK)
    request = planner.request
    prompts = [Prompt(row.prompt, row.negative_prompt) for row in request.backgrounds]
    prompts += [Prompt(row.prompt, row.negative_prompt) for row in request.classes]
    together = planner.count * (1 + planner.most_objects)
    eyes = open_eyes(means.eyes, reporter)  # first: the painter takes the memory that is left
    painter = load_painter(means.model, together, prompts, store, reporter)
    return Pipeline(planner, settings, painter, eyes).in_batches(missing)


def means_for_maps(settings: RunSettings, store: Store, reporter: Reporter) -> ResolvedEyes | None:
    """The model for depth maps, if there are to be any."""
    if settings.depth.depth:
        found = find_depth(settings, reporter)
        check_maps(store, found, bits_of(settings))
        return found
    if settings.depth.depth_model and not settings.depth.depth_scale:
        reporter.warn("--depth-model does nothing without --depth or --depth-scale")
    return None


def open_eyes(resolved: ResolvedEyes | None, reporter: Reporter) -> Eyes:
    """The models that look at what is painted, on their device; none if there are none."""
    if resolved is None:
        return Eyes()
    if size := resolved.download_bytes:
        reporter.say(f"downloading {size / 1e9:.1f} GB: {', '.join(resolved.names)}")
    return load_eyes(resolved)


def load_painter(
    model: Resolved, pictures: int, prompts: Sequence[Prompt], store: Store, reporter: Reporter
) -> Painter:
    """The model on its device, with these prompts and no others to paint from; `pictures` as in
    models.loader.load."""
    prompts = list(dict.fromkeys(prompts))
    if size := model.download_bytes:
        reporter.say(f"downloading {size / 1e9:.1f} GB: {', '.join(model.names)}")
    painter = load(model, pictures, prompts, reporter.warn)
    painter.prepare(prompts)  # with offloading, that is; else it is done
    painter.forget_text_encoders()
    store.log("model", **painter.facts)
    return painter


def _told(
    made: Iterator[Made | WorkerDied],
    indices: Sequence[int],
    failed: Callable[[int, str], Made],
    store: Store,
    reporter: Reporter,
) -> Iterator[bytes]:
    """The record lines of what was made, told to the log and to the user on the way."""
    failures = 0
    for index, one in zip(indices, made, strict=True):
        if isinstance(one, WorkerDied):
            one = failed(index, str(one))
        elif one.background_file and not (store.folder / one.background_file).exists():
            one = failed(index, "its background could not be kept")
        if one.failed:
            failures += 1
            reason = msgspec.json.decode(one.line, type=Entry).failure
            store.log("failed", index=index, reason=reason, traceback=one.traceback)
            if failures <= TOLD_FAILURES:
                reporter.warn(f"picture {index} failed: {reason}")
            elif failures == TOLD_FAILURES + 1:
                reporter.warn(f"more pictures fail: run.log in {store.folder} says which and why")
        reporter.advance(one.failed)
        yield one.line


def _take_stock(
    store: Store,
    planner: Plans,
    means: Means,
    settings: RunSettings,
    fingerprint: dict[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """The manifest of what is there."""
    request, uses = planner.request, Tally()
    classes, splits, failures = count_up(
        store, planner.count, names_of(request), planner.splits, uses.add
    )
    uses.tell(classes)
    return Manifest(
        infgen=__version__,
        pictures=sum(splits.values()),
        splits=splits,
        classes=classes,
        failures=failures,
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models=models_of(means),
        fingerprint=fingerprint,
        sources=sources_of(request),
        versions=versions(),
        backgrounds=uses.backgrounds,
    )


def models_of(means: Means) -> dict[str, Any]:
    """The models that take part, for the manifest."""
    eyes = {"eyes": means.eyes.record} if means.eyes and means.eyes.record else {}
    return (means.model.record if means.model else {}) | eyes


def sources_of(request: Request) -> dict[str, dict[str, str]]:
    """The hashes of the user's pictures by their names."""
    return {
        "backgrounds": {p.name: p.sha256 for s in request.backgrounds for p in s.pictures},
        "cutouts": {p.name: p.sha256 for s in request.classes for p in s.cutouts},
    }


def count_up(
    store: Store,
    total: int,
    names: Sequence[str],
    split_names: Sequence[str],
    also: Callable[[Entry], None] = lambda entry: None,
) -> tuple[tuple[ClassCount, ...], dict[str, int], tuple[Failure, ...]]:
    """What the records hold: the totals of each class, the pictures of each split, the failures.
    `also` gets to see every record of a picture that didn't fail.

    Raises:
        StorageError: that is other than `total` pictures.
    """
    classes = tuple(ClassCount(name) for name in names)
    splits = dict.fromkeys(split_names, 0)
    failures = []
    scene = -1
    for entry in store.entries():
        if entry.failure:
            failures.append(Failure(entry.index, entry.failure))
            continue
        also(entry)
        splits[entry.split] += 1
        for class_id in {instance.class_id for instance in entry.objects}:
            classes[class_id].images += 1
        for instance in entry.objects:
            classes[instance.class_id].objects += 1
            classes[instance.class_id].given += instance.method == "given"
            classes[instance.class_id].unmasked += not (instance.rle or instance.crowd)
        for dropped in entry.dropped:
            reasons = classes[dropped.class_id].dropped
            reasons[dropped.reason] = reasons.get(dropped.reason, 0) + 1
        for dropped in entry.dropped_decoys:
            reasons = classes[dropped.class_id].dropped_decoys
            reasons[dropped.reason] = reasons.get(dropped.reason, 0) + 1
        tries = [(one.class_id, one.tries) for one in entry.objects]
        tries += [(one.class_id, one.tries) for one in entry.dropped]
        for class_id, verdicts in tries:
            rejected = classes[class_id].rejected
            for reason in (verdict.reason for verdict in verdicts if verdict.reason):
                rejected[reason] = rejected.get(reason, 0) + 1
        if entry.background.number != scene:  # else the layout before showed the same
            for sighting in entry.sighted:
                classes[sighting.class_id].sighted += 1
        scene = entry.background.number
    if sum(splits.values()) + len(failures) != total:
        raise StorageError(
            f"{store.folder} doesn't hold what was written into it: let nothing else change the "
            "folder, and run the same command again"
        )
    return classes, splits, tuple(failures)


def versions() -> dict[str, str]:
    """Of what pixels and records are made with."""
    return {
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "python": platform.python_version(),
    }


def second_thoughts(manifest: Manifest) -> Iterator[str]:
    """Sentences where a model painted little of what it was asked for, or scenes show more."""
    left_out: Counter[str] = Counter()
    for one in manifest.classes:
        left_out.update({why: n for why, n in one.dropped.items() if why in one.rejected})
    missed = left_out.total()
    asked = missed + sum(one.objects for one in manifest.classes)
    if missed > asked / 2:
        [(reason, _)] = left_out.most_common(1)
        yield (
            f"{missed} of {asked} objects were painted and left out, most as '{reason}': look at "
            "the pictures; wrong weights, --steps or prompts may be why (--verify off labels "
            "whatever appears)"
        )
    sighted = ", ".join(f"{one.name} ({one.sighted})" for one in manifest.classes if one.sighted)
    if sighted:
        yield (
            f"the detector sees things in bare backgrounds, which have no labels: {sighted}; the "
            "records say where ('sighted'), and prompts or pictures without them help"
        )


def names_of(request: Request) -> tuple[str, ...]:
    return tuple(spec.name for spec in request.classes)


def workers_for(asked: int | None, pictures: int) -> int:
    """Processes to start: as asked, or one per core, but no more than there are chunks."""
    return max(1, min(asked or usable_cores(), -(-pictures // CHUNK)))


def with_needed_backgrounds(settings: Asked, pinned: Pinned) -> Asked:
    """Backgrounds are kept if a format needs them, and where they have been kept so far."""
    needed = any(EXPORTS[name].needs_background for name in settings.export.format)
    needed |= pinned.backgrounds_kept
    return msgspec.structs.replace(settings, keep_backgrounds=True) if needed else settings


# ---- plan ----------------------------------------------------------------------------------------


def plan(settings: RunSettings, reporter: Reporter | None = None) -> Plans:
    """The planner of a run: plans by index, without a pixel being made or a file written."""
    reporter = reporter or Silent()
    if settings.append:
        from infgen.batch.growing import plan_append

        return plan_append(settings, Store(settings.out), reporter)
    planner, _, _ = prepare(settings, Pinned(), reporter)
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
        EXPORTS[name].check(tuple(one.name for one in manifest.classes), 0)
    check_masks(settings.format, manifest.unmasked)
    check_folders(settings.format, manifest.settings)
    _check_backgrounds(store, settings)
    with store.claimed(), Crew(workers_for(workers, manifest.pictures)) as crew:
        _, manifest = open_finished(folder)  # as it is now that nobody else is at work
        return write_formats(store, manifest, settings, crew, reporter or Silent())


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


def _check_backgrounds(store: Store, settings: ExportSettings) -> None:
    needing = [name for name in settings.format if EXPORTS[name].needs_background]
    if needing and any(entry.changes for entry in store.entries()):
        raise InputError(_moved_on(needing))
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
    """Export, and write the manifest last. It lists the formats that are whole, so none that is
    being written over."""
    before = store.manifest()
    listed = set(before.formats) if before else set()
    asked = set(settings.format)
    if before and listed & asked:
        store.finish(msgspec.structs.replace(before, formats=_in_order(listed - asked)))
    export_formats(store, manifest, settings, crew, reporter)
    manifest = msgspec.structs.replace(manifest, formats=_in_order(listed | asked))
    store.finish(manifest)
    return manifest


def _in_order(formats: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in EXPORTS if name in formats)


def export_formats(
    store: Store, manifest: Manifest, settings: ExportSettings, crew: Crew, reporter: Reporter
) -> None:
    """Write each format of `settings` from the store's records."""
    dataset = Dataset(
        folder=store.folder,
        classes=tuple(one.name for one in manifest.classes),
        splits=tuple(name for name, count in manifest.splits.items() if count),
        settings=settings,
        unmasked=manifest.unmasked,
        painted=manifest.painted,
        known_classes=len(manifest.parts[-2].classes) if manifest.parts else 0,
    )
    for name in dict.fromkeys(settings.format):
        lines = (line for line in store.lines() if b'"failure":""' in line)
        converted = crew.map(Converter(name, dataset), lines, CHUNK)
        try:
            reporter.start(name, manifest.pictures)
            EXPORTS[name].finish(_counted(name, converted, reporter), dataset)
        finally:
            reporter.stop()


class Converter:
    """A format's `convert` over record lines, as it is sent to workers."""

    def __init__(self, name: str, dataset: Dataset):
        self._name, self._dataset = name, dataset

    def __call__(self, line: bytes) -> Any:
        entry, row = msgspec.json.decode(line, type=Entry), EXPORTS[self._name]
        if b'"crowd":true' in line and not row.takes_crowds:
            things = tuple(one for one in entry.objects if not one.crowd)
            entry = msgspec.structs.replace(entry, objects=things)
        return row.convert(entry, self._dataset)


def _counted(name: str, converted: Iterator[Any], reporter: Reporter) -> Iterator[Any]:
    for one in converted:
        if isinstance(one, WorkerDied):
            raise WorkerDied(
                f"--format {name}: {one}: run the same command again, with fewer --workers if it "
                "was the memory"
            )
        reporter.advance()
        yield one
