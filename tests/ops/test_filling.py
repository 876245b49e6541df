"""What decoys are filled with: the scene's own pixels, from where they go on best."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.filling import fill, fitted
from infgen.ops.given import Standing
from infgen.ops.lookalikes import MOST, Ground, lookalike
from infgen.records.box import Box
from tests.ops.test_blend import disc, noise

DICE = (0.31, 0.77)


def outline(side=60):
    return disc(side, 255, 0)[..., 3]


@given(
    st.tuples(st.integers(2, 50), st.integers(2, 60)),
    st.tuples(st.integers(1, 50), st.integers(1, 60)),
    st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    st.integers(0, 2**32),
)
def test_any_outline_on_any_canvas_is_filled_alike_every_time(canvas, shape, dice, seed):
    scene = noise(*canvas, 3, seed)
    alpha = noise(min(shape[0], canvas[0]), min(shape[1], canvas[1]), 1, seed + 1)[..., 0]
    alpha[0, 0] = 255
    place = np.random.default_rng(seed)
    x = int(place.integers(canvas[1] - alpha.shape[1] + 1))
    y = int(place.integers(canvas[0] - alpha.shape[0] + 1))
    before = scene.copy()
    filled = fill(scene, Ground(scene), alpha, x, y, dice)
    assert filled.shape == (*alpha.shape, 3) and filled.dtype == np.uint8
    assert (scene == before).all()
    assert (filled == fill(scene, Ground(scene), alpha, x, y, dice)).all()


def test_it_matches_where_the_scene_is_lighter():
    """On a slope of brightness any other place is too dark or too light as it is."""
    slope = np.linspace(20, 220, 300)[:, None, None] + noise(300, 300, 3) % 8
    canvas = np.broadcast_to(slope, (300, 300, 3)).astype(np.uint8)
    filled = fill(canvas, Ground(canvas), outline(), 180, 60, DICE).astype(int)
    rim = cv2.dilate(outline(), np.ones((3, 3))) - cv2.erode(outline(), np.ones((5, 5))) > 0
    there = canvas[60:120, 180:240].astype(int)
    assert abs((filled - there)[rim].mean()) < 2 and abs(filled - there)[rim].mean() < 6


def test_it_is_taken_from_where_colour_and_texture_are_alike():
    """Left and right halves of other colours, the right one smooth below."""
    canvas = np.full((300, 400, 3), (40, 60, 200), np.uint8)
    canvas[:, 200:] = (120, 160, 40)
    rough = np.random.default_rng(1).integers(-30, 30, (180, 200, 1))
    canvas[:180, 200:] = np.clip(canvas[:180, 200:] + rough, 0, 255)
    filled = fill(canvas, Ground(canvas), outline(), 280, 60, DICE)
    middle = filled[15:45, 15:45].astype(int)
    assert abs(middle.mean(axis=(0, 1)) - (120, 160, 40)).max() < 12
    assert 12 < middle[..., 0].std() < 25  # rough as what is around it
    smooth = fill(canvas, Ground(canvas), outline(), 280, 215, DICE)[15:45, 15:45]
    assert smooth.std(axis=(0, 1)).max() < 6


def test_it_is_made_as_rough_as_its_place():
    """Which is the only rough one."""
    grain = np.random.default_rng(2).normal(size=(300, 400, 1))
    strength = np.full((300, 400, 1), 8)
    strength[90:210, 200:320] = 16
    canvas = np.repeat(128 + grain * strength, 3, axis=2).clip(0, 255).astype(np.uint8)
    filled = fill(canvas, Ground(canvas), outline(), 230, 120, DICE)
    rim = outline() - cv2.erode(outline(), np.ones((13, 13))) > 0
    assert 13.5 < filled[rim].std() < 18.5
    alone = fill(canvas, Ground(canvas), outline(), 20, 20, DICE)
    assert 6.5 < alone[rim].std() < 9.5


def test_it_is_not_what_is_there():
    canvas = noise(200, 240, 3)
    for dice in ((0.0, 0.0), (0.5, 0.5), DICE):
        assert (
            fill(canvas, Ground(canvas), outline(), 90, 70, dice) != canvas[70:130, 90:150]
        ).mean() > 0.8


def test_other_dice_other_places():
    canvas = noise(200, 240, 3)
    filled = {
        fill(canvas, Ground(canvas), outline(), 90, 70, (u, 0.4)).tobytes()
        for u in (0.0, 0.1, 0.2, 0.3)
    }
    assert len(filled) > 1


@pytest.mark.parametrize("at", [(0, 0), (0, 140), (180, 0), (180, 140)])
def test_in_the_corners_of_a_canvas(at):
    canvas = cv2.GaussianBlur(noise(200, 240, 3), (0, 0), 4)
    filled = fill(canvas, Ground(canvas), outline(), *at, DICE).astype(int)
    assert abs(filled - canvas[at[1] : at[1] + 60, at[0] : at[0] + 60]).mean() < MOST


def test_an_outline_that_fills_the_canvas_has_nowhere_else():
    canvas = noise(60, 60, 3)
    alpha = np.full((60, 60), 255, np.uint8)
    assert (fill(canvas, Ground(canvas), alpha, 0, 0, DICE) == canvas).all()


def test_nothing_that_is_labelled_is_shown_again():
    """Labels everywhere, over the border too, but for a window as large as the outline."""
    canvas, size = noise(120, 160, 3), (40, 30)
    labels = [labelled(x, y) for x in range(-10, 160, 20) for y in range(-10, 120, 20)]
    alpha = np.full(size[::-1], 255, np.uint8)
    assert lookalike(canvas, Ground(canvas, labels), alpha, 8, 8, DICE) is None
    for one in labels:
        one.cover(np.ones((34, 44), bool), 100, 60)
    x, y = lookalike(canvas, Ground(canvas, labels), alpha, 8, 8, DICE)
    assert 100 <= x <= 104 and 60 <= y <= 64


def labelled(x, y):
    return Standing(0, Box(x, y, x + 20, y + 20), np.ones((20, 20), bool), x, y, 400, True, False)


# ---- what a model painted ------------------------------------------------------------------------


def test_what_is_the_scene_already_stays_so() -> None:
    canvas = cv2.GaussianBlur(noise(200, 300, 3), (0, 0), 2)
    place, alpha = canvas[50:110, 80:140], cv2.erode(outline(), np.ones((15, 15)))
    assert (np.abs(fitted(canvas, place, alpha, 80, 50).astype(int) - place)[alpha > 0] <= 1).all()


@pytest.mark.parametrize("corner", [(80, 50), (0, 0), (240, 140)])
def test_a_model_s_other_shade_and_finer_grain_don_t_show(corner: tuple[int, int]) -> None:
    """Another shade on every side, and four times the grain."""
    rng, (x, y) = np.random.default_rng(4), corner
    canvas = (120 + rng.normal(0, 4, (200, 300, 1)) + np.zeros(3)).clip(0, 255).astype(np.uint8)
    slope = np.linspace(10, 30, 60)[:, None, None]
    painted = (120 + slope + rng.normal(0, 8, (60, 60, 1)) + np.zeros(3)).astype(np.uint8)
    seen = fitted(canvas, painted, outline(), x, y).astype(int)[outline() > 0]
    assert abs(seen.mean() - 120) < 3  # it was 20
    assert 3 < seen.std() < 5.5  # it was 10
