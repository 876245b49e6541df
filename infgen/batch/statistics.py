"""What a dataset weighs: pictures counted, their pixels summed up, files on disk; without pictures
that are marked as bad, but for the archives that they lie in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from infgen.batch.depth import read_scales
from infgen.batch.layout import FOLDERS
from infgen.batch.marks import read_marks
from infgen.batch.store import Store
from infgen.ops.statistics import Tally
from infgen.records.errors import StorageError
from infgen.sources.disk import write_file

FILE = "statistics.json"


class _Object(msgspec.Struct):
    area: int


class _Line(msgspec.Struct):
    """What of a record line is counted."""

    index: int
    size: tuple[int, int]
    file: str
    bytes: int
    failure: str = ""
    objects: tuple[_Object, ...] = ()
    beside: dict[str, int] = {}
    pack: str = ""
    sums: tuple[int, ...] = ()
    squares: tuple[int, ...] = ()


class FolderCount(msgspec.Struct, omit_defaults=True):
    """A folder's files and their bytes. `mean` and `std` are those of the pixels' values in 0..1,
    channel by channel, before the files were encoded."""

    files: int = 0
    bytes: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def add(self, size: int) -> None:
        """Count a file of so many bytes."""
        self.files += 1
        self.bytes += size


class Statistics(msgspec.Struct):
    """statistics.json: the pictures' number and (width, height), their folders, and the archives in
    which these are (`files` none: they aren't packed)."""

    pictures: int
    size: tuple[int, int]
    folders: dict[str, FolderCount]
    packs: FolderCount


def write_statistics(store: Store, canvas: tuple[int, int]) -> Statistics:
    """Count what the records tell of, and write it down.

    Raises:
        StorageError: an archive is gone, or the disk refuses.
    """
    marks = read_marks(store.folder)
    statistics = _count(_lines(store), store.folder, canvas, marks)
    text = json.dumps(msgspec.to_builtins(statistics), indent=1, ensure_ascii=False)
    write_file(store.folder / FILE, text.encode() + b"\n")
    return statistics


def read_statistics(folder: Path) -> Statistics | None:
    """What write_statistics has written; None if it hasn't."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Statistics)
    except (OSError, msgspec.DecodeError):
        return None


def _lines(store: Store) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    return (line for line in map(decoder.decode, store.lines()) if not line.failure)


def _count(
    lines: Iterable[_Line], folder: Path, canvas: tuple[int, int], marks: Collection[int]
) -> Statistics:
    folders: defaultdict[str, FolderCount] = defaultdict(FolderCount)
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    packs: dict[str, None] = {}
    pictures, masks = 0, f"{FOLDERS['mask']}_"
    for line in lines:
        if line.pack:
            packs[line.pack] = None
        files = {line.file: line.bytes, **line.beside}
        if line.index in marks:  # a background or cutout beside it is of others, too
            files = {file: n for file, n in line.beside.items() if not file.startswith(masks)}
        else:
            pictures += 1
        pixels = line.size[0] * line.size[1]
        for file, size in files.items():
            name = file.rpartition("/")[0]
            folders[name].add(size)
            if file == line.file:
                tallies[name].add(pixels, line.sums, line.squares)
            elif name.startswith(masks):
                area = sum(one.area for one in line.objects)
                tallies[name].add(pixels, (255 * area,), (255 * 255 * area,))
    for scale in read_scales(folder):
        if scale.pack:
            packs[scale.pack] = None
        if scale.index in marks:
            continue
        name = scale.file.rpartition("/")[0]
        folders[name].add(scale.bytes)
        tallies[name].add(scale.pixels, scale.sums, scale.squares)
    for name, tally in tallies.items():
        folders[name].mean, folders[name].std = tally.mean, tally.std
    return Statistics(pictures, canvas, dict(sorted(folders.items())), _sizes(folder, packs))


def _sizes(folder: Path, packs: Iterable[str]) -> FolderCount:
    try:
        sizes = [(folder / pack).stat().st_size for pack in packs]
    except OSError as error:
        raise StorageError(
            f"{error.filename} is gone ({error.strerror}): run the same command again"
        ) from None
    return FolderCount(len(sizes), sum(sizes))
