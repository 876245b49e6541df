"""Pictures for a sheet, and what is pointed out in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from infgen.records.box import Box
from infgen.report.sheet.style import CELL_HEIGHT, MARGIN, WIDTH

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Mark:
    """An object to point out. `mask` is (h, w) bool, the pixels that lie in `box`."""

    class_id: int
    box: Box
    mask: np.ndarray | None = None


@dataclass(frozen=True)
class Tile:
    """A picture on the sheet. `size` is (width, height) of the picture that the marks' boxes refer
    to; `picture`, (H, W, 3) uint8 RGB, may be smaller than that (see `shrink`). None stands for a
    picture that can't be shown: a grey tile says why, in `note`, and the marks are left out."""

    size: tuple[int, int]
    picture: np.ndarray | None
    marks: tuple[Mark, ...] = ()
    caption: str = ""
    note: str = ""


def shrink(pixels: np.ndarray) -> np.ndarray:
    """A picture or mask no larger than the largest tile needs, of the same shape otherwise."""
    height, width = pixels.shape[:2]
    scale = min((WIDTH - 2 * MARGIN) / width, CELL_HEIGHT / height)
    if scale >= 1:
        return pixels
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def checkers(size: tuple[int, int]) -> np.ndarray:
    """The stand-in for a picture of `size` (width, height) that isn't made yet."""
    width, height = size
    field = max(math.ceil(max(size) / 24), 1)
    y, x = np.ogrid[:height, :width]
    odd = (x // field + y // field) % 2
    return shrink(np.where(odd[..., None], 188, 206).astype(np.uint8).repeat(3, axis=2))
