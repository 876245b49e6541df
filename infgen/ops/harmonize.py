"""Objects in their scene's light: colours brought nearer to those around the place, never all the
way, and never far.

In CIELAB, and in numbers fine enough that no two shades become one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from infgen.ops.lab import to_lab, to_rgb

STRENGTH = 0.5  # of the way from an object's statistics to its scene's
FARTHEST = np.array([[18.0], [12.0], [12.0]])  # in L, a and b, from what a colour was
AROUND = 0.5  # of the object's longer side: how far its scene reaches around it
FEWEST = 64  # pixels of object or scene that tell something
SAMPLE = 4096  # pixels of the scene that are looked at
FINE = 256  # parts of a unit of L, a and b in which sums are taken: whole numbers, in any order


def harmonized(patch: np.ndarray, canvas: np.ndarray, x: int, y: int, name: str) -> np.ndarray:
    """`patch`, (h, w, 4) uint8 premultiplied, in colours nearer to those of `canvas`, (H, W, 3)
    uint8, around its corner's place (x, y), as the row `name` of HARMONIZE has it. Its alpha stays.
    """
    row = HARMONIZE[name]
    alpha = patch[..., 3]
    seen = alpha > 0
    if row is None or np.count_nonzero(seen) < FEWEST:
        return patch
    scene, middle, half = _around(canvas, x, y, patch.shape)
    weight = alpha[seen].astype(np.float64)[:, None] / 255
    before = to_lab(np.rint(patch[seen][:, :3] / weight).clip(0, 255).astype(np.uint8))
    places = (np.stack(np.nonzero(seen)[::-1]) - middle) / half
    after = row(before, scene, places)
    after = before + np.clip(after - before, -FARTHEST, FARTHEST)
    changed = patch.copy()
    changed[seen, :3] = np.rint(to_rgb(after) * weight)
    return changed


def _around(
    canvas: np.ndarray, x: int, y: int, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sparse grid of the canvas around and under a patch, (3, H, W) of Lab; its middle seen from
    the patch's corner, and half its size, both (2, 1) as (x, y) in pixels."""
    reach = round(AROUND * max(shape[:2]))
    top, left = max(y - reach, 0), max(x - reach, 0)
    part = canvas[top : y + shape[0] + reach, left : x + shape[1] + reach]
    step = max(math.ceil(math.sqrt(part.shape[0] * part.shape[1] / SAMPLE)), 1)
    half, corner = (
        np.array([[across], [down]], np.float64)
        for across, down in ((part.shape[1] / 2, part.shape[0] / 2), (left - x, top - y))
    )
    return to_lab(part[::step, ::step]), corner + half, half


def _mean_and_spread(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of (3, n), both (3, 1), by sums of whole numbers."""
    whole = np.rint(lab * FINE).astype(np.int64)
    mean = whole.sum(axis=1, keepdims=True) / whole.shape[1] / FINE
    power = (whole * whole).sum(axis=1, keepdims=True) / whole.shape[1] / FINE**2
    return mean, np.sqrt(np.maximum(power - mean * mean, 0))


# ---- the rows ------------------------------------------------------------------------------------
# From an object's colours, (3, n) Lab, its scene's, (3, H, W), and the places of the object's
# pixels, (2, n) as (x, y), -1 to 1 across the scene: the object's new colours.

NARROWEST, WIDEST = 0.7, 1.4  # times by which an object's contrasts change


def _meanstd(own: np.ndarray, scene: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Mean and spread of every channel (Reinhard et al., "Color transfer between images", 2001)."""
    (mean, spread), (far, wide) = (_mean_and_spread(lab.reshape(3, -1)) for lab in (own, scene))
    times = 1 + STRENGTH * (wide / np.maximum(spread, 0.5) - 1)
    return (own - mean) * np.clip(times, NARROWEST, WIDEST) + mean + STRENGTH * (far - mean)


KNOTS = 17  # quantiles by which two distributions are held side by side
CALM = 4  # units of L, a or b across which quantiles' shifts go over into each other


def _histogram(own: np.ndarray, scene: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Every channel's distribution: each quantile goes towards where the scene has it, and what
    lies between two goes in between, so that shades stay apart (a plain match of histograms makes
    one of many where a colour is frequent, and steps where it ends)."""
    after = np.empty_like(own)
    for channel, (values, others) in enumerate(zip(own, scene.reshape(3, -1), strict=True)):
        shift = STRENGTH * (_quantiles(others) - _quantiles(values))
        after[channel] = values + _between(values, _quantiles(values), shift)
    return after


def _quantiles(values: np.ndarray) -> np.ndarray:
    ranks = np.rint(np.arange(KNOTS) / (KNOTS - 1) * (len(values) - 1)).astype(np.int64)
    return np.sort(values)[ranks]


def _between(values: np.ndarray, knots: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The shift at `values` by that at `knots`, rising: the mean of those near by, the nearer the
    more."""
    sums, weights = np.zeros_like(values), np.zeros_like(values)
    for knot, by in zip(knots, shift, strict=True):
        away = (values - knot) / CALM
        near = 1 / (1 + away * away)
        sums, weights = sums + near * by, weights + near
    return sums / weights


DARKEST, LIGHTEST = 0.7, 1.35  # times the light that an object was taken in


def _lighting(own: np.ndarray, scene: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The scene's light: as bright as it is on the whole, and brighter to where it gets brighter.
    Its slope is that of the plane that fits best."""
    mean, light = _mean_and_spread(own[:1])[0][0, 0], np.rint(scene[0] * FINE).astype(np.int64)
    there = light.sum() / light.size / FINE
    plane = there + sum(
        _slope(layer) * place for layer, place in zip((light, light.T), places, strict=True)
    )
    wanted = 1 + STRENGTH * (plane / np.maximum(mean, 1) - 1)
    return own * np.clip(wanted, DARKEST, LIGHTEST)


def _slope(light: np.ndarray) -> float:
    """By how much (H, W) int64 grows from its middle to its right end, in L."""
    width = light.shape[1]
    across = 2 * np.arange(width) - (width - 1)
    down = (across * across).sum() * len(light)
    return float((across * light).sum() / max(down, 1) * width / FINE)


Row = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

HARMONIZE: dict[str, Row | None] = {
    "none": None,
    "meanstd": _meanstd,
    "histogram": _histogram,
    "lighting": _lighting,
}
