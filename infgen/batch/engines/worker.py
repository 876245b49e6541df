"""A worker process, seen from the one that gives it work: started, asked, survived, ended."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from infgen.batch.engines.messages import CHUNK, FUNCTION, READY, Answer, receive, send
from infgen.records.errors import CrewError, InfgenError, WorkerDied

STARTS = 3  # tries to get a worker going
LAST_SECONDS = 5.0  # for a worker that closed its pipe to end by itself
BOOT = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from infgen.batch.engines.serving import serve; serve()"
)


class Worker:
    """A child process, started when first needed and again when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._knows: bytes | None = None  # the function that the process was sent
        self._stopped = False
        self._starting = threading.Lock()  # a process is either seen by `stop` or never started
        self._busy = threading.Lock()  # two maps may be read by turns

    def work(self, function: bytes, chunk: list[Any]) -> Answer:
        """The pickled function over a chunk. When the process dies the items are tried again one by
        one, so that only the one that kills is lost."""
        with self._busy:
            try:
                return self._ask(function, chunk)
            except WorkerDied:
                return self._ask_one_by_one(function, chunk)

    def _ask_one_by_one(self, function: bytes, chunk: list[Any]) -> Answer:
        results: list[Any] = []
        for item in chunk:
            try:
                answer = self._ask(function, [item])
            except WorkerDied as death:
                answer = Answer([death])
            results += answer.results
            if answer.error is not None:
                return Answer(results, answer.error)
        return Answer(results)

    def _ask(self, function: bytes, chunk: list[Any]) -> Answer:
        packed = pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            if self._knows is not function:
                send(process.stdin, FUNCTION, function)
                self._knows = function
            send(process.stdin, CHUNK, packed)
            _, answer = receive(process.stdout)
        except (EOFError, OSError, ValueError) as error:  # ValueError: `stop` has closed the pipe
            self._process = self._knows = None
            raise WorkerDied(_obituary(process)) from error
        return Answer(*pickle.loads(answer))

    def _start(self) -> subprocess.Popen[bytes]:
        """A process that is ready for work."""
        reason = ""
        for _ in range(STARTS):
            process = self._launch()
            if _is_ready(process):
                return process
            self._process = None
            reason = _obituary(process)
        raise CrewError(f"no worker process can be started ({reason}): try --workers 1")

    def _launch(self) -> subprocess.Popen[bytes]:
        # One thread per worker: the processes already fill the cores.
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with self._starting:
            if self._stopped:
                raise InfgenError("the crew has been stopped")
            # Ctrl-C goes to the parent alone, which decides: by a session of its own, or on Windows
            # by a group of its own.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT, *map(str, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=env,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
            return self._process

    def stop(self) -> None:
        """End the process, at work or not, for good."""
        with self._starting:
            self._stopped = True
            process = self._process
        if process is not None:
            process.kill()  # files are written whole or not at all: nothing is half done
            _bury(process)


def _is_ready(process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process has loaded its modules; False when it ends instead."""
    assert process.stdout is not None
    try:
        return any(line == READY for line in process.stdout)
    except (OSError, ValueError):  # `stop` has closed the pipe
        return False


def _obituary(process: subprocess.Popen[bytes]) -> str:
    """Why a process that doesn't answer has ended."""
    code = _bury(process)
    if code == -9:
        return "the worker was killed (out of memory?)"
    if code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"the worker crashed ({names.get(-code, -code)})"
    return f"the worker ended with exit code {code}"


def _bury(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that is ending, and close what led to it. Gives its exit code."""
    try:
        code = process.wait(LAST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError, ValueError):  # unsent data, and nobody to send it to
            if pipe is not None:
                pipe.close()
    return code
