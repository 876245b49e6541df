"""Colour shifts taken out, and drawn things found, on real photographs and on drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.matching import GAIN_RANGE, MAX_OFFSET, match_colour
from infgen.ops.shapes import SHAPES
from tests.ops.crops import (
    CELL,
    SIDE,
    grain,
    masked,
    mean_error,
    photos,
    scene,
    seeds,
    shifted,
    some,
    with_thing,
)

__all__ = ["photos"]

gains = st.tuples(*[st.floats(0.88, 1.14)] * 3)
offsets = st.tuples(*[st.floats(-12, 12)] * 3)


@some
@given(seeds, st.sampled_from(sorted(SHAPES)), gains, offsets)
def test_a_gain_and_an_offset_are_taken_out(seed, name, gain, offset):
    picture, (_, denoise) = scene(seed, contrast=30), masked(name, seed)
    painted = shifted(grain(picture, seed), gain, offset)
    matched = match_colour(painted, picture, denoise, CELL)
    assert matched.dtype == np.uint8 and matched.shape == painted.shape
    assert mean_error(matched, picture, denoise) <= 1.5
    assert mean_error(matched, picture, ~denoise) <= 1.5
    assert abs(matched[denoise].std() / grain(picture, seed)[denoise].std() - 1) < 0.04


def test_photographs_lose_a_colour_cast(photos):
    for number, photo in enumerate(photos):
        _, denoise = masked("superellipse", number)
        toned = np.clip(photo, 10, 225)  # room for the shift
        painted = shifted(grain(toned, number), (1.08, 0.95, 1.04), (6, 5, -7))
        matched = match_colour(painted, toned, denoise, CELL)
        assert mean_error(painted, toned, denoise) > 5
        assert mean_error(matched, toned, denoise) <= 2


@some
@given(seeds, gains, offsets, st.floats(0, 0.25))
def test_what_was_painted_into_the_ring_does_not_count(seed, gain, offset, share):
    """A shadow or highlight next to the object, over up to a quarter of the ring."""
    picture, (_, denoise) = scene(seed, contrast=30), masked("ellipse", seed)
    painted = shifted(grain(picture, seed), gain, offset)
    cells = np.random.default_rng(seed).random((SIDE // CELL,) * 2) < share * 0.8
    splash = cells.repeat(CELL, 0).repeat(CELL, 1) & ~denoise
    painted[splash] = (250, 240, 5)
    matched = match_colour(painted, picture, denoise, CELL)
    assert mean_error(matched, picture, denoise) <= 3


def test_what_is_under_the_mask_does_not_count():
    picture, (box, denoise) = scene(), masked()
    painted = grain(picture)
    alone = match_colour(painted, picture, denoise, CELL)
    thing, mask = with_thing(painted, box, (255, 0, 0))
    assert denoise[mask].all()
    with_it = match_colour(thing, picture, denoise, CELL)
    assert (with_it[~mask] == alone[~mask]).all()


@some
@given(seeds, st.sampled_from([0, 3, 50]))
def test_equal_pictures_stay_as_they_are(seed, contrast):
    picture, (_, denoise) = scene(seed, contrast), masked("blob", seed)
    assert (match_colour(picture, picture.copy(), denoise, CELL) == picture).all()


@some
@given(seeds)
def test_grain_alone_is_no_reason_to_change_anything_much(seed):
    """Noise adds contrast; a match of standard deviations would take contrast away."""
    picture, (_, denoise) = scene(seed, contrast=4), masked("blob", seed)
    painted = grain(picture, seed, strength=8)
    matched = match_colour(painted, picture, denoise, CELL)
    assert abs(matched.astype(int) - painted).mean() <= 1


def test_a_ring_painted_anew_says_little_about_contrast():
    ratios = []
    for seed in range(30):
        _, denoise = masked("blob", seed)
        painted, reference = scene(seed, contrast=25), scene(seed + 100, contrast=25)
        matched = match_colour(painted, reference, denoise, CELL)
        ratios += list(matched[denoise].std(axis=0) / painted[denoise].std(axis=0))
    assert np.median(np.abs(np.log(ratios))) < 0.05
    assert GAIN_RANGE[0] - 0.02 < min(ratios) and max(ratios) < 1 / GAIN_RANGE[0] + 0.02


def test_a_flat_ring_tells_an_offset_and_no_gain():
    _, denoise = masked()
    reference = np.full((SIDE, SIDE, 3), (90, 150, 210), np.uint8)
    painted = shifted(reference, (1, 1, 1), (9, -7, 5))
    painted[denoise] = scene()[denoise]
    matched = match_colour(painted, reference, denoise, CELL)
    assert (matched[~denoise] == reference[~denoise]).all()
    inner = scene()[denoise].astype(int) - (9, -7, 5)
    assert (matched[denoise] == inner.clip(0, 255)).all()


def test_too_small_a_ring_tells_nothing():
    reference, painted = scene(0), scene(1)
    everything = np.ones((SIDE, SIDE), bool)
    assert (match_colour(painted, reference, everything, CELL) == painted).all()
    assert (match_colour(painted, reference, ~everything, CELL) == painted).all()
    everything[:CELL, : 7 * CELL] = False
    assert (match_colour(painted, reference, everything, CELL) == painted).all()


@pytest.mark.parametrize("level", [0, 255])
def test_a_black_or_white_picture_is_corrected_within_limits_only(level):
    _, denoise = masked()
    painted, reference = np.full((SIDE, SIDE, 3), level, np.uint8), scene()
    matched = match_colour(painted, reference, denoise, CELL)
    assert abs(matched.astype(int) - painted).max() <= (MAX_OFFSET + 1) / GAIN_RANGE[0]


def test_what_is_cut_off_at_white_does_not_count():
    """Half the ring is a bright sky that the gain pushes to white."""
    picture, (_, denoise) = scene(contrast=20), masked("ellipse")
    picture[: SIDE // 2] = (250, 245, 252)
    painted = shifted(picture, (1.1, 1.1, 1.1), (0, 0, 0))
    matched = match_colour(painted, picture, denoise, CELL)
    ground = denoise.copy()
    ground[: SIDE // 2] = False
    assert mean_error(matched, picture, ground) <= 1.5
