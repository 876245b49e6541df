"""SIGtor's text lines, `path x1,y1,x2,y2,class x1,y1,x2,y2,class ...`, with masks in a folder.

SIGtor (Supplementary Synthetic Image Generation for Object Detection and Segmentation Datasets,
Tesema) cuts pictures from x1 up to x2, so corners are edges between pixels here, too. Its masks are
`<folder>/<picture's stem>.png` with a value an object, in no certain order, and 255 for their rims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.sources.datasets.common import (
    BAD_PICTURE,
    BAD_ROW,
    EMPTY_BOX,
    MISSING_PICTURE,
    UNKNOWN_CLASS,
    LabelledDataset,
    box_from,
    unreadable,
)
from infgen.sources.datasets.instances import with_masks
from infgen.sources.pictures import picture_size

SPLITS = ("train", "val", "valid", "test")
MASKS = ("Masks", "masks", "augmented_masks", "SegmentationObject")
NAMES = ("classes.txt", "*classes*.txt", "*.names")
EXPANDED = "_expanded"  # what SIGtor adds to the name of a file with a line a group of objects
LOOK = 4096  # characters that show what kind of file it is

LABEL = re.compile(r"[-+.\d]+(,[-+.\deE]*)+")  # what isn't part of a path any more
LINE = re.compile(r"^\S.* -?\d+(\.\d+)?(,-?\d+(\.\d+)?){3},\d+(\s|$)", re.MULTILINE)
OF_VOC = re.compile(r"20\d\d_\d{6}")  # how VOC names its pictures since 2008
VOC_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor"
)  # fmt: skip


@dataclass(frozen=True)
class _Line:
    """A picture's labels, not yet understood: the place of the line, and its path as written."""

    number: int
    path: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    path: Path
    split: str
    lines: list[_Line]


def find(place: Path) -> list[Path]:
    """The text files of such lines at a place: itself, or all in a folder but `_expanded` ones."""
    if place.is_file():
        return [place] if place.suffix.lower() == ".txt" and _is_sigtor(place) else []
    found = [path for path in sorted(place.glob("*.txt")) if _is_sigtor(path)]
    return [path for path in found if not path.stem.endswith(EXPANDED)]


def _is_sigtor(path: Path) -> bool:
    """Whether the file's beginning has a picture with a label."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return LINE.search(file.read(LOOK)) is not None


def open_files(place: Path, files: list[Path]) -> LabelledDataset:
    """The dataset of these text files: a split each where they are named so, else all `train`.

    Raises:
        InputError: one of them can't be read, or its file of class names is too short.
    """
    read = [_load(path) for path in files]
    classes = _classes(files[0].parent, read)
    count = sum(len(file.lines) for file in read)
    return LabelledDataset(place, "sigtor", classes, count, partial(_read, read, len(classes)))


def _load(path: Path) -> _File:
    """A file's lines; those of one picture, as in expanded files, are joined."""
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    lines: dict[str, _Line] = {}
    for number, row in enumerate(rows, 1):
        words = row.split()
        if not words:
            continue
        end = next((n for n, word in enumerate(words) if n and LABEL.fullmatch(word)), len(words))
        name, labels = " ".join(words[:end]), tuple(words[end:])
        before = lines.get(name)
        if before is not None:
            labels = before.labels + tuple(one for one in labels if one not in before.labels)
        lines[name] = _Line(before.number if before else number, name, labels)
    words = re.split(r"[_\W]+", path.stem.lower())
    split = next((one for one in SPLITS if one in words), "train")
    return _File(path, split, list(lines.values()))


def _classes(folder: Path, files: Sequence[_File]) -> tuple[str, ...]:
    """Class names: from a file beside or one folder above, VOC's own where pictures are named as
    VOC's are, else numbers."""
    lines = [line for file in files for line in file.lines]
    ends = (label.rpartition(",")[2] for line in lines for label in line.labels)
    highest = max((int(end) for end in ends if end.isdecimal()), default=-1)
    for place in (folder, folder.parent):
        for pattern in NAMES:
            for path in sorted(place.glob(pattern)):
                names = _names(path)
                if len(names) > highest:
                    return names
                if names:
                    text = f"it names {len(names)} classes, and there is a label of class {highest}"
                    raise unreadable(path, text)
    of_voc = all(OF_VOC.fullmatch(_file_of(line).stem) for line in lines)
    if of_voc and highest < len(VOC_NAMES):
        return VOC_NAMES
    return tuple(f"class_{number}" for number in range(highest + 1))


def _names(path: Path) -> tuple[str, ...]:
    if not path.is_file() or _is_sigtor(path):
        return ()
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    return tuple(row.strip() for row in rows if row.strip())


def _file_of(line: _Line) -> PurePosixPath:
    return PurePosixPath(line.path.replace("\\", "/"))


def _read(files: Sequence[_File], classes: int) -> Iterator[LabelledPicture]:
    for file in files:
        for line in file.lines:
            yield _picture(file, line, classes)


def _picture(file: _File, line: _Line, classes: int) -> LabelledPicture:
    path = _picture_path(file.path.parent, _file_of(line))
    try:
        size = picture_size(path)
    except ValueError as error:
        kind = BAD_PICTURE if path.exists() else MISSING_PICTURE
        return LabelledPicture(path, file.split, (0, 0), (), (Fault(kind, str(error)),))
    objects, faults = [], []
    for number, label in enumerate(line.labels, 1):
        made = _object(label, classes)
        if isinstance(made, Fault):
            text = f"{file.path}:{line.number}: label {number}: {made.text}"
            faults.append(Fault(made.kind, text))
        else:
            objects.append(made)
    mask = _mask_path(file.path.parent, path)
    if mask is None or not objects:
        return LabelledPicture(path, file.split, size, tuple(objects), tuple(faults))
    masked, wrong = with_masks(objects, mask, size)
    return LabelledPicture(path, file.split, size, masked, (*faults, *wrong))


def _picture_path(folder: Path, told: PurePosixPath) -> Path:
    """Where a picture lies: paths start from the folder where SIGtor was run, which may be any
    above the text file, or have been left."""
    parts = [part for part in told.parts if part != "."]
    above = [place / told for place in (folder, *folder.parents)]
    shorter = [folder.joinpath(*parts[start:]) for start in range(1, len(parts))]
    return next((path for path in (*above, *shorter) if path.is_file()), folder / told)


def _mask_path(folder: Path, picture: Path) -> Path | None:
    """The picture's mask, in a folder beside the pictures' one or the text file."""
    places = (top / name for top in (picture.parent.parent, folder) for name in MASKS)
    found = (place / f"{picture.stem}.png" for place in places)
    return next((path for path in found if path.is_file()), None)


def _object(label: str, classes: int) -> LabelledObject | Fault:
    try:
        x0, y0, x1, y1, number = map(float, label.split(","))
    except ValueError:
        return Fault(BAD_ROW, f"'{label}' isn't x1,y1,x2,y2,class")
    if not (number.is_integer() and 0 <= number < classes):
        return Fault(UNKNOWN_CLASS, f"{label.rpartition(',')[2]} of {classes} classes")
    box = box_from((x0, y0, x1, y1))
    return LabelledObject(int(number), box) if box else Fault(EMPTY_BOX, label)
