"""Work spread over processes, results in order, a dying worker survived.

Each worker is a fresh Python that reads tasks from a pipe and ends at once when the pipe does: none
outlives a killed parent, or writes into what its successor is making. No code of the parent's
`__main__` runs again in it, so scripts and notebooks need no guard.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, Generic, NamedTuple, NoReturn, TypeVar

from infgen.records.errors import CrewError, InfgenError, WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # chunks per worker that may wait for a slower one to catch up
STARTS = 3  # tries to get a worker going
LAST_SECONDS = 5.0  # for a worker that closed its pipe to end by itself
FUNCTION, CHUNK = b"f", b"c"  # what a message to a worker holds
READY = b"infgen worker: ready\n"  # what libraries print before it is passed over
BOOT = "import sys; sys.path[:] = sys.argv[1:]; from infgen.batch.engines import serve; serve()"


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
        self._maps: list[_Map[Any, Any]] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.stop()
        for one in self._maps:  # the threads of one that nobody reads to its end have no other end
            one.end()

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], chunk: int = 8
    ) -> Iterator[Result | WorkerDied]:
        """`function` of every item, in the items' order.

        `function` is sent to each worker once and keeps its state (caches) there until the next
        map. What it or the items raise is raised here, after the results before it. An item that
        kills its worker twice yields a WorkerDied in place of its result, and the others go on. A
        map that isn't read to its end stops the crew.

        Raises:
            CrewError: no worker can be started at all.
        """
        if not self._workers:
            return map(function, items)
        self._maps.append(_Map(self._workers, function, items, chunk))
        return self._maps[-1].results()


class _Answer(NamedTuple):
    """A chunk's results up to the first item that raised, and what that raised."""

    results: list[Any]
    error: BaseException | None = None


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
        self._closed = False  # nothing more is to be taken
        self._done: dict[int, _Answer] = {}
        self._threads: list[threading.Thread] = []

    def results(self) -> Iterator[Result | WorkerDied]:
        finished = False
        try:
            for worker in self._workers:
                thread = threading.Thread(target=self._serve, args=(worker,), daemon=True)
                thread.start()
                self._threads.append(thread)
            while (answer := self._next_answer()) is not None:
                yield from answer.results
                if answer.error is not None:
                    raise answer.error
            finished = True
        finally:
            self._close()
            if not finished:
                for worker in self._workers:
                    worker.stop()
            self.end()

    def end(self) -> None:
        """Take no more items, and wait for what is under way."""
        self._close()
        for thread in self._threads:
            thread.join()

    def _next_answer(self) -> _Answer | None:
        """The next chunk's answer as soon as it is there; None when all have been given out."""
        with self._lock:
            while self._yielded not in self._done:
                if self._closed and self._yielded == self._taken:
                    return None
                self._lock.wait(timeout=1)  # on Windows, Ctrl-C gets through only in between
            answer = self._done.pop(self._yielded)
            self._yielded += 1
            self._lock.notify_all()
            return answer

    def _serve(self, worker: _Worker) -> None:
        """A thread's work: hand chunks to its worker until there are no more."""
        while (task := self._take()) is not None:
            number, chunk = task
            try:
                answer = worker.work(self._function, chunk)
            except BaseException as error:
                answer = _Answer([], error)
            with self._lock:
                self._done[number] = answer
                self._lock.notify_all()
            if answer.error is not None:
                self._close()

    def _take(self) -> tuple[int, list[Item]] | None:
        """The next chunk and its number, as soon as few enough are waiting to be read."""
        with self._lock:
            while self._taken - self._yielded > AHEAD * len(self._workers) and not self._closed:
                self._lock.wait()
            if self._closed:
                return None
            chunk: list[Item] = []
            error = None
            try:
                for item in islice(self._items, self._chunk):
                    chunk.append(item)
            except BaseException as raised:  # the caller's iterator failed: its caller shall know
                error = raised
            number, self._taken = self._taken, self._taken + bool(chunk)
            if error is not None:
                self._done[self._taken] = _Answer([], error)
                self._taken += 1
            if len(chunk) < self._chunk:
                self._closed = True
                self._lock.notify_all()
            return (number, chunk) if chunk else None

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            self._lock.notify_all()


class _Worker:
    """A child process, started when first needed and again when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._knows: bytes | None = None  # the function that the process was sent
        self._stopped = False
        self._starting = threading.Lock()  # a process is either seen by `stop` or never started
        self._busy = threading.Lock()  # two maps may be read by turns

    def work(self, function: bytes, chunk: list[Any]) -> _Answer:
        """The pickled function over a chunk. When the process dies the items are tried again one by
        one, so that only the one that kills is lost."""
        with self._busy:
            try:
                return self._ask(function, chunk)
            except WorkerDied:
                return self._ask_one_by_one(function, chunk)

    def _ask_one_by_one(self, function: bytes, chunk: list[Any]) -> _Answer:
        results: list[Any] = []
        for item in chunk:
            try:
                answer = self._ask(function, [item])
            except WorkerDied as death:
                answer = _Answer([death])
            results += answer.results
            if answer.error is not None:
                return _Answer(results, answer.error)
        return _Answer(results)

    def _ask(self, function: bytes, chunk: list[Any]) -> _Answer:
        packed = pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            if self._knows is not function:
                _send(process.stdin, FUNCTION, function)
                self._knows = function
            _send(process.stdin, CHUNK, packed)
            _, answer = _receive(process.stdout)
        except (EOFError, OSError, ValueError) as error:  # ValueError: `stop` has closed the pipe
            self._process = self._knows = None
            raise WorkerDied(_obituary(process)) from error
        return _Answer(*pickle.loads(answer))

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


# ---- the worker's side ---------------------------------------------------------------------------


def serve() -> None:
    """A worker's life: the function first, then chunk after chunk until the pipe closes."""
    questions, answers = _take_over_streams()
    messages: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions, messages), daemon=True).start()
    import cv2

    cv2.setNumThreads(1)
    try:
        answers.write(b"\n" + READY)
        answers.flush()
        _work(messages, answers)
    except OSError:  # nobody reads the answers any more
        os._exit(0)


def _work(messages: queue.SimpleQueue[tuple[bytes, bytes]], answers: IO[bytes]) -> NoReturn:
    function: Callable[[Any], Any] = _Raise(RuntimeError("a chunk came before its function"))
    while True:
        kind, data = messages.get()
        if kind == FUNCTION:
            try:
                function = pickle.loads(data)
            except Exception as error:
                function = _Raise(error)
        else:
            _send(answers, CHUNK, _answer(function, data))


def _take_over_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and output for questions and answers alone: libraries that read find nothing,
    and what they print goes to standard error."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # there is no standard error
        os.dup2(nothing, 1)
    return questions, answers


def _listen(questions: IO[bytes], messages: queue.SimpleQueue[tuple[bytes, bytes]]) -> None:
    try:
        while True:
            messages.put(_receive(questions))
    finally:
        os._exit(0)  # nobody waits for what is being worked on


def _answer(function: Callable[[Any], Any], data: bytes) -> bytes:
    """The pickled results of a chunk, as far as they go, and the error that ended them or None."""
    results: list[Any] = []
    try:
        for item in pickle.loads(data):
            results.append(function(item))
        return pickle.dumps((results, None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        try:
            return pickle.dumps((results, _portable(error)), pickle.HIGHEST_PROTOCOL)
        except Exception:  # it is the results that can't be sent
            return pickle.dumps(([], _portable(error)), pickle.HIGHEST_PROTOCOL)


def _portable(error: Exception) -> Exception:
    """The error with the worker's traceback as a note, in a form that survives the pipe."""
    import traceback

    text = "".join(traceback.format_exception(error))
    error.add_note(text)
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(text)


class _Raise:
    """Stands in for a function that can't be loaded here: raises why, for any item."""

    def __init__(self, error: Exception):
        self._error = error

    def __call__(self, item: object) -> NoReturn:
        raise self._error


def _send(pipe: IO[bytes], kind: bytes, data: bytes) -> None:
    pipe.write(kind + len(data).to_bytes(8, "little"))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[bytes, bytes]:
    """A message's kind and data. Raises EOFError when the pipe ends before or within it."""
    head = pipe.read(9)
    data = pipe.read(int.from_bytes(head[1:], "little"))
    if len(head) < 9 or len(data) < int.from_bytes(head[1:], "little"):
        raise EOFError
    return head[:1], data
