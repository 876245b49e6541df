"""Draw the README's strip: one cutout of the demo in each blend, harmonized, and with shadows.

    python scripts/draw_blends.py [--out prompts/demo/blends.jpg]

Names and pictures come from the tables that `infgen run` chooses from: a new row is a new tile.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from infgen.ops.blend import Pyramid, crop_to_content, fit, premultiply
from infgen.ops.blends import BLENDS, blend_edges
from infgen.ops.harmonize import HARMONIZE
from infgen.ops.putting import put_down
from infgen.ops.shadows import SHADOWS
from infgen.records.plan import Look, Shadow
from infgen.report.lettering import write

DEMO = Path(__file__).resolve().parents[1] / "prompts/demo"
CUTOUT, SCENE = "cutouts/yield/yield_2.png", "backgrounds/dusk_hills.jpg"
CROP = (330, 330, 440, 440)  # of the scene: x, y, width, height
DETAIL, TIMES = 20, 3  # pixels of an edge, and by how much they are enlarged
TILE, GAP, TITLE, ACROSS = 176, 4, 22, 7  # pixels, and tiles in a row


def looks() -> Iterator[tuple[str, Look]]:
    """Every row of every table, by its option."""
    for name in BLENDS:
        yield name, Look(blend=name)
    for name in HARMONIZE:
        if name != "none":
            yield f"harmonize {name}", Look(harmonize=name)
    for name, kind in SHADOWS.items():
        offset = (0.08 * kind.falls, 0.1 * kind.falls)
        yield f"{name} shadow", Look(shadow=Shadow(name, offset, 0.025, 0.6))


def tile(patch: np.ndarray, scene: np.ndarray, look: Look) -> np.ndarray:
    """The scene, (TILE, TILE, 3) uint8, with the patch in its middle, and its upper left corner
    enlarged at the lower left."""
    seen, ready = scene.copy(), blend_edges(patch, look.blend)
    height, width = ready.shape[:2]
    x, y = (TILE - width) // 2, (TILE - height) // 2
    put_down(seen, ready, x, y, look)
    near = seen[y - 4 : y + DETAIL - 4, x - 4 : x + DETAIL - 4].copy()
    near = cv2.resize(near, None, fx=TIMES, fy=TIMES, interpolation=cv2.INTER_NEAREST)
    seen[-len(near) - 2 :, : len(near) + 2] = 255
    seen[-len(near) :, : len(near)] = near
    return seen


def draw() -> Image.Image:
    rgba = np.array(Image.open(DEMO / CUTOUT).convert("RGBA"))
    pyramid = Pyramid(premultiply(crop_to_content(rgba)), (TILE, TILE))
    patch = pyramid.scale(fit(pyramid.size, (TILE * 0.62, TILE * 0.62)))
    x, y, width, height = CROP
    scene = np.array(Image.open(DEMO / SCENE).convert("RGB"))[y : y + height, x : x + width]
    scene = cv2.resize(scene, (TILE, TILE), interpolation=cv2.INTER_AREA)
    tiles = list(looks())
    rows = -(-len(tiles) // ACROSS)
    size = ACROSS * (TILE + GAP) - GAP, rows * (TILE + TITLE + GAP) - GAP
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for number, (name, look) in enumerate(tiles):
        left, top = number % ACROSS * (TILE + GAP), number // ACROSS * (TILE + TITLE + GAP)
        sheet.paste(Image.fromarray(tile(patch, scene, look)), (left, top + TITLE))
        write(pen, (left + 2, top + TITLE // 2), name, 14, (30, 30, 30), TILE)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEMO / "blends.jpg")
    draw().save(parser.parse_args().out, quality=88, optimize=True)


if __name__ == "__main__":
    main()
