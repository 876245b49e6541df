"""classification/<split>/<class>/<stem>_<id>.jpg: crops of single objects, a folder per class, as
torchvision's ImageFolder and most trainers of classifiers read them.

Crops are the label's box and a margin around it, as they are in the picture; what isn't the object
can be greyed out. A class that has crops, but none in some split, has an empty folder there:
readers number the folders, and would number them otherwise in each split without a word.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from infgen.formats.settings import Dataset
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.sample import Entry
from infgen.sources import disk
from infgen.sources.names import folder_names

MARGIN = 0.1  # of the box's width to the left and the right, of its height above and below
GREY = 127
QUALITY = 95  # of JPEG crops: their pictures have been through it once

Row = tuple[str, list[int]]  # the split, the classes that it has crops of


def convert(entry: Entry, dataset: Dataset) -> Row:
    """Write a crop of each of a picture's objects; gives their classes.

    Raises InputError when the picture can't be read.
    """
    if not entry.objects:
        return entry.split, []
    pixels = cv2.imread(str(dataset.folder / entry.file), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError(
            f"can't read {dataset.folder / entry.file}: delete it and run infgen again, which "
            "remakes it"
        )
    ending = PurePosixPath(entry.file).suffix
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if ending == ".jpg" else []
    for one, file in zip(entry.objects, files(entry, dataset), strict=True):
        seen = pixels
        if one.rle and not dataset.settings.crop_backgrounds:
            seen = np.where(decode_rle(one.rle, entry.size)[..., None], pixels, np.uint8(GREY))
        x0, y0, x1, y1 = crop_of(one.box, entry.size)
        data = cv2.imencode(ending, seen[y0:y1, x0:x1], options)[1]
        disk.write_file(dataset.folder / file, data.data)
    return entry.split, sorted({one.class_id for one in entry.objects})


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """The crops of a picture, object by object."""
    folders, ending = _folders(dataset.classes), PurePosixPath(entry.file).suffix
    return tuple(
        f"classification/{entry.split}/{folders[one.class_id]}/{entry.stem}_{one.id}{ending}"
        for one in entry.objects
    )


def finish(converted: Iterator[Row], dataset: Dataset) -> None:
    """Make the folders alike in all splits, and write which folder holds which class."""
    shown: set[int] = set()
    for _, class_ids in converted:
        shown.update(class_ids)
    folders = _folders(dataset.classes)
    for split in dataset.splits:
        for class_id in shown:
            path = _split_folder(dataset, split) / folders[class_id]
            with disk.told(path):
                path.mkdir(parents=True, exist_ok=True)
    lines = [f"{folder}\t{name}\n" for folder, name in zip(folders, dataset.classes, strict=True)]
    disk.write_file(dataset.folder / "classification" / "folders.tsv", "".join(lines).encode())


def crop_of(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The whole pixels (x0, y0, x1, y1) that hold a box and its margin, within a picture of `size`
    = (width, height); at least one."""
    x, y = MARGIN * box.width, MARGIN * box.height
    width, height = size
    x0, y0 = max(math.floor(box.x0 - x), 0), max(math.floor(box.y0 - y), 0)
    x1, y1 = min(math.ceil(box.x1 + x), width), min(math.ceil(box.y1 + y), height)
    return min(x0, width - 1), min(y0, height - 1), max(x1, 1), max(y1, 1)


def _split_folder(dataset: Dataset, split: str) -> Path:
    return dataset.folder / "classification" / split


@functools.cache
def _folders(classes: tuple[str, ...]) -> list[str]:
    return folder_names(classes)
