"""Pictures made small, and put together on sheets. Decoding is what a report's time goes into, so a
JPEG is decoded at the eighth, fourth or half of its size where that suffices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from infgen.report.items import Item
from infgen.sources.pictures import read_any

SIDE, LARGE = 254, 1280  # pixels of the longer side: of thumbnails, of pictures written once more
COLUMNS = 6  # of a sheet
CELL = SIDE + 2  # with a border; a multiple of 16, in which JPEGs mix colours
QUALITY, LARGE_QUALITY = 80, 85
GREY = 176  # of a tile without a picture
_REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}


@dataclass(frozen=True)
class Thumbnail:
    """`pixels` are (h, w, 3) uint8 BGR, at most SIDE each way. `trouble` says why they are grey,
    where they are; `large` is a JPEG of up to LARGE pixels a side, if one was asked for."""

    pixels: np.ndarray
    trouble: str = ""
    large: bytes = b""


def read_picture(item: Item, large: bool = False) -> Thumbnail:
    """A picture made small. Never raises: what can't be read is grey."""
    try:
        pixels = _decoded(item, LARGE if large else SIDE)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Thumbnail(np.full((*_fitted(item.size, SIDE)[::-1], 3), GREY, np.uint8), reason)
    data = _jpeg(_shrunk(pixels, LARGE), LARGE_QUALITY) if large else b""
    return Thumbnail(_shrunk(pixels, SIDE), large=data)


def draw_sheet(
    thumbnails: Sequence[Thumbnail],
) -> tuple[bytes, list[tuple[int, int, int, int]], tuple[int, int]]:
    """One JPEG of all `thumbnails`, the place of each on it as (x, y, width, height), and its
    (width, height). Each has a border of its own colours, for pages to scale it without another's
    getting in."""
    places: list[tuple[int, int, int, int]] = []
    top = 0
    for first in range(0, len(thumbnails), COLUMNS):
        row = thumbnails[first : first + COLUMNS]
        for column, one in enumerate(row):
            height, width = one.pixels.shape[:2]
            places.append((column * CELL + 1, top + 1, width, height))
        top += math.ceil((max(one.pixels.shape[0] for one in row) + 2) / 16) * 16
    sheet = np.zeros((top, CELL * min(COLUMNS, len(thumbnails)), 3), np.uint8)
    for one, (x, y, width, height) in zip(thumbnails, places, strict=True):
        framed = cv2.copyMakeBorder(one.pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        sheet[y - 1 : y + height + 1, x - 1 : x + width + 1] = framed
    return _jpeg(sheet, QUALITY), places, (sheet.shape[1], sheet.shape[0])


def _decoded(item: Item, side: int) -> np.ndarray:
    """The picture, (H, W, 3) uint8 BGR, upright, its longer side no less than `side` if it was no
    less to begin with. Raises OSError, or ValueError if it isn't a picture."""
    data = np.frombuffer(item.read(), np.uint8)
    scale = next(scale for scale in _REDUCED if scale == 1 or max(item.size) >= scale * side)
    try:
        pixels = cv2.imdecode(data, _REDUCED[scale]) if data.size else None
    except cv2.error:  # more pixels than OpenCV takes
        pixels = None
    if pixels is not None:
        return pixels
    if item.packed:
        raise ValueError("not a picture that can be read")
    return cv2.cvtColor(read_any(item.folder / item.file), cv2.COLOR_RGB2BGR)


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) of the same shape, no side longer than `side` nor shorter than a pixel."""
    scale = min(side / max(*size, 1), 1)  # of a picture that is gone the size may be unknown: 0
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def _shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    size = _fitted((pixels.shape[1], pixels.shape[0]), side)
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
