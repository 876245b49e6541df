"""Cutouts onto canvases: premultiplied alpha, so that no edge picks up colour from behind it."""

from __future__ import annotations

import cv2
import numpy as np

OPAQUE = 128  # alpha from which a pixel belongs to the object


def premultiply(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 straight RGBA to premultiplied: colour scaled by alpha / 255, rounded.

    Interpolating straight colours mixes in whatever lies under alpha 0 (often black: the dark fringe
    of so many pasted datasets); interpolating premultiplied ones weighs each colour by its alpha
    (Porter and Duff, "Compositing digital images", 1984).
    """
    alpha = rgba[..., 3:].astype(np.uint16)
    colour = (rgba[..., :3] * alpha + 127) // 255
    return np.concatenate([colour.astype(np.uint8), rgba[..., 3:]], axis=2)


def crop_to_content(rgba: np.ndarray) -> np.ndarray:
    """The part of an RGBA picture that isn't wholly transparent, as a contiguous copy."""
    seen = rgba[..., 3] > 0
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()


def halvings(pixels: np.ndarray) -> list[np.ndarray]:
    """The picture and its repeated halvings down to a few pixels (Williams, "Pyramidal
    parametrics", 1983): scaling down from the nearest level costs by the result's size."""
    levels = [pixels]
    while min(levels[-1].shape[:2]) >= 32:
        height, width = levels[-1].shape[:2]
        levels.append(
            cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        )
    return levels


def scale_to(levels: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """A premultiplied picture at `size` = (width, height), from its `halvings`.

    Shrinking averages areas and growing interpolates linearly: neither overshoots, so colour never
    exceeds alpha.
    """
    width, height = size
    source = levels[0]
    for level in levels:
        if level.shape[1] >= width and level.shape[0] >= height:
            source = level
    shrinks = source.shape[1] >= width and source.shape[0] >= height
    return cv2.resize(source, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def blend_over(region: np.ndarray, patch: np.ndarray) -> None:
    """Lay `patch`, (h, w, 4) uint8 premultiplied, over `region`, (h, w, 3) uint8, in place.

    Where the patch is transparent the region keeps its value exactly.
    """
    see_through = 255 - patch[..., 3]
    behind = cv2.multiply(region, cv2.merge([see_through] * 3), scale=1 / 255)
    cv2.add(behind, cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB), dst=behind)
    region[...] = behind
