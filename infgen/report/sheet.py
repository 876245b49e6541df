"""Contact sheets: many pictures on one page, with their objects drawn over them. Pure pixels.

A page is (H, W, 3) uint8 RGB and `WIDTH` wide. It depends on nothing but what is passed in and the
font that Pillow carries, so equal inputs give equal bytes.
"""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from infgen.records.box import Box
from infgen.report.colours import Colour, class_colours, contrast
from infgen.report.lettering import cut, font_of, readable, write

WIDTH = 1920  # of a page, in pixels
MARGIN, GAP = 24, 14
MOST_COLUMNS, CELL_HEIGHT = 8, 1000
PAGE_RATIO = 0.72  # height / width that the grid tries to come near
CELL_ASPECTS = (1 / 3, 4.0)  # of cells; pictures beyond them get bars at their sides
LEGEND_LINES = 8
SMALLEST = 9  # letters on a tile, in pixels

PAPER, INK, QUIET = (255, 255, 255), (28, 28, 30), (110, 110, 115)
BARS, MISSING = (238, 238, 240), (200, 200, 203)
FILL, RIM = 0.3, 0.9  # how much a mask's inside and its edge hide of the picture

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


def draw_sheet(
    tiles: Sequence[Tile], classes: Sequence[str], title: str, subtitle: str = ""
) -> np.ndarray:
    """The page: title, subtitle, legend of `classes` (their names by class id), tiles in a grid.

    Classes that no mark belongs to are in the legend all the same.
    """
    names = [readable(name, class_id) for class_id, name in enumerate(classes)]
    colours = class_colours(len(names))
    legend = _arrange_legend(names)
    grid = _Grid.for_tiles(tiles)
    top = MARGIN + 40 + (30 if subtitle else 0)
    body = top + len(legend) * _LEGEND_STEP + (GAP if legend else 0)
    page = Image.new("RGB", (WIDTH, body + grid.height + MARGIN), PAPER)
    pen = ImageDraw.Draw(page)
    write(pen, (MARGIN, MARGIN + 16), title, 30, INK, WIDTH - 2 * MARGIN)
    write(pen, (MARGIN, MARGIN + 50), subtitle, 18, QUIET, WIDTH - 2 * MARGIN)
    _draw_legend(pen, legend, colours, top)
    if not tiles:
        write(pen, (WIDTH // 2, body + grid.height // 2), "no pictures", 30, QUIET, anchor="mm")
    for number, tile in enumerate(tiles):
        x, y = grid.corner(number)
        page.paste(_draw_tile(tile, grid.cell, names, colours), (x, body + y))
        write(pen, (x, body + y + grid.cell[1] + 15), tile.caption, 16, INK, grid.cell[0])
    return np.asarray(page)


def draw_tile(tile: Tile, classes: Sequence[str], side: int) -> np.ndarray:
    """One picture by itself, its longer side `side` pixels, its marks drawn: (H, W, 3) uint8 RGB.
    `classes` are names by class id."""
    names = [readable(name, class_id) for class_id, name in enumerate(classes)]
    scale = side / max(tile.size)
    cell = (max(round(tile.size[0] * scale), 1), max(round(tile.size[1] * scale), 1))
    return np.asarray(_draw_tile(tile, cell, names, class_colours(len(names))))


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


# ---- a tile --------------------------------------------------------------------------------------


def _draw_tile(
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
    _tag(pen, tile.marks, places, size, names, colours)
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


def _tag(
    pen: ImageDraw.ImageDraw,
    marks: Sequence[Mark],
    places: Sequence[Rectangle],
    size: tuple[int, int],
    names: Sequence[str],
    colours: Sequence[Colour],
) -> None:
    """Write each mark's class beside or in its box: within the tile, clear of the tags before it
    where there is room. Crowded tiles get small letters, and if that isn't enough, tags that
    would cover others are left out: colour and legend have to do."""
    letters = _letter_size(marks, size, names)
    taken: list[Rectangle] = []
    for mark, place in zip(marks, places, strict=True):
        text = _tag_text(names[mark.class_id], letters, size[0])
        width = min(math.ceil(font_of(letters).getlength(text)) + 6, size[0])
        height = min(letters + 4, size[1])
        spot, covered = _best_spot(place, (width, height), size, taken, places)
        if covered and letters == SMALLEST:
            continue
        taken.append(spot)
        colour = colours[mark.class_id]
        pen.rectangle((spot[0], spot[1], spot[2] - 1, spot[3] - 1), fill=colour)
        middle = (spot[0] + 3, (spot[1] + spot[3]) // 2)
        write(pen, middle, text, letters, contrast(colour))


def _letter_size(marks: Sequence[Mark], size: tuple[int, int], names: Sequence[str]) -> int:
    """The largest size of letters with which the tags cover no more than a quarter of the tile."""
    largest = min(max(math.isqrt(size[0] * size[1]) // 24, 11), 22)
    for letters in range(largest, SMALLEST, -1):
        texts = [_tag_text(names[mark.class_id], letters, size[0]) for mark in marks]
        width = sum(font_of(letters).getlength(text) + 6 for text in texts)
        if width * (letters + 4) <= size[0] * size[1] / 4:
            return letters
    return SMALLEST


def _tag_text(name: str, letters: int, width: int) -> str:
    """As much of a name as fits in half a tile of this `width`, or in all of a small one."""
    return cut(name, letters, min(max(width // 2, 120), width) - 6)


def _best_spot(
    place: Rectangle,
    tag: tuple[int, int],
    size: tuple[int, int],
    taken: Sequence[Rectangle],
    boxes: Sequence[Rectangle],
) -> tuple[Rectangle, int]:
    """The best of a box's places for its tag, and the pixels that it covers of tags that are there
    (`taken`): as few as can be, then as few as can be of all the tile's `boxes`, and among equals
    the first place: on the box, under it, in its corners, down along its sides."""
    x0, y0, x1, y1 = place
    width, height = tag
    left, right = x0 - 1, x1 + 1 - width
    spots = [(left, y0 - height), (right, y0 - height), (left, y1), (right, y1),
             (x0, y0), (x1 - width, y0), (x0, y1 - height), (x1 - width, y1 - height)]  # fmt: skip
    spots += [(x, y) for y in range(y0 + height, y1 - height, height) for x in (x0, x1 - width)]
    corners = np.clip(spots, 0, (size[0] - width, size[1] - height))
    rectangles = np.concatenate((corners, corners + tag), axis=1)
    hidden_tags, hidden_boxes = _covered(rectangles, taken), _covered(rectangles, boxes)
    best = int(np.lexsort((hidden_boxes, hidden_tags))[0])
    x, y = (int(v) for v in corners[best])
    return (x, y, x + width, y + height), int(hidden_tags[best])


def _covered(rectangles: np.ndarray, others: Sequence[Rectangle]) -> np.ndarray:
    """How many pixels each of (n, 4) `rectangles` shares with all the others together: (n,)."""
    if not others:
        return np.zeros(len(rectangles), np.int64)
    ours, theirs = rectangles[:, None], np.array(others)[None]
    sides = np.minimum(ours[..., 2:], theirs[..., 2:]) - np.maximum(ours[..., :2], theirs[..., :2])
    return np.maximum(sides, 0).prod(axis=2).sum(axis=1)


# ---- the page ------------------------------------------------------------------------------------

CAPTION_HEIGHT = 30


@dataclass(frozen=True)
class _Grid:
    """Equal cells of size `cell` (width, height) with room for a caption below each."""

    columns: int
    rows: int
    cell: tuple[int, int]

    @classmethod
    def for_tiles(cls, tiles: Sequence[Tile]) -> _Grid:
        """The grid that fills its last row best and comes nearest to the page's proportions, rather
        too wide than too high."""
        if not tiles:
            return cls(1, 1, (WIDTH - 2 * MARGIN, 200))
        aspect = statistics.median(tile.size[0] / tile.size[1] for tile in tiles)
        aspect = min(max(aspect, CELL_ASPECTS[0]), CELL_ASPECTS[1])
        grids = []
        for columns in range(1, min(len(tiles), MOST_COLUMNS) + 1):
            width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) // columns
            height = min(round(width / aspect), CELL_HEIGHT)
            cell = (min(width, round(height * aspect)), height)
            grids.append(cls(columns, math.ceil(len(tiles) / columns), cell))
        return min(grids, key=lambda grid: grid._fault(len(tiles)))

    def _fault(self, count: int) -> float:
        excess = math.log(self.height / (WIDTH * PAGE_RATIO))
        empty = self.columns * self.rows - count
        return max(2 * excess, -excess) + 2 * empty / count

    @property
    def height(self) -> int:
        return self.rows * (self.cell[1] + CAPTION_HEIGHT + GAP) - GAP

    def corner(self, number: int) -> tuple[int, int]:
        """The upper left corner of a cell in the grid."""
        row, column = divmod(number, self.columns)
        return (
            MARGIN + column * (self.cell[0] + GAP),
            row * (self.cell[1] + CAPTION_HEIGHT + GAP),
        )


_SWATCH, _LEGEND_SIZE, _LEGEND_STEP = 16, 18, 28


def _arrange_legend(names: Sequence[str]) -> list[list[tuple[int, int, str]]]:
    """The legend's lines: (x, class id, text) each. What doesn't fit is counted at the end, with
    class id -1."""
    lines: list[list[tuple[int, int, str]]] = [[]] if names else []
    font, x = font_of(_LEGEND_SIZE), MARGIN
    for class_id, name in enumerate(names):
        text = cut(name, _LEGEND_SIZE, 400)
        step = _SWATCH + 8 + math.ceil(font.getlength(text)) + 24
        last = len(lines) == LEGEND_LINES
        if x + step > WIDTH - MARGIN - (200 if last else 0) and lines[-1]:
            if last:
                lines[-1].append((x, -1, f"and {len(names) - class_id} more"))
                break
            lines.append([])
            x = MARGIN
        lines[-1].append((x, class_id, text))
        x += step
    return lines


def _draw_legend(
    pen: ImageDraw.ImageDraw,
    lines: Sequence[Sequence[tuple[int, int, str]]],
    colours: Sequence[Colour],
    top: int,
) -> None:
    for number, line in enumerate(lines):
        middle = top + number * _LEGEND_STEP + _LEGEND_STEP // 2
        for x, class_id, text in line:
            if class_id >= 0:
                corner = (x, middle - _SWATCH // 2)
                pen.rectangle((*corner, x + _SWATCH - 1, corner[1] + _SWATCH - 1),
                              fill=colours[class_id], outline=QUIET)  # fmt: skip
                x += _SWATCH + 8
            write(pen, (x, middle), text, _LEGEND_SIZE, INK)
