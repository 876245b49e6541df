"""Objects that the border cuts off: as many and as much as was asked, and nowhere else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.boxes import Placed
from infgen.ops.seeds import stream
from infgen.ops.truncation import OUTSIDE_RANGE, SIDES, CutOff, place_cut_off, push, start_on
from infgen.records.box import Box
from infgen.records.specs import LevelSize, RangeSize
from tests.asked import a_class, background, pictures, pixels, planner

CANVAS = (320, 240)
EVERYTHING = Box(0, 0, *CANVAS)


def plans(**settings):
    one = planner(background(300, *pictures(5)), a_class("coin", (1, 3)), CANVAS, **settings)
    return [one.plan(index) for index in range(one.count)]


def cut_off(thing):
    return thing.box.intersect(EVERYTHING) != thing.box


boxes = st.tuples(st.floats(0, 200), st.floats(0, 150), st.floats(1, 120), st.floats(1, 90))


@given(boxes, st.sampled_from(SIDES), st.floats(*OUTSIDE_RANGE))
def test_a_pushed_box_has_its_share_outside_and_its_size(box, side, outside):
    x, y, width, height = box
    before = (x, y, x + width, y + height)
    pushed = Box(*push(before, CutOff(side, outside), CANVAS))
    assert (pushed.width, pushed.height) == pytest.approx((width, height), abs=0.02)
    inside = pushed.intersect(EVERYTHING)
    assert inside is not None
    across = (
        inside.width / pushed.width if side in ("left", "right") else inside.height / pushed.height
    )
    assert across == pytest.approx(1 - outside, abs=0.03)
    moved = [abs(a - b) > 0.01 for a, b in zip(pushed.xyxy, before, strict=True)]
    assert not any(moved[1::2] if side in ("left", "right") else moved[0::2])


@given(st.floats(-50, 300), st.floats(1, 100), st.integers(1, 100))
def test_what_fills_a_box_is_divided_by_the_border_as_the_box_is(low, extent, length):
    high, side = low + extent, 320
    start = start_on(low, high, min(length, 320), side)
    if low < 0:
        assert abs(-start / length - -low / extent) * length <= 0.51
    elif high > side:
        assert abs((side - start) / length - (side - low) / extent) * length <= 0.51
    else:
        assert 0 <= start <= side - length


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_that_share_of_the_pasted_objects_sticks_out(share):
    things = [thing for plan in plans(cut_off_frac=share) for thing in plan.objects]
    assert np.mean([cut_off(thing) for thing in things]) == pytest.approx(share, abs=0.05)
    sides = {
        (thing.box.x0 < 0, thing.box.y0 < 0, thing.box.x1 > 320, thing.box.y1 > 240)
        for thing in things
        if cut_off(thing)
    }
    assert len(sides) == 4 and all(sum(side) == 1 for side in sides)
    for thing in filter(cut_off, things):
        inside = thing.box.intersect(EVERYTHING)
        assert 0.39 <= inside.area / thing.box.area <= 0.91


def test_none_does_by_default_nor_where_objects_are_inpainted():
    assert not any(cut_off(thing) for plan in plans() for thing in plan.objects)
    painted = plans(cut_off_frac=1.0, method="inpaint")
    assert painted == plans(method="inpaint")
    one = planner(background(9, *pictures(5)), a_class(), method="inpaint", cut_off_frac=1.0)
    assert any("inpainted ones stay inside" in note for note in one.notes)


def test_classes_stay_away_from_borders_that_their_places_do_not_reach():
    low = a_class("grass", (1, 2), y_range=(0.5, 1.0), x_range=(0.2, 0.8))
    middle = a_class("sun", (1, 2), y_range=(0.1, 0.4), x_range=(0.2, 0.8))
    one = planner(background(100), (low, middle), CANVAS, cut_off_frac=1.0)
    for index in range(one.count):
        for thing in one.plan(index).objects:
            assert cut_off(thing) == (thing.class_id == 0)
            assert thing.box.x0 >= 0 and thing.box.y0 >= 0 and thing.box.x1 <= 320


def test_overlap_is_bounded_by_what_is_on_the_canvas():
    for plan in plans(cut_off_frac=0.5, max_overlap=0.0):
        boxes = [thing.box.intersect(EVERYTHING) for thing in plan.objects]
        assert not any(a.intersect(b) for a in boxes for b in boxes if a is not b)


def test_a_cut_off_object_keeps_its_level_where_it_is_crowded():
    """As one inside does: drawn anew at each try, the small level would take every place."""
    small, large = (RangeSize(pixels(side, side), pixels(side, side)) for side in (4, 95))
    asked = a_class(size=LevelSize((small, large)))
    sizes = Counter()
    for seed in range(300):
        placed = Placed(0.0)
        placed.put((0, 0, 50, 104))  # no room for a large one that sticks out at the top
        box = place_cut_off(stream(seed, 0, "test"), placed, asked, (104, 104), CutOff("top", 0.3))
        sizes[None if box is None else round(box.height)] += 1
    assert set(sizes) == {None, 4} and 110 < sizes[4] < 190
