"""Semi-random boxes: sizes and places drawn within a class's ranges, inside the canvas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from infgen.records.box import Box
from infgen.records.specs import AspectSize, ClassSpec, LevelSize, RangeSize

LONGER_SIDE_RANGE = (1 / 4, 1 / 2)  # of the canvas's shorter side, for sizes by aspect ratio
TRIES = 64  # boxes drawn for an object before it is given up
_SLACK = 1e-6  # pixels, or square pixels, by which float arithmetic may miss an exact fit

LOOSENESS = 0.25  # share of a size range that stays to the dice where the depth is known
SETTLING = 3  # rounds in which a box's size and the depth at its foot agree

Nearness = Callable[[float, float], float]  # from x, y on the canvas to 0 (far) .. 1 (near)
Corners = tuple[float, float, float, float]  # xyxy, of a box that is only tried


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


def try_boxes(
    rng: np.random.Generator,
    spec: ClassSpec,
    canvas: tuple[int, int],
    near: Nearness | None = None,
) -> Iterator[Corners]:
    """Boxes for one object of the class, inside `canvas` = (width, height), in pixels with two
    decimals: as many as TRIES give.

    Sizes too large for a centre within the placement range are never drawn; none comes if every
    size is, or every size of the aspect ratio or level drawn. All tries are of one level: drawn
    anew, small ones would win where it is crowded. Where it is known how `near` places are, the
    size goes by that of the box's foot, and only a little by the dice.
    """
    size = spec.size
    for _ in range(TRIES):
        dice = rng.random(4).tolist()
        size, dice[0] = draw_level(size, dice[0])
        box = _box(size, spec, canvas, dice, near)
        if box is not None:
            yield box


def draw_level(
    size: AspectSize | RangeSize | LevelSize, die: float
) -> tuple[AspectSize | RangeSize, float]:
    """One of a size's levels, all alike likely, and a die that is as good as new. What has no
    levels stays as it is, and so does its die: levels take no dice of their own."""
    if not isinstance(size, LevelSize):
        return size, die
    level, rest = divmod(die * len(size.levels), 1)
    return size.levels[int(level)], rest


def _box(
    size: AspectSize | RangeSize,
    spec: ClassSpec,
    canvas: tuple[int, int],
    dice: list[float],
    near: Nearness | None,
) -> Corners | None:
    """The box that four dice make, of this size at the class's places."""
    box = _box_of_dice(size, spec, canvas, dice)
    if near is None:
        return box
    first, second, *places = dice
    for _ in range(SETTLING):  # another size has its foot elsewhere
        if box is None:
            break
        at = near((box[0] + box[2]) / 2, box[3])
        ratio = first if isinstance(size, AspectSize) else _by_nearness(at, first)
        box = _box_of_dice(size, spec, canvas, [ratio, _by_nearness(at, second), *places])
    return box


def _by_nearness(near: float, die: float) -> float:
    """A die that mostly says how near a place is."""
    return min(max(near + LOOSENESS * (die - 0.5), 0.0), 1.0)


def _box_of_dice(
    size: AspectSize | RangeSize, spec: ClassSpec, canvas: tuple[int, int], dice: list[float]
) -> Corners | None:
    first, second, *places = dice
    centers = (spec.x_range, spec.y_range)
    most = [_longest(side, center) for side, center in zip(canvas, centers, strict=True)]
    if isinstance(size, RangeSize):
        lengths = _draw_ranges(size, canvas, most, (first, second))
    else:
        lengths = _draw_aspect(size, canvas, most, (first, second))
    if lengths is None:
        return None
    x0, x1 = _put(lengths[0], canvas[0], spec.x_range, places[0])
    y0, y1 = _put(lengths[1], canvas[1], spec.y_range, places[1])
    return x0, y0, x1, y1


def _longest(side: int, center_range: tuple[float, float]) -> float:
    """The greatest length with which a box can be centred in the range and stay on the canvas."""
    low, high = center_range
    return 2 * side * min(high, 1 - low, 0.5)


def _draw_ranges(
    size: RangeSize, canvas: tuple[int, int], most: list[float], dice: tuple[float, float]
) -> tuple[float, float] | None:
    (width_min, width_max), (height_min, height_max) = size_ranges(size, canvas)
    width_max, height_max = min(width_max, most[0]), min(height_max, most[1])
    if width_max < width_min - _SLACK or height_max < height_min - _SLACK:
        return None
    return (
        width_min + dice[0] * (width_max - width_min),
        height_min + dice[1] * (height_max - height_min),
    )


def _draw_aspect(
    size: AspectSize, canvas: tuple[int, int], most: list[float], dice: tuple[float, float]
) -> tuple[float, float] | None:
    """Aspect ratios are even on a log scale, so that 1:2 is as likely as 2:1."""
    low, high = size.ratio_range
    ratio = low * (high / low) ** dice[0]
    width, height = min(1, ratio), min(1, 1 / ratio)  # of the longer side
    shortest, longest = (frac * min(canvas) for frac in LONGER_SIDE_RANGE)
    longest = min(longest, most[0] / width, most[1] / height)
    if longest < shortest - _SLACK:
        return None
    longer = shortest + dice[1] * (longest - shortest)
    return width * longer, height * longer


def _put(
    length: float, side: int, center_range: tuple[float, float], die: float
) -> tuple[float, float]:
    """(start, stop) on an axis of `side` pixels; the length is one that fits the range."""
    low = max(length / 2, center_range[0] * side)
    high = min(side - length / 2, center_range[1] * side)
    start = low + die * (high - low) - length / 2
    length = min(max(round(length, 2), 0.01), float(side))
    start = round(min(max(start, 0.0), side - length), 2)
    return start, round(start + length, 2)


class Placed:
    """The boxes put down so far on one canvas, and how much of each may still be covered."""

    def __init__(self, max_overlap: float):
        self._max_overlap = max_overlap
        self._boxes: list[Corners] = []
        self._coverable: list[float] = []  # square pixels

    def place(
        self,
        rng: np.random.Generator,
        spec: ClassSpec,
        canvas: tuple[int, int],
        near: Nearness | None = None,
    ) -> Box | None:
        """Draw boxes of the class until one can be put down; None if none of TRIES could."""
        boxes = try_boxes(rng, spec, canvas, near)
        return next((Box(*box) for box in boxes if self.add(box)), None)

    def add(self, box: Corners) -> bool:
        """Put a box down on top of the others, unless one of them would be covered to more than
        `max_overlap` of its area; says whether it was.

        Cover is added up box by box, which counts twice where later boxes overlap each other: the
        bound always holds.
        """
        x0, y0, x1, y1 = box
        covered = []
        for number, (left, top, right, bottom) in enumerate(self._boxes):
            if x0 < right and left < x1 and y0 < bottom and top < y1:
                common = (min(x1, right) - max(x0, left)) * (min(y1, bottom) - max(y0, top))
                if common > self._coverable[number] + _SLACK:
                    return False
                covered.append((number, common))
        for number, common in covered:
            self._coverable[number] -= common
        self.put(box)
        return True

    def put(self, box: Corners) -> None:
        """Put a box down whatever it covers."""
        x0, y0, x1, y1 = box
        self._boxes.append(box)
        area = (x1 - x0) * (y1 - y0)
        self._coverable.append(self._max_overlap * area if self._max_overlap < 1 else math.inf)
