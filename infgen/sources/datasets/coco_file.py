"""What a COCO file holds, which may be hundreds of megabytes: it is looked through once, without
being in memory, for where each image's annotations are, and these are read when they are wanted."""

from __future__ import annotations

import mmap
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from infgen.sources.datasets.common import unreadable


class Image(msgspec.Struct, gc=False):
    id: int | str
    file_name: str
    width: float = 0
    height: float = 0


class Category(msgspec.Struct, gc=False):
    id: int | str
    name: str


class Annotation(msgspec.Struct, gc=False):
    image_id: int | str
    category_id: int | str
    id: int | str = ""
    bbox: msgspec.Raw = msgspec.Raw(b"null")
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    iscrowd: int = 0


_annotation = msgspec.json.Decoder(Annotation).decode


class _File(msgspec.Struct):
    images: list[Image]
    annotations: list[msgspec.Raw]
    categories: list[Category]


class _Outline(msgspec.Struct):
    """A file's first look: is it COCO at all?"""

    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


@dataclass(frozen=True)
class _Labels:
    """Where a file's annotations are: the bytes at which they start, and their numbers, (M,) int64,
    picture by picture; those of the n-th image are the ones from firsts[n] to before firsts[n + 1].
    `strays` counts those of no image, by its id, `twice` those with an id that others have, too."""

    starts: np.ndarray
    lengths: np.ndarray
    firsts: np.ndarray
    strays: Mapping[int | str, int]
    twice: Mapping[int | str, int]


@dataclass(frozen=True)
class Split:
    """What is held of an index file, and when that was `changed`."""

    name: str
    path: Path
    changed: int
    images: list[Image]
    labels: _Labels
    class_ids: dict[int | str, int]


def is_coco(path: Path) -> bool:
    """Whether a file may be an index. Raises OSError."""
    try:
        msgspec.json.decode(_mapped(path), type=_Outline)
    except msgspec.DecodeError:
        return False
    return True


def _mapped(path: Path) -> mmap.mmap | bytes:
    """A file's bytes, read from the disk where they are looked at. Raises OSError."""
    with path.open("rb") as file:
        with suppress(OSError, ValueError):  # some disks give no map, and of nothing there is none
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return file.read()


def read_split(path: Path, classes: dict[str, int]) -> Split:
    """Look through an index file, and add the classes that are new.

    Raises:
        InputError: it isn't COCO.
    """
    try:
        changed, data = path.stat().st_mtime_ns, _mapped(path)
        file = msgspec.json.decode(data, type=_File)
    except OSError as error:
        raise unreadable(path, error.strerror) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    if not file.images:
        raise unreadable(path, "it lists no images")
    ids = {one.id: classes.setdefault(one.name, len(classes)) for one in file.categories}
    name = path.stem.removeprefix("instances_")
    split = path.parent.name if name == "_annotations.coco" else name
    return Split(split, path, changed, file.images, _find_labels(path, data, file), ids)


def _find_labels(path: Path, data: mmap.mmap | bytes, file: _File) -> _Labels:
    """Look at each annotation in the file, which has these bytes."""
    ranks = {image.id: rank for rank, image in enumerate(file.images)}
    if len(ranks) < len(file.images):
        twice = next(name for name, n in Counter(one.id for one in file.images).items() if n > 1)
        raise unreadable(path, f"several images have the id {twice}")
    ranked, starts, lengths, hashes = (array("q") for _ in range(4))
    strays: Counter[int | str] = Counter()
    end = _address(file.annotations[0]) - _address(data) if file.annotations else 0
    for place, raw in enumerate(file.annotations):
        try:
            annotation = _annotation(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(path, f"annotations[{place}]: {error}") from None
        start = data.find(b"{", end)  # before it are a comma and blanks
        end = start + memoryview(raw).nbytes
        hashes.append(hash(annotation.id))
        rank = ranks.get(annotation.image_id)
        if rank is None:
            strays[annotation.image_id] += 1
        else:
            ranked.append(rank)
            starts.append(start)
            lengths.append(end - start)
    order = np.argsort(ranked, kind="stable")
    return _Labels(
        np.asarray(starts)[order],
        np.asarray(lengths)[order],
        np.searchsorted(np.asarray(ranked)[order], np.arange(len(ranks) + 1)),
        strays,
        _again(file.annotations, hashes),
    )


def _address(data: mmap.mmap | bytes | msgspec.Raw) -> int:
    """Where these bytes are in memory."""
    return int(np.frombuffer(data, np.uint8).__array_interface__["data"][0])


def _again(annotations: Sequence[msgspec.Raw], hashes: array[int]) -> dict[int | str, int]:
    """How many annotations have each id that several have. `hashes` are those of their ids."""
    values, counts = np.unique(hashes, return_counts=True)
    several = set(values[counts > 1].tolist())
    doubtful = (raw for raw, value in zip(annotations, hashes, strict=True) if value in several)
    numbers = Counter(_annotation(raw).id for raw in doubtful)
    return {label_id: number for label_id, number in numbers.items() if number > 1}


def annotations_of(split: Split) -> Iterator[list[Annotation]]:
    """Each image's annotations.

    Raises:
        InputError: the file isn't what it was.
    """
    labels = split.labels
    try:
        with split.path.open("rb") as file:
            for first, end in pairwise(labels.firsts.tolist()):
                own = []
                for place in range(first, end):
                    file.seek(labels.starts[place])
                    own.append(_annotation(file.read(labels.lengths[place])))
                yield own
            changed = os.fstat(file.fileno()).st_mtime_ns != split.changed
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        changed = True
    if changed:
        raise unreadable(split.path, "it was changed meanwhile")
