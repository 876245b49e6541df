"""masks/<split>/<stem>.png: one channel, the objects' ids as pixel values, 0 the background."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from infgen.formats.label_map import encode_png, label_map
from infgen.formats.settings import Dataset
from infgen.records.sample import Entry
from infgen.sources import disk


def convert(entry: Entry, dataset: Dataset) -> None:
    """Write one picture's mask: 8 bits a pixel, or 16 when an id is above 255."""
    labels = label_map(entry, [obj.id for obj in entry.objects])
    path = dataset.folder / "masks" / entry.split / f"{entry.stem}.png"
    disk.write_file(path, encode_png(labels))


def finish(converted: Iterator[None], dataset: Dataset) -> None:
    """No file speaks of the whole dataset, but what went wrong in a worker comes out here."""
    deque(converted, maxlen=0)
