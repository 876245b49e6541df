"""Layers: objects at their place on a canvas, and the labels that follow from what covers what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_window
from infgen.records.plan import ObjectPlan
from infgen.records.sample import Instance


@dataclass(frozen=True)
class Layer:
    """A cutout at its place: `patch` is (h, w, 4) uint8 premultiplied, its corner at (x, y), as it
    will be blended; `mask` is (h, w) bool, the pixels that belong to the object, half opaque at
    least; `visible` those that nothing covers. `whole` is how many pixels the object has, covered
    or not, and beyond the canvas too."""

    plan: ObjectPlan
    x: int
    y: int
    patch: np.ndarray
    mask: np.ndarray
    visible: np.ndarray
    whole: int

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.mask.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    @cached_property
    def area(self) -> int:
        """Pixels of the object that nothing covers."""
        return int(np.count_nonzero(self.visible))


def label(number: int, layer: Layer, canvas: tuple[int, int]) -> Instance:
    """The label of what is seen of a layer on a canvas of (width, height): something is."""
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
        look=layer.plan.look,
    )
