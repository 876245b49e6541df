"""Datasets from anybody's disk, whatever their format, picture by picture in one simple record.

A dataset that can't be read at all is an InputError. What is wrong with a single picture or label
is a Fault of that picture: it can be counted and named, and the rest is of use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infgen.records.errors import InputError, Problem
from infgen.sources.datasets import coco, made, sigtor, voc, yolo
from infgen.sources.datasets.common import LabelledDataset

__all__ = ["READERS", "LabelledDataset", "Reader", "open_dataset", "reader_of"]


@dataclass(frozen=True)
class Reader:
    """A row of READERS. `find` gives the index files of a dataset of this kind at a place (none: it
    is of another kind), `open` reads them or raises InputError."""

    help: str
    find: Callable[[Path], list[Path]]
    open: Callable[[Path, list[Path]], LabelledDataset]


READERS: dict[str, Reader] = {  # the first that finds something reads a folder
    "infgen": Reader("a folder that infgen made", made.find, made.open_files),
    "coco": Reader("a COCO .json, or a folder with some", coco.find, coco.open_files),
    "yolo": Reader("a YOLO data.yaml, or its folder", yolo.find, yolo.open_files),
    "voc": Reader("a Pascal VOC folder (Annotations, JPEGImages)", voc.find, voc.open_files),
    "sigtor": Reader("a SIGtor text, or a folder with some", sigtor.find, sigtor.open_files),
}


def open_dataset(place: Path) -> LabelledDataset:
    """The dataset in a folder, or of an index file (which picks one of several in a folder). Its
    pictures may be in archives, into which their paths lead (sources/packs).

    Raises:
        InputError: nothing is there, it is no dataset, or its index can't be understood.
    """
    if not place.exists():
        raise InputError(Problem("is not there: check the path", str(place)))
    if found := reader_of(place):
        reader, files = found
        return reader.open(place, files)
    kinds = "; ".join(reader.help for reader in READERS.values())
    raise InputError(Problem(f"there is no dataset here that infgen can read: {kinds}", str(place)))


def reader_of(place: Path) -> tuple[Reader, list[Path]] | None:
    """The reader of what is at a place, and its index files; None if it is no dataset.

    Raises:
        InputError: the place can't be read.
    """
    for reader in READERS.values():
        try:
            files = reader.find(place)
        except OSError as error:
            raise InputError(Problem(f"can't be read: {error.strerror}", str(place))) from None
        if files:
            return reader, files
    return None
