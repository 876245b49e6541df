"""Functions for workers, in a module that they can import quickly."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from infgen.records.errors import InputError, Problem


def square(number: int) -> int:
    return number * number


def process_id(item: object) -> int:
    return os.getpid()


def reverse(data: bytes) -> bytes:
    return data[::-1]


def print_and_return(number: int) -> int:
    print("a library talks", number)
    sys.stdout.flush()
    os.write(1, b"in C, without a line end")
    return number


def give_a_lock(item: object) -> Any:
    return threading.Lock()  # nothing that could be sent back


class Deadly:
    """Ends its process in a given way at one item."""

    def __init__(self, item: int, way: str):
        self.item, self.way = item, way

    def __call__(self, number: int) -> int:
        if number == self.item:
            getattr(self, self.way)()
        return number

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(self) -> None:
        ctypes.string_at(0)

    def exit(self) -> None:
        os._exit(7)

    def sys_exit(self) -> None:
        sys.exit(9)


class DiesOnce:
    """Kills its process the first time that it sees an item."""

    def __init__(self, item: int, mark: Path):
        self.item, self.mark = item, mark

    def __call__(self, number: int) -> int:
        if number == self.item and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number


class Raises:
    def __init__(self, item: int, kind: str = "plain"):
        self.item, self.kind = item, kind

    def __call__(self, number: int) -> int:
        if number == self.item:
            if self.kind == "plain":
                raise KeyError(f"item {number}")
            if self.kind == "ours":
                raise InputError([Problem("one", "a.csv", 1), Problem("two", "b.csv", 2)])
            raise _NotToBeSent(number, threading.Lock())
        return number


class _NotToBeSent(Exception):
    pass


class Counts:
    """How many items this very object has seen in its process."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, item: object) -> tuple[int, int]:
        self.seen += 1
        return os.getpid(), self.seen


class FirstWaits:
    """Item 0 comes back only after a later item has been worked on."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __call__(self, number: int) -> int:
        if number == 5:
            self.mark.touch()
        until = time.monotonic() + 60
        while number == 0 and not self.mark.exists():
            assert time.monotonic() < until
            time.sleep(0.001)
        return number


class Forever:
    """Never comes back; says in a folder which process it is in."""

    def __init__(self, folder: Path, busy: bool):
        self.folder, self.busy = folder, busy

    def __call__(self, item: object) -> None:
        (self.folder / str(os.getpid())).touch()
        while True:
            if not self.busy:
                time.sleep(3600)


class FromNowhere:
    """A function that can be sent, and loaded nowhere."""

    def __call__(self, item: object) -> None: ...

    def __reduce__(self) -> tuple[Any, ...]:
        return (_load_nowhere, ())


def _load_nowhere() -> None:
    raise ModuleNotFoundError("no module named 'of_mine'")
