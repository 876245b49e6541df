"""Cutouts made ready for their place: scaled into a box, as soft as the scene, edges blended."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

from infgen.ops.augment.cutouts import change_cutout, fit_moved, moves, outline_of
from infgen.ops.blend import Pyramid, blend_edges, crop_to_content, fit, premultiply
from infgen.ops.camera import cutout_softness, missing_blur, soften
from infgen.records.plan import ObjectPlan
from infgen.records.specs import Picture
from infgen.sources.pictures import PictureCache, read_rgba

CACHE_BYTES = 96 * 2**20
FINE = 512  # pixels a side, at the most, in which outlines are found


class Cutouts:
    """The user's cutout files, `pictures` by name, read once each."""

    def __init__(self, pictures: Mapping[str, Picture]):
        self._pictures = pictures
        self._cache = PictureCache(CACHE_BYTES)
        self._softness: dict[tuple[str, int], float | None] = {}
        self._outlines: dict[str, np.ndarray] = {}

    def ready(
        self, plan: ObjectPlan, canvas: tuple[int, int], scene: float | None
    ) -> tuple[np.ndarray, int, int]:
        """The planned cutout, changed as planned, scaled into its box, keeping the shape that it
        has then, around the box's centre, as soft as its `scene` and with its edges blended:
        (h, w, 4) uint8 premultiplied, and the (x, y) of its corner on the canvas of (width,
        height).

        Raises:
            PictureError: its file is gone or has changed.
        """
        picture = self._pictures[plan.cutout]
        pyramid = self._pyramid(picture, canvas)
        patch, margin, scale = self._shaped(plan, picture, pyramid)
        height, width = (side - 2 * margin for side in patch.shape[:2])
        x, y = (
            min(max(round(center - length / 2), 0), side - length)
            for center, length, side in zip(plan.box.center, (width, height), canvas, strict=True)
        )
        if scene is not None:
            own = self._softness_of(picture, pyramid, scale)
            patch, more = soften(patch, missing_blur(own, scene))
            margin += more
        patch, x, y = _within(patch, x - margin, y - margin, canvas)
        return blend_edges(patch, plan.look.blend), x, y

    def _shaped(
        self, plan: ObjectPlan, picture: Picture, pyramid: Pyramid
    ) -> tuple[np.ndarray, int, float]:
        """The cutout so large that it fills its box, mirrored and changed as planned, (h, w, 4)
        uint8 premultiplied; the margin around it in pixels; and how it was scaled."""
        room = (plan.box.width, plan.box.height)
        changes, move = plan.look.changes, None
        if moves(changes):
            outline = self._outline(picture, pyramid)
            if plan.mirror:
                outline = outline * (-1, 1) + (1, 0)
            move = fit_moved(changes, outline, pyramid.size, room)
        size = move.size if move else fit(pyramid.size, room)
        patch = pyramid.scale(size)
        if plan.mirror:
            patch = cv2.flip(patch, 1)
        margin = 0
        if changes:
            patch, _, margin = change_cutout(patch, changes, move)
        return patch, margin, max(size) / max(pyramid.size)

    def _outline(self, picture: Picture, pyramid: Pyramid) -> np.ndarray:
        """The outline of a cutout, finely enough for any size."""
        if picture.sha256 not in self._outlines:
            size = fit(pyramid.size, np.minimum(pyramid.size, FINE).tolist())
            self._outlines[picture.sha256] = outline_of(pyramid.scale(size))
        return self._outlines[picture.sha256]

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
