"""How what a model painted goes back onto the canvas: through a matte with soft edges.

The matte lies inside what was denoised, and outside of it the canvas keeps every bit. It follows
the target's shape (ops/shapes), or the object itself once that is known.
"""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.windows import Window
from infgen.records.box import Box

FEATHER_FRAC = 0.06  # of an object's size (the root of its box's area): the matte's soft edge
FEATHER_RANGE = (2.0, 24.0)  # canvas pixels
_HALO = 0.5  # of the feather's width: stays opaque around a known object, with shadow and contact
_RIM = 3.0  # canvas pixels in which an object fades out that was cut off


# How wide an object's soft edge is, in times the usual. Each object draws one of them, so that no
# single kind of edge is there to be learnt.
FEATHERS = {"narrow": 0.6, "alpha": 1.0, "wide": 1.5}


def feather_width(
    box: Box,
    blend: str = "alpha",
    frac: float = FEATHER_FRAC,
    limits: tuple[float, float] = FEATHER_RANGE,
) -> float:
    """The width in canvas pixels of the soft edge around an object that fills `box`, by a row of
    FEATHERS."""
    low, high = limits
    return min(max(FEATHERS[blend] * frac * box.area**0.5, low), high)


def stitch_matte(
    window: Window, room: np.ndarray, feather: float, thing: np.ndarray | None = None
) -> np.ndarray:
    """How much of the painted window is pasted: (h, w) float32, 0..1, for `canvas[window.place]`.

    0 exactly on every pixel that isn't wholly within `room`, (native, native) bool: the target's
    shape. From there it rises to 1 over `feather` canvas pixels, or less if the shape is small.
    Where the object itself is known, `thing`, (native, native) bool, the matte is 1 on it and falls
    to 0 around it, and `room` may be all that was denoised. An empty one counts as unknown.

    At the canvas's borders nothing is faded: there's nothing beyond to blend with.
    """
    covered = window.covered(room)
    depth = _depth(covered, window)
    pasted = window.uncrop(thing) & covered if thing is not None else np.zeros_like(covered)
    rise = _around(pasted, depth, feather) if pasted.any() else _within(depth, feather)
    rise = np.clip(rise, 0, 1)
    return rise * rise * (3 - 2 * rise)  # smooth at both ends


def _depth(covered: np.ndarray, window: Window) -> np.ndarray:
    """How many pixels each is away from the nearest that isn't covered, float32, 0 on those.

    What lies beyond the window counts as not covered, what lies beyond the canvas as covered.
    """
    rows, columns = window.place
    width, height = window.canvas
    beyond = ((rows.start > 0, rows.stop < height), (columns.start > 0, columns.stop < width))
    padded = np.pad(covered, np.array(beyond, int))
    if padded.all():
        return np.full(covered.shape, max(covered.shape), np.float32)
    depth = cv2.distanceTransform(padded.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    (top, _), (left, _) = beyond
    return depth[top : top + covered.shape[0], left : left + covered.shape[1]]


def _within(depth: np.ndarray, feather: float) -> np.ndarray:
    """At most half the way to the deepest place is soft: small things are opaque too."""
    return depth / max(min(feather + 1, float(depth.max()) / 2), 1)


def _around(thing: np.ndarray, depth: np.ndarray, feather: float) -> np.ndarray:
    """1 on the thing and on a halo, falling from there; where the room ends sooner, half way to its
    end."""
    away = cv2.distanceTransform((~thing).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    fall = 1 - (away - _HALO * feather) / (feather + 1)
    within = 2 * depth / np.maximum(depth + away, 1)
    return np.minimum(np.minimum(fall, within), depth / _RIM)


def stitch(region: np.ndarray, painted: np.ndarray, matte: np.ndarray) -> None:
    """Lay `painted` over a `region` of the canvas, both (h, w, 3) uint8, in place.

    `matte` is (h, w) float32, as from stitch_matte. Where it is 0 the canvas keeps every bit; where
    it is 1 it takes the painted pixel.
    """
    region[:] = cv2.blendLinear(region, painted, 1 - matte, matte)
