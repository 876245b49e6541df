"""A few pictures of a run made in memory, as it would make them: to look at before, and to time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np

from infgen.batch.methods import Means
from infgen.batch.packing import Shelf
from infgen.batch.painting import load_painter, open_eyes, prompts_of
from infgen.batch.pipeline import Pipeline
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings
from infgen.ops.plans import Plans
from infgen.records.plan import ImagePlan
from infgen.records.sample import Entry, Instance


@dataclass(frozen=True)
class Painted:
    """A picture that a run would make: its plan, its record, and its `files`, by their paths in the
    dataset. `seconds` went by since the one before, or since the first was asked for. One that
    can't be made has no files, and its `failure` says why."""

    plan: ImagePlan
    entry: Entry
    files: Mapping[str, bytes]
    seconds: float

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The labels."""
        return self.entry.objects

    @property
    def failure(self) -> str:
        return self.entry.failure

    @property
    def pixels(self) -> np.ndarray | None:
        """(H, W, 3) uint8 RGB, as they are in the file; None if it couldn't be made."""
        if self.failure:
            return None
        pixels = cv2.imdecode(
            np.frombuffer(self.files[self.entry.file], np.uint8), cv2.IMREAD_COLOR
        )
        assert pixels is not None  # it was encoded a moment ago
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)


def paint_samples(
    planner: Plans,
    means: Means,
    settings: RunSettings,
    indices: Sequence[int],
    reporter: Reporter,
) -> Iterator[Painted]:
    """These pictures of a run that is planned, in order, each as soon as it is done. A model is
    loaded, and fetched before if need be, where one paints. No file is written."""
    settings = msgspec.structs.replace(settings, keep_backgrounds=False)
    files: dict[str, bytes] = {}

    def put(file: str, data: memoryview) -> int:
        files[file] = bytes(data)
        return 0

    shelf = Shelf(put, first=planner.indices.start)
    if means.model:
        eyes = open_eyes(means.eyes, reporter)
        prompts, together = prompts_of(planner.request), len(indices) * (1 + planner.most_objects)
        painter = load_painter(means.model, together, prompts, reporter)
        lines = Pipeline(planner, settings, painter, eyes).in_batches(indices, shelf)
    else:
        pipeline = Pipeline(planner, settings)
        lines = (made for index in indices for made in pipeline.make([index], shelf))
    began = time.perf_counter()
    for made in lines:
        entry = msgspec.json.decode(made.line, type=Entry)
        own = {file: files.pop(file) for file in (entry.file, *entry.beside) if file}
        yield Painted(planner.plan(entry.index), entry, own, time.perf_counter() - began)
        began = time.perf_counter()
