"""Other colours, everything in its place. Tables and whole numbers: the same bytes everywhere.

All take and give (H, W, 3) uint8 RGB, and give a copy.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

_ALL = np.arange(256, dtype=np.float64)
_STEPS = 1024  # in one: with weights of whole steps float32 sums of products are exact
_LUMINANCE = np.array((0.213, 0.715, 0.072))  # of red, green, blue (W3C, Filter Effects)


def channel_shift(picture: np.ndarray, red: float, green: float, blue: float) -> np.ndarray:
    """Each channel by grey levels of its own."""
    return cv2.LUT(picture, cv2.merge([_table(_ALL + levels) for levels in (red, green, blue)]))


def brightness(picture: np.ndarray, levels: float) -> np.ndarray:
    """Lighter by grey levels, or darker."""
    return cv2.LUT(picture, _table(_ALL + levels))


def contrast(picture: np.ndarray, factor: float) -> np.ndarray:
    """Every distance from middle grey times `factor`."""
    return cv2.LUT(picture, _table((_ALL - 128) * factor + 128))


def gamma(picture: np.ndarray, power: float) -> np.ndarray:
    """Darker in the middle above 1, lighter below; black and white stay."""
    return cv2.LUT(picture, _table(255 * (_ALL / 255) ** power))


def hue(picture: np.ndarray, degrees: float) -> np.ndarray:
    """Colours turned about the grey axis, about as light as before (hueRotate in W3C's Filter
    Effects)."""
    angle = math.radians(degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    red, green, blue = _LUMINANCE
    turn = ((-red, -green, 1 - blue), (0.143, 0.140, -0.283), (red - 1, green, blue))
    return _mixed(picture, _grey() + cosine * (np.eye(3) - _grey()) + sine * np.array(turn))


def saturation(picture: np.ndarray, factor: float) -> np.ndarray:
    """Every distance from grey times `factor`: 0 is without colour."""
    return _mixed(picture, _grey() + factor * (np.eye(3) - _grey()))


def _grey() -> np.ndarray:
    return np.tile(_LUMINANCE, (3, 1))


def _table(levels: np.ndarray) -> np.ndarray:
    """256 numbers as (1, 256) uint8 levels."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)[None]


def _mixed(picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Channels as sums of channels by (3, 3) weights, made to keep greys as they are."""
    steps = np.rint(weights * _STEPS)
    steps[np.diag_indices(3)] += _STEPS - steps.sum(1)
    mixed = cv2.transform(picture.astype(np.float32), steps / _STEPS)
    return cv2.convertScaleAbs(np.maximum(mixed, 0))
