"""Label statistics and everything that is wrong with labels by themselves: no pixels are needed."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from infgen.records.box import Box
from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.report.audit.findings import ClassFacts, Faults, LabelFacts
from infgen.sources.datasets.common import rle_box

TINY_SIDE = 8  # pixels: the stride of most detectors
HUGE_SHARE = 0.9  # of the picture
AT_BORDER = 0.5  # pixels from the picture's border
BEYOND = 1.0  # pixels that a box may leave the picture: rounding
MISFIT = 2.0  # pixels between an edge of a box and its mask's: coarse polygons and rounding
DOUBLED_IOU = 0.95  # of two boxes of a class

BEYOND_PICTURE, MISFITTING, DOUBLED, EMPTY_MASK = (
    "box leaves its picture",
    "box doesn't fit its mask",
    "object labelled twice",
    "empty mask",
)


class LabelTally:
    """Counts labels picture by picture. Memory goes by the number of objects, a few bytes each."""

    def __init__(self, classes: Sequence[str]):
        self._classes = [ClassFacts(name) for name in classes]
        self._areas = [array("f") for _ in classes]
        self._splits: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()
        self.faults = Faults()

    def add(self, picture: LabelledPicture) -> None:
        """Count a picture's labels and judge them."""
        place = picture.path.name
        self._splits[picture.split] += 1
        self._sizes["negative"] += not picture.objects and not picture.faults
        for fault in picture.faults:
            self.faults.add(fault, place)
        for class_id in {one.class_id for one in picture.objects}:
            self._classes[class_id].images += 1
        for one in picture.objects:
            self._count(one, picture)
            for fault in _judge(one, picture.size):
                self.faults.add(fault, place)
        for fault in _doubled(picture.objects):
            self.faults.add(fault, place)

    def _count(self, one: LabelledObject, picture: LabelledPicture) -> None:
        facts = self._classes[one.class_id]
        facts.objects += 1
        facts.by_split[picture.split] = facts.by_split.get(picture.split, 0) + 1
        width, height = picture.size
        share = one.box.area / max(width * height, 1)
        self._areas[one.class_id].append(share)
        self._sizes["crowd"] += one.crowd
        self._sizes["mask"] += bool(one.rle)
        self._sizes["tiny"] += min(one.box.width, one.box.height) < TINY_SIDE
        self._sizes["huge"] += share > HUGE_SHARE
        self._sizes["cut"] += _room(one.box, picture.size) <= AT_BORDER

    def facts(self) -> LabelFacts:
        """All that was counted."""
        for one, areas in zip(self._classes, self._areas, strict=True):
            one.median_area = round(float(np.median(areas)), 5) if areas else None
        numbers = [one.objects for one in self._classes]
        objects = sum(numbers)
        there = [number for number in numbers if number]
        quantiles = None
        if objects:
            merged = np.concatenate([np.frombuffer(a, np.float32) for a in self._areas if a])
            low, middle, high = np.quantile(merged, (0.1, 0.5, 0.9)).round(5).tolist()
            quantiles = (low, middle, high)

        def share(name: str) -> float:
            return round(self._sizes[name] / max(objects, 1), 5)

        return LabelFacts(
            pictures=dict(self._splits),
            negatives=self._sizes["negative"],
            objects=objects,
            crowds=self._sizes["crowd"],
            with_mask=self._sizes["mask"],
            classes=self._classes,
            imbalance=round(max(there) / min(there), 2) if there else None,
            empty_classes=[one.name for one in self._classes if not one.objects],
            area=quantiles,
            tiny=share("tiny"),
            huge=share("huge"),
            cut=share("cut"),
            faults=self.faults.counts,
            examples=self.faults.examples,
        )


def _room(box: Box, size: tuple[int, int]) -> float:
    """Pixels between a box and the nearest border of its picture; negative beyond it."""
    return min(box.x0, box.y0, size[0] - box.x1, size[1] - box.y1)


def _judge(one: LabelledObject, size: tuple[int, int]) -> list[Fault]:
    corners = ", ".join(f"{value:g}" for value in one.box.xyxy)
    faults = []
    if _room(one.box, size) < -BEYOND:
        text = f"the box {corners} in {size[0]} x {size[1]} pixels"
        faults.append(Fault(BEYOND_PICTURE, text))
    if one.rle and not one.crowd:
        tight = rle_box(one.rle, size)
        if tight is None:
            faults.append(Fault(EMPTY_MASK, f"the mask in the box {corners}"))
        else:
            gaps = (abs(a - b) for a, b in zip(tight.xyxy, one.box.xyxy, strict=True))
            if max(gaps) > MISFIT:
                mask = ", ".join(f"{value:g}" for value in tight.xyxy)
                faults.append(Fault(MISFITTING, f"the box {corners}, the mask's {mask}"))
    return faults


def _doubled(objects: Sequence[LabelledObject]) -> list[Fault]:
    """Objects of one class whose boxes are all but the same."""
    faults = []
    boxes: dict[int, list[Box]] = {}
    for one in objects:
        before = boxes.setdefault(one.class_id, [])
        if any(one.box.iou(other) > DOUBLED_IOU for other in before):
            corners = ", ".join(f"{value:g}" for value in one.box.xyxy)
            faults.append(Fault(DOUBLED, f"two boxes of one class at {corners}"))
        before.append(one.box)
    return faults
