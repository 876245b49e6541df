"""npy/: flat arrays for a notebook, without any library but numpy.

<i>_x.png    the picture            classes.txt           class names, one a line, in id order
<i>_y.npy    bool (H, W, classes)   train.txt, val.txt    the numbers i of the split's pictures
bg_<i>.png   its background
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from infgen.formats.label_map import label_map
from infgen.formats.settings import Dataset
from infgen.records.errors import InputError
from infgen.records.sample import Entry
from infgen.sources import disk


def convert(entry: Entry, dataset: Dataset) -> tuple[str, int]:
    """Write one picture's three files; gives its split and index.

    Raises InputError when its background wasn't kept.
    """
    if not entry.background_file:
        raise InputError(
            f"picture {entry.index}: the npy format holds each picture's background, and this "
            "one's wasn't kept: make the dataset with --keep-backgrounds"
        )
    masks = io.BytesIO()
    np.save(masks, class_masks(entry, len(dataset.classes)))
    mask_file, picture, background = (dataset.folder / file for file in files(entry, dataset))
    disk.write_file(mask_file, masks.getbuffer())
    _write_png(dataset.folder / entry.file, picture)
    _write_png(dataset.folder / entry.background_file, background)
    return entry.split, entry.index


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """A picture's masks, the picture, and its background."""
    index = entry.index
    return f"npy/{index}_y.npy", f"npy/{index}_x.png", f"npy/bg_{index}.png"


def lists(split: str) -> tuple[str, ...]:
    """What there is of a split only if it has pictures, or is train or val."""
    return (f"npy/{split}.txt",)


def class_masks(entry: Entry, num_classes: int) -> np.ndarray:
    """(H, W, num_classes) bool: where any object of each class is visible."""
    is_class = np.zeros((len(entry.objects) + 1, num_classes), bool)  # row 0: the background
    for number, obj in enumerate(entry.objects, start=1):
        is_class[number, obj.class_id] = True
    return is_class[label_map(entry, range(1, len(is_class)))]


def finish(converted: Iterator[tuple[str, int]], dataset: Dataset) -> None:
    """Write the class names and each split's pictures."""
    indices: dict[str, list[int]] = {split: [] for split in ("train", "val", *dataset.splits)}
    for split, index in converted:
        indices[split].append(index)
    _write_lines(dataset.folder / "npy" / "classes.txt", dataset.classes)
    for split, numbers in indices.items():
        _write_lines(dataset.folder / "npy" / f"{split}.txt", numbers)


def _write_lines(path: Path, lines: Iterable[object]) -> None:
    disk.write_file(path, "".join(f"{line}\n" for line in lines).encode())


def _write_png(source: Path, path: Path) -> None:
    """The picture `source` as a PNG file at `path`: the same file where it is one already."""
    if source.suffix == ".png":
        disk.link_file(source, path)
        return
    pixels = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError(f"can't read {source}: delete it and run infgen again, which remakes it")
    disk.write_file(path, cv2.imencode(".png", pixels)[1].data)
