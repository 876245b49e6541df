"""Reads out of the records what a dataset holds already, for whoever plans more of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from infgen.batch.store import Store
from infgen.records.manifest import Part
from infgen.records.past import Past


class _Scene(msgspec.Struct):
    number: int
    picture: str = ""


class _Object(msgspec.Struct):
    cutout: str = ""


class _Line(msgspec.Struct):
    """What of a record counts here."""

    index: int
    split: str
    background: _Scene
    objects: tuple[_Object, ...] = ()


def read_past(store: Store, parts: Sequence[Part]) -> Past:
    """What these parts of the store's dataset, all that were made first, have used. Their records
    are whole; those of later parts aren't looked at. That a picture failed is passed over: it may
    be made yet."""
    decoder = msgspec.json.Decoder(_Line)
    scenes, has_val = 0, False
    splits: dict[str, str] = {}
    cutouts: dict[str, str] = {}
    number = 0
    for raw in store.lines():
        line = decoder.decode(raw)
        while line.index >= parts[number].end:
            number += 1
        sources = parts[number].sources
        scenes = max(scenes, line.background.number + 1)
        has_val |= line.split == "val"
        if line.background.picture:
            splits[sources["backgrounds"][line.background.picture]] = line.split
        for one in line.objects:
            if one.cutout:  # what train has used can't be kept from it any more
                sha256 = sources["cutouts"][one.cutout]
                cutouts[sha256] = "train" if cutouts.get(sha256) == "train" else line.split
        if line.index + 1 == parts[-1].end:
            break
    return Past(parts[-1].end, scenes, has_val, splits, cutouts)
