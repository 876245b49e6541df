"""Where cutouts come from: pictures in class folders, or a dataset with its labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from infgen.batch.register import Register
from infgen.ops.census import absent_row, known_row, unknown_row
from infgen.records.errors import InputError, Problem
from infgen.records.labelled import LabelledPicture
from infgen.records.taken import Extent, Taken
from infgen.sources.crops import Crop, read_crops
from infgen.sources.datasets import LabelledDataset, open_dataset, reader_of
from infgen.sources.names import folded, folder_names
from infgen.sources.packs import archive_of
from infgen.sources.pictures import find_pictures, short_name
from infgen.sources.sidecars import hash_together
from infgen.sources.tables import BACKGROUND_COLUMNS, CLASS_COLUMNS, write_table

TABLE, SCENES = "classes.csv", "background.csv"
EVERYWHERE = {"mirror": "yes", "x_min": "0", "x_max": "1", "y_min": "0", "y_max": "1"}


class Block(NamedTuple):
    """A picture to cut from: its name, what its cutouts' names begin with, what is known of it."""

    of: Crop | LabelledPicture
    name: str
    stem: str
    known: Taken | None


@dataclass(frozen=True)
class Quarry:
    """A source that was opened: its class names, its number of pictures, and sentences about it.
    Either all pictures are `crops`, or they are those of a `dataset`."""

    place: Path
    classes: tuple[str, ...]
    count: int
    crops: tuple[Crop, ...] = ()
    dataset: LabelledDataset | None = None
    notes: tuple[str, ...] = ()

    @property
    def folders(self) -> dict[str, str]:
        """A folder for each class's cutouts."""
        return dict(zip(self.classes, folder_names(self.classes, "- "), strict=True))

    def blocks(self, register: Register) -> Iterator[Block]:
        """Every picture, in order, each with a stem that no other in its folder has: its file's,
        but for a hash of its whole name where another's is called alike (0.jpg and 0.png)."""
        taken = {self._key(one.picture, one.stem) for one in register.all()}
        for name, picture in self._pictures():
            known = register.known(name)
            stem = known.stem if known else _stem(name)
            if known is None and self._key(name, stem) in taken:
                stem += f"-{hash_together(name.encode())[:8]}"
            taken.add(self._key(name, stem))
            yield Block(picture, name, stem, known)

    def _pictures(self) -> Iterator[tuple[str, Crop | LabelledPicture]]:
        if self.dataset is None:
            yield from ((crop.name, crop) for crop in self.crops)
            return
        top = self.place if self.place.is_dir() else self.place.parent
        for picture in self.dataset.pictures():
            yield short_name(picture.path, top), picture

    def _key(self, name: str, stem: str) -> str:
        """What no two pictures may share: of class folders each has its own names."""
        return folded(stem if self.dataset else (PurePosixPath(name).parent / stem).as_posix())

    def tables(self, register: Register, folder: Path) -> dict[str, bytes]:
        """What a run needs to paste the cutouts: the bytes of the tables by their names."""
        there = {piece.name for piece in register.pieces()}
        known = _known_rows(self.classes, register) if self.dataset else {}
        rows = [
            {"prompt": name, "name": name, **EVERYWHERE}
            | (
                known.get(name, unknown_row()) | {"cutouts": self.folders[name]}
                if name in there
                else absent_row()
            )
            for name in self.classes
        ]
        tables = {TABLE: write_table(CLASS_COLUMNS, rows)}
        if self.dataset is not None:
            top = self.place if self.place.is_dir() else self.place.parent
            paths = [top / one.picture for one in register.all()]
            paths = [path for path in paths if path.is_file() or archive_of(path)]  # not gone since
            cells = [{"images": cell} for cell in _named(paths, folder)]
            if cells:
                tables[SCENES] = write_table(BACKGROUND_COLUMNS, cells)
        return tables


def _stem(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", PurePosixPath(name).stem).strip("_") or "picture"


def _known_rows(classes: Iterable[str], register: Register) -> dict[str, dict[str, str]]:
    """The rows of all classes that the pictures show, as these have them."""
    lines = register.all()
    extents: dict[str, list[Extent]] = defaultdict(list)
    for line in lines:
        for name, shown in line.shown.items():
            extents[name] += shown
        for piece in line.pieces:
            if piece.members:  # which is pasted in the size of its leading object's class
                extents[piece.name].append(piece.extent)
    return {
        name: known_row(
            extents[name], [len(line.shown.get(name, ())) for line in lines], _each(name, register)
        )
        for name in classes
        if extents[name]
    }


def _each(name: str, register: Register) -> float:
    """How many objects of a class its cutouts bring on average."""
    own = [piece for piece in register.pieces() if piece.name == name]
    return sum(max(piece.members.count(name), 1) for piece in own) / len(own) if own else 1.0


def _named(paths: Iterable[Path], folder: Path) -> Iterator[str]:
    """Cells of a table in `folder` that name these pictures: folders, if all in them are meant."""
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        by_folder[path.parent].append(path)
    for place, own in sorted(by_folder.items()):
        if {path.name for path in own} == {path.name for path in _pictures_in(place)}:
            yield short_name(place, folder)
        else:
            yield from (short_name(path, folder) for path in sorted(own))


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return find_pictures(str(folder.resolve()), folder)
    except ValueError:  # they have gone
        return []


def open_quarry(place: Path) -> Quarry:
    """What cutouts can be made of at a place: a dataset, else class folders.

    Raises:
        InputError: nothing is there, or nothing of the kind.
    """
    if not place.exists():
        raise InputError(Problem("is not there: check the path", str(place)))
    if place.is_dir() and reader_of(place) is None:
        crops, notes = read_crops(place)
        classes = tuple(dict.fromkeys(crop.class_name for crop in crops))
        return Quarry(place, classes, len(crops), tuple(crops), notes=tuple(notes))
    dataset = open_dataset(place)
    faults = [f"{fault.kind}: {fault.text}" for fault in dataset.faults[:1]]
    if len(dataset.faults) > 1:
        faults.append(f"and {len(dataset.faults) - 1} more such: infgen audit lists them")
    return Quarry(place, dataset.classes, dataset.count, dataset=dataset, notes=tuple(faults))
