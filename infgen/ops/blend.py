"""Cutouts onto canvases: premultiplied alpha, so that no edge picks up colour from behind it."""

from __future__ import annotations

import cv2
import numpy as np

OPAQUE = 128  # alpha from which a pixel belongs to the object
FAINT = 8  # alpha up to which nobody sees it: the haze that matting leaves far around an object


def crop_to_content(rgba: np.ndarray) -> np.ndarray:
    """The part of an (H, W, 4) uint8 RGBA picture in which there is anything to see, as a view.

    Some of it must be OPAQUE.
    """
    return rgba[content(rgba)]


def content(rgba: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of that part."""
    seen = rgba[..., 3] > FAINT
    rows, columns = np.flatnonzero(seen.any(1)).tolist(), np.flatnonzero(seen.any(0)).tolist()
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def premultiply(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 straight RGBA to premultiplied: colour scaled by alpha / 255, rounded.

    Interpolating straight colours mixes in whatever lies under alpha 0 (often black: the dark
    fringe of so many pasted datasets); interpolating premultiplied ones weighs each colour by its
    alpha (Porter and Duff, "Compositing digital images", 1984).
    """
    colour, alpha = _split(rgba)
    return cv2.merge([*cv2.split(weigh(colour, alpha)), alpha])


class Pyramid:
    """A premultiplied picture, (H, W, 4) uint8, and its repeated halvings, from which it can be
    scaled at a cost that goes by the result's size (Williams, "Pyramidal parametrics", 1983).

    `size` is its (width, height). It will be scaled to fit into `room` = (width, height) at most:
    what is larger than that needs isn't kept.
    """

    def __init__(self, pixels: np.ndarray, room: tuple[int, int]):
        self.size: tuple[int, int] = (pixels.shape[1], pixels.shape[0])
        levels = [pixels]
        while max(levels[-1].shape[:2]) > 1:
            height, width = levels[-1].shape[:2]
            half = (max(width // 2, 1), max(height // 2, 1))
            levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
        self._levels = levels[_level_for(levels, fit(self.size, room)) :]

    @property
    def nbytes(self) -> int:
        return sum(level.nbytes for level in self._levels)

    def scale(self, size: tuple[int, int]) -> np.ndarray:
        """The picture at `size` = (width, height), (h, w, 4) uint8 premultiplied.

        Linear interpolation of the next larger level doesn't overshoot, so that colour never
        exceeds alpha; OpenCV's exact kind gives the same bytes on every processor.
        """
        level = self._levels[_level_for(self._levels, size)]
        return cv2.resize(level, size, interpolation=cv2.INTER_LINEAR_EXACT)


def _level_for(levels: list[np.ndarray], size: tuple[int, int]) -> int:
    """The number of the smallest level that covers `size`; the largest level if none does."""
    width, height = size
    covering = (lv.shape[1] >= width and lv.shape[0] >= height for lv in levels)
    return max(sum(covering) - 1, 0)


def fit(size: tuple[int, int], room: tuple[float, float]) -> tuple[int, int]:
    """`size` scaled to fill `room`, both (width, height), keeping its shape: whole pixels, at least
    one."""
    scale = min(room[0] / size[0], room[1] / size[1])
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def blend_over(region: np.ndarray, patch: np.ndarray) -> None:
    """Lay `patch`, (h, w, 4) uint8 premultiplied, over `region`, (h, w, 3) uint8, in place.

    Where the patch is transparent the region keeps its value exactly.
    """
    colour, alpha = _split(patch)
    cv2.add(weigh(region, cv2.bitwise_not(alpha)), colour, dst=region)


def _split(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour, (H, W, 3), and alpha, (H, W), of (H, W, 4)."""
    return cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), cv2.extractChannel(rgba, 3)


def weigh(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 colour times (H, W) uint8 alpha / 255, rounded to nearest. There are no ties,
    as 255 is odd, and none is near enough for float32 to miss it: the result is exact."""
    return cv2.multiply(colour, cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
