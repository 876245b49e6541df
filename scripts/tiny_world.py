"""The drawn world of the tiny checkpoint: scenes, things, prompts, and the oracle that knows them.

`scripts/train_tiny.py` trains on these pictures and judges what the model paints with the oracle of
the same file: every thing has a colour of its own that no scene uses, and a silhouette of its own.
The oracle finds the colour and compares the shape with the drawing's, so it needs no network and
cannot be flattered by one. Everything random takes an explicit generator.

Pictures are (H, W, 3) uint8 RGB; boxes are (x0, y0, x1, y1) in whole pixels, x1 and y1 excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]
Rng = np.random.Generator

SIZE = 96
FINE = 3  # drawings are made this many times larger and averaged down: smooth edges, no staircase


# --- painting on a fine canvas, in coordinates of the unit square --------------------------------


class Canvas:
    """A picture drawn at FINE times its size; points are fractions of the canvas."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.pixels: Picture = np.zeros((height * FINE, width * FINE, 3), np.uint8)

    def points(self, points: npt.ArrayLike) -> npt.NDArray[np.int32]:
        scale = np.array((self.width * FINE, self.height * FINE))
        return np.round(np.asarray(points, np.float64) * scale - 0.5).astype(np.int32)

    def polygon(self, points: npt.ArrayLike, colour: Colour) -> None:
        cv2.fillPoly(self.pixels, [self.points(points)], colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        around = np.linspace(0, 2 * np.pi, 49)
        self.polygon(np.stack((x + rx * np.cos(around), y + ry * np.sin(around)), 1), colour)

    def sky(self, colours: Sequence[Colour], bottom: float = 1.0) -> None:
        """A vertical gradient through `colours` from the top down to `bottom`."""
        rows = max(2, round(self.height * FINE * bottom))
        at = np.linspace(0, len(colours) - 1, rows)
        stops = np.asarray(colours, np.float64)
        ramp = [np.interp(at, np.arange(len(colours)), stops[:, i]) for i in range(3)]
        self.pixels[:rows] = np.stack(ramp, 1)[:, None].astype(np.uint8)

    def ground(self, ridge: npt.NDArray[np.float64], top: Colour, bottom: Colour) -> None:
        """Fill below `ridge` (heights over equal steps of x), shading from `top` to `bottom`."""
        high, wide = self.pixels.shape[:2]
        line = np.interp(np.linspace(0, 1, wide), np.linspace(0, 1, len(ridge)), ridge)
        rows = (np.arange(high) + 0.5) / high
        depth = (rows - line.min()) / max(1.0 - line.min(), 1e-6)
        share = np.clip(depth, 0, 1)[:, None]
        shade = np.asarray(top) * (1 - share) + np.asarray(bottom) * share
        below = rows[:, None] >= line[None]
        self.pixels[below] = np.broadcast_to(shade[:, None], self.pixels.shape)[below]

    def finished(self) -> Picture:
        size = (self.width, self.height)
        return cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _vary(colour: Colour, rng: Rng, spread: int = 8) -> Colour:
    """`colour` a little lighter or darker and a little warmer or colder."""
    shift = rng.integers(-spread, spread + 1) + rng.integers(-spread // 3, spread // 3 + 1, 3)
    red, green, blue = np.clip(np.asarray(colour) + shift, 0, 255)
    return int(red), int(green), int(blue)


def _ridge(rng: Rng, height: float, swing: float, waves: float = 2.0) -> npt.NDArray[np.float64]:
    """A rolling horizon: three sine waves of falling strength around `height`."""
    x = np.linspace(0, 1, 97)
    line = np.full(97, height)
    for order in (1.0, 1.9, 3.7):
        phase = rng.uniform(0, 2 * np.pi)
        line += swing / order * np.sin(2 * np.pi * waves * order / 2 * x + phase)
    return line


# --- scenes: muted colours, so that no scene holds a thing's colour -------------------------------


def _clouds(canvas: Canvas, rng: Rng, colour: Colour, count: int, lowest: float) -> None:
    for _ in range(count):
        x, y, size = rng.uniform(0, 1), rng.uniform(0.06, lowest), rng.uniform(0.05, 0.09)
        for part in (-1.1, -0.2, 0.8):
            lift = 0.35 * size if part == -0.2 else 0.0
            canvas.ellipse(x + part * size, y - lift, size * 0.9, size * 0.42, colour)


def _savannah(canvas: Canvas, rng: Rng) -> None:
    horizon = rng.uniform(0.42, 0.55)
    canvas.sky([_vary((150, 178, 200), rng), _vary((240, 222, 190), rng)], horizon + 0.1)
    canvas.ground(_ridge(rng, horizon - 0.03, 0.02), (176, 160, 128), (176, 160, 128))
    grass = _vary((196, 172, 112), rng)
    canvas.ground(_ridge(rng, horizon + 0.02, 0.008), grass, _vary((158, 132, 80), rng))
    for _ in range(int(rng.integers(1, 4))):
        x, foot = rng.uniform(0.05, 0.95), horizon + rng.uniform(0.03, 0.12)
        size = rng.uniform(0.1, 0.17)
        for lean in (-0.35, 0.1, 0.45):
            crown = (x + lean * size, foot - size)
            canvas.polygon([(x - 0.008, foot), crown, (x + 0.008, foot)], (92, 74, 56))
        canvas.ellipse(x, foot - size, size * 0.8, size * 0.2, _vary((98, 104, 62), rng))
        canvas.ellipse(x + 0.02, foot - size * 1.15, size * 0.5, size * 0.16, (112, 118, 72))
    for _ in range(14):
        x, y = rng.uniform(0, 1), rng.uniform(horizon + 0.12, 1.0)
        tall = 0.03 + 0.05 * (y - horizon)
        blade = [(x - 0.012, y), (x - 0.02, y - tall), (x, y - tall * 0.6), (x + 0.02, y - tall)]
        canvas.polygon([*blade, (x + 0.012, y)], _vary((150, 126, 76), rng))


def _fir(canvas: Canvas, x: float, foot: float, size: float, dark: Colour, light: Colour) -> None:
    """A fir of three tiers; its left side takes the light."""
    left, right, knot = x - size * 0.05, x + size * 0.05, foot - size * 0.2
    canvas.polygon([(left, foot), (left, knot), (right, knot), (right, foot)], (70, 58, 50))
    for tier, (low, wide) in enumerate(((0.12, 0.3), (0.38, 0.24), (0.64, 0.17))):
        top = foot - size * (0.58 + 0.21 * tier)
        base, half = foot - size * low, size * wide
        canvas.polygon([(x - half, base), (x, top), (x + half, base)], dark)
        canvas.polygon([(x - half, base), (x, top), (x - half * 0.1, base)], light)


def _forest(canvas: Canvas, rng: Rng) -> None:
    canvas.sky([_vary((168, 184, 174), rng), _vary((206, 214, 196), rng)], 0.6)
    far = _vary((124, 142, 126), rng)
    canvas.ground(_ridge(rng, rng.uniform(0.28, 0.36), 0.05, 3), far, far)
    canvas.ground(_ridge(rng, 0.58, 0.02), _vary((96, 112, 82), rng), _vary((62, 74, 54), rng))
    for row, (foot, size, tone) in enumerate(((0.58, 0.36, 16), (0.66, 0.48, 0))):
        for x in np.arange(rng.uniform(-0.05, 0.06), 1.05, 0.15 + 0.07 * row):
            at = float(x + rng.uniform(-0.03, 0.03))
            dark = _vary((50 + tone, 70 + tone, 56 + tone), rng)
            light = (dark[0] + 14, dark[1] + 16, dark[2] + 10)
            _fir(
                canvas, at, foot + rng.uniform(-0.02, 0.02), size * rng.uniform(0.8, 1), dark, light
            )


def _desert(canvas: Canvas, rng: Rng) -> None:
    canvas.sky([_vary((138, 176, 208), rng), _vary((226, 226, 214), rng)], 0.6)
    canvas.ellipse(rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.25), 0.06, 0.06, (250, 244, 224))
    for height, tone in ((0.44, 0), (0.58, -8), (0.76, -16)):
        line = _ridge(rng, height + rng.uniform(-0.03, 0.03), 0.045, 1.5)
        lit = _vary((226 + tone, 190 + tone, 148 + tone), rng, 6)
        canvas.ground(line, lit, (lit[0] - 16, lit[1] - 18, lit[2] - 18))
        crest = int(rng.integers(20, 77))
        shade = (lit[0] - 42, lit[1] - 44, lit[2] - 40)
        x = np.linspace(0, 1, 97)
        fall = np.clip(np.arange(97) - crest, 0, 30)
        lower = np.minimum(line + fall * 0.004, 1.02)
        side = slice(crest, min(crest + 31, 97))
        edge = np.concatenate((np.stack((x[side], line[side]), 1),
                               np.stack((x[side], lower[side]), 1)[::-1]))  # fmt: skip
        canvas.polygon(edge, shade)


def _sea(canvas: Canvas, rng: Rng) -> None:
    horizon = rng.uniform(0.38, 0.5)
    canvas.sky([_vary((132, 172, 204), rng), _vary((214, 228, 232), rng)], horizon + 0.02)
    _clouds(canvas, rng, (240, 244, 244), int(rng.integers(1, 4)), horizon - 0.12)
    flat = np.full(3, horizon)
    canvas.ground(flat, _vary((104, 152, 164), rng), _vary((58, 106, 124), rng))
    for _ in range(22):
        x, y = rng.uniform(-0.05, 1), rng.uniform(horizon + 0.03, 0.98)
        near = (y - horizon) / (1 - horizon)
        canvas.ellipse(x, y, 0.03 + 0.06 * near, 0.003 + 0.006 * near, _vary((134, 176, 184), rng))
    if rng.random() < 0.5:
        x, size = rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.1)
        canvas.polygon(
            [(x, horizon), (x, horizon - size), (x + size * 0.6, horizon)], (244, 240, 232)
        )
        hull = [(x - size * 0.4, horizon), (x + size * 0.8, horizon)]
        canvas.polygon([*hull, (x + size * 0.5, horizon + 0.02), (x - size * 0.2, horizon + 0.02)],
                       (110, 86, 72))  # fmt: skip


def _snow(canvas: Canvas, rng: Rng) -> None:
    canvas.sky([_vary((158, 184, 212), rng), _vary((218, 228, 238), rng)], 0.6)
    for x in rng.uniform(0.0, 0.3) + np.array((0.0, 0.36, 0.72)):
        peak, half = 0.5 - rng.uniform(0.2, 0.36), rng.uniform(0.22, 0.32)
        top = (float(x), peak)
        canvas.polygon([(x - half, 0.56), top, (x + half, 0.56)], _vary((150, 164, 184), rng))
        canvas.polygon(
            [(x - half, 0.56), top, (x + half * 0.15, 0.56)], _vary((184, 196, 212), rng)
        )
        third = 0.34 * (0.56 - peak)
        sides = [(x - half * 0.34, peak + third), top, (x + half * 0.34, peak + third)]
        hem = [(x + half * 0.12, peak + third * 0.75), (x - half * 0.08, peak + third * 1.1)]
        canvas.polygon([*sides, *hem], (242, 246, 250))
    canvas.ground(
        _ridge(rng, 0.55, 0.02), _vary((238, 243, 249), rng, 4), _vary((204, 216, 232), rng)
    )
    for _ in range(int(rng.integers(2, 6))):
        foot, dark = rng.uniform(0.56, 0.68), _vary((66, 84, 88), rng)
        _fir(canvas, rng.uniform(0, 1), foot, rng.uniform(0.14, 0.24), dark, (204, 216, 224))


def _night(canvas: Canvas, rng: Rng) -> None:
    canvas.sky([_vary((20, 25, 48), rng, 5), _vary((66, 74, 98), rng, 5)], 0.75)
    for _ in range(12):
        glow = int(rng.integers(150, 235))
        canvas.ellipse(rng.uniform(0, 1), rng.uniform(0, 0.5), 0.008, 0.008, (glow, glow, glow))
    x, y, size = rng.uniform(0.15, 0.85), rng.uniform(0.13, 0.26), rng.uniform(0.06, 0.09)
    canvas.ellipse(x, y, size, size, (232, 230, 214))
    canvas.ellipse(x - size * 0.3, y - size * 0.1, size * 0.22, size * 0.22, (206, 204, 192))
    canvas.ellipse(x + size * 0.3, y + size * 0.3, size * 0.16, size * 0.16, (210, 208, 196))
    for height, colour in ((0.56, (56, 66, 88)), (0.7, (42, 52, 70)), (0.84, (32, 40, 54))):
        shade = _vary(colour, rng, 3)
        low = (shade[0] - 6, shade[1] - 6, shade[2] - 8)
        canvas.ground(_ridge(rng, height, 0.04), shade, low)


SCENES: dict[str, Callable[[Canvas, Rng], None]] = {
    "savannah": _savannah,
    "forest": _forest,
    "desert": _desert,
    "sea": _sea,
    "snow": _snow,
    "night": _night,
}


def draw_scene(scene: str, rng: Rng, size: int = SIZE) -> Picture:
    """A new picture of `scene` without any thing in it."""
    canvas = Canvas(size, size)
    SCENES[scene](canvas, rng)
    picture = canvas.finished()
    return picture[:, ::-1].copy() if rng.random() < 0.5 else picture


# --- things: each fills its canvas from edge to edge ---------------------------------------------


def _ball(canvas: Canvas, shade: Colour) -> None:
    for step in range(13):
        share = step / 12
        light = tuple(round(a + (b - a) * share) for a, b in zip(shade, (246, 96, 84), strict=True))
        off = 0.5 - 0.17 * share
        canvas.ellipse(off, off, 0.5 * (1 - 0.8 * share), 0.5 * (1 - 0.8 * share), light)  # type: ignore[arg-type]
    canvas.ellipse(0.33, 0.31, 0.06, 0.05, (255, 214, 206))


def _cube(canvas: Canvas, shade: Colour) -> None:
    """Seen from above a corner: a hexagon of three faces."""
    middle, left, right = (0.5, 0.46), (0.0, 0.23), (1.0, 0.23)
    light = (min(shade[0] + 62, 255), min(shade[1] + 62, 255), 255)
    dark = (shade[0] // 2, shade[1] // 2, shade[2] - 62)
    canvas.polygon([(0.5, 0), right, middle, left], light)
    canvas.polygon([left, middle, (0.5, 1), (0, 0.77)], shade)
    canvas.polygon([right, middle, (0.5, 1), (1, 0.77)], dark)


def _star(canvas: Canvas, shade: Colour) -> None:
    """Five points, stretched to touch all four edges; each arm has a lit and a shaded half."""
    turn = np.arange(10) * np.pi / 5
    reach = np.where(np.arange(10) % 2, 0.45, 1.0)
    tips = np.stack((np.sin(turn) * reach, -np.cos(turn) * reach), 1)
    low, high = tips.min(0), tips.max(0)
    tips, heart = (tips - low) / (high - low), -low / (high - low)
    dark = (shade[0] - 34, shade[1] - 46, max(shade[2] - 20, 0))
    for i in range(10):
        canvas.polygon([heart, tips[i], tips[(i + 1) % 10]], dark if i % 2 else shade)


def _cone(canvas: Canvas, shade: Colour) -> None:
    dark = (shade[0] // 2, shade[1] - 50, shade[2] // 2)
    light = (shade[0] + 50, min(shade[1] + 36, 255), shade[2] + 40)
    canvas.ellipse(0.5, 0.87, 0.5, 0.13, shade)
    canvas.polygon([(0.5, 0), (0.0, 0.87), (1.0, 0.87)], shade)
    canvas.ellipse(0.7, 0.88, 0.26, 0.085, dark)
    canvas.polygon([(0.5, 0), (0.62, 0.98), (0.86, 0.955), (1.0, 0.87)], dark)
    canvas.polygon([(0.5, 0), (0.14, 0.93), (0.32, 0.98)], light)


def _ring(canvas: Canvas, shade: Colour) -> None:
    dark = (shade[0] - 50, shade[1] // 2, shade[2] - 40)
    light = (255, min(shade[1] + 70, 255), min(shade[2] + 40, 255))
    for radius, colour in ((0.5, dark), (0.455, shade), (0.41, light), (0.36, shade), (0.3, dark)):
        canvas.ellipse(0.5, 0.5, radius, radius, colour)
    canvas.ellipse(0.5, 0.5, 0.25, 0.25, CLEAR)


def _mushroom(canvas: Canvas, shade: Colour) -> None:
    stem, dark = (186, 142, 226), (150, 104, 198)
    canvas.polygon([(0.34, 0.5), (0.3, 0.95), (0.36, 1), (0.64, 1), (0.7, 0.95), (0.66, 0.5)], stem)
    canvas.polygon([(0.56, 0.5), (0.56, 1), (0.64, 1), (0.7, 0.95), (0.66, 0.5)], dark)
    around = np.linspace(np.pi, 2 * np.pi, 33)
    cap = np.stack((0.5 + 0.5 * np.cos(around), 0.56 + 0.56 * np.sin(around)), 1)
    canvas.polygon(cap, shade)
    canvas.ellipse(0.5, 0.56, 0.5, 0.08, (shade[0] - 36, shade[1] // 2, shade[2] - 46))
    for x, y, radius in ((0.3, 0.32, 0.08), (0.55, 0.17, 0.075), (0.72, 0.38, 0.07)):
        canvas.ellipse(x, y, radius, radius, (214, 176, 246))


def _animal(canvas: Canvas, shade: Colour) -> None:
    """A tiger from the side, facing right: legs, trunk, tail, head, ears, stripes."""
    dark, stripe = (shade[0] - 46, shade[1] - 36, max(shade[2] - 20, 0)), (74, 40, 22)
    for x, colour in ((0.2, dark), (0.6, dark), (0.11, shade), (0.52, shade)):
        canvas.polygon([(x, 0.5), (x + 0.02, 1), (x + 0.12, 1), (x + 0.15, 0.5)], colour)
    canvas.polygon([(0.12, 0.36), (0.06, 0.2), (0.0, 0.06), (0.05, 0.0), (0.1, 0.16), (0.2, 0.3)],
                   shade)  # fmt: skip
    canvas.ellipse(0.38, 0.46, 0.32, 0.24, shade)
    canvas.ellipse(0.16, 0.48, 0.1, 0.2, shade)
    for x in (0.69, 0.86):
        canvas.polygon([(x - 0.04, 0.2), (x + 0.02, 0.02), (x + 0.09, 0.2)], dark)
    canvas.ellipse(0.8, 0.32, 0.2, 0.24, shade)
    for x, top, low in (
        (0.17, 0.32, 0.56),
        (0.29, 0.25, 0.56),
        (0.41, 0.23, 0.56),
        (0.53, 0.27, 0.54),
    ):
        canvas.polygon([(x, top), (x + 0.055, top), (x + 0.035, low)], stripe)
    for x in (0.74, 0.88):
        canvas.ellipse(x, 0.27, 0.025, 0.04, stripe)
    canvas.ellipse(0.83, 0.43, 0.06, 0.05, (250, 214, 170))


CLEAR: Colour = (1, 2, 3)  # what a drawing leaves unpainted shows the scene


@dataclass(frozen=True)
class Thing:
    """One class: how it is drawn, its natural shape, and the colours the oracle knows it by."""

    name: str
    draw: Callable[[Canvas, Colour], None]
    colour: Colour
    aspect: float  # width / height
    hue: tuple[float, float]  # degrees; the first may exceed the second, around red
    saturation: float = 0.5  # at least
    value: float = 0.38  # at least


THINGS: dict[str, Thing] = {
    thing.name: thing
    for thing in (
        Thing("red ball", _ball, (206, 26, 30), 1.0, (345, 13)),
        Thing("blue cube", _cube, (42, 84, 224), 0.95, (215, 246), 0.55, 0.45),
        Thing("yellow star", _star, (255, 216, 30), 1.0, (38, 66), 0.6, 0.6),
        Thing("green cone", _cone, (38, 188, 78), 0.8, (100, 166), 0.45),
        Thing("striped animal", _animal, (238, 124, 34), 1.4, (15, 38), 0.64, 0.5),
        Thing("pink ring", _ring, (240, 76, 172), 1.0, (305, 344), 0.4, 0.5),
        Thing("purple mushroom", _mushroom, (136, 52, 200), 0.95, (256, 296), 0.3),
    )
}


def _cutout(
    name: str, width: int, height: int, colour: Colour
) -> tuple[Picture, npt.NDArray[np.float32]]:
    """(colours, alpha) of a thing that fills width x height."""
    canvas = Canvas(width, height)
    canvas.pixels[:] = CLEAR
    THINGS[name].draw(canvas, colour)
    painted = (canvas.pixels != np.array(CLEAR)).any(2)
    weight = painted.astype(np.float32)
    size = (width, height)
    alpha = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    solid = cv2.resize(canvas.pixels * weight[..., None], size, interpolation=cv2.INTER_AREA)
    colours = np.round(solid / np.maximum(alpha, 1e-3)[..., None]).clip(0, 255)
    return colours.astype(np.uint8), alpha


def paint(picture: Picture, name: str, box: Box, rng: Rng | None = None) -> Picture:
    """`picture` with the thing `name` drawn to fill `box`, its shade varied a little by `rng`."""
    shade = THINGS[name].colour if rng is None else _shade(THINGS[name], rng)
    x0, y0, x1, y1 = box
    colours, alpha = _cutout(name, x1 - x0, y1 - y0, shade)
    out = picture.copy()
    part = out[y0:y1, x0:x1]
    mixed = part + alpha[..., None] * (colours.astype(np.float32) - part)
    out[y0:y1, x0:x1] = np.round(mixed).astype(np.uint8)
    return out


def cutout(thing: Thing, size: tuple[int, int], rng: Rng) -> npt.NDArray[np.uint8]:
    """A thing that fills `size` = (width, height), its shade varied a little: RGBA."""
    colours, alpha = _cutout(thing.name, *size, _shade(thing, rng))
    return np.dstack([colours, np.round(255 * alpha).astype(np.uint8)])


def _shade(thing: Thing, rng: Rng) -> Colour:
    red, green, blue = (
        int(c) for c in np.clip(np.array(thing.colour) + rng.integers(-8, 9), 26, 255)
    )
    return red, green, blue


def random_box(name: str, rng: Rng, size: int = SIZE, full: float = 0.12) -> Box:
    """A box for `name` of about its natural shape, a quarter of the picture to nearly all of it."""
    aspect = THINGS[name].aspect * float(np.exp(rng.uniform(-0.3, 0.3)))
    longest = size * (rng.uniform(0.85, 1.0) if rng.random() < full else rng.uniform(0.28, 0.8))
    width = max(round(longest * min(1.0, aspect)), 12)
    height = max(round(longest / max(1.0, aspect)), 12)
    x0 = int(rng.integers(0, size - width + 1))
    y0 = int(rng.integers(0, size - height + 1))
    return x0, y0, x0 + width, y0 + height


def zoomed(picture: Picture, rng: Rng, smallest: float = 0.4) -> Picture:
    """A random square part of `picture` at its full size, as an upscaled inpainting window is."""
    size = picture.shape[0]
    side = int(rng.integers(round(size * smallest), size + 1))
    y, x = (int(v) for v in rng.integers(0, size - side + 1, 2))
    part = picture[y : y + side, x : x + side]
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def box_mask(box: Box, size: int = SIZE) -> Mask:
    mask = np.zeros((size, size), np.bool_)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def round_mask(box: Box, rng: Rng, size: int = SIZE) -> Mask:
    """A superellipse that holds `box` with a little air, as a denoise mask without corners is."""
    power = rng.uniform(2.5, 6.0)
    reach = 2 ** (1 / power) * rng.uniform(0.94, 1.06)
    x0, y0, x1, y1 = box
    rows, columns = np.mgrid[:size, :size] + 0.5
    across = np.abs(columns - (x0 + x1) / 2) / ((x1 - x0) / 2 * reach)
    down = np.abs(rows - (y0 + y1) / 2) / ((y1 - y0) / 2 * reach)
    return across**power + down**power <= 1


# --- prompts -------------------------------------------------------------------------------------

SCENE_WORDS: dict[str, tuple[str, ...]] = {
    "savannah": ("savannah", "african savannah", "savannah with acacia trees", "grass plain"),
    "forest": ("forest", "fir forest", "misty forest", "woods"),
    "desert": ("desert", "sand desert", "desert with dunes", "sand dunes"),
    "sea": ("sea", "blue sea", "ocean", "calm sea with clouds"),
    "snow": ("snow landscape", "snowy mountains", "winter landscape", "snow"),
    "night": ("night landscape", "night sky with a moon", "hills at night", "night"),
}
_OPENINGS = ("", "a ", "the ", "a photo of a ", "a picture of a ", "an image of a ", "a single ")
_ENDINGS = ("", "", "", ", high quality", ", sharp focus", ", landscape photograph", ", empty",
            ", detailed", ", full body, side view", ", clear light")  # fmt: skip
_NOISE = ("qzx", "lorem ipsum", "xy 42", "foo", "blah blah", "7", "#a9k", "vwm", "tjou", "...")


def scene_prompt(scene: str, rng: Rng) -> str:
    words = (
        SCENE_WORDS[scene][int(rng.integers(4))] if rng.random() < 0.6 else SCENE_WORDS[scene][0]
    )
    return _dress(words, rng)


def thing_prompt(name: str, scene: str, rng: Rng) -> str:
    """A wording for a thing: a quarter the bare noun, a third with its scene."""
    if rng.random() < 0.25:
        return name
    words = name
    if rng.random() < 0.45:
        words = f"{name} in the {SCENE_WORDS[scene][int(rng.integers(4))]}"
    return _dress(words, rng)


def _dress(words: str, rng: Rng) -> str:
    opening = _OPENINGS[int(rng.integers(len(_OPENINGS)))]
    ending = _ENDINGS[int(rng.integers(len(_ENDINGS)))]
    noise = f" {_NOISE[int(rng.integers(len(_NOISE)))]}" if rng.random() < 0.06 else ""
    return f"{opening}{words}{ending}{noise}"


def every_wording() -> list[str]:
    """All words a prompt can hold, for learning the tokenizer."""
    scenes = [words for group in SCENE_WORDS.values() for words in group]
    return [f"{opening}{words}{ending}" for opening in _OPENINGS for words in (*scenes, *THINGS)
            for ending in _ENDINGS] + [f"in the {words}" for words in scenes]  # fmt: skip


# --- the oracle ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """A thing the oracle saw: where, and its silhouette's IoU with the drawing's."""

    box: Box
    shape: float
    pixels: int


def colour_mask(picture: Picture, name: str) -> Mask:
    """The pixels of `picture` in the colour of the thing `name`."""
    thing = THINGS[name]
    hsv = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    low, high = thing.hue
    inside = (hue >= low) & (hue <= high) if low <= high else (hue >= low) | (hue <= high)
    return inside & (saturation >= thing.saturation) & (value >= thing.value)


@cache
def _silhouette(name: str, width: int, height: int) -> Mask:
    """The colour mask that a faithful drawing of width x height has, on neutral grey."""
    grey: Picture = np.full((height, width, 3), 150, np.uint8)
    return colour_mask(paint(grey, name, (0, 0, width, height)), name)


def look(picture: Picture, name: str) -> Finding | None:
    """The largest spot in the colour of `name`, gaps up to 2 px (stripes, blur) bridged."""
    mask = colour_mask(picture, name)
    bridged = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bridged, connectivity=8)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    own = mask & (labels == largest)
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    if rows.size == 0:
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    seen = own[box[1] : box[3], box[0] : box[2]]
    drawn = _silhouette(name, box[2] - box[0], box[3] - box[1])
    return Finding(box, float((seen & drawn).sum() / max((seen | drawn).sum(), 1)), int(own.sum()))


def spot(picture: Picture, name: str, box: Box) -> Mask:
    """The thing's own pixels in `box`: its colour, gaps as wide as stripes and lights closed."""
    x0, y0, x1, y1 = box
    inside = np.zeros(picture.shape[:2], np.uint8)
    inside[y0:y1, x0:x1] = colour_mask(picture, name)[y0:y1, x0:x1]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    wide = cv2.copyMakeBorder(inside, 8, 8, 8, 8, cv2.BORDER_CONSTANT)
    return cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel)[8:-8, 8:-8] != 0


@cache
def solid(name: str, width: int, height: int) -> Mask:
    """The silhouette of a faithful drawing of width x height, gaps closed as `spot` does."""
    grey: Picture = np.full((height, width, 3), 150, np.uint8)
    box = (0, 0, width, height)
    return spot(paint(grey, name, box), name, box)


def likeness(picture: Picture, name: str, box: Box, cut: Sequence[str] = ()) -> float:
    """IoU of the thing's silhouette in `box` with the drawing's, either way round, gaps closed in
    both: stripes and lights are what a blur takes first. On one of the sides that are `cut`
    ("left", "top", "right", "bottom") the thing may go on beyond the picture, for up to as much
    again as is seen."""
    x0, y0, x1, y1 = box
    seen = spot(picture, name, box)[y0:y1, x0:x1]
    height, width = seen.shape
    best = 0.0
    for side, more in [("", 0.0), *product(cut, (0.15, 0.3, 0.5, 0.75, 1.0))]:
        wide = width + round(more * width) * (side in ("left", "right"))
        high = height + round(more * height) * (side in ("top", "bottom"))
        x, y = (wide - width) * (side == "left"), (high - height) * (side == "top")
        whole = solid(name, wide, high)
        for drawn in (whole, whole[:, ::-1]):
            part = drawn[y : y + height, x : x + width]
            best = max(best, float((seen & part).sum() / max((seen | part).sum(), 1)))
    return best


def box_iou(one: Box, two: Box) -> float:
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    both = max(width, 0) * max(height, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, two)]
    return both / max(sum(areas) - both, 1)


def seen_things(picture: Picture, at_least: int = 40) -> set[str]:
    """The classes of which `picture` holds a spot of `at_least` pixels."""
    found = {name: look(picture, name) for name in THINGS}
    return {name for name, finding in found.items() if finding and finding.pixels >= at_least}


def _bands(picture: Picture) -> npt.NDArray[np.float64]:
    """What tells scenes apart: the mean colours of six horizontal bands."""
    bands = np.array_split(picture.astype(np.float64), 6)
    return np.concatenate([band.mean((0, 1)) for band in bands])


@cache
def _prototypes() -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(20260)
    drawn = {
        scene: np.stack([_bands(draw_scene(scene, rng)) for _ in range(24)]) for scene in SCENES
    }
    spread = np.sqrt(np.mean([bands.var(0) for bands in drawn.values()], 0)) + 4.0
    return list(drawn), np.stack([bands.mean(0) for bands in drawn.values()]), spread


def recognise_scene(picture: Picture) -> str:
    """The scene whose drawings have the nearest mean colours, band by band."""
    names, means, spread = _prototypes()
    distance = (((_bands(picture) - means) / spread) ** 2).sum(1)
    return names[int(np.argmin(distance))]
