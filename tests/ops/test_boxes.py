"""Boxes inside the canvas and within what the class asks for, and never covered too much."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infgen.ops.boxes import TRIES, Placed, size_ranges, smallest_size, try_boxes
from infgen.ops.seeds import stream
from infgen.records.specs import AspectSize, LevelSize, RangeSize
from tests.asked import a_class, aspect, percent, pixels

ROUNDED = 0.0051  # boxes have two decimals
EVERYWHERE = (0.0, 1.0)

sides = st.one_of(st.sampled_from([16, 17, 480, 767, 16384]), st.integers(16, 16384))
canvases = st.tuples(sides, sides)
seeds = st.integers(0, 2**32)


@st.composite
def ordered(draw, low, high):
    return tuple(sorted((draw(st.floats(low, high)), draw(st.floats(low, high)))))


@st.composite
def length_ranges(draw, side):
    """A pair of Lengths of at least a pixel and at most `side` pixels."""
    if draw(st.booleans()):
        return percent(*draw(ordered(100 / side, 100)))
    return pixels(*draw(ordered(1, side)))


@st.composite
def range_classes(draw, canvas):
    size = RangeSize(draw(length_ranges(canvas[0])), draw(length_ranges(canvas[1])))
    return a_class(size=size, x_range=draw(ordered(0, 1)), y_range=draw(ordered(0, 1)))


@st.composite
def aspect_classes(draw):
    low, high = draw(ordered(-3, 3))
    size = aspect(math.exp(low), math.exp(high))
    return a_class(size=size, x_range=draw(ordered(0, 1)), y_range=draw(ordered(0, 1)))


def draws(spec, canvas, seed=0, count=8):
    rng = stream(seed, 0, "test")
    return [next(try_boxes(rng, spec, canvas), None) for _ in range(count)]


def array(boxes):
    """(n, 4) of those that were drawn."""
    return np.array([box for box in boxes if box is not None]).reshape(-1, 4)


def assert_in_place(boxes, spec, canvas):
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= canvas).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes == boxes.round(2)).all()
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    for axis, (low, high) in enumerate((spec.x_range, spec.y_range)):
        assert (centers[:, axis] >= low * canvas[axis] - 2 * ROUNDED).all()
        assert (centers[:, axis] <= high * canvas[axis] + 2 * ROUNDED).all()


@given(st.data(), canvases, seeds)
def test_width_and_height_ranges_are_kept_on_any_canvas(data, canvas, seed):
    spec = data.draw(range_classes(canvas))
    boxes = array(draws(spec, canvas, seed))
    assert_in_place(boxes, spec, canvas)
    lengths = boxes[:, 2:] - boxes[:, :2]
    for axis, (low, high) in enumerate((spec.size.width_range, spec.size.height_range)):
        assert (lengths[:, axis] >= low.pixels(canvas[axis]) - ROUNDED).all()
        assert (lengths[:, axis] <= high.pixels(canvas[axis]) + ROUNDED).all()


@given(st.data(), canvases, seeds)
def test_a_box_is_drawn_exactly_when_the_smallest_one_has_room(data, canvas, seed):
    spec = data.draw(range_classes(canvas))
    ranges = (spec.x_range, spec.y_range)
    margins = [
        min(high * side, side - low * side) - length / 2
        for (low, high), side, length in zip(
            ranges, canvas, smallest_size(spec.size, canvas), strict=True
        )
    ]
    assume(all(abs(margin) > 1e-3 for margin in margins))
    assert all((box is not None) == (min(margins) > 0) for box in draws(spec, canvas, seed))


@given(st.data(), canvases, seeds)
def test_aspect_ratios_are_kept_on_any_canvas(data, canvas, seed):
    spec = data.draw(aspect_classes())
    boxes = array(draws(spec, canvas, seed))
    assert_in_place(boxes, spec, canvas)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    longer = np.maximum(width, height)
    assert (longer >= min(canvas) / 4 - ROUNDED).all()
    assert (longer <= min(canvas) / 2 + ROUNDED).all()
    low, high = spec.size.ratio_range
    assert (width + ROUNDED >= low * (height - ROUNDED)).all()
    assert (width - ROUNDED <= high * (height + ROUNDED)).all()


@given(aspect_classes(), canvases, seeds)
def test_a_centre_anywhere_leaves_room_for_every_aspect_ratio(spec, canvas, seed):
    free = a_class(size=spec.size)
    assert None not in draws(free, canvas, seed)


@given(st.data(), canvases)
def test_size_ranges_are_what_is_drawn(data, canvas):
    """The CSV reader judges rows by these."""
    spec = data.draw(st.one_of(range_classes(canvas), aspect_classes()))
    ranges = size_ranges(spec.size, canvas)
    assert smallest_size(spec.size, canvas) == (ranges[0][0], ranges[1][0])
    boxes = array(draws(a_class(size=spec.size), canvas))
    for axis, (low, high) in enumerate(ranges):
        lengths = boxes[:, axis + 2] - boxes[:, axis]
        assert (lengths >= low - ROUNDED).all() and (lengths <= high + ROUNDED).all()


def test_a_fixed_size_at_a_fixed_place_is_exactly_that():
    spec = a_class(size=RangeSize(pixels(30, 30), percent(50, 50)), x_range=(0.25, 0.25),
                   y_range=(0.5, 0.5))  # fmt: skip
    assert set(draws(spec, (200, 80))) == {(35.0, 20.0, 65.0, 60.0)}


def test_a_box_as_large_as_the_canvas_fits():
    spec = a_class(size=RangeSize(percent(100, 100), pixels(77, 77)))
    assert set(draws(spec, (123, 77))) == {(0.0, 0.0, 123.0, 77.0)}


def test_rounding_pushes_no_box_over_the_edge():
    for step in range(400):
        length = 30 + step / 1000
        spec = a_class(size=RangeSize(pixels(length, length), percent(5, 5)),
                       x_range=(1 - length / 200, 1))  # fmt: skip
        for box in draws(spec, (100, 100), seed=step, count=2):
            assert 99.98 <= box[2] <= 100


def spread(values, low, high):
    """Asserts that values fill low..high about evenly: quartiles within 5 % of the range."""
    quartiles = np.quantile((np.asarray(values) - low) / (high - low), [0, 0.25, 0.5, 0.75, 1])
    assert quartiles == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.05)


def test_widths_heights_and_places_fill_their_ranges():
    spec = a_class(size=RangeSize(pixels(20, 60), percent(10, 30)), x_range=(0.2, 0.9))
    x0, y0, x1, y1 = array(draws(spec, (1000, 500), count=4000)).T
    spread(x1 - x0, 20, 60)
    spread(y1 - y0, 50, 150)
    spread((x0 + x1) / 2, 200, 900)
    spread(y0 / (500 - (y1 - y0)), 0, 1)  # any height reaches from the top to the bottom


def test_upright_and_lying_shapes_are_equally_likely():
    x0, y0, x1, y1 = array(draws(a_class(size=aspect(0.25, 4)), (640, 480), count=4000)).T
    spread(np.log((x1 - x0) / (y1 - y0)), math.log(0.25), math.log(4))
    spread(np.maximum(x1 - x0, y1 - y0), 120, 240)


def test_a_narrow_band_takes_the_sizes_that_fit_and_gives_up_on_none():
    """Horizon objects: only heights up to 22 % can be centred in the top 11 %, and widths alike."""
    band = a_class(size=RangeSize(percent(20, 100), percent(20, 100)), x_range=(0, 0.11),
                   y_range=(0.89, 1))  # fmt: skip
    boxes = draws(band, (1000, 1000), count=2000)
    assert None not in boxes
    spread(array(boxes)[:, 2] - array(boxes)[:, 0], 200, 220)
    ratios = a_class(size=AspectSize((1.0, 1.0)), y_range=(0, 0.13))
    boxes = draws(ratios, (1000, 1000), count=2000)
    assert None not in boxes
    spread(array(boxes)[:, 3] - array(boxes)[:, 1], 250, 260)


def test_a_place_without_room_gives_no_box():
    assert draws(a_class(size=RangeSize(pixels(50, 60), pixels(5, 6)), x_range=(0, 0.2)),
                 (100, 100), count=4) == [None] * 4  # fmt: skip
    assert draws(a_class(size=AspectSize((1.0, 1.0)), y_range=(0, 0.1)), (100, 100)) == [None] * 8


# ---- Placed --------------------------------------------------------------------------------------

GRID = 24


@st.composite
def grid_boxes(draw):
    x0, y0 = draw(st.integers(0, GRID - 1)), draw(st.integers(0, GRID - 1))
    x1, y1 = draw(st.integers(x0 + 1, GRID)), draw(st.integers(y0 + 1, GRID))
    return (float(x0), float(y0), float(x1), float(y1))


def painted(boxes):
    """(GRID, GRID) bool: the union of the boxes."""
    mask = np.zeros((GRID, GRID), bool)
    for x0, y0, x1, y1 in boxes:
        mask[int(y0) : int(y1), int(x0) : int(x1)] = True
    return mask


@given(st.lists(grid_boxes(), min_size=2, max_size=14), st.sampled_from([0.0, 0.1, 0.3, 0.7, 0.95]))
def test_no_box_is_covered_beyond_the_bound_and_none_is_refused_for_less(boxes, max_overlap):
    placed, kept = Placed(max_overlap), []
    for box in boxes:
        below = [(painted([old]), [(painted([new]) & painted([old])).sum()
                                   for new in [*kept[number + 1 :], box]])
                 for number, old in enumerate(kept)]  # fmt: skip
        too_much = any(sum(shares) > max_overlap * old.sum() + 1e-6 for old, shares in below)
        assert placed.add(box) == (not too_much)
        kept += [box] * (not too_much)
    for number, box in enumerate(kept):
        mine, later = painted([box]), painted(kept[number + 1 :])
        assert (mine & later).sum() <= max_overlap * mine.sum() + 1e-6


@given(st.lists(grid_boxes(), max_size=20))
def test_an_overlap_of_1_allows_anything(boxes):
    placed = Placed(1.0)
    assert all(placed.add(box) for box in boxes + boxes)


@given(seeds)
def test_an_overlap_of_0_keeps_boxes_apart(seed):
    placed, rng = Placed(0.0), stream(seed, 0, "test")
    spec = a_class(size=RangeSize(percent(5, 40), percent(5, 40)))
    boxes = [box for _ in range(12) if (box := placed.place(rng, spec, (300, 200)))]
    assert len(boxes) >= 4
    assert all(a.intersect(b) is None for a in boxes for b in boxes if a is not b)


def test_the_bound_is_on_the_box_below_not_on_the_one_above():
    assert Placed(0.3).add((0.0, 0.0, 100.0, 100.0))
    small_on_large, large_on_small = Placed(0.3), Placed(0.3)
    assert small_on_large.add((0.0, 0.0, 100.0, 100.0))
    assert small_on_large.add((10.0, 10.0, 20.0, 20.0))
    assert large_on_small.add((10.0, 10.0, 20.0, 20.0))
    assert not large_on_small.add((0.0, 0.0, 100.0, 100.0))


class CountingDice:
    def __init__(self):
        self.thrown, self._rng = 0, stream(0, 0, "test")

    def random(self, count):
        self.thrown += 1
        return self._rng.random(count)


def test_a_full_canvas_is_given_up_after_bounded_tries():
    placed, dice = Placed(0.3), CountingDice()
    whole = a_class(size=RangeSize(percent(100, 100), percent(100, 100)))
    assert placed.place(dice, whole, (64, 64)).xyxy == (0, 0, 64, 64)
    assert dice.thrown == 1
    assert placed.place(dice, whole, (64, 64)) is None
    assert dice.thrown == 1 + TRIES


def test_the_last_gap_is_found():
    """Twelve of sixteen cells are taken; a cell-sized box still finds one of the four."""
    placed = Placed(0.0)
    for number in range(12):
        x, y = 25.0 * (number % 4), 25.0 * (number // 4)
        assert placed.add((x, y, x + 25, y + 25))
    cell = a_class(size=RangeSize(percent(20, 20), percent(20, 20)))
    assert placed.place(stream(1, 0, "test"), cell, (100, 100)).y0 >= 75


# ---- levels --------------------------------------------------------------------------------------


def levels(*sides):
    return LevelSize(tuple(RangeSize(pixels(side, side + 9), pixels(side, side)) for side in sides))


def heights(boxes):
    return [round(box[3] - box[1]) for box in boxes]


@pytest.mark.parametrize("sides", [(20, 50), (10, 30, 60), (10, 20, 30, 40, 50, 60, 70)])
def test_levels_are_drawn_alike_often_and_filled_evenly(sides):
    boxes = draws(a_class(size=levels(*sides)), (200, 200), count=7000)
    drawn = Counter(heights(boxes))
    assert set(drawn) == set(sides)
    assert all(abs(count - 7000 / len(sides)) < 0.2 * 7000 / len(sides) for count in drawn.values())
    more = [box[2] - box[0] - height for box, height in zip(boxes, heights(boxes), strict=True)]
    assert min(more) < 0.2 and max(more) > 8.8 and np.mean(more) == pytest.approx(4.5, abs=0.2)


def test_levels_take_no_dice_of_their_own():
    one = stream(3, 0, "test")
    other = stream(3, 0, "test")
    Placed(1.0).place(one, a_class(size=levels(10, 20, 30)), (99, 99))
    Placed(1.0).place(other, a_class(), (99, 99))
    assert one.random() == other.random()


def test_an_object_keeps_its_level_where_it_is_crowded():
    """Drawn anew at each try, the small level would fill the canvas, and the large one vanish."""
    asked = a_class(size=levels(4, 95))
    sizes = Counter()
    for seed in range(300):
        placed = Placed(0.0)
        placed.put((0, 0, 40, 40))  # no room for the large one
        box = placed.place(stream(seed, 0, "test"), asked, (104, 104))
        sizes[None if box is None else round(box.height)] += 1
    assert set(sizes) == {None, 4} and 110 < sizes[4] < 190
