"""A run while it is going on."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from infgen.ui.pace import Pace
from infgen.ui.terminal.streams import stderr_console

HEARTBEAT = 10.0  # seconds between progress lines in a log


class Terminal:
    """A Reporter: a progress bar on a terminal, a line now and then in a log. Writes to stderr."""

    def __init__(self) -> None:
        self._console = stderr_console()
        self._progress: Progress | None = None
        self._pace: Pace | None = None
        self._heartbeat: Heartbeat | None = None

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        self._console.print(Text("warning: ", "yellow") + Text(text), soft_wrap=True)

    def start(self, what: str, total: int, done: int = 0) -> None:
        if done:
            self.say(f"{done} of {total} {what} are there already")
        if not self._console.is_interactive:
            self._heartbeat = Heartbeat(self, what, total, done)
            return
        self._pace = pace = Pace(what, total, done)
        self._progress = Progress(
            TextColumn("{task.description:>9}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Told(lambda: f"{pace.rate:.1f}/s" if pace.rate else "-/s", "progress.data.speed"),
            _Told(lambda: pace.left or "-:--:--", "progress.remaining"),
            console=self._console,
        )
        self._progress.start()
        self._progress.add_task(what, total=total, completed=done)

    def advance(self, failed: bool = False) -> None:
        if self._progress and self._pace:
            self._pace.advance()
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
        self._terminal, self._pace = terminal, Pace(what, total, done)
        self._spoke = time.monotonic()

    def beat(self) -> None:
        self._pace.advance()
        now = time.monotonic()
        if now - self._spoke >= HEARTBEAT and self._pace.done < self._pace.total:
            self._spoke = now
            self._terminal.say(self._pace.text(to_go=True))

    def close(self) -> None:
        self._terminal.say(self._pace.text())


class _Told(ProgressColumn):
    """What a function says."""

    def __init__(self, say: Callable[[], str], style: str):
        super().__init__()
        self._say, self._style = say, style

    def render(self, task: Task) -> Text:
        return Text(self._say(), style=self._style)
