"""Where objects lie in their pictures, and where they overlap."""

from __future__ import annotations

import numpy as np

from infgen.report.charts.drawing import (
    FOOT,
    HEAD,
    INK,
    QUIET,
    RAMP,
    WIDTH,
    Sheet,
    behind,
    colours_of,
    most,
    name_bars,
    numbers,
    percents,
    share,
    short,
    whole_numbers,
)
from infgen.report.contents import Chart
from infgen.report.figures import ClassFigures, Figures
from infgen.report.figures.bins import GRID, SHARES

MAPS = 12  # maps of box centres, all classes together among them
ACROSS = 6


def centres(key: str, figures: Figures) -> Chart | None:
    """Maps of where boxes have their centres."""
    totals = [one.told_apart for one in figures.classes]
    if not any(totals):
        return None
    shown = [number for number in most(totals, MAPS - 1) if totals[number]]
    maps = [np.array([one.centres for one in figures.classes]).sum(axis=0)]
    maps += [np.array(figures.classes[number].centres) for number in shown]
    titles = ["all classes", *(figures.classes[number].name for number in shown)]
    all_colours = colours_of(figures.totals)
    colours = [QUIET, *(all_colours[number] for number in shown)]
    rows = -(-len(maps) // ACROSS)
    cell = (WIDTH - 0.3) / ACROSS
    sheet = Sheet(HEAD + FOOT + rows * cell, left=0.15)
    [axes] = sheet.axes
    axes.set_position((0.15 / WIDTH, 0, 1 - 0.3 / WIDTH, 1))
    axes.set(xlim=(0, ACROSS), ylim=(rows + 0.25, -0.25))
    axes.axis("off")
    for number, (counts, title, colour) in enumerate(zip(maps, titles, colours, strict=True)):
        down, across = divmod(number, ACROSS)
        place = (across + 0.03, across + 0.97, down + 0.97, down + 0.14)
        picture = np.empty((GRID, GRID, 4), np.float32)
        picture[..., :3], picture[..., 3] = colour, counts / counts.max()
        axes.imshow(picture, extent=place, interpolation="none", aspect="auto", zorder=2)
        frame = [place[0], place[1], place[1], place[0], place[0]]
        axes.plot(frame, [place[2]] * 2 + [place[3]] * 2 + [place[2]], color=INK, lw=0.6, alpha=0.5)
        text = axes.text(place[0], place[3] - 0.03, short(title, 13), fontsize=8, va="bottom")
        text.set_parse_math(False)
    axes.set(xlim=(0, ACROSS), ylim=(rows + 0.02, -0.02))
    others = sum(1 for total in totals if total) - len(shown)
    rest = f" The {len(shown)} classes with the most objects are shown, of {others + len(shown)}."
    return Chart(
        key,
        "Where objects are",
        "Centres of boxes over the picture, whatever its size: the fuller the colour, the more of "
        f"them, each map by itself.{rest if others else ''}",
        sheet.svg(key, "Where objects are"),
        ["class", "left third", "middle", "right third", "upper third", "middle", "lower third"],
        [[one.name, *_thirds(one)] for one in figures.classes],
    )


def overlap(key: str, figures: Figures) -> Chart | None:
    """How many objects overlap, and by how much."""
    if not any(figures.per_picture[2:]):
        return None
    sheet = Sheet(2.4, 2, left=0.75, gap=1.25)
    left, right = sheet.axes
    left.bar([edge + 0.05 for edge in SHARES[:-1]], figures.ious, 0.092, color=RAMP[1])
    left.set_xlim(0, 1)
    left.set_xlabel("IoU of boxes that overlap")
    left.set_ylabel("pairs")
    whole_numbers(left, "y")
    behind(left, "y")
    shown = most([one.told_apart for one in figures.classes], 10)
    colours = colours_of(figures.totals)
    for row, number in enumerate(shown):
        one = figures.classes[number]
        part = one.overlapping / one.told_apart if one.told_apart else 0
        right.barh(row, part, 0.72, color=colours[number])
    name_bars(right, [short(figures.classes[number].name, 14) for number in shown])
    right.set_xlim(0, 1)
    percents(right, "x")
    right.set_xlabel("objects that overlap another")
    total = sum(one.told_apart for one in figures.classes)
    found = sum(one.overlapping for one in figures.classes)
    cut = (
        f" Of {figures.not_paired:,} crowded pictures only the first objects were compared."
        if figures.not_paired
        else ""
    )
    return Chart(
        key,
        "Overlap",
        f"{share(found, total)} of the objects have a box that another's overlaps: "
        f"{figures.pairs:,} pairs.{cut}",
        sheet.svg(key, "Overlap"),
        ["class", "objects", "that overlap another", "share"],
        [[one.name, *numbers([one.told_apart, one.overlapping]),
          share(one.overlapping, one.told_apart)] for one in figures.classes],
    )  # fmt: skip


def _thirds(one: ClassFigures) -> list[str]:
    grid = np.array(one.centres, np.float64)
    total = grid.sum()
    if not total:
        return ["-"] * 6
    # a third is five cells and a third of the next one
    weights = np.clip(np.arange(GRID)[None] * -1.0 + GRID * np.array([[1], [2]]) / 3, 0, 1)
    shares = []
    for axis in (0, 1):
        along = grid.sum(axis=axis)
        one_third, two_thirds = (float((along * w).sum() / total) for w in weights)
        shares += [one_third, two_thirds - one_third, 1 - two_thirds]
    return [f"{part:.1%}" for part in shares]
