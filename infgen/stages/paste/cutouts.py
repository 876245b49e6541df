"""Cutouts made ready for their place: scaled into a box, as soft as the scene, edges blended."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

from infgen.ops.blend import Pyramid, crop_to_content, fit, premultiply
from infgen.ops.blends import blend_edges
from infgen.ops.camera import cutout_softness, missing_blur, soften
from infgen.records.plan import ObjectPlan
from infgen.records.specs import Picture
from infgen.sources.pictures import PictureCache, read_rgba

CACHE_BYTES = 96 * 2**20


class Cutouts:
    """The user's cutout files, `pictures` by name, read once each."""

    def __init__(self, pictures: Mapping[str, Picture]):
        self._pictures = pictures
        self._cache = PictureCache(CACHE_BYTES)
        self._softness: dict[tuple[str, int], float | None] = {}

    def ready(
        self, plan: ObjectPlan, canvas: tuple[int, int], scene: float | None
    ) -> tuple[np.ndarray, int, int]:
        """The planned cutout scaled into its box, keeping its shape, around the box's centre, as
        soft as its `scene` and with its edges blended: (h, w, 4) uint8 premultiplied, and the
        (x, y) of its corner on the canvas of (width, height).

        Raises:
            PictureError: its file is gone or has changed.
        """
        picture = self._pictures[plan.cutout]
        pyramid = self._pyramid(picture, canvas)
        width, height = fit(pyramid.size, (plan.box.width, plan.box.height))
        x, y = (
            min(max(round(center - length / 2), 0), side - length)
            for center, length, side in zip(plan.box.center, (width, height), canvas, strict=True)
        )
        patch = pyramid.scale((width, height))
        if plan.mirror:
            patch = cv2.flip(patch, 1)
        if scene is not None:
            own = self._softness_of(picture, pyramid, max(width, height) / max(pyramid.size))
            patch, margin = soften(patch, missing_blur(own, scene))
            patch, x, y = _within(patch, x - margin, y - margin, canvas)
        return blend_edges(patch, plan.look.blend), x, y

    def _softness_of(self, picture: Picture, pyramid: Pyramid, scale: float) -> float | None:
        """How soft a cutout is at a scale, to half an octave: then once is enough for many."""
        octaves = round(2 * math.log2(scale)) / 2
        key = (picture.sha256, round(2 * octaves))
        if key not in self._softness:
            room = (pyramid.size[0] * 2**octaves, pyramid.size[1] * 2**octaves)
            self._softness[key] = cutout_softness(pyramid.scale(fit(pyramid.size, room)))
        return self._softness[key]

    def _pyramid(self, picture: Picture, canvas: tuple[int, int]) -> Pyramid:
        """A cutout without its empty margin, for any size up to the canvas's (width, height)."""
        pyramid: Pyramid = self._cache.get(
            (picture.sha256, canvas),
            make=lambda: Pyramid(premultiply(crop_to_content(read_rgba(picture))), canvas),
            size_of=lambda pyramid: pyramid.nbytes,
        )
        return pyramid


def _within(
    patch: np.ndarray, x: int, y: int, canvas: tuple[int, int]
) -> tuple[np.ndarray, int, int]:
    """What of a patch with its corner at (x, y) lies on the canvas, and the corner of that."""
    left, top = max(-x, 0), max(-y, 0)
    return patch[top : canvas[1] - y, left : canvas[0] - x], x + left, y + top
