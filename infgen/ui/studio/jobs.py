"""Work on a dataset as a child process: one at a time, followed by what it says, ended with the
studio."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypedDict

from infgen.records.errors import FolderBusy
from infgen.sources.disk import told

PATIENCE = 20.0  # seconds for a child that was told to stop
MOST_TOLD = 50  # warnings and other lines that are kept
BOOT = (
    "import json, sys; sys.path[:] = sys.argv[2:]; del sys.argv[2:]; "
    "from infgen.ui.studio.child import main; sys.exit(main(**json.loads(sys.argv[1])))"
)
ENDS = {0: "finished", 3: "finished", 130: "stopped", 143: "stopped"}

LOOK = "a look at it"  # in place of a dataset's name, while none is made
BUSY = ("running", "stopping")
Task = dict[str, Any]
State = Literal["idle", "running", "stopping", "finished", "stopped", "failed"]


class Status(TypedDict):
    """What is known of the run that is going on, or of the last one. `done` of `total` things
    called `what` are there, `failed` of them in vain; `rate` is things per second, `seconds_left` a
    guess (-1: none)."""

    dataset: str
    state: str
    what: str
    done: int
    total: int
    failed: int
    rate: float
    seconds_left: float
    said: list[str]
    warnings: list[str]
    error: str


@dataclass
class Count:
    """`done` of `total` things are there, `failed` in vain; `rate` more a second (0: too early to
    say)."""

    what: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    rate: float = 0.0


class Job:
    """A child process at work on `dataset`, beginning now; `task` is what child.main takes. What
    libraries print goes to `log`. `begun` is called once what is asked has been found to fit."""

    def __init__(
        self, dataset: str, task: Task, log: Path, begun: Callable[[], object] | None = None
    ):
        self.dataset = dataset
        self._begun = begun
        self.error = ""
        self._log = log
        self._asked_to_stop = False
        self._said: deque[str] = deque(maxlen=MOST_TOLD)
        self._warnings: deque[str] = deque(maxlen=MOST_TOLD)
        self._counts: list[Count] = []
        self.estimate: list[tuple[str, str]] = []
        with told(log):
            errors = log.open("wb")
        with errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", BOOT, json.dumps(task), *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the studio, which then ends the child
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def state(self) -> State:
        if self._reader.is_alive():
            return "stopping" if self._asked_to_stop else "running"
        end = ENDS.get(self._process.poll() or 0, "failed")
        return end  # type: ignore[return-value]

    def status(self) -> Status:
        """How it stands."""
        state = self.state
        busy = state in BUSY
        counts = list(self._counts) or [Count()]
        count = counts[-1] if busy else counts[0]  # in the end, what was made
        left = (count.total - count.done) / count.rate if busy and count.rate else -1.0
        return {
            "dataset": self.dataset,
            "state": state,
            "what": count.what,
            "done": count.done,
            "total": count.total,
            "failed": count.failed,
            "rate": round(count.rate, 2),
            "seconds_left": round(left, 1),
            "said": list(self._said),
            "warnings": list(self._warnings),
            "error": self.error,
        }

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        self._asked_to_stop = True
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(OSError):
            stdin.close()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended, or for that long."""
        self._reader.join(seconds)

    def end(self) -> None:
        """Stop it, and see to it that nothing of it is left."""
        self.stop()
        self.wait(PATIENCE)
        if self._process.poll() is None:
            _kill(self._process)
            self.wait()

    # ---- what it says ------------------------------------------------------------------------

    def _read(self) -> None:
        assert self._process.stdout is not None
        lines: IO[bytes] = self._process.stdout
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):  # a line that was cut short
                event = json.loads(line)
                HEARD[event.pop("event")](self, **event)
        code = self._process.wait()
        if code not in ENDS and not self.error:
            self.error = f"the run ended unexpectedly (code {code}): {self._log} says more"

    def _say(self, text: str) -> None:
        self._said.append(text)

    def _warn(self, text: str) -> None:
        self._warnings.append(text)

    def _start(self, what: str, total: int, done: int) -> None:
        if self._begun and not self._counts:
            self._begun()
        self._counts.append(Count(what, total, done))

    def _advance(self, done: int, failed: int, rate: float) -> None:
        count = self._counts[-1]
        count.done, count.failed, count.rate = done, failed, rate

    def _estimate(self, what: str, how_much: str) -> None:
        self.estimate.append((what, how_much))

    def _fail(self, text: str) -> None:
        self.error = text


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


HEARD: dict[str, Callable[..., None]] = {
    "say": Job._say,
    "warn": Job._warn,
    "start": Job._start,
    "advance": Job._advance,
    "estimate": Job._estimate,
    "error": Job._fail,
}
"""The child's events."""


class Jobs:
    """The one run of a workspace, or marking: whoever looks sees the same. A look at what a run
    would make is a job, too, and no run."""

    def __init__(self, folder: Path):
        self._log = folder / "run.log"
        self._run: Job | None = None
        self._look: Job | None = None
        self._starting = threading.RLock()  # alone() goes around start()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else begins a job meanwhile. Raises FolderBusy while there is one."""
        with self._starting:
            if name := self.busy_with:
                raise FolderBusy(f"'{name}' is being worked on: wait for it, or stop it first")
            yield

    def start(self, dataset: str, task: Task, begun: Callable[[], object] | None = None) -> Job:
        """Begin a run, or another change of a dataset; the arguments are as for Job. Raises
        FolderBusy while there is another job."""
        with self.alone():
            self._run = Job(dataset, task, self._log, begun)
            return self._run

    def look(self, task: Task) -> Job:
        """Begin a look. Raises FolderBusy as start."""
        with self.alone():
            self._look = Job(LOOK, task, self._log)
            return self._look

    @property
    def busy_with(self) -> str:
        """The dataset that is being worked on; empty for none."""
        return next((job.dataset for job in self._jobs if job.state in BUSY), "")

    def status(self) -> Status:
        """How the job stands that is going on, or how the last run ended."""
        busy = [job for job in self._jobs if job.state in BUSY]
        if shown := [*busy, *filter(None, [self._run])]:
            return shown[0].status()
        return {"dataset": "", "state": "idle", "what": "", "done": 0, "total": 0, "failed": 0,
                "rate": 0, "seconds_left": -1, "said": [], "warnings": [], "error": ""}  # fmt: skip

    def stop(self) -> None:
        """Ask the job to stop, if there is one."""
        for job in self._jobs:
            if job.state in BUSY:
                job.stop()

    def close(self) -> None:
        """End the job, if there is one, and wait for it."""
        with self._starting:
            for job in self._jobs:
                job.end()

    @property
    def _jobs(self) -> list[Job]:
        return [job for job in (self._look, self._run) if job]
