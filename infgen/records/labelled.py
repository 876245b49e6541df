"""Pictures with labels, whoever made them and in whatever format: what audits and training read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from infgen.records.box import Box


class Fault(msgspec.Struct, frozen=True):
    """Something wrong with one picture or label. `kind` is what faults are counted by, `text` says
    what it is."""

    kind: str
    text: str


class LabelledObject(msgspec.Struct, frozen=True):
    """One label. `box` is as it was given, and may leave the picture; `rle` is the mask as COCO's
    compressed run-length counts over the whole picture, empty where only a box is known; `crowd`
    marks a region of many objects that aren't told apart."""

    class_id: int
    box: Box
    rle: str = ""
    crowd: bool = False


class Given(msgspec.Struct, frozen=True):
    """The labels that background pictures bring along, `packed` by the picture's name (ops/given).
    Class `n` in them is the run's `class_ids[n]`. `most` is how many objects a picture has at the
    most, and `unmasked` how many of all have a box without a mask. Pictures that aren't here are no
    part of the dataset."""

    class_ids: tuple[int, ...] = ()
    packed: dict[str, bytes] = {}
    most: int = 0
    unmasked: int = 0


class LabelledPicture(msgspec.Struct, frozen=True):
    """A picture and its labels. `size` is (width, height) as the labels count pixels; `faults` name
    the labels that can't be used, which are left out of `objects`.

    Of pictures made with infgen it is also known which `scene` (a background's name, the same for
    all pictures that share it), of which kind (`scene_kind`), and which `cutouts` they were made
    from, by which of `methods` each object came about, and their `decoys`: the run-length masks of
    repainted regions without an object.
    """

    path: Path
    split: str
    size: tuple[int, int]
    objects: tuple[LabelledObject, ...] = ()
    faults: tuple[Fault, ...] = ()
    scene: str = ""
    cutouts: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()
    scene_kind: str = ""
    methods: tuple[str, ...] = ()
