"""What a run needs of whoever plans it: the one shape that all planners have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from infgen.ops.augment.recipe import Recipe
from infgen.ops.given import Labels
from infgen.records.plan import ImagePlan
from infgen.records.specs import Request


class Plans(Protocol):
    """Plans `count` pictures by index, those of `indices`, in any order, on any machine, always
    alike.

    `methods[c]` is how class c is painted, `canvas` is (width, height) in pixels, `notes` are
    sentences for the user; `layouts` consecutive pictures share each background. `nearness` holds
    nearness maps of background pictures, by their names, if sizes go by them, and `labels` what
    such pictures show already. `recipe` says how cutouts and pictures are changed.
    """

    request: Request
    methods: tuple[str, ...]
    canvas: tuple[int, int]
    count: int
    notes: tuple[str, ...]
    nearness: Mapping[str, np.ndarray]
    labels: Labels
    recipe: Recipe

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""

    @property
    def most_objects(self) -> int:
        """How many objects a picture can hold at the most."""

    @property
    def layouts(self) -> int:
        """How many pictures in a row are made on a background."""

    @property
    def indices(self) -> range:
        """The indices of the run's pictures."""

    def leads(self, index: int) -> bool:
        """Whether picture `index` is the first of its background."""

    def plan(self, index: int) -> ImagePlan:
        """The plan of picture `index`, one of `indices`."""
