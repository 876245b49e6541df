"""How far a count has come, and how fast."""

from __future__ import annotations

import time

LULL = 0.05  # seconds without anything, after which what comes next comes together
FLOOD = 1.0  # seconds of coming without a lull, after which it is no burst but a quick stream


class Pace:
    """`done` of `total` things named `what`. Pictures in archives come in bursts, all of an archive
    at a time: how fast they come is known at a burst's end only, by what was there then."""

    def __init__(self, what: str, total: int, done: int = 0):
        self.what, self.total, self.done = what, total, done
        self._before = self._known = done
        self._began = self._known_at = self._burst_at = self._last_at = time.monotonic()

    def advance(self) -> None:
        """One more is done."""
        now = time.monotonic()
        if now - self._last_at > LULL:
            self._known, self._known_at, self._burst_at = self.done, self._last_at, now
        elif now - self._burst_at > FLOOD:
            self._known, self._known_at = self.done + 1, now
        self.done, self._last_at = self.done + 1, now

    @property
    def rate(self) -> float:
        """Things per second; 0 while it is too early to say."""
        if self.done == self.total:
            return self.rate_of_all
        return (self._known - self._before) / max(self._known_at - self._began, 1e-3)

    @property
    def rate_of_all(self) -> float:
        """Things per second from the beginning until now."""
        return (self.done - self._before) / max(time.monotonic() - self._began, 1e-3)

    @property
    def left(self) -> str:
        """A guess at the time to go, in words; empty while it is too early to say."""
        if self.done == self.total:
            return clock(0)
        if not self.rate:
            return ""
        waited = time.monotonic() - self._known_at
        return clock(max((self.total - self._known) / self.rate - waited, 0))

    def text(self, to_go: bool = False) -> str:
        """In words, with the time `to_go` if there is any."""
        text = f"{self.what}: {self.done} of {self.total}"
        if not to_go or self.done == self.total:
            return f"{text}, {self.rate_of_all:.1f}/s"
        return f"{text}, {self.rate:.1f}/s, {self.left} left" if self.rate else text


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
