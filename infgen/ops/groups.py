"""Which objects of a picture can be cut out by themselves, and which only together.

An object that another one covers in part shows the other's pixels beside its own: pasted elsewhere,
they would be there without a label. So objects that stand free, or lie wholly inside another, go
alone, and those that contain or overlap others bring them along (after SIGtor's expanded lines:
Tesema, "Supplementary Synthetic Image Generation for Object Detection and Segmentation Datasets").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np

from infgen.ops.scene import disk
from infgen.records.box import Box

REACH = 5  # pixels between two masks that touch: VOC's annotators left a rim as wide
_CLOSE = 3  # pixels: half of what a rim between two masks measures at the most


class Shape(NamedTuple):
    """An object in its picture: `mask` is (h, w) bool, its corner at (x, y)."""

    mask: np.ndarray
    x: int
    y: int

    @property
    def box(self) -> Box:
        """The box of the mask's frame."""
        height, width = self.mask.shape
        return Box(self.x, self.y, self.x + width, self.y + height)

    def within(self, box: Box) -> np.ndarray:
        """The part of the mask inside a box of whole pixels, which may reach out of its frame:
        (box height, box width) bool."""
        x0, y0, x1, y1 = (int(edge) for edge in box.xyxy)
        part = np.zeros((y1 - y0, x1 - x0), bool)
        height, width = self.mask.shape
        left, top = max(self.x, x0), max(self.y, y0)
        right, bottom = min(self.x + width, x1), min(self.y + height, y1)
        if right > left and bottom > top:
            part[top - y0 : bottom - y0, left - x0 : right - x0] = self.mask[
                top - self.y : bottom - self.y, left - self.x : right - self.x
            ]
        return part


def contains(outer: Box, inner: Box) -> bool:
    """Whether a box lies wholly inside a larger one."""
    return (
        outer.area > inner.area
        and outer.x0 <= inner.x0
        and outer.y0 <= inner.y0
        and outer.x1 >= inner.x1
        and outer.y1 >= inner.y1
    )


def find_overlaps(shapes: Sequence[Shape], reach: int = REACH) -> set[tuple[int, int]]:
    """The pairs of shapes, by number, the lower first, whose masks come within `reach` pixels."""
    found = set()
    kernel = disk(reach) if reach else np.ones((1, 1), np.uint8)
    grown: dict[int, Shape] = {}
    for one, other in combinations(range(len(shapes)), 2):
        (x0, y0, x1, y1), near = shapes[one].box.xyxy, shapes[other].box
        around = Box(x0 - reach, y0 - reach, x1 + reach, y1 + reach)
        common = around.intersect(near)
        if common is None:
            continue
        if one not in grown:
            wide = np.pad(shapes[one].mask.astype(np.uint8), reach)
            grown[one] = Shape(cv2.dilate(wide, kernel) != 0, int(around.x0), int(around.y0))
        if (grown[one].within(common) & shapes[other].within(common)).any():
            found.add((one, other))
    return found


def arrange(boxes: Sequence[Box], overlaps: Collection[tuple[int, int]]) -> list[tuple[int, ...]]:
    """What is cut out together: lone objects and groups, as numbers of `boxes`, each in order.

    `overlaps` are pairs of those that overlap. A group is all that hang together by them. An object
    all of whose overlaps are with objects that contain it goes alone, too.
    """
    beside: list[set[int]] = [set() for _ in boxes]
    for one, other in overlaps:
        beside[one].add(other)
        beside[other].add(one)
    lone = [
        (number,)
        for number, box in enumerate(boxes)
        if all(contains(boxes[other], box) for other in beside[number])
    ]
    groups = []
    left = set(range(len(boxes)))
    while left:
        group, reached = set(), {min(left)}
        while reached:
            group |= reached
            reached = set().union(*(beside[number] for number in reached)) - group
        left -= group
        if len(group) > 1:
            groups.append(tuple(sorted(group)))
    return sorted(lone + groups)


def number_pixels(shapes: Sequence[Shape], window: Box) -> np.ndarray:
    """Whose each pixel of a window is: (h, w) uint16, 1 for the first shape and so on, 0 for none.

    Where masks overlap the smaller one is in front; narrow rims between them are the nearest's.
    """
    masks = [shape.within(window) for shape in shapes]
    ids = np.zeros(masks[0].shape, np.uint16)
    for number in sorted(range(len(masks)), key=lambda n: -np.count_nonzero(masks[n])):
        ids[masks[number]] = number + 1
    if len(masks) == 1:
        return ids
    wide = np.pad((ids > 0).astype(np.uint8), _CLOSE)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disk(_CLOSE))
    return np.where(closed[_CLOSE:-_CLOSE, _CLOSE:-_CLOSE] != 0, spread_ids(ids), 0)


def spread_ids(ids: np.ndarray) -> np.ndarray:
    """(H, W) uint16 `ids` with every 0 replaced by the nearest other number; there is one."""
    none = (ids == 0).astype(np.uint8)
    _, places = cv2.distanceTransformWithLabels(
        none, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owners = np.zeros(int(places.max()) + 1, np.uint16)
    owners[places[ids > 0]] = ids[ids > 0]
    return owners[places]
