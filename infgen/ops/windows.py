"""The square of the canvas that an inpainting model gets to see, and the way there and back.

A model works best on squares of its native size in which the thing to paint is large. So a window
is cut out around the planned box, scaled to the native size (a *crop*), painted, and scaled back.
"""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np

from infgen.records.box import Box

OBJECT_FRAC = 0.6  # of the window's side that the box's longer side gets
MAX_UPSCALE = 8.0  # crop pixels per canvas pixel at most: below that, context is only blur
_AS_NATIVE = 0.15  # a side this close to the native one becomes it: nothing is resampled then
_SLACK = 2.0  # pixels that rounding a window's side and corner to whole ones may cost
_OUTSIDE = 0.01  # pixels by which a box may leave the canvas: arithmetic


class Window(msgspec.Struct, frozen=True):
    """A square of `side` canvas pixels whose upper left corner is at (`x`, `y`) on a canvas of the
    size `canvas` = (width, height); the model sees it as a crop of `native` pixels a side, a
    multiple of its latent `cell`.

    A window may reach beyond the canvas (see context_window): there the crop shows the mirrored
    canvas, and on the way back this part is cut off.
    """

    x: int
    y: int
    side: int
    canvas: tuple[int, int]
    native: int
    cell: int

    @property
    def scale(self) -> float:
        """Crop pixels per canvas pixel."""
        return self.native / self.side

    @property
    def place(self) -> tuple[slice, slice]:
        """(rows, columns) of the canvas that the window shows: `canvas[window.place]` is (h, w, …),
        square unless the window reaches beyond the canvas."""
        width, height = self.canvas
        return (
            slice(max(self.y, 0), min(self.y + self.side, height)),
            slice(max(self.x, 0), min(self.x + self.side, width)),
        )

    def to_crop(self, box: Box) -> Box:
        """A box on the canvas, in crop pixels."""
        corner = (self.x, self.y) * 2
        return Box(*((edge - at) * self.scale for edge, at in zip(box.xyxy, corner, strict=True)))

    def crop(self, picture: np.ndarray) -> np.ndarray:
        """The window's part of a canvas-sized picture, (H, W, 3) uint8, float32, or (H, W) of these
        or bool, as (native, native, …) of its own: bit for bit where nothing is scaled."""
        seen = picture[self.place]
        rows, columns = self.place
        left, top = columns.start - self.x, rows.start - self.y
        right, bottom = self.side - left - seen.shape[1], self.side - top - seen.shape[0]
        if left or top or right or bottom:
            borders = ((top, bottom), (left, right)) + ((0, 0),) * (picture.ndim - 2)
            seen = np.pad(seen, borders, mode="symmetric")
        return _resize(seen, self.native)

    def uncrop(self, crop: np.ndarray) -> np.ndarray:
        """What the model made of the crop, (native, native, …) as in `crop`, as the (h, w, …) that
        belong at `place`. Bool goes to true where at least half of a pixel is."""
        rows, columns = (
            slice(seen.start - at, seen.stop - at)
            for seen, at in zip(self.place, (self.y, self.x), strict=True)
        )
        return _resize(crop, self.side)[rows, columns]

    def covered(self, mask: np.ndarray) -> np.ndarray:
        """The canvas pixels at `place`, (h, w) bool, of which every bit lies under (native, native)
        bool `mask`: what the model was free to change."""
        sums = cv2.integral(mask.view(np.uint8))  # of all above and left of a corner
        top, bottom = self._spans(self.place[0], self.y)
        left, right = self._spans(self.place[1], self.x)
        inside = sums[bottom][:, right] - sums[bottom][:, left]
        inside -= sums[top][:, right] - sums[top][:, left]
        return inside == np.outer(bottom - top, right - left)

    def _spans(self, seen: slice, at: int) -> tuple[np.ndarray, np.ndarray]:
        """The first crop pixel that each canvas pixel along an axis touches, and the one after the
        last."""
        pixels = np.arange(seen.start - at, seen.stop - at)
        return pixels * self.native // self.side, -(-(pixels + 1) * self.native // self.side)


def _resize(picture: np.ndarray, side: int) -> np.ndarray:
    """A square picture at `side` pixels a side: averaged when it shrinks, cubic when it grows."""
    if len(picture) == side:
        return picture.copy()
    if picture.dtype == bool:
        return _resize(picture.astype(np.float32), side) >= 0.5
    kind = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
    return cv2.resize(picture, (side, side), interpolation=kind)


def context_window(
    box: Box,
    canvas: tuple[int, int],
    native: int,
    cell: int,
    object_frac: float = OBJECT_FRAC,
    max_upscale: float = MAX_UPSCALE,
) -> Window:
    """The window around `box` on a canvas of (width, height) for a model of `native` crop pixels.

    The box's longer side gets about `object_frac` of the window's, but no crop is scaled up more
    than `max_upscale` times. A window that would stick out of the canvas is moved inside; one
    larger than the canvas's shorter side is as large as that.

    At least a cell of crop pixels lies between the box and each border of the window that runs
    across the canvas. A box too long for that (it fills, or exceeds, the canvas's shorter side)
    gets a window that outgrows the canvas by no more than it needs: nothing is squeezed or cut off,
    and mirrored canvas serves the model as context.

    Raises:
        ValueError: the box isn't on the canvas, or `native` isn't a multiple of `cell`, or is less
            than four cells.
    """
    if native % cell or native < 4 * cell:
        raise ValueError(f"a model of {native} pixels can't have latent cells of {cell}")
    ends = zip(box.xyxy[2:], canvas, strict=True)
    if min(box.x0, box.y0) < -_OUTSIDE or any(end > side + _OUTSIDE for end, side in ends):
        raise ValueError(f"the box {box.xyxy} isn't inside a canvas of {canvas}")
    longer = max(box.width, box.height)
    wanted = max(longer / object_frac, native / max_upscale)
    if abs(wanted - native) <= _AS_NATIVE * native:
        wanted = native
    least = (longer + _SLACK) * native / (native - 2 * cell)
    side = math.ceil(max(min(wanted, min(canvas)), least))
    x, y = (_put(center, side, length) for center, length in zip(box.center, canvas, strict=True))
    return Window(x, y, side, canvas, native, cell)


def _put(center: float, side: int, length: int) -> int:
    """Where a window starts along an axis of the canvas, `length` pixels long."""
    if side > length:
        return -((side - length) // 2)
    return min(max(round(center - side / 2), 0), length - side)
