"""Objects that stick out over the border, as a camera cuts off what isn't wholly in its view."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infgen.ops.boxes import Corners, Nearness, Placed, try_boxes
from infgen.ops.seeds import pick_by
from infgen.records.box import Box
from infgen.records.specs import ClassSpec

OUTSIDE_RANGE = (0.1, 0.6)  # share of a box beyond the border
SIDES = ("left", "right", "top", "bottom")


class CutOff(NamedTuple):
    """The border over which a box sticks out, and the `outside` share of it that is beyond."""

    side: str
    outside: float


def draw_cut_off(rng: np.random.Generator, cut_off_frac: float, spec: ClassSpec) -> CutOff | None:
    """Whether an object of the class is cut off, and where. Only at borders to which the range of
    its centres reaches."""
    die, which, share = rng.random(3).tolist()
    reached = (spec.x_range[0] <= 0, spec.x_range[1] >= 1, spec.y_range[0] <= 0,
               spec.y_range[1] >= 1)  # fmt: skip
    sides = [side for side, there in zip(SIDES, reached, strict=True) if there]
    if die >= cut_off_frac or not sides:
        return None
    low, high = OUTSIDE_RANGE
    return CutOff(sides[pick_by(which, len(sides))], low + share * (high - low))


def place_cut_off(
    rng: np.random.Generator,
    placed: Placed,
    spec: ClassSpec,
    canvas: tuple[int, int],
    cut: CutOff,
    near: Nearness | None = None,
) -> Box | None:
    """As Placed.place, for a box that sticks out over the border; what is on the canvas counts."""
    for box in try_boxes(rng, spec, canvas, near):
        pushed = push(box, cut, canvas)
        if placed.add(_on_canvas(pushed, canvas)):
            return Box(*pushed)
    return None


def push(box: Corners, cut: CutOff, canvas: tuple[int, int]) -> Corners:
    """A box on the canvas, moved straight over the border."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    if cut.side == "left":
        x0 = -cut.outside * width
    elif cut.side == "right":
        x0 = canvas[0] - (1 - cut.outside) * width
    elif cut.side == "top":
        y0 = -cut.outside * height
    else:
        y0 = canvas[1] - (1 - cut.outside) * height
    x0, y0 = round(x0, 2), round(y0, 2)
    return x0, y0, round(x0 + width, 2), round(y0 + height, 2)


def _on_canvas(box: Corners, canvas: tuple[int, int]) -> Corners:
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], canvas[0]), min(box[3], canvas[1])


def start_on(low: float, high: float, length: int, side: int) -> int:
    """Where something `length` pixels long starts that fills a box's extent from `low` to `high` as
    far as its shape lets it: in its middle, and inside the canvas's `side`. Where the box sticks
    out, the border divides both alike."""
    if low < 0:
        return round(low * length / (high - low))
    if high > side:
        return round(side - (side - low) * length / (high - low))
    return min(max(round((low + high) / 2 - length / 2), 0), side - length)
