"""Blending against arithmetic in float64, and no colour from behind an edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.blend import (
    FAINT,
    OPAQUE,
    Pyramid,
    blend_over,
    crop_to_content,
    fit,
    premultiply,
)

ROOM = (4000, 4000)
sides = st.one_of(st.integers(1, 5), st.integers(1, 90))
seeds = st.integers(0, 2**32)


def noise(height, width, channels, seed=0):
    """uint8 of which many are 0 and 255, as in cutouts."""
    wild = np.random.default_rng(seed).integers(-200, 456, (height, width, channels))
    return np.clip(wild, 0, 255).astype(np.uint8)


def composite(rgba, region):
    """Straight alpha over the region, in float64."""
    colour, alpha = rgba[..., :3].astype(float), rgba[..., 3:] / 255
    return colour * alpha + region * (1 - alpha)


def disc(side, inside, outside):
    """A disc of one grey with hard edges; `outside` lies under alpha 0."""
    rgba = np.full((side, side, 4), (outside, outside, outside, 0), np.uint8)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    rgba[x**2 + y**2 < (side / 2 - 1) ** 2] = (inside, inside, inside, 255)
    return rgba


# ---- premultiply and blend_over ------------------------------------------------------------------


def every_pair():
    """(256, 256, 4): every colour with every alpha."""
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    return np.dstack([colour, colour, colour, alpha]).astype(np.uint8)


def test_premultiplied_colours_are_exact():
    rgba = every_pair()
    product = rgba[..., :3] * (rgba[..., 3:] / 255)
    assert (premultiply(rgba)[..., :3] == np.rint(product)).all()
    assert (premultiply(rgba)[..., 3] == rgba[..., 3]).all()


@pytest.mark.parametrize("behind", [0, 1, 77, 128, 254, 255])
def test_blending_is_right_to_a_level_for_every_colour_and_alpha(behind):
    rgba, region = every_pair(), np.full((256, 256, 3), behind, np.uint8)
    expected = composite(rgba, region)
    blend_over(region, premultiply(rgba))
    assert abs(region - expected).max() <= 1


@given(sides, sides, seeds)
def test_blending_is_right_to_a_level_at_any_size(height, width, seed):
    rgba, region = noise(height, width, 4, seed), noise(height, width, 3, seed + 1)
    expected = composite(rgba, region)
    blend_over(region, premultiply(rgba))
    assert abs(region - expected).max() <= 1


@given(sides, sides, seeds)
def test_transparent_leaves_every_bit_and_opaque_replaces_it(height, width, seed):
    canvas, colours = noise(height, width, 3, seed), noise(height, width, 4, seed + 1)
    before = canvas.copy()
    colours[..., 3] = 0
    blend_over(canvas, premultiply(colours))
    assert (canvas == before).all()
    colours[..., 3] = 255
    blend_over(canvas, premultiply(colours))
    assert (canvas == colours[..., :3]).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 1), (1, 9), (5, 6)])
def test_only_the_window_of_a_canvas_is_painted(height, width):
    canvas = noise(20, 20, 3)
    expected = canvas.copy()
    expected[4 : 4 + height, 7 : 7 + width] = 200
    blend_over(canvas[4 : 4 + height, 7 : 7 + width],
               np.full((height, width, 4), (200, 200, 200, 255), np.uint8))  # fmt: skip
    assert (canvas == expected).all()


# ---- fringes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 10, 17, 50, 99, 160, 333])
@pytest.mark.parametrize(("inside", "outside"), [(255, 0), (0, 255), (128, 0), (128, 255)])
def test_nothing_of_what_lies_under_alpha_0_shows(inside, outside, size):
    """A disc pasted on its own colour can't be seen, at any size: no dark and no bright fringe."""
    region = np.full((size, size, 3), inside, np.uint8)
    pyramid = Pyramid(premultiply(crop_to_content(disc(100, inside, outside))), ROOM)
    blend_over(region, pyramid.scale((size, size)))
    assert abs(region.astype(int) - inside).max() <= 1


def test_edges_are_antialiased():
    patch = Pyramid(premultiply(disc(400, 255, 0)), ROOM).scale((60, 60))
    between = (patch[..., 3] > 20) & (patch[..., 3] < 235)
    assert between.sum() > 60
    assert (patch[..., 3] >= OPAQUE).sum() == pytest.approx(np.pi * 30**2, rel=0.03)


# ---- crop_to_content -----------------------------------------------------------------------------


def test_empty_margins_and_invisible_haze_are_cut_off():
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[5:11, 20:50] = 255
    assert (crop_to_content(rgba) == 255).all() and crop_to_content(rgba).shape == (6, 30, 4)
    rgba[0, 0, 3] = rgba[39, 59, 3] = FAINT
    assert crop_to_content(rgba).shape == (6, 30, 4)
    rgba[39, 59, 3] = FAINT + 1
    assert crop_to_content(rgba).shape == (35, 40, 4)


def test_a_single_pixel_is_content():
    rgba = np.zeros((9, 9, 4), np.uint8)
    rgba[8, 0] = 255
    assert crop_to_content(rgba).shape == (1, 1, 4)


# ---- fit -----------------------------------------------------------------------------------------


@given(st.tuples(*[st.integers(1, 9000)] * 2), st.tuples(*[st.floats(1, 9000)] * 2))
def test_fit_fills_the_room_and_keeps_the_shape(size, room):
    width, height = fit(size, room)
    scale = min(room[0] / size[0], room[1] / size[1])
    for length, full in ((width, size[0]), (height, size[1])):
        assert length == 1 if full * scale < 1 else abs(length - full * scale) <= 0.5
    assert width <= room[0] + 0.5 and height <= room[1] + 0.5
    assert width >= room[0] - 0.5 or height >= room[1] - 0.5


# ---- Pyramid -------------------------------------------------------------------------------------


@given(sides, sides, sides, sides, seeds)
def test_colour_never_exceeds_alpha(height, width, new_height, new_width, seed):
    scaled = Pyramid(premultiply(noise(height, width, 4, seed)), ROOM).scale(
        (new_width, new_height)
    )
    assert scaled.shape == (new_height, new_width, 4) and scaled.dtype == np.uint8
    assert (scaled[..., :3] <= scaled[..., 3:]).all()


@given(sides, sides, sides, sides, st.integers(0, 255))
def test_a_plain_picture_stays_plain(height, width, new_height, new_width, level):
    plain = np.full((height, width, 4), level, np.uint8)
    assert (Pyramid(plain, ROOM).scale((new_width, new_height)) == level).all()


@pytest.mark.parametrize("times", [1, 2, 4, 8, 16])
def test_whole_fractions_are_averages_of_areas(times):
    pixels = premultiply(noise(96, 160, 4))
    scaled = Pyramid(pixels, ROOM).scale((160 // times, 96 // times))
    blocks = pixels.reshape(96 // times, times, 160 // times, times, 4).astype(float)
    assert abs(scaled - blocks.mean((1, 3))).max() <= 2


@pytest.mark.parametrize(
    "size", [(199, 149), (150, 112), (101, 76), (64, 48), (37, 28), (300, 225)]
)
def test_any_other_size_is_near_the_truth(size):
    """Soft pictures scaled by OpenCV in float and by areas are the reference."""
    soft = cv2.GaussianBlur(noise(150, 200, 4), (0, 0), 6)
    soft = cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)
    pixels = premultiply(soft)
    kind = cv2.INTER_AREA if size[0] <= 200 else cv2.INTER_LINEAR
    reference = cv2.resize(pixels.astype(np.float64), size, interpolation=kind)
    error = abs(Pyramid(pixels, ROOM).scale(size) - reference)
    assert error.mean() < 1 and error.max() < 8


@pytest.mark.parametrize(
    ("shape", "size"), [((20, 2000), (200, 2)), ((2000, 3), (1, 100)), ((1, 512), (16, 1))]
)
def test_long_thin_cutouts_are_averaged_not_sampled(shape, size):
    """Stripes of one pixel become an even grey."""
    stripes = np.full((*shape, 4), 255, np.uint8)
    stripes[::2, ::2, :3] = stripes[1::2, 1::2, :3] = 0
    scaled = Pyramid(stripes, ROOM).scale(size)
    assert (scaled[..., 3] == 255).all()
    assert abs(scaled[..., :3].astype(int) - 127).max() <= 12


def test_one_pixel_grows_and_everything_shrinks_to_one_pixel():
    red = np.array([[[200, 0, 0, 255]]], np.uint8)
    assert (Pyramid(red, ROOM).scale((5, 3)) == red).all()
    halves = np.zeros((1000, 700, 4), np.uint8)
    halves[:500] = 255
    assert abs(Pyramid(halves, ROOM).scale((1, 1)).astype(int) - 127).max() <= 2


@given(sides, sides, st.tuples(sides, sides), seeds)
def test_keeping_only_what_the_room_needs_changes_nothing(height, width, room, seed):
    pixels = premultiply(noise(height, width, 4, seed))
    size = fit((width, height), room)
    assert (Pyramid(pixels, room).scale(size) == Pyramid(pixels, ROOM).scale(size)).all()


def test_large_cutouts_don_t_fill_the_memory_on_small_canvases():
    large = np.full((3000, 4000, 4), 255, np.uint8)
    pyramid = Pyramid(large, (640, 480))
    assert pyramid.size == (4000, 3000)
    assert pyramid.nbytes < 16 * 640 * 480 * 4 / 2
    assert Pyramid(large, ROOM).nbytes > large.nbytes
