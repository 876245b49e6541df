"""The legend of a sheet: the classes and their colours, in lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import ImageDraw

from infgen.report.colours import Colour
from infgen.report.lettering import cut, font_of, write
from infgen.report.sheet.style import INK, MARGIN, QUIET, WIDTH

LEGEND_LINES = 8
_SWATCH, _LEGEND_SIZE, LEGEND_STEP = 16, 18, 28


def arrange_legend(names: Sequence[str]) -> list[list[tuple[int, int, str]]]:
    """The legend's lines: (x, class id, text) each. What doesn't fit is counted at the end, with
    class id -1."""
    lines: list[list[tuple[int, int, str]]] = [[]] if names else []
    font, x = font_of(_LEGEND_SIZE), MARGIN
    for class_id, name in enumerate(names):
        text = cut(name, _LEGEND_SIZE, 400)
        step = _SWATCH + 8 + math.ceil(font.getlength(text)) + 24
        last = len(lines) == LEGEND_LINES
        if x + step > WIDTH - MARGIN - (200 if last else 0) and lines[-1]:
            if last:
                lines[-1].append((x, -1, f"and {len(names) - class_id} more"))
                break
            lines.append([])
            x = MARGIN
        lines[-1].append((x, class_id, text))
        x += step
    return lines


def draw_legend(
    pen: ImageDraw.ImageDraw,
    lines: Sequence[Sequence[tuple[int, int, str]]],
    colours: Sequence[Colour],
    top: int,
) -> None:
    for number, line in enumerate(lines):
        middle = top + number * LEGEND_STEP + LEGEND_STEP // 2
        for x, class_id, text in line:
            if class_id >= 0:
                corner = (x, middle - _SWATCH // 2)
                pen.rectangle((*corner, x + _SWATCH - 1, corner[1] + _SWATCH - 1),
                              fill=colours[class_id], outline=QUIET)  # fmt: skip
                x += _SWATCH + 8
            write(pen, (x, middle), text, _LEGEND_SIZE, INK)
