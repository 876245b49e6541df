"""Outlines of what could be objects, several opinions on each, and what they have of whole ones.

The weights were fitted as those of the clues.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from infgen.ops.clues import RIM, object_odds, share_of
from infgen.ops.masks import tight_box
from infgen.ops.scene import Scene, blur, disk, filled, region_depth

_ROUNDS = 5  # of GrabCut
_LEAST_PART = 0.05  # of the weight of the largest: less is no object of its own
_BRIDGE = 0.06  # of the root of an outline's area: half of what is narrow
_LEAST_PIECE = 0.15  # of an outline's core
_SEED = 0  # of OpenCV's random numbers, which belong to the calling thread

WEIGHTS = np.array([2.02, 1.35, 1.62, 0.62, -1.16, -0.81, 0.28, -1.94, -0.92])


def confidence_of(traits: np.ndarray) -> float:
    """The overlap (IoU) that the box of an outline with these traits is thought to have with the
    true one, 0..1."""
    return float(share_of(traits @ WEIGHTS))


def candidates(scene: Scene, region: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All outlines in `region`, (h, w) bool, with their traits."""
    odds = object_odds(scene, region)
    outlines = _outlines(scene.rgb, odds, region)
    for parts in outlines:
        for part in parts:
            yield part, _traits(scene, part, parts, outlines, odds, region)


def _outlines(rgb: np.ndarray, odds: np.ndarray, region: np.ndarray) -> list[list[np.ndarray]]:
    """Several opinions on where the objects are: lists of (h, w) bool.

    GrabCut starts from what is more likely object than a bar says, and sees lightness, hue and the
    odds themselves as its three colours, so that what the clues tell of weighs along with edges.
    """
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    smooth = blur(share_of(odds).astype(np.float32), 1.0)
    shown = np.dstack([lab[..., 0].astype(float), 128 + 2.5 * (lab[..., 2] - 128.0),
                       128 + 18 * np.log((smooth + 1e-3) / (1 - smooth + 1e-3))])  # fmt: skip
    shown = shown.clip(0, 255).astype(np.uint8)
    bars = [_otsu(smooth[region]), 0.3 * float(np.quantile(smooth[region], 0.98)), 0.2]
    bars.append(float(share_of(_otsu(np.log((smooth[region] + 1e-4) / (1.0001 - smooth[region]))))))
    found = []
    for bar in bars:
        start = (smooth > bar) & region
        if not start.any() or start.all():
            continue
        found.append(_parts(start, smooth))
        states = np.where(region, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
        states[start] = cv2.GC_PR_FGD
        cv2.setRNGSeed(_SEED)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(shown, states, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
        parts = _parts((states & 1) != 0, smooth)
        found.append(parts)
    apart = [[piece for part in parts for piece in _pieces(part)] for parts in found]
    return [parts for parts in (*found, *apart) if parts]


def _parts(mask: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """The parts of (h, w) bool `mask` that could be objects: gaps bridged, holes filled."""
    whole = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disk(2))
    whole = cv2.morphologyEx(filled(whole).astype(np.uint8), cv2.MORPH_OPEN, disk(1))
    count, labels = cv2.connectedComponents(whole)
    weight = np.bincount(labels.ravel(), (weights * mask).ravel(), count)[1:]
    if not weight.size or weight.max() <= 0:
        return []
    return [labels == 1 + part for part in np.flatnonzero(weight >= _LEAST_PART * weight.max())]


def _pieces(part: np.ndarray) -> list[np.ndarray]:
    """The two or more masses that narrow bridges join, (h, w) bool each; none for a single one."""
    radius = max(2, round(_BRIDGE * part.sum() ** 0.5))
    core = cv2.erode(part.astype(np.uint8), disk(radius))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    large = [n for n in range(1, count) if stats[n, 4] >= _LEAST_PIECE * core.sum()]
    if len(large) < 2:
        return []
    return [
        (cv2.dilate((labels == n).astype(np.uint8), disk(radius + 1)) != 0) & part for n in large
    ]


def _otsu(values: np.ndarray) -> float:
    """The value that parts `values` best into two."""
    low, high = float(values.min()), float(values.max())
    scaled = ((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    bar, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return low + bar * (high - low) / 255


# ---- what they have of whole objects -------------------------------------------------------------


def _traits(
    scene: Scene,
    part: np.ndarray,
    siblings: Sequence[np.ndarray],
    outlines: Sequence[Sequence[np.ndarray]],
    odds: np.ndarray,
    region: np.ndarray,
) -> np.ndarray:
    """What an outlined part has of a whole object, (7,): agreement with the other outlines, odds
    inside and above those around it, contrast of colour with what is around it, share of the
    region, share of its edge on the region's edge, and 1."""
    box = tight_box(part)
    assert box is not None
    others = [max((box.iou(b) for b in map(tight_box, parts) if b), default=0.0)
              for parts in outlines if parts is not siblings]  # fmt: skip
    around = (cv2.dilate(part.astype(np.uint8), disk(6)) != 0) & ~part
    chance = share_of(odds)
    edge = part & (cv2.erode(part.astype(np.uint8), disk(1)) == 0)
    edge = edge if edge.any() else part  # it fills the picture
    return np.array(
        [
            float(np.mean(others)) if others else 0.0,
            float(chance[part].mean()),
            float(chance[part].mean() - (chance[around].mean() if around.any() else 0)),
            float(np.log(part.sum() / region.sum())),
            float(chance[part].sum() / chance[region].sum()),
            float(part.sum() / box.area),
            float(_sharp(scene)[edge].mean() / (_sharp(scene)[region].mean() + 1e-6)),
            float((region_depth(region)[edge] <= RIM).mean()),
            1.0,
        ]
    )


def _sharp(scene: Scene) -> np.ndarray:
    lab = blur(scene.after, 0.7)
    gradients = [cv2.Sobel(lab, cv2.CV_32F, *along) for along in ((1, 0), (0, 1))]
    return np.linalg.norm(np.concatenate(gradients, axis=2), axis=2)
