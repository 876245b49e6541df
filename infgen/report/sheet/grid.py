"""The grid of a sheet: equal cells, with room for captions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from infgen.report.sheet.marks import Tile
from infgen.report.sheet.style import CELL_HEIGHT, GAP, MARGIN, WIDTH

MOST_COLUMNS = 8
PAGE_RATIO = 0.72  # height / width that the grid tries to come near
CELL_ASPECTS = (1 / 3, 4.0)  # of cells; pictures beyond them get bars at their sides
CAPTION_HEIGHT = 30


@dataclass(frozen=True)
class Grid:
    """Equal cells of size `cell` (width, height) with room for a caption below each."""

    columns: int
    rows: int
    cell: tuple[int, int]

    @classmethod
    def for_tiles(cls, tiles: Sequence[Tile]) -> Grid:
        """The grid that fills its last row best and comes nearest to the page's proportions, rather
        too wide than too high."""
        if not tiles:
            return cls(1, 1, (WIDTH - 2 * MARGIN, 200))
        aspect = statistics.median(tile.size[0] / tile.size[1] for tile in tiles)
        aspect = min(max(aspect, CELL_ASPECTS[0]), CELL_ASPECTS[1])
        grids = []
        for columns in range(1, min(len(tiles), MOST_COLUMNS) + 1):
            width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) // columns
            height = min(round(width / aspect), CELL_HEIGHT)
            cell = (min(width, round(height * aspect)), height)
            grids.append(cls(columns, math.ceil(len(tiles) / columns), cell))
        return min(grids, key=lambda grid: grid._fault(len(tiles)))

    def _fault(self, count: int) -> float:
        excess = math.log(self.height / (WIDTH * PAGE_RATIO))
        empty = self.columns * self.rows - count
        return max(2 * excess, -excess) + 2 * empty / count

    @property
    def height(self) -> int:
        return self.rows * (self.cell[1] + CAPTION_HEIGHT + GAP) - GAP

    def corner(self, number: int) -> tuple[int, int]:
        """The upper left corner of a cell in the grid."""
        row, column = divmod(number, self.columns)
        return (
            MARGIN + column * (self.cell[0] + GAP),
            row * (self.cell[1] + CAPTION_HEIGHT + GAP),
        )
