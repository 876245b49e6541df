"""Sizes and colours of a sheet."""

from __future__ import annotations

WIDTH = 1920  # of a page, in pixels
MARGIN, GAP = 24, 14
CELL_HEIGHT = 1000  # of the largest tile

PAPER, INK, QUIET = (255, 255, 255), (28, 28, 30), (110, 110, 115)
