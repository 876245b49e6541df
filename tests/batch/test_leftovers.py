"""What a kill leaves behind in a dataset, which the next command clears away, ends, or knows of."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import infgen
from infgen.batch.owed import FILE
from infgen.sources.disk import PART
from tests.making import ROOT, differing, make_tables, options_of, snapshot

pytestmark = pytest.mark.xdist_group("leftovers")

KILLED = """
import json, sys
from pathlib import Path
import infgen
from tests.batch.die_everywhere import die_at
verb, folder, more, moment, named = json.loads(sys.argv[1])
die_at(moment, folder, Path(folder).with_name("last words"), named)
getattr(infgen, verb)(folder, **more)
"""

SILENCED = """
import io, os, signal, sys
from infgen.ui.cli import main

class Deadly(io.StringIO):
    def write(self, text):
        os.kill(os.getpid(), signal.SIGKILL)

sys.stdout = Deadly()
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A dataset of 4 pictures in one format, and its settings."""
    folder = tmp_path_factory.mktemp("leftovers")
    tables = make_tables(folder / "input")
    settings = tables.settings(images=4, val_frac=0, format="coco")
    infgen.run(**settings, out=folder / "dataset")
    return folder / "dataset", settings


@pytest.fixture
def dataset(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "dataset"))


def die(verb: str, dataset: Path, moment: int, named: str, **more: Any) -> None:
    """Kill a verb's process before the `moment`th change to a file of that name: the first is that
    it is opened (or tried to be, while it has no folder), the last that it gets its own."""
    job = json.dumps([verb, str(dataset), more, moment, named])
    command = [sys.executable, "-c", KILLED, job]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr


def parts(dataset: Path) -> list[str]:
    return [name for name in snapshot(dataset) if name.endswith(PART)]


def test_half_a_file_that_nobody_writes_again_is_gone_after_the_next_command(
    dataset: Path,
) -> None:
    die("report", dataset, 3, ".figures.json")
    assert parts(dataset) == [f"report/.figures.json{PART}"]
    (dataset / "inside").mkdir()
    for theirs in (".mine.part", "report/.mine.part", "inside/run.toml", f"inside/.theirs{PART}"):
        (dataset / theirs).write_text("somebody else's")
    infgen.export(dataset, "coco", workers=1)
    assert parts(dataset) == [f"inside/.theirs{PART}"]
    assert (dataset / ".mine.part").exists() and (dataset / "report/.mine.part").exists()


def test_a_format_whose_export_was_killed_is_told_and_ended_by_the_next_command(
    dataset: Path, tmp_path: Path
) -> None:
    whole = Path(shutil.copytree(dataset, tmp_path / "whole"))
    infgen.export(whole, "masks,yolo", workers=1, yolo_labels="detect", first_label=3)
    infgen.export(whole, "voc", workers=1)
    more = {"format": "masks,yolo", "yolo_labels": "detect", "first_label": 3, "workers": 1}
    die("export", dataset, 2, "masks/train/.00000001.png", **more)
    assert list(json.loads((dataset / FILE).read_bytes())) == ["masks", "yolo"]
    assert json.loads((dataset / "manifest.json").read_bytes())["formats"] == ["coco"]
    infgen.report(dataset)
    assert (
        "- masks: not whole, for what wrote it was stopped" in (dataset / "README.md").read_text()
    )
    shutil.rmtree(dataset / "report")
    (dataset / "README.md").unlink()
    infgen.export(dataset, "voc", workers=1)
    assert not differing(snapshot(whole), snapshot(dataset))


def test_an_append_that_was_killed_before_it_told_of_its_end_is_the_one_that_is_repeated(
    made: tuple[Path, dict[str, Any]], dataset: Path
) -> None:
    settings = made[1] | {"out": dataset, "append": True}
    command = [sys.executable, "-c", SILENCED, "run", *options_of(settings)]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    but = (".appending", "preview.png")  # which is narrower here
    done = snapshot(dataset, *but)
    assert infgen.run(**settings).pictures == 8
    assert not differing(done, snapshot(dataset, *but))
    assert infgen.run(**settings).pictures == 12  # and from then on it is more again
