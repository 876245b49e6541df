"""GrabCut, and whether what it found is an object at all.

GrabCut always divides a picture in two (Rother et al., "GrabCut", SIGGRAPH 2004): a banknote that
fills its picture, too, into its darker and its lighter print. What was found is an object if its
colours are mostly other than those around it, and if it differs from these along its outline.
"""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.cutting import NoCutout
from infgen.ops.scene import disk, filled

SEARCH = 192  # pixels of the longer side at which it is looked for
ROUNDS = 3
SEED = 0  # of OpenCV's random numbers, which belong to the calling thread
LEAST_PART = 0.02  # of the object: smaller parts are specks

# Of 40 crops that banknotes fill, the most object-like have 0.46 of their colours on both sides; of
# 42 objects on photographs those found well have less, and contrasts from 25 on.
MOST_SHARED = 0.45  # of the colours (Bhattacharyya coefficient)
LEAST_CONTRAST = 18.0  # Lab units, along three quarters of the outline
LEAST_CERTAIN = 4.0  # where there is one: pale cells on a bright field have as little
LEAST_AREA = 0.02  # of the picture
_LEVELS = 24  # grey levels of a colour bin
_AROUND = 3.0  # pixels on either side of the outline that are compared


def grab(picture: np.ndarray, inside: np.ndarray, certain: bool = False) -> np.ndarray:
    """The object of (H, W, 3) uint8 RGB `picture` that lies `inside`, (H, W) bool: (H, W) bool.

    What isn't inside is certainly none of it; there has to be some. If it is `certain` that there
    is an object, there may be others of its colours around it.

    Raises:
        NoCutout: there is no object that differs from what is around it.
    """
    scale = min(SEARCH / max(inside.shape), 1.0)
    size = (max(round(inside.shape[1] * scale), 1), max(round(inside.shape[0] * scale), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    where = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    if not where.any() or where.all() or min(size) < 8:
        raise NoCutout("too small to be told from what is around it")
    states = np.where(where, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    cv2.setRNGSeed(SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    cv2.grabCut(lab, states, (0, 0, 1, 1), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    solid = cv2.morphologyEx(states & 1, cv2.MORPH_OPEN, disk(1))
    found = without_specks(filled(solid) & where)
    _judge(small, found, certain)
    whole = cv2.resize(found.astype(np.float32), inside.shape[::-1])
    return (whole >= 0.5) & inside


def without_specks(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool `mask` without the parts that are too small beside the rest."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept: np.ndarray = (areas >= max(LEAST_PART * areas.sum(), 1))[labels]
    return kept


def _judge(picture: np.ndarray, found: np.ndarray, certain: bool) -> None:
    """Raise NoCutout unless what was found differs from the rest of the picture."""
    if np.count_nonzero(found) < LEAST_AREA * found.size:
        raise NoCutout("nothing stands out")
    if not certain and shared_colours(picture, found) > MOST_SHARED:
        raise NoCutout("as coloured as what is around it")
    if rim_contrast(picture, found) < (LEAST_CERTAIN if certain else LEAST_CONTRAST):
        raise NoCutout("without a clear edge")


def shared_colours(picture: np.ndarray, mask: np.ndarray) -> float:
    """How much the colours inside and outside (H, W) bool `mask` are the same, 0..1: the
    Bhattacharyya coefficient of their histograms."""
    bins = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(int) // _LEVELS
    side = 255 // _LEVELS + 1
    flat = (bins[..., 0] * side + bins[..., 1]) * side + bins[..., 2]
    one, other = (np.bincount(flat[part], minlength=side**3) for part in (mask, ~mask))
    total = max(float(one.sum()) * float(other.sum()), 1.0)
    return float(np.sqrt(one.astype(float) * other).sum() / np.sqrt(total))


def rim_contrast(picture: np.ndarray, mask: np.ndarray) -> float:
    """The Lab units by which the colours just inside and just outside (H, W) bool `mask` differ
    along at least three quarters of its outline."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    near = []
    for part in (mask, ~mask):
        weights = cv2.GaussianBlur(part.astype(np.float32), (0, 0), _AROUND) + 1e-6
        colours = cv2.GaussianBlur(lab * part[..., None], (0, 0), _AROUND)
        near.append(colours / weights[..., None])
    solid = mask.astype(np.uint8)
    rim = cv2.dilate(solid, disk(1)) != cv2.erode(solid, disk(1))
    if not rim.any():
        return 0.0
    return float(np.quantile(np.linalg.norm(near[0] - near[1], axis=2)[rim], 0.25))
