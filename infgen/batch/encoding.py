"""Pixels into the bytes of picture files."""

from __future__ import annotations

import cv2
import numpy as np


def encode_picture(canvas: np.ndarray, ending: str, quality: int = 90) -> np.ndarray:
    """(H, W, 3) uint8 RGB, or (H, W) grey, to the bytes of a `jpg` (`quality` 1..100) or `png`
    file, (n,) uint8; to a png also (H, W, 4) RGBA."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if ending == "jpg" else []
    if canvas.ndim == 3:
        order = cv2.COLOR_RGBA2BGRA if canvas.shape[2] == 4 else cv2.COLOR_RGB2BGR
        canvas = cv2.cvtColor(canvas, order)
    done, data = cv2.imencode(f".{ending}", canvas, options)
    if not done:
        raise ValueError(f"OpenCV can't write a .{ending} of shape {canvas.shape}")
    return data
