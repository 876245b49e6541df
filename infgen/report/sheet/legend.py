"""The legend of a sheet: the classes and their colours, in lines."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from PIL import ImageDraw

from infgen.report.colours import Colour
from infgen.report.lettering import cut, font_of, write
from infgen.report.sheet.style import INK, MARGIN, QUIET, WIDTH

LEGEND_LINES = 8
_SWATCH, _LEGEND_SIZE, LEGEND_STEP = 16, 18, 28


Line = list[tuple[int, int, str]]


def arrange_legend(names: Sequence[str], shown: Collection[int]) -> list[Line]:
    """The legend's lines: (x, class id, text) each. What doesn't fit is counted at the end, with
    class id -1: in that case the classes that are `shown` come first."""
    lines = _arranged(names, range(len(names)))
    if lines and lines[-1][-1][1] < 0:
        lines = _arranged(names, sorted(range(len(names)), key=lambda one: one not in shown))
    return lines


def _arranged(names: Sequence[str], order: Sequence[int]) -> list[Line]:
    lines: list[Line] = [[]] if names else []
    font, x = font_of(_LEGEND_SIZE), MARGIN
    for rank, class_id in enumerate(order):
        text = cut(names[class_id], _LEGEND_SIZE, 400)
        step = _SWATCH + 8 + math.ceil(font.getlength(text)) + 24
        last = len(lines) == LEGEND_LINES
        if x + step > WIDTH - MARGIN - (200 if last else 0) and lines[-1]:
            if last:
                lines[-1].append((x, -1, f"and {len(names) - rank} more"))
                break
            lines.append([])
            x = MARGIN
        lines[-1].append((x, class_id, text))
        x += step
    return lines


def draw_legend(
    pen: ImageDraw.ImageDraw,
    lines: Sequence[Line],
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
