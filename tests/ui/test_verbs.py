"""infgen from Python: options that editors, type checkers and `help` know; a notebook's bar."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import infgen
from infgen.batch.settings import options
from infgen.records.errors import InputError
from infgen.records.manifest import ClassCount
from infgen.ui import notebook, verbs
from infgen.ui import options as typed
from infgen.ui.terminal import Terminal
from tests.making import ROOT, Tables, empty_manifest
from tests.tiny import script

# ---- types ---------------------------------------------------------------------------------------

GOOD = """
import infgen
from pathlib import Path
manifest = infgen.run(backgrounds="a.csv", classes=Path("b.csv"), images=100, max_overlap=0,
                      method="paste", format=["coco", "yolo"], balance=True, width=None)
print([one.objects for one in manifest.classes])
print([plan.index for plan in infgen.plan(config="run.toml", seed=3)])
infgen.export("dataset", "coco,voc", coco_masks="rle", reporter=infgen.progress())
infgen.merge("a", "b", out="c", format="yolo")
item = infgen.Dataset("dataset", split="train")[0]["image"].shape
"""
BAD = {  # what mypy says of a line
    'infgen.run(imgaes=3)': 'Unexpected keyword argument "imgaes" for "run"; did you mean "images',
    'infgen.run(images="many")': 'expected "int | None"',
    'infgen.run(method="glue")': "expected \"Literal['auto', 'inpaint', 'paste']\"",
    'infgen.plan(balance="yes")': 'expected "bool"',
    'infgen.export("dataset", "coco", images=3)': 'Unexpected keyword argument "images"',
    'infgen.bank(per_clas=3)': 'Unexpected keyword argument "per_clas"',
    'infgen.run().picturs': '"Manifest" has no attribute "picturs"',
}  # fmt: skip


def test_a_type_checker_knows_every_option(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text(GOOD + "".join(f"{line}\n" for line in BAD))
    config = tmp_path / "mypy.ini"
    loaded = ("infgen", "infgen.ui.verbs", "infgen.ui.taking", "infgen.ui.options",
              "infgen.records.*", "infgen.batch.reporter", "infgen.learn.dataset")  # fmt: skip
    config.write_text(
        "[mypy]\nfollow_imports = skip\nignore_missing_imports = True\n"
        + "".join(f"[mypy-{name}]\nfollow_imports = silent\n" for name in loaded)
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", os.devnull, script],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    first = GOOD.count("\n") + 1
    told = dict(re.findall(r"user\.py:(\d+): error: (.*)", done.stdout))
    assert set(told) == {str(first + number) for number in range(len(BAD))}, done.stdout
    for number, text in enumerate(BAD.values()):
        assert text in told[str(first + number)]
    assert (ROOT / "infgen/py.typed").exists()  # without it nobody's checker would look


def test_the_types_are_those_of_the_settings() -> None:
    writer = script("type_options")
    assert writer.FILE.read_text(encoding="utf-8") == writer.options_file(), (
        "a setting has changed: python scripts/type_options.py"
    )
    assert set(typed.RunOptions.__annotations__) == {option.name for option in options()}


# ---- help ----------------------------------------------------------------------------------------


def test_help_lists_every_option_of_every_verb() -> None:
    functions = [getattr(infgen, name) for name in infgen.__all__ if name != "Dataset"]
    assert {*verbs.TAKEN} == {
        one.__name__ for one in functions if one.__code__.co_flags & inspect.CO_VARKEYWORDS
    }
    for name, taken in verbs.TAKEN.items():
        text = " ".join((inspect.getdoc(getattr(infgen, name)) or "").split())
        shown = inspect.signature(getattr(infgen, name)).parameters
        for option in taken:
            assert f" {option.name}: {' '.join(option.help.split())}" in text
            assert shown[option.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert "settings" not in shown
    assert "(default: coco,yolo)" in (infgen.run.__doc__ or "")


def test_what_the_signature_shows_is_what_counts(tables: Tables) -> None:
    shown = inspect.signature(infgen.plan).parameters.values()
    given = {one.name: one.default for one in shown if one.name != "reporter"} | tables.settings()
    assert list(infgen.plan(**given)) == list(infgen.plan(**tables.settings()))


def test_export_takes_no_setting_that_it_would_pass_over(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="export takes no setting 'images'"):
        infgen.export(tmp_path, "coco", images=3)  # type: ignore[call-arg]


def test_a_manifest_is_a_table_in_a_notebook() -> None:
    classes = (ClassCount("<coin>", 5, 9, {"hidden": 3}), ClassCount("note"))
    text = empty_manifest(pictures=7, splits={"train": 7}, classes=classes)._repr_html_()
    assert "<p>7 pictures (7 train)</p>" in text
    assert "<td>&lt;coin&gt;</td><td>5</td><td>9</td><td>3 hidden</td>" in text
    assert text.count("<tr>") == 3


def test_what_is_wrong_is_a_sentence_in_a_notebook() -> None:
    with pytest.raises(InputError) as raised:
        infgen.run(imgaes=3)  # type: ignore[call-arg]
    told = "InputError: there is no setting 'imgaes': did you mean 'images'?"
    assert raised.value._render_traceback_() == [told]


# ---- notebooks -----------------------------------------------------------------------------------


class Cell:
    """What a notebook's cell shows: IPython's `display`, as far as the bar uses it."""

    def __init__(self) -> None:
        self.looks: list[dict[str, str]] = []

    def display(self, look: dict[str, str], raw: bool, display_id: bool) -> Cell:
        assert raw and display_id
        return self.update(look, raw)

    def update(self, look: dict[str, str], raw: bool) -> Cell:
        self.looks.append(look)
        return self

    def last_of(self, what: str) -> dict[str, str]:
        return next(look for look in reversed(self.looks) if what in look["text/plain"])


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    cell, ipython, shown = Cell(), types.ModuleType("IPython"), types.ModuleType("IPython.display")
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setattr(ipython, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setattr(shown, "display", cell.display, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    return cell


def test_a_notebook_shows_a_bar_without_being_asked(
    cell: Cell, tables: Tables, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings: Any = tables.settings(out=tmp_path / "dataset", format="coco")
    infgen.run(**settings)
    assert re.fullmatch(r"pictures: 12 of 12, \d+\.\d/s", cell.last_of("pictures")["text/plain"])
    bar = '<progress value="12" max="12"></progress> pictures: 12 of 12, '
    assert cell.last_of("pictures")["text/html"].startswith(bar)
    next((tmp_path / "dataset/images/train").iterdir()).unlink()
    infgen.run(**settings)
    heard = capfd.readouterr()
    assert "11 of 12 pictures are there already" in heard.out
    assert heard.err == ""


def test_the_bar_counts_failures_and_moves_at_a_bounded_pace(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(notebook.time, "monotonic", lambda: now)
    reporter = infgen.progress()
    reporter.start("<b>", 1000)
    for number in range(900):
        now += 0.002
        reporter.advance(failed=number < 2)
    assert 1 < len(cell.looks) < 10
    assert cell.looks[-1]["text/plain"].endswith(", 500.0/s, 0:00:00 left, 2 failed")
    reporter.stop()
    reporter.stop()
    assert re.fullmatch(r"<b>: 900 of 1000, [\d.]+/s, 2 failed", cell.looks[-1]["text/plain"])
    assert "&lt;b&gt;" in cell.looks[-1]["text/html"]


def test_elsewhere_progress_is_the_terminals() -> None:
    assert isinstance(infgen.progress(), Terminal)
