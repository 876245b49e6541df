"""What the labels of a few pictures weigh in each format, and their depth maps; and how long both
take."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from infgen.batch.depth import Maps
from infgen.batch.encoding import encode_picture
from infgen.batch.samples import Painted
from infgen.batch.settings import RunSettings
from infgen.batch.stock import names_of
from infgen.formats import EXPORTS
from infgen.formats.settings import Dataset
from infgen.models.eyes import Depth
from infgen.ops.plans import Plans
from infgen.records.sample import Entry
from infgen.sources.disk import write_file

PATIENCE = 6.0  # seconds for a depth map, after which no more are tried


@dataclass(frozen=True)
class Trial:
    """What the depth maps of some `pictures` take: `bytes` on the disk, and `seconds`."""

    pictures: int
    bytes: int
    seconds: float


def weigh_formats(
    made: Sequence[Painted], planner: Plans, settings: RunSettings
) -> tuple[dict[str, int], float]:
    """The bytes that each format's files take beside the pictures (links to which take none), and
    the seconds that writing them all takes; written into a folder that goes again."""
    names, sizes = names_of(planner.request), {}
    with tempfile.TemporaryDirectory(prefix="infgen-") as place:
        folder = Path(place)
        entries = [_written(sample, folder, settings) for sample in made]
        splits = tuple(dict.fromkeys(entry.split for entry in entries))
        dataset = Dataset(folder, names, splits, settings.export)
        known = _files(folder)
        began = time.perf_counter()
        for name in dict.fromkeys(settings.export.format):
            row = EXPORTS[name]
            row.finish(iter([row.convert(entry, dataset) for entry in entries]), dataset)
            seen = _files(folder)
            sizes[name] = sum(size for node, size in seen.items() if node not in known)
            known = seen
        return sizes, time.perf_counter() - began


def weigh_maps(made: Sequence[Painted], settings: RunSettings, depth: Depth) -> Trial:
    """Make the depth maps of these pictures, and keep none. The first, which warms the model up,
    counts only if there is no other, or if it alone takes too long."""
    maps = Maps(settings.out, settings)
    for some in filter(None, (made[:1], made[1:])):
        began = time.perf_counter()
        found = depth.depths([one.pixels for one in some if one.pixels is not None])
        files = [maps.encode(one.entry, own)[1] for one, own in zip(some, found, strict=True)]
        passed = time.perf_counter() - began
        if passed > PATIENCE:
            break
    return Trial(len(files), sum(data.nbytes for data in files), passed)


def _written(sample: Painted, folder: Path, settings: RunSettings) -> Entry:
    """The record of a sample whose files are in the folder, as exports want to have them."""
    for file, data in sample.files.items():
        write_file(folder / file, data)
    if not settings.keep_backgrounds:
        return sample.entry
    file, pixels = f"backgrounds/{sample.entry.index}.png", sample.pixels
    assert pixels is not None
    write_file(folder / file, encode_picture(pixels, "png").data)
    return msgspec.structs.replace(sample.entry, background_file=file)


def _files(folder: Path) -> dict[int, int]:
    """The sizes of all files by inode: links to the same file count once."""
    found = (path.stat() for path in folder.rglob("*") if path.is_file())
    return {one.st_ino: one.st_size for one in found}
