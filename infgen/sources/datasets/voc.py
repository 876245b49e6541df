"""Pascal VOC: an XML file a picture, lists of pictures by split, and instance masks where drawn.

Boxes count whole pixels from 1, ends inclusive. `difficult` and `truncated` objects are objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.sources.datasets.common import (
    BAD_PICTURE,
    BAD_ROW,
    EMPTY_BOX,
    MISSING_PICTURE,
    NO_LABEL_FILE,
    UNKNOWN_CLASS,
    LabelledDataset,
    box_from,
    unreadable,
)
from infgen.sources.datasets.instances import with_masks
from infgen.sources.pictures import PICTURE_ENDINGS, picture_size

SPLITS = ("train", "val", "valid", "test")
WHOLE = ("trainval", "default")  # lists that are read where none of SPLITS is there
LISTS = ("Main", "Segmentation", "Layout")
PICTURES = ("JPEGImages", "images", "Images")
LAYOUTS = ("Annotations", "VOC*/Annotations", "VOCdevkit/VOC*/Annotations")
UNLISTED = "picture in no list"


@dataclass(frozen=True)
class _Part:
    """A folder of XML files, `top` above it, and the names of its pictures by split, each a path
    inside the folder without ending."""

    folder: Path
    top: Path
    splits: dict[str, list[str]] = field(default_factory=dict)
    unlisted: int = 0


def find(place: Path) -> list[Path]:
    """The folders of XML files at a place: those of the first of LAYOUTS that has some, or else the
    place itself or its folders named as splits, where files lie beside their pictures."""
    for pattern in LAYOUTS:
        folders = [one for one in sorted(place.glob(pattern)) if _holds_voc(one)]
        if folders:
            return folders
    return [one for one in (place, *(place / split for split in SPLITS)) if _holds_voc(one)]


def _holds_voc(folder: Path) -> bool:
    first = next(iter(folder.glob("*.xml")), None) if folder.is_dir() else None
    try:
        return first is not None and ElementTree.parse(first).getroot().tag == "annotation"
    except (OSError, ElementTree.ParseError):
        return True  # whoever names his files so means them


def open_files(place: Path, files: list[Path]) -> LabelledDataset:
    """The dataset of these folders of XML files.

    Raises:
        InputError: no label in them has a name, or a list of pictures can't be read.
    """
    parts = [_part(folder) for folder in files]
    classes = _classes(parts)
    if not classes:
        raise unreadable(files[0], "none of its XML files has an object with a name")
    faults = [
        Fault(UNLISTED, f"{part.folder}: {part.unlisted} XML files are in no list of ImageSets")
        for part in parts
        if part.unlisted
    ]
    count = sum(len(names) for part in parts for names in part.splits.values())
    read = partial(_read, parts, {name: number for number, name in enumerate(classes)})
    return LabelledDataset(place, "voc", classes, count, read, tuple(faults))


def _part(folder: Path) -> _Part:
    top = folder.parent if folder.name == "Annotations" else folder
    there = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.xml")}
    try:
        splits = _listed(top / "ImageSets")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(top / "ImageSets", error) from None
    if splits:
        listed = {name for names in splits.values() for name in names}
        return _Part(folder, top, splits, len(there - listed))
    split = folder.name if folder.name in SPLITS else "train"
    return _Part(folder, top, {split: sorted(there | set(_unlabelled(folder, top)))})


def _listed(sets: Path) -> dict[str, list[str]]:
    """The pictures of each split, by the lists of the first task that has some."""
    for task in LISTS:
        for names in (SPLITS, WHOLE):
            splits = {}
            for name in names:
                path = sets / task / f"{name}.txt"
                rows = path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()
                splits[name] = [row.split()[0] for row in rows if row.strip()]
            if any(splits.values()):
                return {name: listed for name, listed in splits.items() if listed}
    return {}


def _unlabelled(folder: Path, top: Path) -> Iterator[str]:
    """Names of all pictures, where no list says which there are."""
    found = (top / name for name in PICTURES)
    place = next((one for one in found if one.is_dir()), folder)
    for path in place.iterdir():
        if path.suffix.lower() in PICTURE_ENDINGS:
            yield path.stem


def _classes(parts: list[_Part]) -> tuple[str, ...]:
    """The label map's classes in its order, or else all that there are by name."""
    named: list[str] = []
    found: set[str] = set()
    for part in parts:
        named += _label_map(part.top / "labelmap.txt")
        for names in part.splits.values():
            for name in names:
                root = _root(part.folder / f"{name}.xml")
                if not isinstance(root, str):
                    found |= {_text(one, "name") for one in root.iterfind("object")}
    further = sorted(found - {"", *named})
    return tuple(dict.fromkeys([*named, *further]))


def _label_map(path: Path) -> list[str]:
    """Names as datumaro, CVAT and infgen list them: `name:r,g,b:parts:actions`."""
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    names = (row.split(":")[0].strip() for row in rows if not row.startswith("#"))
    return [name for name in names if name and name != "background"]


def _root(path: Path) -> ElementTree.Element | str:
    """The root of an XML file, or why it can't be read."""
    try:
        return ElementTree.parse(path).getroot()
    except OSError as error:
        return str(error.strerror)
    except (ValueError, ElementTree.ParseError) as error:
        return str(error)


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _read(parts: list[_Part], class_ids: dict[str, int]) -> Iterator[LabelledPicture]:
    for part in parts:
        for split, names in part.splits.items():
            for name in names:
                yield _picture(part, split, name, class_ids)


def _picture(part: _Part, split: str, name: str, class_ids: dict[str, int]) -> LabelledPicture:
    label = part.folder / f"{name}.xml"
    root = _root(label)
    faults: list[Fault] = []
    if isinstance(root, str):
        if label.exists():
            faults.append(Fault(BAD_ROW, f"{label}: {root}"))
        else:
            faults.append(Fault(NO_LABEL_FILE, f"{label}: trainers take it for a negative"))
        root = ElementTree.Element("annotation")
    path = _picture_path(part, name, _text(root, "filename"))
    size = _size(root)
    if not path.is_file():
        faults.append(Fault(MISSING_PICTURE, f"{path} is not there"))
    elif min(size) < 1:
        try:
            size = picture_size(path)
        except ValueError as error:
            faults.append(Fault(BAD_PICTURE, str(error)))
    objects: list[LabelledObject] = []
    for number, element in enumerate(root.iterfind("object"), 1):
        made = _object(element, class_ids)
        if isinstance(made, Fault):
            faults.append(Fault(made.kind, f"{label}: object {number}: {made.text}"))
        else:
            objects.append(made)
    mask = part.top / "SegmentationObject" / f"{name}.png"
    if objects and mask.is_file() and min(size) > 0:
        masked, wrong = with_masks(objects, mask, size)
        return LabelledPicture(path, split, size, masked, (*faults, *wrong))
    return LabelledPicture(path, split, size, tuple(objects), tuple(faults))


def _picture_path(part: _Part, name: str, told: str) -> Path:
    """Where a picture lies: by the name in its XML file, or by the XML file's own."""
    folders = [part.top / one for one in PICTURES] + [part.folder, part.top]
    names = ([told] if told else []) + [name + ending for ending in PICTURE_ENDINGS]
    found = (folder / one for one in names for folder in folders)
    return next((path for path in found if path.is_file()), folders[0] / names[0])


def _size(root: ElementTree.Element) -> tuple[int, int]:
    try:
        return (int(float(_text(root, "size/width"))), int(float(_text(root, "size/height"))))
    except ValueError:
        return (0, 0)


def _object(element: ElementTree.Element, class_ids: dict[str, int]) -> LabelledObject | Fault:
    name = _text(element, "name")
    if name not in class_ids:
        return Fault(UNKNOWN_CLASS, repr(name))
    told = [_text(element, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x0, y0, x1, y1 = map(float, told)
    except ValueError:
        return Fault(BAD_ROW, f"its corners are {', '.join(map(repr, told))}")
    box = box_from((x0 - 1, y0 - 1, x1, y1))
    if box is None or (x0 == x1 and y0 == y1):  # a click without a drag
        return Fault(EMPTY_BOX, f"its corners are {', '.join(told)}")
    return LabelledObject(class_ids[name], box)
