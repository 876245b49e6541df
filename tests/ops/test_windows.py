"""Windows around boxes at every border, corner and size, and pixels there and back."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infgen.ops.windows import MAX_UPSCALE, OBJECT_FRAC, Window, context_window
from infgen.records.box import Box

LARGE = [(512, 8), (1024, 16), (1024, 8)]  # native size, cell
SMALL = [(96, 4), (64, 8), (64, 16)]  # quick, where pixels are painted

patient = settings(deadline=None)  # a machine with other work to do is no failure
sides = st.one_of(st.sampled_from([2, 3, 64, 511, 512, 513, 1024]), st.integers(2, 4000))


@st.composite
def stretches(draw, side):
    """(start, stop) on an axis: often at a border or over all of it, two decimals otherwise."""
    kind = draw(st.sampled_from(["inside", "low", "high", "all"]))
    length = side if kind == "all" else max(round(side * draw(st.floats(0.002, 1)), 2), 0.01)
    room = side - length
    start = {"low": 0, "high": room, "all": 0}.get(kind, room * draw(st.floats(0, 1)))
    start = min(max(round(start, 2), 0), side - length)
    return float(start), float(start + length)


@st.composite
def asked(draw, canvas_sides=sides, models=(*LARGE, *SMALL)):
    """(box, canvas, native, cell)."""
    canvas = (draw(canvas_sides), draw(canvas_sides))
    (x0, x1), (y0, y1) = (draw(stretches(side)) for side in canvas)
    return Box(x0, y0, x1, y1), canvas, *draw(st.sampled_from(models))


small = asked(st.integers(2, 150))


def lengths(box, window):
    """(start, stop) of the box, of the window, and the canvas's length, along x and y."""
    for low, at, length in zip((0, 1), (window.x, window.y), window.canvas, strict=True):
        yield box.xyxy[low::2], (at, at + window.side), length


def a_photo(width, height, seed=0):
    """Smooth colours, (height, width, 3) uint8."""
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(picture, (0, 0), 3)


# ---- context_window ------------------------------------------------------------------------------


@patient
@given(asked())
@example((Box(0, 0, 512, 512), (512, 512), 512, 8))
@example((Box(20, 100, 620, 300), (640, 480), 512, 8))
def test_the_box_is_inside_at_least_a_cell_away_from_borders_on_the_canvas(case):
    box, canvas, native, cell = case
    window = context_window(*case)
    assert (window.native, window.cell, window.canvas) == (native, cell, canvas)
    for (box0, box1), (start, stop), length in lengths(box, window):
        cell_there = cell * window.side / native
        assert start <= 0 or box0 - start >= cell_there - 1e-6
        assert stop >= length or stop - box1 >= cell_there - 1e-6
        assert start <= box0 < box1 <= stop


@patient
@given(asked())
def test_the_window_stays_on_the_canvas_unless_the_box_and_a_cell_need_more(case):
    box, canvas, native, cell = case
    window = context_window(*case)
    longer = max(box.width, box.height)
    needed = math.ceil((longer + 2) * native / (native - 2 * cell))
    assert window.side <= max(min(canvas), needed)
    for _, (start, stop), length in lengths(box, window):
        if window.side <= length:
            assert start >= 0 and stop <= length
        else:
            assert window.side == needed  # no larger than it must be, and as far on both sides
            assert abs(-start - (stop - length)) <= 1


@patient
@given(asked())
def test_the_object_gets_its_share_wherever_nothing_forbids_it(case):
    box, canvas, native, cell = case
    window = context_window(*case)
    longer, least = max(box.width, box.height), native / MAX_UPSCALE
    needed = math.ceil((longer + 2) * native / (native - 2 * cell))
    if max(least / 0.85, needed) < window.side < min(canvas):
        assert (longer + 1) / window.side >= OBJECT_FRAC * 0.85
        assert longer / window.side <= OBJECT_FRAC / 0.85
    if min(canvas) >= math.ceil(least):
        assert window.scale <= MAX_UPSCALE


@patient
@given(asked())
def test_the_box_is_in_the_middle_unless_a_border_pushed(case):
    box = case[0]
    window = context_window(*case)
    for (box0, box1), (start, stop), length in lengths(box, window):
        if start > 0 and stop < length:
            assert abs((box0 + box1) - (start + stop)) <= 1 + 1e-6


def test_a_window_of_about_the_native_size_is_of_the_native_size():
    for side in (270, 300, 307, 340):
        window = context_window(Box(200, 200, 200 + side, 300), (1024, 1024), 512, 8)
        assert (window.side, window.scale) == (512, 1)
    assert context_window(Box(200, 200, 440, 300), (1024, 1024), 512, 8).side == 400


def test_an_object_frac_and_an_upscale_may_be_chosen():
    box, canvas = Box(500, 500, 520, 510), (1024, 1024)
    assert context_window(box, canvas, 512, 8).side == 64
    assert context_window(box, canvas, 512, 8, max_upscale=4).side == 128
    assert context_window(box, canvas, 512, 8, max_upscale=64).side == 34
    assert context_window(box, canvas, 512, 8, object_frac=0.2).side == 100


def test_a_canvas_smaller_than_the_model_is_shown_whole():
    assert context_window(Box(40, 40, 120, 90), (130, 130), 512, 8) == Window(
        0, 0, 130, (130, 130), 512, 8
    )


@pytest.mark.parametrize(
    ("box", "native", "cell", "sentence"),
    [
        (Box(-1, 0, 50, 50), 512, 8, "isn't inside a canvas of"),
        (Box(0, 0, 50, 100.5), 512, 8, "isn't inside a canvas of"),
        (Box(0, 0, 50, 50), 516, 8, "can't have latent cells of 8"),
        (Box(0, 0, 50, 50), 24, 8, "can't have latent cells of 8"),
    ],
)
def test_what_cannot_be_is_said(box, native, cell, sentence):
    with pytest.raises(ValueError, match=sentence):
        context_window(box, (100, 100), native, cell)


def test_a_window_is_a_record():
    window = context_window(Box(10, 20, 300, 200), (640, 480), 512, 8)
    assert msgspec.json.decode(msgspec.json.encode(window), type=Window) == window


# ---- there and back ------------------------------------------------------------------------------


@patient
@given(asked(), st.tuples(*[st.floats(0, 1)] * 4))
def test_boxes_come_back_from_the_crop(case, places):
    window = context_window(*case)
    rows, columns = window.place
    box = Box(
        columns.start + places[0] * 0.4 * (columns.stop - columns.start),
        rows.start + places[1] * 0.4 * (rows.stop - rows.start),
        columns.start + (0.5 + places[2] * 0.5) * (columns.stop - columns.start),
        rows.start + (0.5 + places[3] * 0.5) * (rows.stop - rows.start),
    )
    inside = window.to_crop(box)
    assert min(inside.xyxy) >= -1e-6 and max(inside.xyxy) <= window.native + 1e-6
    back = np.divide(inside.xyxy, window.scale) + (window.x, window.y) * 2
    assert np.allclose(back, box.xyxy, atol=1e-6)


@patient
@given(small)
def test_what_is_at_the_box_is_at_the_box_in_the_crop(case):
    box, (width, height), *model = case
    box = Box(*(int(edge) for edge in box.xyxy[:2]), *(math.ceil(edge) for edge in box.xyxy[2:]))
    window = context_window(box, (width, height), *model)
    mask = np.zeros((height, width), bool)
    mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    crop = window.crop(mask)
    there, slack = window.to_crop(box), 0.75 * max(window.scale, 1)
    assert not (crop & _shows_canvas(window) & ~_filled(there, window.native, slack)).any()
    assert crop[_filled(there, window.native, -slack)].all()


def _filled(box, side, slack):
    """(side, side) bool: the pixels whose centres are in the box, larger by `slack` all round."""
    centers = np.arange(side) + 0.5
    return np.outer(
        (box.y0 - slack < centers) & (centers < box.y1 + slack),
        (box.x0 - slack < centers) & (centers < box.x1 + slack),
    )


def _shows_canvas(window):
    """(native, native) bool: the crop pixels whose centres are on the canvas."""
    width, height = window.canvas
    centers = (np.arange(window.native) + 0.5) / window.scale
    return np.outer(
        (centers + window.y >= 0) & (centers + window.y <= height),
        (centers + window.x >= 0) & (centers + window.x <= width),
    )


@pytest.mark.parametrize("canvas", [(701, 613), (512, 600)])
def test_nothing_is_resampled_at_the_native_size(canvas):
    picture = a_photo(*canvas)
    window = context_window(Box(100, 90, 400, 333), canvas, 512, 8)
    crop = window.crop(picture)
    assert (crop == picture[window.place]).all()
    assert (window.uncrop(crop) == picture[window.place]).all()
    crop[:] = 0
    assert picture[window.place].any()  # the crop is its own


@patient
@given(small, st.integers(0, 2**32))
def test_crops_come_back(case, seed):
    window = context_window(*case)
    picture = a_photo(*window.canvas, seed)
    seen = picture[window.place]
    crop = window.crop(picture)
    assert crop.shape == (window.native, window.native, 3) and crop.dtype == np.uint8
    back = window.uncrop(crop)
    assert back.shape == seen.shape and back.dtype == np.uint8
    if window.scale >= 1:
        assert abs(back.astype(int) - seen).max() <= 12


@patient
@given(small)
def test_masks_and_weights_are_cropped_as_well(case):
    window = context_window(*case)
    ones = np.ones(window.canvas[::-1], np.float32)
    for kind in (bool, np.float32, np.uint8):
        crop = window.crop(ones.astype(kind))
        assert crop.dtype == kind and crop.shape == (window.native,) * 2
        assert np.allclose(crop, 1)
        assert window.uncrop(crop).shape == ones[window.place].shape


def test_beyond_the_canvas_it_is_mirrored():
    window = context_window(Box(20, 30, 620, 330), (640, 480), 512, 8)
    assert window.y < 0 and window.y + window.side > 480
    picture = a_photo(640, 480)
    above = -window.y
    below = window.side - 480 - above
    columns = window.place[1]
    tall = np.concatenate([picture[:above][::-1], picture, picture[480 - below :][::-1]])
    expected = cv2.resize(tall[:, columns], (512, 512), interpolation=cv2.INTER_AREA)
    assert (window.crop(picture) == expected).all()
    assert window.uncrop(expected).shape == (480, window.side, 3)


@patient
@given(small, st.integers(0, 2**32))
def test_covered_pixels_are_those_that_lie_under_the_mask_with_every_bit(case, seed):
    window = context_window(*case)
    n, side = window.native, window.side
    mask = np.random.default_rng(seed).random((n, n)) < 0.9

    def touched(pixel):
        """The crop pixels that share more than an edge with a pixel of the window."""
        step = Fraction(n, side)
        first, stop = math.floor(pixel * step), math.ceil((pixel + 1) * step)
        return slice(first, stop)

    covered = window.covered(mask)
    rows, columns = window.place
    assert covered.shape == (rows.stop - rows.start, columns.stop - columns.start)
    for y, x in np.random.default_rng(seed).integers(0, covered.shape, (40, 2)).tolist():
        under = mask[touched(y + rows.start - window.y), touched(x + columns.start - window.x)]
        assert covered[y, x] == under.all()
