"""What an augmentation is: numbers that are drawn, and what they do. Dice apart from drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

Range = tuple[float, float]
Matrix = Callable[..., np.ndarray]
Paint = Callable[..., np.ndarray]
Hole = Callable[..., tuple[slice, slice]]

DIGITS = 4  # of drawn numbers, so that plans stay short


@dataclass(frozen=True)
class Value:
    """A number that is drawn evenly from a range: the `usual` one, or a recipe's under `key`
    (empty: none can be given), which has to lie within `bounds`. At `still` nothing changes (None:
    that is for the other values to say)."""

    usual: Range
    bounds: Range = (0, 1)
    still: float | None = None
    key: str = ""
    whole: bool = False

    def draw(self, die: float, ranges: Mapping[str, Range]) -> float:
        """The value for a die of 0 <= die < 1."""
        low, high = ranges.get(self.key, self.usual)
        value = low + die * (high - low)
        return round(value) if self.whole else round(value, DIGITS)


@dataclass(frozen=True)
class Augment:
    """A row of AUGMENTS: its numbers by name, and one of three things that they do.

    `matrix(size, **values)` moves things: (3, 3) float64, from points of a picture of `size` =
    (width, height) to where they go, both on pixel edges. `hole(size, **values)` hides things: the
    rows and columns that can't be seen any more (`level` is their grey). `paint(picture, **values)`
    recolours (H, W, 3) uint8 RGB, a copy, with everything where it was.

    `objects`: single objects can have it, too, not only whole pictures.
    """

    help: str
    values: dict[str, Value] = field(default_factory=dict)
    matrix: Matrix | None = None
    hole: Hole | None = None
    paint: Paint | None = None
    objects: bool = True

    @property
    def ranges(self) -> dict[str, Value]:
        """What a recipe may say of it, by key."""
        return {value.key: value for value in self.values.values() if value.key}

    def draw(self, rng: np.random.Generator, ranges: Mapping[str, Range]) -> dict[str, float]:
        """Values for JSON, from `ranges` by key. Takes as many dice whatever the ranges."""
        dice = rng.random(len(self.values)).tolist()
        return {
            name: value.draw(die, ranges)
            for (name, value), die in zip(self.values.items(), dice, strict=True)
        }

    def milder(self, values: Mapping[str, float], part: float) -> dict[str, float]:
        """The values on the way from changing nothing (`part` 0) to what they are (1)."""
        stills = {name: self.values[name].still for name in values}
        return {
            name: value if (still := stills[name]) is None
            else round(still + part * (value - still), DIGITS)
            for name, value in values.items()
        }  # fmt: skip
