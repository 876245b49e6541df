"""The story of a picture: planned, given a background, painted, kept.

Stages don't know each other; this is the one place where they meet. A Pipeline is sent to every
worker process once, and there makes whatever pictures it is asked for, alike on each.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np

from infgen.batch.settings import RunSettings
from infgen.ops.planning import Planner
from infgen.records.errors import InfgenError, StorageError
from infgen.records.plan import ImagePlan
from infgen.records.sample import Entry, Sample
from infgen.sources.disk import write_file
from infgen.stages.backgrounds import Backgrounds
from infgen.stages.paste import Paste


@dataclass(frozen=True)
class Made:
    """What comes back from a worker: the record line, and for a failed picture its traceback."""

    line: bytes
    failed: bool = False
    traceback: str = ""


class Pipeline:
    """Makes pictures of one run by index, into `settings.out`."""

    def __init__(self, planner: Planner, settings: RunSettings):
        self.planner, self.settings = planner, settings
        request = planner.request
        self._backgrounds = Backgrounds(
            {picture.name: picture for spec in request.backgrounds for picture in spec.pictures}
        )
        self._paste = Paste(
            {picture.name: picture for spec in request.classes for picture in spec.cutouts},
            settings.paste,
        )

    def __call__(self, index: int) -> Made:
        """Make picture `index` and put it on disk.

        A picture that can't be made becomes a record of why; only a disk that refuses to take any
        (StorageError) stops the run.
        """
        plan = self.planner.plan(index)
        try:
            return Made(_as_line(self._make(plan)))
        except StorageError:
            raise
        except Exception as error:
            expected = isinstance(error, InfgenError)
            reason = str(error) if expected else f"{type(error).__name__}: {error}"
            line = _as_line(failed_entry(plan, reason))
            return Made(line, True, "" if expected else traceback.format_exc())

    def _make(self, plan: ImagePlan) -> Entry:
        [canvas] = self._backgrounds.make([plan])
        background_file = self._keep_background(plan, canvas)
        [sample] = self._paste.paint([canvas], [plan])
        return self._keep(plan, sample, background_file)

    def _keep(self, plan: ImagePlan, sample: Sample, background_file: str) -> Entry:
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
            background_file=background_file,
        )

    def _keep_background(self, plan: ImagePlan, canvas: np.ndarray) -> str:
        """Write the bare canvas if that was asked for. Layouts of one background share the file,
        and the first of them writes it: two workers at one file would be in each other's way."""
        if not self.settings.keep_backgrounds:
            return ""
        number = plan.background.number
        file = f"backgrounds/{number:08d}.png"
        if plan.index == number * self.settings.plan.per_background:
            write_file(self.settings.out / file, encode_picture(canvas, "png").data)
        return file


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
    return Made(_as_line(failed_entry(planner.plan(index), reason)), True)


def _as_line(entry: Entry) -> bytes:
    return msgspec.json.encode(entry) + b"\n"
