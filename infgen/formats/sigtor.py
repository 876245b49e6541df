"""sigtor/: SIGtor's text lines and masks, in the folders of its own sample.

    Datasets/classes.txt                      class names, one a line, in id order
    Datasets/Source/<split>_annotations.txt   a line a picture: path x1,y1,x2,y2,class ...
    Datasets/Source/Images/<name>             the picture
    Datasets/Source/Masks/<stem>.png          the objects' numbers 1..n as they stand in the line

Paths start from where SIGtor is run: in sigtor/, or beside a copy of Datasets. It has no use for
pictures without objects, which are left out, and takes the boxes themselves where there is no mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import PurePosixPath

from infgen.formats.label_map import encode_palette_png, label_map
from infgen.formats.settings import Dataset
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.sample import Entry
from infgen.sources import disk

FOLDER = "Datasets/Source"
MOST = 254  # objects in a picture: 8 bits less 0, the background, and 255, the objects' rims


def convert(entry: Entry, dataset: Dataset) -> tuple[str, str]:
    """Write one picture and its mask; gives its split and line, which is empty for a picture
    without objects.

    Raises InputError when a mask can't hold the picture's objects.
    """
    if not entry.objects:
        return entry.split, ""
    _check_room(len(entry.objects), entry.file)
    picture, mask = files(entry, dataset)
    disk.link_file(dataset.folder / entry.file, dataset.folder / picture)
    if all(obj.rle for obj in entry.objects):
        labels = label_map(entry, range(1, len(entry.objects) + 1))
        disk.write_file(dataset.folder / mask, encode_palette_png(labels))
    labelled = (f"{_corners(obj.box)},{obj.class_id}" for obj in entry.objects)
    return entry.split, " ".join((f"./{picture.removeprefix('sigtor/')}", *labelled)) + "\n"


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """A picture and its mask."""
    stem = re.sub(r"\s", "%20", entry.stem)  # blanks end a path
    picture = stem + PurePosixPath(entry.file).suffix
    return f"sigtor/{FOLDER}/Images/{picture}", f"sigtor/{FOLDER}/Masks/{stem}.png"


def lists(split: str) -> tuple[str, ...]:
    """What there is of a split only if it has pictures."""
    return (f"sigtor/{FOLDER}/{split}_annotations.txt",)


def finish(converted: Iterator[tuple[str, str]], dataset: Dataset) -> None:
    """Write each split's lines as they come, and the class names."""
    root = dataset.folder / "sigtor"
    with ExitStack() as stack:
        write = {
            split: stack.enter_context(
                disk.streamed_file(root / FOLDER / f"{split}_annotations.txt")
            )
            for split in dataset.splits
        }
        for split, line in converted:
            write[split](line.encode())
    names = "".join(f"{' '.join(name.split())}\n" for name in dataset.classes)
    disk.write_file(root / "Datasets/classes.txt", names.encode())


def check(classes: tuple[str, ...], objects: int) -> None:
    """Raise InputError for more `objects` in a picture than its mask has room for."""
    _check_room(objects, "the dataset")


def _check_room(number: int, where: str) -> None:
    if number > MOST:
        raise InputError(
            f"{where}: {number} objects in a picture don't fit into SIGtor's 8-bit masks, which "
            f"hold {MOST}: leave out the sigtor format, or ask for fewer objects"
        )


def _corners(box: Box) -> str:
    """Whole pixels between edges, as SIGtor cuts them out."""
    left, upper, right, lower = box.as_voc()
    return f"{left - 1},{upper - 1},{right},{lower}"
