"""The charts of a plan: drawn by matplotlib, as SVG that takes the page's colour of ink."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from infgen.ops.census import percentile
from infgen.ops.outlook import ClassOutlook, Outlook
from infgen.report.colours import class_colours
from infgen.report.contents import Chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS, MOST_MAPS = 40, 8  # classes in a chart
BAR = "#4c8bd0"  # seen on white and on black
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters, in the page's font
    "text.parse_math": False,
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
NAMED = re.compile(r' id="(?:figure|axes|patch|text|line2d|xtick|ytick|legend|matplotlib\.axis'
                   r'|[A-Za-z]+Collection|QuadMesh)_\d+"| id="image[0-9a-f]+"')  # fmt: skip
ELSEWHERE = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.S)  # for whole pages


def charts_of(outlook: Outlook) -> list[Chart]:
    """All charts of a plan."""
    return [draw(outlook) for draw in CHARTS]


def _objects(outlook: Outlook) -> Chart:
    """A bar for each class."""
    shown = _most(outlook.classes)
    with _axes(_height(len(shown))) as (figure, axes):
        colours = _colours(outlook)
        values = [outlook.scaled(one.objects) for one in shown]
        bars = axes.barh(range(len(shown)), values, color=[colours[one.name] for one in shown])
        axes.bar_label(bars, [f"{value:,}" for value in values], padding=3)
        axes.margins(x=0.15)
        _name_rows(axes, shown)
        axes.set_xlabel("objects")
        svg = _svg(figure, "objects")
    rows = [(one.name, f"{outlook.scaled(one.objects):,}", f"{outlook.scaled(one.homeless):,}")
            for one in outlook.classes]  # fmt: skip
    caption = "How many objects of each class the run comes to, what finds no room left out."
    return Chart(
        "objects", "Objects per class", caption, svg, ("class", "objects", "no room"), rows
    )


def _counts(outlook: Outlook) -> Chart:
    """A bar for each number of objects in a picture."""
    most = max(outlook.counts, default=0)
    values = [outlook.counts[number] for number in range(most + 1)]
    with _axes(2.6) as (figure, axes):
        axes.bar(range(most + 1), [100 * value / max(outlook.seen, 1) for value in values],
                 color=BAR, width=0.85)  # fmt: skip
        axes.set_xlabel("objects in a picture")
        axes.set_ylabel("% of the pictures")
        _whole(axes)
        svg = _svg(figure, "counts")
    rows = [(str(number), f"{value:,}") for number, value in enumerate(values)]
    caption = "How many objects a picture shows."
    return Chart("counts", "Objects per picture", caption, svg, ("objects", "plans"), rows)


def _sizes(outlook: Outlook) -> Chart:
    """Where most of a class's boxes lie, by their longer side."""
    shown = [one for one in _most(outlook.classes) if one.widths]
    spreads = [_five(one) for one in shown]
    with _axes(_height(len(shown))) as (figure, axes):
        colours = _colours(outlook)
        for row, (one, spread) in enumerate(zip(shown, spreads, strict=True)):
            low, quarter, middle, three, high = spread
            axes.plot([low, high], [row, row], color="black", linewidth=1)
            axes.barh(row, three - quarter, left=quarter, height=0.5, color=colours[one.name])
            axes.plot([middle, middle], [row - 0.25, row + 0.25], color="black", linewidth=2)
        _name_rows(axes, shown)
        axes.set_xlim(left=0)
        axes.set_xlabel("pixels of a box's longer side")
        svg = _svg(figure, "sizes")
    rows = [(one.name, *(f"{value:.0f}" for value in spread))
            for one, spread in zip(shown, spreads, strict=True)]  # fmt: skip
    caption = "Half of the boxes lie in the bar, nine tenths on the line; the stroke is the median."
    header = ("class", "5 %", "25 %", "median", "75 %", "95 %")
    return Chart("sizes", "Sizes of boxes", caption, svg, header, rows)


def _places(outlook: Outlook) -> Chart:
    """Maps of where the centres of boxes lie: of all, and of the most frequent classes."""
    shown = [one for one in _most(outlook.classes) if one.centers.any()][:MOST_MAPS]
    everything = np.sum([one.centers for one in outlook.classes], axis=0)
    maps = [("all", everything)]
    maps += [(_short(one.name), one.centers) for one in shown]
    columns = min(len(maps), 4)
    lines = -(-len(maps) // columns)
    width, height = outlook.canvas
    with _axes(0.4 + 1.5 * lines * min(max(height / width, 0.5), 1.5), None) as (figure, _):
        for number, (name, centers) in enumerate(maps, 1):
            axes = figure.add_subplot(lines, columns, number)
            axes.imshow(_smooth(centers), extent=(0, width, height, 0), cmap="viridis", vmin=0)
            axes.set_title(name, fontsize=9)
            axes.set_xticks([])
            axes.set_yticks([])
        svg = _svg(figure, "places")
    rows = [(name, *_middle(centers)) for name, centers in maps]
    caption = "Where the centres of boxes lie in the picture: bright is often, dark is never."
    header = ("class", "mean x", "mean y")
    return Chart("places", "Places of boxes", caption, svg, header, rows)


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


def _colours(outlook: Outlook) -> dict[str, str]:
    names = [one.name for one in outlook.classes]
    colours = class_colours(len(names))
    return {name: f"#{r:02x}{g:02x}{b:02x}" for name, (r, g, b) in zip(names, colours, strict=True)}


# ---- figures -------------------------------------------------------------------------------------


def _height(rows: int) -> float:
    """Of a chart with so many rows, in inches."""
    return 0.7 + 0.28 * max(rows, 2)


@contextmanager
def _axes(height: float, axes: int | None = 1) -> Iterator[tuple[Figure, Axes]]:
    """A figure in the page's width, without a frame."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure((5.2, height), layout="constrained")
        figure.patch.set_alpha(0)
        yield figure, figure.add_subplot() if axes else None  # type: ignore[misc]


def _name_rows(axes: Axes, shown: Sequence[ClassOutlook]) -> None:
    axes.set_yticks(range(len(shown)), [_short(one.name) for one in shown])
    axes.invert_yaxis()
    axes.patch.set_alpha(0)


def _whole(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.patch.set_alpha(0)


def _short(name: str) -> str:
    """Not longer than a chart has room for, in one line."""
    name = " ".join(name.split())
    return name if len(name) <= 24 else name[:23] + "…"


def _svg(figure: Figure, key: str) -> str:
    """The figure as SVG for inside a page: the same bytes every time, black in the page's ink."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": key}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the browser has more letters
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    text = file.getvalue().decode()
    text = ELSEWHERE.sub("", text[text.index("<svg") :])
    text = NAMED.sub("", text).replace("#000000", "currentColor")
    head, rest = text.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    assert view is not None
    return f'<svg {view[0]} aria-hidden="true" xmlns:xlink="http://www.w3.org/1999/xlink">{rest}'
