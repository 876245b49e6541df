"""The classes' names beside the boxes of a tile, clear of each other where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from infgen.report.colours import Colour, contrast
from infgen.report.lettering import cut, font_of, write
from infgen.report.sheet.marks import Mark, Rectangle

SMALLEST = 9  # letters on a tile, in pixels


def write_tags(
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
        spot, covered = best_spot(place, (width, height), size, taken, places)
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


def best_spot(
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
