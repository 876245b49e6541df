"""How full pictures are, and what they look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infgen.report.charts.drawing import (
    INK,
    QUIET,
    RAMP,
    Rgb,
    Sheet,
    bars_sheet,
    behind,
    beside,
    filled,
    numbers,
    share,
    whole_numbers,
)
from infgen.report.contents import Chart
from infgen.report.figures import Channels, Figures
from infgen.report.figures.bins import MOST_COUNTED

LIGHT: tuple[Rgb, ...] = ((0.84, 0.25, 0.22), (0.16, 0.60, 0.32), (0.20, 0.44, 0.84))
COLOURS = ("red", "green", "blue")


def crowding(key: str, figures: Figures) -> Chart | None:
    """Objects on a picture."""
    if not figures.counted:
        return None
    counts = figures.per_picture
    last = max(number for number, count in enumerate(counts) if count)
    sheet = Sheet(2.2)
    [axes] = sheet.axes
    axes.stairs(counts[: last + 1], np.arange(last + 2) - 0.5, fill=True, color=RAMP[1])
    if counts[0]:
        axes.stairs(counts[:1], [-0.5, 0.5], fill=True, color=QUIET)
    axes.set_xlim(-0.5, max(last, 4) + 0.5)
    step = 1 if last <= 16 else 5
    axes.set_xticks([n for n in range(0, last + 1, step) if n <= MOST_COUNTED])
    axes.set_xlabel("objects on a picture")
    axes.set_ylabel("pictures")
    whole_numbers(axes, "y")
    behind(axes, "y")
    total = figures.counted
    mean = figures.objects / total
    more = f" Those with more than {MOST_COUNTED} are counted together." if counts[-1] else ""
    names = [*map(str, range(MOST_COUNTED + 1)), f"more than {MOST_COUNTED}"]
    return Chart(
        key,
        "Objects on a picture",
        f"{mean:.2f} on average; {figures.negatives:,} of {total:,} pictures "
        f"({share(figures.negatives, total)}) show none.{more}",
        sheet.svg(key, "Objects on a picture"),
        ["objects", "pictures", "share"],
        [[name, f"{count:,}", share(count, total)]
         for name, count in zip(names, counts, strict=True) if count],
    )  # fmt: skip


def looks(key: str, figures: Figures) -> Chart | None:
    """Brightness, contrast and colour of pictures."""
    found = figures.looks
    if found is None or not found.pictures:
        return None
    edges = figures.bins["levels"]
    sheet = Sheet(2.5, 3, legend=1)
    for axes, name in zip(sheet.axes[:2], ("brightness", "contrast"), strict=True):
        counts: list[int] = getattr(found, name)
        axes.stairs(counts, edges, fill=True, color=QUIET)
        axes.set_xlabel("mean brightness" if name == "brightness" else "contrast (deviation)")
    for name, colour in zip(COLOURS, LIGHT, strict=True):
        sheet.axes[2].stairs(getattr(found, name), edges, color=colour, linewidth=1.6)
    sheet.axes[2].set_xlabel("mean of a channel")
    for number, axes in enumerate(sheet.axes):
        top = 128 if number == 1 else 256
        axes.set_xlim(0, top)
        axes.set_xticks(range(0, top + 1, top // 4))
        axes.set_ylim(0)
        whole_numbers(axes, "y")
        behind(axes, "y")
    sheet.axes[0].set_ylabel("pictures")
    sheet.legend(COLOURS, LIGHT)
    names = ("brightness", "contrast", *COLOURS)
    columns: list[list[int]] = [getattr(found, name) for name in names]
    first, last = filled(columns)
    what = "all" if found.all else f"a sample of {found.pictures:,}, spread evenly, of"
    return Chart(
        key,
        "Brightness and colour",
        f"Of {what} {figures.counted:,} pictures: the mean brightness of each, its contrast (how "
        "far its values spread), and its mean red, green and blue. 0 is black, 255 white.",
        sheet.svg(key, "Brightness and colour"),
        ["level", *names],
        [[f"{edges[n]:.0f} to {edges[n + 1] - 1:.0f}", *numbers([c[n] for c in columns])]
         for n in range(first, last)],
    )  # fmt: skip


def channels(key: str, figures: Figures) -> Chart | None:
    """Mean and deviation of each channel of pictures, masks, depth maps."""
    found = figures.channels
    if not found:
        return None
    lines = [(f"{folder} · {name}", colour, mean, std)
             for folder, one in found.items()
             for name, colour, mean, std in _lines(one)]  # fmt: skip
    sheet = bars_sheet([name for name, *_ in lines])
    [axes] = sheet.axes
    for row, (_, colour, mean, std) in enumerate(lines):
        axes.plot([max(mean - std, 0), min(mean + std, 1)], [row, row], color=colour, lw=5,
                  alpha=0.4, solid_capstyle="butt")  # fmt: skip
        axes.plot([mean], [row], "o", color=colour, markersize=6, markeredgecolor=INK,
                  markeredgewidth=0.6)  # fmt: skip
        beside(axes, min(mean + std, 1), row, f"{mean:.3f} ± {std:.3f}")
    axes.set_xlim(0, 1.2)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    return Chart(
        key,
        "Mean and deviation of each channel",
        "Over all pixels, in 0 to 1, before the files were encoded: what training normalizes with.",
        sheet.svg(key, "Mean and deviation of each channel"),
        ["folder", "channel", "mean", "standard deviation"],
        [[folder, name, f"{mean:.6f}", f"{std:.6f}"]
         for folder, one in found.items() for name, _, mean, std in _lines(one)],
    )  # fmt: skip


def _lines(one: Channels) -> list[tuple[str, Rgb, float, float]]:
    """(name, colour, mean, deviation) of each channel."""
    names: Sequence[str] = COLOURS if len(one.mean) == 3 else ("grey",)
    colours = LIGHT if len(one.mean) == 3 else (QUIET,)
    return list(zip(names, colours, one.mean, one.std, strict=False))
