"""The page: title, legend, tiles in a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from infgen.report.colours import class_colours
from infgen.report.lettering import readable, write
from infgen.report.sheet.grid import Grid
from infgen.report.sheet.legend import LEGEND_STEP, arrange_legend, draw_legend
from infgen.report.sheet.marks import Tile
from infgen.report.sheet.style import GAP, INK, MARGIN, PAPER, QUIET, WIDTH
from infgen.report.sheet.tiles import drawn


def draw_sheet(
    tiles: Sequence[Tile], classes: Sequence[str], title: str, subtitle: str = ""
) -> np.ndarray:
    """The page: title, subtitle, legend of `classes` (their names by class id), tiles in a grid.

    Classes that no mark belongs to are in the legend all the same, where there is room for all.
    """
    names = [readable(name, class_id) for class_id, name in enumerate(classes)]
    colours = class_colours(len(names))
    legend = arrange_legend(names, {mark.class_id for tile in tiles for mark in tile.marks})
    grid = Grid.for_tiles(tiles)
    top = MARGIN + 40 + (30 if subtitle else 0)
    body = top + len(legend) * LEGEND_STEP + (GAP if legend else 0)
    page = Image.new("RGB", (WIDTH, body + grid.height + MARGIN), PAPER)
    pen = ImageDraw.Draw(page)
    write(pen, (MARGIN, MARGIN + 16), title, 30, INK, WIDTH - 2 * MARGIN)
    write(pen, (MARGIN, MARGIN + 50), subtitle, 18, QUIET, WIDTH - 2 * MARGIN)
    draw_legend(pen, legend, colours, top)
    if not tiles:
        write(pen, (WIDTH // 2, body + grid.height // 2), "no pictures", 30, QUIET, anchor="mm")
    for number, tile in enumerate(tiles):
        x, y = grid.corner(number)
        page.paste(drawn(tile, grid.cell, names, colours), (x, body + y))
        write(pen, (x, body + y + grid.cell[1] + 15), tile.caption, 16, INK, grid.cell[0])
    return np.asarray(page)


def draw_tile(tile: Tile, classes: Sequence[str], side: int) -> np.ndarray:
    """One picture by itself, its longer side `side` pixels, its marks drawn: (H, W, 3) uint8 RGB.
    `classes` are names by class id."""
    names = [readable(name, class_id) for class_id, name in enumerate(classes)]
    scale = side / max(tile.size)
    cell = (max(round(tile.size[0] * scale), 1), max(round(tile.size[1] * scale), 1))
    return np.asarray(drawn(tile, cell, names, class_colours(len(names))))
