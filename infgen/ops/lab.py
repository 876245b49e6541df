"""CIELAB, there and back, with the same bytes on every processor.

OpenCV's is of 8 bits (steps of two and more grey levels: banding), or of floats whose last bits
differ from one machine to the next. Here a cube root is Newton's, and every other step is one that
IEEE 754 rounds.
"""

from __future__ import annotations

import numpy as np

# sRGB's primaries and its white, D65 (IEC 61966-2-1), to X / Xn, Y and Z / Zn
_TO_XYZ = (
    (0.4124564 / 0.950470, 0.3575761 / 0.950470, 0.1804375 / 0.950470),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.088830, 0.1191920 / 1.088830, 0.9503041 / 1.088830),
)
_TO_RGB = (
    (3.2404542 * 0.950470, -1.5371385, -0.4985314 * 1.088830),
    (-0.9692660 * 0.950470, 1.8760108, 0.0415560 * 1.088830),
    (0.0556434 * 0.950470, -0.2040259, 1.0572252 * 1.088830),
)
_LINEAR = np.array(
    [round(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4, 9)
     for v in (level / 255 for level in range(256))]
)  # fmt: skip
_LOW = (6 / 29) ** 3
STEPS = 6  # of Newton's: from any start on, to the last bits for what matters


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 sRGB to (3, ...) float64: L 0..100, a and b about -110..110."""
    linear = [_LINEAR[rgb[..., channel]] for channel in range(3)]
    x, y, z = (_bent(_mixed(row, linear)) for row in _TO_XYZ)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """(3, ...) float64 back to (..., 3) uint8, rounded; colours that a screen doesn't have are cut
    off."""
    y = (lab[0] + 16) / 116
    bent = (y + lab[1] / 500, y, y - lab[2] / 200)
    xyz = [np.where(t > 6 / 29, t * t * t, 3 * (6 / 29) ** 2 * (t - 4 / 29)) for t in bent]
    levels = [_coded(_mixed(row, xyz).clip(0, 1)) for row in _TO_RGB]
    return np.rint(np.stack(levels, axis=-1) * 255).astype(np.uint8)


def _mixed(row: tuple[float, ...], channels: list[np.ndarray]) -> np.ndarray:
    return row[0] * channels[0] + row[1] * channels[1] + row[2] * channels[2]


def _bent(t: np.ndarray) -> np.ndarray:
    return np.where(t > _LOW, _cube_root(t), t / (3 * (6 / 29) ** 2) + 4 / 29)


def _coded(linear: np.ndarray) -> np.ndarray:
    """sRGB's curve: the power of 5 / 12 is a cube root's fourth root, five times."""
    root = np.sqrt(np.sqrt(_cube_root(linear)))
    fifth = root * root * root * root * root
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * fifth - 0.055)


def _cube_root(t: np.ndarray) -> np.ndarray:
    """Of 0.003 to 1.2; what is below isn't asked for."""
    t = np.maximum(t, 0.003)
    root = 0.45 + 0.6 * t - 0.05 * t * t
    for _ in range(STEPS):
        root = root - (root - t / (root * root)) / 3
    return root
