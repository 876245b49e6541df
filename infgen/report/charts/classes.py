"""A bar for each class: how many objects it has, and how large they are."""

from __future__ import annotations

from infgen.report.charts.drawing import (
    INK,
    MOST_BARS,
    QUIET,
    RAMP,
    Colour,
    bars_sheet,
    beside,
    colours_of,
    most,
    numbers,
    percents,
    share,
    whole_numbers,
)
from infgen.report.contents import Chart
from infgen.report.figures import Figures
from infgen.report.figures.bins import MEDIUM, SMALL
from infgen.report.figures.tally import SIZES

STEEP = 60  # times as many objects as another class: such bars are on a scale of powers of ten
SHADES = (1.0, 0.62, 0.36)  # of the splits' shares of a bar; further ones are as the last


def balance(key: str, figures: Figures) -> Chart | None:
    """Objects of each class by split, and the pictures that show it."""
    if not figures.classes:
        return None
    shown, rest = _shown(figures)
    splits = list(figures.pictures) or ["train"]
    steep = _is_steep(figures, shown)
    legend = [f"objects in {split}" for split in splits] if len(splits) > 1 else ["objects"]
    sheet = bars_sheet([figures.classes[number].name for number in shown], legend=1)
    [axes] = sheet.axes
    colours = colours_of(figures.totals)
    for row, number in enumerate(shown):
        one, left = figures.classes[number], 0
        for split, shade in zip(splits, _shades(len(splits)), strict=True):
            count = one.objects.get(split, 0)
            axes.barh(row, count, 0.72, left, color=(*colours[number], shade))
            left += count
        images = sum(one.images.values())
        axes.plot([images], [row], "|", color=INK, markersize=9, markeredgewidth=1.6)
        beside(axes, max(left, images), row, f"{left:,}")
    if steep:
        axes.set_xscale("symlog", linthresh=10)
    whole_numbers(axes, "x")
    axes.margins(x=0.09)
    axes.set_xlim(0)
    sheet.legend([*legend, "| pictures"], [*_greys(len(splits)), (0, 0, 0, 0)])
    header = ["class", "pictures", "objects", *(f"in {split}" for split in splits),
              "per picture that shows it", "crowds", "boxes without a mask"]  # fmt: skip
    rows = []
    for one in figures.classes:
        images, total = sum(one.images.values()), one.total
        each = f"{total / images:.2f}" if images else "-"
        by_split = numbers([one.objects.get(split, 0) for split in splits])
        tail = numbers([one.crowds, one.boxes_only])
        rows.append([one.name, *numbers([images, total]), *by_split, each, *tail])
    scale = " The scale is one of powers of ten." if steep else ""
    return Chart(
        key,
        "Objects and pictures of each class",
        f"Bars are objects, their shades the splits; a stroke is the number of pictures that show "
        f"the class.{scale}{rest}",
        sheet.svg(key, "Objects and pictures of each class"),
        header,
        rows,
    )


def coco_sizes(key: str, figures: Figures) -> Chart | None:
    """How many objects are small, medium and large."""
    if not figures.objects:
        return None
    shown, rest = _shown(figures)
    shown = [number for number in shown if figures.classes[number].told_apart]
    sheet = bars_sheet([figures.classes[number].name for number in shown], legend=1)
    [axes] = sheet.axes
    for row, number in enumerate(shown):
        one, left = figures.classes[number], 0.0
        for size, colour in zip(SIZES, RAMP, strict=True):
            part = one.sizes[size] / one.told_apart
            axes.barh(row, part, 0.72, left, color=colour)
            left += part
    axes.set_xlim(0, 1)
    percents(axes, "x")
    sheet.legend(
        [f"small: < {SMALL:,} px", f"medium: < {MEDIUM:,} px", f"large: {MEDIUM:,} px and more"],
        RAMP,
    )
    rows = [
        [one.name, *numbers([one.sizes[size] for size in SIZES]),
         *(share(one.sizes[size], one.told_apart) for size in SIZES)]
        for one in figures.classes
    ]  # fmt: skip
    return Chart(
        key,
        "Small, medium and large objects",
        f"Shares of each class's objects, told apart by their area as COCO's evaluation does. "
        f"Crowds aren't counted.{rest}",
        sheet.svg(key, "Small, medium and large objects"),
        ["class", *SIZES, *(f"{size}, share" for size in SIZES)],
        rows,
    )


def _shown(figures: Figures) -> tuple[list[int], str]:
    """The classes with the most objects, and a sentence on the others."""
    totals = figures.totals
    shown = most(totals, MOST_BARS)
    others = len(totals) - len(shown)
    if not others:
        return shown, ""
    left = sum(totals) - sum(totals[number] for number in shown)
    return shown, (
        f" Shown are the {len(shown)} classes with the most objects; the other {others:,} have "
        f"{left:,} together, and are in the table."
    )


def _is_steep(figures: Figures, shown: list[int]) -> bool:
    totals = [figures.classes[number].total for number in shown if figures.classes[number].total]
    return bool(totals) and max(totals) > STEEP * min(totals)


def _shades(count: int) -> list[float]:
    return [SHADES[min(number, len(SHADES) - 1)] for number in range(count)]


def _greys(count: int) -> list[Colour]:
    return [(*QUIET, shade) for shade in _shades(count)]
