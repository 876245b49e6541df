"""YOLO's data.yaml and label files, as Ultralytics reads them: boxes, or polygons."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.sources.datasets.common import (
    BAD_MASK,
    BAD_PICTURE,
    BAD_ROW,
    EMPTY_BOX,
    MISSING_PICTURE,
    NO_LABEL_FILE,
    UNKNOWN_CLASS,
    LabelledDataset,
    box_from,
    rle_of_polygons,
    unreadable,
)
from infgen.sources.pictures import PICTURE_ENDINGS, picture_size

SPLITS = ("train", "val", "valid", "test")
ENDINGS = (".yaml", ".yml")


def find(place: Path) -> list[Path]:
    """The data.yaml at a place: itself, or a folder's `data.yaml` or only other one with names."""
    if place.is_file():
        return [place] if place.suffix.lower() in ENDINGS else []
    if (place / "data.yaml").is_file():
        return [place / "data.yaml"]
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in ENDINGS)
    return [path for path in found if _has_names(path)][:1]


def _load(path: Path) -> dict[str, Any]:
    """What a YAML file holds by name. Raises OSError, ValueError (not UTF-8) and YAMLError."""
    with path.open(encoding="utf-8") as file:
        values = yaml.safe_load(file)
    return values if isinstance(values, dict) else {}


def _has_names(path: Path) -> bool:
    try:
        return "names" in _load(path)
    except (OSError, ValueError, yaml.YAMLError):
        return False


def open_files(place: Path, files: list[Path]) -> LabelledDataset:
    """The dataset of a data.yaml.

    Raises:
        InputError: it has no names, or none of its splits has pictures.
    """
    [path] = files
    try:
        values = _load(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise unreadable(path, " ".join(str(error).split())) from None
    classes = _names(values.get("names"))
    if not classes:
        raise unreadable(path, "it has no `names:` of classes, numbered from 0")
    base = path.parent / str(values.get("path") or "")
    if not base.is_dir():  # written on another machine
        base = path.parent
    splits: dict[str, list[Path]] = {}
    faults: list[Fault] = []
    try:
        for split in SPLITS:
            places = _listed(values.get(split))
            pictures = sorted({one for place in places for one in _pictures(base, place)})
            if pictures and pictures not in splits.values():  # one folder may stand for both
                splits[split] = pictures
            if places and not pictures:
                text = f"{path.name}: {split}: {', '.join(places)}: no pictures are there"
                faults.append(Fault(MISSING_PICTURE, text))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    if not splits:
        wanted = ", ".join(f"{name}: {values[name]}" for name in SPLITS if values.get(name))
        raise unreadable(path, f"no pictures are where it says ({wanted or 'no train or val'})")
    count = sum(len(pictures) for pictures in splits.values())
    read = partial(_read, splits, len(classes))
    return LabelledDataset(place, "yolo", classes, count, read, tuple(faults))


def _names(names: Any) -> tuple[str, ...]:
    if isinstance(names, list):
        return tuple(str(name) for name in names)
    if not isinstance(names, dict):
        return ()
    numbered = {str(number): str(name) for number, name in names.items()}
    wanted = [str(number) for number in range(len(numbered))]
    return tuple(numbered[number] for number in wanted) if set(wanted) == set(numbered) else ()


def _listed(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value] if value else [])]


def _pictures(base: Path, place: str) -> Iterator[Path]:
    """What a split names: a folder of pictures, or a text file of their paths."""
    found = base / place
    if not found.exists() and place.startswith("../"):  # as Roboflow writes, one level too high
        found = base / place.removeprefix("../")
    if found.is_dir():
        yield from (path for path in found.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS)
    elif found.is_file() and found.suffix == ".txt":
        for line in found.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield found.parent / line.strip()


def _read(splits: dict[str, list[Path]], classes: int) -> Iterator[LabelledPicture]:
    for split, paths in splits.items():
        for path in paths:
            yield _picture(path, split, classes)


def _picture(path: Path, split: str, classes: int) -> LabelledPicture:
    faults: list[Fault] = []
    objects: list[LabelledObject] = []
    try:
        size = picture_size(path)
    except ValueError as error:
        kind = BAD_PICTURE if path.exists() else MISSING_PICTURE
        return LabelledPicture(path, split, (0, 0), (), (Fault(kind, str(error)),))
    label = _label_path(path)
    try:
        rows = label.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        rows, faults = [], [Fault(NO_LABEL_FILE, f"{label}: trainers take it for a negative")]
    except (OSError, UnicodeDecodeError) as error:
        rows, faults = [], [Fault(BAD_ROW, f"{label}: {error}")]
    for number, row in enumerate(rows, 1):
        if row.strip():
            made = _object(row, size, classes)
            if isinstance(made, Fault):
                faults.append(Fault(made.kind, f"{label}:{number}: {made.text}"))
            else:
                objects.append(made)
    return LabelledPicture(path, split, size, tuple(objects), tuple(faults))


def _label_path(path: Path) -> Path:
    """The last folder called `images` becomes `labels`."""
    parts = list(path.parts)
    for number in range(len(parts) - 2, -1, -1):
        if parts[number] == "images":
            parts[number] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _object(row: str, size: tuple[int, int], classes: int) -> LabelledObject | Fault:
    try:
        first, *values = map(float, row.split())
    except ValueError:
        return Fault(BAD_ROW, "it holds something that isn't a number")
    if not (first.is_integer() and 0 <= first < classes):
        return Fault(UNKNOWN_CLASS, f"{row.split()[0]} of {classes} classes")
    width, height = size
    if len(values) == 4:
        cx, cy, w, h = values
        corners = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
        box = box_from([v * side for v, side in zip(corners, size * 2, strict=True)])
        return LabelledObject(int(first), box) if box else Fault(EMPTY_BOX, f"{w} x {h}")
    if len(values) < 6 or len(values) % 2:
        return Fault(BAD_ROW, f"{len(values)} numbers are neither a box nor a polygon")
    xs, ys = [x * width for x in values[0::2]], [y * height for y in values[1::2]]
    box = box_from((min(xs), min(ys), max(xs), max(ys)))
    if box is None:
        return Fault(EMPTY_BOX, "its polygon has no area")
    try:
        flat = [value for point in zip(xs, ys, strict=True) for value in point]
        return LabelledObject(int(first), box, rle_of_polygons([flat], size))
    except ValueError as error:
        return Fault(BAD_MASK, str(error))
