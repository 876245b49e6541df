"""Both pictures of a pair at the size of the search for objects, and what was repainted.

Sizes are (width, height), masks at this size (h, w) bool. Lab has a lightness of 0..100.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infgen.records.box import Box

SIDE = 192  # pixels of the longer side at which the search goes on: more shows texture, not objects
_WINDOW = 3.0  # pixels, standard deviation, in which structure is compared
_FLAT = 20.0  # lightness squared: contrast below it is noise
_ALIKE = 0.5  # correlation below which a window was repainted
_MOVED = 5.5  # Lab units by which the mean colour of what wasn't repainted may differ
_LEAST = 60  # pixels of a region: less is no object
_LEAST_REGION = 0.05  # of the largest region
_ROOM = 0.1  # of a requested box's sides: painters paint a little beyond it


class Scene:
    """Both pictures at the size of the search, in Lab (lightness 0..100)."""

    def __init__(self, before: np.ndarray, after: np.ndarray, size: tuple[int, int]):
        self.size = size  # (width, height) of the pictures that were given
        self.rgb, self.before, self.after = after, _lab(before), _lab(after)
        self.change = np.linalg.norm(blur(self.before, 1.5) - blur(self.after, 1.5), axis=2)
        self.region = _repainted(self.before, self.after, self.change)

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> Scene:
        if before.shape != after.shape:
            raise ValueError(f"pictures of {before.shape} and {after.shape} are no pair")
        height, width = after.shape[:2]
        scale = min(SIDE / max(height, width), 1.0)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        return cls(
            cv2.resize(before, size, interpolation=cv2.INTER_AREA),
            cv2.resize(after, size, interpolation=cv2.INTER_AREA),
            (width, height),
        )

    def regions(self) -> list[np.ndarray]:
        """The connected parts of the repainted region that could hold an object, (h, w) bool."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(self.region.astype(np.uint8))
        areas = stats[1:, cv2.CC_STAT_AREA]
        least = max(_LEAST, _LEAST_REGION * areas.max(initial=0))
        return [labels == number for number in range(1, count) if areas[number - 1] >= least]

    def has_room(self, region: np.ndarray) -> bool:
        """Whether the region is large enough for an object."""
        return bool(np.count_nonzero(region) >= _LEAST)

    def full_size(self, mask: np.ndarray) -> np.ndarray:
        """(h, w) bool at the size of the pictures."""
        smooth = cv2.resize(mask.astype(np.float32), self.size, interpolation=cv2.INTER_LINEAR)
        return smooth >= 0.5

    def places(self, boxes: Sequence[Box]) -> np.ndarray:
        """(h, w) int: the number of the box that each pixel belongs to, -1 for none."""
        height, width = self.region.shape
        x = (np.arange(width) + 0.5) * self.size[0] / width
        y = (np.arange(height)[:, None] + 0.5) * self.size[1] / height
        places = np.full((height, width), -1)
        nearest = np.full((height, width), 1 + 2 * _ROOM)
        for number, box in enumerate(boxes):
            (middle_x, middle_y) = box.center
            away = np.maximum(abs(x - middle_x) / box.width, abs(y - middle_y) / box.height) * 2
            closer = away < nearest
            places[closer], nearest[closer] = number, away[closer]
        return places


def _repainted(before: np.ndarray, after: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(h, w) bool: whatever a model made anew, background included.

    What merely went through a VAE keeps its structure (windows of lightness correlate) and its mean
    colour; where there is no structure to compare, the colour alone tells.
    """
    one, other = before[..., 0], after[..., 0]
    mean, other_mean = blur(one, _WINDOW), blur(other, _WINDOW)
    variance = blur(one * one, _WINDOW) - mean * mean
    other_variance = blur(other * other, _WINDOW) - other_mean * other_mean
    common = blur(one * other, _WINDOW) - mean * other_mean
    alike = (2 * common + _FLAT) / (variance + other_variance + _FLAT)
    changed = ((alike < _ALIKE) | (change > _MOVED)).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, disk(3))
    return filled(cv2.morphologyEx(changed, cv2.MORPH_OPEN, disk(4)))


# ---- small tools ---------------------------------------------------------------------------------


def _lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def blur(values: np.ndarray, deviation: float) -> np.ndarray:
    """Smoothed by a Gaussian of `deviation` pixels."""
    return cv2.GaussianBlur(values, (0, 0), deviation)


def region_depth(region: np.ndarray) -> np.ndarray:
    """Pixels to the region's edge; the picture's border is none."""
    wide = np.pad(region.astype(np.uint8), 1, mode="edge")
    return cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]


def filled(mask: np.ndarray) -> np.ndarray:
    """(h, w) uint8 without its holes, as bool."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(mask)
    cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
    return whole != 0


def disk(radius: int) -> np.ndarray:
    """The kernel of all pixels within `radius`, for OpenCV's morphology."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
