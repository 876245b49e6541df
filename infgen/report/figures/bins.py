"""The fixed bins of all histograms: those of two datasets can be held against each other.

A bin goes from its edge to before the next one; the first and the last also hold all beyond.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GRID = 16  # cells a side of the maps of box centres
MOST_COUNTED = 50  # objects a picture; those with more are counted together

SIDES = tuple(2 ** (k / 2) for k in range(29))  # pixels, 1 to 16,384
AREAS = tuple(float(2**k) for k in range(29))  # square pixels
ASPECTS = tuple(2 ** (k / 4) for k in range(-16, 17))  # width / height
SHARES = tuple(k / 10 for k in range(11))
LEVELS = tuple(float(8 * k) for k in range(33))  # of brightness, 0 to 255
SMALL, MEDIUM = 32**2, 96**2  # square pixels: below is small, below is medium (cocoeval.py)

BINS: dict[str, tuple[float, ...]] = {
    "widths": SIDES,
    "heights": SIDES,
    "areas": AREAS,
    "aspects": ASPECTS,
    "visible": SHARES,
    "ious": SHARES,
    "levels": LEVELS,
}


def bins_of(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """The bin of each of (n,) values: (n,) int64."""
    return np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)


def counted(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How often each pair of (n,) row and (n,) column comes: `shape` int64."""
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
