"""A run as a child process: one at a time, followed by what it says, ended with the studio."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal, TypedDict

from infgen.records.errors import FolderBusy

PATIENCE = 20.0  # seconds for a child that was told to stop
MOST_TOLD = 50  # warnings and other lines that are kept
BOOT = (
    "import sys; sys.path[:] = sys.argv[2:]; del sys.argv[2:]; "
    "from infgen.ui.studio.child import main; sys.exit(main(sys.argv[1]))"
)
ENDS = {0: "finished", 3: "finished", 130: "stopped", 143: "stopped"}

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


class Job:
    """A child process that makes `dataset` by the settings in `config`, beginning now. Its errors
    and what libraries print go to `log`."""

    def __init__(self, dataset: str, config: Path, log: Path):
        self.dataset = dataset
        self.error = ""
        self._log = log
        self._asked_to_stop = False
        self._said: deque[str] = deque(maxlen=MOST_TOLD)
        self._warnings: deque[str] = deque(maxlen=MOST_TOLD)
        self._count: dict[str, Any] = {"what": "", "done": 0, "total": 0, "failed": 0, "before": 0}
        self._began, self._ended = time.monotonic(), 0.0
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", BOOT, str(config), *sys.path],
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
        count, state = dict(self._count), self.state
        seconds = max((self._ended or time.monotonic()) - self._began, 1e-3)
        rate = max(count["done"] - count["before"], 0) / seconds
        left = (count["total"] - count["done"]) / rate if rate and state == "running" else -1
        return {
            "dataset": self.dataset,
            "state": state,
            "what": count["what"],
            "done": count["done"],
            "total": count["total"],
            "failed": count["failed"],
            "rate": round(rate, 2),
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
        self._ended = time.monotonic()
        if code not in ENDS and not self.error:
            self.error = f"the run ended unexpectedly (code {code}): {self._log} says more"

    def _say(self, text: str) -> None:
        self._said.append(text)

    def _warn(self, text: str) -> None:
        self._warnings.append(text)

    def _start(self, what: str, total: int, done: int) -> None:
        self._began = time.monotonic()
        self._count = {"what": what, "done": done, "total": total, "failed": 0, "before": done}

    def _advance(self, done: int, failed: int) -> None:
        self._count = self._count | {"done": done, "failed": failed}

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
    "error": Job._fail,
}
"""The child's events."""


class Jobs:
    """The one run of a workspace: whoever looks sees the same."""

    def __init__(self, folder: Path):
        self._log = folder / "run.log"
        self._job: Job | None = None
        self._starting = threading.Lock()

    def start(self, dataset: str, config: Path) -> Job:
        """Begin a run. Raises FolderBusy while another one is going on."""
        with self._starting:
            if self._job and self._job.state in ("running", "stopping"):
                raise FolderBusy(
                    f"'{self._job.dataset}' is being made: wait for it, or stop it first"
                )
            self._job = Job(dataset, config, self._log)
            return self._job

    @property
    def busy_with(self) -> str:
        """The dataset that is being made; empty for none."""
        job = self._job
        return job.dataset if job and job.state in ("running", "stopping") else ""

    def status(self) -> Status:
        """How the run stands that is going on, or how the last one ended."""
        if self._job:
            return self._job.status()
        return {"dataset": "", "state": "idle", "what": "", "done": 0, "total": 0, "failed": 0,
                "rate": 0, "seconds_left": -1, "said": [], "warnings": [], "error": ""}  # fmt: skip

    def stop(self) -> None:
        """Ask the run to stop, if there is one."""
        if self._job:
            self._job.stop()

    def close(self) -> None:
        """End the run, if there is one, and wait for it."""
        with self._starting:
            if self._job:
                self._job.end()
