"""The verb preview, of a plan: boxes, spreads, worries and costs, before anything is paid for.

infgen-preview.png    a contact sheet of planned boxes
infgen-preview.html   the same on a page, with charts, warnings, an estimate and painted samples
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infgen.batch.estimate import estimate, is_cheap, work_of
from infgen.batch.exporting import check_fit, check_formats
from infgen.batch.kinds import with_fitting_formats
from infgen.batch.methods import Means
from infgen.batch.painting import open_eyes
from infgen.batch.preview import (
    PLAN_FILE,
    TILES,
    check_request,
    painted_tile,
    planned_tiles,
    preview_plan,
    spread,
)
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.runner import plan_with_means
from infgen.batch.samples import Painted, paint_samples
from infgen.batch.settings import RunSettings
from infgen.batch.stock import names_of
from infgen.batch.store import Pinned, Store
from infgen.batch.told import rows_of
from infgen.batch.understanding import means_for_maps, with_needed_backgrounds
from infgen.batch.weighing import Trial, weigh_maps
from infgen.models.eye_choice import ResolvedEyes
from infgen.ops.concerns import Model, concerns_of
from infgen.ops.outlook import Outlook, look_ahead
from infgen.ops.plans import Plans
from infgen.report.colours import own_colours
from infgen.report.plan_page import PlanContents, plan_page
from infgen.report.plan_page.charts import charts_of
from infgen.report.plan_page.classes import HEADER, class_rows
from infgen.sources.disk import write_file

MOST_PLANS = 2000  # that are counted: 10,000 take a slow machine a quarter of a minute
MOST_SAMPLES, SAMPLE_SECONDS = 6, 6.0  # pictures that are painted, and when no more are
BEHIND = 0.382  # of the way from one to the next: no fraction that layouts would share
CANDIDATES = 8  # plans for each sample
ENDINGS = (".png", ".html")


@dataclass(frozen=True)
class Foresight:
    """What a preview found: its files, the estimate as rows of (what, how much), and what is worth
    a second thought."""

    paths: tuple[Path, ...]
    estimate: Sequence[tuple[str, str]]
    concerns: tuple[str, ...]


def foresee(
    settings: RunSettings,
    file: Path | None = None,
    count: int = TILES,
    reporter: Reporter | None = None,
) -> Foresight:
    """Look at what a run would make, and write it down: into `file`, a .png or .html, or without
    one into both of infgen-preview.png and .html in the current folder. `count` plans are drawn.

    Raises:
        InputError: the tables or settings are wrong, or `count` or `file` won't do.
        StorageError: a file can't be written.
    """
    check_request(file, count, ENDINGS)
    heard = _Heard(reporter or Silent())
    check_formats(settings.export.format)
    settings = with_needed_backgrounds(with_fitting_formats(settings, heard), Pinned())
    planner, means = plan_with_means(settings, heard)
    check_fit(settings.export.format, names_of(planner.request), planner)
    depth = means_for_maps(settings, Store(settings.out), heard)
    indices = [planner.indices[rank] for rank in spread(planner.count, MOST_PLANS)]
    outlook = look_ahead(planner, map(planner.plan, indices))
    work = work_of(means, outlook, settings)
    samples: list[Painted] = []
    if is_cheap(work, MOST_SAMPLES, planner.count):
        samples = _samples(planner, means, settings, outlook, heard)
    trial = _trial(samples, settings, depth, heard)
    found = estimate(planner, settings, outlook, work, samples, depth or means.depth, trial)
    lost = [f"picture {one.plan.index} can't be made: {one.failure}" for one in samples
            if one.failure]  # fmt: skip
    own = (*concerns_of(outlook, _model(means)), *found.concerns, *lost)
    for text in own:
        heard.warn(text)
    rows, paths = rows_of(found), [file] if file else [Path(PLAN_FILE).with_suffix(ending)
                                                       for ending in ENDINGS]  # fmt: skip
    for path in paths:
        if path.suffix.lower() == ENDINGS[0]:
            preview_plan(planner, path, count)
        else:
            contents = _contents(planner, outlook, rows, heard.warnings, samples, count)
            write_file(path, plan_page(contents))
    return Foresight(tuple(paths), rows, tuple(heard.warnings))


class _Heard:
    """A reporter that passes all on, and keeps the warnings."""

    def __init__(self, reporter: Reporter):
        self._reporter = reporter
        self.warnings: list[str] = []
        self.say, self.start = reporter.say, reporter.start
        self.advance, self.stop = reporter.advance, reporter.stop

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._reporter.warn(text)


def _samples(
    planner: Plans, means: Means, settings: RunSettings, outlook: Outlook, reporter: Reporter
) -> list[Painted]:
    """A few pictures, as many as are made in a few seconds. A model makes them together."""
    indices = _ordinary(planner, outlook.planned / max(outlook.seen, 1))
    made: list[Painted] = []
    began = time.perf_counter()
    for sample in paint_samples(planner, means, settings, indices, reporter):
        made.append(sample)
        if means.model is None and time.perf_counter() - began > SAMPLE_SECONDS:
            break
    return made


def _trial(
    samples: Sequence[Painted],
    settings: RunSettings,
    depth: ResolvedEyes | None,
    reporter: Reporter,
) -> Trial | None:
    """Depth maps of the samples, if there are to be any and their model is on this disk."""
    made = [one for one in samples if not one.failure]
    if depth is None or depth.download_bytes or not made:
        return None
    found = open_eyes(depth, reporter).depth
    assert found is not None  # that is what was found
    return weigh_maps(made, settings, found)


def _ordinary(planner: Plans, objects: float) -> list[int]:
    """The indices of pictures from all of the run, with about so many `objects` on average: time
    and labels go by them. None is on purpose the first of its background, beside which a grid has
    more files."""
    step = planner.count / MOST_SAMPLES
    chosen: list[int] = []
    there = 0
    for rank in spread(planner.count, MOST_SAMPLES):
        first = rank + int(BEHIND * step)
        window = range(first, max(min(first + CANDIDATES, int(rank + step)), first + 1))
        numbers = {one: len(planner.plan(planner.indices[one]).objects) for one in window}
        goal = objects * (len(chosen) + 1) - there
        best = min(numbers, key=lambda one: abs(numbers[one] - goal))
        there += numbers[best]
        chosen.append(planner.indices[best])
    return chosen


def _model(means: Means) -> Model | None:
    """What paints the objects, if a model does."""
    if means.method != "inpaint" or means.model is None or means.model.inpaint is None:
        return None
    row = means.model.inpaint.row
    return Model(row.native, row.cell)


def _contents(
    planner: Plans,
    outlook: Outlook,
    rows: Sequence[tuple[str, str]],
    concerns: Sequence[str],
    samples: Sequence[Painted],
    count: int,
) -> PlanContents:
    """All that is on the page."""
    width, height = planner.canvas
    shares = ", ".join(f"{outlook.scaled(outlook.splits[name]):,} {name}"
                       for name in planner.splits)  # fmt: skip
    counted = "all of them" if outlook.seen == outlook.total else "spread evenly"
    plans = [planner.plan(planner.indices[rank]) for rank in spread(planner.count, count)]
    pairs = zip(
        planned_tiles(planner, [one.plan for one in samples]), map(painted_tile, samples),
        strict=True,
    )  # fmt: skip
    return PlanContents(
        title=f"Plan: {planner.count:,} pictures, {len(outlook.classes):,} classes",
        classes=names_of(planner.request),
        colours=own_colours([one.objects for one in outlook.classes]),
        facts=[
            ("size", f"{width} x {height} pixels"),
            ("splits", shares),
            ("objects", f"about {outlook.scaled(outlook.objects):,}"),
            ("painted by", outlook.method),
        ],
        estimate=rows,
        concerns=concerns,
        basis=f"Counted in {outlook.seen:,} of {outlook.total:,} plans, {counted}.",
        header=HEADER,
        rows=class_rows(outlook),
        charts=charts_of(outlook),
        planned=planned_tiles(planner, plans),
        pairs=list(pairs),
    )
