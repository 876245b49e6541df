"""Which part of the user's picture becomes the canvas: for its pixels and for its labels alike."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from infgen.ops.boxes import Corners
from infgen.ops.rle import decode_window, rle_extent
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan

MOST_SCALED = 2**24  # pixels of a picture that is scaled whole; of a larger one the window alone is

Placed = tuple[np.ndarray, int, int]  # a mask (h, w) bool, and the (x, y) of its corner


def cover_size(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) to which a picture of `size` is scaled to just cover `canvas`."""
    scale = max(canvas[0] / size[0], canvas[1] / size[1])
    width, height = (
        max(side, round(length * scale)) for length, side in zip(size, canvas, strict=True)
    )
    return width, height


def is_scaled_whole(plan: BackgroundPlan) -> bool:
    """Whether a picture is scaled before it is cut (else it would be huge, as a panorama behind an
    upright canvas is)."""
    return math.prod(plan.scaled_size) <= MOST_SCALED


def source_spans(
    plan: BackgroundPlan, size: tuple[int, int], canvas: tuple[int, int]
) -> tuple[slice, slice]:
    """(columns, rows) of a picture of `size` that the planned window shows, to whole pixels."""
    spans = []
    for length, scaled, start, side in zip(
        size, plan.scaled_size, plan.offset, canvas, strict=True
    ):
        first = start * length // scaled
        spans.append(slice(first, max(round((start + side) * length / scaled), first + 1)))
    return spans[0], spans[1]


class Framing(msgspec.Struct, frozen=True):
    """A `part` of a picture, xyxy in its own pixels, scaled to fill `canvas` = (width, height) and
    then mirrored if `flip`."""

    part: Corners
    canvas: tuple[int, int]
    flip: bool

    @classmethod
    def of(cls, plan: BackgroundPlan, size: tuple[int, int], canvas: tuple[int, int]) -> Framing:
        """The framing of a picture of `size` as the background stage cuts it."""
        if is_scaled_whole(plan):
            starts = [at * length / scaled for at, length, scaled in
                      zip(plan.offset, size, plan.scaled_size, strict=True)]  # fmt: skip
            sides = [side * length / scaled for side, length, scaled in
                     zip(canvas, size, plan.scaled_size, strict=True)]  # fmt: skip
            x, y = starts
            return cls((x, y, x + sides[0], y + sides[1]), canvas, plan.flip)
        columns, rows = source_spans(plan, size, canvas)
        return cls((columns.start, rows.start, columns.stop, rows.stop), canvas, plan.flip)

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas pixels per pixel of the picture, along x and y."""
        x0, y0, x1, y1 = self.part
        return self.canvas[0] / (x1 - x0), self.canvas[1] / (y1 - y0)

    def whole_box(self, box: Box) -> Box:
        """A box of the picture, in canvas pixels; it may lie off the canvas."""
        (x, y), (x0, y0) = self.scale, self.part[:2]
        left, right = (box.x0 - x0) * x, (box.x1 - x0) * x
        if self.flip:
            left, right = self.canvas[0] - right, self.canvas[0] - left
        return Box(left, (box.y0 - y0) * y, right, (box.y1 - y0) * y)

    def box(self, box: Box) -> Box | None:
        """What the canvas shows of a box of the picture; None when that is nothing."""
        return self.whole_box(box).intersect(Box(0, 0, *self.canvas))

    def mask(self, rle: str, size: tuple[int, int]) -> Placed:
        """What the canvas shows of a mask of the picture, given as run lengths over all of it: each
        canvas pixel is what lies under its middle. (0, 0) pixels when that is nothing."""
        x0, y0, x1, y1 = rle_extent(rle, size)
        columns, rows = (self._under(axis) for axis in (0, 1))
        if self.flip:
            columns = columns[::-1]
        across = np.flatnonzero((columns >= x0) & (columns < x1))
        down = np.flatnonzero((rows >= y0) & (rows < y1))
        if across.size == 0 or down.size == 0:
            return np.zeros((0, 0), bool), 0, 0
        tight = decode_window(rle, Box(x0, y0, x1, y1), size)
        shown = tight[rows[down] - y0][:, columns[across] - x0]
        return shown, int(across[0]), int(down[0])

    def _under(self, axis: int) -> np.ndarray:
        """The column or row of the picture under the middle of each of an unmirrored canvas's."""
        start, stop, side = self.part[axis], self.part[axis + 2], self.canvas[axis]
        return np.floor(start + (np.arange(side) + 0.5) * (stop - start) / side).astype(np.intp)
