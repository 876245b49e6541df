"""Cutting out: what is mixed here comes apart again, and what can't be cut out is named."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infgen.ops.cutting import (
    LEVELS,
    MARGIN,
    NoCutout,
    cut_out,
    draw_backdrop,
    edge_width,
    matte,
    outline,
)
from infgen.ops.scene import disk

SIDE = 128
RED, MAGENTA = (200, 30, 40), (255, 0, 255)


def soft_ellipse(
    width: float, middle: tuple[float, float] = (64, 64), axes: tuple[float, float] = (36, 28)
) -> np.ndarray:
    """(SIDE, SIDE) alpha of an ellipse whose edge rises evenly over about `width` pixels."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    (cx, cy), (a, b) = middle, axes
    radius = np.hypot((x - cx) / a, (y - cy) / b)
    slope = np.hypot((x - cx) / a**2, (y - cy) / b**2) / np.maximum(radius, 1e-6)
    inside = (1 - radius) / np.maximum(slope, 1e-6)  # pixels, to first order
    return np.clip(0.5 + inside / width, 0, 1)


def textured(colour: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) float: a colour with soft shading and a little grain."""
    shading = cv2.resize(rng.normal(0, 12, (4, 4)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 2, (SIDE, SIDE, 3))
    return (np.array(colour) + shading[..., None] + grain).clip(0, 255)


def over(colour: np.ndarray, alpha: np.ndarray, back: np.ndarray) -> np.ndarray:
    return alpha[..., None] * colour + (1 - alpha[..., None]) * back


def rounded(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def scene(
    alpha: np.ndarray, colour: tuple[int, int, int] = RED, number: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(picture, backdrop, thing), as a painter who is a pixel too generous would tell of them."""
    rng = np.random.default_rng(number)
    backdrop = draw_backdrop((SIDE, SIDE), number)
    picture = rounded(over(textured(colour, rng), alpha, backdrop))
    thing = cv2.dilate((alpha >= 0.5).astype(np.uint8), disk(1)) != 0
    return picture, backdrop, thing


# ---- alpha and colour ----------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    width=st.floats(1, 3),
    number=st.integers(0, 7),
    colour=st.sampled_from(
        [(200, 30, 40), (20, 60, 200), (20, 20, 24), (240, 200, 30), (30, 140, 50), (90, 40, 30)]
    ),
    off=st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
    axes=st.tuples(st.floats(14, 40), st.floats(14, 40)),
    slope=st.tuples(st.floats(-30, 20), st.floats(-30, 20)),
)
def test_a_mixture_comes_apart_without_the_backdrop_s_colour(
    width: float,
    number: int,
    colour: tuple[int, int, int],
    off: tuple[float, float],
    axes: tuple[float, float],
    slope: tuple[float, float],
) -> None:
    """Laid over magenta, the cutout is what its object over magenta would have been."""
    rng = np.random.default_rng(number)
    true = soft_ellipse(width, (64 + off[0], 64 + off[1]), axes)
    own = textured(colour, rng)
    ramp = np.linspace(*slope, SIDE)[None, :, None]  # a backdrop that was repainted as a gradient
    back = draw_backdrop((SIDE, SIDE), number) + ramp.repeat(SIDE, axis=0)
    alpha, found, contrast = matte(rounded(over(own, true, back)), true >= 0.5)
    edge = (true > 0) & (true < 1)
    assert np.abs(alpha - true)[edge].mean() < 0.07
    assert (alpha[true == 0] < 0.1).mean() > 0.99 and (alpha[true == 1] > 0.9).mean() > 0.99
    magenta = np.array(MAGENTA, float)
    difference = over(found, alpha, magenta) - over(own, true, magenta)
    assert np.abs(difference)[edge].mean() < 12
    # what of the backdrop is left in the edge's colour: nothing, on average
    share = ((found - own) * (back - own)).sum(2) / ((back - own) ** 2).sum(2)
    assert abs(share[edge & (alpha > 0.2)].mean()) < 0.08
    deep = cv2.erode((true == 1).astype(np.uint8), disk(5)) != 0
    assert (contrast[edge] > 0).mean() > 0.95 and not contrast[deep].any()


def test_where_colours_say_nothing_the_outline_does() -> None:
    flat = np.full((SIDE, SIDE, 3), 150, np.uint8)
    mask = soft_ellipse(1) >= 0.5
    alpha, _, contrast = matte(flat, mask)
    assert ((alpha >= 0.5) == mask).mean() > 0.995
    assert 0.5 < edge_width(alpha) < 3 and contrast.max() < 1


@pytest.mark.parametrize("width", [1.0, 2.0, 3.0, 6.0])
def test_the_width_of_an_edge_is_measured(width: float) -> None:
    assert edge_width(soft_ellipse(width)) == pytest.approx(width, rel=0.25)


# ---- what is of the object -----------------------------------------------------------------------


@pytest.mark.parametrize("number", range(4))
def test_an_object_is_cut_out_tightly_with_a_margin_of_nothing(number: int) -> None:
    true = soft_ellipse(2)
    rgba = cut_out(*scene(true, number=number))
    alpha = rgba[..., 3]
    assert rgba.dtype == np.uint8
    assert not alpha[:MARGIN].any() and not alpha[-MARGIN:].any()
    assert not alpha[:, :MARGIN].any() and not alpha[:, -MARGIN:].any()
    height, width = alpha.shape
    assert abs(width - 72 - 2 * MARGIN) <= 4 and abs(height - 56 - 2 * MARGIN) <= 4
    assert np.count_nonzero(alpha >= 128) == pytest.approx((true >= 0.5).sum(), rel=0.04)


def test_haze_and_scenery_around_it_stay_behind() -> None:
    true = soft_ellipse(2)
    picture, backdrop, thing = scene(true)
    for place, grey in (((30, 40), 215), ((98, 92), 100)):
        spot = cv2.circle(np.zeros((SIDE, SIDE), np.float32), place, 9, 1, -1)
        spot = cv2.GaussianBlur(spot, (0, 0), 2)[..., None] * (true < 0.02)[..., None]
        picture = rounded((1 - spot) * picture + spot * grey)
        thing = thing | (spot[..., 0] > 0.3)
    found = outline(picture, backdrop, thing)
    whole = true >= 0.5
    assert (found & whole).sum() / (found | whole).sum() > 0.95


def test_a_ring_is_seen_through_and_spots_are_not_holes() -> None:
    ring = soft_ellipse(2) * (1 - soft_ellipse(2, axes=(18, 14)))
    picture, backdrop, _ = scene(ring)
    found = outline(picture, backdrop, soft_ellipse(2) >= 0.5)
    assert not found[58:70, 58:70].any()
    spotted = soft_ellipse(2) * (1 - soft_ellipse(2, (52, 60), (4, 4)))
    picture, backdrop, thing = scene(spotted)
    found = outline(picture, backdrop, thing)
    assert found[56:64, 48:56].all()


@pytest.mark.parametrize("number", range(4))
def test_a_pale_part_belongs_to_it_though_nobody_pointed_there(number: int) -> None:
    """A mushroom, of which only the cap was told: its stem hardly differs from the backdrop."""
    cap = soft_ellipse(2, (64, 48), (36, 24))
    stem = soft_ellipse(2, (64, 80), (13, 30))
    rng = np.random.default_rng(number)
    backdrop = draw_backdrop((SIDE, SIDE), number)
    grey = int(backdrop[0, 0, 0])
    noise = cv2.GaussianBlur(rng.normal(0, 12, backdrop.shape), (0, 0), 2)
    picture = over(textured((grey - 4, grey - 34, grey + 30), rng), stem, backdrop + noise)
    picture = rounded(over(textured((110, 20, 170), rng), cap, picture))
    whole = (cap >= 0.5) | (stem >= 0.5)
    found = outline(picture, backdrop, cap >= 0.5)
    assert (found & whole).sum() / (found | whole).sum() > 0.93


@pytest.mark.parametrize("size", [64, 128, 512])
def test_every_size_of_picture_is_taken(size: int) -> None:
    picture, backdrop, thing = scene(soft_ellipse(1))
    bigger = [cv2.resize(p, (size, size)) for p in (picture, backdrop, thing.astype(np.uint8))]
    rgba = cut_out(bigger[0], bigger[1], bigger[2] != 0)
    assert rgba.shape[1] == pytest.approx(72 * size / SIDE, abs=6 + size / 50)


def test_equal_pictures_give_equal_cutouts() -> None:
    one, other = cut_out(*scene(soft_ellipse(2))), cut_out(*scene(soft_ellipse(2)))
    assert (one == other).all()


# ---- what can't be cut out -----------------------------------------------------------------------


def test_why_there_is_no_cutout_is_named() -> None:
    whole = soft_ellipse(2)
    two = soft_ellipse(2, (40, 64), (18, 20)) + soft_ellipse(2, (88, 64), (17, 20))
    nothing = np.zeros((SIDE, SIDE), bool)
    much = cv2.dilate(nothing.astype(np.uint8) + (whole >= 0.5), disk(20)) != 0
    cases = {
        "nothing stands out": (*scene(whole)[:2], nothing),
        "cut off at the border": scene(soft_ellipse(2, (30, 64))),
        "unclear what is the object": (*scene(soft_ellipse(2, axes=(20, 16)))[:2], much),
        "without a clear edge": scene(soft_ellipse(16)),
        "in several parts": (*scene(two)[:2], two >= 0.5),
    }
    for reason, case in cases.items():
        with pytest.raises(NoCutout, match=reason):
            cut_out(*case)


def test_an_object_like_its_backdrop_is_no_guesswork() -> None:
    level = LEVELS[0]
    with pytest.raises(NoCutout):
        cut_out(*scene(soft_ellipse(2), (level, level, level + 6)))


# ---- backdrops -----------------------------------------------------------------------------------


def test_backdrops_are_plain_and_the_next_is_another() -> None:
    drawn = [draw_backdrop((96, 64), number) for number in range(8)]
    for one in drawn:
        assert one.shape == (64, 96, 3) and one.dtype == np.uint8 and np.ptp(one) == 0
    levels = [int(one[0, 0, 0]) for one in drawn]
    assert all(abs(a - b) >= 20 for a, b in pairwise(levels))
