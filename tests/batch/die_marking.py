"""Kills a marking at one file operation after the other, and looks at what an export makes of it.

    python -m tests.batch.die_marking JOB.json

The job holds `begin` (a finished dataset), `work` (a folder), `undo` as in infgen.mark, and at
which operations to die: every `step`. Each death is a line of JSON, as of die_everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

import cv2

import infgen
from tests.batch.die_everywhere import die_at
from tests.making import differing, snapshot

PICTURES = [2, 4]


def attempt(out: Path, undo: bool, moment: int, report: Path) -> bool:
    """A marking in a process of its own, killed at its `moment`th operation. Did it end?"""
    process = os.fork()
    if process == 0:
        try:
            die_at(moment, str(out), report)
            infgen.mark(out, PICTURES, reason="bad", undo=undo)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert status in (0, signal.SIGKILL), f"ended with {status}"
    return status == 0


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    cv2.setNumThreads(1)
    work, begin = Path(job["work"]), Path(job["begin"])
    out, undisturbed = work / "dataset", work / "undisturbed"
    shutil.copytree(begin, undisturbed)
    infgen.mark(undisturbed, PICTURES, reason="bad", undo=job["undo"])
    reference, unchanged = snapshot(undisturbed), snapshot(begin)
    moment = 1
    while True:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(begin, out)
        if attempt(out, job["undo"], moment, work / "last words"):
            break
        infgen.export(out, "coco", workers=1)
        ended = snapshot(out)
        found = differing(reference, ended) if differing(unchanged, ended) else []
        words = (work / "last words").read_text().replace(str(work), "")
        print(json.dumps({"at": moment, "operation": words, "differing": found}))
        moment += job["step"]
    assert not differing(reference, snapshot(out))


if __name__ == "__main__":
    main()
