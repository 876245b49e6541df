"""What appeared between two pictures of a scene: objects' masks and boxes, with no model at all.

Pictures are (H, W, 3) uint8 RGB of equal shape. Whoever painted the object repainted a region
around it, too, often a whole box of sky and grass; so that something changed says little. The
object is told from its region by what a repainted background can't hide: it goes on smoothly from
the region's rim, and its colours and textures are those of the known scene. Three steps:

    the repainted region   where the local structure of both pictures differs      ops/scene
    odds for each pixel    logistic regression of eight clues                      ops/clues
    outlines               GrabCut on lightness, hue and odds, from several bars   ops/outlines

Of these the surest are kept. How sure, is another logistic regression, of what an outline has of a
whole object: that the others agree with it, how it stands out from what is around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.outlines import candidates, confidence_of
from infgen.ops.scene import Scene
from infgen.records.box import Box

MIN_CONFIDENCE = 0.4  # keeps 94 % of what is found in made-up pairs
_SAME = 0.3  # of the smaller of two outlines: more in common, and they are of one object


@dataclass(frozen=True)
class Found:
    """An object: `mask` is (H, W) bool, `box` tight around it, `confidence` 0..1 a rough guess at
    the overlap (IoU) of its box with the true one. On made-up pairs it correlates with that by 0.4;
    labels of 0.7 and more (37 %) overlap by 0.82 on average, all by 0.67."""

    mask: np.ndarray
    box: Box
    confidence: float


def find_objects(before: np.ndarray, after: np.ndarray) -> list[Found]:
    """The objects that appeared, the surest first. Their masks don't overlap. Equal pictures give
    equal objects, whatever the thread."""
    scene = Scene.of(before, after)
    outlined = [one for region in scene.regions() for one in _search(scene, region)]
    found: list[Found] = []
    taken = np.zeros(after.shape[:2], bool)
    for one in sorted(outlined, key=lambda one: -one.confidence):
        mask = scene.full_size(one.mask) & ~taken
        taken |= mask
        if (box := tight_box(mask)) is not None:
            found.append(Found(mask, box, one.confidence))
    return found


def find_requested(
    before: np.ndarray, after: np.ndarray, boxes: Sequence[Box]
) -> list[Found | None]:
    """For each requested box the one object that appeared in it or right beside it; None where
    nothing changed. What lies in several boxes belongs to the one whose middle is nearest."""
    scene = Scene.of(before, after)
    places = scene.places(boxes)
    found: list[Found | None] = []
    for number in range(len(boxes)):
        region = scene.region & (places == number)
        parts = _search(scene, region) if scene.has_room(region) else []
        if not parts:
            found.append(None)
            continue
        mask = scene.full_size(np.logical_or.reduce([part.mask for part in parts]))
        box = tight_box(mask)
        surest = max(part.confidence for part in parts)
        found.append(Found(mask, box, surest) if box is not None else None)
    return found


# ---- which outlines are objects ------------------------------------------------------------------


@dataclass(frozen=True)
class _Outlined:
    """An object at the size of the search: (h, w) bool, and its confidence."""

    mask: np.ndarray
    confidence: float

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))

    def shared(self, other: _Outlined) -> int:
        """Pixels in common."""
        return int(np.count_nonzero(self.mask & other.mask))

    def is_same(self, other: _Outlined) -> bool:
        """Whether both outline one object, well or badly."""
        return self.shared(other) >= _SAME * min(self.area, other.area)


def _search(scene: Scene, region: np.ndarray) -> list[_Outlined]:
    """The objects in (h, w) bool `region`."""
    return _apart(
        [_Outlined(part, confidence_of(traits)) for part, traits in candidates(scene, region)]
    )


def _apart(judged: Sequence[_Outlined]) -> list[_Outlined]:
    """The surest, and whatever else is sure and another object. An outline of several objects that
    others show one by one gives way to them, even if it is the surer one: neighbours make a large
    and outstanding whole."""
    kept: list[_Outlined] = []
    for one in sorted(judged, key=lambda one: -one.confidence):
        if kept and one.confidence < MIN_CONFIDENCE:
            break
        if not any(one.is_same(other) for other in kept):
            kept += _members(one, judged) or [one]
    return kept


def _members(whole: _Outlined, judged: Sequence[_Outlined]) -> list[_Outlined]:
    """Two or more sure outlines that don't overlap and together make up most of `whole`."""
    members: list[_Outlined] = []
    for one in sorted(judged, key=lambda one: -one.confidence):
        within = one.shared(whole) > 0.9 * one.area and one.area < 0.88 * whole.area
        apart = all(one.shared(other) < 0.1 * min(one.area, other.area) for other in members)
        if one.confidence >= MIN_CONFIDENCE and within and apart and one.area > 0.12 * whole.area:
            members.append(one)
    covered = sum(one.area for one in members)
    return members if len(members) > 1 and covered >= 0.6 * whole.area else []
