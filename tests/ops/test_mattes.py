"""Mattes inside what was denoised, and a canvas that keeps every bit outside of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.mattes import FEATHER_RANGE, feather_width, stitch, stitch_matte
from infgen.ops.seeds import stream
from infgen.ops.shapes import SHAPES, draw_shape, snap_outward, target_shape
from infgen.ops.windows import Window, context_window
from infgen.records.box import Box
from tests.ops.test_shapes import drawn, names, seeds
from tests.ops.test_windows import SMALL, asked, patient

cases = asked(st.integers(2, 250), SMALL)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def a_window(x=0, y=0, side=100, canvas=(300, 200), native=100):
    return Window(x, y, side, canvas, native, 4)


def disc(side, x, y, radius):
    rows, columns = np.mgrid[:side, :side] + 0.5
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


# ---- stitch_matte --------------------------------------------------------------------------------


@patient
@given(cases, names, seeds)
def test_a_matte_is_0_wherever_anything_of_a_pixel_was_not_denoised(case, name, seed):
    window = context_window(*case)
    shape = target_shape(window, case[0], drawn(name, seed))
    denoise = snap_outward(shape, window.cell)
    matte = stitch_matte(window, shape, feather_width(case[0]))
    rows, columns = window.place
    assert matte.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert matte.dtype == np.float32 and matte.min() >= 0 and matte.max() <= 1
    assert (matte[~window.covered(shape)] == 0).all()
    assert (matte[~window.covered(denoise)] == 0).all()
    assert (matte[window.covered(shape)] > 0).all()
    if window.covered(shape).any():
        assert matte.max() == 1


@patient
@given(names, seeds)
def test_the_object_is_pasted_whole(name, seed):
    """Opaque over the inscribed ellipse of the box, where things are."""
    box = Box(100, 80, 220, 170)
    window = context_window(box, (640, 480), 512, 8)
    shape = target_shape(window, box, drawn(name, seed))
    matte = stitch_matte(window, shape, feather_width(box))
    rows, columns = np.mgrid[window.place]
    x, y = box.center
    inside = ((columns + 0.5 - x) / 60) ** 2 + ((rows + 0.5 - y) / 45) ** 2 < 0.97
    assert matte[inside].min() > 0.9


@pytest.mark.parametrize("feather", [2.0, 5.0, 12.0])
def test_a_feather_has_its_width(feather):
    window = a_window(50, 50)
    matte = stitch_matte(window, disc(100, 50, 50, 45), feather)
    row = matte[50, :50]
    soft = np.count_nonzero((row > 0) & (row < 1))
    assert abs(soft - feather) <= 1
    assert (np.diff(row) >= -1e-6).all() and np.diff(row).max() <= 1.6 / feather


@pytest.mark.parametrize("side", [40, 100, 230])
def test_a_feather_is_counted_on_the_canvas(side):
    matte = stitch_matte(a_window(20, 30, side, (500, 400)), disc(100, 50, 50, 45), 6.0)
    row = matte[side // 2, : side // 2]
    assert abs(np.count_nonzero((row > 0) & (row < 1)) - 6) <= 1


def test_the_feather_goes_by_the_object_within_limits():
    low, high = FEATHER_RANGE
    assert feather_width(Box(0, 0, 10, 10)) == low
    assert feather_width(Box(0, 0, 100, 400), frac=0.05) == 10
    assert feather_width(Box(0, 0, 3000, 2000)) == high
    assert feather_width(Box(0, 0, 10, 10), frac=0.5, limits=(1.0, 3.0)) == 3


def test_small_things_are_opaque():
    for radius in (1, 2, 3, 8):
        assert stitch_matte(a_window(50, 50), disc(100, 50, 50, radius), 24.0).max() == 1


def test_nothing_fades_towards_a_border_of_the_canvas():
    room = np.zeros((100, 100), bool)
    room[:50, :60] = True
    corner = stitch_matte(a_window(0, 0), room, 10.0)
    assert (corner[:38, :48] == 1).all() and corner[0, 59] < 0.1 and corner[49, 0] < 0.1
    inside = stitch_matte(a_window(50, 50), room, 10.0)
    assert inside[0].max() < 0.1 and inside[:, 0].max() < 0.1
    flipped = stitch_matte(a_window(200, 100), room[::-1, ::-1].copy(), 10.0)
    assert (flipped == corner[::-1, ::-1]).all()


def test_a_canvas_denoised_whole_is_pasted_whole():
    window = a_window(0, 0, 100, (100, 100))
    assert (stitch_matte(window, np.ones((100, 100), bool), 10.0) == 1).all()


def test_nothing_denoised_nothing_pasted():
    assert not stitch_matte(a_window(), np.zeros((100, 100), bool), 10.0).any()


# ---- around a known object -----------------------------------------------------------------------


def test_around_a_known_object_the_matte_is_opaque_on_it_and_falls_from_there():
    thing, room = disc(100, 50, 50, 15), disc(100, 50, 50, 45)
    matte = stitch_matte(a_window(50, 50), room, 8.0, thing)
    assert (matte[thing] == 1).all()
    assert (np.diff(matte[50, 50:]) <= 1e-6).all()
    assert matte[50, 50 + 15 + 15] == 0 and 0 < matte[50, 50 + 15 + 8] < 1
    assert stitch_matte(a_window(50, 50), room, 8.0)[50, 50 + 15 + 15] == 1


@patient
@given(cases, names, seeds)
def test_a_known_object_changes_nothing_outside_of_what_was_denoised(case, name, seed):
    window = context_window(*case)
    denoise = snap_outward(target_shape(window, case[0], drawn(name, seed)), window.cell)
    rng = np.random.default_rng(seed)
    thing = disc(window.native, *rng.random(2) * window.native, rng.random() * window.native / 2)
    matte = stitch_matte(window, denoise, 5.0, thing)
    assert np.isfinite(matte).all() and matte.min() >= 0 and matte.max() <= 1
    assert (matte[~window.covered(denoise)] == 0).all()


def test_an_object_that_was_cut_off_fades_out_at_the_cut():
    thing, room = disc(100, 50, 50, 30), np.zeros((100, 100), bool)
    room[:, 30:] = True
    row = stitch_matte(a_window(50, 50), room, 8.0, thing)[50]
    assert row[29] == 0 and 0 < row[30] < row[31] < 1 and (row[33:80] == 1).all()


def test_near_the_end_of_the_room_the_matte_still_ends_softly():
    thing, room = disc(100, 50, 50, 25), disc(100, 50, 50, 45)
    matte = stitch_matte(a_window(50, 50), room, 100.0, thing)
    row = matte[50, 50:]
    assert (row[:35] == 1).all() and 0.4 < row[40] < 0.6 and 0 < row[44] < 0.1 and row[45] == 0
    assert -np.diff(row).min() < 0.2


def test_an_empty_object_counts_as_unknown():
    room = disc(100, 50, 50, 40)
    empty = np.zeros_like(room)
    matte = stitch_matte(a_window(50, 50), room, 8.0, empty)
    assert (matte == stitch_matte(a_window(50, 50), room, 8.0)).all()


# ---- stitch --------------------------------------------------------------------------------------


@patient
@given(cases, names, seeds)
def test_stitching_keeps_every_bit_where_the_matte_is_0(case, name, seed):
    window = context_window(*case)
    width, height = window.canvas
    before, painted = noise(height, width, seed), noise(window.native, window.native, seed + 1)
    matte = stitch_matte(window, target_shape(window, case[0], drawn(name, seed)), 3.0)
    canvas = before.copy()
    stitch(canvas[window.place], window.uncrop(painted), matte)
    touched = np.zeros((height, width), bool)
    touched[window.place] = matte > 0
    assert (canvas[~touched] == before[~touched]).all()

    opaque = np.zeros((height, width), bool)
    opaque[window.place] = matte == 1
    assert (canvas[opaque] == window.uncrop(painted)[matte == 1]).all()
    expected = before[window.place] * (1 - matte[..., None].astype(float))
    expected += window.uncrop(painted) * matte[..., None].astype(float)
    assert abs(canvas[window.place] - expected).max() <= 0.51


@patient
@given(cases, names, seeds)
def test_a_crop_that_was_not_painted_changes_next_to_nothing(case, name, seed):
    window = context_window(*case)
    before = cv2.GaussianBlur(noise(*window.canvas[::-1], seed), (0, 0), 3)
    canvas = before.copy()
    matte = stitch_matte(window, target_shape(window, case[0], drawn(name, seed)), 3.0)
    stitch(canvas[window.place], window.uncrop(window.crop(canvas)), matte)
    if window.scale == 1:
        assert (canvas == before).all()
    elif window.scale > 1:
        assert abs(canvas.astype(int) - before).max() <= 12


def test_stitching_works_on_a_view_and_in_place():
    whole = noise(400, 500)
    before, canvas = whole.copy(), whole[100:300, 50:350]
    box = Box(50, 60, 120, 150)
    window = context_window(box, (300, 200), 96, 4)
    matte = stitch_matte(window, target_shape(window, box, drawn("blob")), 3.0)
    stitch(canvas[window.place], window.uncrop(np.zeros((96, 96, 3), np.uint8)), matte)
    changed = (whole != before).any(axis=2)
    assert changed.any() and not changed[:100].any() and not changed[:, :50].any()


def test_the_story_of_the_stage_on_every_shape():
    """Crop, denoise, stitch: a painter that makes everything under its mask black."""
    canvas, box = np.full((480, 640, 3), 200, np.uint8), Box(400.5, 100.25, 600.75, 333.3)
    for name in SHAPES:
        picture = canvas.copy()
        window = context_window(box, (640, 480), 512, 8)
        shape = target_shape(window, box, draw_shape(stream(1, 2, "shape"), [name]))
        denoise = snap_outward(shape, window.cell)
        painted = window.crop(picture)
        painted[denoise] = 0
        matte = stitch_matte(window, shape, feather_width(box))
        stitch(picture[window.place], window.uncrop(painted), matte)
        assert picture[217, 500].max() == 0 and picture[50, 50].min() == 200
