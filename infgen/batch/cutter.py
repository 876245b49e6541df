"""The work of the verb cutouts: a picture's objects cut out and put on disk, in any process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from infgen.batch.encoding import encode_picture
from infgen.batch.made import told_failure
from infgen.batch.quarry import Block
from infgen.models.eyes import Segmenter
from infgen.ops.cutting import NoCutout
from infgen.records.box import Box
from infgen.records.errors import REFUSED, PictureError
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.records.taken import Extent, Piece, Taken
from infgen.sources.crops import Crop
from infgen.sources.disk import told, write_file
from infgen.sources.packs import file_bytes
from infgen.sources.pictures import read_any, read_as_it_is
from infgen.sources.sidecars import (
    digest,
    encode_classes,
    encode_ids,
    hash_together,
    places,
)
from infgen.stages.cutting import CuttingSettings, Snippet, cut_labels, cut_picture


class Result(NamedTuple):
    """What became of a picture; None if that is known already. `trace` is a bug's traceback."""

    line: Taken | None
    trace: str = ""


class Cutter:
    """Cuts pictures' objects out, into the `classes`' folders in `out`; sent to every worker
    process once, unless there is a `segmenter`."""

    def __init__(self, out: Path, folders: Mapping[str, str], settings: CuttingSettings):
        self._out, self._folders, self._settings = out, folders, settings
        self._classes = tuple(folders)
        self.segmenter: Segmenter | None = None

    def __call__(self, block: Block) -> Result:
        """Make the cutouts of a picture, unless it is the one that is known.

        One that nothing can be made of becomes a line that says why; only a disk that refuses to
        take any cutout, or a device that gives up, stops the work.
        """
        blank = Taken(block.name, block.stem, "")
        try:
            return Result(self._cut(block))
        except REFUSED:
            raise
        except NoCutout as error:
            return Result(replace(blank, failure=str(error)))
        except Exception as error:
            reason, trace = told_failure(error)
            return Result(replace(blank, failure=reason), trace)

    def _cut(self, block: Block) -> Taken | None:
        sha256 = _hash(block.of)
        if block.known and block.known.sha256 == sha256:
            return None
        blank = Taken(block.name, block.stem, sha256)
        if isinstance(block.of, Crop):
            line = self._cut_crop(block, block.of, blank)
        else:
            line = self._cut_labels(block, block.of, blank)
        self._clear(block.known, {piece.file for piece in line.pieces})
        return line

    def _cut_crop(self, block: Block, crop: Crop, blank: Taken) -> Taken:
        try:
            picture = read_as_it_is(crop.path)
        except ValueError as error:
            raise PictureError(str(error)) from error
        snippet = cut_picture(picture, self._settings)
        piece = self._keep(snippet, crop.class_name, block.stem, (), block.known)
        return replace(blank, pieces=(piece,))

    def _cut_labels(self, block: Block, labelled: LabelledPicture, blank: Taken) -> Taken:
        try:
            picture = read_any(labelled.path)
        except ValueError as error:
            raise PictureError(str(error)) from error
        size = (picture.shape[1], picture.shape[0])
        if size != labelled.size:
            text = "it is {} x {} pixels, and its labels are for {} x {}"
            raise PictureError(text.format(*size, *labelled.size))
        labels, names = labelled.objects, [self._classes[o.class_id] for o in labelled.objects]
        segment = self._segment if self.segmenter else None
        snippets, left_out = cut_labels(picture, labels, self._settings, segment)
        pieces = tuple(
            self._keep(
                one,
                names[one.number],
                f"{block.stem}_{one.number}" + ("_group" if one.members else ""),
                [names[member] for member in one.members],
                block.known,
            )
            for one in snippets
        )
        counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for number, reason in left_out.items():
            counts[names[number]][reason] += 1
        return replace(
            blank,
            pieces=pieces,
            shown=_extents(labels, names, size),
            left_out={name: dict(reasons) for name, reasons in counts.items()},
        )

    def _segment(self, picture: np.ndarray, boxes: Sequence[Box]) -> list[np.ndarray]:
        assert self.segmenter is not None
        return self.segmenter.segment([picture] * len(boxes), boxes)

    def _keep(
        self, snippet: Snippet, name: str, stem: str, members: Sequence[str], known: Taken | None
    ) -> Piece:
        """Write a cutout, over none but the same or one that was made of the same picture. What is
        beside it is written first: there is no moment at which it lacks it."""
        file = f"{self._folders[name]}/{stem}.png"
        path = self._out / file
        parts = [encode_picture(snippet.rgba, "png").tobytes()]
        if snippet.ids is not None:
            parts += [encode_ids(snippet.ids), encode_classes(members)]
        sha256 = hash_together(*parts)
        before = {piece.file: piece.sha256 for piece in known.pieces} if known else {}
        if path.exists() and _hash_there(path) not in (sha256, before.get(file)):
            raise PictureError(f"{file} is there, and infgen didn't make it: move it elsewhere")
        for place, data in zip((path, *places(path)), parts, strict=False):
            if place != path:
                write_file(place, data)
        write_file(path, parts[0])
        size = (snippet.rgba.shape[1], snippet.rgba.shape[0])
        return Piece(name, file, sha256, size, snippet.how, snippet.extent, tuple(members))

    def _clear(self, known: Taken | None, kept: set[str]) -> None:
        """Remove what was made of the picture as it was before, if it still is as it was made."""
        for piece in known.pieces if known else ():
            path = self._out / piece.file
            if piece.file not in kept and path.exists() and _hash_there(path) == piece.sha256:
                with told(path):
                    for place in (path, *(places(path) if piece.members else ())):
                        place.unlink(missing_ok=True)


def _hash(of: Crop | LabelledPicture) -> str:
    """What makes a picture another one: its bytes, and its labels.

    Raises:
        PictureError: it can't be read.
    """
    try:
        data = file_bytes(of.path)
    except OSError as error:
        raise PictureError(f"can't be read: {error.strerror or error}") from None
    if isinstance(of, Crop):
        return hash_together(data)
    return hash_together(data, msgspec.json.encode(of.objects))


def _hash_there(path: Path) -> str:
    """The hash of a cutout's files as they are, as a piece has it; none if they can't be read."""
    try:
        return digest(path, path.read_bytes())
    except (OSError, ValueError):
        return ""


def _extents(
    labels: Sequence[LabelledObject], names: Sequence[str], size: tuple[int, int]
) -> dict[str, list[Extent]]:
    """The extents of what is labelled, in percent of the picture, by class."""
    extents: dict[str, list[Extent]] = {}
    whole = Box(0, 0, *size)
    for one, name in zip(labels, names, strict=True):
        inside = None if one.crowd else one.box.intersect(whole)
        if inside is not None:
            width, height = 100 * inside.width / size[0], 100 * inside.height / size[1]
            extents.setdefault(name, []).append((round(width, 2), round(height, 2)))
    return extents
