"""What appeared in a crop is outlined by its change alone: drawn things, on drawn scenes and on
photographs, with the ground around them painted anew."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infgen.ops.appearance import SIDE as MOST
from infgen.ops.appearance import change_map, outline, refined, rim_of
from infgen.ops.shapes import SHAPES
from infgen.records.box import Box
from tests.ops.crops import CELL, SIDE, grain, iou, masked, photos, scene, seeds, some, with_thing

__all__ = ["photos"]


@some
@given(seeds, st.sampled_from(sorted(SHAPES)))
@example(0, "blob")
def test_a_drawn_thing_is_found(seed, name):
    picture, (box, denoise) = scene(seed), masked(name, seed)
    after, thing = with_thing(grain(picture, seed), box, seed=seed)
    found = outline(picture, after, denoise, CELL)
    assert found.dtype == bool and found.shape == denoise.shape
    assert not (found & ~denoise).any()
    assert iou(found, thing) >= 0.8


def moved(photo, denoise, seed, reach=1.0):
    """The photograph with grain, and with what is masked moved by about `reach` pixels."""
    after = grain(photo, seed)
    rng = np.random.default_rng(seed)
    drift = [cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), 16) for _ in range(2)]
    y, x = np.mgrid[:SIDE, :SIDE]
    across, down = (reach * one / one.std() for one in drift)
    ground = cv2.remap(
        after,
        (x + across).astype(np.float32),
        (y + down).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    after[denoise] = ground[denoise]
    return after


def test_a_drawn_thing_is_found_on_photographs(photos):
    scores = []
    for number, photo in enumerate(photos):
        box, denoise = masked("superellipse", number)
        after, thing = with_thing(moved(photo, denoise, number), box, seed=number)
        scores.append(iou(outline(photo, after, denoise, CELL), thing))
    assert len(scores) >= 20
    assert min(scores) >= 0.8 and np.mean(scores) >= 0.95


@some
@given(seeds)
def test_noise_alone_is_no_object(seed):
    picture, (_, denoise) = scene(seed), masked("blob", seed)
    assert not outline(picture, grain(picture, seed, 4.0), denoise, CELL).any()
    assert not outline(picture, picture, denoise, CELL).any()


def test_a_ring_keeps_its_hole_and_small_gaps_close():
    picture, denoise = scene(contrast=5), np.zeros((SIDE, SIDE), bool)
    denoise[40:152, 40:152] = True
    after = picture.copy()
    cv2.circle(after, (96, 96), 40, (255, 0, 0), 14)
    after[96, 40:80] = picture[96, 40:80]  # a scratch
    found = outline(picture, after, denoise, CELL)
    assert found[96, 56] and found[60, 96] and not found[96, 96]
    assert cv2.connectedComponents(found.view(np.uint8))[0] == 2


@pytest.mark.parametrize("softness", [0.7, 1.2])
def test_a_ring_with_soft_edges_keeps_its_hole_too(softness):
    """Painted edges always are: what is in the hole then is like neither side of its rim."""
    picture, denoise = scene(contrast=5), np.zeros((SIDE, SIDE), bool)
    denoise[40:152, 40:152] = True
    ring = cv2.circle(np.zeros((SIDE, SIDE), np.float32), (96, 96), 40, 1.0, 14)
    soft = cv2.GaussianBlur(ring, (0, 0), softness)[..., None]
    after = (soft * np.array([255.0, 0, 0]) + (1 - soft) * picture).astype(np.uint8)
    found = outline(picture, grain(after, 1, 2.0), denoise, CELL)
    assert iou(found, ring > 0) > 0.75


def test_larger_parts_are_kept_and_specks_are_not():
    picture, denoise = scene(contrast=5), np.zeros((SIDE, SIDE), bool)
    denoise[24:168, 24:168] = True
    after = picture.copy()
    for middle, radius in (((60, 60), 24), ((120, 120), 20), ((60, 140), 3)):
        cv2.circle(after, middle, radius, (255, 0, 0), cv2.FILLED)
    found = outline(picture, after, denoise, CELL)
    assert found[60, 60] and found[120, 120] and not found[140, 60]


def test_what_changed_outside_of_the_mask_is_not_the_object():
    picture, denoise = scene(contrast=5), np.zeros((SIDE, SIDE), bool)
    denoise[96:160, 96:160] = True
    after = picture.copy()
    after[:, :30] = 255
    assert not outline(picture, after, denoise, CELL).any()


def test_a_speck_is_no_object():
    picture, (_, denoise) = scene(contrast=5), masked()
    after = picture.copy()
    after[90:94, 90:94] = 255
    assert not outline(picture, after, denoise, CELL).any()


def test_masks_of_everything_and_of_nothing_are_allowed():
    picture = scene(contrast=5)
    after, thing = with_thing(picture, Box(40, 40, 150, 140))
    everything = np.ones((SIDE, SIDE), bool)
    assert iou(outline(picture, after, everything, CELL), thing) >= 0.8
    assert not outline(picture, after, ~everything, CELL).any()
    black, white = np.zeros_like(picture), np.full_like(picture, 255)
    assert outline(black, white, everything, CELL).all()


def beside_another(seed, side=SIDE):
    """(before, after, denoise, thing): a green disk, and beside it ground over a part of a red one,
    which changed as much."""
    before, denoise = scene(seed, contrast=10, side=side), np.zeros((side, side), bool)
    ground = before.copy()
    low, high, middle = side // 4, side * 4 // 5, side // 2
    cv2.circle(before, (low, middle), side // 7, (250, 20, 10), cv2.FILLED)
    denoise[low:high, low:high] = True
    after = before.copy()
    after[denoise] = ground[denoise]
    thing = cv2.circle(np.zeros((side, side), np.uint8), (middle, middle), side // 6, 1, -1) != 0
    after[thing] = (20, 190, 40)
    return before, grain(after, seed), denoise, thing


@pytest.mark.parametrize("side", [SIDE, MOST * 2])
def test_colours_leave_out_what_changed_beside_the_object(side):
    ious = []
    for seed in range(6):
        before, after, denoise, thing = beside_another(seed, side)
        first = outline(before, after, denoise, CELL)
        second = refined(first, before, after, denoise, CELL)
        assert not (second & ~denoise).any() and iou(second, thing) >= iou(first, thing) - 0.01
        ious.append((iou(first, thing), iou(second, thing)))
    first, second = np.mean(ious, axis=0)
    assert second >= 0.95 and second > first + 0.05


def test_what_colours_cannot_tell_stays_as_it_was():
    picture, (box, denoise) = scene(2), masked("blob", 2)
    after, _ = with_thing(grain(picture, 2), box, seed=2)
    nothing, everything = np.zeros_like(denoise), np.ones_like(denoise)
    assert not refined(nothing, picture, after, denoise, CELL).any()
    assert refined(everything, picture, after, everything, CELL).all()
    speck = nothing.copy()
    speck[100:103, 100:103] = True
    assert np.array_equal(refined(speck, picture, after, denoise, CELL), speck)


@pytest.mark.parametrize("side", [MOST * 2, MOST * 4])
def test_large_crops_have_the_outlines_of_small_ones(side):
    picture, (box, denoise) = scene(3), masked("ellipse", 3)
    after, _ = with_thing(grain(picture, 3), box, seed=3)
    small = [cv2.resize(one, (MOST, MOST)) for one in (picture, after)]
    large = [cv2.resize(one, (side, side)) for one in (picture, after)]
    room = cv2.resize(denoise.astype(np.uint8), (MOST, MOST)) != 0
    wide = cv2.resize(denoise.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) != 0
    one, other = outline(*small, room, 8), outline(*large, wide, 8 * side // MOST)
    assert other.shape == (side, side)
    grown = cv2.resize(one.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) != 0
    assert iou(grown, other) >= 0.9


def test_equal_pictures_have_equal_outlines_on_any_thread():
    from concurrent.futures import ThreadPoolExecutor

    picture, (box, denoise) = scene(5), masked("blob", 5)
    after, _ = with_thing(grain(picture, 5), box, seed=5)
    first = outline(picture, after, denoise, CELL)
    with ThreadPoolExecutor(4) as threads:
        others = list(threads.map(lambda _: outline(picture, after, denoise, CELL), range(8)))
    assert all(np.array_equal(first, other) for other in others)


def test_texture_that_moved_by_a_pixel_is_no_change():
    picture = scene(1)
    assert change_map(picture, np.roll(picture, 1, axis=1))[16:-16, 16:-16].max() < 1
    assert change_map(picture, 255 - picture).mean() > 20


def test_the_rim_runs_along_the_mask_and_not_along_the_crop():
    denoise = np.zeros((32, 32), bool)
    denoise[8:, 8:24] = True
    rim = rim_of(denoise, 2)
    assert rim[8:10, 8:24].all() and rim[20, 8:10].all() and rim[20, 22:24].all()
    assert not rim[31, 12:20].any() and not (rim & ~denoise).any()
