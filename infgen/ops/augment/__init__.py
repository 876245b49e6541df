"""Augmentations of objects and of whole pictures: what there is, by name."""

from __future__ import annotations

from infgen.ops.augment import colours, geometry, texture
from infgen.ops.augment.rows import Augment, Value

__all__ = ["AUGMENTS", "TURN_OVER", "Augment"]

_PLACE = Value((0, 1))  # of something that may lie anywhere
_DEGREES = (-180, 180)

# In the order in which they are applied: all that moves things is one move.
AUGMENTS: dict[str, Augment] = {
    "mirror": Augment("left to right", matrix=geometry.mirror),
    "flip": Augment("upside down", matrix=geometry.flip),
    "crop": Augment(
        "a window of the picture, scaled up to all of it",
        {"keep": Value((0.8, 1), (0.2, 1), 1, "keep"), "x": _PLACE, "y": _PLACE},
        matrix=geometry.crop,
        objects=False,
    ),
    "zoom": Augment(
        "larger or smaller, wider or narrower",
        {
            "factor": Value((0.9, 1), (0.25, 4), 1, "factor"),
            "stretch": Value((0.9, 1.1), (0.25, 4), 1, "stretch"),
        },
        matrix=geometry.zoom,
    ),
    "shear": Augment(
        "leaning, in degrees across and down",
        {
            "x": Value((-10, 10), (-60, 60), 0, "x"),
            "y": Value((0, 0), (-60, 60), 0, "y"),
        },
        matrix=geometry.shear,
    ),
    "rotate": Augment(
        "turned about the centre, in degrees",
        {"degrees": Value((-15, 15), _DEGREES, 0, "degrees")},
        matrix=geometry.rotate,
    ),
    "shift": Augment(
        "moved, by shares of the width and the height",
        {
            "x": Value((-0.1, 0.1), (-0.9, 0.9), 0, "x"),
            "y": Value((-0.1, 0.1), (-0.9, 0.9), 0, "y"),
        },
        matrix=geometry.shift,
        objects=False,
    ),
    "channel_shift": Augment(
        "red, green and blue each lighter or darker, in grey levels",
        {name: Value((-20, 20), (-255, 255), 0, "levels") for name in ("red", "green", "blue")},
        paint=colours.channel_shift,
    ),
    "brightness": Augment(
        "lighter or darker, in grey levels",
        {"levels": Value((-30, 30), (-255, 255), 0, "levels")},
        paint=colours.brightness,
    ),
    "contrast": Augment(
        "distances from middle grey",
        {"factor": Value((0.8, 1.2), (0, 4), 1, "factor")},
        paint=colours.contrast,
    ),
    "gamma": Augment(
        "darker (above 1) or lighter in the middle",
        {"power": Value((0.8, 1.25), (0.2, 5), 1, "power")},
        paint=colours.gamma,
    ),
    "hue": Augment(
        "colours turned, in degrees",
        {"degrees": Value((-10, 10), _DEGREES, 0, "degrees")},
        paint=colours.hue,
    ),
    "saturation": Augment(
        "colours stronger, or weaker: 0 is grey",
        {"factor": Value((0.7, 1.3), (0, 4), 1, "factor")},
        paint=colours.saturation,
    ),
    "blur": Augment(
        "softer, by a standard deviation in pixels",
        {"sigma": Value((0, 1), (0, 10), 0, "sigma")},
        paint=texture.blur,
    ),
    "noise": Augment(
        "grain, by a standard deviation in grey levels",
        {"strength": Value((0, 8), (0, 64), 0, "strength"), "x": _PLACE, "y": _PLACE},
        paint=texture.noise,
    ),
    "jpeg": Augment(
        "what JPEG of a quality leaves",
        {"quality": Value((60, 95), (1, 100), None, "quality", whole=True)},
        paint=texture.jpeg,
    ),
    "cutout": Augment(
        "a rectangle of a share of the area hidden: grey in a picture, a hole in an object",
        {
            "share": Value((0.02, 0.1), (0, 0.9), 0, "share"),
            "stretch": Value((0.5, 2)),
            "x": _PLACE,
            "y": _PLACE,
            "level": Value((0, 255), whole=True),
        },
        hole=texture.cutout,
    ),
}

TURN_OVER = ("mirror", "flip")  # letters and hands are others then
