"""The paste stage: cutouts laid over the canvas, with true labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE, premultiply
from infgen.ops.camera import softness
from infgen.ops.filling import fill
from infgen.ops.masks import tight_box
from infgen.ops.putting import put_down
from infgen.ops.rle import encode_window
from infgen.records.plan import Dropped, ImagePlan, ObjectPlan
from infgen.records.sample import Decoy, Sample
from infgen.records.specs import Picture
from infgen.stages.paste.cutouts import Cutouts
from infgen.stages.paste.layers import Layer, label


class Paste:
    """Pastes. `pictures` are the user's cutout files by name; objects of which less than the share
    `min_visible` would be seen are left out."""

    def __init__(self, pictures: Mapping[str, Picture], min_visible: float):
        self._cutouts, self._min_visible = Cutouts(pictures), min_visible

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
            put_down(canvas, layer.patch, layer.x, layer.y, layer.plan.look)
            instances.append(label(number, layer, plan.size))
        return Sample(
            canvas,
            tuple(instances),
            plan.dropped + tuple(dropped),
            tuple(decoy for decoy in decoys if decoy),
        )

    def _paste_decoy(
        self, canvas: np.ndarray, plan: ObjectPlan, scene: float | None
    ) -> Decoy | None:
        """The outline of a cutout, filled with another part of the canvas and pasted as cutouts
        are; None where it is too thin to be seen."""
        size = (canvas.shape[1], canvas.shape[0])
        layer = self._lay(plan, np.zeros(size[::-1], bool), scene)
        box = tight_box(layer.mask)
        if box is None:
            return None
        assert plan.source is not None
        alpha = cv2.extractChannel(layer.patch, 3)
        filled = np.dstack([fill(canvas, alpha, layer.x, layer.y, plan.source), alpha])
        put_down(canvas, premultiply(filled), layer.x, layer.y, plan.look)
        return Decoy(
            box.shift(layer.x, layer.y), encode_window(layer.mask, layer.x, layer.y, size), "paste"
        )

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
        """The cutout at its place. `covered` is (H, W) bool, the whole canvas."""
        canvas = (covered.shape[1], covered.shape[0])
        patch, x, y = self._cutouts.ready(plan, canvas, scene)
        mask = cv2.extractChannel(patch, 3) >= OPAQUE
        visible = mask & ~covered[y : y + mask.shape[0], x : x + mask.shape[1]]
        return Layer(plan, x, y, patch, mask, visible)

    def _reject(self, layer: Layer) -> str:
        """Why an object isn't painted; empty when it is."""
        if layer.whole == 0:
            return "too thin to be seen at its size"
        if layer.area == 0 or layer.area < self._min_visible * layer.whole:
            return "hidden behind others"
        return ""
