"""Kills a run at one file operation after the other, and looks at what it makes when run again.

    python -m tests.batch.die_everywhere JOB.json

The job holds `settings` of infgen.run, `work` (a folder), `undisturbed` (a finished dataset of the
same settings), `begin` (a folder to start from, or null), and at which operations to die: `first`,
and every `step` from there. Each death is a line of JSON: `at`, `operation`, and `differing`, the
files that aren't the same in the end.

A process of its own without threads, because each try is a fork of it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import cv2
import pytest

import infgen
import infgen.batch.runner
from tests.making import SHEET, differing, draw_sheets, snapshot

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.link", "os.truncate", "shutil.copyfile")


def die_at(moment: int, folder: str, report: Path, named: str = "") -> None:
    """From here on, end this process right before its `moment`th change below `folder` to what has
    `named` in its path."""
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in ("open", *CHANGES) or not str(arguments[0]).startswith(folder):
            return
        if named not in str(arguments[0]):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        seen += 1
        if seen == moment:
            os.write(descriptor, f"{event} {arguments[0]}".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.addaudithook(watch)


def attempt(settings: dict[str, Any], moment: int, report: Path) -> bool:
    """A run in a process of its own, killed at its `moment`th operation (0: never). Did it end?"""
    process = os.fork()
    if process == 0:
        try:
            if moment:
                die_at(moment, settings["out"], report)
            infgen.run(**settings)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert status in (0, signal.SIGKILL), f"ended with {status}"
    return status == 0


def restore(begin: str | None, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    if begin:
        shutil.copytree(begin, out)


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    cv2.setNumThreads(1)
    draw_sheets(SHEET, pytest.MonkeyPatch())  # as of the run that nobody disturbed
    work, out = Path(job["work"]), Path(job["work"]) / "dataset"
    report, settings = work / "last words", job["settings"] | {"out": str(out)}
    reference = snapshot(Path(job["undisturbed"]))
    restore(job["begin"], work / "first")  # each fork has the modules and tables of this run
    infgen.run(**settings | {"out": str(work / "first"), "workers": 1})
    moment = job["first"]
    while True:
        restore(job["begin"], out)
        if attempt(settings, moment, report):
            break
        assert attempt(settings, 0, report)
        found = differing(reference, snapshot(out))
        words = report.read_text().replace(str(work), "")
        print(json.dumps({"at": moment, "operation": words, "differing": found}))
        moment += job["step"]
    assert not differing(reference, snapshot(out))  # nothing was left to die at


if __name__ == "__main__":
    main()
