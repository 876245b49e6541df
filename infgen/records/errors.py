"""Everything that infgen says when it can't go on.

    InfgenError                 a sentence for the user; never a traceback
    ├── InputError              the request is wrong: every problem found, listed at once   exit 2
    ├── FolderError             the output folder can't be used (another run's, not ours)   exit 2
    │   └── FolderBusy          another run is at work in it just now: try later            exit 4
    ├── MissingExtra            an optional package is not installed                        exit 2
    ├── StorageError            the disk said no while the run went on: fix and run again   exit 4
    ├── DeviceFull              the model doesn't fit onto its device: take a smaller   exit 4
    ├── DeviceLost              the device fails whatever it is asked: run again        exit 4
    ├── CrewError               no worker process can be started: run again, with fewer     exit 4
    ├── WorkerDied              a worker process was killed: run again, with fewer of them  exit 4
    └── PictureError            one picture failed: counted and named, the run goes on

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class InfgenError(Exception):
    """Base of everything infgen raises on purpose. `exit_code` is the process's exit status."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, without the way to where it was found."""
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input, and where.

    `file` and `line` (1-based) and `column` name the place as far as it is known; `text` says what
    is wrong and what to do about it.
    """

    text: str
    file: str = ""
    line: int = 0
    column: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        return ": ".join(part for part in (place, self.column, self.text) if part)


class InputError(InfgenError):
    """The request can't be carried out. `problems` holds every mistake found, in file order."""

    def __init__(self, problems: Problem | str | Iterable[Problem]):
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class FolderError(InfgenError):
    """The output folder holds something that this run must not touch."""


class FolderBusy(FolderError):
    """Another run holds the output folder."""

    exit_code = 4


class MissingExtra(InfgenError):
    """An optional package is needed for what was asked. The message carries the install line."""


class StorageError(InfgenError):
    """Writing failed for a reason outside infgen (disk full, permission lost, disk gone)."""

    exit_code = 4


class DeviceFull(InfgenError):
    """The model needs more memory than its device has, even for one picture at a time."""

    exit_code = 4


class DeviceLost(InfgenError):
    """The device doesn't answer any more, or fails whatever it is asked."""

    exit_code = 4


class CrewError(InfgenError):
    """The machine doesn't let worker processes start."""

    exit_code = 4


class PictureError(InfgenError):
    """One picture can't be made. The runner records it and goes on."""


class WorkerDied(InfgenError):
    """A worker process ended without an answer (killed, out of memory, crashed in a codec)."""

    exit_code = 4


REFUSED = (StorageError, DeviceFull, DeviceLost)
"""What ends a run at any picture: the next one would fare no better."""
