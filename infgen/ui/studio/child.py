"""The process that makes a dataset for the studio, marks pictures in it, or looks at what it would
be, telling what it does as lines of JSON. It stops, as after Ctrl-C, when its standard input ends:
so it never outlives the studio."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import infgen
from infgen.batch.foresight import foresee
from infgen.batch.looking import preview_samples
from infgen.batch.settings import RunSettings, make_settings, read_toml
from infgen.records.errors import InfgenError
from infgen.ui.cli import EXIT_FAILURES, SIGNALS, Stopped
from infgen.ui.pace import Pace

BEAT = 0.2  # seconds between lines about progress


class Lines:
    """A Reporter that writes JSON."""

    def __init__(self, file: IO[str]):
        self._file = file
        self._pace, self._failed = Pace("", 0), 0
        self._spoke = 0.0

    def tell(self, event: str, **facts: Any) -> None:
        """Write an event. When nobody reads any more, the end of standard input says so, too."""
        try:
            self._file.write(json.dumps({"event": event, **facts}) + "\n")
            self._file.flush()
        except OSError:
            pass

    def say(self, text: str) -> None:
        self.tell("say", text=text)

    def warn(self, text: str) -> None:
        self.tell("warn", text=text)

    def start(self, what: str, total: int, done: int = 0) -> None:
        self._pace, self._failed = Pace(what, total, done), 0
        self.tell("start", what=what, total=total, done=done)

    def advance(self, failed: bool = False) -> None:
        self._pace.advance()
        self._failed += failed
        if time.monotonic() - self._spoke >= BEAT:
            self._speak(self._pace.rate)

    def stop(self) -> None:
        self._speak(self._pace.rate_of_all)

    def _speak(self, rate: float) -> None:
        self._spoke = time.monotonic()
        self.tell("advance", done=self._pace.done, failed=self._failed, rate=rate)


def main(what: str, **task: Any) -> int:
    """Do `what` TASKS names, with what its function takes. Returns the process's exit code."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    lines = Lines(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what libraries print belongs into the log
    threading.Thread(target=_watch, args=(threading.main_thread().ident,), daemon=True).start()
    try:
        return TASKS[what](lines, **task)
    except InfgenError as error:
        lines.tell("error", text=str(error))
        return error.exit_code
    except Stopped as stop:
        return stop.exit_code
    except Exception:
        traceback.print_exc()
        return 1


def _run(lines: Lines, config: str) -> int:
    """Make what the settings in the file `config` ask for."""
    most = _settings(config).max_failures  # before the file is put elsewhere
    manifest = infgen.run(config=config, reporter=lines)
    return EXIT_FAILURES if len(manifest.failures) > most else 0


def _samples(lines: Lines, config: str, into: str, count: int) -> int:
    """Draw `count` pictures of it `into` a PNG."""
    preview_samples(_settings(config), Path(into), count, lines)
    return 0


def _estimate(lines: Lines, config: str, into: str) -> int:
    """Say what it takes, and write a preview `into` an HTML file."""
    for what, how_much in foresee(_settings(config), Path(into), reporter=lines).estimate:
        lines.tell("estimate", what=what, how_much=how_much)
    return 0


def _mark(lines: Lines, dataset: str, asked: str) -> int:
    """Mark pictures of a dataset, as the file `asked` says."""
    marks = json.loads(Path(asked).read_bytes())
    lines.say("marking: the formats are written anew")
    try:
        manifest = infgen.mark(dataset, reporter=lines, **marks)
    except Stopped:
        lines.say("mark again, or start its run again, to finish the formats")
        raise
    lines.say(f"{manifest.marked:,} of {manifest.pictures:,} pictures are marked")
    return 0


def _settings(config: str) -> RunSettings:
    return make_settings(read_toml(Path(config)))


TASKS: dict[str, Callable[..., int]] = {
    "run": _run,
    "samples": _samples,
    "estimate": _estimate,
    "mark": _mark,
}
"""What a child can do."""


def _stop(signum: int, frame: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped(signum)


def _watch(main_thread: int) -> None:
    """Wait for the end of standard input, then interrupt the main thread, whatever it waits for."""
    while os.read(0, 1024):  # sys.stdin would be locked when the process ends
        pass
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main_thread, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
