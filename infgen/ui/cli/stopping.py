"""How a command ends: its exit code, and what signals do."""

from __future__ import annotations

import signal
from types import FrameType

EXIT_FAILURES = 3  # done, but not good enough
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the process to end. Not an Exception: nothing on the way may swallow it."""

    def __init__(self, signum: int):
        self.exit_code = 128 + signum


def on_signal(signum: int, frame: FrameType | None) -> None:
    """The handler of SIGNALS.

    Raises:
        Stopped: always.
    """
    for number in SIGNALS:  # a second one ends the process on the spot, and that is safe too
        signal.signal(number, signal.SIG_DFL)
    raise Stopped(signum)
