"""What decoys are filled with: another part of the scene that goes on along their outline."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE
from infgen.ops.given import Standing
from infgen.ops.poisson import in_fours, membrane

PLACES = 96  # that are tried, half of them anywhere, half near by
NEAREST = 0.25  # of the outline's sides, by which a place is away at least, in one direction
FARTHEST = 1.5  # and by which places near by are away at most
BAND = 4  # pixels to either side of the outline that are compared
POINTS = 256  # of them, at most
TEXTURE = 2  # times that a difference in texture counts as much as one in colour
MOST = 40  # grey levels by which a channel is made lighter or darker to match
GOLDEN = (0.7548776662466927, 0.5698402909980532)  # steps that spread evenly over a square: Roberts
FINE = 16  # parts of a grey level


def fill(
    canvas: np.ndarray,
    alpha: np.ndarray,
    x: int,
    y: int,
    source: tuple[float, float],
    given: Sequence[Standing] = (),
) -> np.ndarray | None:
    """Colours, (h, w, 3) uint8, for an outline, (h, w) uint8 alpha with its corner at (x, y).

    They are from that part of `canvas`, (H, W, 3) uint8, that differs least along the outline from
    what is there, and made lighter or darker to match it. The places that are tried follow from
    `source`, two dice; none shows anything of the `given` objects. None if there is no such place.
    """
    band = _along(alpha)
    places = [
        place
        for place in _places(canvas, alpha.shape, (x, y), source)
        if not any(one.touches(alpha > 0, *place) for one in given)
    ]
    if given and not places:
        return None
    left, top = _likest(canvas, band, (x, y), places)
    here, there = (_window(canvas, *corner, band.shape) for corner in ((x, y), (left, top)))
    seen = there + _correction(here.astype(np.int16) - there, band)
    return seen[BAND:-BAND, BAND:-BAND].clip(0, 255).astype(np.uint8)


def _along(alpha: np.ndarray) -> np.ndarray:
    """Where the outline is near, (h + 2 BAND, w + 2 BAND) bool."""
    wide = cv2.copyMakeBorder(alpha, BAND, BAND, BAND, BAND, cv2.BORDER_CONSTANT)
    mask = (wide >= OPAQUE).astype(np.uint8)
    box = np.ones((2 * BAND + 1,) * 2, np.uint8)
    return cv2.dilate(mask, box) > cv2.erode(mask, box)


def _likest(
    canvas: np.ndarray,
    band: np.ndarray,
    corner: tuple[int, int],
    elsewhere: Sequence[tuple[int, int]],
) -> tuple[int, int]:
    """The corner (x, y) of the place that is likest along the outline: in colour, but for a shift
    as a whole, and in texture (or else what is flat would be likest to everything)."""
    places = np.array([corner, *elsewhere])
    rows, columns = (axis[:: -(-len(axis) // POINTS)] - BAND for axis in np.nonzero(band))
    rows, columns = rows + places[:, 1:], columns + places[:, :1]  # (places, points)
    colours = _at(canvas, rows, columns)
    apart = colours - colours[0]
    unlike = np.abs(apart - apart.sum(axis=1, keepdims=True) // len(rows[0])).sum(axis=(1, 2))
    steps = np.abs(_at(canvas, rows, columns + 1) - colours) + np.abs(
        _at(canvas, rows + 1, columns) - colours
    )
    rough = steps.sum(axis=(1, 2))
    unlike += TEXTURE * np.abs(rough - rough[0])
    best = 1 + int(unlike[1:].argmin()) if len(places) > 1 else 0
    return int(places[best, 0]), int(places[best, 1])


def _at(canvas: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pixels, int32, repeated beyond the canvas's border."""
    height, width = canvas.shape[:2]
    return canvas[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.int32)


def _window(canvas: np.ndarray, x: int, y: int, shape: tuple[int, ...]) -> np.ndarray:
    """A patch's place with a margin of BAND, repeated beyond the canvas's border."""
    rows = np.arange(y - BAND, y - BAND + shape[0]).clip(0, canvas.shape[0] - 1)
    columns = np.arange(x - BAND, x - BAND + shape[1]).clip(0, canvas.shape[1] - 1)
    return canvas[rows[:, None], columns]


def _correction(apart: np.ndarray, band: np.ndarray) -> np.ndarray:
    """What to add, (h, w, 3) int16, so that along the outline there is no step: the differences
    there, and a smooth skin between them. At a quarter of the size, as there's no detail in it."""
    known = band.astype(np.float32)
    sums, counts = in_fours(in_fours(apart.transpose(2, 0, 1) * known)), in_fours(in_fours(known))
    coarse = membrane(sums / np.maximum(counts, 1), counts > 0).clip(-MOST, MOST) * FINE
    skin = np.ascontiguousarray(np.rint(coarse).astype(np.int16).transpose(1, 2, 0))
    height, width = band.shape
    skin = cv2.pyrUp(skin, dstsize=((width + 1) // 2, (height + 1) // 2))
    return (cv2.pyrUp(skin, dstsize=(width, height)) + FINE // 2) // FINE


def _places(
    canvas: np.ndarray,
    shape: tuple[int, ...],
    corner: tuple[int, int],
    source: tuple[float, float],
) -> list[tuple[int, int]]:
    """Corners (x, y) at which a patch of this shape fits onto the canvas, away from where it is."""
    height, width = shape
    most_x, most_y = canvas.shape[1] - width, canvas.shape[0] - height
    found = []
    for number in range(PLACES):
        u, v = ((die + number * step) % 1 for die, step in zip(source, GOLDEN, strict=True))
        if number % 2:
            x = corner[0] + round((2 * u - 1) * FARTHEST * width)
            y = corner[1] + round((2 * v - 1) * FARTHEST * height / 3)  # scenes lie in layers
        else:
            x, y = round(u * most_x), round(v * most_y)
        far = abs(x - corner[0]) >= NEAREST * width or abs(y - corner[1]) >= NEAREST * height
        if far and 0 <= x <= most_x and 0 <= y <= most_y:
            found.append((x, y))
    return found
