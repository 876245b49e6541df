"""Standard streams that may be closed, full, or left by their reader, and what is put on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infgen.records.errors import StorageError


def mend_streams() -> None:
    """Make standard streams that the shell closed swallow what they are given. Otherwise the next
    file opened would take their numbers, and what libraries print would land in it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):  # a name that the encoding lacks is no reason to fail
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def written_out() -> Iterator[None]:
    """For a block that prints to standard output: ends it quietly when the reader has seen enough
    (`| head`).

    Raises:
        StorageError: what standard output is sent to can't be written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _hush(sys.stdout)
    except OSError as error:
        _hush(sys.stdout)
        reason = error.strerror or error
        raise StorageError(f"can't write to standard output: {reason}: free some space") from error


def _hush(stream: TextIO) -> None:
    """Let what else is written to a stream that doesn't take it go nowhere."""
    with suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


class _Patient:
    """Standard error, whose reader may leave and whose disk may fill: a run goes on unheard."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            _hush(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _hush(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class PlainConsole(Console):
    """Prints text as it is: names are the user's, brackets and colons in them mean nothing."""

    def __init__(self, file: IO[str]):
        super().__init__(file=file, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        raise  # it is called where the error was caught; rich would end the process


def stderr_console() -> Console:
    """Standard error as it is now."""
    return PlainConsole(_Patient(sys.stderr))  # type: ignore[arg-type]


def table_of(first: str, *numbers: str) -> Table:
    """A table with a column of names and columns of numbers."""
    table = Table(first, *numbers, box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def print_error(text: str) -> None:
    """An error's sentences, one a line, on stderr."""
    console = stderr_console()
    for line in text.splitlines():
        console.print(Text("error: ", "bold red") + Text(line), soft_wrap=True)


def print_stopped(text: str) -> None:
    """After Ctrl-C or a kill: what to do now."""
    stderr_console().print(f"\nstopped: {text}", soft_wrap=True)
