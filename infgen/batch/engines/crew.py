"""Worker processes for any number of maps, and the maps: results come in the order of the items."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from infgen.batch.engines.messages import Answer
from infgen.batch.engines.worker import Worker
from infgen.records.errors import WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # chunks per worker that may wait for a slower one to catch up


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
        self._workers = [Worker() for _ in range(workers)] if workers > 1 else []
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


class _Map(Generic[Item, Result]):
    """One map over the crew: a thread of the parent for each worker, results put in order."""

    def __init__(
        self,
        workers: list[Worker],
        function: Callable[[Item], Result],
        items: Iterable[Item],
        chunk: int,
    ):
        self._workers, self._chunk = workers, chunk
        self._function, self._items = pickle.dumps(function), iter(items)
        self._lock = threading.Condition()
        self._taken = self._yielded = 0
        self._closed = False  # nothing more is to be taken
        self._done: dict[int, Answer] = {}
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

    def _next_answer(self) -> Answer | None:
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

    def _serve(self, worker: Worker) -> None:
        """A thread's work: hand chunks to its worker until there are no more."""
        while (task := self._take()) is not None:
            number, chunk = task
            try:
                answer = worker.work(self._function, chunk)
            except BaseException as error:
                answer = Answer([], error)
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
                self._done[self._taken] = Answer([], error)
                self._taken += 1
            if len(chunk) < self._chunk:
                self._closed = True
                self._lock.notify_all()
            return (number, chunk) if chunk else None

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            self._lock.notify_all()
