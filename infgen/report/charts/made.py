"""How infgen made the dataset: methods, verdicts, and how fast."""

from __future__ import annotations

from collections import Counter

from infgen.report.charts.drawing import (
    MOST_BARS,
    QUIET,
    RAMP,
    Rgb,
    bars_sheet,
    beside,
    share,
    whole_numbers,
)
from infgen.report.contents import Chart
from infgen.report.figures import Figures, Round

USED: Rgb = (0.0, 0.62, 0.45)
NOT_USED: Rgb = (0.90, 0.62, 0.0)
GONE: Rgb = (0.84, 0.37, 0.0)
LATEST = 20  # stretches of a run that was stopped again and again


def verdicts(key: str, figures: Figures) -> Chart | None:
    """What was used, tried in vain, and left out."""
    rejected, dropped = Counter[str](), Counter[str]()
    for one in figures.classes:
        rejected.update(one.rejected)
        dropped.update(one.dropped)
    judged = sum(one.judged for one in figures.classes)
    if not (judged or rejected or dropped):
        return None
    lines = [("passed and labelled", judged, USED)] if judged else []
    lines += [(f"try not used: {why}", n, NOT_USED) for why, n in rejected.most_common()]
    lines += [(f"left out: {why}", n, GONE) for why, n in dropped.most_common()]
    shown = lines[:MOST_BARS]
    sheet = bars_sheet([name for name, _, _ in shown], letters=40)
    [axes] = sheet.axes
    for row, (_, count, colour) in enumerate(shown):
        axes.barh(row, count, 0.72, color=colour)
        beside(axes, count, row, f"{count:,}")
    axes.margins(x=0.12)
    axes.set_xlim(0)
    axes.set_xlabel("objects, and tries at them")
    whole_numbers(axes, "x")
    rows = []
    for one in figures.classes:
        if one.judged:
            rows.append([one.name, "passed and labelled", "", f"{one.judged:,}"])
        rows += [[one.name, "try not used", why, f"{n:,}"] for why, n in one.rejected.items()]
        rows += [[one.name, "left out", why, f"{n:,}"] for why, n in one.dropped.items()]
    tries = judged + rejected.total()
    passed = f"{share(judged, tries)} of {tries:,} judged tries passed. " if tries else ""
    return Chart(
        key,
        "Verdicts",
        f"{passed}{dropped.total():,} objects that were wanted aren't in the pictures.",
        sheet.svg(key, "Verdicts"),
        ["class", "what became of it", "reason", "count"],
        rows,
    )


def methods(key: str, figures: Figures) -> Chart | None:
    """How objects came into their pictures, and how their edges were blended."""
    ways, blends = Counter[str](), Counter[str]()
    for one in figures.classes:
        ways.update(one.methods)
        blends.update(one.blends)
    if not ways:
        return None
    lines = [(f"method: {name}", n, RAMP[1]) for name, n in _largest_first(ways)]
    lines += [(f"blend: {name}", n, QUIET) for name, n in _largest_first(blends)]
    sheet = bars_sheet([name for name, _, _ in lines], letters=40)
    [axes] = sheet.axes
    total = ways.total()
    for row, (_, count, colour) in enumerate(lines):
        axes.barh(row, count, 0.72, color=colour)
        beside(axes, count, row, f"{count:,}")
    axes.margins(x=0.12)
    axes.set_xlim(0)
    axes.set_xlabel("objects")
    whole_numbers(axes, "x")
    return Chart(
        key,
        "Methods and blends",
        "How objects came into their pictures, and how the edges of painted ones were blended.",
        sheet.svg(key, "Methods and blends"),
        ["what", "name", "objects", "share"],
        [["method", name, f"{n:,}", share(n, total)] for name, n in _largest_first(ways)]
        + [["blend", name, f"{n:,}", share(n, blends.total())]
           for name, n in _largest_first(blends)],
    )  # fmt: skip


def throughput(key: str, figures: Figures) -> Chart | None:
    """Pictures a second, stretch by stretch."""
    timed = [one for one in figures.rounds if one.seconds and one.pictures]
    if not timed:
        return None
    shown = timed[-LATEST:]
    first = len(timed) - len(shown) + 1
    names = [f"{number}: {one.pictures:,} pictures" for number, one in enumerate(shown, first)]
    sheet = bars_sheet(names, letters=40)
    [axes] = sheet.axes
    for row, one in enumerate(shown):
        assert one.seconds is not None
        rate = one.pictures / one.seconds
        axes.barh(row, rate, 0.72, color=RAMP[1])
        beside(axes, rate, row, _rate(one))
    axes.margins(x=0.12)
    axes.set_xlim(0)
    axes.set_xlabel("pictures a second")
    axes.xaxis.set_major_formatter("{x:,g}")
    stopped = len(figures.rounds) - len(timed)
    more = f" {stopped:,} more were stopped before their end." if stopped else ""
    return Chart(
        key,
        "Throughput of the run",
        "How fast the pictures were made, of every stretch that came to its end, by the run's log. "
        f"It says more about the machine than about the dataset.{more}",
        sheet.svg(key, "Throughput of the run"),
        ["stretch", "pictures", "seconds", "pictures a second", "workers"],
        [[f"{number}", f"{one.pictures:,}", f"{one.seconds:,.1f}",
          _rate(one), f"{one.workers or 'one per core'}"]
         for number, one in enumerate(timed, 1)],
    )  # fmt: skip


def _rate(one: Round) -> str:
    rate = one.pictures / (one.seconds or 1)
    return f"{rate:,.1f}" if rate >= 10 else f"{rate:.2f}"


def _largest_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))
