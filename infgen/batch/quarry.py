"""Where cutouts come from: pictures in class folders, or a dataset with its labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from msgspec.structs import replace

from infgen.batch.pipeline import encode_picture, told_failure
from infgen.batch.register import Register
from infgen.ops.census import absent_row, unknown_row
from infgen.ops.cutting import NoCutout
from infgen.records.errors import REFUSED, InputError, PictureError, Problem
from infgen.records.taken import Piece, Taken
from infgen.sources.crops import Crop, read_crops
from infgen.sources.disk import write_file
from infgen.sources.names import folded, folder_names
from infgen.sources.pictures import read_as_it_is
from infgen.sources.tables import CLASS_COLUMNS, write_table
from infgen.stages.cutting import CuttingSettings, Snippet, cut_picture

TABLE = "classes.csv"
EVERYWHERE = {"mirror": "yes", "x_min": "0", "x_max": "1", "y_min": "0", "y_max": "1"}


class Block(NamedTuple):
    """A picture to cut from: what its cutouts' names begin with, and what is known of it."""

    of: Crop
    stem: str
    known: Taken | None


class Result(NamedTuple):
    """What became of a picture; None if that is known already. `trace` is a bug's traceback."""

    line: Taken | None
    trace: str = ""


def hash_bytes(*parts: bytes) -> str:
    """A hash of bytes, or of several."""
    if len(parts) == 1:
        return hashlib.sha256(parts[0]).hexdigest()
    return hash_bytes(b"".join(hashlib.sha256(part).digest() for part in parts))


# ---- the sources ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quarry:
    """A source that was opened: its class names, its number of pictures, and sentences about it."""

    classes: tuple[str, ...]
    count: int
    crops: list[Crop]
    notes: tuple[str, ...] = ()

    @property
    def folders(self) -> dict[str, str]:
        """A folder for each class's cutouts."""
        return dict(zip(self.classes, folder_names(self.classes, "- "), strict=True))

    def blocks(self, register: Register) -> Iterator[Block]:
        """Every picture, in order, each with a stem that no other in its folder has: its file's,
        but for a hash of its whole name where another's is called alike (0.jpg and 0.png)."""
        taken = {_key(one.picture, one.stem) for one in register.all()}
        for crop in self.crops:
            known = register.known(crop.name)
            stem = known.stem if known else _stem(crop.name)
            if known is None and _key(crop.name, stem) in taken:
                stem += f"-{hash_bytes(crop.name.encode())[:8]}"
            taken.add(_key(crop.name, stem))
            yield Block(crop, stem, known)

    def tables(self, register: Register, folder: Path) -> dict[str, bytes]:
        """What a run needs to paste the cutouts: the bytes of the tables by their names."""
        there = {piece.name for piece in register.pieces()}
        rows = [
            {"prompt": name, "name": name, **EVERYWHERE}
            | (unknown_row() | {"cutouts": self.folders[name]} if name in there else absent_row())
            for name in self.classes
        ]
        return {TABLE: write_table(CLASS_COLUMNS, rows)}


def _key(name: str, stem: str) -> str:
    return folded((PurePosixPath(name).parent / stem).as_posix())


def _stem(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", PurePosixPath(name).stem).strip("_") or "picture"


def open_quarry(place: Path) -> Quarry:
    """What cutouts can be made of at a place.

    Raises:
        InputError: nothing is there, or nothing of the kind.
    """
    if not place.is_dir():
        raise InputError(Problem("is not there: check the path", str(place)))
    crops, notes = read_crops(place)
    classes = tuple(dict.fromkeys(crop.class_name for crop in crops))
    return Quarry(classes, len(crops), crops, tuple(notes))


# ---- the work ------------------------------------------------------------------------------------


class Cutter:
    """Cuts pictures' objects out, into class `folders` in `out`; sent to every worker process
    once."""

    def __init__(self, out: Path, folders: Mapping[str, str], settings: CuttingSettings):
        self._out, self._folders, self._settings = out, folders, settings

    def __call__(self, block: Block) -> Result:
        """Make the cutouts of a picture, unless it is the one that is known.

        One that nothing can be made of becomes a line that says why; only a disk that refuses to
        take any cutout stops the work.
        """
        blank = Taken(block.of.name, block.stem, "")
        try:
            return Result(self._cut(block))
        except REFUSED:
            raise
        except (NoCutout, PictureError) as error:
            return Result(replace(blank, failure=str(error)))
        except Exception as error:
            reason, trace = told_failure(error)
            return Result(replace(blank, failure=reason), trace)

    def _cut(self, block: Block) -> Taken | None:
        crop = block.of
        try:
            data = crop.path.read_bytes()
            picture = read_as_it_is(crop.path)
        except (OSError, ValueError) as error:
            raise PictureError(str(error)) from error
        sha256 = hash_bytes(data)
        if block.known and block.known.sha256 == sha256:
            return None
        snippet = cut_picture(picture, self._settings)
        file = f"{self._folders[crop.class_name]}/{block.stem}.png"
        piece = self._keep(snippet, crop.class_name, file, block.known)
        return Taken(crop.name, block.stem, sha256, (piece,))

    def _keep(self, snippet: Snippet, name: str, file: str, known: Taken | None) -> Piece:
        """Write a cutout, over none but the same or one that was made of the same picture."""
        data = encode_picture(snippet.rgba, "png").tobytes()
        sha256 = hash_bytes(data)
        path = self._out / file
        there = hash_bytes(path.read_bytes()) if path.exists() else sha256
        ours = {piece.file: piece.sha256 for piece in known.pieces} if known else {}
        if there not in (sha256, ours.get(file)):
            raise PictureError(f"{file} is there, and infgen didn't make it: move it elsewhere")
        write_file(path, data)
        size = (snippet.rgba.shape[1], snippet.rgba.shape[0])
        return Piece(name, file, sha256, size, snippet.how, snippet.extent)
