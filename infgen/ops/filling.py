"""What decoys are filled with: another part of the scene that goes on along their outline."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE
from infgen.ops.given import Standing
from infgen.ops.poisson import in_fours, membrane

PLACES = 400  # that are tried, half of them anywhere, half near by
NEAREST = 0.25  # of the outline's sides, by which a place is away at least, in one direction
FARTHEST = np.array([1.5, 0.5])  # and at most those near by, across and down: scenes lie in layers
BAND = 2  # pixels to either side of the outline that are compared
SIEVES = ((24, 24), (200, 1))  # pixels by which places are compared, and how many places stay
TEXTURE = 6  # times that a difference in texture counts as much as one in colour
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
    places = _places(canvas, alpha.shape, (x, y), source)
    if given:
        free = [not any(one.touches(alpha > 0, *at) for one in given) for at in places.tolist()]
        places = places[free]
        if len(places) < 2:
            return None
    left, top = _likest(canvas, band, places)
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
    places: np.ndarray,
) -> tuple[int, int]:
    """The corner (x, y) of the place that is likest along the outline: in colour, but for what can
    be corrected, and in texture (or else what is flat would be likest to everything). `places` are
    corners, (n, 2) int64, the outline's own first."""
    rows, columns = (axis - BAND for axis in np.nonzero(band))
    for points, kept in SIEVES:
        some = slice(None, None, -(-len(rows) // points))
        unlike = _unlike(canvas, places, rows[some], columns[some])
        order = 1 + unlike.argsort(kind="stable")[:kept]
        places = np.concatenate([places[:1], places[order]])
    x, y = places[min(1, len(places) - 1)].tolist()  # an outline that fills the canvas stays
    return x, y


def _unlike(
    canvas: np.ndarray, places: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """How much each of the places, (n, 2), differs from the first at pixels seen from their
    corners: (n - 1,) int64."""
    height, width = canvas.shape[:2]
    rows = (rows + places[:, 1:]).clip(0, height - 2)  # (places, points)
    pixels = rows * width + (columns + places[:, :1]).clip(0, width - 2)
    flat = np.ascontiguousarray(canvas).reshape(-1, 3)
    colours, green = flat[pixels].astype(np.int16), flat[:, 1]
    right, below = (green[pixels + step].astype(np.int16) for step in (1, width))
    rough = np.abs(right - colours[..., 1]) + np.abs(below - colours[..., 1])
    apart = colours[1:] - colours[0]
    shift = (apart.sum(axis=1, keepdims=True) // pixels.shape[1]).clip(-MOST, MOST)
    texture = np.abs((rough[1:] - rough[0]).sum(axis=1))
    return np.abs(apart - shift).sum(axis=(1, 2)) + TEXTURE * texture


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
    change = np.ascontiguousarray(np.rint(coarse).astype(np.int16).transpose(1, 2, 0))
    height, width = band.shape
    change = cv2.pyrUp(change, dstsize=((width + 1) // 2, (height + 1) // 2))
    return (cv2.pyrUp(change, dstsize=(width, height)) + FINE // 2) // FINE


def _places(
    canvas: np.ndarray,
    shape: tuple[int, ...],
    corner: tuple[int, int],
    source: tuple[float, float],
) -> np.ndarray:
    """Corners at which a patch of this shape fits onto the canvas, away from its own, which comes
    first: (n, 2) int64 of (x, y)."""
    sides = np.array(shape[::-1])
    most = np.array(canvas.shape[1::-1]) - sides
    dice = (np.array(source) + np.arange(PLACES)[:, None] * GOLDEN) % 1
    anywhere = np.rint(dice[::2] * most)
    near = np.rint(corner + (2 * dice[1::2] - 1) * FARTHEST * sides)
    places = np.concatenate([anywhere, near]).astype(np.int64)
    far = (np.abs(places - corner) >= NEAREST * sides).any(axis=1)
    fits = ((places >= 0) & (places <= most)).all(axis=1)
    return np.concatenate([[corner], places[far & fits]])
