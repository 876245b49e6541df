"""The background stage: the user's pictures cut to the canvas, or plain ones drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from infgen.records.plan import BackgroundPlan, ImagePlan
from infgen.records.specs import Picture
from infgen.sources.pictures import PictureCache, read_rgb

CACHE_BYTES = 96 * 2**20


class Backgrounds:
    """Makes canvases. `pictures` are the user's background files by name."""

    def __init__(self, pictures: Mapping[str, Picture]):
        self._pictures = pictures
        self._cache = PictureCache(CACHE_BYTES)

    def make(self, plans: Sequence[ImagePlan]) -> list[np.ndarray]:
        """A fresh (H, W, 3) uint8 RGB canvas for each plan, in order.

        Raises:
            PictureError: a background file is gone or has changed.
        """
        return [
            self._cut(plan.background, plan.size)
            if plan.background.picture
            else draw_plain(plan.background, plan.size)
            for plan in plans
        ]

    def _cut(self, plan: BackgroundPlan, canvas: tuple[int, int]) -> np.ndarray:
        """The planned window of the picture. Scaled pictures are what is cached: the scale depends
        on nothing but the file and the canvas, so each is decoded and resized once."""
        picture = self._pictures[plan.picture]
        scaled = self._cache.get(
            (picture.sha256, plan.scaled_size),
            make=lambda: _scale(read_rgb(picture), plan.scaled_size),
            size_of=lambda pixels: pixels.nbytes,
        )
        (x, y), (width, height) = plan.offset, canvas
        window = scaled[y : y + height, x : x + width]
        return cv2.flip(window, 1) if plan.flip else window.copy()


def _scale(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = size[0] <= pixels.shape[1]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def draw_plain(plan: BackgroundPlan, canvas: tuple[int, int]) -> np.ndarray:
    """A plain background from the plan's seed: (H, W, 3) uint8 RGB.

    `plan.plain` is a row of PLAIN (`plain:noise`), or `plain` for any of them.
    """
    rng = np.random.default_rng(plan.seed)
    kind = plan.plain.partition(":")[2] or sorted(PLAIN)[rng.integers(len(PLAIN))]
    return PLAIN[kind](rng, canvas)


def _colour(rng: np.random.Generator, canvas: tuple[int, int]) -> np.ndarray:
    """One colour everywhere."""
    width, height = canvas
    return np.full((height, width, 3), rng.integers(256, size=3), np.uint8)


def _gradient(rng: np.random.Generator, canvas: tuple[int, int]) -> np.ndarray:
    """Two colours, blended along a random direction."""
    (width, height), angle = canvas, rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    ramp = np.cos(angle) * x[None, :] + np.sin(angle) * y[:, None]
    ramp = (ramp - ramp.min()) / max(np.ptp(ramp), 1e-9)
    start, end = rng.uniform(0, 255, (2, 3))
    return np.rint(start + ramp[..., None] * (end - start)).astype(np.uint8)


def _noise(rng: np.random.Generator, canvas: tuple[int, int]) -> np.ndarray:
    """Soft coloured noise in several sizes, around a random colour."""
    pixels = np.zeros((canvas[1], canvas[0], 3), np.float32)
    for cells, strength in ((3, 60), (9, 35), (27, 20), (81, 10)):
        grain = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        pixels += cv2.resize(grain, canvas, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(pixels + rng.uniform(60, 195, 3)), 0, 255).astype(np.uint8)


PLAIN = {"colour": _colour, "gradient": _gradient, "noise": _noise}
