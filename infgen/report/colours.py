"""Colours for classes: told apart by everybody, and steady from sheet to sheet."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import product

import numpy as np

Colour = tuple[int, int, int]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
GREY: Colour = (140, 140, 145)  # of all that have no colour of their own: to be seen on any ground

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
_LEVELS = range(40, 233, 16)  # of the colours after them: neither glaring nor black
FEW, MANY = 100, 1000  # that are told apart at a glance; that differ at all


def class_colours(count: int) -> tuple[Colour, ...]:
    """A colour for each of `count` classes; a class keeps its colour whatever the count. After MANY
    they come again."""
    colours = _colours(FEW if count <= FEW else MANY)
    return tuple(colours[i % len(colours)] for i in range(count))


def own_colours(totals: Sequence[int]) -> tuple[Colour, ...]:
    """A colour for each class, by how many objects it has, that no other has: as class_colours, but
    of more than FEW classes those with the most objects have them, the first ones first, and all
    others are grey."""
    colours = _colours(FEW)
    if len(totals) <= len(colours):
        return class_colours(len(totals))
    largest = sorted(range(len(totals)), key=lambda number: (-totals[number], number))
    own = dict(zip(largest, colours, strict=False))
    return tuple(own.get(number, GREY) for number in range(len(totals)))


@functools.cache
def _colours(count: int) -> tuple[Colour, ...]:
    """After the first ones always the one that differs most from all before."""
    fresh = np.array([c for c in product(_LEVELS, repeat=3) if max(c) - min(c) > 60])  # no greys
    chosen = list(FIRST_COLOURS)
    gap = np.min([_difference(fresh, np.array(colour)) for colour in chosen], axis=0)
    while len(chosen) < count:
        best = fresh[int(gap.argmax())]
        chosen.append((int(best[0]), int(best[1]), int(best[2])))
        gap = np.minimum(gap, _difference(fresh, best))
    return tuple(chosen)


def _difference(colours: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How different (n, 3) `colours` look from another: squared, weighted by the redness
    (compuphase.com/cmetric.htm). In whole numbers, so that no machine chooses otherwise."""
    red = (colours[:, 0] + other[0]) // 2
    square = (colours - other) ** 2
    return ((512 + red) * square[:, 0] + 1024 * square[:, 1] + (767 - red) * square[:, 2]) >> 8


def contrast(colour: Colour) -> Colour:
    """Black or white, whichever stands out from `colour`."""
    red, green, blue = colour
    return BLACK if 299 * red + 587 * green + 114 * blue > 127_500 else WHITE
