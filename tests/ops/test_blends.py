"""Every blend: what it does to edges, where it changes pixels, and that it hits its label."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.blend import OPAQUE, premultiply
from infgen.ops.blends import BLENDS, REACH, blend_edges, lay
from tests.ops.test_blend import disc, noise, seeds, sides

CLONES = ("poisson", "mixed")


def laid(canvas, patch, x, y, blend):
    after = canvas.copy()
    lay(after, blend_edges(patch, blend), x, y, blend)
    return after


def belongs(patch, blend):
    return blend_edges(patch, blend)[..., 3] >= OPAQUE


def outlined(height, width, rgb, mask):
    """A premultiplied patch: colours (h, w, 3) in a mask (h, w) bool."""
    return premultiply(np.dstack([np.broadcast_to(rgb, (height, width, 3)).astype(np.uint8),
                                  255 * mask.astype(np.uint8)]))  # fmt: skip


# ---- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("blend", BLENDS)
@given(sides, sides, seeds)
def test_a_blend_brings_nothing_back_and_colours_stay(blend, height, width, seed):
    patch = premultiply(noise(height, width, 4, seed))
    before = patch.copy()
    after = blend_edges(patch, blend)
    assert (patch == before).all()  # it may be a cache's
    assert (after[before[..., 3] < OPAQUE] <= before[before[..., 3] < OPAQUE]).all()
    assert blend == "hard" or (after <= before).all()
    assert (after[..., :3] <= after[..., 3:]).all()  # still premultiplied
    kept = after[..., 3:].astype(int)
    exact = before[..., :3].astype(int) * kept / np.maximum(before[..., 3:].astype(int), 1)
    assert abs(after[..., :3] - exact).max() < 1
    belonged, now = before[..., 3] >= OPAQUE, after[..., 3] >= OPAQUE
    assert 2 * now.sum() >= belonged.sum()  # nothing is blended away


@pytest.mark.parametrize("blend", BLENDS)
def test_what_becomes_of_the_edge_is_a_matter_of_the_edge(blend):
    patch = premultiply(np.dstack([noise(90, 90, 3), disc(90, 255, 0)[..., 0]]))
    after = blend_edges(patch, blend)
    solid = np.pad(patch[..., 3] == 255, 1).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)[1:-1, 1:-1]
    assert (after == patch)[depth > 6].all()
    assert (after[patch[..., 3] == 0] == 0).all()


def test_alpha_is_the_patch_itself_and_hard_is_all_or_nothing():
    soft = cv2.GaussianBlur(disc(60, 255, 0)[..., 3], (9, 9), 2)
    patch = premultiply(np.dstack([noise(60, 60, 3), soft]))
    assert blend_edges(patch, "alpha") is patch
    hard = blend_edges(patch, "hard")[..., 3]
    assert set(np.unique(hard)) == {0, 255} and ((hard == 255) == (soft >= OPAQUE)).all()


@pytest.mark.parametrize("blend", BLENDS)
def test_hairs_and_glass_survive_every_blend(blend):
    hair = np.zeros((40, 40, 4), np.uint8)
    hair[:, 20] = 255
    assert (blend_edges(hair, blend) == hair).all()
    glass = np.full((40, 40, 4), 150, np.uint8)
    clear = 255 if blend == "hard" else 150
    assert (blend_edges(glass, blend)[10:30, 10:30] == clear).all()


# ---- laying --------------------------------------------------------------------------------------


@st.composite
def scenes(draw):
    """A canvas, and a patch of noise at a place where all of it lies on the canvas."""
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    h, w = draw(st.integers(1, height)), draw(st.integers(1, width))
    seed = draw(seeds)
    patch = premultiply(noise(h, w, 4, seed))
    at = draw(st.integers(0, width - w)), draw(st.integers(0, height - h))
    return noise(height, width, 3, seed + 1), patch, *at


@pytest.mark.parametrize("blend", BLENDS)
@given(scenes())
def test_nothing_changes_beyond_a_blend_s_reach(blend, scene):
    canvas, patch, x, y = scene
    after = laid(canvas, patch, x, y, blend)
    assert after.shape == canvas.shape and after.dtype == np.uint8
    near = np.zeros(canvas.shape[:2], np.uint8)
    alpha = blend_edges(patch, blend)[..., 3]
    near[y : y + len(patch), x : x + patch.shape[1]] = alpha > 0
    if blend == "laplacian":
        near = cv2.dilate(near, np.ones((2 * REACH + 1,) * 2, np.uint8))
    assert (after == canvas)[near == 0].all()


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("at", [(0, 0), (7, 3), (60, 40), (33, 21)])
def test_objects_land_exactly_where_their_label_says(blend, at):
    """An L, whose bounding box has another middle than it has itself (OpenCV's seamlessClone goes
    by the box): its texture is found where it belongs to the pixel, and all of it changes."""
    mask = np.zeros((60, 40), bool)
    mask[:, :12] = mask[-12:] = True
    wave = np.random.default_rng(2).choice((-30, 30), (60, 40))
    patch = outlined(60, 40, (170 + wave)[..., None], mask)
    canvas = np.full((100, 100, 3), 90, np.uint8)
    x, y = at
    change = laid(canvas, patch, x, y, blend).astype(np.float32)[..., 0] - 90
    texture = np.where(mask, wave, 0).astype(np.float32)  # without a mean: only its place counts
    found = cv2.matchTemplate(change, texture, cv2.TM_CCORR)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (int(column), int(row)) == at
    inside = change[y : y + 60, x : x + 40]
    assert (inside[belongs(patch, blend)] != 0).mean() > 0.95


@pytest.mark.parametrize("blend", BLENDS)
def test_an_object_keeps_its_inside(blend):
    """Bounded: no blend shifts the colours of a whole object to those of its scene."""
    patch = outlined(120, 120, (200, 60, 20), disc(120, 255, 0)[..., 3] > 0)
    after = laid(np.full((160, 160, 3), (20, 90, 220), np.uint8), patch, 20, 20, blend)
    assert abs(after[75:85, 75:85].astype(int) - (200, 60, 20)).max() <= 16


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (5, 3)])
@pytest.mark.parametrize("canvas", [(1, 1), (9, 9), (12, 10)])
def test_tiny_objects_and_those_that_fill_the_canvas_can_be_seen(blend, shape, canvas):
    h, w = min(shape[0], canvas[0]), min(shape[1], canvas[1])
    patch = np.full((h, w, 4), 255, np.uint8)
    after = laid(np.zeros((*canvas, 3), np.uint8), patch, 0, 0, blend)
    assert (after[:h, :w][belongs(patch, blend)] > 60).any()
    if (h, w) == canvas:
        assert (after[belongs(patch, blend)] == 255).all()


@pytest.mark.parametrize("blend", BLENDS)
def test_an_object_at_the_border_isn_t_drawn_to_what_it_hides_there(blend):
    """The canvas has no pixel beyond its border to go over into: there the object is its own."""
    patch = outlined(60, 60, (200, 200, 200), np.ones((60, 60), bool))
    after = np.full((60, 160, 3), 40, np.uint8)
    lay(after, patch, 0, 0, blend)
    assert (after[:, :35] >= 195).all()


@pytest.mark.parametrize("blend", sorted({*BLENDS} - {"mixed"}))
def test_an_object_of_its_scene_s_own_colour_can_t_be_seen(blend):
    canvas = np.full((90, 90, 3), (70, 120, 30), np.uint8)
    patch = premultiply(np.dstack([canvas[:60, :60], disc(60, 255, 0)[..., 3]]))
    after = laid(canvas, patch, 15, 15, blend)
    assert abs(after.astype(int) - canvas).max() <= 1


@pytest.mark.parametrize("blend", CLONES)
def test_a_clone_changes_nothing_but_the_object_s_pixels(blend):
    canvas = noise(90, 90, 3, 1)
    soft = cv2.GaussianBlur(disc(60, 255, 0)[..., 3], (9, 9), 2)
    patch = premultiply(np.dstack([noise(60, 60, 3), soft]))
    changed = (laid(canvas, patch, 15, 15, blend) != canvas).any(axis=2)
    its = np.zeros((90, 90), bool)
    its[15:75, 15:75] = belongs(patch, blend)
    assert not changed[~its].any() and changed[its].mean() > 0.95


def test_clones_go_over_into_the_scene_and_alpha_does_not():
    canvas = np.full((120, 120, 3), 50, np.uint8)
    patch = outlined(80, 80, (200, 200, 200), disc(80, 255, 0)[..., 3] > 0)
    steepest = {
        blend: np.abs(np.diff(laid(canvas, patch, 20, 20, blend)[60, :, 0].astype(int))).max()
        for blend in BLENDS
    }
    assert steepest["alpha"] == steepest["hard"] == 150
    assert steepest["poisson"] <= 30 and steepest["mixed"] <= 30
    assert steepest["laplacian"] < 110 and steepest["gaussian"] < steepest["feather"] < 150


def test_mixed_shows_the_scene_s_texture_and_poisson_does_not():
    stripes = np.zeros((120, 120, 3), np.uint8)
    stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 200
    patch = outlined(80, 80, (120, 120, 120), np.ones((80, 80), bool))
    spread = {blend: laid(stripes, patch, 20, 20, blend)[50:70, 50:70].std() for blend in CLONES}
    assert spread["mixed"] > 40 > 10 > spread["poisson"]


def test_blends_differ():
    patch = premultiply(np.dstack([noise(60, 60, 3), cv2.GaussianBlur(
        disc(60, 255, 0)[..., 3], (5, 5), 1)]))  # fmt: skip
    outcomes = {laid(noise(80, 80, 3, 1), patch, 10, 10, blend).tobytes() for blend in BLENDS}
    assert len(outcomes) == len(BLENDS)
