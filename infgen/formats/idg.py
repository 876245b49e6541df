"""idg/Generated_Data: laid out as Image-Data-Generation does, a folder per class with a YOLO text
beside each picture.

    coin/coin_00000000.jpg      a picture, in the folder of the class that covers most of it
    coin/coin_00000000.txt      its labels, `class x y width height` as fractions: all that it shows
    names.txt                   the folders' names, by label from the first one on
    new_classes_names.txt       those of the last run's new classes
    generated_images_path.txt   the pictures' paths, from idg/ on
    train.txt, val.txt          the same by split, which the ancestor knows nothing of
    file.txt                    {"starting_label", "starting_point_for_Bg_Image"}: the next ones

The ancestor takes every folder for a class, so pictures without objects are left out.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from infgen.formats.settings import Dataset
from infgen.records.sample import Entry
from infgen.sources import disk
from infgen.sources.names import folder_names

FOLDER = "Generated_Data"
FIRST_LABEL = 0  # the ancestor's, where --first-label names no other

Row = tuple[str, str, int]  # the split, the picture's path from idg/ on or "", its background


def convert(entry: Entry, dataset: Dataset) -> Row:
    """Write one picture and its text; gives where it lies, nowhere if there is nothing in it."""
    if not entry.objects:
        return entry.split, "", entry.background.number
    picture, text = files(entry, dataset)
    disk.link_file(dataset.folder / entry.file, dataset.folder / picture)
    rows = "".join(
        f"{_first_label(dataset) + one.class_id} "
        + " ".join(f"{value:.6f}" for value in one.box.as_yolo(entry.size))
        + "\n"
        for one in entry.objects
    )
    disk.write_file(dataset.folder / text, rows.encode())
    return entry.split, picture.removeprefix("idg/"), entry.background.number


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """A picture and its text; none of one without objects."""
    if not entry.objects:
        return ()
    folder = _folders(dataset.classes)[_main_class(entry)]
    stem = f"idg/{FOLDER}/{folder}/{folder}_{entry.stem}"
    return stem + PurePosixPath(entry.file).suffix, f"{stem}.txt"


def lists(split: str) -> tuple[str, ...]:
    """What there is of a split only if it has pictures."""
    return (f"idg/{FOLDER}/{split}.txt",)


def finish(converted: Iterator[Row], dataset: Dataset) -> None:
    """Write the lists of pictures and classes, and what the next run begins with."""
    paths: dict[str, list[str]] = {split: [] for split in dataset.splits}
    everywhere: list[str] = []
    backgrounds = 0
    for split, path, number in converted:
        backgrounds = max(backgrounds, number + 1)
        if path:
            paths[split].append(path)
            everywhere.append(path)
    folders = _folders(dataset.classes)
    state = {
        "starting_label": _first_label(dataset) + len(folders),
        "starting_point_for_Bg_Image": backgrounds,
    }
    texts = {
        "names": "".join(f"{name}\n" for name in folders),
        "new_classes_names": "\n".join(folders[dataset.known_classes :]),
        "generated_images_path": "\n".join(everywhere),
        "file": json.dumps(state),
    } | {split: "\n".join(members) for split, members in paths.items()}
    for name, text in texts.items():
        disk.write_file(dataset.folder / "idg" / FOLDER / f"{name}.txt", text.encode())


@functools.cache
def _folders(classes: tuple[str, ...]) -> list[str]:
    return folder_names(classes)


def _main_class(entry: Entry) -> int:
    """The class whose objects cover most pixels; of equal ones the first."""
    areas: Counter[int] = Counter()
    for one in entry.objects:
        areas[one.class_id] += one.area
    return min(areas, key=lambda class_id: (-areas[class_id], class_id))


def _first_label(dataset: Dataset) -> int:
    first = dataset.settings.first_label
    return FIRST_LABEL if first is None else first
