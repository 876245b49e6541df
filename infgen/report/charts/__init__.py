"""Figures as pictures: drawn by matplotlib as SVG that goes into a page, each with its table.

Equal figures give equal bytes. matplotlib is imported by what draws, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from infgen.report.charts import classes, made, pictures, places, shapes
from infgen.report.contents import Chart
from infgen.report.figures import Figures

__all__ = ["CHARTS", "draw_charts"]


def draw_charts(figures: Figures) -> list[Chart]:
    """Every chart that these figures give something to show for, in the order of the page."""
    drawn = (draw(key, figures) for key, draw in CHARTS.items())
    return [chart for chart in drawn if chart is not None]


# By its anchor in the page: what draws it, or gives None where there is nothing to show.
CHARTS: dict[str, Callable[[str, Figures], Chart | None]] = {
    "classes": classes.balance,
    "per-picture": pictures.crowding,
    "coco-sizes": classes.coco_sizes,
    "sides": shapes.sides,
    "aspects": shapes.aspects,
    "centres": places.centres,
    "overlap": places.overlap,
    "visible": shapes.visible,
    "verdicts": made.verdicts,
    "methods": made.methods,
    "looks": pictures.looks,
    "channels": pictures.channels,
    "throughput": made.throughput,
}
