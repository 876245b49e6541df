"""What is counted of a dataset: the keys of figures.json, in its order.

Histograms are counts, bin by bin; `bins` of Figures names their edges, which are the same for every
dataset (figures/bins.py).
"""

from __future__ import annotations

import msgspec


class ClassFigures(msgspec.Struct):
    """A class: pictures that show it and its objects by split, `crowds` among them (regions that
    nothing below counts) and objects with a box only.

    `sizes` counts small, medium and large objects as COCO tells them apart, by their pixels.
    `areas` are in pixels, too, of the mask where there is one; `aspects` are width / height.
    `centres` are rows of a map of where boxes have their centres. `overlapping` objects have a box
    that another's overlaps. `visible` says how much of them is to be seen, of objects that infgen
    painted, as are `methods` and `blends`. `judged` ones passed a verdict on what a model painted;
    `rejected` counts tries that didn't by reason, and `dropped` objects that aren't there."""

    name: str
    images: dict[str, int]
    objects: dict[str, int]
    crowds: int
    boxes_only: int
    sizes: dict[str, int]
    widths: list[int]
    heights: list[int]
    areas: list[int]
    aspects: list[int]
    centres: list[list[int]]
    overlapping: int
    visible: list[int]
    methods: dict[str, int]
    blends: dict[str, int]
    judged: int
    rejected: dict[str, int]
    dropped: dict[str, int]

    @property
    def total(self) -> int:
        """All of its objects."""
        return sum(self.objects.values())

    @property
    def told_apart(self) -> int:
        """Its objects without crowds."""
        return self.total - self.crowds


class Looks(msgspec.Struct):
    """What pictures look like, of `pictures` of them: all, or a sample spread evenly, without those
    that turned out to be `unreadable`. Histograms of their mean brightness and their contrast (the
    deviation, averaged over channels), and of their mean red, green and blue, all 0 to 255."""

    pictures: int
    unreadable: int
    all: bool
    brightness: list[int]
    contrast: list[int]
    red: list[int]
    green: list[int]
    blue: list[int]


class Channels(msgspec.Struct):
    """The mean and the standard deviation of each channel of the files in a folder, in 0..1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Round(msgspec.Struct):
    """A stretch of the run that painted `pictures` in so many `seconds`; null if it was stopped.
    What a machine takes is no part of the dataset."""

    pictures: int
    seconds: float | None = None
    workers: int | None = None


class Figures(msgspec.Struct):
    """figures.json. `pictures` by split; `negatives` show nothing, `failed` ones couldn't be made
    or read and `marked` ones were found bad: neither is counted anywhere else. `decoys` are places
    without an object that were painted all the same. `scenes` counts pictures by what is behind
    their objects, and `prompts` those whose scene a model painted, where infgen knows that.
    `sizes` are the most frequent "width x height", `other_sizes` counts all else. `per_picture`
    counts pictures by their number of objects from 0 on, the last one all with more. `ious` are
    those of pairs of boxes that overlap, of which there are `pairs`; of crowded pictures,
    `not_paired`, only the first objects were compared."""

    infgen: str
    kind: str
    pictures: dict[str, int]
    objects: int
    negatives: int
    failed: int
    marked: int
    decoys: int
    scenes: dict[str, int]
    prompts: dict[str, int]
    sizes: dict[str, int]
    other_sizes: int
    per_picture: list[int]
    pairs: int
    ious: list[int]
    not_paired: int
    classes: list[ClassFigures]
    looks: Looks | None
    channels: dict[str, Channels]
    rounds: list[Round]
    bins: dict[str, tuple[float, ...]]

    @property
    def counted(self) -> int:
        """All pictures that are counted."""
        return sum(self.pictures.values())

    @property
    def totals(self) -> list[int]:
        """The number of objects of each class."""
        return [one.total for one in self.classes]
