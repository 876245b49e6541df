"""How bright and how colourful pictures are, from the sums over their pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.statistics import pixel_sums
from infgen.report.figures.bins import LEVELS, bins_of
from infgen.report.figures.findings import Looks
from infgen.report.items import Item

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
NAMES = ("brightness", "contrast", "red", "green", "blue")


class LooksTally:
    """Histograms over pictures, in any order."""

    def __init__(self) -> None:
        self._counts = np.zeros((len(NAMES), len(LEVELS) - 1), np.int64)
        self._pictures = self._unreadable = 0

    def add(self, pixels: int, sums: Sequence[int], squares: Sequence[int]) -> None:
        """Count a picture of so many `pixels` by the sums of its values and of their squares in
        red, green and blue."""
        means = [total / pixels for total in sums]
        spreads = [
            math.sqrt(max(square * pixels - total * total, 0)) / pixels
            for total, square in zip(sums, squares, strict=True)
        ]
        brightness = sum(share * mean for share, mean in zip(LUMA, means, strict=True))
        values = np.array([brightness, sum(spreads) / len(spreads), *means])
        self._counts[np.arange(len(NAMES)), bins_of(values, LEVELS)] += 1
        self._pictures += 1

    def read(self, item: Item) -> None:
        """Count a picture by its file, or as unreadable."""
        try:
            data = np.frombuffer(item.read(), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        except (OSError, cv2.error):  # gone, or more pixels than OpenCV takes
            picture = None
        if picture is None:
            self._unreadable += 1
            return
        sums, squares = pixel_sums(picture)
        self.add(picture.shape[0] * picture.shape[1], sums[::-1], squares[::-1])

    def looks(self, total: int) -> Looks | None:
        """What was counted, of `total` pictures. None for none."""
        if not self._pictures + self._unreadable:
            return None
        counts = dict(zip(NAMES, self._counts.tolist(), strict=True))
        return Looks(self._pictures, self._unreadable, self._pictures == total, **counts)
