"""What decoys are filled with: another part of the scene that goes on along their outline, or what
a model made of this one; made as light and as rough as what is around it.

What is done to pixels is in whole numbers, or in sums, products and quotients of single ones: the
same bytes everywhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.lookalikes import MOST, NARROW, Ground, lookalike, outline_of
from infgen.ops.poisson import in_fours, membrane

REACH = 6  # pixels from the outline in which roughness is compared
INNER = slice(REACH - NARROW, NARROW - REACH)  # of that: without the outer margin
ROUGHER = 2.5  # times that detail is made stronger, or weaker, at the most
SOFT = ((9, 9), 2)  # what makes a picture one without detail: kernel, pixels
FAINT = 0.5  # grey levels added to both strengths of detail: rounding is none
FINE = 5  # bits after the point: (ROUGHER * 255 + MOST) << FINE is below 2**15


def fill(
    canvas: np.ndarray,
    ground: Ground,
    alpha: np.ndarray,
    x: int,
    y: int,
    source: tuple[float, float],
) -> np.ndarray | None:
    """Colours, (h, w, 3) uint8, for an outline, (h, w) uint8 alpha with its corner at (x, y).

    They are from that part of `canvas`, (H, W, 3) uint8, that is likest along the outline (see
    `lookalike`, also for the other arguments). None if there is no such place.
    """
    place = lookalike(canvas, ground, alpha, x, y, source)
    if place is None:
        return None
    here, there = (_window(canvas, *corner, alpha.shape) for corner in ((x, y), place))
    return _matched(there, here, alpha)


def fitted(
    canvas: np.ndarray, painted: np.ndarray, alpha: np.ndarray, x: int, y: int
) -> np.ndarray:
    """Bare scene that was `painted`, (h, w, 3) uint8, made as light and as rough as `canvas`,
    (H, W, 3) uint8, is along an outline, (h, w) uint8 alpha, with their corner at (x, y): (h, w, 3)
    uint8. Detail is compared a little beyond it, so what was painted has to go on there."""
    margin = ((NARROW, NARROW), (NARROW, NARROW), (0, 0))
    wide = np.pad(painted, margin, mode="edge")
    return _matched(wide, _window(canvas, x, y, alpha.shape), alpha)


def _matched(filling: np.ndarray, scene: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Both (h + 2 NARROW, w + 2 NARROW, 3) uint8; the result, and (h, w) alpha, without margin."""
    band, near = outline_of(alpha, NARROW), outline_of(alpha, REACH)[INNER, INNER]
    soft = cv2.GaussianBlur(filling, *SOFT)
    detail = filling.astype(np.int16) - soft
    lighter = _step(scene.astype(np.int16) - filling, band)
    rougher = _ratio(_strength(scene), np.abs(detail[..., 1]), near)
    skin = _fine(membrane(np.concatenate([lighter, rougher[None]]), _blocks(band) > 0), band.shape)
    seen = soft + (detail * skin[..., 3:] + skin[..., :3] + (1 << FINE - 1) >> FINE)
    return seen[NARROW:-NARROW, NARROW:-NARROW].clip(0, 255).astype(np.uint8)


def _window(canvas: np.ndarray, x: int, y: int, shape: tuple[int, ...]) -> np.ndarray:
    """The place of a patch of (h, w), with a margin of NARROW, repeated beyond the canvas's
    border."""
    rows = np.arange(y - NARROW, y + shape[0] + NARROW).clip(0, canvas.shape[0] - 1)
    columns = np.arange(x - NARROW, x + shape[1] + NARROW).clip(0, canvas.shape[1] - 1)
    return canvas.take(rows, 0).take(columns, 1)


def _strength(picture: np.ndarray) -> np.ndarray:
    """The detail of (h, w, 3) uint8, as it is in its green: (h, w) uint8."""
    green = picture[..., 1]
    return cv2.absdiff(green, cv2.GaussianBlur(green, *SOFT))


def _step(apart: np.ndarray, band: np.ndarray) -> np.ndarray:
    """By how much to make the blocks along the outline lighter, so that there is no step: the mean
    of (h, w, 3) int16 there, (3, h / 4, w / 4) float32."""
    known = band.astype(np.float32)
    sums, counts = _blocks(apart.transpose(2, 0, 1) * known), _blocks(known)
    return (sums / np.maximum(counts, 1)).clip(-MOST, MOST)


def _ratio(wanted: np.ndarray, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """By what to multiply detail in a block, so that it is as strong as around it: from that of
    both places, (h, w) whole numbers, where the outline is `near`, (h, w) bool. (h / 4, w / 4)
    float32."""
    room, *strengths = (
        cv2.boxFilter(_blocks((one * near).astype(np.float32)), -1, (3, 3), normalize=False)
        for one in (near, wanted, own)
    )
    wanted, own = (one + np.float32(FAINT) * np.maximum(room, 1) for one in strengths)
    return (wanted / own).clip(1 / ROUGHER, ROUGHER)


def _blocks(values: np.ndarray) -> np.ndarray:
    """Sums of every four by four, (..., h / 4, w / 4): what is smooth needs no more."""
    return in_fours(in_fours(values))


def _fine(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(channels, h / 4, w / 4) float32 as (h, w, channels) int16 of this (h, w), with FINE."""
    whole = np.rint(coarse * np.float32(1 << FINE)).astype(np.int16)
    finer = np.ascontiguousarray(whole.transpose(1, 2, 0))
    half = cv2.pyrUp(finer, dstsize=((shape[1] + 1) // 2, (shape[0] + 1) // 2))
    return cv2.pyrUp(half, dstsize=(shape[1], shape[0]))
