"""Where else on a canvas an outline could lie so that what is along it looks alike.

Many places are compared in blocks of pixels first, by their mean colour and by how rough they are,
and the best of them pixel by pixel. All in whole numbers: the same place everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE
from infgen.ops.given import Standing, shown_of

BLOCK = 4  # pixels a side
PLACES = 1500  # that are tried, half of them anywhere, half near by
NEAREST = 0.25  # of the outline's sides, by which a place is away at least, in one direction
FARTHEST = np.array([1.5, 0.5])  # and at most those near by, across and down: scenes lie in layers
GOLDEN = (0.7548776662466927, 0.5698402909980532)  # steps that spread evenly over a square: Roberts
WIDE = 6  # pixels to either side of the outline that are compared in blocks
SIEVES = ((16, 200), (48, 12))  # blocks that are compared, and how many places stay
NARROW, POINTS = 2, 200  # pixels to either side that are compared one by one, and how many of them
AROUND = np.array([(x, y) for y in (-2, 0, 2) for x in (-2, 0, 2)])  # pixels: places between blocks
TEXTURE = 6  # times that a difference between neighbours counts as much as one in colour
MOST = 40  # grey levels by which a channel can be made lighter or darker to match
CHROMA = 3  # times that a difference in it counts as much as one in brightness
OCTAVE, SMOOTH = 18, 0.5  # what twice the roughness counts for, and grey levels added to it
PARTS = 4  # of a grey level, in which roughness is told


class Ground:
    """What lies where on a canvas, (H, W, 3) uint8, block by block, and where the `given` objects
    are to be seen."""

    def __init__(self, canvas: np.ndarray, given: Sequence[Standing] = ()):
        self._taken = shown_of(given, canvas.shape[:2]) if given else None
        whole = _in_whole_blocks(canvas)
        grey, *chroma = cv2.split(cv2.cvtColor(whole, cv2.COLOR_RGB2YCrCb))
        detail = cv2.absdiff(grey, cv2.GaussianBlur(grey, (5, 5), 1))
        rough = _by_blocks(cv2.convertScaleAbs(detail, alpha=PARTS))
        around = cv2.boxFilter(rough, cv2.CV_32F, (3, 3), normalize=False).astype(np.int32)
        self._shape = rough.shape
        chroma = [CHROMA * _by_blocks(plane).astype(np.int16) for plane in chroma]
        planes = (_by_blocks(grey).astype(np.int16), *chroma, _octaves()[around])
        self._blocks = np.stack([plane.ravel() for plane in planes])

    def unlike(self, blocks: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """How much (n, 2) int64 blocks, as (x, y), differ from those that lie (m, 2) int64 `moves`
        away: (m,) int64, grey levels of all channels."""
        own = self._blocks.take(self._places(*blocks.T), axis=1)
        columns, rows = (blocks + moves[:, None]).transpose(2, 0, 1)
        apart = self._blocks.take(self._places(columns, rows), axis=1) - own[:, None]
        return _corrected(apart).sum(axis=(0, 2), dtype=np.int64) // len(blocks)

    def _places(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        height, width = self._shape
        return rows.clip(0, height - 1) * width + columns.clip(0, width - 1)

    def is_free(self, mask: np.ndarray, x: int, y: int) -> bool:
        """Whether a (h, w) bool mask, its corner at (x, y), has nothing of what is given in it."""
        if self._taken is None:
            return True
        height, width = mask.shape
        return not (self._taken[y : y + height, x : x + width] & mask).any()

    def along(self, alpha: np.ndarray, x: int, y: int) -> np.ndarray:
        """The blocks along the outline of (h, w) uint8 `alpha` with its corner at (x, y): (n, 2)
        int64 of (x, y), at least one."""
        rows, columns = np.nonzero(outline_of(alpha, WIDE)[::BLOCK, ::BLOCK])
        return np.stack([columns + (x - WIDE) // BLOCK, rows + (y - WIDE) // BLOCK], axis=1)


def lookalike(
    canvas: np.ndarray,
    ground: Ground,
    alpha: np.ndarray,
    x: int,
    y: int,
    source: tuple[float, float],
) -> tuple[int, int] | None:
    """The corner (x, y) of that part of `canvas`, (H, W, 3) uint8, which differs least from what is
    there along the outline of (h, w) uint8 `alpha` with its corner at (x, y): in colour, but for
    what can be corrected, and in texture (or else what is flat would be likest to everything).

    The places that are tried follow from `source`, two dice; none shows anything of what is given
    on the canvas's `ground`. None if there is no such place; its own for an outline that fills the
    canvas.
    """
    moves = _moves(canvas, alpha, (x, y), source)
    if not len(moves):
        return x, y
    blocks = ground.along(alpha, x, y)
    for count, kept in SIEVES:
        unlike = ground.unlike(_some(blocks, count), moves // BLOCK)
        moves = _likest(moves, unlike, kept, ground, alpha, (x, y))
    moves = _within(canvas, alpha, (x, y), (moves[:, None] + AROUND).reshape(-1, 2))
    unlike = ground.unlike(_some(blocks, SIEVES[-1][0]), moves // BLOCK)
    unlike += _unlike(canvas, alpha, (x, y), moves)
    for move_x, move_y in _likest(moves, unlike, 1, ground, alpha, (x, y)).tolist():
        return x + move_x, y + move_y
    return None


def outline_of(alpha: np.ndarray, reach: int) -> np.ndarray:
    """Where the outline of (h, w) uint8 alpha is within reach: (h + 2 reach, w + 2 reach) bool."""
    wide = cv2.copyMakeBorder(alpha, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    mask = (wide >= OPAQUE).astype(np.uint8)
    box = np.ones((2 * reach + 1,) * 2, np.uint8)
    return cv2.dilate(mask, box) > cv2.erode(mask, box)


def _moves(
    canvas: np.ndarray, alpha: np.ndarray, corner: tuple[int, int], source: tuple[float, float]
) -> np.ndarray:
    """Where to, in whole blocks: (n, 2) int64 pixels (x, y)."""
    sides = np.array(alpha.shape[::-1])
    dice = (np.array(source) + np.arange(PLACES)[:, None] * GOLDEN) % 1
    anywhere = dice[::2] * (np.array(canvas.shape[1::-1]) - sides) - corner
    near = (2 * dice[1::2] - 1) * FARTHEST * sides
    moves = np.rint(np.concatenate([anywhere, near]) / BLOCK).astype(np.int64) * BLOCK
    return _within(canvas, alpha, corner, moves)


def _within(
    canvas: np.ndarray, alpha: np.ndarray, corner: tuple[int, int], moves: np.ndarray
) -> np.ndarray:
    """Those of (n, 2) `moves` that lead away, and not off the canvas."""
    sides, places = np.array(alpha.shape[::-1]), moves + corner
    far = (np.abs(moves) >= NEAREST * sides).any(axis=1)
    fits = ((places >= 0) & (places <= np.array(canvas.shape[1::-1]) - sides)).all(axis=1)
    return moves[far & fits]


def _likest(
    moves: np.ndarray,
    unlike: np.ndarray,
    count: int,
    ground: Ground,
    alpha: np.ndarray,
    corner: tuple[int, int],
) -> np.ndarray:
    """The `count` least unlike of (n, 2) `moves`, least first, that show nothing of what is
    given."""
    best, mask = moves[unlike.argsort(kind="stable")], alpha > 0
    free = (number for number, at in enumerate(best + corner) if ground.is_free(mask, *at))
    return best[list(islice(free, count))]


def _unlike(
    canvas: np.ndarray, alpha: np.ndarray, corner: tuple[int, int], moves: np.ndarray
) -> np.ndarray:
    """As Ground.unlike, pixel by pixel, close to the outline."""
    rows, columns = (axis - NARROW for axis in np.nonzero(outline_of(alpha, NARROW)))
    height, width = canvas.shape[:2]
    places = np.concatenate([[(0, 0)], moves]) + corner
    rows = (_some(rows, POINTS) + places[:, 1:]).clip(0, max(height - 2, 0))
    columns = (_some(columns, POINTS) + places[:, :1]).clip(0, max(width - 2, 0))
    pixels = rows * width + columns
    planes = [plane.ravel() for plane in cv2.split(canvas)]
    colours = np.stack([plane.take(pixels) for plane in planes]).astype(np.int16)
    right, below = (planes[1].take(pixels + step).astype(np.int16) for step in (1, width))
    rough = (np.abs(right - colours[1]) + np.abs(below - colours[1])).sum(axis=1, dtype=np.int64)
    apart = _corrected(colours[:, 1:] - colours[:, :1]).sum(axis=(0, 2), dtype=np.int64)
    return (apart + TEXTURE * np.abs(rough[1:] - rough[0])) // pixels.shape[1]


def _corrected(apart: np.ndarray) -> np.ndarray:
    """Differences, (channels, m, n) int16, without signs, and without what can be made lighter or
    darker: the first three channels are colours."""
    colours = apart[:3]
    mean = colours.sum(axis=2, dtype=np.int32, keepdims=True) // apart.shape[2]
    colours -= mean.clip(-MOST, MOST).astype(np.int16)
    return np.abs(apart, out=apart)


def _some(things: np.ndarray, count: int) -> np.ndarray:
    """At most so many of them, evenly spread."""
    return things[:: -(-len(things) // count)]


def _by_blocks(picture: np.ndarray) -> np.ndarray:
    """The blocks' means of a uint8 picture of whole blocks. (By halves it is exact.)"""
    for _ in range(BLOCK.bit_length() - 1):
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    return picture


def _in_whole_blocks(canvas: np.ndarray) -> np.ndarray:
    """Without what is left at the right and below; a canvas smaller than a block is made one."""
    height, width = canvas.shape[:2]
    if min(height, width) < BLOCK:
        more = (0, max(BLOCK - height, 0), 0, max(BLOCK - width, 0))
        return _in_whole_blocks(cv2.copyMakeBorder(canvas, *more, cv2.BORDER_REPLICATE))
    return canvas[: height // BLOCK * BLOCK, : width // BLOCK * BLOCK]


@lru_cache(maxsize=1)
def _octaves() -> np.ndarray:
    """What the detail of nine blocks, in PARTS of a grey level, counts for: int16."""
    means = (total / (9 * PARTS) for total in range(9 * 255 + 1))
    return np.array([round(OCTAVE * math.log2(mean + SMOOTH)) for mean in means], np.int16)
