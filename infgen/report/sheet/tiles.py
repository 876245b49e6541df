"""A picture drawn into its cell, with what is pointed out in it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from infgen.records.box import Box
from infgen.report.colours import Colour, contrast
from infgen.report.lettering import write
from infgen.report.sheet.marks import Rectangle, Tile
from infgen.report.sheet.style import INK
from infgen.report.sheet.tags import write_tags

BARS, MISSING = (238, 238, 240), (200, 200, 203)
FILL, RIM = 0.3, 0.9  # how much a mask's inside and its edge hide of the picture


def drawn(
    tile: Tile, cell: tuple[int, int], names: Sequence[str], colours: Sequence[Colour]
) -> Image.Image:
    """The cell's pixels: the picture scaled into it, bars beside it where the shapes differ."""
    width, height = tile.size
    scale = min(cell[0] / width, cell[1] / height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    framed = Image.new("RGB", cell, BARS)
    corner = ((cell[0] - size[0]) // 2, (cell[1] - size[1]) // 2)
    if tile.picture is None:
        framed.paste(MISSING, (*corner, corner[0] + size[0], corner[1] + size[1]))
        _write_note(ImageDraw.Draw(framed), tile.note, cell)
        return framed
    shown = tile.picture.shape[1::-1]
    method = cv2.INTER_AREA if size[0] <= shown[0] else cv2.INTER_CUBIC
    pixels = cv2.resize(tile.picture, size, interpolation=method)
    places = [_place(mark.box, tile.size, size) for mark in tile.marks]
    for mark, place in zip(tile.marks, places, strict=True):
        if mark.mask is not None:
            _tint(pixels, mark.mask, place, colours[mark.class_id])
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    for mark, place in zip(tile.marks, places, strict=True):
        _outline(pen, place, size, colours[mark.class_id])
    write_tags(pen, tile.marks, places, size, names, colours)
    framed.paste(image, corner)
    return framed


def _write_note(pen: ImageDraw.ImageDraw, note: str, cell: tuple[int, int]) -> None:
    """Write a note over several lines in the middle of a cell."""
    lines = textwrap.wrap(note, max(cell[0] // 10, 8))
    for number, line in enumerate(lines):
        middle = (cell[0] // 2, cell[1] // 2 + 22 * number - 11 * (len(lines) - 1))
        write(pen, middle, line, 16, INK, cell[0], anchor="mm")


def _place(box: Box, size: tuple[int, int], shown: tuple[int, int]) -> Rectangle:
    """Where a box of a picture of `size` lies on one of size `shown`: whole pixels, right and lower
    end exclusive, at least one pixel each way, within the picture."""
    x0, x1 = _span(box.x0, box.x1, size[0], shown[0])
    y0, y1 = _span(box.y0, box.y1, size[1], shown[1])
    return x0, y0, x1, y1


def _span(low: float, high: float, side: int, shown: int) -> tuple[int, int]:
    start = min(max(round(low * shown / side), 0), shown - 1)
    return start, min(max(round(high * shown / side), start + 1), shown)


def _tint(pixels: np.ndarray, mask: np.ndarray, place: Rectangle, colour: Colour) -> None:
    """Lay a mask's colour over `pixels`, in place: thin inside, almost solid along the edge."""
    x0, y0, x1, y1 = place
    solid = cv2.resize(mask.astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    inner = cv2.erode(solid, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    share = (FILL * inner + RIM * (solid - inner))[..., None]
    window = pixels[y0:y1, x0:x1]
    window[:] = np.rint(window + share * (np.array(colour, np.float32) - window))


def _outline(
    pen: ImageDraw.ImageDraw, place: Rectangle, size: tuple[int, int], colour: Colour
) -> None:
    """Two pixels of colour just inside the box, and one of black or white around them; a pixel
    further in along the tile's border, so that all of it shows."""
    x0, y0 = max(place[0], 1), max(place[1], 1)
    x1, y1 = max(min(place[2], size[0] - 1), x0), max(min(place[3], size[1] - 1), y0)
    pen.rectangle((x0 - 1, y0 - 1, x1, y1), outline=contrast(colour))
    if x1 > x0 and y1 > y0:
        pen.rectangle((x0, y0, x1 - 1, y1 - 1), outline=colour, width=2)
