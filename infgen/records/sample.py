"""What was painted: a Sample (pixels and labels), and what is kept of it, an Entry (no pixels)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec
import numpy as np

from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, Change, Dropped, Finish, Look
from infgen.records.verdict import Sighting, Verdict


class Instance(msgspec.Struct, frozen=True):
    """One labelled object of a finished picture.

    `id` counts from 1 within the picture, in painting order. `box` is tight around the visible
    pixels, `requested` is the box that was planned (None: nobody knows it). `rle` holds the visible
    mask as COCO's compressed run-length counts over the whole canvas, `area` its number of pixels,
    and `visible_frac` the share (0..1) of the whole object that it is. In pictures that somebody
    else has labelled, `rle` may be empty: only a box is known, and `area` is that box's, rounded.
    `score` (0..1) is how sure the label is, where it was found in a picture that somebody else had
    painted. `tries` are those of a diffusion model; the last one, whose noise is from `seed`, was
    used. `look` says how it went into the scene. `crowd` marks a region of many objects that aren't
    told apart.

    The method "given" says that the background showed it already, with a label of its own.
    """

    id: int
    class_id: int
    box: Box
    requested: Box | None
    rle: str
    area: int
    visible_frac: float
    method: str
    cutout: str = ""
    mirror: bool = False
    score: float | None = None
    tries: tuple[Verdict, ...] = ()
    look: Look = Look()
    crowd: bool = False
    seed: int = 0


class Decoy(msgspec.Struct, frozen=True):
    """A region that was repainted with its background on purpose, and has no label: what tells
    objects from mere traces of painting. `box` is tight around what is to be seen of it, `rle` as
    in Instance, `tries` too."""

    box: Box
    rle: str
    method: str = ""
    tries: tuple[Verdict, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A finished picture. `canvas` is (H, W, 3) uint8 RGB; the masks live in `instances` and
    `decoys` as RLE. `covered`, (H, W) bool, is where there are objects, if it was at hand;
    `changes` were made to all of it. `dropped_decoys` didn't come out as mere background."""

    canvas: np.ndarray
    instances: tuple[Instance, ...]
    dropped: tuple[Dropped, ...]
    decoys: tuple[Decoy, ...] = ()
    covered: np.ndarray | None = None
    changes: tuple[Change, ...] = ()
    dropped_decoys: tuple[Dropped, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """A line of samples-*.jsonl: all that exporters, reports and audits see of a picture.

    `file` is the picture's path inside the dataset (POSIX slashes) and `bytes` its length; both are
    empty when `failure` says why the picture couldn't be made. `size` is (width, height). `sighted`
    is what a detector found of the classes in the bare background, where nothing is labelled;
    `changes` were made to the whole picture with its labels, and `finish` is what it went through
    last.


    `beside` are the picture's other files by path (a grid's mask, ...), with their lengths. Where
    pictures are packed, `pack` is the path of the archive in which they all lie, and `at` where in
    it the picture's `bytes` begin. `sums` and `squares` are those of the pixels' values (0..255) in
    each channel, where statistics were asked for.
    """

    index: int
    split: str
    size: tuple[int, int]
    file: str
    bytes: int
    background: BackgroundPlan
    objects: tuple[Instance, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    background_file: str = ""
    failure: str = ""
    decoys: tuple[Decoy, ...] = ()
    dropped_decoys: tuple[Dropped, ...] = ()
    sighted: tuple[Sighting, ...] = ()
    finish: Finish | None = None
    beside: dict[str, int] = {}
    pack: str = ""
    at: int = 0
    sums: tuple[int, ...] = ()
    squares: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def stem(self) -> str:
        """The picture's file name without folder or ending, e.g. `00000042`."""
        return PurePosixPath(self.file).stem
