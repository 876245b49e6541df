"""What lenses, sensors, files and obstacles do. The same bytes on every processor."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np

from infgen.ops.seeds import stream

_TILE = 512  # pixels a side of the noise that there is
_DICE = 4  # whose sum is near enough to the normal distribution
_FRACTION = 16  # noise is in steps of 1/16 grey level for each level of its strength


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Softer, by a Gauss of this standard deviation in pixels; (H, W, C) uint8."""
    if not sigma:
        return picture.copy()
    side = 2 * max(round(3 * sigma), 1) + 1
    return cv2.GaussianBlur(picture, (side, side), sigma)


def noise(picture: np.ndarray, strength: float, x: float, y: float) -> np.ndarray:
    """Grain in every channel, of this standard deviation in grey levels, from the place (`x`, `y`)
    of the tile that there is of it; (H, W, 3) uint8."""
    height, width = picture.shape[:2]
    rows = (np.arange(height) + int(y * _TILE)) % _TILE
    columns = (np.arange(width) + int(x * _TILE)) % _TILE
    grain = _noise()[rows][:, columns].astype(np.int32) * round(strength * _FRACTION)
    # whole numbers, rounded by adding a half before the shift
    grain = (grain + (_FRACTION * _FRACTION >> 1)) >> 8
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


@cache
def _noise() -> np.ndarray:
    """Noise of standard deviation 1, (_TILE, _TILE, 3) int8 in steps of 1 / _FRACTION."""
    rng = stream(0, 0, "noise")
    dice = sum(rng.random((_TILE, _TILE, 3)) for _ in range(_DICE)) - _DICE / 2
    return np.rint(dice * (math.sqrt(12 / _DICE) * _FRACTION)).astype(np.int8)


def jpeg(picture: np.ndarray, quality: float) -> np.ndarray:
    """As it comes back from a JPEG file of this quality, 1 to 100; (H, W, 3) uint8."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    seen = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert seen is not None  # it was written a moment ago
    return cv2.cvtColor(seen, cv2.COLOR_BGR2RGB)


def cutout(
    size: tuple[int, int], share: float, stretch: float, x: float, y: float, level: float
) -> tuple[slice, slice]:
    """The rows and columns of a rectangle that covers this share of a picture of `size` = (width,
    height), is `stretch` times as wide for its height as that, and lies at (`x`, `y`), from 0, the
    left and top, to 1 (Zhong et al., "Random erasing data augmentation", AAAI 2020)."""
    sides = math.sqrt(share * stretch), math.sqrt(share / stretch)
    spans = []
    for part, side, place in zip(sides, size, (x, y), strict=True):
        length = min(round(part * side), side)
        start = round(place * (side - length))
        spans.append(slice(start, start + length))
    return spans[1], spans[0]
