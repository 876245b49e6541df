"""The paste stage: cutouts laid over the canvas, with true labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE, premultiply
from infgen.ops.camera import softness
from infgen.ops.filling import fill
from infgen.ops.given import WOULD_HIDE, Labels, Standing, labels_of
from infgen.ops.lookalikes import Ground
from infgen.ops.masks import tight_box
from infgen.ops.putting import put_down
from infgen.ops.rle import encode_window
from infgen.records.labelled import Given
from infgen.records.plan import BackgroundPlan, Dropped, ImagePlan, ObjectPlan
from infgen.records.sample import Decoy, Sample
from infgen.records.specs import Picture
from infgen.stages.paste.cutouts import Cutouts, part_on
from infgen.stages.paste.layers import Layer, counts, label, single_layers


class Paste:
    """Pastes. `pictures` are the user's cutout files by name; objects of which less than the share
    `min_visible` would be seen are left out, and those that would leave less than that of what is
    there already: `labels` know what the backgrounds show. `classes` are all class names by class
    id, for cutouts of several objects."""

    def __init__(
        self,
        pictures: Mapping[str, Picture],
        min_visible: float,
        labels: Labels | None = None,
        classes: Sequence[str] = (),
    ):
        self._cutouts, self._min_visible = Cutouts(pictures), min_visible
        self._pictures = pictures
        self._labels = labels or Labels(Given())
        self._class_ids = {name: number for number, name in enumerate(classes)}
        self._scene: tuple[BackgroundPlan | None, float | None] = (None, None)

    def paint(self, canvases: Sequence[np.ndarray], plans: Sequence[ImagePlan]) -> list[Sample]:
        """Paint each plan's objects into its canvas, (H, W, 3) uint8 RGB, in place and in order.

        An object of which too little would be seen isn't painted at all but listed as dropped, so
        that nothing visible is without a label.

        Raises:
            PictureError: a cutout file is gone or has changed.
        """
        return [self._paint_one(canvas, plan) for canvas, plan in zip(canvases, plans, strict=True)]

    def _paint_one(self, canvas: np.ndarray, plan: ImagePlan) -> Sample:
        scene = self._softness_of(canvas, plan) if plan.objects or plan.decoys else None
        given = self._labels.standing(plan.background, plan.size)
        decoys = self._paste_decoys(canvas, plan.decoys, scene, given)
        covered = np.zeros(plan.size[::-1], bool)
        layers, dropped = self._arrange(plan, covered, scene, given)
        instances = labels_of(given, plan.size)
        for layer in layers:
            put_down(canvas, layer.patch, layer.x, layer.y, layer.plan.look)
            for one in single_layers(layer, self._class_ids):
                instances.append(label(len(instances) + 1, one, plan.size))
        return Sample(
            canvas,
            tuple(instances),
            plan.dropped + tuple(dropped),
            _uncovered(decoys, covered, plan.size),
            covered,
        )

    def _softness_of(self, canvas: np.ndarray, plan: ImagePlan) -> float | None:
        """How soft the bare canvas of a plan is: known from the picture before, if it had the same
        background."""
        if self._scene[0] != plan.background:
            self._scene = (plan.background, softness(canvas))
        return self._scene[1]

    def _paste_decoys(
        self,
        canvas: np.ndarray,
        plans: Sequence[ObjectPlan],
        scene: float | None,
        given: Sequence[Standing],
    ) -> list[Layer]:
        """Those that find a place."""
        if not plans:
            return []
        ground = Ground(canvas, given)
        pasted = (self._paste_decoy(canvas, ground, plan, scene) for plan in plans)
        return [layer for layer in pasted if layer is not None]

    def _paste_decoy(
        self,
        canvas: np.ndarray,
        ground: Ground,
        plan: ObjectPlan,
        scene: float | None,
    ) -> Layer | None:
        """The outline of a cutout, filled with another part of the canvas and pasted as cutouts
        are; None where it is too thin to be seen, or has to do with an object that is there."""
        size = (canvas.shape[1], canvas.shape[0])
        layer = self._lay(plan, np.zeros(size[::-1], bool), scene)
        if not layer.mask.any():
            return None
        assert plan.source is not None
        alpha = cv2.extractChannel(layer.patch, 3)
        if not ground.is_free(alpha > 0, layer.x, layer.y):
            return None
        filling = fill(canvas, ground, alpha, layer.x, layer.y, plan.source)
        if filling is None:
            return None
        filled = np.dstack([filling, alpha])
        put_down(canvas, premultiply(filled), layer.x, layer.y, plan.look)
        return layer

    def _arrange(
        self,
        plan: ImagePlan,
        covered: np.ndarray,
        scene: float | None,
        given: Sequence[Standing],
    ) -> tuple[list[Layer], list[Dropped]]:
        """The layers to paint, lowest first, and the objects that are left out. Marks what is
        `covered`, (H, W) bool.

        Decided from the top down: what an object shows depends only on those above it, and these
        have been kept or dropped already.
        """
        layers: list[Layer] = []
        dropped: list[Dropped] = []
        for wanted in reversed(plan.objects):
            layer = self._lay(wanted, covered, scene)
            reason = self._reject(layer, given)
            if reason:
                dropped.append(Dropped(wanted.class_id, reason, wanted.box))
                continue
            covered[layer.window] |= layer.mask
            for one in given:
                one.cover(layer.mask, layer.x, layer.y)
            layers.append(layer)
        return layers[::-1], dropped[::-1]

    def _lay(self, plan: ObjectPlan, covered: np.ndarray, scene: float | None) -> Layer:
        """The cutout at its place. `covered` is (H, W) bool, the whole canvas."""
        canvas = (covered.shape[1], covered.shape[0])
        patch, ids, x, y = self._cutouts.ready(plan, canvas, scene)
        members = self._pictures[plan.cutout].members
        opaque = cv2.extractChannel(patch, 3) >= OPAQUE
        wholes = counts(opaque, ids, len(members))
        mask = part_on(canvas, opaque, x, y)[0]
        ids = None if ids is None else part_on(canvas, ids, x, y)[0]
        patch, x, y = part_on(canvas, patch, x, y)
        visible = mask & ~covered[y : y + mask.shape[0], x : x + mask.shape[1]]
        return Layer(plan, x, y, patch, mask, visible, wholes, ids, members)

    def _reject(self, layer: Layer, given: Sequence[Standing]) -> str:
        """Why an object isn't painted, or a group of them; empty when it is."""
        singles = list(single_layers(layer, self._class_ids))
        least = self._min_visible
        if not all(one.whole for one in singles):
            return "too thin to be seen at its size"
        if any(np.count_nonzero(one.mask) < max(least * one.whole, 1) for one in singles):
            return "too little of it on the canvas"
        if any(one.area == 0 or one.area < least * one.whole for one in singles):
            return "hidden behind others"
        place = (layer.mask, layer.x, layer.y)
        if any(one.spoiled_by(*place, self._min_visible) for one in given):
            return WOULD_HIDE
        return ""


def _uncovered(
    decoys: Sequence[Layer], covered: np.ndarray, canvas: tuple[int, int]
) -> tuple[Decoy, ...]:
    """What is to be seen of decoys, each below those after it and all below the objects, which
    leave (H, W) bool `covered`."""
    covered = covered.copy() if decoys else covered
    found = []
    for layer in reversed(decoys):
        visible = layer.mask & ~covered[layer.window]
        covered[layer.window] |= layer.mask
        if box := tight_box(visible):
            rle = encode_window(visible, layer.x, layer.y, canvas)
            found.append(Decoy(box.shift(layer.x, layer.y), rle, "paste"))
    return tuple(found[::-1])
