"""Pictures into a folder one by one, or into archives, each made in one go by one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from infgen.records.errors import WorkerDied
from infgen.sources.disk import write_file
from infgen.sources.packs import packed_file

if TYPE_CHECKING:
    from infgen.batch.made import Made
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


class Packer:
    """Makes whole archives, each from the indices of its pictures, as it is sent to workers. A
    picture that can't be made is left out of its archive."""

    def __init__(self, pipeline: Pipeline, folder: Path, settings: PackSettings):
        self._pipeline, self._folder, self._settings = pipeline, folder, settings
        width, height = pipeline.planner.canvas
        self._group = max(GROUP_BYTES // (3 * width * height), 1)

    def __call__(self, indices: Sequence[int]) -> list[Made]:
        settings = self._settings
        number = indices[0] // settings.pack_size + 1
        name = f"{FOLDER}/batch{number}.{settings.pack}"
        made: list[Made] = []
        with packed_file(self._folder / name, settings.pack) as add:
            shelf = Shelf(add, name, indices[0])
            for first in range(0, len(indices), self._group):
                made += self._pipeline.make(indices[first : first + self._group], shelf)
        return made


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


def one_by_one(
    packs: Sequence[Sequence[int]], made: Iterable[list[Made] | WorkerDied]
) -> Iterator[Made | WorkerDied]:
    """The pictures of archives in order: where a worker died of one, all of its pictures are
    lost."""
    for indices, results in zip(packs, made, strict=True):
        yield from [results] * len(indices) if isinstance(results, WorkerDied) else results
