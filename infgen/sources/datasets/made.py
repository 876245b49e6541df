"""infgen's own datasets, from their records: these know more than any exported format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from infgen.records.errors import InputError, Problem
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.records.manifest import Manifest
from infgen.records.sample import Entry
from infgen.sources.datasets.common import LabelledDataset, unreadable
from infgen.sources.marks import read_marks

MANIFEST, RECORD = "manifest.json", "run.toml"


def find(place: Path) -> list[Path]:
    """The record files of the dataset in a folder.

    Raises:
        InputError: infgen is still at work there.
    """
    if not place.is_dir() or not (place / RECORD).exists():
        return []
    if not (place / MANIFEST).exists():
        text = "its run hasn't finished: run the same command again first"
        raise InputError(Problem(text, str(place)))
    return sorted(place.glob("samples-*.jsonl"))


def open_files(place: Path, files: list[Path]) -> LabelledDataset:
    """The dataset of these record files. Pictures that failed, or are marked as bad,
    aren't part of it."""
    try:
        manifest = msgspec.json.decode((place / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise unreadable(place / MANIFEST, error) from None
    marks = read_marks(place)

    def pictures() -> Iterator[LabelledPicture]:
        decoder = msgspec.json.Decoder(Entry)
        for path in files:
            with path.open("rb") as lines:
                for line in lines:
                    try:
                        entry = decoder.decode(line)
                    except msgspec.DecodeError as error:
                        raise unreadable(path, error) from None
                    if not entry.failure and entry.index not in marks:
                        yield _picture(place, entry)

    classes = tuple(one.name for one in manifest.classes)
    count = manifest.pictures - len(marks)
    return LabelledDataset(
        place, "infgen", classes, count, pictures, made=manifest, upright=manifest.upright
    )


def _picture(place: Path, entry: Entry) -> LabelledPicture:
    path = place / entry.file
    if entry.pack and not path.exists():
        path = place / entry.pack / entry.file
    scene = entry.background
    return LabelledPicture(
        path,
        entry.split,
        entry.size,
        tuple(LabelledObject(one.class_id, one.box, one.rle, one.crowd) for one in entry.objects),
        scene=scene.picture or f"{scene.number}",
        cutouts=tuple(sorted({one.cutout for one in entry.objects if one.cutout})),
        decoys=tuple(decoy.rle for decoy in entry.decoys),
        scene_kind=scene.kind,
        methods=tuple(one.method for one in entry.objects),
    )
