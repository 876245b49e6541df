"""Pictures, outlines and recipes to change."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from hypothesis import strategies as st

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.picture import Piece
from infgen.ops.augment.warp import FILLS
from infgen.ops.masks import tight_box
from infgen.records.plan import Change

SIZE = (120, 90)
MOVES = [name for name, row in AUGMENTS.items() if row.matrix]
FINER = 8  # times, when outlines are painted

seeds = st.integers(0, 2**32)


@cache
def scenery(size=SIZE, channels=3):
    """Noise, the same each time, not to be written on."""
    noise = np.random.default_rng(5).integers(0, 256, (*size[::-1], channels), dtype=np.uint8)
    noise.flags.writeable = False
    return noise


def drawn(name, seed, fill="", **ranges):
    """A change by this row, drawn."""
    row = AUGMENTS[name]
    values = row.draw(np.random.default_rng(seed), ranges)
    return Change(name, values, fill if row.matrix else "")


@st.composite
def moves(draw, fills=tuple(FILLS)):
    """One to four changes that move things."""
    names = draw(st.lists(st.sampled_from(MOVES), min_size=1, max_size=4))
    fill = draw(st.sampled_from(fills))
    return [drawn(name, draw(seeds), fill) for name in names]


@st.composite
def polygons(draw, size=SIZE):
    """(n, 2) corners of an outline around a centre, neither tiny nor as large as the picture."""
    count = draw(st.integers(3, 8))
    rng = np.random.default_rng(draw(seeds))
    angles = (np.arange(count) + rng.random(count) * 0.7) * 2 * np.pi / count
    reach = min(size) * rng.uniform(0.2, 0.42, count)
    centre = np.array(size) * rng.uniform(0.35, 0.65, 2)
    corners = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.clip(corners, 1, np.array(size) - 1)


def painted(polygon, size=SIZE):
    """(H, W) bool, the pixels that lie more than half inside, by painting it many times finer."""
    width, height = size
    fine = np.zeros((height * FINER, width * FINER), np.uint8)
    cv2.fillPoly(fine, [np.rint(polygon * FINER - 0.5).astype(np.int32)], 1)
    share = fine.reshape(height, FINER, width, FINER).mean(axis=(1, 3))
    return share >= 0.5


def piece_of(mask, of=0):
    """The piece that a full-size mask is."""
    x0, y0, x1, y1 = map(int, tight_box(mask).xyxy)
    return Piece(of, x0, y0, mask[y0:y1, x0:x1])


def full(piece, size=SIZE):
    mask = np.zeros(size[::-1], bool)
    height, width = piece.mask.shape
    mask[piece.y : piece.y + height, piece.x : piece.x + width] = piece.mask
    return mask


def iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)
