"""What every row of AUGMENTS promises, whatever it does."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.cutouts import change_cutout
from infgen.ops.augment.picture import change_picture, paint
from infgen.ops.blend import premultiply
from infgen.records.plan import Change
from tests.ops.augment.drawing import SIZE, drawn, full, painted, piece_of, scenery, seeds

ROWS = sorted(AUGMENTS)
STILL = [  # that have values at which nothing changes
    name for name, row in AUGMENTS.items() if any(v.still is not None for v in row.values.values())
]


def square():
    return painted(np.array([(30, 20), (90, 20), (90, 70), (30, 70)], float))


@pytest.mark.parametrize("name", ROWS)
def test_a_row_does_one_thing_and_explains_itself(name):
    row = AUGMENTS[name]
    assert sum(part is not None for part in (row.matrix, row.hole, row.paint)) == 1
    assert len(row.help) > 8 and not row.help.endswith(".")
    for value in row.values.values():
        (low, high), (least, most) = value.usual, value.bounds
        assert least <= low <= high <= most or not value.key
        assert value.still is None or least <= value.still <= most


@pytest.mark.parametrize("name", ROWS)
@settings(max_examples=20)
@given(seed=seeds)
def test_drawn_values_lie_in_their_ranges_and_survive_json(name, seed):
    row, change = AUGMENTS[name], drawn(name, seed)
    assert list(change.values) == list(row.values)
    for key, value in change.values.items():
        low, high = row.values[key].usual
        assert low <= value <= high and type(value) in (int, float)
        assert isinstance(value, int) == row.values[key].whole
    again = msgspec.json.decode(msgspec.json.encode(change), type=Change)
    assert again == change
    before = scenery()
    assert (paint(before, [again]) == paint(before, [change])).all()


@pytest.mark.parametrize("name", ROWS)
def test_ranges_are_obeyed_and_take_as_many_dice(name):
    row = AUGMENTS[name]
    ranges = {key: (value.bounds[1], value.bounds[1]) for key, value in row.ranges.items()}
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    values, _ = row.draw(one, ranges), row.draw(other, {})
    assert one.random() == other.random()
    for key, value in values.items():
        if row.values[key].key:
            assert value == row.values[key].bounds[1]


@pytest.mark.parametrize("name", ROWS)
@settings(max_examples=20)
@given(seed=seeds)
def test_a_picture_keeps_its_shape_and_the_original_is_not_touched(name, seed):
    picture, change = scenery(), drawn(name, seed, "nearest")
    one = change_picture(picture, [piece_of(square())], [change], 0)
    other = change_picture(picture, [piece_of(square())], [change], 0)
    assert one.picture.shape == picture.shape and one.picture.dtype == np.uint8
    assert (one.picture == other.picture).all()
    assert not np.shares_memory(one.picture, picture)
    assert [full(piece).tobytes() for piece in one.pieces] == [
        full(piece).tobytes() for piece in other.pieces
    ]
    assert one.changes == (change,)


@pytest.mark.parametrize("name", ROWS)
def test_strong_values_change_the_picture(name):
    row = AUGMENTS[name]
    ranges = {key: (value.bounds[0], value.bounds[0]) for key, value in row.ranges.items()}
    if name in ("blur", "noise", "cutout"):  # whose lowest is nothing
        ranges = {key: (value.bounds[1], value.bounds[1]) for key, value in row.ranges.items()}
    change = drawn(name, 2, "wrap", **ranges)
    assert (change_picture(scenery(), [], [change], 0).picture != scenery()).any()


@pytest.mark.parametrize("name", STILL)
@settings(max_examples=20)
@given(seed=seeds)
def test_values_that_change_nothing_leave_every_byte(name, seed):
    values = AUGMENTS[name].milder(drawn(name, seed).values, 0)
    done = change_picture(scenery(), [piece_of(square())], [Change(name, values, "")], 1)
    assert (done.picture == scenery()).all()
    assert (full(done.pieces[0]) == square()).all() and done.pieces[0].share == 1


@pytest.mark.parametrize("name", [name for name, row in AUGMENTS.items() if row.paint])
@settings(max_examples=20)
@given(seed=seeds)
def test_colours_leave_masks_alone(name, seed):
    before = piece_of(square())
    assert change_picture(scenery(), [before], [drawn(name, seed)], 1).pieces == (before,)


@pytest.mark.parametrize("name", [n for n, row in AUGMENTS.items() if row.objects and row.paint])
@settings(max_examples=20)
@given(seed=seeds)
def test_cutouts_stay_premultiplied_and_keep_their_outline(name, seed):
    patch = premultiply(scenery((40, 30), channels=4))
    ids = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    changed, moved, margin = change_cutout(patch, [drawn(name, seed)], None, ids)
    assert changed.dtype == np.uint8 and moved is not None
    assert changed.shape[:2] == moved.shape == (30 + 2 * margin, 40 + 2 * margin)
    assert (changed[..., :3] <= changed[..., 3:]).all()
    inner = np.s_[margin : 30 + margin, margin : 40 + margin]
    assert (moved[inner] == ids).all() and np.count_nonzero(moved) == np.count_nonzero(ids)
    if name != "blur":
        assert margin == 0 and (changed[..., 3] == patch[..., 3]).all()


def test_a_hole_in_an_object_is_a_hole_and_its_ids_follow():
    patch, ids = premultiply(np.full((40, 60, 4), 255, np.uint8)), np.ones((40, 60), np.uint8)
    change = Change("cutout", {"share": 0.25, "stretch": 1, "x": 0, "y": 1, "level": 9})
    changed, moved, _ = change_cutout(patch, [change], None, ids)
    gone = np.zeros((40, 60), bool)
    gone[20:, :30] = True
    assert (changed[gone] == 0).all() and (changed[~gone] == 255).all()
    assert ((moved == 0) == gone).all() and (patch == 255).all()


def test_colours_do_what_they_are_called():
    grey = np.full((2, 2, 3), 100, np.uint8)
    red = np.full((2, 2, 3), (200, 40, 40), np.uint8)

    def after(picture, name, **values):
        return paint(picture, [Change(name, values)])[0, 0].tolist()

    assert after(grey, "brightness", levels=20) == [120, 120, 120]
    assert after(grey, "brightness", levels=-120) == [0, 0, 0]
    assert after(grey, "channel_shift", red=10, green=-10, blue=0) == [110, 90, 100]
    assert after(grey, "contrast", factor=2) == [72, 72, 72]
    assert after(grey, "gamma", power=2) == [39, 39, 39]
    assert after(grey, "hue", degrees=77) == [100, 100, 100]
    assert after(red, "saturation", factor=0) == [74, 74, 74]
    turned = after(red, "hue", degrees=120)
    assert turned[1] == max(turned) and turned[0] < 100


def test_noise_is_as_strong_as_it_says_and_blur_makes_it_smooth():
    grey = np.full((300, 300, 3), 128, np.uint8)
    noisy = paint(grey, [Change("noise", {"strength": 10, "x": 0.3, "y": 0.8})])
    assert noisy.astype(float).std() == pytest.approx(10, rel=0.03)
    assert noisy.mean() == pytest.approx(128, abs=0.2)
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.02
    assert paint(noisy, [Change("blur", {"sigma": 1.5})]).astype(float).std() < 3


def test_the_hidden_rectangle_is_as_large_as_asked_and_inside():
    for seed in range(50):
        change = drawn("cutout", seed, share=(0.1, 0.1))
        hidden = (paint(scenery(), [change]) != scenery()).any(axis=2)
        assert np.count_nonzero(hidden) == pytest.approx(0.1 * SIZE[0] * SIZE[1], rel=0.06)
