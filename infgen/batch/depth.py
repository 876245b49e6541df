"""Depth maps of finished pictures: estimated in batches, written beside them, gone on with later.

depth/depth.json           which model it was, and how pixels are to be read
depth/SPLIT/<stem>.png     greyscale, 8 or 16 bits: 0 is `low`, the highest value is `high`
depth/scales-00000.jsonl   `low` and `high` of every picture, a file per 1,000; written after them
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby, islice
from pathlib import Path

import cv2
import msgspec
import numpy as np

from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings
from infgen.batch.store import PER_FILE, Store
from infgen.models.eye_choice import ResolvedEyes, resolve_depth
from infgen.models.eyes import Depth, Eyes
from infgen.models.resolve import choose_device
from infgen.models.settings import DepthSettings
from infgen.records.errors import InputError, PictureError, Problem
from infgen.records.sample import Entry
from infgen.sources.disk import told, write_file

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
    """A line of scales-*.jsonl: what a map's least and highest values stand for."""

    index: int
    file: str
    low: float
    high: float


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


def check_maps(store: Store, found: ResolvedEyes) -> None:
    """Make sure that the maps which are there, if any, were made alike.

    Raises:
        InputError: they were made by another model.
    """
    known, facts = facts_of(store), _facts(found, metric=False)
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
    missing = _missing(store)
    if not missing:
        return
    depth = load(reporter).depth
    assert depth is not None  # that is what was found
    facts = _facts(found, depth.metric)
    text = json.dumps(msgspec.to_builtins(facts), indent=1)
    write_file(store.folder / FOLDER / "depth.json", text.encode() + b"\n")
    entries = (entry for entry in store.entries() if entry.index in missing)
    reporter.start("depth maps", pictures, pictures - len(missing))
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            for number, group in groupby(entries, lambda entry: entry.index // PER_FILE):
                scales = _scales(store, number)
                for scale in _written(store.folder, group, depth, facts.bits, threads):
                    scales[scale.index] = scale
                    reporter.advance()
                lines = [msgspec.json.encode(scales[index]) + b"\n" for index in sorted(scales)]
                write_file(_scale_file(store, number), b"".join(lines))
    finally:
        reporter.stop()


def _facts(found: ResolvedEyes, metric: bool) -> DepthFacts:
    eye = found.eyes["depth"]
    assert isinstance(found.settings, DepthSettings)
    weights = str(found.record["depth"]["weights"])
    return DepthFacts(eye.name, eye.licence, weights, int(found.settings.depth_bits), metric)


def _missing(store: Store) -> set[int]:
    """The indices of pictures without a map."""
    missing: set[int] = set()
    for number, group in groupby(store.entries(), lambda entry: entry.index // PER_FILE):
        made = {entry.index for entry in group if not entry.failure}
        missing |= made - _scales(store, number).keys()
    return missing


def _scale_file(store: Store, number: int) -> Path:
    return store.folder / FOLDER / f"scales-{number:05d}.jsonl"


def _scales(store: Store, number: int) -> dict[int, Scale]:
    """The good lines of a scale file by index: their maps are there."""
    path = _scale_file(store, number)
    with told(path):
        data = path.read_bytes() if path.exists() else b""
    scales = (msgspec.json.decode(line, type=Scale) for line in data.splitlines())
    return {scale.index: scale for scale in scales if (store.folder / scale.file).exists()}


def _written(
    folder: Path,
    entries: Iterator[Entry],
    depth: Depth,
    bits: int,
    threads: ThreadPoolExecutor,
) -> Iterator[Scale]:
    """The scales of these pictures, whose maps are on disk then. While the model looks at some, the
    next are read and the maps of the last written."""
    read = partial(_read, folder)
    writing: Iterator[Scale] = iter(())
    batch = list(islice(entries, TOGETHER))
    pictures = threads.map(read, batch)
    while batch:
        following = list(islice(entries, TOGETHER))
        coming = threads.map(read, following)
        maps = depth.depths(list(pictures))
        yield from writing
        writing = threads.map(partial(_write, folder, bits), batch, maps)
        batch, pictures = following, coming
    yield from writing


def _read(folder: Path, entry: Entry) -> np.ndarray:
    """A finished picture, (H, W, 3) uint8 RGB."""
    pixels = cv2.imdecode(np.fromfile(folder / entry.file, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise PictureError(f"{entry.file} can't be read any more: delete it and run again")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)


def _write(folder: Path, bits: int, entry: Entry, found: np.ndarray) -> Scale:
    """Write a depth map, (H, W) float32, with all the contrast that a file can hold."""
    low, high = float(found.min()), float(found.max())
    top = 2**bits - 1
    levels = np.rint((found - low) * (top / (high - low) if high > low else 0))
    pixels = levels.astype(np.uint8) if bits == 8 else levels.astype(np.uint16)
    file = f"{FOLDER}/{entry.split}/{entry.stem}.png"
    write_file(folder / file, cv2.imencode(".png", pixels)[1].data)
    return Scale(entry.index, file, low, high)
