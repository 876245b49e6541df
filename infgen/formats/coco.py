"""COCO: `annotations/instances_<split>.json`, with polygons or run lengths.

Boxes and polygons count pixel edges from 0, areas are pixels of the mask. All ids count from 1:
evaluators take an annotation whose id is 0 for one that isn't there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from infgen.formats.settings import Dataset
from infgen.ops.masks import decode_rle, polygons
from infgen.records.sample import Entry, Instance
from infgen.sources.disk import part_name, storage_error

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
            "category_id": obj.class_id + 1,
            "bbox": [_short(value) for value in obj.box.as_coco()],
            "area": obj.area,
            "iscrowd": 0,
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
        indices = {
            split: _Index(folder / f"instances_{split}.json", dataset.classes)
            for split in dataset.splits
        }
        for index in indices.values():
            stack.callback(index.close)
        for picture in converted:
            indices[picture.split].add(picture)
        for index in indices.values():
            index.complete()


class _Index:
    """An index file while it is written, under a temporary name until it is complete.

    The polygons of a million pictures don't fit into memory, so annotations go to the disk as they
    come. The images, which are short, wait and follow at the end.
    """

    def __init__(self, path: Path, classes: tuple[str, ...]):
        self.path = path
        self.images: list[bytes] = []
        self.annotations = 0
        with self._errors_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = part_name(path).open("wb")
        info = encode({"description": f"{path.stem}, made with infgen"})
        categories = encode(
            [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
        )
        self._write(b'{"info":%b,\n"categories":%b,\n"annotations":[' % (info, categories))

    def add(self, picture: Picture) -> None:
        """Write the picture's annotations, with the next ids: these run through the whole file."""
        for annotation in picture.annotations:
            comma = b"," if self.annotations else b""
            self.annotations += 1
            self._write(b'%b\n{"id":%d,%b' % (comma, self.annotations, annotation[1:]))
        self.images.append(picture.image)

    def complete(self) -> None:
        """Write the images and give the file its name."""
        self._write(b'],\n"images":[\n%b]}\n' % b",\n".join(self.images))
        with self._errors_told():
            self.file.close()
            part_name(self.path).replace(self.path)

    def close(self) -> None:
        """Let go of the file, complete or not."""
        with suppress(OSError):  # a full disk has been told already
            self.file.close()

    def _write(self, data: bytes) -> None:
        with self._errors_told():
            self.file.write(data)

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(self.path, error) from error


def _segmentation(obj: Instance, size: tuple[int, int], masks: str) -> dict[str, Any] | list[Any]:
    """The object's mask as a list of flat polygons x, y, x, y …, or as run lengths."""
    if masks == "rle":
        return {"size": [size[1], size[0]], "counts": obj.rle}
    mask = decode_rle(obj.rle, size)
    return [polygon.astype(int).ravel().tolist() for polygon in polygons(mask)]  # lattice points


def _short(value: float) -> float:
    """`value` without the `.0` that JSON writes after whole floats."""
    return int(value) if value == int(value) else value
