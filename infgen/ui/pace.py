"""How far a count has come, and how fast."""

from __future__ import annotations

import time


class Pace:
    """`done` of `total` things named `what`."""

    def __init__(self, what: str, total: int, done: int = 0):
        self.what, self.total, self.done = what, total, done
        self._before, self._began = done, time.monotonic()

    def text(self, to_go: bool = False) -> str:
        """In words; the time `to_go` is a guess from the rate so far."""
        passed = max(time.monotonic() - self._began, 1e-3)
        rate = max(self.done - self._before, 1) / passed
        text = f"{self.what}: {self.done} of {self.total}, {rate:.1f}/s"
        if to_go and self.done < self.total:
            text += f", {_clock((self.total - self.done) / rate)} left"
        return text


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
