"""infgen as a library: the verbs are the command line's, and importing it touches nothing."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import infgen
from infgen.batch.settings import options
from infgen.records.errors import InfgenError, InputError
from infgen.records.plan import ImagePlan
from tests.making import ROOT, Tables, differing, infgen_command, snapshot

HEAVY = ("torch", "diffusers", "transformers", "pandas", "matplotlib", "jinja2", "datasets",
         "supervision")  # fmt: skip


def fresh_python(code: str, *arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- importing -----------------------------------------------------------------------------------


def test_importing_infgen_loads_nothing_and_touches_nothing() -> None:
    code = """
import sys, json
before, touched = set(sys.modules), []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & 3:
        touched.append(str(arguments[0]))
    if event.split(".")[0] in ("os", "shutil", "subprocess", "socket") and event != "os.listdir":
        touched.append(event)
sys.dont_write_bytecode = True
sys.addaudithook(watch)
import infgen
import logging, random
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(json.dumps([sorted(new - set(sys.stdlib_module_names)), touched, logging.root.handlers]))
"""
    assert json.loads(fresh_python(code)) == [["infgen"], [], []]


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["--version"]])
def test_the_help_page_loads_nothing_heavy(argv: list[str]) -> None:
    code = f"""
import sys
from infgen.ui.cli import main
try:
    main({argv!r})
except SystemExit as end:
    assert end.code == 0
print("LOADED:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    assert fresh_python(code).splitlines()[-1] == "LOADED: []"


def test_copy_paste_runs_where_nothing_heavy_can_be_imported(
    tables: Tables, tmp_path: Path
) -> None:
    (tmp_path / "blocked").mkdir()
    for name in HEAVY:
        (tmp_path / f"blocked/{name}.py").write_text("raise ImportError('not on this machine')")
    everything = {"format": "coco,yolo,voc,masks,hf,npy", "workers": 2, "images": 20}
    done = infgen_command(
        "run",
        *tables.options(out=tmp_path / "d", **everything),
        env=os.environ | {"PYTHONPATH": str(tmp_path / "blocked")},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "d/manifest.json").exists()


# ---- the verbs -----------------------------------------------------------------------------------


def test_the_verbs_are_functions_whatever_else_has_been_imported() -> None:
    import infgen.batch.audit
    import infgen.batch.preview
    import infgen.batch.runner
    import infgen.formats.coco
    import infgen.report.items
    import infgen.ui.cli

    verbs = {"run", "plan", "preview", "export", "audit", "relabel", "bank", "cutouts"}
    verbs |= {"convert", "merge", "mark", "progress", "report", "serve"}
    assert set(infgen.__all__) == {*verbs, "Dataset"} <= set(dir(infgen))
    for name in infgen.__all__:
        assert inspect.isfunction(getattr(infgen, name)) == (name in verbs)
        assert inspect.getdoc(getattr(infgen, name))
    infgen.run = types.ModuleType("infgen.run")  # as importing a folder run/ would
    assert inspect.isfunction(infgen.run)


@pytest.mark.usefixtures("whole_sheets")
def test_run_is_the_command_of_the_same_name(tables: Tables, tmp_path: Path) -> None:
    manifest = infgen.run(**tables.settings(out=tmp_path / "python", seed=3, max_overlap=0.1))
    options = tables.options(out=tmp_path / "shell", seed=3, max_overlap=0.1)
    assert infgen_command("run", *options).returncode == 0
    assert not differing(snapshot(tmp_path / "python"), snapshot(tmp_path / "shell"))
    assert manifest.settings["max_overlap"] == 0.1


def test_plan_gives_plans_one_by_one(tables: Tables) -> None:
    plans = infgen.plan(**tables.settings(images=100_000))
    first = next(plans)
    assert isinstance(first, ImagePlan) and first.index == 0
    assert next(plans).index == 1


def test_export_takes_names_or_a_list_and_text_or_a_path(tables: Tables, tmp_path: Path) -> None:
    infgen.run(**tables.settings(out=str(tmp_path / "dataset"), format=["coco"]))
    assert infgen.export(str(tmp_path / "dataset"), "yolo").formats == ("coco", "yolo")
    exported = infgen.export(tmp_path / "dataset", ["masks", "voc"], workers=2)
    assert exported.formats == ("coco", "yolo", "voc", "masks")


def test_preview_of_a_plan_and_of_a_dataset(tables: Tables, tmp_path: Path) -> None:
    planned = infgen.preview(file=tmp_path / "plan.png", count=4, **tables.settings())
    infgen.run(**tables.settings(out=tmp_path / "dataset"))
    made = infgen.preview(tmp_path / "dataset", file=str(tmp_path / "made.png"))
    assert planned == tmp_path / "plan.png" and planned.stat().st_size > 1000
    assert made == tmp_path / "made.png" and made.stat().st_size > 1000


def test_the_sheet_has_the_same_number_of_tiles_everywhere() -> None:
    from infgen.batch.preview import TILES

    assert inspect.signature(infgen.preview).parameters["count"].default == TILES


def test_every_setting_is_a_keyword(tables: Tables, tmp_path: Path) -> None:
    given = {o.name: o.default for o in options()} | tables.settings(out=tmp_path / "dataset")
    assert infgen.run(**given).pictures == 12


def test_a_run_is_silent(tables: Tables, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    infgen.run(**tables.settings(out=tmp_path / "dataset", workers=2))
    assert capfd.readouterr() == ("", "")


def test_what_is_wrong_is_one_kind_of_error(tables: Tables) -> None:
    with pytest.raises(InfgenError, match="did you mean 'images'"):
        infgen.run(**tables.settings(imgaes=3))
    with pytest.raises(InputError) as raised:
        infgen.run()
    assert len(raised.value.problems) == 2
