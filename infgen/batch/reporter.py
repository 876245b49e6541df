"""Where a run tells what it does."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Where a run tells what it does. The terminal's is in ui/; `Silent` is the default."""

    def say(self, text: str) -> None:
        """A line worth reading."""

    def warn(self, text: str) -> None:
        """A line that the user should act on or know of."""

    def start(self, what: str, total: int, done: int = 0) -> None:
        """A count begins: `total` things named `what`, of which `done` are there already."""

    def advance(self, failed: bool = False) -> None:
        """One more is done."""

    def stop(self) -> None:
        """The count is over."""


class Silent:
    """A Reporter that says nothing."""

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def start(self, what: str, total: int, done: int = 0) -> None: ...
    def advance(self, failed: bool = False) -> None: ...
    def stop(self) -> None: ...
