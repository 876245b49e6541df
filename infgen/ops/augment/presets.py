"""Recipes that come with infgen, just as a file would say them."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "none": {},
    "light": {
        "objects": {
            "rotate": {"degrees": (-8, 8)},
            "brightness": {"probability": 0.3, "levels": (-20, 20)},
            "saturation": {"probability": 0.3},
        },
        "pictures": {
            "mirror": {},
            "crop": {"probability": 0.3, "keep": (0.85, 1)},
            "brightness": {"probability": 0.3, "levels": (-15, 15)},
            "contrast": {"probability": 0.3, "factor": (0.9, 1.1)},
            "hue": {"probability": 0.3, "degrees": (-5, 5)},
        },
    },
    "strong": {
        "objects": {
            "zoom": {"factor": (0.8, 1), "stretch": (0.8, 1.25)},
            "shear": {"probability": 0.3, "x": (-12, 12), "y": (-12, 12)},
            "rotate": {"probability": 0.7, "degrees": (-30, 30)},
            "channel_shift": {"probability": 0.3},
            "brightness": {"levels": (-40, 40)},
            "contrast": {"factor": (0.7, 1.3)},
            "saturation": {"factor": (0.5, 1.5)},
            "blur": {"probability": 0.2, "sigma": (0.3, 1)},
            "noise": {"probability": 0.2},
            "cutout": {"probability": 0.1, "share": (0.02, 0.08)},
        },
        "pictures": {
            "fill": "constant",  # a reflection shows slivers of what is at the edges
            "mirror": {},
            "crop": {"keep": (0.6, 1)},
            "shear": {"probability": 0.2, "x": (-8, 8), "y": (-4, 4)},
            "rotate": {"probability": 0.3, "degrees": (-12, 12)},
            "brightness": {"probability": 0.4},
            "contrast": {"probability": 0.4},
            "gamma": {"probability": 0.3, "power": (0.7, 1.4)},
            "hue": {"probability": 0.4, "degrees": (-15, 15)},
            "saturation": {"probability": 0.4, "factor": (0.5, 1.5)},
            "blur": {"probability": 0.2, "sigma": (0.3, 1.5)},
            "noise": {"probability": 0.3, "strength": (2, 10)},
            "jpeg": {"probability": 0.3, "quality": (40, 90)},
            "cutout": {"probability": 0.2, "share": (0.01, 0.05)},
        },
    },
    "keras": {  # what its ImageDataGenerator does when asked for the ranges that its guides use
        "pictures": {
            "fill": "nearest",
            "mirror": {},  # horizontal_flip
            "zoom": {"probability": 1, "factor": (0.8, 1.2), "stretch": (0.8, 1.25)},  # zoom_range
            "shear": {"probability": 1, "x": (-10, 10)},  # shear_range
            "rotate": {"probability": 1, "degrees": (-20, 20)},  # rotation_range
            "shift": {"probability": 1, "x": (-0.1, 0.1), "y": (-0.1, 0.1)},  # width_, height_shift
            "channel_shift": {"probability": 1},  # channel_shift_range
        },
    },
}
