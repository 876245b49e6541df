"""The charts of a plan, drawn as those of a report are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.census import percentile
from infgen.ops.outlook import ClassOutlook, Outlook
from infgen.report.charts.drawing import (
    FOOT,
    HEAD,
    INK,
    RAMP,
    Rgb,
    Sheet,
    bars_sheet,
    behind,
    beside,
    colours_of,
    short,
    whole_numbers,
)
from infgen.report.contents import Chart

MOST_ROWS, MOST_MAPS = 40, 5  # classes in a chart
MAP = 1.15  # inches a side


def charts_of(outlook: Outlook) -> list[Chart]:
    """All charts of a plan."""
    return [draw(outlook) for draw in CHARTS]


def _objects(outlook: Outlook) -> Chart:
    """A bar for each class."""
    shown = _most(outlook.classes)
    sheet = bars_sheet([one.name for one in shown])
    [axes] = sheet.axes
    colours = _colours(outlook)
    for row, one in enumerate(shown):
        count = outlook.scaled(one.objects)
        axes.barh(row, count, 0.72, color=colours[one.name])
        beside(axes, count, row, f"{count:,}")
    whole_numbers(axes, "x")
    axes.margins(x=0.12)
    axes.set_xlim(0)
    axes.set_xlabel("objects")
    rows = [(one.name, f"{outlook.scaled(one.objects):,}", f"{outlook.scaled(one.homeless):,}")
            for one in outlook.classes]  # fmt: skip
    return Chart(
        "objects",
        "Objects per class",
        "How many objects of each class the run comes to, what finds no room left out.",
        sheet.svg("objects", "Objects per class"),
        ("class", "objects", "no room"),
        rows,
    )


def _counts(outlook: Outlook) -> Chart:
    """A bar for each number of objects in a picture."""
    most = max(outlook.counts, default=0)
    values = [outlook.counts[number] for number in range(most + 1)]
    sheet = Sheet(2.4)
    [axes] = sheet.axes
    shares = [100 * value / max(outlook.seen, 1) for value in values]
    axes.bar(range(most + 1), shares, color=RAMP[1], width=0.85)
    axes.set_xlabel("objects in a picture")
    axes.set_ylabel("% of the pictures")
    whole_numbers(axes, "x")
    behind(axes, "y")
    return Chart(
        "counts",
        "Objects per picture",
        "How many objects a picture shows.",
        sheet.svg("counts", "Objects per picture"),
        ("objects", "plans"),
        [(str(number), f"{value:,}") for number, value in enumerate(values)],
    )


def _sizes(outlook: Outlook) -> Chart:
    """Where most of a class's boxes lie, by their longer side."""
    shown = [one for one in _most(outlook.classes) if one.widths]
    spreads = [_five(one) for one in shown]
    sheet = bars_sheet([one.name for one in shown])
    [axes] = sheet.axes
    colours = _colours(outlook)
    for row, (one, spread) in enumerate(zip(shown, spreads, strict=True)):
        low, quarter, middle, three, high = spread
        axes.plot([low, high], [row, row], color=INK, linewidth=1)
        axes.barh(row, three - quarter, 0.5, quarter, color=colours[one.name])
        axes.plot([middle, middle], [row - 0.25, row + 0.25], color=INK, linewidth=2)
    axes.set_xlim(0)
    axes.set_xlabel("pixels of a box's longer side")
    return Chart(
        "sizes",
        "Sizes of boxes",
        "Half of the boxes lie in the bar, nine tenths on the line; the stroke is the median.",
        sheet.svg("sizes", "Sizes of boxes"),
        ("class", "5 %", "25 %", "median", "75 %", "95 %"),
        [(one.name, *(f"{value:.0f}" for value in spread))
         for one, spread in zip(shown, spreads, strict=True)],
    )  # fmt: skip


def _places(outlook: Outlook) -> Chart:
    """Maps of where the centres of boxes lie: of all, and of the most frequent classes."""
    shown = [one for one in _most(outlook.classes) if one.centers.any()][:MOST_MAPS]
    maps = [("all", np.sum([one.centers for one in outlook.classes], axis=0))]
    maps += [(one.name, one.centers) for one in shown]
    width, height = outlook.canvas
    sheet = Sheet(HEAD + FOOT + MAP * min(max(height / width, 0.5), 1.5), len(maps), 0.2, gap=0.12)
    for axes, (name, centers) in zip(sheet.axes, maps, strict=True):
        axes.imshow(
            _smooth(centers), extent=(0, width, height, 0), cmap="viridis", vmin=0, aspect="auto"
        )
        axes.set_xlabel(short(name, 13), parse_math=False)
        axes.set_xticks([])
        axes.set_yticks([])
    return Chart(
        "places",
        "Places of boxes",
        "Where the centres of boxes lie in the picture: bright is often, dark is never.",
        sheet.svg("places", "Places of boxes"),
        ("class", "mean x", "mean y"),
        [(name, *_middle(centers)) for name, centers in maps],
    )


CHARTS = (_objects, _counts, _sizes, _places)


# ---- numbers -------------------------------------------------------------------------------------


def _most(classes: Sequence[ClassOutlook]) -> list[ClassOutlook]:
    """The classes in order; of very many those with most objects."""
    if len(classes) <= MOST_ROWS:
        return list(classes)
    return sorted(classes, key=lambda one: -one.objects)[:MOST_ROWS]


def _five(one: ClassOutlook) -> list[float]:
    sides = sorted(max(pair) for pair in zip(one.widths, one.heights, strict=True))
    return [percentile(sides, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]


def _smooth(centers: np.ndarray) -> np.ndarray:
    """A map with each centre spread over the cells around it: the fewer there are, the farther."""
    spread = 0.6 if centers.sum() > 4000 else 1.3
    return cv2.GaussianBlur(centers.astype(np.float32), (0, 0), spread)


def _middle(centers: np.ndarray) -> tuple[str, str]:
    """The mean place, in percent of the picture's width and height."""
    total = max(int(centers.sum()), 1)
    at = (np.arange(centers.shape[0]) + 0.5) / centers.shape[0]
    x, y = (float((centers.sum(axis=axis) * at).sum()) / total for axis in (0, 1))
    return f"{100 * x:.0f} %", f"{100 * y:.0f} %"


def _colours(outlook: Outlook) -> dict[str, Rgb]:
    names = [one.name for one in outlook.classes]
    return dict(zip(names, colours_of([one.objects for one in outlook.classes]), strict=True))
