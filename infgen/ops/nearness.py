"""How near the places of a background are, from a depth map: what decides on objects' sizes."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from infgen.ops.boxes import Nearness
from infgen.records.plan import BackgroundPlan

MOST_SIDE = 48  # pixels of a nearness map: a hundred thousand of them fit into memory
_OUTLIERS = 2.0  # percent at both ends that don't set the scale
_STEEPEST = 1e-6  # metres, or units, below which nothing is nearer than anything


def nearness_map(depth: np.ndarray, metric: bool) -> np.ndarray:
    """(h, w) uint8, 0 far to 255 near, at most MOST_SIDE pixels a side, from an (H, W) float32
    depth map of a whole picture: metres if `metric`, else what grows towards the camera. Of a scene
    without depth everything is halfway."""
    scale = min(MOST_SIDE / max(depth.shape), 1)
    size = [max(round(side * scale), 1) for side in depth.shape[::-1]]
    small = cv2.resize(depth.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    near = 1 / np.maximum(small, _STEEPEST) if metric else small
    low, high = np.percentile(near, [_OUTLIERS, 100 - _OUTLIERS])
    if high - low < _STEEPEST:
        return np.full(near.shape, 128, np.uint8)
    levels: np.ndarray = np.rint(np.clip((near - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return levels


def near_of(
    known: Mapping[str, np.ndarray], background: BackgroundPlan, canvas: tuple[int, int]
) -> Nearness | None:
    """How near the places on a background are, if that is known: there are maps by the names of
    pictures."""
    near = known.get(background.picture)
    return None if near is None else nearness_on(near, background, canvas)


def nearness_on(near: np.ndarray, background: BackgroundPlan, canvas: tuple[int, int]) -> Nearness:
    """How near the places of a canvas of (width, height) are: `near` is the nearness map of the
    whole picture, of which the canvas shows the planned window."""
    height, width = near.shape

    def at(x: float, y: float) -> float:
        x = canvas[0] - x if background.flip else x
        across = (x + background.offset[0]) / background.scaled_size[0]
        down = (y + background.offset[1]) / background.scaled_size[1]
        column = min(max(int(across * width), 0), width - 1)
        row = min(max(int(down * height), 0), height - 1)
        return float(near[row, column]) / 255

    return at
