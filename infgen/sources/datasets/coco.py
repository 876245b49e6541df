"""COCO's instances_*.json, as its own tools write it and as others do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from infgen.records.box import Box
from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.sources.datasets.coco_file import (
    Annotation,
    Image,
    Split,
    annotations_of,
    is_coco,
    read_split,
)
from infgen.sources.datasets.common import (
    BAD_MASK,
    BAD_PICTURE,
    EMPTY_BOX,
    MISSING_PICTURE,
    STRAY_LABEL,
    UNKNOWN_CLASS,
    LabelledDataset,
    box_from,
    rle_box,
    rle_of_counts,
    rle_of_polygons,
)
from infgen.sources.pictures import picture_size

PATTERNS = (
    "annotations/instances_*.json",
    "*/_annotations.coco.json",
    "annotations/*.json",
    "*.json",
)


def find(place: Path) -> list[Path]:
    """The index files at a place: itself, or the first of PATTERNS by which a folder has some."""
    if place.is_file():
        return [place] if place.suffix.lower() == ".json" else []
    for pattern in PATTERNS:
        files = [path for path in sorted(place.glob(pattern)) if is_coco(path)]
        if files:
            return files
    return []


def open_files(place: Path, files: list[Path]) -> LabelledDataset:
    """The dataset of these index files, a split each. Classes that have the same name are one.

    Raises:
        InputError: one of them isn't COCO.
    """
    classes: dict[str, int] = {}
    splits = [read_split(path, classes) for path in files]
    faults = tuple(fault for split in splits for fault in _strays(split))

    def pictures() -> Iterator[LabelledPicture]:
        for split in splits:
            finder = _Finder(split)
            for image, labels in zip(split.images, annotations_of(split), strict=True):
                yield _picture(image, labels, split, finder)

    count = sum(len(split.images) for split in splits)
    return LabelledDataset(place, "coco", tuple(classes), count, pictures, faults)


def _strays(split: Split) -> Iterator[Fault]:
    """Labels that are nobody's, and label ids that name several: evaluators keep one of them."""
    for image_id, number in split.labels.strays.items():
        text = f"{split.path.name}: {number} labels of image_id {image_id}"
        yield from [Fault(STRAY_LABEL, text)] * number
    for label_id, number in split.labels.twice.items():
        text = f"{split.path.name}: {number} labels have the id {label_id!r}"
        yield Fault("label id given twice", text)


class _Finder:
    """Where a split's pictures lie. There is no rule: the usual places are tried, the one that held
    the last picture first."""

    def __init__(self, split: Split):
        folder, top = split.path.parent, split.path.parent.parent
        self._roots = [
            top / "images" / split.name,
            top / split.name,
            folder,
            folder / "images",
            folder / split.name,
            folder / "images" / split.name,
            top / "images",
            top,
        ]

    def find(self, name: str) -> Path | None:
        for number, root in enumerate(self._roots):
            path = root / name
            if path.is_file():
                self._roots.insert(0, self._roots.pop(number))
                return path
        return None


def _picture(
    image: Image, labels: Sequence[Annotation], split: Split, finder: _Finder
) -> LabelledPicture:
    faults = []
    path = finder.find(image.file_name)
    if path is None:
        faults.append(Fault(MISSING_PICTURE, f"{image.file_name} is nowhere near {split.path}"))
    size = (int(image.width), int(image.height))
    if min(size) < 1 and path is not None:
        try:
            size = picture_size(path)
        except ValueError as error:
            faults.append(Fault(BAD_PICTURE, str(error)))
    objects = []
    for label in labels:
        made = _object(label, split, size)
        if isinstance(made.of, LabelledObject):
            objects.append(made.of)
        faults += made.faults
    shown = path or split.path.parent / image.file_name
    return LabelledPicture(shown, split.name, size, tuple(objects), tuple(faults))


@dataclass(frozen=True)
class _Made:
    of: LabelledObject | None
    faults: Sequence[Fault] = ()


def _object(annotation: Annotation, split: Split, size: tuple[int, int]) -> _Made:
    """The label, if it is of use, and what is wrong with it."""
    name = f"label {annotation.id}"
    class_id = split.class_ids.get(annotation.category_id)
    if class_id is None:
        return _Made(None, [Fault(UNKNOWN_CLASS, f"{name}: category {annotation.category_id}")])
    faults = []
    rle = ""
    try:
        rle = _rle(msgspec.json.decode(annotation.segmentation), size)
    except ValueError as error:
        faults.append(Fault(BAD_MASK, f"{name}: {error}"))
    given = msgspec.json.decode(annotation.bbox)
    box = _box(given)
    if box is None and given is None and rle:  # COCO's own tools can do without
        box = rle_box(rle, size)
    if box is None:
        return _Made(None, [*faults, Fault(EMPTY_BOX, f"{name}: its bbox is {given}")])
    crowd = bool(annotation.iscrowd)
    return _Made(LabelledObject(class_id, box, rle, crowd), faults)


def _box(bbox: Any) -> Box | None:
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    if not all(isinstance(value, int | float) for value in bbox):
        return None
    x, y, width, height = bbox
    return box_from((x, y, x + width, y + height))


def _rle(segmentation: Any, size: tuple[int, int]) -> str:
    """Raises ValueError for a mask that can't be what it says."""
    if not segmentation or min(size) < 1:
        return ""
    if isinstance(segmentation, dict):
        return rle_of_counts(segmentation.get("counts"), segmentation.get("size"), size)
    if not isinstance(segmentation, list):
        raise ValueError("its segmentation is neither polygons nor run lengths")
    return rle_of_polygons(segmentation, size)
