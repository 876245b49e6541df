"""Putting an object down: all of its look in the order in which it is seen."""

from __future__ import annotations

import numpy as np

from infgen.ops.blends import lay
from infgen.ops.harmonize import harmonized
from infgen.ops.shadows import cast
from infgen.records.plan import Look


def put_down(canvas: np.ndarray, patch: np.ndarray, x: int, y: int, look: Look) -> None:
    """Put `patch`, (h, w, 4) uint8 premultiplied with its edges blended, onto `canvas`, (H, W, 3)
    uint8, in place, its corner at (x, y): in its scene's light, over its shadow."""
    patch = harmonized(patch, canvas, x, y, look.harmonize)
    if look.shadow is not None:
        cast(canvas, patch, x, y, look.shadow)
    lay(canvas, patch, x, y, look.blend)
