"""What a run would make and take, in numbers."""

from __future__ import annotations

import statistics
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.text import Text

from infgen.ops.plans import Plans
from infgen.records.plan import ImagePlan
from infgen.ui.terminal.streams import PlainConsole, table_of, written_out


def print_plans(planner: Plans, plans: Iterable[ImagePlan]) -> None:
    """What a run would make, in numbers: per class its objects (those of groups one by one), the
    sizes asked for, what finds no room."""
    names = [spec.name for spec in planner.request.classes]
    groups = {cutout.name: [names.index(name) for name in cutout.members]
              for spec in planner.request.classes for cutout in spec.cutouts
              if cutout.members}  # fmt: skip
    widths = [array("d") for _ in names]
    heights = [array("d") for _ in names]
    images, objects = Counter[int](), Counter[int]()
    homeless, given = Counter[int](), Counter[int]()
    splits = Counter[str]()
    for plan in plans:
        splits[plan.split] += 1
        shown = Counter[int]()
        for planned in plan.objects:
            shown.update(groups.get(planned.cutout, [planned.class_id]))
        images.update(shown.keys())
        objects.update(shown)
        homeless.update(dropped.class_id for dropped in plan.dropped)
        given.update(there.class_id for there in plan.given)
        for planned in plan.objects:
            widths[planned.class_id].append(planned.box.width)
            heights[planned.class_id].append(planned.box.height)
    table = table_of("class", "images", "objects", "width", "height", "no room")
    if given:
        table.add_column("given", justify="right")
    for class_id, name in enumerate(names):
        table.add_row(
            Text(name),
            str(images[class_id]),
            str(objects[class_id]),
            _spread(widths[class_id]),
            _spread(heights[class_id]),
            str(homeless[class_id] or "-"),
            *([str(given[class_id] or "-")] if given else []),
        )
    shares = ", ".join(f"{splits[name]} {name}" for name in planner.splits)
    with written_out():
        console = PlainConsole(sys.stdout)
        console.print(table)
        console.print("{} pictures ({}) of {} x {}".format(planner.count, shares, *planner.canvas))


def print_estimate(rows: Sequence[tuple[str, str]], paths: Sequence[Path]) -> None:
    """What a run takes, and the files that show what it makes."""
    with written_out():
        for name, value in rows:
            print(f"{name:<12}{value}")
        print()
        for path in paths:
            print(path)


def _spread(values: array[float]) -> str:
    """Least - median - most."""
    if not values:
        return "-"
    return f"{min(values):.0f} - {statistics.median(values):.0f} - {max(values):.0f}"
