"""Colour shifts taken out, and drawn things found, on real photographs and on drawn ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infgen.ops.matching import GAIN_RANGE, MAX_OFFSET, change_map, match_colour
from infgen.ops.seeds import stream
from infgen.ops.shapes import SHAPES, draw_shape, snap_outward, target_shape
from infgen.ops.windows import context_window
from infgen.records.box import Box

SIDE, CELL = 192, 8
COLOURS = [(r, g, b) for r in (15, 240) for g in (15, 240) for b in (15, 240)]
seeds = st.integers(0, 2**32)
some = settings(max_examples=20, deadline=None)  # noise of this size takes its time


def scene(seed=0, contrast=50, side=SIDE):
    """Soft coloured shapes and grain, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    broad = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 3)), (0, 0), 12)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 3)), (0, 0), 1.5)
    mixed = broad / broad.std() + 0.3 * fine / fine.std()
    return np.clip(120 + contrast * mixed, 0, 255).astype(np.uint8)


def masked(name="blob", seed=0, side=SIDE, cell=CELL):
    """(box, denoise mask) in the middle of a crop."""
    box = Box(side * 0.22, side * 0.25, side * 0.8, side * 0.72)
    window = context_window(box, (side, side), side, cell)
    assert window.scale == 1
    parameters = draw_shape(stream(seed, 0, "test"), [name])
    return box, snap_outward(target_shape(window, box, parameters), cell)


def shifted(picture, gain, offset):
    """With a gain and an offset per channel."""
    return np.clip(np.rint(picture * np.array(gain) + np.array(offset)), 0, 255).astype(np.uint8)


def grain(picture, seed=0, strength=2.0):
    """As a VAE leaves it: a little softer, and noisy."""
    noise = np.random.default_rng(seed).normal(0, strength, picture.shape)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7)
    return np.clip(np.rint(soft + noise), 0, 255).astype(np.uint8)


def apart(pixels, colour):
    """How far (n, 3) pixels are from a colour, in the channel that shows it most."""
    return abs(pixels.astype(int) - colour).max(axis=1)


def with_thing(picture, box, colour=None, seed=0):
    """The picture with a filled ellipse or polygon in the box, and its mask. By default the colour
    is far from the picture's own."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(picture.shape[:2], np.uint8)
    x, y = (int(middle) for middle in box.center)
    half = int(box.width / 2 - 2), int(box.height / 2 - 2)
    if rng.random() < 0.5:
        cv2.ellipse(mask, (x, y), half, 0, 0, 360, 1, cv2.FILLED)
    else:
        turns = np.linspace(0, 2 * np.pi, 7, endpoint=False) + rng.random() * np.pi
        points = np.stack((x + half[0] * np.cos(turns), y + half[1] * np.sin(turns)), axis=1)
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    if colour is None:
        colour = max(COLOURS, key=lambda one: np.quantile(apart(picture[mask != 0], one), 0.05))
    painted = picture.copy()
    painted[mask != 0] = colour
    return painted, mask != 0


def mean_error(painted, reference, where):
    return abs(painted[where].astype(float).mean(axis=0) - reference[where].mean(axis=0)).max()


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope="module")
def photos(shared_data):
    """Square real photographs, (SIDE, SIDE, 3) uint8 RGB."""
    files = sorted((shared_data / "backgrounds").glob("*.jpg"))
    assert len(files) >= 20
    found = []
    for file in files:
        picture = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        short = min(picture.shape[:2])
        y, x = ((side - short) // 2 for side in picture.shape[:2])
        square = picture[y : y + short, x : x + short]
        found.append(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return found


# ---- match_colour --------------------------------------------------------------------------------

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


# ---- change_map ----------------------------------------------------------------------------------


@some
@given(seeds, st.sampled_from(sorted(SHAPES)))
@example(0, "blob")
def test_a_drawn_thing_is_found(seed, name):
    picture, (box, denoise) = scene(seed), masked(name, seed)
    after, thing = with_thing(grain(picture, seed), box, seed=seed)
    found = change_map(picture, after, denoise)
    assert found.dtype == bool and found.shape == denoise.shape
    assert not (found & ~denoise).any()
    assert iou(found, thing) >= 0.8


def test_a_drawn_thing_is_found_on_photographs(photos):
    """With grain everywhere and the ground under the mask moved by up to a pixel or so."""
    scores = []
    for number, photo in enumerate(photos):
        box, denoise = masked("superellipse", number)
        after = grain(photo, number)
        rng = np.random.default_rng(number)
        drift = [cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), 16) for _ in range(2)]
        y, x = np.mgrid[:SIDE, :SIDE]
        moved = cv2.remap(
            after,
            (x + drift[0] / drift[0].std()).astype(np.float32),
            (y + drift[1] / drift[1].std()).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        after[denoise] = moved[denoise]
        assert change_map(photo, after, denoise).sum() <= 0.1 * denoise.sum()
        after, thing = with_thing(after, box, seed=number)
        scores.append(iou(change_map(photo, after, denoise), thing))
    assert len(scores) >= 20
    assert min(scores) >= 0.8


@some
@given(seeds)
def test_noise_alone_is_no_object(seed):
    picture, (_, denoise) = scene(seed), masked("blob", seed)
    assert not change_map(picture, grain(picture, seed, 4.0), denoise).any()
    assert not change_map(picture, picture, denoise).any()


def test_of_several_parts_the_largest_is_taken_and_holes_are_filled():
    picture, denoise = scene(contrast=5), np.zeros((SIDE, SIDE), bool)
    denoise[40:216, 40:216] = True
    after = picture.copy()
    cv2.circle(after, (110, 110), 40, (255, 0, 0), 12)
    cv2.circle(after, (190, 190), 12, (255, 0, 0), cv2.FILLED)
    found = change_map(picture, after, denoise)
    assert found[110, 110] and found[110, 150] and not found[190, 190]
    assert cv2.connectedComponents(found.view(np.uint8))[0] == 2


def test_what_changed_outside_of_the_mask_is_not_the_object():
    picture, denoise = scene(contrast=5), np.zeros((SIDE, SIDE), bool)
    denoise[96:160, 96:160] = True
    after = picture.copy()
    after[:, :30] = 255
    assert not (change_map(picture, after, denoise) & ~denoise).any()


def test_a_speck_is_no_object():
    picture, (_, denoise) = scene(contrast=5), masked()
    after = picture.copy()
    after[120:125, 120:125] = 255
    assert not change_map(picture, after, denoise).any()


def test_masks_of_everything_and_of_nothing_are_allowed():
    picture = scene(contrast=5)
    after, thing = with_thing(picture, Box(60, 60, 200, 180))
    assert iou(change_map(picture, after, np.ones((SIDE, SIDE), bool)), thing) >= 0.8
    assert not change_map(picture, after, np.zeros((SIDE, SIDE), bool)).any()
