"""Means and spreads of pixels, added up in whole numbers: in any order, always the same."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from operator import add

import cv2
import numpy as np

Sums = tuple[int, ...]  # one for each channel


def pixel_sums(picture: np.ndarray) -> tuple[Sums, Sums]:
    """The sums of the values and of their squares in each channel of (H, W, C) uint8, C up to 4.
    Rounding makes them exact: OpenCV adds bytes up in whole numbers, and loses less than that where
    it takes a root and squares it again."""
    channels = cv2.split(picture)
    sums = cv2.sumElems(picture)[: len(channels)]
    squares = (cv2.norm(channel, cv2.NORM_L2SQR) for channel in channels)
    return tuple(map(round, sums)), tuple(map(round, squares))


@dataclass
class Tally:
    """Values (0..255) counted channel by channel: pictures are added, or two tallies."""

    pixels: int = 0
    sums: Sums = ()
    squares: Sums = ()

    def add(self, pixels: int, sums: Iterable[int], squares: Iterable[int]) -> None:
        """Count a picture of so many `pixels`, or a tally of several."""
        self.pixels += pixels
        self.sums = _plus(self.sums, sums)
        self.squares = _plus(self.squares, squares)

    @property
    def mean(self) -> tuple[float, ...]:
        """Of each channel, in 0..1."""
        return tuple(round(total / self.pixels / 255, 6) for total in self.sums)

    @property
    def std(self) -> tuple[float, ...]:
        """The standard deviation of each channel's values in 0..1."""
        return tuple(
            round(math.sqrt(square * self.pixels - total * total) / self.pixels / 255, 6)
            for total, square in zip(self.sums, self.squares, strict=True)
        )


def _plus(one: Sums, other: Iterable[int]) -> Sums:
    other = tuple(other)
    if not one:
        return other
    assert len(one) == len(other)  # pictures with as many channels
    return tuple(map(add, one, other))
