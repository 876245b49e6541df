"""Objects that were painted on a plain backdrop, cut out: a soft alpha, and colours of their own.

A pixel at an object's edge is a mixture, I = a F + (1 - a) B. On a plain backdrop B is told from
around the object, and F from inside it, so that a follows, and then F = (I - (1 - a) B) / a: the
backdrop's colour is out of it (Smith and Blinn, "Blue screen matting", 1996). A model repaints the
backdrop near the object, too: haze, shadows, bits of the scenery that it is used to. So what is of
the object is asked first.

Pictures are (H, W, 3) uint8 RGB, masks (H, W) bool; colours and alphas on the way are float32, in
grey levels and 0..1.
"""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.scene import disk, filled

LEVELS = (150, 225, 175, 205)  # grey levels of backdrops; neighbours differ
MARGIN = 2  # pixels of nothing around a cutout

_SEARCH = 192  # pixels of the longer side at which the object is told from what lies around it
_ROUNDS = 4  # of GrabCut
_SEED = 0  # of OpenCV's random numbers, which belong to the calling thread
_LIGHTNESS = 0.6  # how much of a change of lightness counts: shadows and haze are nothing else
_CERTAIN = 0.75  # of the object's own contrast to the backdrop
_POSSIBLE = (0.15, 0.4)  # of it: from where on something may belong to the object
_FRAME = 1 / 16  # of the picture's side: the frame that shows how much a backdrop changes by itself
_UNREST = 0.95  # of the frame changed less than what may belong to the object
_LEAST_HOLE = 0.06  # of the object's area, holes filled: less is a spot on it

_NEAR = 1 / 128  # of the picture's side: how far from the outline a pixel may be a mixture
_LEAST_NEAR = 3.0  # pixels
_UNSURE = 14.0  # grey levels: contrast at which the outline says as much of alpha as the colours

LEAST_PART = 0.9  # of the object that its largest part must be
LEAST_AREA = 0.01  # of the picture
LEAST_COMMON = 0.6  # of the cutout and of what the painter called the object (IoU)
MOST_SOFT = 1.5  # times what is near the outline: width of the edge
MOST_ALIKE = 0.4  # of the edge may have so little contrast that its alpha is a guess


class NoCutout(Exception):
    """Why an object can't be cut out: words that are counted."""


def draw_backdrop(size: tuple[int, int], number: int) -> np.ndarray:
    """A plain backdrop of (width, height): one grey all over, (H, W, 3) uint8. Those of successive
    numbers differ much, so that one of them suits any object. (A gradient serves worse: what a
    painter makes of it looks like a change of contrast to whoever matches colours.)"""
    return np.full((*size[::-1], 3), LEVELS[number % len(LEVELS)], np.uint8)


def cut_out(picture: np.ndarray, backdrop: np.ndarray, thing: np.ndarray) -> np.ndarray:
    """The object of `picture` as (h, w, 4) uint8 RGBA, straight alpha, with MARGIN around it.

    `backdrop` is the picture before it was painted, `thing` about where the object is.

    Raises:
        NoCutout: it can't be told from its backdrop, or isn't whole and in one piece.
    """
    mask = outline(picture, backdrop, thing)
    whole = filled(mask.view(np.uint8))
    if np.count_nonzero(whole & thing) < LEAST_COMMON * np.count_nonzero(whole | thing):
        raise NoCutout("unclear what is the object")
    alpha, colour, contrast = matte(picture, mask)
    alpha = _one_part(alpha)
    _judge(alpha, contrast)
    rgba = as_rgba(alpha, colour)
    box = tight_box(alpha > 1 / 255)
    assert box is not None
    x0, y0, x1, y1 = (int(edge) for edge in box.xyxy)
    return np.pad(rgba[y0:y1, x0:x1], ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))


def as_rgba(alpha: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """What `matte` gives, as (H, W, 4) uint8 RGBA, straight alpha."""
    return np.rint(np.dstack([colour, 255 * alpha])).clip(0, 255).astype(np.uint8)


# ---- what is of the object -----------------------------------------------------------------------


def outline(picture: np.ndarray, backdrop: np.ndarray, thing: np.ndarray) -> np.ndarray:
    """The object's pixels, (H, W) bool, without the bits of scenery that cling to it: they differ
    from the backdrop, but mostly less, and have other colours.

    Raises:
        NoCutout: there is nothing that differs, or there are several such things.
    """
    scale = min(_SEARCH / max(thing.shape), 1.0)
    size = (round(thing.shape[1] * scale), round(thing.shape[0] * scale))
    small, plain = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (picture, backdrop))
    where = cv2.resize(thing.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
    if not where.any():
        raise NoCutout("nothing stands out")
    states = _guess(_contrast(small, plain), where)
    if not (states & 1).any():
        raise NoCutout("nothing stands out")
    cv2.setRNGSeed(_SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    cv2.grabCut(lab, states, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = _with_spots((states & 1) != 0)
    whole = cv2.resize(found.astype(np.float32), thing.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return whole >= 0.5


def _guess(contrast: np.ndarray, thing: np.ndarray) -> np.ndarray:
    """GrabCut's states to begin with, (h, w) uint8. Pale parts may belong to the object as far as
    they hang together with it and stand out from what the backdrop does by itself (hysteresis,
    Canny, 1986). What shows through its holes has to have the contrast of a part."""
    strong = float(np.quantile(contrast[thing], 0.6))
    low, high = (share * strong for share in _POSSIBLE)
    bar = min(max(float(np.quantile(contrast[_frame(thing)], _UNREST)), low), high)
    holes = filled(thing.view(np.uint8)) & ~thing
    core = cv2.erode(thing.view(np.uint8), disk(2)) != 0
    certain = core & (contrast > _CERTAIN * strong)
    possible = (contrast > high) | ((contrast > bar) & ~holes)
    _, labels = cv2.connectedComponents(possible.view(np.uint8))
    states = np.where(contrast < bar, cv2.GC_BGD, cv2.GC_PR_BGD).astype(np.uint8)
    states[possible & np.isin(labels, labels[certain])] = cv2.GC_PR_FGD
    states[certain] = cv2.GC_FGD
    states[[0, -1]], states[:, [0, -1]] = cv2.GC_BGD, cv2.GC_BGD
    return states


def _frame(thing: np.ndarray) -> np.ndarray:
    """The outermost pixels of the picture, (h, w) bool."""
    frame, width = np.ones_like(thing), max(round(_FRAME * max(thing.shape)), 1)
    frame[width:-width, width:-width] = False
    return frame


def _contrast(picture: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """How much each pixel differs from the backdrop, in Lab units, less so in lightness."""
    one, other = (
        cv2.GaussianBlur(cv2.cvtColor(p.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), 0.7)
        for p in (picture, backdrop)
    )
    difference = (one - other) * np.array([_LIGHTNESS, 1, 1], np.float32)
    return np.linalg.norm(difference, axis=2)


def _with_spots(mask: np.ndarray) -> np.ndarray:
    """The largest part, small holes in it filled: spots of the backdrop's colour.

    Raises:
        NoCutout: there is no part, or several.
    """
    part = _largest(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disk(1)))
    whole = filled(part.view(np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((whole & ~part).view(np.uint8))
    least = _LEAST_HOLE * np.count_nonzero(whole)
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] < least:
            part |= labels == number
    return part


# ---- how opaque it is ----------------------------------------------------------------------------


def matte(picture: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(alpha, colour, contrast) of the object that is about `mask`: (H, W) float32 0..1, (H, W, 3)
    float32 with the backdrop's share taken out, and (H, W) float32, the grey levels by which object
    and backdrop differ there, 0 but near the outline.

    Only near the outline is anything a mixture. Where both sides look alike there, the colours say
    little, and the outline with an edge of ordinary softness takes their place.
    """
    near = _near(mask)
    inward, outward = _depth(mask), _depth(~mask)
    pixels = picture.astype(np.float32)
    front, spread = _typical(pixels, np.minimum(inward / near, 1) ** 2, near)
    back, _ = _typical(pixels, np.minimum(outward / near, 1) ** 3, near)
    apart = front - back
    contrast = np.linalg.norm(apart, axis=2)
    by_colour = ((pixels - back) * apart).sum(axis=2) / np.maximum(contrast**2, 1)
    by_place = 0.5 + (inward - outward) / 2
    trust = contrast**2 / (contrast**2 + _UNSURE**2 + spread)
    alpha = trust * by_colour.clip(0, 1) + (1 - trust) * by_place.clip(0, 1)
    alpha = np.where(inward > near, 1, np.where(outward > near, 0, alpha)).astype(np.float32)
    alpha[alpha < 0.02], alpha[alpha > 0.98] = 0, 1
    pure = back + (pixels - back) / np.maximum(alpha, 0.02)[..., None]
    share = np.clip(2 * alpha, 0, 1)[..., None]  # of the faintest, noise is all that is left
    colour = (share * pure + (1 - share) * front).clip(0, 255)
    edge = (inward <= near) & (outward <= near)
    return alpha, np.where(alpha[..., None] == 1, pixels, colour), np.where(edge, contrast, 0)


def _near(mask: np.ndarray) -> float:
    """How many pixels from its outline an object may be a mixture."""
    return max(_LEAST_NEAR, _NEAR * max(mask.shape))


def _depth(mask: np.ndarray) -> np.ndarray:
    """Pixels from each pixel's middle to the edge of `mask`, 0 outside, float32."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.maximum(distance - 0.5, 0)


def _typical(
    pixels: np.ndarray, weights: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean colour around every pixel, (H, W, 3) float32, and its variance, (H, W):
    over `reach` pixels, and further where there is nothing to see."""
    total = np.zeros(weights.shape, np.float32)
    first, second = np.zeros_like(pixels), np.zeros(weights.shape, np.float32)
    weights = weights.astype(np.float32)
    for step, deviation in enumerate((reach, 3 * reach)):
        share = 1e-3**step
        total += share * cv2.GaussianBlur(weights, (0, 0), deviation)
        first += share * cv2.GaussianBlur(pixels * weights[..., None], (0, 0), deviation)
        squares = (pixels**2).sum(axis=2) * weights
        second += share * cv2.GaussianBlur(squares, (0, 0), deviation)
    total = np.maximum(total, 1e-9)
    mean = first / total[..., None]
    return mean, np.maximum(second / total - (mean**2).sum(axis=2), 0)


# ---- whether it is fit for use -------------------------------------------------------------------


def _one_part(alpha: np.ndarray) -> np.ndarray:
    """`alpha` without the specks that don't hang together with the rest.

    Raises:
        NoCutout: these are more than specks.
    """
    largest = _largest((alpha >= 0.5).view(np.uint8)).view(np.uint8)
    return np.where(cv2.dilate(largest, disk(round(_near(alpha)))) != 0, alpha, 0)


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest part of (H, W) uint8 `mask`, bool.

    Raises:
        NoCutout: there is none, or others are as good as parts of the object.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        raise NoCutout("nothing stands out")
    areas = stats[1:, cv2.CC_STAT_AREA]
    if areas.max() < LEAST_PART * areas.sum():
        raise NoCutout("in several parts")
    part: np.ndarray = labels == 1 + int(areas.argmax())
    return part


def _judge(alpha: np.ndarray, contrast: np.ndarray) -> None:
    """Raise NoCutout if what is cut out could not be used."""
    solid = (alpha >= 0.5).view(np.uint8)
    if np.count_nonzero(solid) < LEAST_AREA * alpha.size:
        raise NoCutout("too little stands out")
    if alpha[[0, -1]].any() or alpha[:, [0, -1]].any():
        raise NoCutout("cut off at the border")
    if edge_width(alpha) > MOST_SOFT * _near(alpha):
        raise NoCutout("without a clear edge")
    rim = (cv2.dilate(solid, disk(1)) != 0) & (cv2.erode(solid, disk(1)) == 0)
    if np.mean(contrast[rim] < 2 * _UNSURE) > MOST_ALIKE:
        raise NoCutout("too like its backdrop")


def edge_width(alpha: np.ndarray) -> float:
    """The mean width of an (H, W) float32 alpha's soft edge in pixels: across an even rise of that
    width, a (1 - a) sums up to a sixth of it."""
    solid = (alpha >= 0.5).view(np.uint8)
    rings, _ = cv2.findContours(solid, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(ring, True) for ring in rings)
    return 6 * float((alpha * (1 - alpha)).sum()) / max(length, 1.0)
