"""Depth maps of finished pictures: estimated in batches, written beside them, gone on with later.

depth/depth.json           which model it was, and how pixels are to be read
depth/SPLIT/<stem>.png     greyscale, 8 or 16 bits: 0 is `low`, the highest value is `high`
depth/scales-00000.jsonl   `low` and `high` of every picture, a file per 1,000; written after them

A grid's maps are named and kept as its pictures are. Where pictures are packed, each archive has
one of their depths beside it (packs/depth1.zip), and a file of scales.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

import cv2
import msgspec
import numpy as np

from infgen.batch.layout import MASK_QUALITY, depth_file
from infgen.batch.packing import FOLDER as PACKS_FOLDER
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings
from infgen.batch.store import PER_FILE, Store
from infgen.models.eye_choice import ResolvedEyes, resolve_depth
from infgen.models.eyes import Depth, Eyes
from infgen.models.resolve import choose_device
from infgen.ops.statistics import pixel_sums
from infgen.records.errors import InputError, PictureError, Problem
from infgen.records.sample import Entry
from infgen.sources.disk import told, write_file
from infgen.sources.packs import packed_file, picture_bytes

FOLDER = "depth"
TOGETHER = 32  # pictures in memory at a time
THREADS = 4  # that read and write beside the model


class DepthFacts(msgspec.Struct, frozen=True):
    """depth.json. A pixel `p` of a map stands for the depth
    `low + p / (2 ** bits - 1) * (high - low)`, with the picture's own `low` and `high`: `metric`
    ones are metres, others grow towards the camera in the model's own units."""

    model: str
    licence: str
    weights: str
    bits: int
    metric: bool


class Scale(msgspec.Struct, frozen=True):
    """A line of scales-*.jsonl: what a map's least and highest values stand for. `bytes` is the
    file's length, `pack` the archive that it is in, if any; `sums` and `squares` are those of its
    `pixels`' values as 0..255."""

    index: int
    file: str
    low: float
    high: float
    bytes: int
    pixels: int
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    pack: str = ""


def facts_of(store: Store) -> DepthFacts | None:
    """What the depth maps of a dataset were made with; None if there are none.

    Raises:
        InputError: depth.json isn't as infgen wrote it.
    """
    path = store.folder / FOLDER / "depth.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=DepthFacts)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(Problem(f"can't be read: {error}: delete the folder", str(path))) from None


def find_depth(settings: RunSettings, reporter: Reporter) -> ResolvedEyes:
    """The model that estimates depth, before it is loaded.

    Raises:
        InputError: it can't be had.
    """
    found = resolve_depth(settings.depth, "cpu")
    if not found.missing:
        device, trouble = choose_device(settings.model.device)
        if trouble:
            raise InputError(trouble)
        found = resolve_depth(settings.depth, device)
    if found.problems:
        raise InputError(found.problems)
    for note in found.warnings:
        reporter.warn(note)
    reporter.say(f"depth on {found.device}: {'; '.join(found.licences)}")
    return found


def bits_of(settings: RunSettings) -> int:
    """Bits a pixel of the maps.

    Raises:
        InputError: more are asked for than JPEG files have.
    """
    asked, coarse = settings.depth.depth_bits, _is_jpeg(settings)
    if coarse and asked == "16":
        raise InputError(
            "--depth-bits 16: a grid's depth maps are kept as its pictures are, and JPEG has 8: "
            "leave it out, or add --image-format png"
        )
    return int(asked or (8 if coarse else 16))


def _is_jpeg(settings: RunSettings) -> bool:
    return settings.grid.grid and settings.pictures.image_format == "jpg"


def check_maps(store: Store, found: ResolvedEyes, bits: int) -> None:
    """Make sure that the maps which are there, if any, were made alike.

    Raises:
        InputError: they were made by another model.
    """
    known, facts = facts_of(store), _facts(found, bits, metric=False)
    if known and (known.model, known.weights, known.bits) != (
        facts.model, facts.weights, facts.bits
    ):  # fmt: skip
        folder = store.folder / FOLDER
        raise InputError(
            f"the depth maps in {folder} are by {known.model}, {known.bits} bits a pixel, and now "
            f"{facts.model} with {facts.bits} is asked for: name that one, or delete {folder}"
        )


def write_depths(
    store: Store,
    settings: RunSettings,
    pictures: int,
    found: ResolvedEyes,
    load: Callable[[Reporter], Eyes],
    reporter: Reporter,
) -> None:
    """Give each of the dataset's `pictures` that has none a depth map; `load` loads the model, if
    there is anything to do.

    Raises:
        StorageError: the disk refused.
        PictureError: a picture is gone or damaged.
    """
    maps = Maps(store.folder, settings)
    missing = maps.missing(store.entries())
    if not missing:
        return
    depth = load(reporter).depth
    assert depth is not None  # that is what was found
    text = json.dumps(msgspec.to_builtins(_facts(found, maps.bits, depth.metric)), indent=1)
    write_file(store.folder / FOLDER / "depth.json", text.encode() + b"\n")
    entries = (entry for entry in store.entries() if entry.index in missing)
    reporter.start("depth maps", pictures, pictures - len(missing))
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            for number, group in groupby(entries, maps.number):
                maps.write(number, group, depth, threads, reporter.advance)
    finally:
        reporter.stop()


def read_scales(folder: Path) -> Iterator[Scale]:
    """What is written of the depth maps of the dataset in a folder."""
    for path in sorted((folder / FOLDER).glob("scales-*.jsonl")):
        yield from (
            msgspec.json.decode(line, type=Scale) for line in path.read_bytes().splitlines()
        )


def _facts(found: ResolvedEyes, bits: int, metric: bool) -> DepthFacts:
    eye = found.eyes["depth"]
    return DepthFacts(eye.name, eye.licence, str(found.record["depth"]["weights"]), bits, metric)


class Maps:
    """The maps of one dataset, in groups that are written and told of together: those of an
    archive, or of a thousand pictures."""

    def __init__(self, folder: Path, settings: RunSettings):
        self._folder, self.bits = folder, bits_of(settings)
        self._gridded, self._pack = settings.grid.grid, settings.files.pack
        self._together = settings.files.pack_size if self._packed else PER_FILE
        self._quality = max(settings.pictures.jpeg_quality, MASK_QUALITY)

    @property
    def _packed(self) -> bool:
        return self._pack != "none"

    def number(self, entry: Entry) -> int:
        """The group that a picture belongs to."""
        return entry.index // self._together

    def missing(self, entries: Iterator[Entry]) -> set[int]:
        """The indices of pictures whose map is to be made. Archives are made whole."""
        missing: set[int] = set()
        for number, group in groupby(entries, self.number):
            made = {entry.index for entry in group if not entry.failure}
            lacking = made - self._scales(number).keys()
            missing |= made if lacking and self._packed else lacking
        return missing

    def write(
        self,
        number: int,
        entries: Iterator[Entry],
        depth: Depth,
        threads: ThreadPoolExecutor,
        done: Callable[[], None],
    ) -> None:
        """Make the maps of a group, and then its scales."""
        scales = {} if self._packed else self._scales(number)
        with self._shelf(number) as (put, pack):
            for scale, data in self._encoded(entries, depth, threads):
                put(scale.file, data)
                scales[scale.index] = msgspec.structs.replace(scale, pack=pack)
                done()
        lines = [msgspec.json.encode(scales[index]) + b"\n" for index in sorted(scales)]
        write_file(self._scale_file(number), b"".join(lines))

    @contextmanager
    def _shelf(self, number: int) -> Iterator[tuple[Callable[[str, memoryview], object], str]]:
        """Where the files of a group go, and the archive that this is, if any."""
        if not self._packed:
            yield lambda file, data: write_file(self._folder / file, data), ""
            return
        name = f"{PACKS_FOLDER}/depth{number + 1}.{self._pack}"
        with packed_file(self._folder / name, self._pack) as add:
            yield add, name

    def _scale_file(self, number: int) -> Path:
        return self._folder / FOLDER / f"scales-{number:05d}.jsonl"

    def _scales(self, number: int) -> dict[int, Scale]:
        """The good lines of a scale file by index: their maps are there."""
        path = self._scale_file(number)
        with told(path):
            data = path.read_bytes() if path.exists() else b""
        scales = [msgspec.json.decode(line, type=Scale) for line in data.splitlines()]
        places = {scale.pack or scale.file for scale in scales}
        there = {place for place in places if (self._folder / place).exists()}
        return {one.index: one for one in scales if (one.pack or one.file) in there}

    def _encoded(
        self, entries: Iterator[Entry], depth: Depth, threads: ThreadPoolExecutor
    ) -> Iterator[tuple[Scale, memoryview]]:
        """The maps of these pictures as files. While the model looks at some, the next are read,
        and the maps of the last encoded."""
        encoding: Iterator[tuple[Scale, memoryview]] = iter(())
        batch = list(islice(entries, TOGETHER))
        pictures = threads.map(self._read, batch)
        while batch:
            following = list(islice(entries, TOGETHER))
            coming = threads.map(self._read, following)
            maps = depth.depths(list(pictures))
            yield from encoding
            encoding = threads.map(self.encode, batch, maps)
            batch, pictures = following, coming
        yield from encoding

    def _read(self, entry: Entry) -> np.ndarray:
        """A finished picture, (H, W, 3) uint8 RGB."""
        data = np.frombuffer(picture_bytes(self._folder, entry), np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if pixels is None:
            raise PictureError(f"{entry.file} can't be read any more: delete it and run again")
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)

    def encode(self, entry: Entry, found: np.ndarray) -> tuple[Scale, memoryview]:
        """A depth map, (H, W) float32, as a file with all the contrast that one can hold."""
        low, high = float(found.min()), float(found.max())
        shares = (found - low) / (high - low) if high > low else np.zeros_like(found)
        coarse = np.rint(shares * 255).astype(np.uint8)
        pixels = coarse if self.bits == 8 else np.rint(shares * 65535).astype(np.uint16)
        file = depth_file(entry, self._gridded)
        quality = [cv2.IMWRITE_JPEG_QUALITY, self._quality] if file.endswith(".jpg") else []
        data = cv2.imencode(PurePosixPath(file).suffix, pixels, quality)[1].data
        sums, squares = pixel_sums(coarse)
        scale = Scale(entry.index, file, low, high, data.nbytes, coarse.size, sums, squares)
        return scale, data
