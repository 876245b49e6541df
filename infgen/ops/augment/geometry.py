"""Where things go: each move as a matrix, so that any number of them is one matrix, exactly.

All are (3, 3) float64, from points on pixel edges of a picture of `size` = (width, height) to
points on pixel edges of the changed one, of the same size. x grows to the right, y downwards.
"""

from __future__ import annotations

import math

import numpy as np

from infgen.records.box import Box

PLACES = 9  # decimals of a matrix: what sines leave beyond them differs between machines


def mirror(size: tuple[int, int]) -> np.ndarray:
    """Left to right."""
    return _affine(-1, 0, size[0], 0, 1, 0)


def flip(size: tuple[int, int]) -> np.ndarray:
    """Upside down."""
    return _affine(1, 0, 0, 0, -1, size[1])


def crop(size: tuple[int, int], keep: float, x: float, y: float) -> np.ndarray:
    """A window of the share `keep` of either side, which becomes all of the picture. (`x`, `y`) is
    where it lies, from 0, the left and top, to 1."""
    left, top = (part * (1 - keep) * side for part, side in zip((x, y), size, strict=True))
    return _affine(1 / keep, 0, -left / keep, 0, 1 / keep, -top / keep)


def rotate(size: tuple[int, int], degrees: float) -> np.ndarray:
    """Clockwise about the centre."""
    angle = math.radians(degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    return _about_centre(size, cosine, -sine, sine, cosine)


def shift(size: tuple[int, int], x: float, y: float) -> np.ndarray:
    """By shares of the width and the height, to whole pixels."""
    return _affine(1, 0, round(x * size[0]), 0, 1, round(y * size[1]))


def shear(size: tuple[int, int], x: float, y: float) -> np.ndarray:
    """Upright lines lean by `x` degrees, then level ones by `y`. Areas stay what they are."""
    across, down = (math.tan(math.radians(degrees)) for degrees in (x, y))
    return _about_centre(size, 1, -across, down, 1 - across * down)


def zoom(size: tuple[int, int], factor: float, stretch: float) -> np.ndarray:
    """About the centre, `factor` times as large, and `stretch` times as wide for its height."""
    root = math.sqrt(stretch)
    return _about_centre(size, factor * root, 0, 0, factor / root)


def _about_centre(size: tuple[int, int], a: float, b: float, c: float, d: float) -> np.ndarray:
    """The matrix ((a, b), (c, d)) with the picture's centre where it was."""
    x, y = size[0] / 2, size[1] / 2
    return _affine(a, b, x - a * x - b * y, c, d, y - c * x - d * y)


def _affine(*entries: float) -> np.ndarray:
    return np.array([entries[:3], entries[3:], (0, 0, 1)], np.float64)


# ---- matrices in general -------------------------------------------------------------------------


def rounded(matrix: np.ndarray) -> np.ndarray:
    """To PLACES decimals: the same numbers on every machine, and no negative zeros."""
    return np.round(matrix, PLACES) + 0.0


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The way back."""
    (a, b, x), (c, d, y), _ = matrix.tolist()
    det = a * d - b * c
    back = (d / det, -b / det, (b * y - d * x) / det, -c / det, a / det, (c * x - a * y) / det)
    return rounded(_affine(*back))


def area_scale(matrix: np.ndarray) -> float:
    """How many times as large areas become."""
    (a, b, _), (c, d, _), _ = matrix.tolist()
    return abs(a * d - b * c)


def box_moved(box: Box, matrix: np.ndarray, size: tuple[int, int]) -> Box | None:
    """The box around the four corners where the matrix puts them, as far as it lies in a picture of
    `size` = (width, height), with two decimals; None where it doesn't."""
    x0, y0, x1, y1 = box.xyxy
    corners = moved(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), matrix)
    low, high = corners.min(axis=0).round(2).tolist(), corners.max(axis=0).round(2).tolist()
    return Box(*low, *high).intersect(Box(0, 0, *size))


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(n, 2) points where the matrix puts them."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]
