"""How large objects are, of what shape, and how much of them is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from infgen.report.charts.drawing import (
    MOST_COLOURS,
    QUIET,
    Sheet,
    behind,
    colours_of,
    filled,
    most,
    share,
    short,
    whole_numbers,
)
from infgen.report.contents import Chart
from infgen.report.figures import ClassFigures, Figures
from infgen.report.figures.bins import SHARES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Histogram = Callable[[ClassFigures], Sequence[int]]


def sides(key: str, figures: Figures) -> Chart | None:
    """Widths, heights and areas."""
    if not _told_apart(figures):
        return None
    names = ("widths", "heights", "areas")
    sheet = Sheet(2.5, 3, legend=_legend_lines(figures))
    for axes, name in zip(sheet.axes, names, strict=True):
        edges = figures.bins[name]
        first, last = _stacked(axes, figures, attrgetter(name))
        step = 2 * max(1, round((last - first) / 8))
        ticks = range(first + first % 2, last + 1, step)
        axes.set_xticks(list(ticks), [_power(edges[tick]) for tick in ticks])
        axes.set_xlabel(f"{name}, {'square pixels' if name == 'areas' else 'pixels'}")
    sheet.axes[0].set_ylabel("objects")
    _legend(sheet, figures)
    return Chart(
        key,
        "Sizes of objects",
        "Widths and heights of boxes, and areas of masks (of boxes, where there is no mask). A bar "
        "is half an octave of a side, an octave of an area. Crowds aren't counted.",
        sheet.svg(key, "Sizes of objects"),
        ["class", "median width", "median height", "median area", "area: 5% below", "95% below"],
        [_size_row(one, figures) for one in figures.classes],
    )


def aspects(key: str, figures: Figures) -> Chart | None:
    """Widths divided by heights."""
    if not _told_apart(figures):
        return None
    edges = figures.bins["aspects"]
    sheet = Sheet(2.5, legend=_legend_lines(figures))
    first, last = _stacked(sheet.axes[0], figures, attrgetter("aspects"))
    ticks = [tick for tick in range(first, last + 1) if tick % 4 == 0]
    sheet.axes[0].set_xticks(ticks, [_ratio(edges[tick]) for tick in ticks])
    sheet.axes[0].set_xlabel("width : height")
    sheet.axes[0].set_ylabel("objects")
    _legend(sheet, figures)
    rows = [
        [one.name, _median(one.aspects, edges, 2), *(share(part, one.told_apart) for part in (
            sum(one.aspects[: len(one.aspects) // 2]), sum(one.aspects[len(one.aspects) // 2 :])))]
        for one in figures.classes
    ]  # fmt: skip
    return Chart(
        key,
        "Aspect ratios",
        "Widths of boxes divided by their heights: 1:2 is twice as high as wide. Four bars to a "
        "factor of two.",
        sheet.svg(key, "Aspect ratios"),
        ["class", "median", "higher than wide", "square, or wider than high"],
        rows,
    )


def visible(key: str, figures: Figures) -> Chart | None:
    """How much of objects is to be seen, where infgen knows it."""
    known = sum(sum(one.visible) for one in figures.classes)
    if not known:
        return None
    sheet = Sheet(2.4, legend=_legend_lines(figures))
    [axes] = sheet.axes
    _stacked(axes, figures, attrgetter("visible"), whole=True)
    places = range(0, len(SHARES), 2)
    axes.set_xticks(list(places), [f"{SHARES[place]:.0%}" for place in places])
    axes.set_xlabel("visible share of the object")
    axes.set_ylabel("objects")
    _legend(sheet, figures)
    rows = []
    for one in figures.classes:
        total = sum(one.visible)
        parts = (sum(one.visible[:5]), sum(one.visible[5:9]), one.visible[9])
        rows.append([one.name, f"{total:,}", *(share(part, total) for part in parts)])
    return Chart(
        key,
        "What is to be seen of objects",
        f"{share(sum(one.visible[-1] for one in figures.classes), known)} are seen to nine tenths "
        "or more. What others and the picture's border hide of them counts, of objects that infgen "
        "painted or cut back.",
        sheet.svg(key, "What is to be seen of objects"),
        ["class", "objects", "less than half", "50 to 90%", "90% and more"],
        rows,
    )


# ---- histograms by class -------------------------------------------------------------------------


def _told_apart(figures: Figures) -> int:
    return sum(one.told_apart for one in figures.classes)


def _groups(figures: Figures) -> tuple[list[int], list[int]]:
    """The classes that have a colour of their own in a histogram, and all others."""
    totals = [one.told_apart for one in figures.classes]
    there = sum(1 for total in totals if total)
    own = most(totals, MOST_COLOURS if there > MOST_COLOURS + 1 else MOST_COLOURS + 1)
    own = sorted(number for number in own if totals[number])
    return own, [number for number in range(len(totals)) if number not in own and totals[number]]


def _stacked(
    axes: Axes, figures: Figures, histogram: Histogram, whole: bool = False
) -> tuple[int, int]:
    """Draw a histogram, class upon class; gives the bins that it shows: all of them, or from the
    first that holds anything to after the last."""
    own, others = _groups(figures)
    colours = colours_of(figures.totals)
    layers = [(np.array(histogram(figures.classes[n])), colours[n]) for n in own]
    if others:
        rest = np.array([histogram(figures.classes[number]) for number in others])
        layers.append((rest.sum(axis=0), QUIET))
    below = np.zeros(len(layers[0][0]), np.int64)
    first, last = filled([counts.tolist() for counts, _ in layers])
    first, last = (0, len(below)) if whole else (first, last)
    for counts, colour in layers:
        axes.stairs(
            (below + counts)[first:last],
            np.arange(first, last + 1),
            baseline=below[first:last],
            fill=True,
            color=colour,
        )
        below = below + counts
    axes.set_xlim(first, last)
    axes.set_ylim(0, max(int(below.max()), 1) * 1.04)
    whole_numbers(axes, "y")
    behind(axes, "y")
    return first, last


def _legend(sheet: Sheet, figures: Figures) -> None:
    own, others = _groups(figures)
    colours = colours_of(figures.totals)
    names = [short(figures.classes[number].name, 15) for number in own]
    shown = [colours[number] for number in own]
    if others:
        names.append(f"{len(others):,} others")
        shown.append(QUIET)
    sheet.legend(names, shown)


def _legend_lines(figures: Figures) -> int:
    own, others = _groups(figures)
    return -(-(len(own) + bool(others)) // 4)


# ---- words ---------------------------------------------------------------------------------------


def _power(value: float) -> str:
    """1, 64, 4k, 1M: an edge that is a power of two."""
    if value < 1000:
        return f"{value:.0f}"
    return f"{value / 1024:.0f}k" if value < 1e6 else f"{value / 1024**2:.0f}M"


def _ratio(value: float) -> str:
    return f"{value:.0f}:1" if value >= 1 else f"1:{1 / value:.0f}"


def _size_row(one: ClassFigures, figures: Figures) -> list[str]:
    sides = figures.bins["widths"]
    medians = [_median(counts, sides, 0) for counts in (one.widths, one.heights)]
    areas = (_at(one.areas, figures.bins["areas"], part, 0) for part in (0.5, 0.05, 0.95))
    return [one.name, *medians, *areas]


def _median(counts: Sequence[int], edges: Sequence[float], digits: int) -> str:
    return _at(counts, edges, 0.5, digits)


def _at(counts: Sequence[int], edges: Sequence[float], part: float, digits: int) -> str:
    """About the value below which that part of all lies: bins are taken to be filled evenly, in
    octaves."""
    total, below = sum(counts), 0
    for number, count in enumerate(counts):
        if count and below + count >= part * total:
            within = (part * total - below) / count
            low, high = edges[number], edges[number + 1]
            return f"{low * (high / low) ** within:,.{digits}f}"
        below += count
    return "-"
