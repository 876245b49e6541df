"""What a notebook shows of a run: a bar that moves, drawn by the notebook itself."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from infgen.ui.pace import Pace

REDRAWN = 0.25  # seconds between two looks of the bar: each is a message that the notebook gets


class Notebook:
    """A Reporter. Needs no widgets, and what it leaves in a saved notebook is the bar's last look.
    Lines go to standard output: notebooks paint standard error red."""

    def __init__(self) -> None:
        self._pace: Pace | None = None
        self._failed = 0
        self._shown: Any = None
        self._drawn = 0.0

    def say(self, text: str) -> None:
        print(text)

    def warn(self, text: str) -> None:
        print(f"warning: {text}")

    def start(self, what: str, total: int, done: int = 0) -> None:
        from IPython.display import display

        if done:
            self.say(f"{done} of {total} {what} are there already")
        self._pace, self._failed = Pace(what, total, done), 0
        self._shown = display(_look(self._pace, 0), raw=True, display_id=True)

    def advance(self, failed: bool = False) -> None:
        if self._pace is None:
            return
        self._pace.advance()
        self._failed += failed
        if time.monotonic() - self._drawn >= REDRAWN:
            self._drawn = time.monotonic()
            self._shown.update(_look(self._pace, self._failed, to_go=True), raw=True)

    def stop(self) -> None:
        if self._pace is not None:
            self._shown.update(_look(self._pace, self._failed), raw=True)
        self._pace = self._shown = None


def _look(pace: Pace, failed: int, to_go: bool = False) -> dict[str, str]:
    """The bar for notebooks that draw HTML, and the words alone for others."""
    text = pace.text(to_go) + (f", {failed} failed" if failed else "")
    bar = f'<progress value="{pace.done}" max="{pace.total}"></progress> {escape(text)}'
    return {"text/plain": text, "text/html": bar}
