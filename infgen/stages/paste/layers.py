"""Layers: objects at their place on a canvas, and the labels that follow from what covers what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_window
from infgen.records.plan import ObjectPlan
from infgen.records.sample import Instance


@dataclass(frozen=True)
class Layer:
    """A cutout at its place: `patch` is (h, w, 4) uint8 premultiplied, its corner at (x, y), as it
    will be blended; `mask` is (h, w) bool, the pixels that belong to the object, half opaque at
    least; `visible` those that nothing covers. Of a group, `ids` is (h, w) uint16: whose each pixel
    of the mask is, of the `members`' classes from 1 on. `wholes` are how many pixels each of its
    objects has, covered or not, and beyond the canvas too: of a lone one, it is one."""

    plan: ObjectPlan
    x: int
    y: int
    patch: np.ndarray
    mask: np.ndarray
    visible: np.ndarray
    wholes: tuple[int, ...]
    ids: np.ndarray | None = None
    members: tuple[str, ...] = ()

    @property
    def whole(self) -> int:
        """Pixels of a lone object."""
        return self.wholes[0]

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.mask.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    @cached_property
    def area(self) -> int:
        """Pixels of the object that nothing covers."""
        return int(np.count_nonzero(self.visible))


def counts(mask: np.ndarray, ids: np.ndarray | None, members: int) -> tuple[int, ...]:
    """How many pixels of (h, w) bool each of a group's `members` has, or a lone object."""
    if ids is None:
        return (int(np.count_nonzero(mask)),)
    return tuple(int(np.count_nonzero(mask & (ids == number + 1))) for number in range(members))


def single_layers(layer: Layer, class_ids: Mapping[str, int]) -> Iterator[Layer]:
    """A layer as the layers of its members, each of its own class: a lone object's is itself. (They
    share the patch, which is painted once.)"""
    if layer.ids is None:
        yield layer
        return
    for number, name in enumerate(layer.members, 1):
        own = layer.ids == number
        plan = msgspec.structs.replace(layer.plan, class_id=class_ids[name])
        wholes = (layer.wholes[number - 1],)
        mask, visible = layer.mask & own, layer.visible & own
        yield replace(layer, plan=plan, mask=mask, visible=visible, wholes=wholes)


def label(number: int, layer: Layer, canvas: tuple[int, int]) -> Instance:
    """The label of what is seen of a layer on a canvas of (width, height): something is."""
    box = tight_box(layer.visible)
    assert box is not None  # what shows nothing was dropped
    return Instance(
        id=number,
        class_id=layer.plan.class_id,
        box=box.shift(layer.x, layer.y),
        requested=layer.plan.box if layer.ids is None else None,  # which is the whole group's
        rle=encode_window(layer.visible, layer.x, layer.y, canvas),
        area=layer.area,
        visible_frac=round(layer.area / layer.whole, 4),
        method="paste",
        cutout=layer.plan.cutout,
        mirror=layer.plan.mirror,
        look=layer.plan.look,
    )
