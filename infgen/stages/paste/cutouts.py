"""Cutouts made ready for their place: scaled into a box, as soft as the scene, edges blended."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

from infgen.ops.augment.cutouts import change_cutout, fit_moved, moves, outline_of
from infgen.ops.blend import Pyramid, content, crop_to_content, fit, premultiply
from infgen.ops.blends import blend_edges
from infgen.ops.camera import cutout_softness, missing_blur, soften
from infgen.ops.groups import spread_ids
from infgen.ops.truncation import start_on
from infgen.records.box import Box
from infgen.records.plan import ObjectPlan
from infgen.records.specs import Picture
from infgen.sources.pictures import PictureCache, read_ids, read_rgba

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
    ) -> tuple[np.ndarray, np.ndarray | None, int, int]:
        """The planned cutout, changed as planned, scaled into its box, keeping the shape that it
        has then, around the box's centre, as soft as its `scene` and with its edges blended:
        (h, w, 4) uint8 premultiplied; of a group also the id of the nearest member at each of these
        pixels, (h, w) uint16; and the (x, y) of its corner on the canvas of (width, height). Where
        its box sticks out of the canvas it does, too.

        Raises:
            PictureError: its file is gone or has changed.
        """
        picture = self._pictures[plan.cutout]
        pyramid = self._pyramid(picture, canvas)
        patch, ids, margin, scale = self._shaped(plan, picture, pyramid)
        height, width = (side - 2 * margin for side in patch.shape[:2])
        x = start_on(plan.box.x0, plan.box.x1, width, canvas[0]) - margin
        y = start_on(plan.box.y0, plan.box.y1, height, canvas[1]) - margin
        if scene is not None:
            own = self._softness_of(picture, pyramid, scale)
            patch, more = soften(patch, missing_blur(own, scene))
            ids = None if ids is None else np.pad(ids, more, mode="edge")
            x, y = x - more, y - more
        if plan.box.intersect(Box(0, 0, *canvas)) == plan.box:  # else it may stick out
            ids = None if ids is None else part_on(canvas, ids, x, y)[0]
            patch, x, y = part_on(canvas, patch, x, y)
        return blend_edges(patch, plan.look.blend), ids, x, y

    def _shaped(
        self, plan: ObjectPlan, picture: Picture, pyramid: Pyramid
    ) -> tuple[np.ndarray, np.ndarray | None, int, float]:
        """The cutout so large that it fills its box, mirrored and changed as planned, (h, w, 4)
        uint8 premultiplied; of a group its ids, as `ready` gives them; the margin around both in
        pixels; and how it was scaled."""
        room = (plan.box.width, plan.box.height)
        changes, move = plan.look.changes, None
        if moves(changes):
            outline = self._outline(picture, pyramid)
            if plan.mirror:
                outline = outline * (-1, 1) + (1, 0)
            move = fit_moved(changes, outline, pyramid.size, room)
        size = move.size if move else fit(pyramid.size, room)
        patch = pyramid.scale(size)
        ids = self._ids(picture, size) if picture.members else None
        if plan.mirror:
            patch = cv2.flip(patch, 1)
            ids = None if ids is None else cv2.flip(ids, 1)
        margin = 0
        if changes:
            patch, ids, margin = change_cutout(patch, changes, move, ids)
            ids = None if ids is None else spread_ids(ids)  # into what came in at the sides
        return patch, ids, margin, max(size) / max(pyramid.size)

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

    def _ids(self, picture: Picture, size: tuple[int, int]) -> np.ndarray:
        """The id of a group's nearest member at each pixel of the cutout at `size`, (h, w)."""
        ids: np.ndarray = self._cache.get(
            (picture.sha256, "ids"),
            make=lambda: spread_ids(read_ids(picture)[content(read_rgba(picture))]),
            size_of=lambda ids: ids.nbytes,
        )
        return cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST_EXACT)

    def _pyramid(self, picture: Picture, canvas: tuple[int, int]) -> Pyramid:
        """A cutout without its empty margin, for any size up to the canvas's (width, height)."""
        pyramid: Pyramid = self._cache.get(
            (picture.sha256, canvas),
            make=lambda: Pyramid(premultiply(crop_to_content(read_rgba(picture))), canvas),
            size_of=lambda pyramid: pyramid.nbytes,
        )
        return pyramid


def part_on(
    canvas: tuple[int, int], patch: np.ndarray, x: int, y: int
) -> tuple[np.ndarray, int, int]:
    """What of a patch with its corner at (x, y) lies on the canvas, and the corner of that."""
    left, top = max(-x, 0), max(-y, 0)
    return patch[top : max(canvas[1] - y, 0), left : max(canvas[0] - x, 0)], x + left, y + top
