"""The quickstart notebook as its readers run it: from top to bottom, and on Colab once more after
the session has died."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import jupytext
import matplotlib
import nbformat
import numpy as np
import pytest

from infgen.models.presets import PRESETS
from infgen.ops.planning import Planner, PlanSettings
from infgen.sources.tables import read_request
from tests.making import ROOT, processes_with, wait_until

pytestmark = pytest.mark.xdist_group("notebook")  # run once for all of them

SOURCE = ROOT / "scripts/colab/infgen_quickstart.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")
RUNNER = ROOT / "tests/run_notebook.py"


# ---- the file ------------------------------------------------------------------------------------


def test_the_notebook_is_its_source_without_outputs() -> None:
    source, notebook = jupytext.read(SOURCE), nbformat.read(NOTEBOOK, as_version=4)
    told = "jupytext --to ipynb --update scripts/colab/infgen_quickstart.py"
    cells = [(one.cell_type, one.source) for one in notebook.cells]
    assert cells == [(one.cell_type, one.source) for one in source.cells], told
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    nbformat.validate(notebook)
    assert notebook.metadata["accelerator"] == "GPU"
    assert notebook.metadata["colab"]["gpuType"] == "T4"


def test_every_cell_is_short_and_told_of() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("[![Open In Colab](")
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert len(code) >= 15 and max(source.count("\n") for source in code) < 40
    assert "pip install" not in "".join(code[2:4])  # what installs is the second, and that alone


def test_the_tables_for_a_gpu_can_be_planned(tmp_path: Path) -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    [cell] = [cell for cell in cells if cell.source.startswith("if GPU:")]
    exec(cell.source, {"GPU": True, "WORK": tmp_path})
    native = (PRESETS["sd15-fast"].native,) * 2
    request, warnings = read_request(tmp_path / "background.csv", tmp_path / "classes.csv", native)
    planner = Planner(request, PlanSettings(images=20), ("inpaint",) * 3, native)
    plans = [planner.plan(index) for index in planner.indices]
    assert not warnings
    assert {plan.background.picture for plan in plans} == {""}  # painted, too
    assert {one.class_id for plan in plans for one in plan.objects} == {0, 1, 2}
    assert 'MODEL = "sd15-fast"' in SOURCE.read_text(encoding="utf-8")


# ---- from top to bottom --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The folder that it was run in, all alone, and its code cells with what they show."""
    root = tmp_path_factory.mktemp("notebook")
    (root / "home").mkdir()
    (root / "here").mkdir()
    environment = {"HOME": str(root / "home"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
                   "JUPYTER_PLATFORM_DIRS": "1", "CUDA_VISIBLE_DEVICES": "",
                   "MPLCONFIGDIR": matplotlib.get_cachedir()}  # fmt: skip  # its fonts are known
    done = subprocess.run(
        [sys.executable, RUNNER, NOTEBOOK, root / "here", root / "done.ipynb"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(root / "done.ipynb", as_version=4).cells
    return root, [cell for cell in cells if cell.cell_type == "code"]


def text_of(cells: list[Any]) -> str:
    outputs = [output for cell in cells for output in cell.outputs]
    return "\n".join(one.get("text") or one["data"]["text/plain"] for one in outputs)


def test_it_makes_a_dataset_and_shows_it(shown: tuple[Path, list[Any]]) -> None:
    root, cells = shown
    text = text_of(cells)
    assert "no GPU: cutouts are pasted" in text
    assert re.search(r"^60 pictures with \{.*'speed limit': \d+", text, re.M)
    assert re.search(r"^pictures: 60 of 60, [\d.]+/s$", text, re.M)
    tables = [one["data"].get("text/html", "") for cell in cells for one in cell.outputs
              if "data" in one]  # fmt: skip
    assert any("<td>roundabout</td>" in table for table in tables)
    manifest = json.loads((root / "here/quickstart/dataset/manifest.json").read_bytes())
    assert (manifest["pictures"], manifest["failures"]) == (60, [])


def test_its_pictures_show_something(shown: tuple[Path, list[Any]]) -> None:
    outputs = [
        one for cell in shown[1] for one in cell.outputs if "image/png" in one.get("data", {})
    ]
    pictures = [
        cv2.imdecode(np.frombuffer(base64.b64decode(one["data"]["image/png"]), np.uint8), 1)
        for one in outputs
        if "image/png" in one["data"]
    ]
    assert len(pictures) == 3  # the plan, the dataset, three pictures with their masks
    for picture in pictures:
        assert min(picture.shape[:2]) >= 200 and picture.std() > 30


def test_nothing_looks_wrong_and_nothing_lies_about(shown: tuple[Path, list[Any]]) -> None:
    root, cells = shown
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error"]
    assert not [one for one in outputs if one.get("name") == "stderr"]
    assert [path.name for path in (root / "here").iterdir()] == ["quickstart"]
    home = [path for path in (root / "home").rglob("*") if path.is_file()]
    assert not [path for path in home if ".ipython" not in path.parts]


def test_what_it_packs_and_trains(shown: tuple[Path, list[Any]]) -> None:
    root, cells = shown
    with zipfile.ZipFile(root / "here/quickstart/dataset.zip") as archive:
        names = archive.namelist()
    assert "manifest.json" in names and "data.yaml" in names
    assert sum(name.startswith("images/") and name.endswith(".jpg") for name in names) == 60
    losses = [float(loss) for loss in re.findall(r"epoch \d: loss ([\d.]+)", text_of(cells))]
    assert len(losses) == 4 and losses[-1] < losses[0] / 2
    labels = next((root / "here/quickstart/dataset/labels/train").iterdir()).read_text()
    assert len(labels.split("\n")[0].split()) == 5  # what the command beside it trains on: boxes


# ---- Colab ---------------------------------------------------------------------------------------

COLAB = {  # Colab as far as the notebook sees it; its pip writes down what it is asked for
    "sitecustomize.py": "import google.colab",
    "google/__init__.py": "",
    "google/colab/__init__.py": "",
    "google/colab/drive.py": "def mount(folder): ...",
    "google/colab/files.py": "def download(path): ...",
    "torch.py": "class cuda: is_available = staticmethod(bool)",  # sees no GPU, and that quickly
    "pip/__init__.py": "",
    "pip/__main__.py": "import sys; open('pip.txt', 'w').write(' '.join(sys.argv))",
}


@pytest.fixture
def colab(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder like Colab's /content, and a session's environment; none of them outlives it."""
    for name, code in COLAB.items():
        path = tmp_path / "colab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    (tmp_path / "content/drive/MyDrive").mkdir(parents=True)
    token = uuid.uuid4().hex
    path = f"{tmp_path / 'colab'}{os.pathsep}{ROOT}"
    yield tmp_path / "content", {"PYTHONPATH": path, "INFGEN_TEST_SESSION": token,
                                 "CUDA_VISIBLE_DEVICES": ""}  # fmt: skip
    kill_all(token)


def kill_all(token: str) -> None:
    while processes := processes_with(token):
        for process in processes:
            os.kill(process, signal.SIGKILL)


def test_a_session_that_died_is_gone_on_with_from_drive(
    colab: tuple[Path, dict[str, str]],
) -> None:
    content, environment = colab
    kept, code = content / "drive/MyDrive/infgen-quickstart", SOURCE.read_text(encoding="utf-8")
    first, run, _ = code.partition("    manifest = infgen.run(**settings)\n")
    for old, new in (
        ("IMAGES = 60 ", "IMAGES = 200 "),
        ("SAVE_EVERY = 60 ", "SAVE_EVERY = 0.05 "),
        ('"https://github.com/OWNER/REPOSITORY"', repr(str(ROOT))),
        ('"/content/', f'"{content}/'),
        ('"width": 640, "height": 480', '"width": 320, "height": 240'),
    ):
        assert old in first
        first = first.replace(old, new)
    session: dict[str, Any] = {"cwd": content, "env": os.environ | environment}
    begun = subprocess.Popen([sys.executable, "-c", first + run], **session)
    records = kept / "dataset/samples-00000.jsonl"
    wait_until(lambda: records.exists() and b"\n" in records.read_bytes(), "some are there", begun)
    kill_all(environment["INFGEN_TEST_SESSION"])
    begun.wait()
    subprocess.run(["rm", "-r", content / "quickstart"], check=True)
    lines = [line for line in records.read_text().splitlines(keepends=True) if line.endswith("\n")]
    made = [kept / "dataset" / json.loads(line)["file"] for line in lines]
    before = {path: path.stat().st_mtime_ns for path in made if path.exists()}
    assert 0 < len(before) < 200

    subprocess.run([sys.executable, "-c", first + run], check=True, **session)
    manifest = json.loads((kept / "dataset/manifest.json").read_bytes())
    assert (manifest["pictures"], manifest["failures"]) == (200, [])
    after = {path: path.stat().st_mtime_ns for path in kept.rglob("images/*/*.jpg")}
    assert len(after) == 200
    assert {path: after[path] for path in before} == before  # what was on record is as it was
    asked = (content / "pip.txt").read_text()
    assert asked.endswith(f"install -q -c constraints.txt {ROOT}[diffusion]")
    assert f"numpy=={np.__version__}\n" in (content / "constraints.txt").read_text()


def test_what_changed_is_copied_again_and_nothing_else(tmp_path: Path) -> None:
    [cell] = [
        one.source
        for one in nbformat.read(NOTEBOOK, as_version=4).cells
        if "def copy_new" in one.source
    ]
    names: dict[str, Any] = {"KEPT": None}
    exec(cell, names)
    work, kept = tmp_path / "work", tmp_path / "kept"
    (work / "images").mkdir(parents=True)
    for name in ("classes.csv", "images/0.jpg"):
        (work / name).write_text("width 9%")
        os.utime(work / name, (1_000_000, 1_000_000))
    names["copy_new"](work, kept)
    os.utime(kept / "images/0.jpg", (1_000_050, 1_000_050))  # a Drive with times of its own
    untouched = (kept / "images/0.jpg").stat().st_mtime_ns
    (work / "classes.csv").write_text("width 8%")
    names["copy_new"](work, kept)
    assert (kept / "classes.csv").read_text() == "width 8%"
    assert (kept / "images/0.jpg").stat().st_mtime_ns == untouched
