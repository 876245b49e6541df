"""A run as a child process: what it says when it can't go on. (Runs that go well, and ones that are
stopped or lose their studio: test_page, test_serve.)"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infgen.records.errors import FolderBusy, InputError
from infgen.ui.studio.asked import read_asked
from infgen.ui.studio.jobs import Job, Jobs, Status
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.workspace import Workspace
from tests.making import make_tables


def test_a_mistake_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    make_tables(workspace.root)
    with Studio(workspace).open() as studio:
        assert studio.status()["state"] == "idle"
        with pytest.raises(InputError, match="hasn't started a run that makes 'signs'"):
            studio.resume("signs")
        workspace.write_text("classes.csv", "prompt,min_appear\na,1\n")
        assert all(text.startswith("classes.csv:") for text in studio.mistakes())
        with pytest.raises(InputError, match=r"classes.csv:1: max_appear"):
            studio.preview({}, painted=1)  # as the child says
        studio.start("signs", {})
        with pytest.raises(FolderBusy, match="'signs' is being worked on"):
            studio.preview({}, painted=1)
        with pytest.raises(FolderBusy, match="'signs' is being worked on"):
            studio.download("signs")
        assert studio.jobs._run
        studio.jobs._run.wait()
        status = studio.status()
        assert status["state"] == "failed"
        assert status["error"].startswith("classes.csv:1: max_appear: the column is missing")
        for painted in (-1, 17):
            with pytest.raises(InputError, match="it takes a number from 1 to 16"):
                studio.preview({}, painted=painted)


def test_settings_that_are_refused_dont_take_the_place_of_those_that_fit(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    make_tables(workspace.root)
    with Studio(workspace).open() as studio:

        def ended(status: Status) -> str:
            assert studio.jobs._run
            studio.jobs._run.wait()
            return studio.status()["state"]

        small = {"images": 2, "width": 96, "height": 64, "workers": 1, "report": False}
        assert ended(studio.start("signs", small)) == "finished"
        assert ended(studio.start("signs", {**small, "height": 96})) == "failed"
        assert "made otherwise" in studio.status()["error"]
        assert ended(studio.resume("signs")) == "finished"
        assert ended(studio.start("signs", {**small, "format": ["voc"]})) == "finished"
        assert read_asked(workspace, "signs")["format"] == ["voc"]

        assert ended(studio.mark("signs", [*range(2, 30_000)])) == "failed"
        assert studio.status()["error"].startswith("there is no picture 2, 3, 4,")
        with pytest.raises(InputError, match="there is no dataset 'others'"):
            studio.mark("others", [0])
        assert workspace.is_finished("signs")
        (workspace.dataset("signs") / ".marking").write_text(
            '{"marks": {"1": "dark"}, "formats": {}}'
        )
        assert not workspace.is_finished("signs")  # as after a marking that was killed


def test_of_two_who_start_the_same_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the settings that are kept are those of the run that is going on."""
    monkeypatch.setattr("infgen.ui.studio.jobs.BOOT", "import sys; sys.stdin.read()")
    workspace = Workspace(tmp_path / "workspace")
    make_tables(workspace.root)
    with Studio(workspace).open() as studio:

        def start(images: int) -> int:
            together.wait()
            try:
                studio.start("signs", {"images": images})
            except FolderBusy:
                return 0
            return images

        together = threading.Barrier(4)
        with ThreadPoolExecutor(4) as threads:
            started = list(filter(None, threads.map(start, (1, 2, 3, 4))))
        assert [read_asked(workspace, "signs")["images"]] == started


def test_a_bug_keeps_its_traceback_in_the_log(tmp_path: Path) -> None:
    job = Job("signs", {"what": "run", "no such": "argument"}, tmp_path / "run.log")
    job.wait()
    assert job.state == "failed"
    assert "ended unexpectedly (code 1)" in job.error and "run.log" in job.error
    assert "Traceback" in (tmp_path / "run.log").read_text()


def test_a_child_that_doesnt_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infgen.ui.studio.jobs.BOOT", "import time; time.sleep(600)")
    monkeypatch.setattr("infgen.ui.studio.jobs.PATIENCE", 0.1)
    jobs = Jobs(tmp_path)
    job = jobs.start("signs", {"what": "run"})
    assert jobs.busy_with == "signs"
    jobs.stop()
    assert job.state == "stopping"
    jobs.close()
    assert job.state == "failed" and jobs.busy_with == ""
