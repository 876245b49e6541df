"""Means and spreads of pixels, added up in whole numbers: in any order, always the same."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

Sums = tuple[int, ...]  # one for each channel


def pixel_sums(picture: np.ndarray) -> tuple[Sums, Sums]:
    """The sums of the values and of their squares in each channel of (H, W, C) uint8.

    OpenCV adds in whole numbers and divides in the end. That loses far less than rounding gives
    back, up to a billion pixels.
    """
    means, deviations = cv2.meanStdDev(picture)
    pixels = picture.shape[0] * picture.shape[1]
    sums, squares = [], []
    for mean, deviation in zip(means.ravel().tolist(), deviations.ravel().tolist(), strict=True):
        sums.append(round(mean * pixels))
        squares.append(round((deviation * deviation + mean * mean) * pixels))
    return tuple(sums), tuple(squares)


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
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one else other
