"""YOLO as Ultralytics reads it: `labels/<split>/*.txt` and `data.yaml`, polygons or boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infgen.formats.settings import Dataset
from infgen.ops.masks import joined_polygon
from infgen.ops.rle import decode_window
from infgen.records.sample import Entry, Instance
from infgen.sources.disk import write_file

# Ultralytics truncates corners to whole pixels and paints the outline inclusively. This far inside
# the object (pixels) that gives the mask exactly. It is far more than six decimals lose, and too
# little for readers that sample pixel centres, or for the box, to notice.
INSET = 0.02
FIRST_LABEL = 0  # where --first-label names no other


def convert(entry: Entry, dataset: Dataset) -> None:
    """Write the picture's label file: a row for each object, `class x y …` as fractions of the
    canvas; empty for a picture without objects.

    Rows are all polygons or all boxes: readers refuse files that mix them. They are boxes if any
    label of the dataset has no mask.
    """
    outlines = dataset.settings.yolo_labels == "segment" and not dataset.unmasked
    row = _polygon_row if outlines else _box_row
    first = dataset.settings.first_label or FIRST_LABEL
    text = "".join(row(first + obj.class_id, obj, entry.size) for obj in entry.objects)
    [file] = files(entry, dataset)
    write_file(dataset.folder / file, text.encode())


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """The label file of a picture."""
    return (f"labels/{entry.split}/{entry.stem}.txt",)


def finish(converted: Iterator[None], dataset: Dataset) -> None:
    """Write data.yaml. It names no `path:`, so that readers start from the folder it lies in. There
    is always a train and a val in it: Ultralytics insists."""
    labels = [*_unused(dataset), *dataset.classes]
    for _ in converted:  # when this ends, all label files are there
        pass
    first = next(iter(dataset.splits), "train")
    places = {name: name if name in dataset.splits else first for name in ("train", "val")}
    places |= {name: name for name in dataset.splits}
    lists = "".join(f"{name}: images/{place}\n" for name, place in places.items())
    names = "".join(f"  {number}: {_quoted(name)}\n" for number, name in enumerate(labels))
    text = f"{lists}nc: {len(labels)}\nnames:\n{names}"
    write_file(dataset.folder / "data.yaml", text.encode())


def _unused(dataset: Dataset) -> list[str]:
    """Names for the labels before the first one, as readers want none left out; like no class's."""
    stem = "unused"
    while any(name.startswith(f"{stem}_") for name in dataset.classes):
        stem += "_"
    return [f"{stem}_{number}" for number in range(dataset.settings.first_label or FIRST_LABEL)]


def _polygon_row(label: int, obj: Instance, size: tuple[int, int]) -> str:
    mask, corner = decode_window(obj.rle, obj.box, size), (obj.box.x0, obj.box.y0)
    points = (joined_polygon(mask, INSET) + corner) / size
    return _row(label, points.ravel().tolist())


def _box_row(label: int, obj: Instance, size: tuple[int, int]) -> str:
    return _row(label, obj.box.as_yolo(size))


def _row(label: int, fractions: Iterable[float]) -> str:
    return f"{label} " + " ".join(f"{value:.6f}" for value in fractions) + "\n"


def _quoted(text: str) -> str:
    """`text` as a YAML string in double quotes, whatever it holds."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text) + '"'
