"""Opaque pictures of single objects, cut out of what is behind them.

An even backdrop (white paper, a grey wall, a green screen) is known from the picture's border, all
around; where that isn't even, GrabCut tries; and what fills its picture, as a banknote cropped to
its edges, is all object. Pictures are (H, W, 3) uint8 RGB, masks (H, W) bool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from infgen.ops.cutting import NoCutout, as_rgba, matte
from infgen.ops.grabbing import grab, without_specks
from infgen.ops.scene import disk

_BORDER = 0.015  # of the shorter side: the border that tells of the backdrop
_EVEN, _MOSTLY = 5.0, 0.85  # Lab units from an even slope of colour, and how much of the border
_PERFECT, _HALF = 1.5, 0.5  # or nearly none, where an object touches the border
# Of 40 banknotes that fill their pictures none has more than 0.82 of its border even, or 0.4 so
# perfectly: their own margins are printed on.
_FAR = 9.0  # Lab units from the backdrop: what is certainly no part of it
_KEY = 35.0  # chroma from which a backdrop is a key colour, which no object shares
_KEYED = 0.5  # of its chroma: by how much less, or to the side of it, other colours differ
_LEAST, _MOST = 0.01, 0.98  # of the picture, that an object on a backdrop may cover
_ROOM = 0.02  # of the shorter side: what is backdrop for GrabCut


class Cut(NamedTuple):
    """An object, (h, w, 4) uint8 RGBA, straight alpha, and in a word or two how it was cut out."""

    rgba: np.ndarray
    how: str


def cut_crop(picture: np.ndarray, how: str = "auto") -> Cut:
    """The object of a picture, cut out as the row `how` of MATTES does.

    Raises:
        NoCutout: it can't be; says why.
    """
    return MATTES[how](picture)


# ---- the backdrop --------------------------------------------------------------------------------


class Backdrop:
    """What the border of a picture tells of its backdrop: a colour, sloping evenly at the most."""

    def __init__(self, picture: np.ndarray):
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        self._lab = cv2.GaussianBlur(lab, (0, 0), 0.7)
        self._border = _frame(picture.shape[:2], _BORDER)
        self._colour = _slope(self._lab, self._border)
        self.away = np.linalg.norm(self._lab - self._colour, axis=2)  # Lab units, (H, W)

    @property
    def is_even(self) -> bool:
        away = self.away[self._border]
        return bool(np.mean(away < _EVEN) >= _MOSTLY or np.mean(away < _PERFECT) >= _HALF)

    @property
    def chroma(self) -> float:
        return float(np.linalg.norm(self._colour[..., 1:].mean(axis=(0, 1))))

    def around(self) -> np.ndarray:
        """What isn't backdrop, where that reaches in from the border: white spots on an object on
        white stay in it."""
        near = cv2.morphologyEx((self.away < _FAR).astype(np.uint8), cv2.MORPH_OPEN, disk(1))
        _, labels = cv2.connectedComponents(near, connectivity=4)
        outside = np.unique(labels[self._border & (near != 0)])
        return ~np.isin(labels, outside[outside > 0])

    def through(self) -> np.ndarray:
        """What isn't of the key colour, wherever that shows: through rings, too."""
        key, seen = self._colour[..., 1:], self._lab[..., 1:]
        square = np.maximum((key**2).sum(axis=2), 1)
        along = (seen * key).sum(axis=2) / square
        across = (seen[..., 0] * key[..., 1] - seen[..., 1] * key[..., 0]) / square
        return (along < 1 - _KEYED) | (abs(across) > _KEYED * np.minimum(along, 1))


def _frame(shape: tuple[int, ...], share: float) -> np.ndarray:
    """The border of a picture, `share` of its shorter side wide."""
    width = max(2, round(share * min(shape)))
    frame = np.ones(shape, bool)
    frame[width:-width, width:-width] = False
    return frame


def _slope(lab: np.ndarray, border: np.ndarray) -> np.ndarray:
    """The plane through the border's colours, (H, W, 3) float32: least squares, repeated without
    what lies farthest from it, as an object may touch the border."""
    height, width = border.shape
    y, x = np.nonzero(border)
    terms = np.stack([np.ones(x.size), x / width, y / height], axis=1)
    colours = lab[border].astype(np.float64)
    away = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    plane = np.zeros((3, 3))
    for _ in range(4):
        kept = away <= max(float(np.quantile(away, 0.65)), 1.0)
        plane, *_ = np.linalg.lstsq(terms[kept], colours[kept], rcond=None)
        away = np.linalg.norm(colours - terms @ plane, axis=1)
    across = plane[0] + plane[1] * (np.arange(width) / width)[:, None]
    down = plane[2] * (np.arange(height) / height)[:, None, None]
    return (across + down).astype(np.float32)


# ---- the ways ------------------------------------------------------------------------------------


def _auto(picture: np.ndarray) -> Cut:
    """An even backdrop if there is one, else GrabCut, and else nothing is backdrop."""
    backdrop = Backdrop(picture)
    ways = [_grabbed]
    if backdrop.is_even:
        ways = [_keyed if backdrop.chroma >= _KEY else _on_white, *ways]
    for way in ways:
        try:
            return way(picture)
        except NoCutout:
            continue
    return _whole(picture)


def _on_white(picture: np.ndarray) -> Cut:
    backdrop = Backdrop(picture)
    if not backdrop.is_even:
        raise NoCutout("its border isn't of one even colour")
    return Cut(_cut(picture, backdrop.around()), "even backdrop")


def _keyed(picture: np.ndarray) -> Cut:
    backdrop = Backdrop(picture)
    if not backdrop.is_even or backdrop.chroma < _KEY:
        raise NoCutout("its border isn't of one strong colour")
    return Cut(_cut(picture, backdrop.through()), "key colour")


def _grabbed(picture: np.ndarray) -> Cut:
    return Cut(_cut(picture, grab(picture, ~_frame(picture.shape[:2], _ROOM))), "GrabCut")


def _whole(picture: np.ndarray) -> Cut:
    opaque = np.full(picture.shape[:2], 255, np.uint8)
    return Cut(np.dstack([picture, opaque]), "whole rectangle")


def _cut(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What is about `mask`, with soft edges and without the backdrop's colour in them."""
    mask = without_specks(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disk(1)) != 0)
    if not _LEAST <= np.count_nonzero(mask) / mask.size <= _MOST:
        raise NoCutout("nothing stands out from its backdrop")
    alpha, colour, _ = matte(picture, mask)
    return as_rgba(alpha, colour)


MATTES: dict[str, Callable[[np.ndarray], Cut]] = {
    "auto": _auto,
    "white": _on_white,
    "chroma": _keyed,
    "grabcut": _grabbed,
    "none": _whole,
}
