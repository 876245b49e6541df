"""What can be seen along a contour: texture and colour in bands to both sides of it.

Contours are looked at in pieces: windows of SIDE x SIDE pixels centred on a contour. In a window
all pixels of like distance to the contour, on one side, are a band. The same bands can be laid
elsewhere on the same picture, and what they hold there be compared. Bands are either those of the
very contour, or (on a smaller disc) of its tangent, where it isn't known to the pixel.

Of each band is known what FILTERS answer: the 3x3 DCT's eight filters without mean, a complete
spectrum at the scale of pixels, on luma at full and half resolution, and two of them on chroma
(Ahmed, Natarajan and Rao, "Discrete cosine transform", 1974). Answers are relative to the whole
picture's, so that pictures of different grain can be judged together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

RADIUS = 20
SIDE = 2 * RADIUS + 1
EDGES = (0.0, 2.0, 6.0, 12.0, 28.0)  # pixels from the contour at which bands end, on either side
PER_SIDE = len(EDGES) - 1
BANDS = 2 * PER_SIDE  # outside from far to near, then inside from near to far
DIRECTIONS = 16
DISC = 14.0  # pixels, the radius in which a contour is taken for straight
TANGENT_SMOOTH = 3.0  # pixels
FAINTEST = 0.25  # grey levels added to every answer: rounding is no texture
FEWEST = 12  # pixels of a band that tell something

_BASIS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
_BASIS /= np.linalg.norm(_BASIS, axis=1, keepdims=True)
_FREQUENCIES = tuple((u, v) for u in range(3) for v in range(3) if u or v)
FILTERS = 2 * len(_FREQUENCIES) + 2


@dataclass(frozen=True)
class Piece:
    """A window centred on pixel (x, y). `bands` is (SIDE, SIDE) uint8: a pixel's band, or BANDS
    where it has none."""

    x: int
    y: int
    bands: np.ndarray

    def at(self, x: int, y: int) -> Piece:
        """The same bands around another pixel."""
        return Piece(x, y, self.bands)


@dataclass(frozen=True)
class Traces:
    """A picture as pieces are judged on it. `layers` is (FILTERS + 3, H, W) float32: the filters'
    answers, then luma and chroma themselves; `typical` are its means, (FILTERS + 3,)."""

    layers: np.ndarray
    typical: np.ndarray

    @property
    def luma(self) -> np.ndarray:
        """(H, W) float32, 0..255."""
        return self.layers[FILTERS]

    @property
    def size(self) -> tuple[int, int]:
        return self.layers.shape[2], self.layers.shape[1]


def traces_of(picture: np.ndarray) -> Traces:
    """The filters' answers on (H, W, 3) uint8 RGB, as absolute values."""
    channels = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32))
    luma, red, blue = channels
    height, width = luma.shape
    half = cv2.resize(luma, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)
    layers = np.empty((FILTERS + 3, height, width), np.float32)
    for number, (u, v) in enumerate(_FREQUENCIES):
        layers[number] = np.abs(_filtered(luma, u, v))
        coarse = np.abs(_filtered(half, u, v))
        cv2.resize(
            coarse, (width, height), layers[number + len(_FREQUENCIES)], 0, 0, cv2.INTER_NEAREST
        )
    for number, (u, v) in enumerate(((0, 2), (2, 0)), 2 * len(_FREQUENCIES)):
        layers[number] = np.abs(_filtered(red, u, v)) + np.abs(_filtered(blue, u, v))
    layers[FILTERS:] = channels
    return Traces(layers, layers.mean(axis=(1, 2)))


def _filtered(channel: np.ndarray, u: int, v: int) -> np.ndarray:
    return cv2.sepFilter2D(channel, cv2.CV_32F, _BASIS[u], _BASIS[v])


def pieces_of(mask: np.ndarray, count: int) -> list[Piece]:
    """Up to `count` pieces of a contour, with its very bands, as in `spots`."""
    found = spots(mask, count)
    bands = _bands(mask) if found else mask
    return [Piece(x, y, window(bands, x, y)) for x, y in found]


def spots(mask: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Up to `count` pixels (x, y), evenly spaced along the longest outline of (H, W) bool `mask`;
    only where a window lies wholly in the picture."""
    if not mask.any():
        return []
    height, width = mask.shape
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(outlines, key=len)[:, 0]
    fits = (points >= RADIUS).all(1) & (points < (width - RADIUS, height - RADIUS)).all(1)
    points = points[fits]
    count = min(count, len(points))
    if not count:
        return []
    chosen = points[np.arange(count) * len(points) // count]
    return [(x, y) for x, y in chosen.tolist()]


def tangent(mask: np.ndarray, x: int, y: int) -> int:
    """The direction, 0..DIRECTIONS - 1, in which the inside of (H, W) bool `mask` lies, seen from
    pixel (x, y) on its contour."""
    near = cv2.GaussianBlur(window(mask, x, y).astype(np.float32), (0, 0), TANGENT_SMOOTH)
    across = float(near[RADIUS, RADIUS + 1] - near[RADIUS, RADIUS - 1])
    down = float(near[RADIUS + 1, RADIUS] - near[RADIUS - 1, RADIUS])
    return round(math.atan2(down, across) / (2 * math.pi) * DIRECTIONS) % DIRECTIONS


def _straight(direction: int) -> np.ndarray:
    """Bands as in Piece along a straight contour on a disc, its inside in a direction."""
    angle = 2 * math.pi * direction / DIRECTIONS
    down, across = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    depth = across * math.cos(angle) + down * math.sin(angle)
    far = np.digitize(np.abs(depth), EDGES[1:], True)
    bands = np.where(depth >= 0, PER_SIDE + far, PER_SIDE - 1 - far)
    bands[np.hypot(across, down) > DISC] = BANDS
    return bands.astype(np.uint8)


STRAIGHT = tuple(_straight(direction) for direction in range(DIRECTIONS))


def window(layer: np.ndarray, x: int, y: int) -> np.ndarray:
    """The SIDE x SIDE pixels around (x, y) of (..., H, W)."""
    return layer[..., y - RADIUS : y + RADIUS + 1, x - RADIUS : x + RADIUS + 1]


def _bands(mask: np.ndarray) -> np.ndarray:
    """The band of every pixel of (H, W) bool `mask`, as in Piece."""
    depth, away = (
        np.digitize(
            cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), EDGES[1:], True
        )
        for part in (mask.astype(np.uint8), (~mask).astype(np.uint8))
    )
    bands = np.where(mask, PER_SIDE + depth, PER_SIDE - 1 - away)
    bands[np.where(mask, depth, away) >= PER_SIDE] = BANDS
    return bands.astype(np.uint8)


def describe(traces: Traces, piece: Piece, steps: bool) -> np.ndarray:
    """The piece's features, (F,) float32: the logarithm of every filter's mean answer in every
    band, how much these differ between both sides, and with `steps` how much mean luma and chroma
    do."""
    belongs = (piece.bands.reshape(1, -1) == np.arange(BANDS)[:, None]).astype(np.float32)
    counts = belongs.sum(axis=1)
    held = window(traces.layers, piece.x, piece.y).reshape(len(traces.layers), -1)
    means = held @ belongs.T / np.maximum(counts, 1)  # (FILTERS + 3, BANDS)
    for band in np.flatnonzero(counts < FEWEST):  # a thin object has no depth: take what is next
        means[:, band] = means[:, band + 1 if band < PER_SIDE else band - 1]
    answers = np.log(means[:FILTERS] + FAINTEST)
    answers -= np.log(traces.typical[:FILTERS, None] + FAINTEST)
    features = [answers, np.abs(answers[:, PER_SIDE - 1 :: -1] - answers[:, PER_SIDE:])]
    if steps:
        colours = means[FILTERS:]
        step = np.abs(colours[:, PER_SIDE - 1 :: -1] - colours[:, PER_SIDE:])
        features += [np.log1p(step), np.log1p(step / (means[:FILTERS].mean() + 1))]
    return np.concatenate([part.ravel() for part in features]).astype(np.float32)
