"""Pictures into a folder one by one, or into archives, each made in one go by one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from infgen.batch.made import Made
from infgen.batch.store import index_of
from infgen.records.errors import WorkerDied
from infgen.records.sample import Entry
from infgen.sources.disk import write_file
from infgen.sources.packs import file_bytes, packed_file

if TYPE_CHECKING:
    from infgen.batch.pipeline import Pipeline

FOLDER = "packs"
GROUP_BYTES = 2_500_000  # of pictures that are made at a time: those that a processor's cache holds


class PackSettings(msgspec.Struct, frozen=True):
    """How files are kept, and what is told of them."""

    pack: Annotated[
        Literal["none", "zip", "tar"],
        Meta(description="archives that pictures are written into, as they are made (by pasting)"),
    ] = "none"
    pack_size: Annotated[int, Meta(ge=1, le=100_000, description="pictures in each archive")] = 4000
    statistics: Annotated[
        bool,
        Meta(
            description="write statistics.json: counts, sizes on disk, mean and deviation of the "
            "pixels (a --grid always has it)"
        ),
    ] = False

    @property
    def together(self) -> int:
        """How many pictures come into being, or don't, together."""
        return 1 if self.pack == "none" else self.pack_size


@dataclass(frozen=True)
class Shelf:
    """Where pictures are put: `put` takes a path in the dataset and bytes, and tells where in the
    archive `pack` these begin (0 without one). `first` is the first picture on it."""

    put: Callable[[str, memoryview], int]
    pack: str = ""
    first: int = 0


class Loose:
    """Puts every file into the dataset's folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def __call__(self, file: str, data: memoryview) -> int:
        write_file(self._folder / file, data)
        return 0


class Pack(NamedTuple):
    """An archive to make: the `indices` of its pictures, and the record lines of those that were
    `kept`, as the archive in its place holds them."""

    indices: Sequence[int]
    kept: dict[int, bytes]


class Packer:
    """Makes whole archives, as it is sent to workers. A picture that can't be made is left out of
    its archive."""

    def __init__(self, pipeline: Pipeline, folder: Path, settings: PackSettings):
        self._pipeline, self._folder, self._settings = pipeline, folder, settings
        width, height = pipeline.planner.canvas
        self._group = max(GROUP_BYTES // (3 * width * height), 1)

    def __call__(self, pack: Pack) -> list[Made]:
        settings, first = self._settings, pack.indices[0]
        name = f"{FOLDER}/batch{first // settings.pack_size + 1}.{settings.pack}"
        with packed_file(self._folder / name, settings.pack) as add:
            return list(self._made(pack, Shelf(add, name, first)))

    def _made(self, pack: Pack, shelf: Shelf) -> Iterator[Made]:
        """The pictures in order."""
        for is_kept, run in groupby(pack.indices, pack.kept.__contains__):
            indices = list(run)
            if is_kept:
                yield from (self._copied(index, pack.kept[index], shelf) for index in indices)
                continue
            for first in range(0, len(indices), self._group):
                yield from self._pipeline.make(indices[first : first + self._group], shelf)

    def _copied(self, index: int, line: bytes, shelf: Shelf) -> Made:
        """A picture and what is beside it, out of the archive of that name that there is; made
        where this is damaged."""
        entry = msgspec.json.decode(line, type=Entry)
        archive = self._folder / entry.pack
        try:
            files = {name: file_bytes(archive / name) for name in (entry.file, *entry.beside)}
        except OSError:
            [made] = self._pipeline.make([index], shelf)
            return made
        at, *_ = [shelf.put(name, memoryview(data)) for name, data in files.items()]
        place = b'"pack":' + msgspec.json.encode(entry.pack) + b',"at":%d'
        moved = line.replace(place % entry.at, place % at)  # every other byte stays
        return Made(moved, background_file=entry.background_file)


def by_pack(indices: Iterable[int], size: int) -> list[list[int]]:
    """Indices, in order, by the archives of `size` that they belong to."""
    return [list(group) for _, group in groupby(indices, lambda index: index // size)]


def whole_packs(missing: Iterable[int], size: int, total: int) -> list[int]:
    """All indices below `total` of the archives in which any are `missing`."""
    numbers = dict.fromkeys(index // size for index in missing)
    return [
        index
        for number in numbers
        for index in range(number * size, min((number + 1) * size, total))
    ]


def with_kept(packs: Iterable[Sequence[int]], lines: Iterator[bytes]) -> Iterator[Pack]:
    """Archives by their pictures' indices, with those of the `lines`, in order, that are theirs."""
    line = next(lines, b"")
    for indices in packs:
        kept = {}
        while line and (index := index_of(line)) <= indices[-1]:
            kept[index] = line
            line = next(lines, b"")
        yield Pack(indices, kept)


def one_by_one(
    packs: Sequence[Sequence[int]], made: Iterable[list[Made] | WorkerDied]
) -> Iterator[Made | WorkerDied]:
    """The pictures of archives in order: where a worker died of one, all of its pictures are
    lost."""
    for indices, results in zip(packs, made, strict=True):
        yield from [results] * len(indices) if isinstance(results, WorkerDied) else results
