"""A few pictures of a run made in memory, as it would make them: to look at before, and to time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np

from infgen.batch.methods import Means
from infgen.batch.painting import load_painter, open_eyes, prompts_of
from infgen.batch.pipeline import Pipeline, Shown, told_failure
from infgen.batch.preview import spread
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.runner import plan_with_means
from infgen.batch.settings import RunSettings
from infgen.ops.plans import Plans
from infgen.records.plan import ImagePlan
from infgen.records.sample import Instance


@dataclass(frozen=True)
class Painted:
    """A picture that a run would make: `pixels`, (H, W, 3) uint8 RGB, are those of its file, which
    would be `bytes` long; `seconds` went by since the one before, or since the first was asked for.
    One that can't be made has no pixels, and the `failure` says why."""

    plan: ImagePlan
    pixels: np.ndarray | None
    instances: tuple[Instance, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    failure: str = ""


def painted_samples(
    settings: RunSettings, count: int, reporter: Reporter | None = None
) -> list[Painted]:
    """`count` pictures of the run that `settings` ask for, spread evenly over it, in order. A model
    is loaded, and fetched before if need be, where one paints. No file is written.

    Raises:
        InputError: the tables or settings are wrong.
    """
    reporter = reporter or Silent()
    planner, means = plan_with_means(settings, reporter)
    indices = [planner.indices[rank] for rank in spread(planner.count, count)]
    made = paint_samples(planner, means, settings, indices, reporter)
    return sorted(made, key=lambda one: one.plan.index)


def paint_samples(
    planner: Plans,
    means: Means,
    settings: RunSettings,
    indices: Sequence[int],
    reporter: Reporter,
) -> Iterator[Painted]:
    """These pictures of a run that is planned, as they are done."""
    settings = msgspec.structs.replace(settings, keep_backgrounds=False)
    painter = eyes = None
    if means.model:
        prompts = prompts_of(planner.request)
        eyes = open_eyes(means.eyes, reporter)
        together = len(indices) * (1 + planner.most_objects)
        painter = load_painter(means.model, together, prompts, reporter)
    began = time.perf_counter()
    for plan, shown in Pipeline(planner, settings, painter, eyes).in_memory(indices):
        now = time.perf_counter()
        yield _painted(plan, shown, now - began)
        began = time.perf_counter()


def _painted(plan: ImagePlan, shown: Shown | Exception, seconds: float) -> Painted:
    if isinstance(shown, Exception):
        return Painted(plan, None, seconds=seconds, failure=told_failure(shown)[0])
    pixels = cv2.imdecode(shown.data, cv2.IMREAD_COLOR)
    assert pixels is not None  # it was encoded a moment ago
    cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    return Painted(plan, pixels, shown.sample.instances, shown.data.nbytes, seconds)
