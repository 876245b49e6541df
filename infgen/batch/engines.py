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

AHEAD = 4  # chunks per worker that may wait for a slower one to catch up
_BOOT = (
    "import sys, pickle; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from infgen.batch.engines import serve; serve()"
)


def usable_cores() -> int:
    """Cores that this process may use: its affinity, within the container's quota if it has one."""
    count = os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup, or no limit ("max")
        return cores


class Crew:
    """Worker processes for any number of maps, one after the other. With one worker there is no
    process at all: the work is done right here.

        with Crew(workers=4) as crew:
            for result in crew.map(function, items): ...
    """

    def __init__(self, workers: int):
        self._workers = [_Worker() for _ in range(workers)] if workers > 1 else []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.stop()

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], chunk: int = 8
    ) -> Iterator[Result | WorkerDied]:
        """`function` of every item, in the items' order.

        `function` is sent to each worker once and keeps its state (caches) there until the next map.
        What it raises is raised here. An item that kills its worker twice yields a WorkerDied in
        place of its result, and the others go on. A map that isn't read to its end stops the crew.
        """
        if not self._workers:
            return map(function, items)
        return _Map(self._workers, function, items, chunk).results()


class _Map(Generic[Item, Result]):
    """One map over the crew: a thread of the parent for each worker, results put in order."""

    def __init__(
        self,
        workers: list[_Worker],
        function: Callable[[Item], Result],
        items: Iterable[Item],
        chunk: int,
    ):
        self._workers, self._chunk = workers, chunk
        self._function, self._items = pickle.dumps(function), iter(items)
        self._lock = threading.Condition()
        self._taken = self._yielded = 0
        self._exhausted = False
        self._done: dict[int, list[Result | WorkerDied] | BaseException] = {}

    def results(self) -> Iterator[Result | WorkerDied]:
        threads = [
            threading.Thread(target=self._serve, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        finished = False
        try:
            for thread in threads:
                thread.start()
            while (results := self._next_chunk()) is not None:
                yield from results
            finished = True
        finally:
            with self._lock:
                self._exhausted = True
                self._lock.notify_all()
            if not finished:
                for worker in self._workers:
                    worker.stop()
            for thread in threads:
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
        while (task := self._take(len(self._workers))) is not None:
            number, chunk = task
            try:
                results: list[Result | WorkerDied] | BaseException = worker.work(
                    self._function, chunk
                )
            except BaseException as error:
                results = error
            with self._lock:
                self._done[number] = results
                self._exhausted |= isinstance(results, BaseException)
                self._lock.notify_all()

    def _take(self, workers: int) -> tuple[int, list[Item]] | None:
        """The next chunk and its number, as soon as few enough are waiting to be read."""
        with self._lock:
            while self._taken - self._yielded > AHEAD * workers and not self._exhausted:
                self._lock.wait()
            if self._exhausted:
                return None
            try:
                chunk = list(islice(self._items, self._chunk))
            except BaseException as error:  # the caller's iterator failed: its caller shall know
                self._done[self._taken] = error
                self._taken += 1
                chunk = []
            if not chunk:
                self._exhausted = True
                self._lock.notify_all()
                return None
            self._taken += 1
            return self._taken - 1, chunk


class _Worker:
    """A child process, started when first needed and again when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._knows: bytes | None = None  # the function that the process was sent
        self._stopped = False

    def work(self, function: bytes, chunk: list[Any]) -> list[Any]:
        """The pickled function's results for a chunk. When the process dies the items are tried
        again one by one, so that only the one that kills is lost."""
        try:
            return self._ask(function, chunk)
        except WorkerDied:
            if self._stopped:
                raise
            return [self._try_alone(function, item) for item in chunk]

    def _try_alone(self, function: bytes, item: Any) -> Any:
        try:
            return self._ask(function, [item])[0]
        except WorkerDied as death:
            return death

    def _ask(self, function: bytes, chunk: list[Any]) -> list[Any]:
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            if self._knows is not function:
                process.stdin.write(pickle.dumps(("function", function)))
                self._knows = function
            process.stdin.write(pickle.dumps(("chunk", chunk), pickle.HIGHEST_PROTOCOL))
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            self._process = self._knows = None
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
        self._process.stdin.write(pickle.dumps(sys.path))
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
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            kind, message = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if kind == "function":
            function = pickle.loads(message)
            continue
        assert function is not None
        try:
            answer = pickle.dumps([function(item) for item in message], pickle.HIGHEST_PROTOCOL)
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
