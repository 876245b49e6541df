"""Semi-random boxes: sizes and places drawn within a class's ranges, inside the canvas."""

from __future__ import annotations

import math

import numpy as np

from infgen.records.box import Box
from infgen.records.specs import AspectSize, ClassSpec, RangeSize

LONGER_SIDE_RANGE = (1 / 4, 1 / 2)  # of the canvas's shorter side, for sizes by aspect ratio
TRIES = 64  # candidates per object before it is given up


def smallest_size(size: AspectSize | RangeSize, canvas: tuple[int, int]) -> tuple[float, float]:
    """The least (width, height) in pixels that a size spec can ask for on `canvas`."""
    (width, _), (height, _) = size_ranges(size, canvas)
    return width, height


def size_ranges(
    size: AspectSize | RangeSize, canvas: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """((width min, max), (height min, max)) in pixels on `canvas` = (width, height)."""
    if isinstance(size, RangeSize):
        low, high = size.width_range
        short, tall = size.height_range
        width, height = canvas
        return (low.pixels(width), high.pixels(width)), (short.pixels(height), tall.pixels(height))
    least, most = (frac * min(canvas) for frac in LONGER_SIDE_RANGE)
    lowest, highest = size.ratio_range
    return (
        (least * min(1, lowest), most * min(1, highest)),
        (least * min(1, 1 / highest), most * min(1, 1 / lowest)),
    )


def draw_sizes(
    rng: np.random.Generator, size: AspectSize | RangeSize, canvas: tuple[int, int], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """`count` widths and heights in pixels, float64 of shape (count,).

    Aspect ratios are drawn evenly on a log scale, so that 1:2 is as likely as 2:1.
    """
    if isinstance(size, RangeSize):
        widths, heights = size_ranges(size, canvas)
        return rng.uniform(*widths, count), rng.uniform(*heights, count)
    longer = rng.uniform(*LONGER_SIDE_RANGE, count) * min(canvas)
    low, high = map(math.log, size.ratio_range)
    ratio = np.exp(rng.uniform(low, high, count))
    return longer * np.minimum(1, ratio), longer * np.minimum(1, 1 / ratio)


def draw_boxes(
    rng: np.random.Generator, spec: ClassSpec, canvas: tuple[int, int], count: int = TRIES
) -> np.ndarray:
    """Candidate boxes of a class: (n, 4) xyxy float64, n <= count, all inside `canvas`.

    Sizes for which the placement range leaves no room are left out. Coordinates have two decimals.
    """
    edges = []
    sizes = draw_sizes(rng, spec.size, canvas, count)
    for length, side, centers in zip(sizes, canvas, (spec.x_range, spec.y_range), strict=True):
        length = np.minimum(length, side)
        low = np.maximum(length / 2, centers[0] * side)
        high = np.minimum(side - length / 2, centers[1] * side)
        center = low + rng.random(count) * (high - low)
        center[high < low - 1e-9] = np.nan
        start = np.clip(np.round(center - length / 2, 2), 0, side - np.round(length, 2))
        edges.append((start, start + np.round(length, 2)))
    (x0, x1), (y0, y1) = edges
    boxes = np.round(np.stack([x0, y0, x1, y1], axis=1), 2)
    fits = np.isfinite(boxes).all(1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return boxes[fits]


class Placed:
    """The boxes put down so far on one canvas, and how much of each the later ones cover."""

    def __init__(self, max_overlap: float):
        self.max_overlap = max_overlap
        self._boxes = np.empty((0, 4))
        self._covered = np.empty(0)

    def place(self, candidates: np.ndarray) -> Box | None:
        """Take the first candidate that leaves every earlier box covered to at most `max_overlap`.

        Cover is added up box by box, so that where later boxes overlap each other it is
        overestimated: the bound always holds. Returns None when no candidate fits.
        """
        low = np.maximum(candidates[:, None, :2], self._boxes[:, :2])
        high = np.minimum(candidates[:, None, 2:], self._boxes[:, 2:])
        common = np.clip(high - low, 0, None).prod(-1)  # (candidates, placed)
        areas = (self._boxes[:, 2:] - self._boxes[:, :2]).prod(-1)
        allowed = (self._covered + common <= self.max_overlap * areas + 1e-9).all(1)
        if not allowed.any():
            return None
        chosen = int(allowed.argmax())
        self._covered = np.append(self._covered + common[chosen], 0.0)
        self._boxes = np.vstack([self._boxes, candidates[chosen]])
        return Box(*candidates[chosen].tolist())
