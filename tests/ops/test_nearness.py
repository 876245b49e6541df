"""Sizes that go by depth: places are those of the picture behind, sizes stay within the ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.boxes import try_boxes
from infgen.ops.nearness import MOST_SIDE, nearness_map, nearness_on
from infgen.ops.seeds import stream
from infgen.records.plan import BackgroundPlan
from infgen.records.specs import AspectSize, ClassSpec, Length, RangeSize

CANVAS = (120, 90)
RANGE = RangeSize((Length(10), Length(50)), (Length(8), Length(40)))


def spec(size, **more):
    return ClassSpec(line=2, name="a", prompt="a", appear_range=(1, 1), size=size, **more)


@given(
    st.integers(0, 40), st.integers(0, 30), st.booleans(), st.integers(0, 119), st.integers(0, 89)
)
def test_a_place_is_as_near_as_the_picture_is_there(dx, dy, flip, x, y):
    picture = np.arange(120 * 160, dtype=np.float64).reshape(120, 160) % 251
    near = picture.astype(np.uint8)  # as large as the picture, so that every pixel has its own
    plan = BackgroundPlan(0, 0, "p", scaled_size=(160, 120), offset=(dx, dy), flip=flip)
    window = near[dy : dy + 90, dx : dx + 120]
    seen = window[:, ::-1] if flip else window
    assert nearness_on(near, plan, CANVAS)(x + 0.5, y + 0.5) == seen[y, x] / 255


@given(st.integers(0, 500), st.floats(0, 1))
def test_sizes_stay_within_their_ranges_wherever_they_are(index, level):
    for size in (RANGE, AspectSize((0.5, 2.0))):
        box = next(try_boxes(stream(1, index, "t"), spec(size), CANVAS, lambda x, y: level))
        x0, y0, x1, y1 = box
        assert 0 <= x0 < x1 <= CANVAS[0] and 0 <= y0 < y1 <= CANVAS[1]
        if size is RANGE:
            assert 9.99 < x1 - x0 < 50.01 and 7.99 < y1 - y0 < 40.01  # to two decimals
        else:
            assert 0.49 <= (x1 - x0) / (y1 - y0) <= 2.05


def test_what_is_nearer_is_larger():
    def slope(x, y):  # the further down, the nearer
        return y / CANVAS[1]

    boxes = [next(try_boxes(stream(1, i, "t"), spec(RANGE), CANVAS, slope)) for i in range(400)]
    feet = [box[3] for box in boxes]
    assert np.corrcoef(feet, [box[2] - box[0] for box in boxes])[0, 1] > 0.9
    loose = [next(try_boxes(stream(1, i, "t"), spec(RANGE), CANVAS)) for i in range(400)]
    assert np.corrcoef([b[3] for b in loose], [b[2] - b[0] for b in loose])[0, 1] < 0.4


def test_dice_are_the_same_with_and_without_depth():
    one, other = stream(1, 3, "t"), stream(1, 3, "t")
    next(try_boxes(one, spec(RANGE), CANVAS))
    next(try_boxes(other, spec(RANGE), CANVAS, lambda x, y: 0.7))
    assert one.random() == other.random()


@pytest.mark.parametrize("metric", [False, True])
def test_maps_are_small_and_grow_towards_the_camera(metric):
    ramp = np.repeat(np.linspace(1, 9, 600, dtype=np.float32)[:, None], 900, 1)
    near = nearness_map(ramp, metric)
    assert near.shape == (32, MOST_SIDE) and near.dtype == np.uint8
    lighter = near[:, 0].astype(int)
    assert (np.diff(lighter) <= 0).all() if metric else (np.diff(lighter) >= 0).all()
    assert {int(near.min()), int(near.max())} == {0, 255}


def test_a_flat_wall_is_halfway_everywhere():
    assert (nearness_map(np.full((30, 20), 3, np.float32), False) == 128).all()
