"""Every way to harmonize: nearer to the scene, never far, no shade lost, no label changed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.blend import premultiply
from infgen.ops.harmonize import FARTHEST, HARMONIZE, STRENGTH, harmonized
from infgen.ops.lab import to_lab
from tests.ops.test_blend import disc, noise

CHANGES = sorted(set(HARMONIZE) - {"none"})
AT = (40, 30)


def thing(side=80, colour=(190, 90, 60), spread=30, seed=0):
    """A premultiplied disc of smooth shades around a colour."""
    coarse = np.random.default_rng(seed).normal(0, spread, (5, 5, 1)).astype(np.float32)
    shades = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    rgb = np.clip(np.array(colour) + shades, 0, 255).astype(np.uint8)
    return premultiply(np.dstack([rgb, disc(side, 255, 0)[..., 3]]))


def scene(colour, spread=20, seed=1):
    rng = np.random.default_rng(seed)
    return np.clip(np.array(colour) + rng.normal(0, spread, (160, 200, 3)), 0, 255).astype(np.uint8)


def mean_lab(pixels):
    return to_lab(pixels.reshape(-1, 3)).mean(axis=1)


SCENES = [(30, 40, 70), (230, 225, 200), (60, 160, 70), (128, 128, 128)]


@pytest.mark.parametrize("name", HARMONIZE)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_alpha_stays_and_colour_never_exceeds_it(name, height, width, seed):
    patch = premultiply(noise(height, width, 4, seed))
    canvas, before = noise(40, 50, 3, seed + 1), patch.copy()
    after = harmonized(patch, canvas, 3, 2, name)
    assert (patch == before).all() and after.dtype == np.uint8
    assert (after[..., 3] == before[..., 3]).all()
    assert (after[..., :3] <= after[..., 3:]).all()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("colour", SCENES)
def test_an_object_comes_nearer_to_its_scene_but_never_all_the_way(name, colour):
    patch, canvas = thing(), scene(colour)
    after = harmonized(patch, canvas, *AT, name)
    solid = patch[..., 3] == 255
    there, was, now = (
        mean_lab(part) for part in (canvas, patch[solid][:, :3], after[solid][:, :3])
    )
    size = 1 if name == "lighting" else 3  # it leaves hues as they are
    before, left = (np.linalg.norm((one - there)[:size]) for one in (was, now))
    assert left < before and left > 0.3 * before
    moved = abs(to_lab(after[solid][:, :3]) - to_lab(patch[solid][:, :3]))
    assert (np.quantile(moved, 0.9, axis=1) <= FARTHEST[:, 0] + 1).all()
    assert (moved <= FARTHEST + 8).all()  # some colours are cut off to what screens show


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("colour", SCENES)
def test_no_shades_become_one(name, colour):
    """Within what the object's contrast loses: no banding."""
    patch = thing(side=120, spread=45)
    solid = patch[..., 3] == 255
    after = harmonized(patch, scene(colour), *AT, name)[solid][:, :3]
    levels = [len(np.unique(pixels, axis=0)) for pixels in (patch[solid][:, :3], after)]
    assert levels[1] >= 0.7 * levels[0]
    order = patch[solid][:, 1].argsort(kind="stable")
    steps = np.diff(to_lab(after[order])[0])
    assert abs(steps).max() < 3  # neighbouring shades stay neighbours


@pytest.mark.parametrize("name", CHANGES)
def test_neighbours_of_one_shade_stay_alike(name):
    """A flat white thing in the dark gets no blotches (frequent colours are where matching whole
    histograms makes them)."""
    patch = thing(colour=(252, 252, 252), spread=2)
    after = harmonized(patch, scene((20, 25, 40)), *AT, name)
    solid = cv2.erode(patch[..., 3], np.ones((3, 3))) == 255
    steps = np.abs(np.diff(after[..., 1].astype(int), axis=1))[:, :]
    assert steps[solid[:, 1:] & solid[:, :-1]].max() <= 6


def test_none_is_the_patch_itself_and_specks_tell_too_little():
    patch = thing()
    assert harmonized(patch, scene(SCENES[0]), *AT, "none") is patch
    speck = np.full((3, 3, 4), 255, np.uint8)
    for name in CHANGES:
        assert harmonized(speck, scene(SCENES[0]), *AT, name) is speck


@pytest.mark.parametrize("name", ["meanstd", "histogram"])
def test_contrast_follows_the_scene_s(name):
    flat, rich = (
        harmonized(thing(spread=30), scene((128,) * 3, spread), *AT, name) for spread in (2, 60)
    )
    solid = flat[..., 3] == 255
    lightness = [to_lab(one[solid][:, :3])[0].std() for one in (flat, rich)]
    assert lightness[0] < 0.95 * lightness[1]


def test_an_object_is_lit_from_where_its_scene_is_bright():
    for axis in (0, 1):
        ramp = np.linspace(40, 220, (160, 200)[axis])
        canvas = np.broadcast_to(ramp[:, None, None] if axis == 0 else ramp[:, None],
                                 (160, 200, 3)).astype(np.uint8)  # fmt: skip
        after = harmonized(thing(colour=(120, 120, 120), spread=0), canvas, 60, 40, "lighting")
        lit = after[..., 1].astype(float) if axis == 0 else after[..., 1].T.astype(float)
        assert lit[60:70, 40].mean() > lit[10:20, 40].mean() + 8
        across = after[40, :, 1] if axis == 0 else after[:, 40, 1]
        assert np.ptp(across[10:70].astype(int)) <= 4  # and only that way


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("at", [(0, 0), (120, 80)])
def test_at_the_corners_of_a_canvas_there_is_scene_enough(name, at):
    patch = thing()
    after = harmonized(patch, scene((30, 40, 70)), *at, name)
    assert after[40, 40, :3].astype(int).sum() < patch[40, 40, :3].astype(int).sum()
    assert STRENGTH < 1
