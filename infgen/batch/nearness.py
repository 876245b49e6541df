"""Nearness maps of the user's backgrounds: estimated once, and kept for whoever goes on.

depth/nearness.msgpack   what `Planner` gets, by the hash of each picture, and whose it is
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

import msgspec
import numpy as np

from infgen.batch.depth import FOLDER, TOGETHER
from infgen.batch.reporter import Reporter
from infgen.batch.store import Store
from infgen.models.eye_choice import ResolvedEyes
from infgen.models.eyes import Eyes
from infgen.ops.nearness import nearness_map
from infgen.records.errors import PictureError
from infgen.records.specs import Picture, Request
from infgen.sources.disk import write_file
from infgen.sources.pictures import read_rgb

FILE = "nearness.msgpack"


class Kept(msgspec.Struct, frozen=True):
    """The file: `maps` are (height, width, pixels) by a picture's hash."""

    model: str
    weights: str
    maps: dict[str, tuple[int, int, bytes]]


def nearness_of(
    request: Request,
    store: Store,
    found: ResolvedEyes,
    load: Callable[[Reporter], Eyes],
    reporter: Reporter,
) -> dict[str, np.ndarray]:
    """The nearness maps of all background pictures by their names: those that an earlier run kept
    in the folder, the others estimated. A picture that can't be read has none: the run will say."""
    pictures = {one.name: one for spec in request.backgrounds for one in spec.pictures}
    maps = _kept(store, found)
    missing = {one.sha256: one for one in pictures.values() if one.sha256 not in maps}
    if missing:
        maps |= _estimated(missing, load, reporter)
    return {name: maps[one.sha256] for name, one in pictures.items() if one.sha256 in maps}


def keep_nearness(
    store: Store, request: Request, found: ResolvedEyes, nearness: Mapping[str, np.ndarray]
) -> None:
    """Write the maps down, unless they are there. What earlier runs kept stays."""
    pictures = {one.name: one for spec in request.backgrounds for one in spec.pictures}
    by_hash = {pictures[name].sha256: near for name, near in nearness.items()}
    there = _kept(store, found)
    if by_hash.keys() <= there.keys():
        return
    every = sorted((by_hash | there).items())
    maps = {sha256: (*near.shape, near.tobytes()) for sha256, near in every}
    eye = found.eyes["depth"]
    kept = Kept(eye.name, str(found.record["depth"]["weights"]), maps)
    write_file(store.folder / FOLDER / FILE, msgspec.msgpack.encode(kept))


def _kept(store: Store, found: ResolvedEyes) -> dict[str, np.ndarray]:
    """The maps in the folder by hash, if they are by the same model."""
    try:
        data = (store.folder / FOLDER / FILE).read_bytes()
        kept = msgspec.msgpack.decode(data, type=Kept)
    except (OSError, msgspec.DecodeError):  # they can be made again
        return {}
    eye, weights = found.eyes["depth"], str(found.record["depth"]["weights"])
    if (kept.model, kept.weights) != (eye.name, weights):
        return {}
    return {
        sha256: np.frombuffer(pixels, np.uint8).reshape(height, width)
        for sha256, (height, width, pixels) in kept.maps.items()
    }


def _estimated(
    pictures: Mapping[str, Picture], load: Callable[[Reporter], Eyes], reporter: Reporter
) -> dict[str, np.ndarray]:
    depth = load(reporter).depth
    assert depth is not None  # that is what was found
    maps: dict[str, np.ndarray] = {}
    left = iter(pictures.items())
    reporter.start("backgrounds looked at for depth", len(pictures))
    try:
        while batch := list(islice(left, TOGETHER)):
            seen = {sha256: pixels for sha256, one in batch if (pixels := _read(one)) is not None}
            found = depth.depths(list(seen.values()))
            maps |= {
                sha256: nearness_map(one, depth.metric)
                for sha256, one in zip(seen, found, strict=True)
            }
            for _ in batch:
                reporter.advance()
    finally:
        reporter.stop()
    return maps


def _read(picture: Picture) -> np.ndarray | None:
    try:
        return read_rgb(picture)
    except PictureError:
        return None
