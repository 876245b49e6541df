"""The paste stage: cutouts scaled into their boxes, made as soft as the scene, and laid over the
canvas, with true labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from infgen.ops.blend import (
    OPAQUE,
    Pyramid,
    blend_edges,
    blend_over,
    crop_to_content,
    fit,
    premultiply,
)
from infgen.ops.camera import cutout_softness, missing_blur, soften, softness
from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_window
from infgen.records.plan import Dropped, ImagePlan, ObjectPlan
from infgen.records.sample import Decoy, Instance, Sample
from infgen.records.specs import Picture
from infgen.sources.pictures import PictureCache, read_rgba

CACHE_BYTES = 96 * 2**20


@dataclass(frozen=True)
class Layer:
    """A cutout at its place: `patch` is (h, w, 4) uint8 premultiplied, its corner at (x, y), as it
    will be blended; `mask` is (h, w) bool, the pixels that belong to the object, half opaque at
    least; `visible` those that nothing covers."""

    plan: ObjectPlan
    x: int
    y: int
    patch: np.ndarray
    mask: np.ndarray
    visible: np.ndarray

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.mask.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    @cached_property
    def whole(self) -> int:
        """Pixels of the object, covered or not."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def area(self) -> int:
        """Pixels of the object that nothing covers."""
        return int(np.count_nonzero(self.visible))


class Paste:
    """Pastes. `pictures` are the user's cutout files by name; objects of which less than the share
    `min_visible` would be seen are left out."""

    def __init__(self, pictures: Mapping[str, Picture], min_visible: float):
        self._pictures, self._min_visible = pictures, min_visible
        self._cache = PictureCache(CACHE_BYTES)
        self._softness: dict[tuple[str, int], float | None] = {}

    def paint(self, canvases: Sequence[np.ndarray], plans: Sequence[ImagePlan]) -> list[Sample]:
        """Paint each plan's objects into its canvas, (H, W, 3) uint8 RGB, in place and in order.

        An object of which too little would be seen isn't painted at all but listed as dropped, so
        that nothing visible is without a label.

        Raises:
            PictureError: a cutout file is gone or has changed.
        """
        return [self._paint_one(canvas, plan) for canvas, plan in zip(canvases, plans, strict=True)]

    def _paint_one(self, canvas: np.ndarray, plan: ImagePlan) -> Sample:
        scene = softness(canvas) if plan.objects or plan.decoys else None
        decoys = [self._paste_decoy(canvas, decoy, scene) for decoy in plan.decoys]
        layers, dropped = self._arrange(plan, scene)
        instances = []
        for number, layer in enumerate(layers, 1):
            blend_over(canvas[layer.window], layer.patch)
            instances.append(_label(number, layer, plan.size))
        return Sample(
            canvas,
            tuple(instances),
            plan.dropped + tuple(dropped),
            _uncovered([decoy for decoy in decoys if decoy], layers, plan.size),
        )

    def _paste_decoy(
        self, canvas: np.ndarray, plan: ObjectPlan, scene: float | None
    ) -> Layer | None:
        """The outline of a cutout, filled with another part of the canvas and pasted as cutouts
        are; None where it is too thin to be seen."""
        size = (canvas.shape[1], canvas.shape[0])
        layer = self._lay(plan, np.zeros(size[::-1], bool), scene)
        if not layer.mask.any():
            return None
        assert plan.source is not None
        height, width = layer.mask.shape
        x, y = (
            min(max(round(part * side - length / 2), 0), side - length)
            for part, side, length in zip(plan.source, size, (width, height), strict=True)
        )
        alpha = cv2.extractChannel(layer.patch, 3)
        filled = np.dstack([canvas[y : y + height, x : x + width], alpha])
        blend_over(canvas[layer.window], premultiply(filled))
        return layer

    def _arrange(self, plan: ImagePlan, scene: float | None) -> tuple[list[Layer], list[Dropped]]:
        """The layers to paint, lowest first, and the objects that are left out.

        Decided from the top down: what an object shows depends only on those above it, and these
        have been kept or dropped already.
        """
        covered = np.zeros(plan.size[::-1], bool)
        layers: list[Layer] = []
        dropped: list[Dropped] = []
        for wanted in reversed(plan.objects):
            layer = self._lay(wanted, covered, scene)
            reason = self._reject(layer)
            if reason:
                dropped.append(Dropped(wanted.class_id, reason, wanted.box))
                continue
            covered[layer.window] |= layer.mask
            layers.append(layer)
        return layers[::-1], dropped[::-1]

    def _lay(self, plan: ObjectPlan, covered: np.ndarray, scene: float | None) -> Layer:
        """The cutout scaled into its box, keeping its shape, around the box's centre, as soft as
        its `scene` and with its edges blended. `covered` is (H, W) bool, the whole canvas."""
        canvas = (covered.shape[1], covered.shape[0])
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
        patch = blend_edges(patch, plan.blend)
        mask = cv2.extractChannel(patch, 3) >= OPAQUE
        visible = mask & ~covered[y : y + mask.shape[0], x : x + mask.shape[1]]
        return Layer(plan, x, y, patch, mask, visible)

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

    def _reject(self, layer: Layer) -> str:
        """Why an object isn't painted; empty when it is."""
        if layer.whole == 0:
            return "too thin to be seen at its size"
        if layer.area == 0 or layer.area < self._min_visible * layer.whole:
            return "hidden behind others"
        return ""


def _within(
    patch: np.ndarray, x: int, y: int, canvas: tuple[int, int]
) -> tuple[np.ndarray, int, int]:
    """What of a patch with its corner at (x, y) lies on the canvas, and the corner of that."""
    left, top = max(-x, 0), max(-y, 0)
    return patch[top : canvas[1] - y, left : canvas[0] - x], x + left, y + top


def _uncovered(
    decoys: Sequence[Layer], objects: Sequence[Layer], canvas: tuple[int, int]
) -> tuple[Decoy, ...]:
    """What is to be seen of decoys, each below those after it and all below the objects."""
    covered = np.zeros(canvas[::-1], bool)
    for layer in objects if decoys else ():
        covered[layer.window] |= layer.mask
    found = []
    for layer in reversed(decoys):
        visible = layer.mask & ~covered[layer.window]
        covered[layer.window] |= layer.mask
        if box := tight_box(visible):
            rle = encode_window(visible, layer.x, layer.y, canvas)
            found.append(Decoy(box.shift(layer.x, layer.y), rle, "paste"))
    return tuple(found[::-1])


def _label(number: int, layer: Layer, canvas: tuple[int, int]) -> Instance:
    box = tight_box(layer.visible)
    assert box is not None  # what shows nothing was dropped
    return Instance(
        id=number,
        class_id=layer.plan.class_id,
        box=box.shift(layer.x, layer.y),
        requested=layer.plan.box,
        rle=encode_window(layer.visible, layer.x, layer.y, canvas),
        area=layer.area,
        visible_frac=round(layer.area / layer.whole, 4),
        method="paste",
        cutout=layer.plan.cutout,
        mirror=layer.plan.mirror,
    )
