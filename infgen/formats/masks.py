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
    [file] = files(entry, dataset)
    disk.write_file(dataset.folder / file, encode_png(labels))


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """The mask of a picture."""
    return (f"masks/{entry.split}/{entry.stem}.png",)


def finish(converted: Iterator[None], dataset: Dataset) -> None:
    """No file speaks of the whole dataset, but what went wrong in a worker comes out here."""
    deque(converted, maxlen=0)
