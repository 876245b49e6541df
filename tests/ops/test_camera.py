"""Softness that is measured and matched, and the finish that all of a picture gets."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.blend import premultiply
from infgen.ops.camera import (
    FAINTEST_BLUR,
    MOST_BLUR,
    MOST_GRAIN,
    MOST_LOSS,
    SOFTEST,
    TILE,
    apply_finish,
    cutout_softness,
    draw_finish,
    missing_blur,
    soften,
    softness,
)
from infgen.ops.seeds import stream
from infgen.records.plan import Finish

NOTHING = Finish(0.0, 0.0, (0, 0), 0)


def blocks(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 of overlapping rectangles: sharp edges everywhere."""
    rng, picture = np.random.default_rng(seed), np.full((height, width, 3), 128, np.uint8)
    for _ in range(height * width // 400):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = rng.integers(6, 30, 2).tolist()
        cv2.rectangle(picture, (x, y), (x + w, y + h), rng.integers(256, size=3).tolist(), -1)
    return picture


def blurred(picture: np.ndarray, blur: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), blur)


def disc(picture: np.ndarray) -> np.ndarray:
    """A premultiplied patch of the picture's middle."""
    height, width = picture.shape[:2]
    alpha = np.zeros((height, width), np.uint8)
    cv2.circle(alpha, (width // 2, height // 2), min(height, width) // 2 - 4, 255, -1)
    return premultiply(np.dstack([picture, alpha]))


# ---- softness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_more_a_picture_is_blurred_the_softer_it_is(seed: int) -> None:
    picture = blocks(400, 300, seed)
    found = [softness(picture)] + [softness(blurred(picture, b)) for b in (0.5, 0.8, 1.2, 2.0)]
    assert all(one is not None for one in found)
    assert found == sorted(found)  # type: ignore[type-var]
    # the part of a picture tells what the picture tells
    inside = np.zeros((400, 300), bool)
    inside[50:300, 40:250] = True
    part = softness(blurred(picture, 1.2), inside)
    assert part == pytest.approx(found[3], rel=0.2)


def test_what_has_no_edges_has_no_softness() -> None:
    flat = np.full((200, 300, 3), 90, np.uint8)
    assert softness(flat) is None
    assert softness(flat, np.zeros((200, 300), bool)) is None
    ramp = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 200, 0)
    assert softness(np.ascontiguousarray(ramp.repeat(3, 2))) is None
    assert cutout_softness(np.full((3, 90, 4), 255, np.uint8)) is None
    assert cutout_softness(np.full((60, 90, 4), 255, np.uint8)) is None


def test_the_outline_of_a_cutout_doesn_t_tell_how_soft_it_is() -> None:
    flat = np.full((120, 120, 3), 200, np.uint8)
    assert cutout_softness(disc(flat)) is None
    sharp = blocks(120, 120)
    whole, cut = softness(sharp, np.ones((120, 120), bool)), cutout_softness(disc(sharp))
    assert cut == pytest.approx(whole, rel=0.25)


def test_no_blur_is_missing_where_a_thing_is_as_soft_or_nobody_can_tell() -> None:
    assert missing_blur(0.5, 0.5) == missing_blur(0.9, 0.2) == 0
    assert missing_blur(None, 0.9) == missing_blur(0.1, None) == missing_blur(None, None) == 0
    found = [missing_blur(0.1, scene) for scene in (0.1, 0.2, 0.4, 0.8, 1.6, 99.0)]
    assert found == sorted(found) and found[-1] == SOFTEST
    assert all(blur == 0 or blur >= FAINTEST_BLUR for blur in found)


@pytest.mark.parametrize("blur", [0.6, 0.9, 1.3])
@pytest.mark.parametrize("seed", range(3))
def test_softened_cutouts_are_about_as_soft_as_their_scene(blur: float, seed: int) -> None:
    scene = softness(blurred(blocks(480, 640, seed), blur))
    patch = disc(blocks(160, 160, seed + 10))
    own = cutout_softness(patch)
    soft, _ = soften(patch, missing_blur(own, scene))
    after = cutout_softness(soft)
    assert own is not None and scene is not None and after is not None
    assert abs(after - scene) < 0.5 * (scene - own)


@given(st.integers(1, 30), st.integers(1, 30), st.floats(FAINTEST_BLUR, SOFTEST), st.integers(0))
def test_a_softened_patch_stays_premultiplied_and_keeps_all_of_itself(
    height: int, width: int, blur: float, seed: int
) -> None:
    wild = np.random.default_rng(seed).integers(-200, 456, (height, width, 4))
    patch = premultiply(np.clip(wild, 0, 255).astype(np.uint8))
    soft, margin = soften(patch, blur)
    assert soft.shape == (height + 2 * margin, width + 2 * margin, 4)
    assert (soft[..., :3] <= soft[..., 3:]).all()
    rounding = soft.shape[0] * soft.shape[1]
    assert abs(soft.astype(int).sum((0, 1)) - patch.astype(int).sum((0, 1))).max() <= rounding


def test_no_blur_changes_nothing() -> None:
    patch = disc(blocks(40, 50))
    assert soften(patch, 0.0) == (patch, 0)


# ---- the finish ----------------------------------------------------------------------------------


def test_strength_0_is_no_finish_and_none_is_beyond_its_bounds() -> None:
    assert draw_finish(stream(0, 0, "finish"), 0.0) is None
    for strength in (0.1, 0.5, 1.0):
        drawn = [draw_finish(stream(1, index, "finish"), strength) for index in range(200)]
        for one in drawn:
            assert one is not None
            assert strength * MOST_BLUR / 2 - 1e-3 <= one.blur <= strength * MOST_BLUR + 1e-3
            assert strength * MOST_GRAIN / 2 - 0.25 <= one.grain <= strength * MOST_GRAIN + 0.25
            assert 0 <= one.quality_loss <= strength * MOST_LOSS
            assert all(0 <= at < TILE for at in one.grain_at)
        assert len({one.grain_at for one in drawn if one}) > 190
        assert len({one.quality_loss for one in drawn if one}) > strength * MOST_LOSS / 2


def test_a_finish_of_nothing_is_a_copy() -> None:
    picture = blocks(50, 70)
    seen = apply_finish(picture, NOTHING)
    assert (seen == picture).all() and not np.shares_memory(seen, picture)


def test_grain_is_as_strong_as_it_says_alike_in_all_channels_and_without_a_shift() -> None:
    flat = np.full((300, 400, 3), (90, 120, 150), np.uint8)
    for grain in (1.0, 2.5, 6.0):
        change = apply_finish(flat, Finish(0.0, grain, (100, 400), 0)).astype(int) - flat
        assert abs(change.mean()) < 0.05
        assert change[..., 0].std() == pytest.approx(grain, rel=0.08)
        assert np.ptp(change, axis=2).max() == 0
        beside = (change[:, 1:, 0] * change[:, :-1, 0]).mean() / grain**2
        assert abs(beside) < 0.02  # no pattern


def test_blur_softens_and_an_edge_stays_where_it_was() -> None:
    edge = np.full((40, 200, 3), 90, np.uint8)
    edge[:, 100:] = 220
    softer = apply_finish(edge, Finish(0.6, 0.0, (0, 0), 0))
    assert 90 < softer[20, 99, 0] < softer[20, 100, 0] < 220
    assert int(softer[20, 99, 0]) + int(softer[20, 100, 0]) == 90 + 220
    steep = apply_finish(edge, Finish(0.3, 0.0, (0, 0), 0))
    assert steep[20, 99, 0] < softer[20, 99, 0]


def test_grain_goes_around_a_canvas_larger_than_its_tile() -> None:
    flat = np.full((TILE + 60, 2 * TILE + 9, 3), 128, np.uint8)
    seen = apply_finish(flat, Finish(0.0, 3.0, (500, 77), 0))
    assert (seen[:, TILE:] == seen[:, : TILE + 9]).all()
    assert (seen[TILE:] == seen[:60]).all()
    shifted = apply_finish(flat, Finish(0.0, 3.0, (0, 0), 0))
    assert (shifted[77:400, 500:TILE] == seen[: 400 - 77, : TILE - 500]).all()


def test_the_finish_that_every_machine_must_make() -> None:
    """In whole numbers, so the same everywhere: whoever changes it raises RECIPE in
    batch/fingerprint.py."""
    seen = apply_finish(blocks(90, 120), Finish(0.45, 2.5, (300, 20), 4))
    assert hashlib.sha256(seen.tobytes()).hexdigest() == FINISHED


FINISHED = "2375bb3ee16789da208d56b469542de2de7f098d3d2aa5b2dc5d6a9605b374ec"
