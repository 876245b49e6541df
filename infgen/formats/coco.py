"""COCO: `annotations/instances_<split>.json`, with polygons or run lengths.

Boxes and polygons count pixel edges from 0, areas are pixels of the mask. All ids count from 1:
evaluators take an annotation whose id is 0 for one that isn't there. Where only a box is known its
`segmentation` is an empty list, which readers of boxes expect, and `area` is the box's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec

from infgen.formats.settings import Dataset
from infgen.ops.masks import polygons
from infgen.ops.rle import counts_of, decode_window
from infgen.records.sample import Entry, Instance
from infgen.sources.disk import streamed_file

FIRST_LABEL = 1  # where --first-label names no other

encode = msgspec.json.encode


class Picture(NamedTuple):
    """What the index of `split` says of one picture: JSON objects, the annotations without ids."""

    split: str
    image: bytes
    annotations: list[bytes]


def convert(entry: Entry, dataset: Dataset) -> Picture:
    """The JSON of a picture and its objects. Writes no files."""
    image_id = entry.index + 1
    width, height = entry.size
    image = {
        "id": image_id,
        "file_name": entry.file.removeprefix(f"images/{entry.split}/"),
        "width": width,
        "height": height,
    }
    annotations = [
        {
            "image_id": image_id,
            "category_id": _first_label(dataset) + obj.class_id,
            "bbox": [_short(value) for value in obj.box.as_coco()],
            "area": obj.area if obj.rle else _short(obj.box.area),
            "iscrowd": int(obj.crowd),
            "segmentation": _segmentation(obj, entry.size, dataset.settings.coco_masks),
        }
        for obj in entry.objects
    ]
    return Picture(entry.split, encode(image), [encode(annotation) for annotation in annotations])


def finish(converted: Iterator[Picture], dataset: Dataset) -> None:
    """Write one index file for each split, in one pass.

    Raises StorageError when the disk refuses; index files that were there before are then unharmed.
    """
    folder = dataset.folder / "annotations"
    with ExitStack() as stack:
        indices = {}
        for split in dataset.splits:
            name = f"instances_{split}"
            write = stack.enter_context(streamed_file(folder / f"{name}.json"))
            indices[split] = _Index(name, dataset, write)
        for picture in converted:
            indices[picture.split].add(picture)
        for index in indices.values():
            index.complete()


def lists(split: str) -> tuple[str, ...]:
    """What there is of a split only if it has pictures."""
    return (f"annotations/instances_{split}.json",)


class _Index:
    """An index file while it is written.

    The polygons of a million pictures don't fit into memory, so annotations go to the disk as they
    come. The images, which are short, wait and follow at the end.
    """

    def __init__(self, name: str, dataset: Dataset, write: Callable[[bytes], None]):
        self.write = write
        self.images: list[bytes] = []
        self.annotations = 0
        info = encode({"description": f"{name}, made with infgen"})
        categories = encode(
            [
                {"id": number, "name": name}
                for number, name in enumerate(dataset.classes, _first_label(dataset))
            ]
        )
        self.write(b'{"info":%b,\n"categories":%b,\n"annotations":[' % (info, categories))

    def add(self, picture: Picture) -> None:
        """Write the picture's annotations, with the next ids: these run through the whole file."""
        for annotation in picture.annotations:
            comma = b"," if self.annotations else b""
            self.annotations += 1
            self.write(b'%b\n{"id":%d,%b' % (comma, self.annotations, annotation[1:]))
        self.images.append(picture.image)

    def complete(self) -> None:
        """Write the images, and so the end."""
        self.write(b'],\n"images":[\n%b]}\n' % b",\n".join(self.images))


def _segmentation(obj: Instance, size: tuple[int, int], masks: str) -> dict[str, Any] | list[Any]:
    """The object's mask as a list of flat polygons x, y, x, y …, or as run lengths: a crowd's
    always, and as plain numbers, as in COCO's own files."""
    if not obj.rle:
        return []
    if obj.crowd:
        return {"size": [size[1], size[0]], "counts": counts_of(obj.rle, size)}
    if masks == "rle":
        return {"size": [size[1], size[0]], "counts": obj.rle}
    mask, corner = decode_window(obj.rle, obj.box, size), (obj.box.x0, obj.box.y0)
    # Corners of pixels are whole numbers.
    return [(polygon + corner).astype(int).ravel().tolist() for polygon in polygons(mask)]


def _first_label(dataset: Dataset) -> int:
    first = dataset.settings.first_label
    return FIRST_LABEL if first is None else first


def _short(value: float) -> float:
    """`value` without the `.0` that JSON writes after whole floats."""
    return int(value) if value == int(value) else value
