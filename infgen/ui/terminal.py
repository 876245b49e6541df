"""What a person at a terminal, or the reader of a log, sees of a run."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from infgen.ops.planning import Planner
from infgen.records.manifest import Manifest
from infgen.records.plan import ImagePlan

HEARTBEAT = 10.0  # seconds between progress lines in a log
SHOWN_FAILURES = 10


class Terminal:
    """A Reporter: a progress bar on a terminal, a line now and then in a log. Writes to stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._heartbeat: Heartbeat | None = None

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self._console.print(Text("warning: ", "yellow") + Text(text), soft_wrap=True)

    def start(self, what: str, total: int, done: int = 0) -> None:
        if done:
            self.say(f"{done} of {total} {what} are there already")
        if not self._console.is_terminal:
            self._heartbeat = Heartbeat(self, what, total, done)
            return
        self._progress = Progress(
            TextColumn("{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._progress.start()
        self._progress.add_task(what, total=total, completed=done)

    def advance(self, failed: bool = False) -> None:
        if self._progress:
            self._progress.advance(self._progress.task_ids[0])
        elif self._heartbeat:
            self._heartbeat.beat()

    def stop(self) -> None:
        if self._progress:
            self._progress.stop()
        if self._heartbeat:
            self._heartbeat.close()
        self._progress = self._heartbeat = None


class Heartbeat:
    """Progress as plain lines: one every few seconds, and one at the end."""

    def __init__(self, terminal: Terminal, what: str, total: int, done: int):
        self._terminal, self._what, self._total = terminal, what, total
        self._done = self._before = done
        self._began = self._spoke = time.monotonic()

    def beat(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._spoke >= HEARTBEAT and self._done < self._total:
            self._spoke = now
            rate = self._rate(now)
            self._say(f", {rate:.1f}/s, {_clock((self._total - self._done) / rate)} left")

    def close(self) -> None:
        self._say(f", {self._rate(time.monotonic()):.1f}/s")

    def _rate(self, now: float) -> float:
        return max(self._done - self._before, 1) / max(now - self._began, 1e-3)

    def _say(self, rest: str) -> None:
        self._terminal.say(f"{self._what}: {self._done} of {self._total}{rest}")


class _Rate(ProgressColumn):
    """Things per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "-/s", style="progress.data.speed")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def print_summary(manifest: Manifest, folder: Path) -> None:
    """The end of a run: per class what was made and what was left out, and where everything is."""
    console = Console(highlight=False)
    table = Table("class", "images", "objects", "dropped", box=None, header_style="bold")
    for column in table.columns[1:3]:
        column.justify = "right"
    for one in manifest.classes:
        dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(one.dropped.items()))
        table.add_row(Text(one.name), str(one.images), str(one.objects), dropped or "-")
    console.print(table)
    splits = ", ".join(f"{count} {name}" for name, count in manifest.splits.items())
    console.print(
        f"{manifest.pictures} pictures ({splits}) in {folder}", markup=False, soft_wrap=True
    )
    if manifest.failures:
        console.print(f"{len(manifest.failures)} failed; run the same command to try them again:")
        for failure in manifest.failures[:SHOWN_FAILURES]:
            console.print(f"  {failure.index}: {failure.reason}", markup=False, soft_wrap=True)
        if len(manifest.failures) > SHOWN_FAILURES:
            console.print("  ... all of them are in manifest.json")


def print_plans(planner: Planner, plans: Iterable[ImagePlan]) -> None:
    """What a run would make, in numbers: per class its objects, their sizes, what finds no room."""
    names = [spec.name for spec in planner.request.classes]
    widths: list[list[float]] = [[] for _ in names]
    heights: list[list[float]] = [[] for _ in names]
    images, homeless = Counter[int](), Counter[int]()
    splits = Counter[str]()
    for plan in plans:
        splits[plan.split] += 1
        images.update({planned.class_id for planned in plan.objects})
        homeless.update(dropped.class_id for dropped in plan.dropped)
        for planned in plan.objects:
            widths[planned.class_id].append(planned.box.width)
            heights[planned.class_id].append(planned.box.height)
    console = Console(highlight=False)
    table = Table("class", "images", "objects", "width", "height", "no room", box=None,
                  header_style="bold")  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for class_id, name in enumerate(names):
        table.add_row(
            Text(name),
            str(images[class_id]),
            str(len(widths[class_id])),
            _spread(widths[class_id]),
            _spread(heights[class_id]),
            str(homeless[class_id] or "-"),
        )
    console.print(table)
    shares = ", ".join(f"{count} {name}" for name, count in splits.items())
    console.print("{} pictures ({}) of {} x {}".format(planner.count, shares, *planner.canvas))


def _spread(values: list[float]) -> str:
    """Least - median - most."""
    if not values:
        return "-"
    return f"{min(values):.0f} - {statistics.median(values):.0f} - {max(values):.0f}"


def print_error(text: str) -> None:
    """An error's sentences, one a line, on stderr."""
    console = Console(stderr=True, highlight=False)
    for line in text.splitlines():
        console.print(Text("error: ", "bold red") + Text(line), soft_wrap=True)


def print_stopped(folder: Path) -> None:
    """After Ctrl-C or a kill: nothing is lost."""
    sys.stderr.write(
        f"\nstopped: what was made is safe in {folder}; run the same command to go on\n"
    )
