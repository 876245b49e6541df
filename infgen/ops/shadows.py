"""Shadows of pasted objects: painted under them and over what lies lower, part of no label."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE, weigh
from infgen.records.plan import Shadow


def cast(canvas: np.ndarray, patch: np.ndarray, x: int, y: int, shadow: Shadow) -> None:
    """Darken `canvas`, (H, W, 3) uint8, in place, where `patch`, (h, w, 4) uint8 premultiplied with
    its corner at (x, y), throws its `shadow`. What of it leaves the canvas is lost."""
    longer = max(patch.shape[:2])
    blur = max(shadow.blur * longer, 0.5)
    margin = max(round(2 * blur), 1)
    shape = SHADOWS[shadow.kind].shape(cv2.extractChannel(patch, 3), margin)
    side = 2 * margin + 1
    soft = cv2.GaussianBlur(shape, (side, side), blur, borderType=cv2.BORDER_CONSTANT)
    dark = cv2.LUT(soft, np.rint(np.arange(256) * shadow.darkness).astype(np.uint8))
    dx, dy = (round(part * longer) - margin for part in shadow.offset)
    region, part = _meeting(canvas, dark, x + dx, y + dy)
    if part.size:
        region[:] = weigh(np.ascontiguousarray(region), cv2.bitwise_not(part))


def _meeting(
    canvas: np.ndarray, layer: np.ndarray, x: int, y: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where a layer with its corner at (x, y) lies on the canvas: that of the canvas, as a view,
    and that of the layer."""
    left, top = max(-x, 0), max(-y, 0)
    part = layer[top : max(canvas.shape[0] - y, 0), left : max(canvas.shape[1] - x, 0)]
    x, y = x + left, y + top
    return canvas[y : y + part.shape[0], x : x + part.shape[1]], part


# ---- the rows ------------------------------------------------------------------------------------
# From an object's (h, w) uint8 alpha to its shadow's shape with a margin all around for the blur:
# (h + 2 margin, w + 2 margin) uint8.


def _drop(alpha: np.ndarray, margin: int) -> np.ndarray:
    """The object's own shape, as on a wall behind it."""
    return cv2.copyMakeBorder(alpha, margin, margin, margin, margin, cv2.BORDER_CONSTANT)


FOOT = 0.12  # of the object's height: what it stands on
SPREAD, FLATNESS = 0.55, 0.22  # of the foot's width: half the ellipse's, and its height by that


def _contact(alpha: np.ndarray, margin: int) -> np.ndarray:
    """A flat ellipse along the object's foot, as on the ground that it stands on."""
    shape = np.zeros((alpha.shape[0] + 2 * margin, alpha.shape[1] + 2 * margin), np.uint8)
    rows = np.flatnonzero((alpha >= OPAQUE).any(axis=1))
    if not rows.size:
        return shape
    bottom, height = int(rows[-1]), int(rows[-1] - rows[0]) + 1
    foot = alpha[max(bottom + 1 - max(round(FOOT * height), 1), 0) : bottom + 1] >= OPAQUE
    columns = np.flatnonzero(foot.any(axis=0))
    left, right = int(columns[0]), int(columns[-1])
    half = max(round(SPREAD * (right - left + 1)), 1)
    middle = (left + right) // 2 + margin, bottom + margin
    cv2.ellipse(shape, middle, (half, max(round(FLATNESS * half), 1)), 0, 0, 360, 255, cv2.FILLED)
    return shape


class Kind(NamedTuple):
    """`falls`: how far it falls, as a share of what is drawn for a thing in front of a wall."""

    shape: Callable[[np.ndarray, int], np.ndarray]
    falls: float


SHADOWS = {"drop": Kind(_drop, 1.0), "contact": Kind(_contact, 0.15)}
