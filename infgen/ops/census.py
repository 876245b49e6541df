"""What a class's row says when nobody wrote it: how many and how large, as its pictures have it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from infgen.records.taken import Extent

FEW, MANY = 0, 2  # objects a picture, where nothing is known
SMALL, LARGE = "15%", "40%"  # sides, likewise
INNER = 0.05  # share of the extents on either side that is passed over


def unknown_row() -> dict[str, str]:
    """The cells of a class of which there are cutouts, and nothing else is known."""
    return {"min_appear": str(FEW), "max_appear": str(MANY)} | _sides(
        (SMALL, LARGE), (SMALL, LARGE)
    )


def known_row(
    extents: Sequence[Extent], counts: Sequence[int], each: float = 1.0
) -> dict[str, str]:
    """The cells of a class whose objects have these `extents` in percent of their pictures, of
    which `counts` are how many each of the pictures shows, none of them too. A cutout brings `each`
    of them on average: more than one where there are groups.

    Numbers between min_appear and max_appear are drawn alike, so that these lie around the mean:
    the most that a picture shows is far more than most do.
    """
    mean = sum(counts) / max(len(counts), 1) / each
    least = math.floor(min(counts, default=0) / each)
    most = max(min(round(2 * mean - least), max(counts, default=0)), least, 1)
    cells = {"min_appear": str(least), "max_appear": str(most)}
    widths, heights = (_range([extent[axis] for extent in extents]) for axis in (0, 1))
    return cells | _sides(widths, heights)


def absent_row() -> dict[str, str]:
    """The cells of a class that appears only in other classes' groups: it isn't drawn by itself."""
    return unknown_row() | {"min_appear": "0", "max_appear": "0"}


def _sides(widths: tuple[str, str], heights: tuple[str, str]) -> dict[str, str]:
    return {
        "width_min": widths[0],
        "height_min": heights[0],
        "width_max": widths[1],
        "height_max": heights[1],
    }


def _range(lengths: Sequence[float]) -> tuple[str, str]:
    """The 5th and the 95th percentile, as cells of at least 1 %."""
    ordered = sorted(lengths)
    ends = (percentile(ordered, share) for share in (INNER, 1 - INNER))
    low, high = (f"{min(max(end, 1.0), 100.0):.3g}%" for end in ends)
    return low, high


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the `ordered` ones lie, between two of them by its place."""
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (place - math.floor(place)) * (high - low)
