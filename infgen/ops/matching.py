"""What a model did to a crop beyond its task: it moved colours, and that is taken back.

Two pictures of the same crop are compared, (S, S, 3) uint8 RGB, before and after. `denoise` is
(S, S) bool, where the model was to paint; the rest is *known*, and should have stayed as it was.
"""

from __future__ import annotations

import cv2
import numpy as np

RING = 4  # cells around the denoise mask in which colours are compared
GAIN_RANGE = (0.8, 1.25)
MAX_OFFSET = 32.0  # grey levels
_FEWEST = 8  # cells from which a colour shift can be told
_STEADY = 36.0  # grey levels squared: contrast of the ring from which its change is believed
_OUTLIER = 2.5  # standard deviations
_ROUNDS = 5  # of finding outliers
_BLACK, _WHITE = 4, 251


def match_colour(
    painted: np.ndarray, reference: np.ndarray, denoise: np.ndarray, cell: int, ring: int = RING
) -> np.ndarray:
    """`painted` with the colour shift taken out that the known cells around `denoise` show.

    Per channel a gain (within GAIN_RANGE) and an offset (up to MAX_OFFSET), from the means of the
    latent cells within `ring` cells of the mask: means, because it's broad shifts that show as a
    step at the edge, and because noise and grain say nothing about contrast. Cells that don't fit
    in, such as a shadow that the model painted next to its task, don't count. A flat ring tells an
    offset only; one of too few cells tells nothing. Equal pictures come back as they are.
    """
    around = _ring(denoise[::cell, ::cell], ring)
    if np.count_nonzero(around) < _FEWEST:
        return painted
    ours, theirs = (_cells(picture, cell)[around] for picture in (painted, reference))
    fits = [_fit(ours[:, channel], theirs[:, channel]) for channel in range(3)]
    if all(fit == (1.0, 0.0) for fit in fits):
        return painted
    levels = np.arange(256)
    table = np.stack([(levels - offset) / gain for gain, offset in fits], axis=1)
    return cv2.LUT(painted, np.rint(table.clip(0, 255)).astype(np.uint8)[None])


def _ring(cells: np.ndarray, ring: int) -> np.ndarray:
    """The cells within `ring` of the masked ones, (h, w) bool."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1, 2 * ring + 1))
    return (cv2.dilate(cells.astype(np.uint8), kernel) != 0) & ~cells


def _cells(picture: np.ndarray, cell: int) -> np.ndarray:
    """The mean colour of each cell, (h, w, 3) float32."""
    height, width = (side // cell for side in picture.shape[:2])
    return cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)


def _fit(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """(gain, offset) with which `ours` = gain * `theirs` + offset, but for outliers and what is cut
    off at black or white."""
    true = (ours > _BLACK) & (ours < _WHITE)
    if np.count_nonzero(true) >= _FEWEST:
        ours, theirs = ours[true], theirs[true]
    gain, offset = 1.0, float(np.median(ours - theirs))
    for _ in range(_ROUNDS):
        error = np.abs(ours - gain * theirs - offset)
        keep = error <= max(_OUTLIER * 1.4826 * float(np.median(error)), 1.0)
        gain = _gain(ours[keep], theirs[keep])
        offset = float(ours[keep].mean() - gain * theirs[keep].mean())
    return gain, min(max(offset, -MAX_OFFSET), MAX_OFFSET)


def _gain(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The slope of `ours` over `theirs`, nearer to 1 the less both have in common."""
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    common, variance, own = (
        float((a * b).mean()) for a, b in ((ours, theirs), (theirs, theirs), (ours, ours))
    )
    if common <= 0:
        return 1.0
    agreement = common * common / (variance * own)
    slope = (common + _STEADY) / (variance + _STEADY)
    low, high = GAIN_RANGE
    return min(max(1 + agreement * (slope - 1), low), high)
