"""Work spread over processes, results in order, a dying worker survived.

Each worker is a fresh Python that reads tasks from a pipe and ends when the pipe does: one that
outlives a killed parent has nothing to read, so nothing is left running. No code of the parent's
`__main__` runs again in it, so scripts and notebooks need no guard.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from infgen.records.errors import WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # chunks a worker that has run ahead of the slowest may be beyond the next one due
_BOOT = (
    "import sys, pickle; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from infgen.batch.engines import serve; serve()"
)


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and the container's quota where there is one."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup, or no limit ("max")
        return cores


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, chunk: int = 8
) -> Iterator[Result | WorkerDied]:
    """`function` of every item, in the items' order, computed by `workers` processes.

    `function` is pickled once per worker and keeps its state (caches) there; with one worker it
    runs right here. What it raises is raised here. An item that kills its worker twice yields a
    WorkerDied in place of its result, and the others go on.
    """
    if workers == 1:
        return (function(item) for item in items)
    return _Crew(function, items, workers, chunk).results()


class _Crew(Generic[Item, Result]):
    """The processes of one ordered_map, each served by a thread of the parent."""

    def __init__(
        self, function: Callable[[Item], Result], items: Iterable[Item], workers: int, chunk: int
    ):
        self._function = pickle.dumps(function)
        self._items, self._chunk = iter(items), chunk
        self._lock = threading.Condition()
        self._taken = self._yielded = 0
        self._exhausted = self._stopped = False
        self._done: dict[int, list[Result | WorkerDied] | BaseException] = {}
        self._workers = [_Worker(self._function) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._serve, args=(worker,), daemon=True)
            for worker in self._workers
        ]

    def results(self) -> Iterator[Result | WorkerDied]:
        try:
            for thread in self._threads:
                thread.start()
            while (results := self._next_chunk()) is not None:
                yield from results
        finally:
            with self._lock:
                self._stopped = True
                self._lock.notify_all()
            for worker in self._workers:
                worker.stop()
            for thread in self._threads:
                thread.join()

    def _next_chunk(self) -> list[Result | WorkerDied] | None:
        with self._lock:
            while self._yielded not in self._done:
                if self._exhausted and self._yielded == self._taken:
                    return None
                self._lock.wait()
            results = self._done.pop(self._yielded)
            self._yielded += 1
            self._lock.notify_all()
        if isinstance(results, BaseException):
            raise results
        return results

    def _serve(self, worker: _Worker) -> None:
        while (task := self._take()) is not None:
            number, chunk = task
            try:
                results: list[Result | WorkerDied] | BaseException = worker.work(chunk)
            except BaseException as error:
                results = error
            with self._lock:
                self._done[number] = results
                self._lock.notify_all()
                if isinstance(results, BaseException):
                    return

    def _take(self) -> tuple[int, list[Item]] | None:
        """The next chunk and its number, once few enough are waiting to be yielded."""
        with self._lock:
            while self._taken - self._yielded > AHEAD * len(self._workers) and not self._stopped:
                self._lock.wait()
            try:
                chunk = [] if self._stopped else list(islice(self._items, self._chunk))
            except BaseException as error:  # the caller's iterator failed: hand it to the caller
                self._done[self._taken] = error
                chunk = []
                self._taken += 1
            if not chunk:
                self._exhausted = True
                self._lock.notify_all()
                return None
            self._taken += 1
            return self._taken - 1, chunk


class _Worker:
    """A child process that applies the function to chunks, started again when it dies."""

    def __init__(self, function: bytes):
        self._function = function
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def work(self, chunk: list[Any]) -> list[Any]:
        """Results of a chunk. After a death the items are tried once more, one by one, so that only
        the one that kills is lost."""
        try:
            return self._ask(chunk)
        except WorkerDied as death:
            if self._stopped:
                raise
            return self._ask_again(chunk) if len(chunk) > 1 else [self._last_try(chunk[0], death)]

    def _ask_again(self, chunk: list[Any]) -> list[Any]:
        return [self.work([item])[0] for item in chunk]

    def _last_try(self, item: Any, death: WorkerDied) -> Any:
        try:
            return self._ask([item])[0]
        except WorkerDied:
            return death

    def _ask(self, chunk: list[Any]) -> list[Any]:
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump(chunk, process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self._process = None
            raise WorkerDied(_obituary(process)) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        # One thread per worker: the processes already fill the cores.
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            start_new_session=True,  # Ctrl-C goes to the parent, which decides
        )
        assert self._process.stdin is not None
        pickle.dump(sys.path, self._process.stdin)
        self._process.stdin.write(self._function)
        return self._process

    def stop(self) -> None:
        self._stopped = True
        if self._process is not None:
            self._process.kill()  # files are written whole or not at all: nothing is half done
            self._process.wait()


def _obituary(process: subprocess.Popen[bytes]) -> str:
    process.kill()
    code = process.wait()
    if code == -signal.SIGKILL:
        return "the worker was killed (out of memory?)"
    if code < 0:
        return f"the worker crashed ({signal.Signals(-code).name})"
    return f"the worker ended with exit code {code}"


def serve() -> None:
    """A worker's life: the function first, then chunk after chunk until the pipe closes."""
    import cv2

    cv2.setNumThreads(1)
    answers: IO[bytes] = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not land between the answers
    function = pickle.load(sys.stdin.buffer)
    while True:
        try:
            chunk = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = pickle.dumps([function(item) for item in chunk], pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            answer = _pickled_error(error)
        answers.write(answer)
        answers.flush()


def _pickled_error(error: Exception) -> bytes:
    """The error with the worker's traceback as a note, in a form that survives the pipe."""
    import traceback

    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
        return pickle.dumps(error)
    except Exception:
        return pickle.dumps(RuntimeError("".join(traceback.format_exception(error))))
