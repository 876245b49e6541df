"""Pictures made where there are none yet: by a crew of workers, or beside the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from infgen.batch.engines import Crew, usable_cores
from infgen.batch.made import Made, worker_failed
from infgen.batch.marks import settle
from infgen.batch.methods import Means
from infgen.batch.nearness import keep_nearness
from infgen.batch.packing import Packer, by_pack, one_by_one, whole_packs, with_kept
from infgen.batch.pipeline import Pipeline
from infgen.batch.reporter import Reporter
from infgen.batch.settings import MergeSettings, RelabelSettings, RunSettings
from infgen.batch.store import Store
from infgen.models.choice import Resolved
from infgen.models.eye_choice import ResolvedEyes
from infgen.models.eyes import Eyes, load_eyes
from infgen.models.loader import load
from infgen.models.prompts import Prompt
from infgen.ops.plans import Plans
from infgen.records.errors import WorkerDied
from infgen.records.sample import Entry
from infgen.records.specs import Request

if TYPE_CHECKING:
    from infgen.models.painter import Painter


CHUNK = 8  # pictures handed to a worker at a time
TOLD_FAILURES = 10  # that the user hears of one by one


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
        lambda missing, kept: _made(planner, means, settings, missing, kept, crew, store, reporter),
        partial(worker_failed, planner),
        reporter,
        planner.indices.start,
        settings.files.together,
    )


def fill_gaps(
    store: Store,
    total: int,
    settings: RunSettings | RelabelSettings | MergeSettings,
    make: Callable[[Sequence[int], Iterator[bytes]], Iterator[Made | WorkerDied]],
    failed: Callable[[int, str], Made],
    reporter: Reporter,
    first: int = 0,
    together: int = 1,
) -> None:
    """Make every picture from `first` to before `total` that isn't there yet: `make` gives them by
    index, in order, and `failed` the record of one that took its worker down with it, for a
    reason. Archives hold pictures `together`, and are put together again as a whole: `make` gets
    the records of pictures that are in one which lacks others."""
    settle(store)
    lacking = store.records.mend(total, settings.keep_backgrounds, first)
    if not lacking:
        return
    missing = whole_packs(lacking, together, total)
    store.log("painting", missing=len(missing), of=total - first, workers=settings.workers)
    began = time.perf_counter()
    with store.records.taken_out(frozenset(missing).difference(lacking)) as kept:
        made = make(missing, kept)
        try:
            reporter.start("pictures", total - first, total - first - len(missing))
            store.records.fill(missing, _told(made, missing, failed, store, reporter))
        finally:
            reporter.stop()
    store.log("painted", seconds=round(time.perf_counter() - began, 3))


def _made(
    planner: Plans,
    means: Means,
    settings: RunSettings,
    missing: Sequence[int],
    kept: Iterator[bytes],
    crew: Crew,
    store: Store,
    reporter: Reporter,
) -> Iterator[Made | WorkerDied]:
    """The missing pictures in order: by the crew, or in batches by the process with the model."""
    if means.model is None and settings.files.pack != "none":
        packs = by_pack(missing, settings.files.pack_size)
        packer = Packer(Pipeline(planner, settings), settings.out, settings.files)
        return one_by_one(packs, crew.map(packer, with_kept(packs, kept), 1))
    if means.model is None:
        return crew.map(Pipeline(planner, settings), missing, CHUNK)
    prompts = prompts_of(planner.request)
    together = planner.count * (1 + planner.most_objects)
    eyes = open_eyes(means.eyes, reporter)  # first: the painter takes the memory that is left
    painter = load_painter(means.model, together, prompts, reporter)
    store.log("model", **painter.facts)
    return Pipeline(planner, settings, painter, eyes).in_batches(missing)


def prompts_of(request: Request) -> list[Prompt]:
    """All that a model may be asked to paint: the scenes, then the objects."""
    prompts = [Prompt(row.prompt, row.negative_prompt) for row in request.backgrounds]
    return prompts + [Prompt(row.prompt, row.negative_prompt) for row in request.classes]


def open_eyes(resolved: ResolvedEyes | None, reporter: Reporter) -> Eyes:
    """The models that look at what is painted, on their device; none if there are none."""
    if resolved is None:
        return Eyes()
    if size := resolved.download_bytes:
        reporter.say(f"downloading {size / 1e9:.1f} GB: {', '.join(resolved.names)}")
    return load_eyes(resolved)


def load_painter(
    model: Resolved, pictures: int, prompts: Sequence[Prompt], reporter: Reporter
) -> Painter:
    """The model on its device, with these prompts and no others to paint from; `pictures` as in
    models.loader.load."""
    prompts = list(dict.fromkeys(prompts))
    if size := model.download_bytes:
        reporter.say(f"downloading {size / 1e9:.1f} GB: {', '.join(model.names)}")
    painter = load(model, pictures, prompts, reporter.warn)
    painter.prepare(prompts)  # with offloading, that is; else it is done
    painter.forget_text_encoders()
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


def workers_for(asked: int | None, pictures: int) -> int:
    """Processes to start: as asked, or one per core, but no more than there are chunks."""
    return max(1, min(asked or usable_cores(), -(-pictures // CHUNK)))
