"""Sizes and places: what a row's columns say together, and whether a canvas has room for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infgen.ops.boxes import smallest_size
from infgen.records.specs import AspectSize, Length, LevelSize, RangeSize
from infgen.sources.csv_rows import Row
from infgen.sources.tables.columns import LENGTH_COLUMNS, RATIO_COLUMNS
from infgen.sources.tables.faults import Fault

Size = AspectSize | RangeSize | LevelSize


def read_size(row: Row, canvas: tuple[int, int]) -> tuple[Size | None, list[Fault]]:
    """The size that a row's columns make together, or what is wrong with them."""
    ratios = [name for name in RATIO_COLUMNS if row[name] is not None or name in row.broken]
    lengths = [name for name in LENGTH_COLUMNS if row[name] is not None or name in row.broken]
    faults = _judge_style(ratios, lengths)
    faults += judge_order(row, RATIO_COLUMNS)
    faults += _judge_levels(row) or _judge_lengths(row, canvas)
    if faults or row.broken.intersection(ratios + lengths) or not ratios + lengths:
        return None, faults
    if ratios:
        return AspectSize((row["aspect_ratio_min"], row["aspect_ratio_max"])), []
    levels = tuple(
        RangeSize((level["width_min"], level["width_max"]),
                  (level["height_min"], level["height_max"]))
        for level in _levels(row)
    )  # fmt: skip
    return levels[0] if len(levels) == 1 else LevelSize(levels), []


def _levels(row: Row) -> list[dict[str, Any]]:
    """The lengths of each level by column, None where a cell holds none. A single length counts for
    every level."""
    cells = {name: row[name] or (None,) for name in LENGTH_COLUMNS}
    count = max(map(len, cells.values()))
    return [
        {name: cell[level if len(cell) > 1 else 0] for name, cell in cells.items()}
        for level in range(count)
    ]


def judge_order(row: Row, *pairs: tuple[str, str]) -> list[Fault]:
    """Every `_min` column that lies above its `_max`."""
    return [
        (low, f"{row[low]:.15g} is larger than {high} ({row[high]:.15g}): swap or mend them")
        for low, high in pairs
        if row[low] is not None and row[high] is not None and row[low] > row[high]
    ]


def _judge_levels(row: Row) -> list[Fault]:
    """Whether the lists of levels, where there are any, are of one length."""
    counts = {name: len(row[name]) for name in LENGTH_COLUMNS if row[name] and len(row[name]) > 1}
    first = next(iter(counts), "")
    return [
        (name, f"has {count} levels, and {first} has {counts[first]}: give as many in every list")
        for name, count in counts.items()
        if count != counts[first]
    ]


def _judge_style(ratios: list[str], lengths: list[str]) -> list[Fault]:
    """Whether the filled columns are all of one style: by aspect ratio, or by width and height."""
    if ratios and lengths:
        text = (
            f"both {', '.join(ratios)} and {', '.join(lengths)} are filled: keep the aspect ratio "
            "or the widths and heights, and empty the others"
        )
        return [(ratios[0], text)]
    if not ratios and not lengths:
        text = "the row has no size: fill in both aspect ratios, or all four widths and heights"
        return [(RATIO_COLUMNS[0], text)]
    given = ratios or lengths
    missing = [n for n in (RATIO_COLUMNS if ratios else LENGTH_COLUMNS) if n not in given]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        text = (
            f"{' and '.join(missing)} {verb} empty beside {', '.join(given)}: fill in all of them"
        )
        return [(missing[0], text)]
    return []


def _judge_lengths(row: Row, canvas: tuple[int, int]) -> list[Fault]:
    """Lengths beyond the canvas, and those of a level that lie above its `_max`."""
    faults = (fault for level in _levels(row) for fault in _judge_level(level, canvas))
    return list(dict.fromkeys(faults))


def _judge_level(level: Mapping[str, Length | None], canvas: tuple[int, int]) -> list[Fault]:
    faults = []
    for axis, side in (("width", canvas[0]), ("height", canvas[1])):
        low_name, high_name = f"{axis}_min", f"{axis}_max"
        low, high = level[low_name], level[high_name]
        for name, length in ((low_name, low), (high_name, high)):
            if length and length.pixels(side) > side:
                remedy = "it to 100% or less" if length.percent else f"it or raise --{axis}"
                text = f"{length} is larger than the image {axis} ({side}): lower {remedy}"
                faults.append((name, text))
        if low and high and low.pixels(side) > high.pixels(side):
            faults.append(
                (low_name, f"{low} is larger than {high_name} ({high}): swap or mend them")
            )
    return faults


def judge_room(row: Row, size: Size, canvas: tuple[int, int]) -> list[Fault]:
    """Sizes below a pixel, and placement ranges in which not even the smallest box fits, of all or
    of one of the levels."""
    levels = size.levels if isinstance(size, LevelSize) else (size,)
    faults = (fault for level in levels for fault in _judge_room_of(row, level, canvas))
    return list(dict.fromkeys(faults))


def _judge_room_of(row: Row, size: AspectSize | RangeSize, canvas: tuple[int, int]) -> list[Fault]:
    faults = []
    by_ratio = isinstance(size, AspectSize)
    axes = (
        ("x", "aspect_ratio_min: raise it" if by_ratio else "width_min: raise it"),
        ("y", "aspect_ratio_max: lower it" if by_ratio else "height_min: raise it"),
    )
    for (axis, culprit), least, side in zip(axes, smallest_size(size, canvas), canvas, strict=True):
        if least < 1:
            column, remedy = culprit.split(": ")
            what = "narrow" if axis == "x" else "flat"
            text = (
                f"boxes could be so {what} that they cover no pixel of a canvas of "
                f"{canvas[0]} x {canvas[1]}: {remedy}"
            )
            faults.append((column, text))
        low, high, margin = row[f"{axis}_min"], row[f"{axis}_max"], least / 2 / side
        if low <= high and (high < margin - 1e-9 or low > 1 - margin + 1e-9):
            text = (
                f"centres from {low:g} to {high:g} leave no room for even the smallest box "
                f"({least:.0f} of {side} pixels): widen {axis}_min and {axis}_max"
            )
            faults.append((f"{axis}_min", text))
    return faults
