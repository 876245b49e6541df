"""Pictures before and after, as somebody's model might have painted them, with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.records.box import Box

RED, BLUE = (200, 30, 40), (30, 60, 190)


@dataclass(frozen=True)
class Painted:
    """(H, W, 3) uint8 RGB before and after, and (H, W) bool for each object, in painting order."""

    before: np.ndarray
    after: np.ndarray
    masks: tuple[np.ndarray, ...]

    @property
    def boxes(self) -> list[Box]:
        return [box for box in map(tight_box, self.masks) if box is not None]


def scene(seed: int, size: tuple[int, int] = (240, 200)) -> np.ndarray:
    """A soft landscape of (width, height): sky above, grass with texture below."""
    width, height = size
    rng = np.random.default_rng(seed)
    sky = np.linspace((150, 180, 220), (225, 225, 220), height)[:, None].repeat(width, axis=1)
    grass = np.array((110, 130, 60)) + cv2.GaussianBlur(
        rng.normal(0, 60, (height, width, 1)).astype(np.float32), (0, 0), 1.2
    )[..., None].repeat(3, axis=2)
    picture = np.where(np.arange(height)[:, None, None] > 0.55 * height, grass, sky)
    clouds = cv2.resize(rng.normal(0, 12, (5, 6)).astype(np.float32), size)[..., None]
    return (picture + clouds).clip(0, 255).astype(np.uint8)


def paint(
    seed: int,
    objects: tuple[tuple[Box, tuple[int, int, int]], ...],
    size: tuple[int, int] = (240, 200),
    room: int = 14,
) -> Painted:
    """A scene with an ellipse in each of the boxes, in a box of new background that is `room`
    pixels wider all around; everything else goes through something like a VAE."""
    width, height = size
    before = scene(seed, size)
    other = scene(seed + 1000, size)
    rng = np.random.default_rng(seed)
    canvas = before.astype(np.float32)
    masks: list[np.ndarray] = []
    for box, colour in objects:
        repainted = np.zeros((height, width), np.float32)
        x0, y0, x1, y1 = (int(edge) for edge in box.xyxy)
        repainted[max(y0 - room, 0) : y1 + room, max(x0 - room, 0) : x1 + room] = 1
        matte = cv2.GaussianBlur(repainted, (0, 0), 2)[..., None]
        canvas = canvas * (1 - matte) + (other * 0.96 + 4) * matte
        mask = np.zeros((height, width), np.uint8)
        middle = (round(box.center[0]), round(box.center[1]))
        cv2.ellipse(mask, middle, ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, 1, -1)
        canvas[mask != 0] = np.array(colour) + rng.normal(0, 6, (int(mask.sum()), 3))
        masks = [one & (mask == 0) for one in masks] + [mask != 0]
    canvas = cv2.GaussianBlur(canvas, (0, 0), 0.6) + rng.normal(0, 1.5, canvas.shape)
    return Painted(before, canvas.clip(0, 255).astype(np.uint8), tuple(masks))
