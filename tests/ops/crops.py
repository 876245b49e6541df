"""Crops for tests: drawn scenes, masks, grain as a VAE leaves it, and things in it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from infgen.ops.seeds import stream
from infgen.ops.shapes import draw_shape, snap_outward, target_shape
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
