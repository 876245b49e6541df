"""Pictures and label maps pulled through a matrix, with the same bytes on every processor.

OpenCV's warpAffine computes in floats, not alike everywhere (version 5 on x86 uses fused
multiplications where there are any). Its remap with whole-number maps doesn't: coordinates of 1/32
pixel and weights of 1/1024 are added up as integers. The maps come from here.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from infgen.ops.augment.geometry import inverse

FILLS = {  # what there is beyond the edges, and whether it is the picture again
    "constant": (cv2.BORDER_CONSTANT, False),
    "nearest": (cv2.BORDER_REPLICATE, False),
    "reflect": (cv2.BORDER_REFLECT, True),
    "wrap": (cv2.BORDER_WRAP, True),
}
USUAL = "constant"
_BITS = 5  # of a coordinate's fraction that remap takes
_HALF = 1 << _BITS - 1
_MORE = 5  # that there are while coordinates are added up
_FINE = 1 << _BITS + _MORE
_FARTHEST = 32000  # pixels: remap's maps are 16 bits wide
_TURNS = {(1, 1): None, (-1, 1): 1, (1, -1): 0, (-1, -1): -1}  # signs of x and y: cv2.flip's codes


class Warp:
    """Pulls what has `size` = (width, height) through a matrix onto a canvas of the size `out`
    (default: the same). `fill` is a row of FILLS."""

    def __init__(
        self,
        matrix: np.ndarray,
        size: tuple[int, int],
        fill: str = USUAL,
        out: tuple[int, int] | None = None,
    ):
        self.matrix, self.fill, self._size, self._out = matrix, fill, size, out or size
        self._border, self._repeats = FILLS[fill]

    @cached_property
    def _sources(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the centres of the canvas's pixels come from: x and y, (h, w) int32 in 1/32 pixels
        from the centre of the first."""
        columns, rows = (np.arange(side) + 0.5 for side in self._out)
        sources = []
        for along, across, start in inverse(self.matrix)[:2].tolist():
            by_column = np.rint(columns * along * _FINE).astype(np.int32)
            by_row = np.rint((rows * across + (start - 0.5)) * _FINE).astype(np.int32)
            sources.append(by_row[:, None] + (by_column + (1 << _MORE - 1)) >> _MORE)
        return sources[0], sources[1]

    @cached_property
    def _turn(self) -> tuple[int, int] | None:
        """The signs of x and y, if there is no more to the move than them."""
        for x, y in _TURNS:
            ends = self._size[0] * (x < 0), self._size[1] * (y < 0)
            only = np.array(((x, 0, ends[0]), (0, y, ends[1]), (0, 0, 1)))
            if self._out == self._size and (self.matrix == only).all():
                return x, y
        return None

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W, C) uint8, interpolated linearly, which never overshoots; a copy."""
        if self._turn:
            return _turned(pixels, self._turn)
        across, down = self._sources
        whole = _map(across >> _BITS, down >> _BITS)
        rest = ((down & 31) << _BITS) + (across & 31)
        return cv2.remap(
            pixels, whole, rest.astype(np.uint16), cv2.INTER_LINEAR, borderMode=self._border
        )

    def nearest(self, ids: np.ndarray) -> np.ndarray:
        """(H, W) uint8 or uint16 numbers, each pixel's from the one that its centre comes from; 0
        beyond the edges, if the fill doesn't repeat the picture. (Streaks of the `nearest` fill are
        no objects.)"""
        if self._turn:
            return _turned(ids, self._turn)
        return self._pulled(ids, self._border if self._repeats else cv2.BORDER_CONSTANT)

    def streaks(self, ids: np.ndarray) -> bool:
        """Whether the fill shows any of these numbers, as for `nearest`, beyond the edges."""
        return not self._turn and bool((self._pulled(ids, self._border) != self.nearest(ids)).any())

    def _pulled(self, ids: np.ndarray, border: int) -> np.ndarray:
        across, down = self._sources
        whole = _map(across + _HALF >> _BITS, down + _HALF >> _BITS)
        nothing = np.zeros(0, np.uint16)
        return cv2.remap(ids, whole, nothing, cv2.INTER_NEAREST, borderMode=border)

    def tiles(self, pixels: np.ndarray) -> np.ndarray:
        """Which repetition of the picture some pixels of the canvas, by (n,) flat numbers, come
        from: (n,) int64, 0 for the picture itself. They repeat only if the fill does."""
        if self._turn or not self._repeats or not pixels.size:
            return np.zeros(pixels.size, np.int64)
        across, down = (
            (side.ravel()[pixels] + _HALF >> _BITS) // length
            for side, length in zip(self._sources, self._size, strict=True)
        )
        most = 2 * int(np.abs(across).max()) + 1
        return down.astype(np.int64) * most + across


def _turned(pixels: np.ndarray, signs: tuple[int, int]) -> np.ndarray:
    code = _TURNS[signs]
    return pixels.copy() if code is None else cv2.flip(pixels, code)


def _map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two coordinates in whole pixels as remap takes them."""
    pair = np.empty((*x.shape, 2), np.int16)
    for channel, side in enumerate((x, y)):
        corners = side[[0, 0, -1, -1], [0, -1, 0, -1]]  # where the extremes of affine maps are
        if np.abs(corners).max() > _FARTHEST:
            side = side.clip(-_FARTHEST, _FARTHEST)
        pair[..., channel] = side
    return pair
