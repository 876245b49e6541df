"""The worker's side: what its process does from beginning to end."""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections.abc import Callable
from typing import IO, Any, NoReturn

from infgen.batch.engines.messages import CHUNK, FUNCTION, READY, receive, send


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
            send(answers, CHUNK, _answer(function, data))


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
            messages.put(receive(questions))
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
