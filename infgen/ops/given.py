"""Objects that a background brings along with their labels, and what pasting leaves of them.

Copy-paste in the classic sense (Ghiasi et al., "Simple copy-paste is a strong data augmentation
method", CVPR 2021): objects go into pictures that are labelled already, and the labels of what they
cover are cut back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from infgen.ops.boxes import TRIES
from infgen.ops.framing import Framing
from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_window, rle_area
from infgen.records.box import Box
from infgen.records.labelled import Given, LabelledObject
from infgen.records.plan import BackgroundPlan, GivenPlan
from infgen.records.sample import Instance
from infgen.records.verdict import Sighting

WOULD_HIDE = "would hide a labelled object of the background"
LEAST = 0.5  # pixels of a box that a canvas shows: of less there is nothing to see
SAME_PLACE = 0.5  # IoU of a sighting and a label from which they are of one thing


class _Labels(msgspec.Struct, frozen=True, array_like=True):
    """A picture's labels; `size` is its (width, height)."""

    size: tuple[int, int]
    objects: tuple[LabelledObject, ...]


_decoder = msgspec.msgpack.Decoder(_Labels)


def pack(size: tuple[int, int], objects: Sequence[LabelledObject]) -> bytes:
    """A picture's labels, small enough for those of 100,000 to be in memory and sent to workers."""
    return msgspec.msgpack.encode(_Labels(size, tuple(objects)))


@dataclass
class Standing:
    """An object of the background, on the canvas. `box` is what the canvas shows of its box; `mask`
    (h, w) bool are its pixels there, all of the box where only that is known, with their corner at
    (x, y), and `visible` those that nothing covers yet. `whole` is how many pixels all of it has,
    those beyond the canvas too."""

    class_id: int
    box: Box
    mask: np.ndarray
    x: int
    y: int
    whole: float
    outlined: bool
    crowd: bool

    def __post_init__(self) -> None:
        self.visible = self.mask.copy()
        self._shown = int(np.count_nonzero(self.mask))

    def touches(self, mask: np.ndarray, x: int, y: int) -> bool:
        """Whether a (h, w) bool mask with its corner at (x, y) lies on what is visible of it."""
        own, others = self._common(mask, x, y)
        return bool((self.visible[own] & mask[others]).any())

    def spoiled_by(self, mask: np.ndarray, x: int, y: int, min_visible: float) -> bool:
        """Whether too little of what it showed would be left under such a mask. Of a crowd nothing
        has to be left."""
        if self.crowd:
            return False
        own, others = self._common(mask, x, y)
        covered = np.count_nonzero(self.visible[own] & mask[others])
        left = np.count_nonzero(self.visible) - covered
        return bool(covered and (left == 0 or left < min_visible * self._shown))

    def cover(self, mask: np.ndarray, x: int, y: int) -> None:
        """Lay such a mask over it."""
        own, others = self._common(mask, x, y)
        self.visible[own] &= ~mask[others]

    def show_on(self, shown: np.ndarray) -> None:
        """Mark on a canvas, (H, W) bool, where it is visible."""
        own, others = self._common(shown, 0, 0)
        shown[others] |= self.visible[own]

    def _common(self, mask: np.ndarray, x: int, y: int) -> tuple[tuple[slice, ...], ...]:
        """The part that it shares with a mask: where in its own, and where in that."""
        own, others = [], []
        for at, length, start, extent in zip(
            (self.y, self.x), self.mask.shape, (y, x), mask.shape, strict=True
        ):
            first, last = max(at, start), max(min(at + length, start + extent), at, start)
            own.append(slice(first - at, last - at))
            others.append(slice(first - start, last - start))
        return tuple(own), tuple(others)

    def label(self, number: int, canvas: tuple[int, int]) -> Instance | None:
        """The label of what is left of it on a canvas of (width, height); None of nothing."""
        tight = tight_box(self.visible)
        if tight is None:
            return None
        tight = tight.shift(self.x, self.y)
        count = int(np.count_nonzero(self.visible))
        if self.outlined:
            rle, area, box = encode_window(self.visible, self.x, self.y, canvas), count, tight
            left = count / self.whole
        else:
            box = self.box.intersect(tight) or self.box
            rle, area = "", max(round(box.area), 1)
            left = count / self._shown * self.box.area / self.whole
        return Instance(
            id=number,
            class_id=self.class_id,
            box=box,
            requested=None,
            rle=rle,
            area=area,
            visible_frac=round(min(left, 1.0), 4),
            method="given",
            crowd=self.crowd,
        )


class Labels:
    """What is `given`, on the canvases that the plans cut out."""

    def __init__(self, given: Given):
        self._given = given

    def __bool__(self) -> bool:
        return bool(self._given.packed)

    def planned(self, plan: BackgroundPlan, canvas: tuple[int, int]) -> tuple[GivenPlan, ...]:
        """The labelled objects of which a canvas of (width, height) shows part of their box."""
        seen = ((one, _shown(one.box, framing)) for one, framing, _ in self._of(plan, canvas))
        return tuple(
            GivenPlan(self._given.class_ids[one.class_id], box, one.crowd)
            for one, box in seen
            if box is not None
        )

    def standing(self, plan: BackgroundPlan, canvas: tuple[int, int]) -> list[Standing]:
        """Those of which it shows a pixel, larger ones first, so that what lies within another
        comes after it."""
        found = [
            _stand(one, framing, size, self._given.class_ids[one.class_id])
            for one, framing, size in self._of(plan, canvas)
        ]
        return sorted((one for one in found if one is not None), key=lambda one: -one.whole)

    def _of(
        self, plan: BackgroundPlan, canvas: tuple[int, int]
    ) -> Iterator[tuple[LabelledObject, Framing, tuple[int, int]]]:
        packed = self._given.packed.get(plan.picture) if plan.picture else None
        if packed is None:
            return
        labels = _decoder.decode(packed)
        framing = Framing.of(plan, labels.size, canvas)
        for one in labels.objects:
            yield one, framing, labels.size


def _stand(
    one: LabelledObject, framing: Framing, size: tuple[int, int], class_id: int
) -> Standing | None:
    if one.rle:
        mask, x, y = framing.mask(one.rle, size)
        tight = tight_box(mask)
        if tight is None:
            return None
        box, whole = tight.shift(x, y), rle_area(one.rle, size) * math.prod(framing.scale)
    else:
        shown = _shown(one.box, framing)
        if shown is None:
            return None
        box, whole = shown, framing.whole_box(one.box).area
        x, y = int(box.x0), int(box.y0)
        mask = np.ones((math.ceil(box.y1) - y, math.ceil(box.x1) - x), bool)
    return Standing(class_id, box, mask, x, y, whole, bool(one.rle), one.crowd)


def _shown(box: Box, framing: Framing) -> Box | None:
    """What the canvas shows of a box, in pixels with two decimals."""
    shown = framing.box(box)
    if shown is None or min(shown.width, shown.height) < LEAST:
        return None
    return Box(*(round(edge, 2) for edge in shown.xyxy))


def shown_of(standing: Sequence[Standing], shape: tuple[int, ...]) -> np.ndarray:
    """Where a canvas of this (H, W) shows any of them: (H, W) bool."""
    shown = np.zeros(shape, bool)
    for one in standing:
        one.show_on(shown)
    return shown


def labels_of(standing: Sequence[Standing], canvas: tuple[int, int]) -> list[Instance]:
    """The labels of what is left to see, numbered from 1."""
    labels: list[Instance] = []
    for one in standing:
        label = one.label(len(labels) + 1, canvas)
        if label is not None:
            labels.append(label)
    return labels


def draw_source(
    rng: np.random.Generator,
    first: tuple[float, float],
    place: Box,
    canvas: tuple[int, int],
    given: Sequence[GivenPlan],
) -> tuple[float, float] | None:
    """Where a decoy of a box's size gets its pixels from, around the `first` of such places that
    shows none of the given objects: a copy of one would have no label. None if none of TRIES do."""
    x, y = first
    for _ in range(TRIES):
        left, top = (
            min(max(part * side - length / 2, 0), side - length)
            for part, side, length in zip((x, y), canvas, (place.width, place.height), strict=True)
        )
        taken = Box(left, top, left + place.width, top + place.height)
        if not any(taken.intersect(one.box) for one in given):
            return round(x, 4), round(y, 4)
        x, y = rng.random(2).tolist()
    return None


def unlabelled(sightings: Sequence[Sighting], standing: Sequence[Standing]) -> tuple[Sighting, ...]:
    """The sightings that aren't of an object that has its label."""
    return tuple(
        seen
        for seen in sightings
        if not any(
            one.class_id == seen.class_id and one.box.iou(seen.box) >= SAME_PLACE
            for one in standing
        )
    )
