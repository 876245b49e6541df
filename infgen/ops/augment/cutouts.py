"""Single objects changed: cutouts with their transparency, shaped to fill their box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.geometry import area_scale, moved
from infgen.ops.augment.picture import holes, matrix_of
from infgen.ops.augment.texture import blur
from infgen.ops.augment.warp import Warp
from infgen.ops.blend import FAINT, premultiply
from infgen.ops.camera import soften
from infgen.records.plan import Change

_MARGIN = 1  # pixels around what is moved, into which its edges fade


def outline_of(patch: np.ndarray) -> np.ndarray:
    """The convex hull of what is seen of (h, w, 4) uint8 `patch`: (n, 2) float64 corners on pixel
    edges, as shares of its width and height."""
    seen = (cv2.extractChannel(patch, 3) > FAINT).astype(np.uint8)
    height, width = seen.shape
    touched = np.zeros((height + 1, width + 1), np.uint8)  # the corners of seen pixels
    for x, y in ((0, 0), (0, 1), (1, 0), (1, 1)):
        touched[y : y + height, x : x + width] |= seen
    outlines, _ = cv2.findContours(touched, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(outlines))
    return hull[:, 0].astype(np.float64) / (width, height)


@dataclass(frozen=True)
class Move:
    """How an object gets its shape: scaled to `size` = (width, height), then moved by `matrix`.
    What is seen of it is then `out` = (width, height) pixels large."""

    size: tuple[int, int]
    matrix: np.ndarray
    out: tuple[int, int]


def moves(changes: Sequence[Change]) -> bool:
    """Whether any of them does."""
    return any(AUGMENTS[one.name].matrix for one in changes)


def fit_moved(
    changes: Sequence[Change],
    outline: np.ndarray,
    size: tuple[int, int],
    room: tuple[float, float],
) -> Move:
    """The move after which an object of `size` = (width, height), with an outline by outline_of,
    fills `room` = (width, height), or as much of it as a zoom among the `changes` leaves it."""
    matrix = matrix_of(changes, size)
    zoomed = math.sqrt(area_scale(matrix))
    matrix[:2] /= zoomed
    spread = np.ptp(moved(outline * size, matrix), axis=0).tolist()
    scale = zoomed * min(side / length for side, length in zip(room, spread, strict=True))
    width, height = (max(round(side * scale), 1) for side in size)
    points = moved(outline * (width, height), matrix)
    matrix[:2, 2] += _MARGIN - points.min(axis=0)
    out = tuple(
        min(max(round(length), 1), max(round(side), 1))
        for length, side in zip(np.ptp(points, axis=0).tolist(), room, strict=True)
    )
    return Move((width, height), matrix, out)


def change_cutout(
    patch: np.ndarray, changes: Sequence[Change], move: Move | None, ids: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """`patch`, (h, w, 4) uint8 premultiplied, of the size that `move` (None: nothing moves) wants,
    after its changes; the (h, w) uint8 or uint16 `ids` of its parts, if it has some, alike; and the
    margin in pixels that both have on every side."""
    margin = 0
    if move is not None:
        margin = _MARGIN
        out = (move.out[0] + 2 * margin, move.out[1] + 2 * margin)
        warp = Warp(move.matrix, move.size, "constant", out)
        patch = warp.picture(patch)
        ids = None if ids is None else warp.nearest(ids)
    for one in changes:
        if AUGMENTS[one.name].paint is blur:
            patch, more = soften(patch, one.values["sigma"])
            margin += more
            ids = None if ids is None else np.pad(ids, more)
    colours = [one for one in changes if AUGMENTS[one.name].paint not in (None, blur)]
    if colours:
        patch = _recoloured(patch, colours)
    for rows, columns, _ in holes(changes, (patch.shape[1], patch.shape[0])):
        patch = patch.copy()
        patch[rows, columns] = 0
        if ids is not None:
            ids = ids.copy()
            ids[rows, columns] = 0
    return patch, ids, margin


def _recoloured(patch: np.ndarray, changes: Sequence[Change]) -> np.ndarray:
    """A premultiplied patch with its straight colours changed, its alpha as it was."""
    alpha = cv2.extractChannel(patch, 3)
    colour = _straight(patch, alpha)
    for one in changes:
        make = AUGMENTS[one.name].paint
        assert make is not None
        colour = make(colour, **one.values)
    return premultiply(np.dstack([colour, alpha]))


def _straight(patch: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 colours without alpha in them. Where nothing is seen it is their mean: what
    looks around (JPEG) finds nothing odd there."""
    colour = cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB)
    pixels, opacity = colour.reshape(-1, 3), alpha.ravel()
    partly = np.flatnonzero((opacity > 0) & (opacity < 255))
    over = opacity[partly, None].astype(np.uint16)
    raised = (pixels[partly].astype(np.uint16) * 255 + over // 2) // over
    pixels[partly] = np.minimum(raised, 255).astype(np.uint8)
    seen = opacity > FAINT
    if seen.any():
        total = pixels[seen].sum(axis=0, dtype=np.int64)
        pixels[opacity == 0] = (total // np.count_nonzero(seen)).astype(np.uint8)
    return colour
