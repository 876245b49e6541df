"""Contact sheets: many pictures on one page, with their objects drawn over them. Pure pixels.

A page is (H, W, 3) uint8 RGB and `WIDTH` wide. It depends on nothing but what is passed in and the
font that Pillow carries, so equal inputs give equal bytes.
"""

from infgen.report.sheet.marks import Mark, Tile, checkers, shrink
from infgen.report.sheet.page import draw_sheet, draw_tile
from infgen.report.sheet.style import WIDTH

__all__ = ["WIDTH", "Mark", "Tile", "checkers", "draw_sheet", "draw_tile", "shrink"]
