"""A dataset's pictures as reports see them, whoever made the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infgen.ops.rle import rle_area
from infgen.records.box import Box
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.records.sample import Entry, Instance
from infgen.sources.datasets.common import BAD_PICTURE, MISSING_PICTURE
from infgen.sources.packs import picture_bytes

UNREADABLE = (MISSING_PICTURE, BAD_PICTURE)


@dataclass(frozen=True)
class Thing:
    """A labelled object. `rle` is its mask as in Instance, empty where only a box is known, `area`
    its pixels (the box's, where there is no mask); `made` is all that infgen knows of an object of
    its own."""

    class_id: int
    box: Box
    rle: str
    area: int
    crowd: bool = False
    made: Instance | None = None


@dataclass(frozen=True)
class Item:
    """A picture and its labels. `number` counts from 0 through the dataset (infgen's own pictures
    keep their index), `size` is (width, height), `file` its path inside `folder` (absolute where it
    lies elsewhere), and `entry` all that infgen knows of a picture of its own. One with a
    `failure`, which says why it couldn't be made or read, has no file; one that is `marked` as bad,
    for the reason given, is kept out of what people train on."""

    number: int
    split: str
    size: tuple[int, int]
    folder: Path
    file: str
    things: tuple[Thing, ...] = ()
    failure: str = ""
    marked: str = ""
    entry: Entry | None = None

    @property
    def packed(self) -> bool:
        """Whether the file lies in an archive, where a browser can't get at it."""
        return self.entry is not None and bool(self.entry.pack)

    def read(self) -> bytes:
        """The picture's file. Raises OSError."""
        if self.entry is not None:
            return picture_bytes(self.folder, self.entry)
        return (self.folder / self.file).read_bytes()


def item_of(entry: Entry, folder: Path, marked: str = "") -> Item:
    """A picture of infgen's own dataset in `folder`; it may have failed."""
    things = tuple(
        Thing(one.class_id, one.box, one.rle, one.area, one.crowd, one) for one in entry.objects
    )
    return Item(
        entry.index,
        entry.split,
        entry.size,
        folder,
        entry.file,
        things,
        entry.failure,
        marked,
        entry,
    )


def items_of(pictures: Iterator[LabelledPicture], folder: Path) -> Iterator[Item]:
    """The pictures of anybody's dataset, in order."""
    for number, picture in enumerate(pictures):
        things = tuple(
            Thing(one.class_id, one.box, one.rle, _area(one, picture.size), one.crowd)
            for one in picture.objects
        )
        inside = picture.path.is_relative_to(folder)
        file = picture.path.relative_to(folder) if inside else picture.path.resolve()
        gone = (fault.text for fault in picture.faults if fault.kind in UNREADABLE)
        failure = next(gone, "")
        yield Item(number, picture.split, picture.size, folder, file.as_posix(), things, failure)


def _area(label: LabelledObject, size: tuple[int, int]) -> int:
    return rle_area(label.rle, size) if label.rle else round(label.box.area)
