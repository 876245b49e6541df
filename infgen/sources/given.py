"""Backgrounds that are pictures of a labelled dataset: found in it, their labels brought along."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from infgen.ops.given import pack
from infgen.records.errors import InputError, Problem
from infgen.records.labelled import Fault, Given, LabelledPicture
from infgen.records.specs import AspectSize, ClassSpec, Picture, Request
from infgen.sources.datasets import open_dataset
from infgen.sources.names import folded
from infgen.sources.packs import file_bytes, file_length

OPTION = "--background-labels"


def with_labels(request: Request, place: Path) -> tuple[Request, list[str]]:
    """The request with the labels that its background pictures have in the dataset at `place`, and
    sentences for the user. Classes without a row follow after those that have one: nothing that is
    labelled goes without its label.

    Raises:
        InputError: there is no such dataset, none of the pictures is in it, or the labels are of
            another size than their picture.
    """
    dataset = open_dataset(place)
    pictures = {one.name: one for row in request.backgrounds for one in row.pictures}
    if not pictures:
        raise InputError(f"{OPTION} is for your own pictures, and --backgrounds names none")
    found = _find(list(pictures.values()), dataset.pictures())
    if not found.packed:
        raise InputError(
            f"{OPTION}: none of the {len(pictures):,} background pictures is in {place}, by path "
            "or by content: let the column images name the dataset's own pictures"
        )
    if found.problems:
        raise InputError(found.problems)
    class_ids, further = _match_classes(request.classes, dataset.classes, found.objects)
    given = Given(class_ids, found.packed, found.most, found.unmasked)
    notes = list(_notes(found, request, pictures, further, place))
    classes = (*request.classes, *(_as_spec(name, name not in dataset.upright) for name in further))
    return msgspec.structs.replace(request, classes=classes, given=given), notes


# ---- pictures ------------------------------------------------------------------------------------


@dataclass
class _Found:
    """Labels by picture name, packed; how many there are of each class of the dataset; what is
    wrong with them."""

    packed: dict[str, bytes] = field(default_factory=dict)
    objects: Counter[int] = field(default_factory=Counter)
    most: int = 0
    unmasked: int = 0
    problems: list[Problem] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, pictures: Sequence[Picture], labelled: LabelledPicture) -> None:
        for picture in pictures:
            self.packed[picture.name] = pack(labelled.size, labelled.objects)
            if labelled.size != picture.size:
                (width, height), (own_width, own_height) = labelled.size, picture.size
                text = (
                    f"its labels are for {width} x {height} pixels, and it has {own_width} x "
                    f"{own_height}: mend the dataset, or take the picture out of --backgrounds"
                )
                self.problems.append(Problem(text, str(picture.path)))
        self.objects.update(one.class_id for one in labelled.objects)
        self.most = max(self.most, len(labelled.objects))
        self.unmasked += sum(not (one.rle or one.crowd) for one in labelled.objects)
        self.faults += labelled.faults


def _find(pictures: Sequence[Picture], dataset: Iterator[LabelledPicture]) -> _Found:
    """The dataset's pictures among ours: by path, and what isn't there by content. Files are read
    only where one of ours has as many bytes."""
    by_path: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_path.setdefault(os.path.realpath(picture.path), []).append(picture)
    lengths = {length for length in (_length(one.path) for one in pictures) if length}
    contents = Counter(picture.sha256 for picture in pictures)
    found, alike = _Found(), dict[str, LabelledPicture]()
    for labelled in dataset:
        mine = by_path.get(os.path.realpath(labelled.path))
        if mine:
            found.add(mine, labelled)
            if contents[mine[0].sha256] > len(mine):
                alike[mine[0].sha256] = labelled
        elif _length(labelled.path) in lengths:
            sha256 = hashlib.sha256(file_bytes(labelled.path)).hexdigest()
            if sha256 in contents:
                alike.setdefault(sha256, labelled)
    copies: dict[str, list[Picture]] = {}
    for picture in pictures:
        if picture.name not in found.packed and picture.sha256 in alike:
            copies.setdefault(picture.sha256, []).append(picture)
    for sha256, same in copies.items():
        found.add(same, alike[sha256])
    return found


def _length(path: Path) -> int:
    """Bytes of a file; 0 if it isn't there."""
    try:
        return file_length(path)
    except OSError:
        return 0


# ---- classes -------------------------------------------------------------------------------------


def _match_classes(
    specs: Sequence[ClassSpec], names: Sequence[str], objects: Counter[int]
) -> tuple[tuple[int, ...], list[str]]:
    """The run's class id for each class of the dataset, and the names of the classes that have no
    row: those of which there are `objects`, in the dataset's order. (Of others the id is -1.)"""
    known = {folded(spec.name): class_id for class_id, spec in enumerate(specs)}
    class_ids: list[int] = []
    further: list[str] = []
    for number, name in enumerate(names):
        name = " ".join(name.split()) or f"class {number}"
        if objects[number] and folded(name) not in known:
            known[folded(name)] = len(specs) + len(further)
            further.append(name)
        class_ids.append(known.get(folded(name), -1))
    return tuple(class_ids), further


def _as_spec(name: str, mirror: bool) -> ClassSpec:
    """A class that is never painted."""
    size = AspectSize((1.0, 1.0))
    return ClassSpec(0, name, name, appear_range=(0, 0), size=size, mirror=mirror)


# ---- words ---------------------------------------------------------------------------------------


def _notes(
    found: _Found, request: Request, pictures: dict[str, Picture], further: list[str], place: Path
) -> Iterator[str]:
    if further:
        first = len(request.classes)
        named = ", ".join(f"{name} ({first + at})" for at, name in enumerate(further))
        yield f"the backgrounds show classes that classes.csv has no row for; they follow: {named}"
    if found.unmasked:
        yield (
            f"{found.unmasked:,} labels of the backgrounds are boxes without a mask: YOLO's rows "
            "are all boxes therefore, and formats of masks can't be written"
        )
    missing = [name for name in pictures if name not in found.packed]
    if missing:
        yield (
            f"{len(missing):,} of {len(pictures):,} background pictures aren't in {place}: what "
            f"they show has no label (the first: {missing[0]})"
        )
    if found.faults:
        kinds = Counter(fault.kind for fault in found.faults)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield (
            f"labels of the backgrounds that can't be used as they are: {counted} (the first: "
            f"{found.faults[0].text})"
        )
