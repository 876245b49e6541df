"""What plans amount to, before any picture is made: counts, sizes, places, overlaps. No pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from infgen.ops.grid import GridPlanner
from infgen.ops.plans import Plans
from infgen.records.box import Box
from infgen.records.plan import ImagePlan

CELLS = 32  # a side of the map of box centres
SHARED = 0.2  # of a box's area, from which on it overlaps with others


@dataclass
class ClassOutlook:
    """One class: `pictures` that show it, by split, its `objects` (those of groups one by one), the
    boxes planned (`widths` and `heights` in canvas pixels), how many of these share more than
    SHARED of their area with others, and how many objects found no room. `cutouts` counts the
    pastes of each; `wanted` is false where the tables ask for none."""

    name: str
    wanted: bool = True
    files: int = 0
    pictures: Counter[str] = field(default_factory=Counter)
    objects: int = 0
    widths: list[float] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    overlapping: int = 0
    homeless: int = 0
    given: int = 0
    cutouts: Counter[str] = field(default_factory=Counter)
    centers: np.ndarray = field(default_factory=lambda: np.zeros((CELLS, CELLS), np.int64))


@dataclass
class Outlook:
    """Plans of `canvas` = (width, height), of which `seen` were looked at, out of `total`. `counts`
    are objects by picture, `scenes` the pictures on each of the user's backgrounds, of which there
    are `files`; `generated` are those on scenes that a model is to paint. There are `layouts` on
    each background, and `decoys` in all. `method` is how objects are painted; a grid (`gridded`)
    shows every cutout on every background on purpose."""

    canvas: tuple[int, int]
    total: int
    method: str
    classes: list[ClassOutlook]
    files: int
    layouts: int = 1
    gridded: bool = False
    seen: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    scenes: Counter[str] = field(default_factory=Counter)
    generated: int = 0
    decoys: int = 0

    @property
    def objects(self) -> int:
        return sum(one.objects for one in self.classes)

    @property
    def planned(self) -> int:
        """Boxes to paint: a group is one."""
        return sum(len(one.widths) for one in self.classes)

    def scaled(self, number: float) -> int:
        """What of the plans that were seen comes to of all."""
        return round(number * self.total / max(self.seen, 1))


def look_ahead(planner: Plans, plans: Iterable[ImagePlan]) -> Outlook:
    """Count what these plans of the planner's hold."""
    request = planner.request
    outlook = Outlook(
        planner.canvas,
        planner.count,
        "/".join(dict.fromkeys(planner.methods)),
        [ClassOutlook(spec.name, spec.appear_range[1] > 0 and spec.line > 0, len(spec.cutouts))
         for spec in request.classes],
        sum(len(row.pictures) for row in request.backgrounds if row.num_imgs),
        planner.layouts,
        isinstance(planner, GridPlanner),
    )  # fmt: skip
    names = [spec.name for spec in request.classes]
    groups = {cutout.name: [names.index(name) for name in cutout.members]
              for spec in request.classes for cutout in spec.cutouts if cutout.members}  # fmt: skip
    for plan in plans:
        _add(outlook, plan, groups)
    return outlook


def _add(outlook: Outlook, plan: ImagePlan, groups: dict[str, list[int]]) -> None:
    outlook.seen += 1
    outlook.splits[plan.split] += 1
    outlook.decoys += len(plan.decoys)
    scene = plan.background
    if scene.picture:
        outlook.scenes[scene.picture] += 1
    elif not scene.plain:
        outlook.generated += 1
    shown: Counter[int] = Counter()
    shared = shared_fracs([one.box for one in plan.objects])
    for one, share in zip(plan.objects, shared, strict=True):
        shown.update(groups.get(one.cutout, [one.class_id]))
        own = outlook.classes[one.class_id]
        own.widths.append(one.box.width)
        own.heights.append(one.box.height)
        own.overlapping += bool(share > SHARED)
        own.centers[_cell(one.box, plan.size)] += 1
        if one.cutout:
            own.cutouts[one.cutout] += 1
    for there in plan.given:
        shown[there.class_id] += 1
        outlook.classes[there.class_id].given += 1
        outlook.classes[there.class_id].centers[_cell(there.box, plan.size)] += 1
    for dropped in plan.dropped:
        outlook.classes[dropped.class_id].homeless += 1
    for class_id, number in shown.items():
        outlook.classes[class_id].objects += number
        outlook.classes[class_id].pictures[plan.split] += 1
    outlook.counts[shown.total()] += 1


def shared_fracs(boxes: list[Box]) -> list[float]:
    """The share of each box's area (0..1) that lies in the one other box with most of it."""
    edges = np.array([box.xyxy for box in boxes], float).reshape(-1, 4)
    low = np.maximum(edges[:, None, :2], edges[None, :, :2])
    high = np.minimum(edges[:, None, 2:], edges[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    np.fill_diagonal(common, 0)
    areas = (edges[:, 2:] - edges[:, :2]).prod(axis=1)
    return [float(share) for share in common.max(axis=1, initial=0) / areas]


def _cell(box: Box, size: tuple[int, int]) -> tuple[int, int]:
    """(row, column) of the map that a box's centre lies in; at its rim, where it lies outside."""
    x, y = (at * CELLS / side for at, side in zip(box.center, size, strict=True))
    return min(max(int(y), 0), CELLS - 1), min(max(int(x), 0), CELLS - 1)
