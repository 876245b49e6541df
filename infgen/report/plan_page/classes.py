"""The table of classes on a plan's page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from infgen.ops.outlook import Outlook

HEADER = ("class", "pictures", "objects", "width", "height", "no room", "overlapping", "cutouts")


def class_rows(outlook: Outlook) -> list[tuple[str, ...]]:
    """A row of HEADER for each class; numbers are those of the whole run."""
    rows: list[tuple[str, ...]] = []
    for one in outlook.classes:
        boxes = len(one.widths)
        rows.append(
            (
                one.name,
                f"{outlook.scaled(one.pictures.total()):,}",
                f"{outlook.scaled(one.objects):,}",
                _spread(one.widths),
                _spread(one.heights),
                f"{outlook.scaled(one.homeless):,}" if one.homeless else "-",
                f"{100 * one.overlapping / boxes:.0f} %" if boxes else "-",
                f"{one.files:,}" if one.cutouts else "-",
            )
        )
    return rows


def _spread(values: Sequence[float]) -> str:
    """Least - median - most."""
    if not values:
        return "-"
    return f"{min(values):.0f} - {statistics.median(values):.0f} - {max(values):.0f}"
