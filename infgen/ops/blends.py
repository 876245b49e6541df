"""Blends: what becomes of a cutout's edge, and how it is then laid over its scene.

All of it in whole numbers, or in sums and products of single numbers: the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from infgen.ops.blend import OPAQUE, blend_over
from infgen.ops.poisson import cloned, extended

# ---- edges ---------------------------------------------------------------------------------------

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def blend_edges(patch: np.ndarray, blend: str) -> np.ndarray:
    """`patch`, (h, w, 4) uint8 premultiplied, with its edges as the row `blend` of BLENDS has them.

    What was cut away stays away: it has no known colour. Things so thin that less than half of them
    would be left stay as they are.
    """
    alpha = cv2.extractChannel(patch, 3)
    kept = BLENDS[blend].edge(alpha)
    if kept is alpha:
        return patch
    if 2 * np.count_nonzero(kept >= OPAQUE) < np.count_nonzero(alpha >= OPAQUE):
        return patch
    other = np.flatnonzero(kept != alpha)
    now, before = kept.ravel()[other], alpha.ravel()[other]
    pixels = patch.reshape(-1).view(np.uint32).copy()  # each is moved as one number
    colours = pixels[other].view(np.uint8).reshape(-1, 4)
    changed = colours.astype(np.uint16) * now[:, None] // before[:, None]
    pixels[other] = changed.astype(np.uint8).view(np.uint32).ravel()
    return pixels.view(np.uint8).reshape(patch.shape)


def _as_cut(alpha: np.ndarray) -> np.ndarray:
    return alpha


def _hard(alpha: np.ndarray) -> np.ndarray:
    """All or nothing. (What one could see through is opaque then.)"""
    return cv2.threshold(alpha, OPAQUE - 1, 255, cv2.THRESH_BINARY)[1]


def _choke(alpha: np.ndarray) -> np.ndarray:
    """A pixel narrower, without the rim that has colour of the old background in it."""
    return cv2.erode(alpha, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)


def _feather(alpha: np.ndarray) -> np.ndarray:
    """Fading over about two pixels, as a lens and a sensor have it."""
    faded = cv2.GaussianBlur(_choke(alpha), (5, 5), 0.8, borderType=cv2.BORDER_CONSTANT)
    return cv2.min(faded, alpha)


def _gaussian(alpha: np.ndarray) -> np.ndarray:
    """Fading over about four pixels, as what is slightly out of focus."""
    faded = cv2.GaussianBlur(_choke(alpha), (7, 7), 1.3, borderType=cv2.BORDER_CONSTANT)
    return cv2.min(faded, alpha)


# ---- laying --------------------------------------------------------------------------------------


def lay(canvas: np.ndarray, patch: np.ndarray, x: int, y: int, blend: str) -> None:
    """Lay `patch`, (h, w, 4) uint8 premultiplied, its edges done, over `canvas`, (H, W, 3) uint8,
    with its corner at (x, y), in place and as the row `blend` of BLENDS does it. All of it lies on
    the canvas. Pixels farther than REACH from the patch keep every bit.
    """
    BLENDS[blend].lay(canvas, patch, x, y)


def _over(canvas: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """By its opacity alone. What is transparent keeps every bit."""
    blend_over(canvas[y : y + patch.shape[0], x : x + patch.shape[1]], patch)


def _poisson(canvas: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """The scene's colours where the object ends, its own inside. Nothing changes but the object's
    pixels."""
    _clone(canvas, patch, x, y, mixed=False)


def _mixed(canvas: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """As poisson, with what the scene has of stronger texture showing through."""
    _clone(canvas, patch, x, y, mixed=True)


def _clone(canvas: np.ndarray, patch: np.ndarray, x: int, y: int, mixed: bool) -> None:
    """What the object goes over into are the pixels around it; at the canvas's border there are
    none, and it is its own. What has no inside, or fills the canvas, is laid over it as it is."""
    patch, scene = _with_margin(patch, canvas, x, y, 1)
    inside = patch[..., 3] >= OPAQUE
    if inside.all() or not _has_inside(inside, RIM):
        blend_over(scene, patch)
        return
    seen = cloned(_colours(patch), _planes(scene), inside, mixed)
    np.copyto(scene, _picture(seen), where=inside[..., None])


RIM = 3  # pixels at the outline that look like the scene


def _has_inside(mask: np.ndarray, depth: int) -> bool:
    """Whether half of (h, w) bool `mask` lies deeper than so many pixels. What doesn't is all
    edge: it would go up in its scene, and its label would show nothing."""
    box = np.ones((2 * depth + 1,) * 2, np.uint8)
    deep = cv2.erode(mask.astype(np.uint8), box, borderType=cv2.BORDER_REPLICATE)
    return bool(2 * np.count_nonzero(deep) >= np.count_nonzero(mask))


LEVELS = 2  # halvings: more leave a halo of the object's colours
REACH = 3 * 2**LEVELS  # pixels around the object into which its coarser colours fade


def _laplacian(canvas: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """Details end at the outline, what is coarser goes over more widely: every octave fades over
    its own width (Burt and Adelson, "A multiresolution spline with application to image mosaics",
    1983). Faintly, colour of the object shows up to REACH pixels around it. Thin things go over
    less widely, and the thinnest are laid over as they are."""
    patch, scene = _with_margin(patch, canvas, x, y, REACH)
    mask = patch[..., 3] >= OPAQUE
    count = next((n for n in range(LEVELS, 0, -1) if _has_inside(mask, 2**n)), 0)
    if not count:
        blend_over(scene, patch)
        return
    colours = _picture(_colours(patch)).astype(np.int16)
    change = _bands((colours - scene) * np.int16(FINE), count)
    weights = _halvings(patch[..., 3].astype(np.int16) * np.int16(FINE), count)
    seen = np.zeros_like(change[-1])
    for band, weight in zip(change[::-1], weights[::-1], strict=True):
        seen = _grown(seen, band) if seen.shape != band.shape else seen
        seen += (band.astype(np.int32) * weight[..., None] // (255 * FINE)).astype(np.int16)
    rounded = (seen + np.int16(FINE // 2)) // np.int16(FINE)
    scene[:] = np.clip(scene + rounded, 0, 255)


FINE = 16  # parts of a grey level in which it reckons: whole numbers, well within 16 bits


def _bands(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """The Laplacian pyramid of (h, w, 3) int16, finest first."""
    levels = _halvings(picture, count)
    finer = [level - _grown(less, level) for level, less in pairwise(levels)]
    return [*finer, levels[-1]]


def _halvings(picture: np.ndarray, count: int) -> list[np.ndarray]:
    levels = [picture]
    for _ in range(count):
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def _grown(picture: np.ndarray, like: np.ndarray) -> np.ndarray:
    return cv2.pyrUp(picture, dstsize=(like.shape[1], like.shape[0]))


def _with_margin(
    patch: np.ndarray, canvas: np.ndarray, x: int, y: int, margin: int
) -> tuple[np.ndarray, np.ndarray]:
    """The patch with a transparent margin where the canvas has room for it, and the part of the
    canvas under that, as a view."""
    height, width = patch.shape[:2]
    left, top = min(x, margin), min(y, margin)
    right = min(canvas.shape[1] - x - width, margin)
    bottom = min(canvas.shape[0] - y - height, margin)
    wide = cv2.copyMakeBorder(patch, top, bottom, left, right, cv2.BORDER_CONSTANT)
    return wide, canvas[y - top : y + height + bottom, x - left : x + width + right]


def _colours(patch: np.ndarray) -> np.ndarray:
    """The straight colours of a premultiplied patch, (3, h, w) float32 0..255, going on beyond the
    object's outline."""
    planes = _planes(patch[..., :3]) * np.float32(255) / np.maximum(patch[..., 3], 1)
    return extended(planes.astype(np.float32), patch[..., 3] >= OPAQUE)


def _planes(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 as (3, h, w) float32."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32)


def _picture(planes: np.ndarray) -> np.ndarray:
    """(3, h, w) float32 as (h, w, 3) uint8, rounded and cut off at 0 and 255."""
    return np.rint(planes).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


# ---- the table -----------------------------------------------------------------------------------


class Blend(NamedTuple):
    """`edge` is from (h, w) uint8 alpha to what is left of it; `lay` as the function of that name
    takes it."""

    edge: Callable[[np.ndarray], np.ndarray]
    lay: Callable[[np.ndarray, np.ndarray, int, int], None]


# Each object draws one of them, so that no single kind of edge is there to be learnt (Dwibedi et
# al., "Cut, paste and learn", ICCV 2017).
BLENDS = {
    "alpha": Blend(_as_cut, _over),
    "hard": Blend(_hard, _over),
    "choke": Blend(_choke, _over),
    "feather": Blend(_feather, _over),
    "gaussian": Blend(_gaussian, _over),
    "laplacian": Blend(_choke, _laplacian),
    "poisson": Blend(_choke, _poisson),
    "mixed": Blend(_choke, _mixed),
}
