"""Draw the demo pictures from nothing: road signs to cut out, landscapes to paste them on.

Everything is painted at a multiple of its final size and reduced at the end, so edges are soft.
One seed gives one set of files, byte for byte, as long as the library versions stay the same.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

Floats = np.ndarray  # of float32; colours are RGB from 0 to 1

WIDTH, HEIGHT = 2560, 1920  # landscapes are painted at twice their final size
ROAD = 0.52  # half the width of the road; the picture's bottom edge is 2 units wide
LONG_SIDE = 420  # of a finished cutout; signs are drawn at four times this size


# ---- colour and noise ----------------------------------------------------------------------------


def rgb(code: str) -> Floats:
    return np.array(list(bytes.fromhex(code)), np.float32) / 255


def gradient(codes: str, position: ArrayLike) -> Floats:
    """Colours at positions 0..1 along evenly spaced stops such as 'ff0000 00ff00'."""
    stops = np.array([rgb(code) for code in codes.split()])
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(np.asarray(position), places, stops[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def mix(first: Floats, second: Floats, share: ArrayLike) -> Floats:
    return first + (second - first) * np.asarray(share, np.float32)[..., None]


def step(low: float, high: float, x: ArrayLike) -> Floats:
    """Rise smoothly from 0 at `low` to 1 at `high`, which may be the smaller of the two."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def hump(x: ArrayLike, width: float) -> Floats:
    return np.exp(-((np.asarray(x, np.float32) / width) ** 2))


def fbm(rng: Generator, shape: tuple[int, int], cell: int, octaves: int = 5) -> Floats:
    """Fractal noise of mean 0 and deviation 1; it tiles if `shape` is a multiple of `cell`."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        size = max(cell >> octave, 1)
        grid = rng.standard_normal([-(-side // size) for side in shape]).astype(np.float32)
        grid = np.pad(grid, 2, mode="wrap")
        fine = cv2.resize(grid, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        total += fine[2 * size :, 2 * size :][: shape[0], : shape[1]] / 2**octave
    return (total - total.mean()) / total.std()


def noise_tile(rng: Generator) -> Floats:
    return fbm(rng, (1024, 1024), 256, 7)


def sample(tile: Floats, u: ArrayLike, v: ArrayLike) -> Floats:
    """Look a square tile up at coordinates of which every unit is one repeat."""
    u, v = (np.asarray(axis % 1 * len(tile), np.float32) for axis in np.broadcast_arrays(u, v))
    return cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


# ---- landscapes: sky and hills -------------------------------------------------------------------


@dataclass(frozen=True)
class Ridge:
    """A row of hills: mountain, mesa, hill, forest or grove; `height` is a share of the sky."""

    kind: str
    height: float
    colours: str  # from shade to light
    haze: float
    snow: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A landscape. Strings are colours; several run from shade to light, the sky's downwards."""

    name: str
    sky: str
    haze: str
    sun: tuple[float, float]  # across the picture, and up the sky
    light: str
    clouds: str
    ridges: tuple[Ridge, ...]  # from far to near
    ground: str
    trees: str
    horizon: float = 0.5
    glow: float = 0.5  # around the sun
    disc: float = 0.0  # the radius of the sun or moon
    stars: int = 0
    clear: float = 0.3  # how much of the sky has no cloud, as a deviation of the noise
    recede: float = 0.3  # the lower, the more the clouds flatten towards the horizon
    snow: str = "7f93b4 dfe6ee ffffff"
    fields: str = ""
    water: str = ""
    foam: float = 0.7
    sight: float = 30.0  # the depth at which haze takes half of what it can take
    bend: float = 1.2  # of the road, to the right first if positive
    lane: float = -0.18  # where the road starts, off the middle
    road: str = "4c4d50 67676a"
    lines: str = "e8e6de"
    verge: str = "6d6350 a89b80"
    grass: int = 14000
    flowers: str = ""
    tree_kind: str = "round"
    tree_count: int = 160
    tree_height: float = 1.5
    bark: str = "46382e"
    shadow: float = 0.45

    @property
    def eye(self) -> int:
        """The row of the horizon."""
        return round(self.horizon * HEIGHT)

    @property
    def lit_side(self) -> float:
        return float(np.sign(self.sun[0] - 0.5))


def paint_sky(scene: Scene, rng: Generator) -> Floats:
    rows, cols = np.ogrid[:HEIGHT, :WIDTH]
    up = np.clip(1 - rows / scene.eye, 0, 1).astype(np.float32)
    sky = np.repeat(gradient(scene.sky, 1 - up), WIDTH, axis=1)
    for _ in range(scene.stars):
        spot = int(rng.integers(WIDTH)), int(rng.integers(scene.eye))
        brightness = 0.25 + 0.75 * float(rng.random() ** 3)
        cv2.circle(sky, spot, 2 if brightness > 0.6 else 1, (brightness,) * 3, -1)
    light, (sun_x, sun_up) = rgb(scene.light), scene.sun
    away = np.hypot(cols - sun_x * WIDTH, rows - (1 - sun_up) * scene.eye) / WIDTH
    halo = scene.glow * (0.36 * np.exp(-5 * away) + 0.4 * np.exp(-24 * away))
    sky += light * halo[..., None].astype(np.float32)
    sky = mix(sky, light * 0.4 + 0.8, step(scene.disc + 0.001, scene.disc - 0.001, away))
    return mix(sky, *clouds(scene, up, cols, rng))


def clouds(scene: Scene, up: Floats, cols: Floats, rng: Generator) -> tuple[Floats, Floats]:
    """Colour and cover of a layer of clouds that recedes towards the horizon."""
    tile = noise_tile(rng)
    far = 0.3 / (up + scene.recede)
    u, v = (cols / WIDTH - 0.5) * far * 2, far * 2.2
    density = sample(tile, u, v)
    sunwards = sample(tile, u + (scene.sun[0] - 0.5) * 0.03 * far, v - 0.02)
    thick = density - scene.clear
    shade = 0.62 + 0.5 * (density - sunwards) - 0.16 * np.maximum(thick - 0.8, 0)
    return gradient(scene.clouds, shade), step(0, 1.3, thick) * step(0, 0.16, up)


def broken_line(rng: Generator, corners: int) -> Floats:
    places = np.sort(rng.uniform(-0.1, 1.1, corners)) * WIDTH
    return np.interp(np.arange(WIDTH), places, rng.uniform(-1, 1, corners)).astype(np.float32)


def crest_of(ridge: Ridge, rng: Generator) -> Floats:
    """Height of the ridge line, 0..1 or so, at each column."""
    if ridge.kind == "mountain":
        return 0.66 + np.sum([broken_line(rng, 4 * 2**i) * 0.3 / 1.9**i for i in range(9)], 0)
    line = fbm(rng, (1, WIDTH), 1024, 6)[0]
    if ridge.kind == "mesa":
        rough = line + 0.06 * fbm(rng, (1, WIDTH), 160, 6)[0]
        cliffs = 0.45 * step(0.2, 0.32, rough) + 0.2 * step(0.8, 0.88, rough)
        return 0.12 + 0.22 * step(-0.5, 0.4, line) + cliffs
    return 0.65 + 0.16 * line


def paint_ridge(image: Floats, scene: Scene, ridge: Ridge, rng: Generator) -> None:
    crest = scene.eye * (1 - ridge.height * crest_of(ridge, rng))
    top = max(int(crest.min()) - 1, 0)
    rows, cols = np.ogrid[top : scene.eye + 8, :WIDTH]
    below = (rows - crest).astype(np.float32)
    tile = noise_tile(rng)
    tile = -np.abs(tile) if ridge.kind == "mountain" else tile
    u, v = cols / 1500 + below / 2600, below / 900
    slope = sample(tile, u + 0.004, v) - sample(tile, u - 0.004, v)
    steep = {"mountain": 3.2, "mesa": 1.4}.get(ridge.kind, 0.8)
    lit = 0.45 - scene.lit_side * slope * steep + 0.08 * sample(tile, v, u)
    colour = gradient(ridge.colours, lit)
    if ridge.kind == "mesa":
        colour *= 1 + 0.09 * sample(tile, rows / 160, cols / 9000)[..., None]
    if ridge.snow:
        height = (scene.eye - rows) / (scene.eye * ridge.height) + 0.1 * sample(tile, 2 * u, 2 * v)
        snow = step(1 - ridge.snow, 1.12 - ridge.snow, height)
        colour = mix(colour, gradient(scene.snow, lit + 0.1), snow)
    mist = 0.55 * step(0, 1.1 * scene.eye * ridge.height, below)
    colour = mix(colour, rgb(scene.haze), ridge.haze + (1 - ridge.haze) * mist)
    part = image[top : scene.eye + 8]
    part[:] = mix(part, colour, np.clip(below + 0.5, 0, 1))
    if ridge.kind in ("forest", "grove"):
        plant_far_trees(image, scene, ridge, crest, rng)


def plant_far_trees(
    image: Floats, scene: Scene, ridge: Ridge, crest: Floats, rng: Generator
) -> None:
    """Cover a hill with small firs, or strew it with round trees, the far ones first."""
    firs, near = ridge.kind == "forest", 1 - ridge.haze
    count, size = (2600, 26 + 30 * near) if firs else (1500, 12 + 12 * near)
    clumps = fbm(rng, (256, WIDTH), 128, 4)
    columns, downs = rng.integers(WIDTH, size=count), np.sort(rng.random(count) ** 1.4)
    tones = gradient(ridge.colours, rng.normal(0.35 if firs else 0.1, 0.2, count)) * 0.9
    tones = mix(tones, rgb(scene.haze), ridge.haze + near * 0.5 * downs)
    for x, down, tone in zip(columns.tolist(), downs, tones.tolist(), strict=True):
        stretch = rng.uniform(0.6, 1.3)
        foot = int(crest[x] + 6 + (scene.eye - crest[x]) * down)
        tall, wide = int(size * stretch), int(size * 0.2 * stretch**0.5)
        if firs:
            points = [(x, foot - tall), (x - wide, foot + 4), (x + wide, foot + 4)]
            cv2.fillConvexPoly(image, np.array(points, np.int32), tone)
        elif clumps[int(down * 255), x] > 0.4:
            cv2.ellipse(image, (x, foot), (tall, int(tall * 0.75)), 0, 0, 360, tone, -1)


# ---- landscapes: ground, road and water ----------------------------------------------------------


@dataclass(frozen=True)
class Land:
    """What lies under each pixel below the horizon; the nearest row is at depth 1."""

    depth: Floats
    across: Floats
    side: Floats  # off the middle of the road
    tile: Floats
    coarse: Floats
    medium: Floats
    fine: Floats


def road_centre(scene: Scene, depth: Floats | float) -> Floats | float:
    return scene.bend * np.sin(depth * 0.42 + 0.4) * depth / (depth + 3) + scene.lane


def survey(scene: Scene, rng: Generator) -> Land:
    rows, cols = np.ogrid[: HEIGHT - scene.eye, :WIDTH]
    depth = ((HEIGHT - scene.eye) / (rows + 1.5)).astype(np.float32)
    across = ((cols - WIDTH / 2) / (WIDTH / 2) * depth).astype(np.float32)
    tile = noise_tile(rng)
    coarse, medium, fine = (
        sample(tile, across * scale, depth * scale) / (1 + (scale * depth) ** 2 * 0.15)
        for scale in (0.06, 0.4, 2.6)
    )
    grain = cv2.GaussianBlur(rng.standard_normal(across.shape, np.float32), (0, 0), 1.2)
    fine += 1.5 * grain / (1 + 0.1 * depth)
    side = across - road_centre(scene, depth)
    return Land(depth, across, side, tile, coarse, medium, fine)


def seaward(land: Land) -> Floats:
    """How far beyond the shore line, which follows the road."""
    return land.side - 1 - 0.18 * sample(land.tile, land.depth * 0.09, 0.3)


def fertile(scene: Scene, land: Land) -> NDArray[np.bool_]:
    off_road = np.abs(land.side) + 0.05 * land.medium > ROAD * 1.16
    return off_road & (seaward(land) < -0.5) if scene.water else off_road


def paint_ground(image: Floats, scene: Scene, land: Land) -> None:
    tone = 0.5 + 0.16 * land.coarse + 0.1 * land.medium + 0.12 * land.fine
    ground = gradient(scene.ground, tone)
    if scene.fields:
        crops = fields(scene, land) * (0.75 + 0.5 * tone)[..., None]
        ground = mix(ground, crops, step(2.6, 3.0, land.depth + 0.1 * land.medium))
    if scene.water:
        ground = add_shore(ground, image, scene, land, tone)
    ground = mix(ground, *road(scene, land))
    veil = 0.7 * (1 - np.exp2(-(land.depth - 1) / scene.sight))
    image[scene.eye :] = mix(ground, rgb(scene.haze), veil)


def fields(scene: Scene, land: Land) -> Floats:
    """Patchwork of crops, each patch with its rows of plants."""
    palette = np.array([rgb(code) for code in scene.fields.split()])
    strip = np.floor(np.log(land.depth) * 2.6 + 0.1 * land.coarse)
    patch = np.floor(land.across / (1.5 + 1.1 * strip) + 0.37 * strip)
    which = (strip * 5 + patch * 3).astype(int) % len(palette)
    furrows = np.sin(land.across * (20 + which * 3)) / (1 + (land.depth * 0.35) ** 2)
    return palette[which] * (1 + 0.1 * furrows)[..., None]


def road(scene: Scene, land: Land) -> tuple[Floats, Floats]:
    """Colour and cover of the road with its worn tracks, painted lines and gravel verge."""
    pixel, away, depth = 2.5 * land.depth / WIDTH, np.abs(land.side), land.depth

    def stripe(centre: float, half: float) -> Floats:
        return np.clip((half - np.abs(away - centre)) / pixel + 0.5, 0, 1)

    worn = 0.5 + 0.1 * land.medium + 0.22 * land.fine
    surface = gradient(scene.road, worn + 0.3 * hump(away - 0.26, 0.1))
    dashes = np.clip((0.25 - np.abs(depth * 0.8 % 1 - 0.5)) / (depth**2 * 0.0012) + 0.5, 0, 1)
    paint = np.maximum(stripe(0, 0.013) * dashes, stripe(ROAD * 0.9, 0.012))
    surface = mix(surface, rgb(scene.lines), np.clip(paint * (0.85 + 0.1 * land.fine), 0, 1))
    edge = np.clip((ROAD + 0.012 * land.fine - away) / pixel + 0.5, 0, 1)
    verge = 0.8 * step(ROAD * 1.32, ROAD * 1.12, away + 0.03 * land.medium + 0.05 * land.fine)
    gravel = gradient(scene.verge, 0.5 + 0.3 * land.fine)
    return mix(gravel, surface, edge), np.maximum(edge, verge) * step(90, 30, depth)


def add_shore(ground: Floats, image: Floats, scene: Scene, land: Land, tone: Floats) -> Floats:
    beyond = seaward(land)
    sand = gradient(scene.verge, tone) * 0.5 + gradient("b89a70 e0cba2", tone) * 0.5
    ground = mix(ground, sand, step(-0.55, -0.3, beyond + 0.1 * land.medium))
    ground = mix(ground, reflection(image, scene, land), step(-0.02, 0.02, beyond))
    surf = step(0.065, 0, np.abs(beyond - 0.03 + 0.05 * land.medium)) * step(16, 10, land.depth)
    return mix(ground, gradient(scene.clouds, 1), surf * scene.foam)


def reflection(image: Floats, scene: Scene, land: Land) -> Floats:
    """The sky and hills upside down, shaken by ripples, over the water's own colour."""
    rows, cols = np.mgrid[: HEIGHT - scene.eye, :WIDTH].astype(np.float32)
    ripple = sample(land.tile, land.across * 0.35, land.depth * 1.1)
    ripple += 0.6 * sample(land.tile, land.across * 1.5, land.depth * 4)
    source = np.maximum(scene.eye - 1 - rows * 0.9 - np.abs(ripple) * (6 + rows * 0.1), 0)
    mirror = cv2.BORDER_REFLECT
    shown = cv2.remap(image, cols + ripple * 6, source, cv2.INTER_LINEAR, borderMode=mirror)
    share = 0.3 + 0.5 * rows / (HEIGHT - scene.eye) + 0.08 * ripple
    glitter = scene.glow * step(0.9, 2.2, ripple) * hump(cols / WIDTH - scene.sun[0], 0.13)
    water = mix(shown, rgb(scene.water), np.clip(share, 0, 0.95))
    return water + 0.8 * rgb(scene.light) * glitter[..., None]


# ---- landscapes: plants --------------------------------------------------------------------------


def grow_grass(image: Floats, scene: Scene, grows: NDArray[np.bool_], rng: Generator) -> None:
    """Blades take the tone of the ground they stand on, a bit lighter or darker."""
    petals = [rgb(code).tolist() for code in scene.flowers.split()]
    for near in np.sort(rng.uniform(0.12, 1.02, scene.grass)):
        x, row = int(rng.integers(WIDTH)), min(int(near * len(grows)), len(grows) - 1)
        if not grows[row, x]:
            continue
        y = scene.eye + row
        colour = (image[y, x] * rng.uniform(0.72, 1.32)).tolist()
        tall, lean = rng.uniform(22, 62) * near, rng.normal(0, 0.3)
        tip = int(x + lean * tall * 1.3), int(y - tall)
        blade = np.array([(x, y), (x + lean * tall * 0.4, y - tall * 0.6), tip], np.int32)
        cv2.polylines(image, [blade], False, colour, 1 + round(near * 1.6))
        if petals and rng.random() < 0.05:
            cv2.circle(image, tip, int(2 + near * 5), petals[int(rng.integers(len(petals)))], -1)


def conifer(scene: Scene, rng: Generator) -> Floats:
    """A fir as premultiplied RGBA: strokes that hang from the trunk, dark ones first."""
    sprite = np.zeros((900, 500, 4), np.float32)
    cv2.line(sprite, (250, 200), (250, 899), (*rgb(scene.bark).tolist(), 1), 14)
    count = 4200
    down, side = rng.random(count) ** 0.7, rng.uniform(-1, 1, count)
    reach = (3 + 215 * down**0.9) * (0.66 + 0.34 * (down * rng.uniform(8, 11) % 1))
    shade = 0.42 + 0.2 * side * scene.lit_side + 0.2 * np.abs(side) - 0.1 * down
    shade += rng.normal(0, 0.16, count)
    tones = gradient(scene.trees, shade).tolist()
    for i in np.argsort(shade + down * 0.3):
        x, y = 250 + side[i] * reach[i], 12 + 810 * down[i] + abs(side[i]) * reach[i] * 0.28
        end = round(x + side[i] * 26), round(y + 12 + 10 * down[i])
        cv2.line(sprite, (round(x), round(y)), end, (*tones[i], 1), 2 + int(down[i] * 5))
    return sprite


def leafy(scene: Scene, rng: Generator) -> Floats:
    """A round tree, or a bush, as premultiplied RGBA: lobes of leaves, dark ones first."""
    trunk, bark = scene.tree_kind == "round", (*rgb(scene.bark).tolist(), 1)
    sprite = np.zeros((720 if trunk else 430, 640, 4), np.float32)
    if trunk:
        for lean in (-130, -60, 0, 70, 120):
            cv2.line(sprite, (320, 600), (320 + lean, 300), bark, 12)
        cv2.line(sprite, (320, 400), (322, 719), bark, 26)
    lobes, leaves = int(rng.integers(11, 20)) + (0 if trunk else 12), 7500
    middle, flat = (320, 200 * rng.uniform(0.8, 1.05)) if trunk else (240, 110)
    angle, reach = rng.uniform(0, 2 * np.pi, lobes), np.sqrt(rng.random(lobes))
    lobe_x, lobe_y = 320 + 200 * reach * np.cos(angle), middle + flat * reach * np.sin(angle)
    lobe, radius = rng.integers(lobes, size=leaves), rng.uniform(60, 115, lobes)
    angle, reach = rng.uniform(0, 2 * np.pi, leaves), np.sqrt(rng.random(leaves))
    x = lobe_x[lobe] + radius[lobe] * reach * np.cos(angle)
    y = lobe_y[lobe] + radius[lobe] * reach * np.sin(angle)
    shade = 0.42 + 0.2 * reach * (0.6 * np.cos(angle) * scene.lit_side - np.sin(angle))
    shade += rng.normal(0, 0.1, leaves) - 0.0011 * (lobe_y[lobe] - middle)
    tones = gradient(scene.trees, shade).tolist()
    for i in np.argsort(shade):
        cv2.circle(sprite, (round(x[i]), round(y[i])), int(rng.integers(3, 8)), (*tones[i], 1), -1)
    return sprite


def plant_trees(image: Floats, scene: Scene, grows: NDArray[np.bool_], rng: Generator) -> None:
    draw = conifer if scene.tree_kind == "conifer" else leafy
    sprites = [draw(scene, rng) for _ in range(5)]
    clumps = fbm(rng, (256, 256), 64, 3)
    depths = np.exp(rng.uniform(np.log(1.9), np.log(26), scene.tree_count))
    for depth in np.sort(depths)[::-1].tolist():
        x, row = rng.uniform(-0.1, 1.1) * WIDTH, int(len(grows) / depth)
        side = abs((x / WIDTH * 2 - 1) * depth - road_centre(scene, depth))
        wanted = clumps[int(depth * 8) % 256, int(x / 24) % 256] > -0.2
        if side < 1.1 or not wanted or not grows[row, int(np.clip(x, 0, WIDTH - 1))]:
            continue
        tall = scene.tree_height * rng.uniform(0.7, 1.3) / depth * WIDTH / 2
        sprite = sprites[int(rng.integers(len(sprites)))]
        veil = 1 - np.exp2(-(depth - 1) / scene.sight)
        cast_shadow(image, scene, x, scene.eye + row, tall)
        paste(image, sprite, x, scene.eye + row, tall, rgb(scene.haze), veil)


def window(left: float, top: float, width: float, height: float) -> tuple[slice, slice]:
    """The part of a box that lies in the picture."""
    return (
        slice(int(np.clip(top, 0, HEIGHT)), int(np.clip(top + height, 0, HEIGHT))),
        slice(int(np.clip(left, 0, WIDTH)), int(np.clip(left + width, 0, WIDTH))),
    )


def cast_shadow(image: Floats, scene: Scene, x: float, y: float, tall: float) -> None:
    wide, flat = tall * 0.36, tall * 0.045
    x -= scene.lit_side * wide * 0.55
    part = window(x - 2 * wide, y - 2 * flat, 4 * wide, 4 * flat)
    rows, cols = np.ogrid[part]
    image[part] *= 1 - scene.shadow * (hump(rows - y, flat) * hump(cols - x, wide))[..., None]


def paste(
    image: Floats, sprite: Floats, x: float, foot: int, tall: float, haze: Floats, veil: float
) -> None:
    width, height = max(round(sprite.shape[1] * tall / len(sprite)), 1), max(round(tall), 1)
    small = cv2.resize(sprite, (width, height), interpolation=cv2.INTER_AREA)
    left, top = round(x - width / 2), foot - height
    ys, xs = window(left, top, width, height)
    small = small[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left]
    alpha = small[..., 3:]
    image[ys, xs] *= 1 - alpha
    image[ys, xs] += small[..., :3] * (1 - veil) + haze * alpha * veil


def develop(image: Floats, rng: Generator) -> NDArray[np.uint8]:
    """Reduce to the final size, then add what a camera adds: bloom, vignette and grain."""
    image = cv2.resize(np.clip(image, 0, 1.3), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    image += 0.35 * cv2.GaussianBlur(np.maximum(image - 0.72, 0), (0, 0), 24)
    rows, cols = np.ogrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    image *= (1 - 0.09 * (rows**2 + cols**2) ** 1.2)[..., None]
    image += rng.normal(0, 0.005, image.shape[:2])[..., None]
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def draw_landscape(scene: Scene, rng: Generator) -> NDArray[np.uint8]:
    image = paint_sky(scene, rng)
    for ridge in scene.ridges:
        paint_ridge(image, scene, ridge, rng)
    land = survey(scene, rng)
    grows = fertile(scene, land)
    paint_ground(image, scene, land)
    grow_grass(image, scene, grows, rng)
    plant_trees(image, scene, grows, rng)
    return develop(image, rng)


# fmt: off
SCENES = (
    Scene("day_meadow", sky="3577bb 6aa5d8 c4deee", haze="c3d9e6", sun=(0.8, 1.4), light="fff6df",
          clouds="9fb0c4 e3eaf2 ffffff", horizon=0.47, ground="3f6b2b 6d9540 9ab65a",
          trees="1a3316 3c662a 8aab4c", fields="7fa04a c9b65a 5f8a3c a8b457 8f9a4a",
          flowers="f4f1e6 e9c93f d9536a", tree_count=120, ridges=(
              Ridge("mountain", 0.34, "4d6580 7d93a8", 0.62),
              Ridge("grove", 0.26, "3c5f45 6f9158", 0.45),
              Ridge("forest", 0.17, "24432f 4d6f3d", 0.3),
              Ridge("grove", 0.1, "406a35 86a650", 0.15))),
    Scene("day_alps", sky="2564ae 5f9ed6 cfe3ee", haze="c8dcec", sun=(0.15, 1.3), light="fff6e4",
          clouds="a8b8ca eef2f6 ffffff", clear=0.6, horizon=0.56, ground="3c6a2c 62913c 92b552",
          flowers="ffffff e8d24a 8f7fd0", trees="0f2a22 1f4a33 5c8a4c", tree_kind="conifer",
          tree_height=1.7, bend=-1.1, lane=0.2, ridges=(
              Ridge("mountain", 0.8, "46566c 8b98a6", 0.45, 0.75),
              Ridge("mountain", 0.55, "3d4f5f 7f8d92", 0.25, 0.45),
              Ridge("forest", 0.24, "1b3a34 3f6650", 0.25),
              Ridge("forest", 0.12, "17352a 41693f", 0.1))),
    Scene("day_coast", sky="2b76bd 76b4df d8e9ee", haze="d3e5ec", sun=(0.75, 1.2), light="fff3d8",
          clouds="b4c2d0 f2f5f7 ffffff", recede=0.35, horizon=0.44, water="1f7f94", bend=0.5,
          lane=-0.3, ground="6f8a3f 98a654 c2bd78", flowers="f0e6c0 e6a0b0",
          trees="243f20 4d7034 98ab5c", tree_kind="bush", tree_height=0.45, ridges=(
              Ridge("mountain", 0.2, "56788a 7f9ba0", 0.6),
              Ridge("grove", 0.09, "4f7a5c 7d9a6a", 0.4))),
    Scene("day_desert", sky="2d6fb4 7db3da ecdcc4", haze="e6d3bd", sun=(0.85, 1.3), light="fff0d2",
          clouds="d0c4ba f5eee4 ffffff", clear=1.0, recede=0.12, horizon=0.46, bend=-0.25,
          lane=0.15, ground="a8663c c98a58 e3b381", verge="9a6238 c79064", road="5a5553 7a736d",
          lines="e6b93c", grass=1500, trees="4a4a26 77763c b4ab66", tree_kind="bush",
          tree_height=0.35, shadow=0.55, ridges=(
              Ridge("mesa", 0.38, "8a4a34 c98a62", 0.5),
              Ridge("mesa", 0.22, "7a3d2a c47a4e", 0.3),
              Ridge("hill", 0.06, "a5683f d09a66", 0.3))),
    Scene("snow_valley", sky="6f9cc6 a9c6de e6eef3", haze="dde8f0", sun=(0.2, 0.6), light="fff4e2",
          clouds="aab8c8 e4eaf0 ffffff", clear=0.2, glow=0.4, disc=0.013, horizon=0.53, bend=-0.8,
          lane=-0.25, ground="b9cade dfe9f2 f8fbff", verge="aebccb e6edf4", road="6d7680 a9b4bf",
          lines="e4eaf0", grass=500, trees="182c2c 32504c dfe9f0", tree_kind="conifer",
          tree_height=1.4, shadow=0.15, ridges=(
              Ridge("mountain", 0.6, "4c5f78 8797a8", 0.5, 0.9),
              Ridge("forest", 0.28, "4a6070 c3d2de", 0.35),
              Ridge("forest", 0.14, "33494f b9c9d4", 0.15))),
    Scene("grey_moor", sky="7d8790 a2aab0 c6cacb", haze="b9bfc1", sun=(0.35, 1.4), light="ffffff",
          clouds="6b747d 9aa3aa d0d4d6", clear=-1.6, recede=0.2, glow=0, horizon=0.45, bend=-1.6,
          lane=0.1, ground="4c4f2c 74703f 9a8a52", flowers="8a6a8f 9a7aa0", road="3c4044 5e6468",
          sight=16, trees="2a3020 4a5230 7c8050", tree_kind="bush", tree_height=0.4, shadow=0.15,
          ridges=(Ridge("mountain", 0.45, "4f5a60 6d7678", 0.6),
                  Ridge("grove", 0.24, "48523f 6f7350", 0.4),
                  Ridge("grove", 0.13, "444a30 7a7448", 0.2))),
    Scene("grey_fog", sky="b4bcc0 c2c9cb d2d6d6", haze="ccd1d2", sun=(0.4, 0.8), light="ffffff",
          clouds="a8b0b4 c6ccce dde0e0", clear=-0.5, glow=0.1, horizon=0.54, bend=0.8, lane=0.25,
          ground="46543a 66734a 8a9060", road="44484b 666b6e", sight=9,
          trees="16241e 2c4034 5a6c50", tree_kind="conifer", tree_height=1.9, shadow=0.1, ridges=(
              Ridge("forest", 0.5, "3c4a4a 5c6a66", 0.88),
              Ridge("forest", 0.3, "34443f 566558", 0.76),
              Ridge("forest", 0.16, "2c3e36 4e6048", 0.62))),
    Scene("golden_fields", sky="4b7fb0 a9b9b8 f7d08a", haze="f3cd92", sun=(0.72, 0.3),
          light="ffc766", clouds="9a7f80 e8b184 fff0cf", clear=0.1, recede=0.2, glow=0.9,
          disc=0.017, horizon=0.48, bend=-1.3, lane=-0.1, ground="7a6428 b8943c e6c468",
          fields="c9a24a a88a3a 8a8a3c d8b45c 9a7430", verge="7a6440 b89a68",
          trees="2c2c14 5e5a22 d0a848", tree_count=70, tree_height=1.0, ridges=(
              Ridge("hill", 0.24, "6d6a6a a58a6a", 0.55),
              Ridge("grove", 0.17, "4f5138 a08a4a", 0.35),
              Ridge("grove", 0.09, "4a4c28 b89a4a", 0.15))),
    Scene("golden_lake", sky="3f5f94 b58f94 fbb868", haze="eab088", sun=(0.68, 0.26),
          light="ffb050", clouds="6d5a74 d88a70 ffdf9f", clear=-0.1, recede=0.12, glow=0.8,
          disc=0.016, horizon=0.52, water="3a4a6a", foam=0.2, bend=0.35, lane=-0.25,
          ground="5a4a20 8f6f30 c09a48", verge="6a5438 a08458", trees="4a1f10 a04a1a f0a03a",
          ridges=(Ridge("mountain", 0.42, "4a4a68 96707a", 0.5, 0.3),
                  Ridge("forest", 0.2, "3a3438 7a5038", 0.3),
                  Ridge("forest", 0.1, "2c2a26 805028", 0.15))),
    Scene("dusk_hills", sky="2a2f5c 7a5a8a f09a86", haze="b87f94", sun=(0.3, 0.03), light="ff9a70",
          clouds="4a3f68 b06a80 ffb49a", clear=0.0, recede=0.1, glow=0.8, stars=90, horizon=0.55,
          bend=1.6, lane=0.1, ground="2c3440 4c4c4c 807068", verge="3a3640 5c5458",
          road="2c2c38 4c4a56", lines="c8bcc0", trees="0c1018 1e2630 5a5458", bark="1a1618",
          tree_kind="conifer", tree_count=80, tree_height=1.6, shadow=0.2, ridges=(
              Ridge("mountain", 0.5, "3f3a64 6a5480", 0.5),
              Ridge("hill", 0.34, "3a3558 5f4a6a", 0.35),
              Ridge("forest", 0.2, "221f38 443a50", 0.25),
              Ridge("hill", 0.09, "25243a 4a4450", 0.1))),
    Scene("dusk_coast", sky="1f3a66 5a6f9a f4a070", haze="c08a84", sun=(0.78, 0.07),
          light="ff9050", clouds="3f4468 b87a80 ffc090", clear=-0.2, recede=0.1, glow=0.9,
          disc=0.02, horizon=0.47, water="2a3f66", foam=0.4, bend=0.7, lane=-0.4,
          ground="2a3026 4a4834 6e6244", verge="4a4440 706458", road="33333c 53525a",
          lines="c4b8b4", trees="10140f 262a1c 665838", bark="1e1a18", tree_height=1.2,
          shadow=0.25, ridges=(Ridge("mountain", 0.26, "3a3f62 6a5a74", 0.5),
                               Ridge("hill", 0.1, "2c3048 544a58", 0.25))),
    Scene("night_moon", sky="060b1c 10203f 2c4668", haze="22385a", sun=(0.66, 0.7), light="cfdcf5",
          clouds="0e1830 2a3c5c 7d90b0", clear=0.6, glow=0.35, disc=0.02, stars=1100, horizon=0.52,
          snow="1c2c4a 5a7296 a8bcd8", bend=-0.7, lane=-0.1, ground="0c1620 182630 2c3c44",
          verge="141c24 2a343c", road="12161e 262c38", lines="8a94a4", bark="0b0f16",
          trees="04090f 0c1820 2f4452", tree_kind="conifer", tree_count=130, tree_height=1.8,
          shadow=0.3, ridges=(Ridge("mountain", 0.62, "131f38 33486a", 0.35, 0.7),
                              Ridge("forest", 0.24, "0a1424 1a2c42", 0.25),
                              Ridge("forest", 0.12, "070f1c 162638", 0.1))),
)
# fmt: on


# ---- road signs ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sign:
    """`bands` are colours from the rim inwards, each with the depth at which it begins."""

    name: str
    corners: int  # 0 for a disc
    turn: float  # direction of the first edge, in turns
    bands: tuple[tuple[float, str], ...]
    symbol: str = ""
    ink: str = "ffffff"


RED, BLUE, YELLOW, WHITE, BLACK = "b3161c", "0f4a9c", "f2b705", "f2f1ec", "1b1b1d"
SIGNS = (
    Sign("stop", 8, 0, ((0, WHITE), (0.06, RED)), "STOP", WHITE),
    Sign("yield", 3, -1 / 4, ((0, WHITE), (0.03, RED), (0.235, WHITE))),
    Sign("speed_limit", 0, 0, ((0, WHITE), (0.03, RED), (0.24, WHITE)), "30 50 80", BLACK),
    Sign("priority", 4, 1 / 8, ((0, BLACK), (0.02, WHITE), (0.2, BLACK), (0.22, YELLOW))),
    Sign("roundabout", 0, 0, ((0, WHITE), (0.05, BLUE)), "arrows", WHITE),
    Sign("no_entry", 0, 0, ((0, WHITE), (0.05, RED)), "bar", WHITE),
)


def rim_distance(sign: Sign, x: Floats, y: Floats) -> Floats:
    """Depth below the rim (negative outside) of a plate that fits -1..1; corners are rounded."""
    if not sign.corners:
        return 1 - np.hypot(x, y)
    angles = 2 * np.pi * (sign.turn + np.arange(sign.corners) / sign.corners)
    inner = {3: 0.56, 4: 0.71, 8: 0.95}[sign.corners]
    low = 0.28 if sign.corners == 3 else 0.0
    edges = np.stack([(x * np.cos(a) + (y + low) * np.sin(a) - inner) / 0.035 for a in angles])
    return -0.035 * np.logaddexp.reduce(edges, axis=0)


def symbol_mask(sign: Sign, size: int, rng: Generator) -> Floats:
    """Cover of the letters, the arrows or the bar, on a square of -1..1."""
    mask = np.zeros((size, size), np.float32)
    half = size / 2.1
    if sign.symbol == "bar":
        corner = np.array([0.72, 0.17]) * half
        first, last = (size / 2 - corner).astype(int), (size / 2 + corner).astype(int)
        cv2.rectangle(mask, first.tolist(), last.tolist(), 1.0, -1)
    elif sign.symbol == "arrows":
        for start in np.radians([80, 200, 320]):
            cv2.fillPoly(mask, [np.round(size / 2 + half * arrow(start)).astype(np.int32)], 1.0)
    elif sign.symbol:
        text = str(rng.choice(sign.symbol.split()))
        wide, tall = (1.5, 0.62) if len(text) > 2 else (0.98, 0.8)
        letters = cv2.resize(
            lettering(text), (round(wide * half), round(tall * half)), interpolation=cv2.INTER_AREA
        )
        top, left = (size - letters.shape[0]) // 2, (size - letters.shape[1]) // 2
        mask[top : top + letters.shape[0], left : left + letters.shape[1]] = letters
    return mask


def arrow(start: float) -> Floats:
    """Outline of one of the three arrows that chase each other anticlockwise."""
    sweep = start - np.linspace(0, np.radians(72), 24)
    tip = sweep[-1] - np.radians(32)
    barb = sweep[-1:]
    outline = [(0.64, sweep), (0.76, barb), (0.52, tip[None]), (0.3, barb), (0.42, sweep[::-1])]
    return np.concatenate([np.stack([r * np.cos(a), r * np.sin(a)], 1) for r, a in outline])


def lettering(text: str) -> Floats:
    """Bold letters, cropped; strokes thicken them, so they are set one by one, wide apart."""
    font = ImageFont.load_default(size=400)
    page = Image.new("L", (400 * len(text), 600))
    left = 50.0
    for letter in text:
        ImageDraw.Draw(page).text((left, 50), letter, 255, font, stroke_width=16)
        left += font.getlength(letter) + 24
    return np.asarray(page.crop(page.getbbox()), np.float32) / 255


def draw_plate(sign: Sign, size: int, rng: Generator) -> Floats:
    """The plate as premultiplied RGBA."""
    rows, cols = np.mgrid[:size, :size].astype(np.float32)
    x, y = (cols - size / 2) / (size / 2.1), (rows - size / 2) / (size / 2.1)
    inside = rim_distance(sign, x, y)
    sharp = size / 4.2

    def past(depth: float) -> Floats:
        return np.clip((inside - depth) * sharp + 0.5, 0, 1)

    face = np.zeros((size, size, 3), np.float32)
    for depth, colour in sign.bands:
        face = mix(face, rgb(colour), past(depth))
    face = mix(face, rgb(sign.ink), symbol_mask(sign, size, rng))
    face = weather(face, inside, x, y, rng)
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(inside, (0, 0), size / 200))
    bevel = step(0.05, 0.01, inside) * (slope_x * 0.5 + slope_y) * size / 2.1
    sheen = 0.1 * hump(x * 0.8 + y - rng.uniform(-0.9, 0.3), 0.4)
    light = 1.0 - 0.1 * y + rng.uniform(-0.1, 0.1) * x + 0.32 * bevel
    face = face * light[..., None] + sheen[..., None]
    face = mix(face * 0.25, face, step(0.004, 0.018, inside))  # the thin dark edge
    alpha = past(0)[..., None]
    return np.concatenate([np.clip(face, 0, 1) * alpha, alpha], axis=2)


def weather(face: Floats, inside: Floats, x: Floats, y: Floats, rng: Generator) -> Floats:
    """Fade, soil, scratch and rust a plate, and stick things on some."""
    size, wear = len(face), rng.uniform(0.25, 1.0)
    grey = face.mean(axis=2, keepdims=True)
    face = face + (grey * 0.5 + 0.32 - face) * (0.16 * wear)
    cloud = fbm(rng, (size, size), size // 3, 4)
    streaks = cv2.resize(fbm(rng, (max(size // 16, 8), size), size // 12, 4), (size, size))
    soil = 0.12 * step(0.2, 2.2, cloud + 0.5 * y) + 0.12 * step(0.6, 2.4, streaks)
    soil += 0.2 * step(0.14, 0.0, inside) * step(-0.5, 1.0, cloud)
    face = mix(face, rgb("4a4234"), wear * soil)
    for bolt_y in (-0.55, 0.55):
        face = add_bolt(face, x, y - bolt_y, cloud, wear)
    face = add_scratches(face, rng, round(9 * wear))
    extra = rng.random()
    if extra < 0.25:
        face = add_leaf(face, rng)
    elif extra < 0.5:
        face = add_sticker(face, rng)
    return face


def add_bolt(face: Floats, x: Floats, y: Floats, cloud: Floats, wear: float) -> Floats:
    away = np.hypot(x, y)
    run = hump(x, 0.03) * step(0, 0.04, y) * step(0.55, 0.05, y + 0.1 * cloud)
    rust = np.clip(0.7 * step(0.13, 0.03, away + 0.02 * cloud) + 0.5 * run, 0, 1) * wear
    face = mix(face, rgb("7a3f17"), rust)
    head = gradient("4a4c50 9b9ea3 e6e8ea", 0.5 - (x + y * 1.5) * 11)
    face = mix(face, rgb("2a2522"), 0.6 * step(0.05, 0.036, away))
    return mix(face, head, step(0.039, 0.034, away))


def add_scratches(face: Floats, rng: Generator, count: int) -> Floats:
    size = len(face)
    marks = np.zeros((size, size), np.float32)
    for _ in range(count):
        start, angle = rng.uniform(0.1, 0.9, 2) * size, rng.normal(0.5, 0.5)
        reach = rng.uniform(0.05, 0.3) * size * np.array([np.cos(angle), np.sin(angle)])
        bow = [start, start + reach * 0.5 + rng.normal(0, size * 0.006, 2), start + reach]
        cv2.polylines(marks, [np.array(bow, np.int32)], False, float(rng.uniform(0.25, 0.6)), 3)
    return mix(face, rgb("c9c6bd"), marks)


def stamp(face: Floats, outline: Floats, rng: Generator, colour: Floats) -> Floats:
    """Fill a turned outline (-1..1) somewhere off the centre, with a soft shadow under it."""
    size, angle, place = len(face), rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = size / 2 + size * 0.24 * np.array([np.cos(place), np.sin(place)])
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [np.round(middle + outline @ turn * size * 0.085).astype(np.int32)], 1.0)
    shadow = cv2.GaussianBlur(np.roll(mask, size // 90, axis=(0, 1)), (0, 0), size / 110)
    return mix(face * (1 - 0.45 * shadow[..., None]), colour, mask)


def add_leaf(face: Floats, rng: Generator) -> Floats:
    along = np.linspace(0, np.pi, 40)
    bulge = 0.5 * np.sin(along) ** 1.2 * (1 + 0.1 * np.cos(along * 18))
    half = np.stack([-np.cos(along), bulge], 1)
    tone = gradient("8a2f12 c8701c d9a326 6f7d2a", rng.random())
    shades = fbm(rng, face.shape[:2], max(len(face) // 24, 2), 3)[..., None]
    outline = np.concatenate([half, half[::-1] * [1, -1]])
    return stamp(face, outline, rng, tone * (1 + 0.13 * shades))


def add_sticker(face: Floats, rng: Generator) -> Floats:
    angles = np.linspace(0, 2 * np.pi, 60)
    power = 2 / rng.choice([2, 8])  # a disc or a rounded square
    round_off = [np.sign(f(angles)) * np.abs(f(angles)) ** power for f in (np.cos, np.sin)]
    outline = np.stack(round_off, 1) * [0.8, 0.6 if power < 1 else 0.8]
    return stamp(face, outline, rng, gradient("3aa6a0 e8e4da d8487a 5a4fa0 e39a2c", rng.random()))


def draw_pole(kind: str, shape: tuple[int, int], rng: Generator) -> Floats:
    """An upright pole as opaque RGB, shaded as a cylinder if metal, grained if wood."""
    tall, wide = shape
    u = np.linspace(-1, 1, wide, dtype=np.float32)
    if kind == "metal":
        shade = 0.3 + 0.42 * np.sqrt(1 - u**2 * 0.96) + 0.38 * hump(u + 0.35, 0.22)
        spots = fbm(rng, (tall, wide), max(wide // 2, 4), 3)
        return gradient("2a2d31 8d9196 eceef0", shade * 0.85 + 0.015 * spots)
    grain = fbm(rng, (max(tall // 24, 8), wide), max(wide // 4, 4), 3)
    grain = cv2.resize(grain, (wide, tall), interpolation=cv2.INTER_CUBIC)
    return gradient("33241a 7a5a3c b08a5e", 0.55 - 0.28 * u**3 - 0.3 * u**8 + 0.14 * grain)


def turn_plate(plate: Floats, yaw: float) -> Floats:
    """Turn a plate a little about its upright axis; its thickness shows on one side."""
    size = len(plate)
    half, grow = size / 2 * np.cos(yaw), 0.1 * np.sin(yaw) * size / 2
    left, right = size / 2 - half, size / 2 + half
    corners = [(0, 0), (size, 0), (size, size), (0, size)]
    seen = [(left, -grow), (right, grow), (right, size - grow), (left, size + grow)]
    warp = cv2.getPerspectiveTransform(np.array(corners, np.float32), np.array(seen, np.float32))
    front = cv2.warpPerspective(plate, warp, (size, size))
    back = np.roll(front[..., 3:], round(np.sin(yaw) * size * 0.03), axis=1)
    back = back * np.array([0.34, 0.35, 0.36, 1], np.float32)
    return front + back * (1 - front[..., 3:])


def draw_cutout(sign: Sign, pole: str, rng: Generator) -> NDArray[np.uint8]:
    """A sign, with the upper part of its pole unless `pole` is empty, as straight RGBA."""
    length = rng.uniform(0.25, 1.0) if pole else 0.0
    size = round(4 * LONG_SIDE / (1 + length))
    plate = turn_plate(draw_plate(sign, size, rng), rng.uniform(-0.45, 0.45))
    canvas = np.zeros((round(size * (1 + length)), size, 4), np.float32)
    if pole:
        top, wide = round(size * 0.3), round(size * (0.06 if pole == "metal" else 0.085))
        left = (size - wide) // 2
        shadow = cv2.GaussianBlur(np.roll(plate[..., 3], size // 16, axis=0), (0, 0), size / 50)
        shadow = np.pad(shadow, ((0, len(canvas) - size), (0, 0)))[top:, left : left + wide, None]
        shaft = canvas[top:, left : left + wide]
        shaft[..., :3] = draw_pole(pole, (len(shaft), wide), rng) * (1 - 0.6 * shadow)
        shaft[..., 3] = 1
    canvas[:size] = plate + canvas[:size] * (1 - plate[..., 3:])
    return trim(canvas)


def trim(canvas: Floats) -> NDArray[np.uint8]:
    """Crop to the content, reduce, leave a clear margin and divide the colours by alpha."""
    rows, cols = np.nonzero(canvas[..., 3] > 0.01)
    canvas = canvas[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    scale = (LONG_SIDE - 4) / max(canvas.shape[:2])
    size = round(canvas.shape[1] * scale), round(canvas.shape[0] * scale)
    canvas = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    canvas = np.pad(canvas, ((2, 2), (2, 2), (0, 0)))
    canvas[..., :3] /= np.maximum(canvas[..., 3:], 1 / 255)
    pixels = np.round(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def draw_backgrounds(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(SCENES):
        picture = draw_landscape(scene, np.random.default_rng([seed, 0, number]))
        Image.fromarray(picture).save(folder / f"{scene.name}.jpg", quality=88, progressive=True)


def draw_cutouts(folder: Path, seed: int) -> None:
    for number, sign in enumerate(SIGNS):
        (folder / sign.name).mkdir(parents=True, exist_ok=True)
        for variant, pole in enumerate(("metal", "wood", "", "metal")):
            rng = np.random.default_rng([seed, 1, number, variant])
            picture = Image.fromarray(draw_cutout(sign, pole, rng))
            picture.save(folder / sign.name / f"{sign.name}_{variant + 1}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("prompts/demo"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw_cutouts(args.out / "cutouts", args.seed)
    draw_backgrounds(args.out / "backgrounds", args.seed)


if __name__ == "__main__":
    main()
