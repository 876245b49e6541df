"""What speaks for an object, pixel by pixel of a repainted region, and what that adds up to.

The weights were fitted by scripts/fit_refit.py to photographs with cutouts pasted into regions that
were repainted by simple means, and to nothing else.
"""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.scene import Scene, blur, region_depth

RIM = 4  # pixels: what lies this close to the region's edge is taken for background
_PALETTES = (8, 20)  # colours and textures into which a region is sorted: coarse and fine
_SEED = 0  # of OpenCV's random numbers, which belong to the calling thread
_NO_ODDS = -8.0  # of what wasn't repainted

WEIGHTS = np.array([1.2, 0.29, -0.35, -0.52, 0.92, 0.89, 3.27, -0.33, -2.65])  # of the clues, and 1


def object_odds(scene: Scene, region: np.ndarray) -> np.ndarray:
    """The log odds of each pixel to be an object's, (h, w) float32."""
    odds = np.full(region.shape, _NO_ODDS, np.float32)
    odds[region] = clues_of(scene, region) @ WEIGHTS[:-1] + WEIGHTS[-1]
    return odds


def share_of(odds: np.ndarray | float) -> np.ndarray:
    """Log odds as a share, 0..1."""
    return 1 / (1 + np.exp(-np.asarray(odds, np.float64)))


def clues_of(scene: Scene, region: np.ndarray) -> np.ndarray:
    """What each pixel of the region (in row order) has of an object, (n, 8) float32. Most count in
    terms of the region's mean, so that pictures of any contrast compare.

    0  how many edges a way from outside the region has to cross (geodesic distance)
    1  how deep in the region it lies
    2  its palette colour lies on the region's rim
    3  its palette colour is one of the known scene
    4  how much its palette colour changed
    5  local contrast
    6  how deep its palette colour lies in the region
    7  how sharp it is
    """
    known = ~region
    outside = known.copy()
    if not outside.any():  # all was repainted: the picture's border is the rim
        outside[[0, -1]] = outside[:, [0, -1]] = True
    lightness = scene.after[..., 0]
    way = _edges_crossed(blur(scene.after, 0.7), outside)[region]
    depth = region_depth(region)
    deep = (depth / max(float(depth.max()), 1.0))[region]
    contrast = _contrast(lightness)
    gradients = [cv2.Sobel(lightness, cv2.CV_32F, *along) for along in ((1, 0), (0, 1))]
    sharpness = np.log1p(blur(np.hypot(*gradients), 2.0))
    by_palette = _palette_clues(scene, region, depth, deep)
    return np.stack(
        [
            np.log(_relative(way) + 0.05),
            deep,
            *by_palette[:2],
            np.log(_relative(by_palette[2]) + 0.05),
            np.log(_relative(contrast[region]) + 0.1),
            by_palette[3] - deep.mean(),
            sharpness[region] - np.median(sharpness),
        ],
        axis=1,
    ).astype(np.float32)


def _palette_clues(
    scene: Scene, region: np.ndarray, depth: np.ndarray, deep: np.ndarray
) -> np.ndarray:
    """Clues 2, 3, 4, 6, (4, n): the region's colours and textures sorted into palettes, and what
    holds for the whole of an entry. Averaged over the palettes."""
    looks = [np.dstack([blur(lab, 1.5), _contrast(lab[..., 0])]) for lab in
             (scene.before, scene.after)]  # fmt: skip
    ours = looks[1][region]
    known = np.concatenate([looks[0][::3, ::3].reshape(-1, 4), looks[1][~region][::9]])
    rim = (depth <= RIM)[region]
    sums = np.zeros((4, len(ours)))
    for count in _PALETTES:
        entries = _palette(ours, min(count, len(ours)))
        number, off = _nearest(ours, entries)
        known_number, known_off = _nearest(known, entries)
        members = np.bincount(number, minlength=count) + 1e-9
        on_rim = np.bincount(number, rim, count)
        in_scene = np.bincount(known_number[known_off < 2 * off.mean()], minlength=count)
        share = rim.mean()
        rows = (
            np.log((on_rim + 5 * share + 1) / ((members + 5) * share + 1)),
            np.log((in_scene / len(known) + 0.002) / (members / len(ours) + 0.002)),
            np.bincount(number, scene.change[region], count) / members,
            np.bincount(number, deep, count) / members,
        )
        sums += np.stack([row[number] for row in rows])
    return sums / len(_PALETTES)


def _palette(looks: np.ndarray, count: int) -> np.ndarray:
    """(count, 4) float32 that stand for (n, 4) `looks`."""
    some = np.ascontiguousarray(looks[:: max(1, len(looks) // 4000)], np.float32)
    cv2.setRNGSeed(_SEED)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 0.5)
    labels = np.zeros((len(some), 1), np.int32)
    _, _, entries = cv2.kmeans(some, min(count, len(some)), labels, stop, 1, cv2.KMEANS_PP_CENTERS)
    return entries


def _nearest(looks: np.ndarray, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The entry that each look comes nearest to, and how far it is off."""
    square = (looks**2).sum(1)[:, None] + (entries**2).sum(1) - 2 * looks @ entries.T
    number = square.argmin(1)
    return number, np.sqrt(np.maximum(square[np.arange(len(looks)), number], 0))


_STEPS = [(0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1)]


def _edges_crossed(lab: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The least colour change that a way from `outside` to each pixel adds up to, (h, w) float32.

    Every pixel asks its eight neighbours, all at once, until nothing gets shorter: at this size
    that takes less than a queue would.
    """
    height, width = outside.shape
    wide = np.pad(lab, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = [(slice(1 + y, 1 + y + height), slice(1 + x, 1 + x + width)) for y, x in _STEPS]
    steps = [np.linalg.norm(wide[window] - lab, axis=2) + 0.05 for window in windows]
    way = np.where(outside, 0, 1e6).astype(np.float32)
    for _ in range(height * width):
        around = np.pad(way, 1, constant_values=1e6)
        shorter = way
        for window, step in zip(windows, steps, strict=True):
            shorter = np.minimum(shorter, around[window] + step)
        if np.array_equal(shorter, way):
            break
        way = shorter
    return way


def _contrast(lightness: np.ndarray, deviation: float = 2.0) -> np.ndarray:
    """The local standard deviation."""
    mean = blur(lightness, deviation)
    return np.sqrt(np.maximum(blur(lightness * lightness, deviation) - mean * mean, 0))


def _relative(values: np.ndarray) -> np.ndarray:
    return values / (values.mean() + 1e-6)
