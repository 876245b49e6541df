"""COCO's instances_*.json, as its own tools write it and as others do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from infgen.records.box import Box
from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
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
    unreadable,
)
from infgen.sources.pictures import picture_size

PATTERNS = (
    "annotations/instances_*.json",
    "*/_annotations.coco.json",
    "annotations/*.json",
    "*.json",
)


class _Image(msgspec.Struct, gc=False):
    id: int | str
    file_name: str
    width: float = 0
    height: float = 0


class _Category(msgspec.Struct, gc=False):
    id: int | str
    name: str


class _Annotation(msgspec.Struct, gc=False):
    """Unpacked when its picture's turn comes: until then it is a view of the file."""

    image_id: int | str
    category_id: int | str
    id: int | str = ""
    bbox: msgspec.Raw = msgspec.Raw(b"null")
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    iscrowd: int = 0


_Labels = dict[int | str, list[msgspec.Raw]]
_annotation = msgspec.json.Decoder(_Annotation).decode


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[msgspec.Raw]
    categories: list[_Category]


class _Outline(msgspec.Struct):
    """A file's first look: is it COCO at all?"""

    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


@dataclass(frozen=True)
class _Split:
    """An index file in memory, its annotations by picture. `twice` counts those with an id that
    others have, too."""

    name: str
    path: Path
    images: list[_Image]
    labels: _Labels
    class_ids: dict[int | str, int]
    twice: Mapping[int | str, int]


def find(place: Path) -> list[Path]:
    """The index files at a place: itself, or the first of PATTERNS by which a folder has some."""
    if place.is_file():
        return [place] if place.suffix.lower() == ".json" else []
    for pattern in PATTERNS:
        files = [path for path in sorted(place.glob(pattern)) if _is_coco(path)]
        if files:
            return files
    return []


def _is_coco(path: Path) -> bool:
    try:
        msgspec.json.decode(path.read_bytes(), type=_Outline)
    except msgspec.DecodeError:
        return False
    return True


def open_files(place: Path, files: list[Path]) -> LabelledDataset:
    """The dataset of these index files, a split each. Classes that have the same name are one.

    Raises:
        InputError: one of them isn't COCO.
    """
    classes: dict[str, int] = {}
    splits = [_read(path, classes) for path in files]
    faults = tuple(fault for split in splits for fault in _strays(split))

    def pictures() -> Iterator[LabelledPicture]:
        for split in splits:
            finder = _Finder(split)
            for image in split.images:
                yield _picture(image, split, finder)

    count = sum(len(split.images) for split in splits)
    return LabelledDataset(place, "coco", tuple(classes), count, pictures, faults)


def _read(path: Path, classes: dict[str, int]) -> _Split:
    """Read an index file, and add the classes that are new."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise unreadable(path, error.strerror) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    if not file.images:
        raise unreadable(path, "it lists no images")
    twice = [name for name, n in Counter(image.id for image in file.images).items() if n > 1]
    if twice:
        raise unreadable(path, f"several images have the id {twice[0]}")
    labels, again = _by_picture(path, file.annotations)
    ids = {one.id: classes.setdefault(one.name, len(classes)) for one in file.categories}
    name = path.stem.removeprefix("instances_")
    split = path.parent.name if name == "_annotations.coco" else name
    return _Split(split, path, file.images, labels, ids, again)


def _by_picture(
    path: Path, annotations: Sequence[msgspec.Raw]
) -> tuple[_Labels, dict[int | str, int]]:
    """The annotations by their pictures' ids; and how many have each id that several have."""
    labels: _Labels = defaultdict(list)
    numbers: Counter[int | str] = Counter()
    for place, raw in enumerate(annotations):
        try:
            annotation = _annotation(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(path, f"annotations[{place}]: {error}") from None
        labels[annotation.image_id].append(raw)
        numbers[annotation.id] += 1
    return labels, {label_id: number for label_id, number in numbers.items() if number > 1}


def _strays(split: _Split) -> Iterator[Fault]:
    """Labels that are nobody's, and label ids that name several: evaluators keep one of them."""
    known = {image.id for image in split.images}
    for image_id, labels in split.labels.items():
        if image_id not in known:
            text = f"{split.path.name}: {len(labels)} labels of image_id {image_id}"
            yield from [Fault(STRAY_LABEL, text)] * len(labels)
    for label_id, number in split.twice.items():
        text = f"{split.path.name}: {number} labels have the id {label_id!r}"
        yield Fault("label id given twice", text)


class _Finder:
    """Where a split's pictures lie. There is no rule: the usual places are tried, the one that held
    the last picture first."""

    def __init__(self, split: _Split):
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


def _picture(image: _Image, split: _Split, finder: _Finder) -> LabelledPicture:
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
    for raw in split.labels.get(image.id, ()):
        made = _object(_annotation(raw), split, size)
        if isinstance(made.of, LabelledObject):
            objects.append(made.of)
        faults += made.faults
    shown = path or split.path.parent / image.file_name
    return LabelledPicture(shown, split.name, size, tuple(objects), tuple(faults))


@dataclass(frozen=True)
class _Made:
    of: LabelledObject | None
    faults: Sequence[Fault] = ()


def _object(annotation: _Annotation, split: _Split, size: tuple[int, int]) -> _Made:
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
