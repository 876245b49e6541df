"""Contact sheets: many pictures on one page, with their objects drawn over them. Pure pixels.

A page is (H, W, 3) uint8 RGB and `WIDTH` wide. It depends on nothing but what is passed in and the
font that Pillow carries, so equal inputs give equal bytes.
"""

from __future__ import annotations

import functools
import math
import statistics
import textwrap
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from infgen.records.box import Box

WIDTH = 1920  # of a page, in pixels
MARGIN, GAP = 24, 14
MOST_COLUMNS, CELL_HEIGHT = 8, 1000
PAGE_RATIO = 0.72  # height / width that the grid tries to come near
CELL_ASPECTS = (1 / 3, 4.0)  # of cells; pictures beyond them get bars at their sides
LEGEND_LINES = 8
SMALLEST = 9  # letters on a tile, in pixels

PAPER, INK, QUIET = (255, 255, 255), (28, 28, 30), (110, 110, 115)
BARS, MISSING = (238, 238, 240), (200, 200, 203)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
FILL, RIM = 0.3, 0.9  # how much a mask's inside and its edge hide of the picture

Colour = tuple[int, int, int]
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
    names = [_readable(name, class_id) for class_id, name in enumerate(classes)]
    colours = class_colours(len(names))
    legend = _arrange_legend(names)
    grid = _Grid.for_tiles(tiles)
    top = MARGIN + 40 + (30 if subtitle else 0)
    body = top + len(legend) * _LEGEND_STEP + (GAP if legend else 0)
    page = Image.new("RGB", (WIDTH, body + grid.height + MARGIN), PAPER)
    pen = ImageDraw.Draw(page)
    _write(pen, (MARGIN, MARGIN + 16), title, 30, INK)
    _write(pen, (MARGIN, MARGIN + 50), subtitle, 18, QUIET)
    _draw_legend(pen, legend, colours, top)
    if not tiles:
        _write(pen, (WIDTH // 2, body + grid.height // 2), "no pictures", 30, QUIET, anchor="mm")
    for number, tile in enumerate(tiles):
        x, y = grid.corner(number)
        page.paste(_draw_tile(tile, grid.cell, names, colours), (x, body + y))
        _write(pen, (x, body + y + grid.cell[1] + 15), tile.caption, 16, INK, grid.cell[0])
    return np.asarray(page)


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


# ---- colours -------------------------------------------------------------------------------------

# Okabe and Ito's palette (jfly.uni-koeln.de/color) without its black, which photographs are full
# of, and with Tol's wine instead: told apart with every common colour vision.
FIRST_COLOURS: tuple[Colour, ...] = (
    (213, 94, 0),
    (86, 180, 233),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (230, 159, 0),
    (136, 34, 85),
)
_LEVELS = (40, 88, 136, 184, 232)  # of the colours after them: neither glaring nor black


@functools.cache
def class_colours(count: int) -> tuple[Colour, ...]:
    """A colour for each of `count` classes; a class keeps its colour whatever the count.

    After the first ones always the one that differs most from all before. There are about 100; then
    they come again.
    """
    fresh = np.array([c for c in product(_LEVELS, repeat=3) if max(c) - min(c) > 90])  # no greys
    chosen = list(FIRST_COLOURS)
    gap = np.min([_difference(fresh, np.array(colour)) for colour in chosen], axis=0)
    while len(chosen) < count and gap.max() > 0:
        best = fresh[int(gap.argmax())]
        chosen.append((int(best[0]), int(best[1]), int(best[2])))
        gap = np.minimum(gap, _difference(fresh, best))
    return tuple(chosen[i % len(chosen)] for i in range(count))


def _difference(colours: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How different (n, 3) `colours` look from another: squared, weighted by the redness
    (compuphase.com/cmetric.htm). In whole numbers, so that no machine chooses otherwise."""
    red = (colours[:, 0] + other[0]) // 2
    square = (colours - other) ** 2
    return ((512 + red) * square[:, 0] + 1024 * square[:, 1] + (767 - red) * square[:, 2]) >> 8


def _contrast(colour: Colour) -> Colour:
    """Black or white, whichever stands out from `colour`."""
    red, green, blue = colour
    return BLACK if 299 * red + 587 * green + 114 * blue > 127_500 else WHITE


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
        _write(pen, middle, line, 16, INK, cell[0], anchor="mm")


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
    pen.rectangle((x0 - 1, y0 - 1, x1, y1), outline=_contrast(colour))
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
        width = min(math.ceil(_font(letters).getlength(text)) + 6, size[0])
        height = min(letters + 4, size[1])
        spot, covered = _best_spot(place, (width, height), size, taken)
        if covered and letters == SMALLEST:
            continue
        taken.append(spot)
        colour = colours[mark.class_id]
        pen.rectangle((spot[0], spot[1], spot[2] - 1, spot[3] - 1), fill=colour)
        middle = (spot[0] + 3, (spot[1] + spot[3]) // 2)
        _write(pen, middle, text, letters, _contrast(colour))


def _letter_size(marks: Sequence[Mark], size: tuple[int, int], names: Sequence[str]) -> int:
    """The largest size of letters with which the tags cover no more than a quarter of the tile."""
    largest = min(max(size[0] // 24, 11), 22)
    for letters in range(largest, SMALLEST, -1):
        texts = [_tag_text(names[mark.class_id], letters, size[0]) for mark in marks]
        width = sum(_font(letters).getlength(text) + 6 for text in texts)
        if width * (letters + 4) <= size[0] * size[1] / 4:
            return letters
    return SMALLEST


def _tag_text(name: str, letters: int, width: int) -> str:
    """As much of a name as fits in half a tile of this `width`, or in all of a small one."""
    return _cut(name, letters, min(max(width // 2, 120), width) - 6)


def _best_spot(
    place: Rectangle, tag: tuple[int, int], size: tuple[int, int], taken: Sequence[Rectangle]
) -> tuple[Rectangle, int]:
    """The best of a box's places for its tag, and the pixels of other tags that it covers: as few
    as can be, and among equals the first place: on the box, in its upper corners, under it, in its
    lower corners, then down along its sides."""
    x0, y0, x1, y1 = place
    width, height = tag
    left, right = x0 - 1, x1 + 1 - width
    spots = [(left, y0 - height), (right, y0 - height), (x0, y0), (x1 - width, y0),
             (left, y1), (right, y1), (x0, y1 - height), (x1 - width, y1 - height)]  # fmt: skip
    spots += [(x, y) for y in range(y0 + height, y1 - height, height) for x in (x0, x1 - width)]
    corners = [
        (min(max(x, 0), size[0] - width), min(max(y, 0), size[1] - height)) for x, y in spots
    ]
    rectangles = [(x, y, x + width, y + height) for x, y in corners]
    covered = [sum(_common(spot, other) for other in taken) for spot in rectangles]
    least = covered.index(min(covered))
    return rectangles[least], covered[least]


def _common(a: Rectangle, b: Rectangle) -> int:
    """Pixels that two rectangles share."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


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
        """The grid that fills its last row best and comes nearest to the page's proportions."""
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
        empty = self.columns * self.rows - count
        return abs(math.log(self.height / (WIDTH * PAGE_RATIO))) + 3 * empty / count

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
    font, x = _font(_LEGEND_SIZE), MARGIN
    for class_id, name in enumerate(names):
        text = _cut(name, _LEGEND_SIZE, 400)
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
            _write(pen, (x, middle), text, _LEGEND_SIZE, INK)


# ---- text ----------------------------------------------------------------------------------------


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries, of Latin letters only: the same on every machine."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels all have FreeType
    return font


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    colour: Colour,
    most: int = WIDTH - 2 * MARGIN,
    anchor: str = "lm",
) -> None:
    """Write one line at `place`, its middle left by default, in no more than `most` pixels."""
    pen.text(place, _cut(_plain(text), size, most), fill=colour, font=_font(size), anchor=anchor)


def _cut(text: str, size: int, most: int) -> str:
    """As much of `text` as fits into `most` pixels, with an ellipsis if that isn't all."""
    font = _font(size)
    if font.getlength(text) <= most:
        return text
    fits = bisect_right(
        range(len(text)), most, key=lambda n: math.ceil(font.getlength(text[:n] + "…"))
    )
    return text[: max(fits - 1, 0)].rstrip() + "…"


def _readable(name: str, class_id: int) -> str:
    """A class's name in the letters that the font has, or its number if it has none of them."""
    text = _plain(name)
    return text if any(_has_glyph(letter) for letter in text) else f"class {class_id}"


def _plain(text: str) -> str:
    """Accents off where the font lacks the letter; every kind of space and control as one space."""
    letters = [
        letter if _has_glyph(letter) else unicodedata.normalize("NFKD", letter)
        for letter in "".join(c if c.isprintable() else " " for c in text)
    ]
    return " ".join("".join(c for c in "".join(letters) if not unicodedata.combining(c)).split())


@functools.cache
def _has_glyph(letter: str) -> bool:
    font = _font(16)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
