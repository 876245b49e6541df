"""The story of a picture: planned, given a background, painted, kept.

Stages don't know each other; this is the one place where they meet. For pasting, a Pipeline is
sent to every worker process once, and there makes whatever pictures it is asked for, alike on each.
With a diffusion model there is one, beside the model, and it makes them in batches.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import msgspec
import numpy as np

from infgen.batch.settings import RunSettings
from infgen.models.prompts import PainterStopped
from infgen.ops.planning import Planner
from infgen.records.errors import DeviceFull, InfgenError, StorageError
from infgen.records.plan import ImagePlan
from infgen.records.sample import Entry, Sample
from infgen.sources.disk import write_file
from infgen.stages.backgrounds import Backgrounds
from infgen.stages.inpaint import Inpaint
from infgen.stages.paste import Paste

if TYPE_CHECKING:
    from infgen.models.painter import Painter

Result = TypeVar("Result")

LANES = 2  # batches in the making: while the model paints for one, the other's objects are stitched
WRITERS = 4  # threads that encode and write beside a diffusion model
REFUSED = (StorageError, DeviceFull)  # the next picture would fare no better


@dataclass(frozen=True)
class Made:
    """What comes back from a worker: the record line, the kept background that it names, and for a
    failed picture its traceback. (The background's first layout writes that file; it may fail.)"""

    line: bytes
    failed: bool = False
    traceback: str = ""
    background_file: str = ""


class Pipeline:
    """Makes pictures of one run by index, into `settings.out`. `painter` is the diffusion model,
    for runs that need one: such a pipeline stays in the process that has the model."""

    def __init__(self, planner: Planner, settings: RunSettings, painter: Painter | None = None):
        self.planner, self.settings, self._painter = planner, settings, painter
        request = planner.request
        inpaints = painter is not None and "inpaint" in planner.methods
        self._backgrounds = Backgrounds(
            {picture.name: picture for spec in request.backgrounds for picture in spec.pictures},
            painter,
            parity=inpaints and settings.inpaint.vae_parity,
        )
        self._one_by_one: AbstractContextManager[object] = nullcontext()  # lanes share backgrounds
        self._stage: Paste | Inpaint
        if painter is not None and inpaints:
            self._stage = Inpaint(painter, settings.inpaint, settings.plan.min_visible)
        else:
            self._stage = Paste(
                {picture.name: picture for spec in request.classes for picture in spec.cutouts},
                settings.plan.min_visible,
            )

    def __call__(self, index: int) -> Made:
        """Make picture `index` and put it on disk.

        A picture that can't be made becomes a record of why; only a disk that refuses to take any
        (StorageError) stops the run.
        """
        plan = self.planner.plan(index)
        [result] = self._paint_whole_or_one_by_one([plan])
        return self._kept_or_failed(plan, result)

    def in_batches(self, indices: Sequence[int], size: int) -> Iterator[Made]:
        """Make pictures in order, `size` at a time, for a pipeline with a painter.

        Two batches are in the making: while the device is at work for one, the other's objects are
        stitched, and finished pictures are encoded and written. The device waits for none of it.
        (Pasting has caches, which aren't for two, and takes little time.)
        """
        assert self._painter is not None
        count = LANES if isinstance(self._stage, Inpaint) else 1
        self._one_by_one = threading.Lock()

        def make(batch: Sequence[int]) -> list[Future[Made]]:
            plans = [self.planner.plan(index) for index in batch]
            return [
                writers.submit(self._kept_or_failed, plan, result)
                for plan, result in zip(plans, self._paint_whole_or_one_by_one(plans), strict=True)
            ]

        with ThreadPoolExecutor(WRITERS) as writers, ThreadPoolExecutor(count) as lanes:
            try:
                under_way: deque[Future[list[Future[Made]]]] = deque()
                for start in range(0, len(indices), size):
                    under_way.append(lanes.submit(make, indices[start : start + size]))
                    if len(under_way) > count:
                        yield from _results_of(under_way.popleft())
                for lane in under_way:
                    yield from _results_of(lane)
            except BaseException:
                self._painter.stop()  # or leaving would wait for what nobody wants any more
                lanes.shutdown(wait=False, cancel_futures=True)
                raise

    def _paint_whole_or_one_by_one(self, plans: list[ImagePlan]) -> list[Sample | Exception]:
        """A batch, or where something in it fails its pictures one after the other, so that only
        the one at fault is lost."""
        try:
            return [*self._paint(plans)]
        except (*REFUSED, PainterStopped):
            raise
        except Exception as error:
            if len(plans) == 1:
                return [error]
        return [result for plan in plans for result in self._paint_whole_or_one_by_one([plan])]

    def _paint(self, plans: list[ImagePlan]) -> list[Sample]:
        with self._one_by_one:
            canvases = self._backgrounds.make(plans)
        for plan, canvas in zip(plans, canvases, strict=True):
            self._keep_background(plan, canvas)
        return self._stage.paint(canvases, plans)

    def _kept_or_failed(self, plan: ImagePlan, result: Sample | Exception) -> Made:
        if isinstance(result, Exception):
            return _failed(plan, result)
        try:
            line = as_line(self._keep(plan, result))
            return Made(line, background_file=self._background_file(plan))
        except StorageError:
            raise
        except Exception as error:
            return _failed(plan, error)

    def _keep(self, plan: ImagePlan, sample: Sample) -> Entry:
        """Write the picture, and tell what it shows."""
        ending = self.settings.pictures.image_format
        file = f"images/{plan.split}/{plan.index:08d}.{ending}"
        data = encode_picture(sample.canvas, ending, self.settings.pictures.jpeg_quality)
        write_file(self.settings.out / file, data.data)
        return Entry(
            index=plan.index,
            split=plan.split,
            size=plan.size,
            file=file,
            bytes=data.nbytes,
            background=plan.background,
            objects=sample.instances,
            dropped=sample.dropped,
            background_file=self._background_file(plan),
        )

    def _keep_background(self, plan: ImagePlan, canvas: np.ndarray) -> None:
        """Write the bare canvas if that was asked for. Layouts of one background share the file,
        and the first of them writes it: two workers at one file would be in each other's way."""
        file = self._background_file(plan)
        if file and plan.index == plan.background.number * self.settings.plan.per_background:
            write_file(self.settings.out / file, encode_picture(canvas, "png").data)

    def _background_file(self, plan: ImagePlan) -> str:
        return (
            f"backgrounds/{plan.background.number:08d}.png"
            if self.settings.keep_backgrounds
            else ""
        )


def _results_of(lane: Future[list[Future[Made]]]) -> Iterator[Made]:
    futures = _result_of(lane)
    return map(_result_of, futures)


def _result_of(future: Future[Result]) -> Result:
    while not future.done():
        wait([future], timeout=1)  # on Windows, Ctrl-C gets through only in between
    return future.result()


def _failed(plan: ImagePlan, error: Exception) -> Made:
    """The record of why a picture couldn't be made."""
    reason, trace = told_failure(error)
    return Made(as_line(failed_entry(plan, reason)), True, trace)


def told_failure(error: Exception) -> tuple[str, str]:
    """The reason for the record, and the traceback for the log: what isn't an InfgenError is a bug,
    and keeps it."""
    if isinstance(error, InfgenError):
        return str(error), ""
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


def failed_entry(plan: ImagePlan, reason: str) -> Entry:
    """The record of a picture that couldn't be made."""
    return Entry(
        index=plan.index,
        split=plan.split,
        size=plan.size,
        file="",
        bytes=0,
        background=plan.background,
        failure=reason,
    )


def encode_picture(canvas: np.ndarray, ending: str, quality: int = 90) -> np.ndarray:
    """(H, W, 3) uint8 RGB to the bytes of a `jpg` (`quality` 1..100) or `png` file, (n,) uint8."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if ending == "jpg" else []
    done, data = cv2.imencode(f".{ending}", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"OpenCV can't write a .{ending} of shape {canvas.shape}")
    return data


def worker_failed(planner: Planner, index: int, reason: str) -> Made:
    """The record for a picture that took its worker down with it."""
    return Made(as_line(failed_entry(planner.plan(index), reason)), True)


def as_line(entry: Entry) -> bytes:
    """A record as a line of its file."""
    return msgspec.json.encode(entry) + b"\n"
