"""What is seen of a run: a bar on a terminal, plain lines in a log, and names as they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import infgen
from infgen.models.known_eyes import EYES
from infgen.models.presets import PRESETS
from infgen.records.manifest import ClassCount, Failure, Manifest
from infgen.ui.cli import main
from infgen.ui.terminal import (
    Terminal,
    live,
    print_error,
    print_plans,
    print_stopped,
    print_summary,
)
from tests.asked import a_class, background, pictures, planner
from tests.making import (
    DEADLINE,
    ROOT,
    Tables,
    differing,
    empty_manifest,
    infgen_command,
    make_tables,
    snapshot,
    start,
)

ODD_NAMES = ("[bold]", "[/]", "a [red]sign[/red]", ":car:", "100% {0} \\[x]", "größe 車")


def manifest(names: tuple[str, ...] = ("coin",), failures: int = 0) -> Manifest:
    return empty_manifest(
        pictures=1234,
        splits={"train": 1000, "val": 234},
        classes=tuple(ClassCount(name, 5, 9, {"hidden": 3}) for name in names),
        failures=tuple(Failure(n, f"[bold]{n} is gone[/]") for n in range(failures)),
    )


# ---- a terminal ----------------------------------------------------------------------------------


def on_a_terminal(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run infgen with standard error on a terminal: its exit code, and what the terminal got."""
    import pty

    ours, theirs = pty.openpty()
    process = start(
        *arguments,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux's end of a terminal
            data = b""
        if not data:
            break
        seen += data
    os.close(ours)
    return process.wait(DEADLINE), seen.decode()


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
def test_a_terminal_sees_a_bar_with_rate_and_time_left(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    code, seen = on_a_terminal("run", *tables.options(out=out, images=400, workers=2))
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    for what in ("pictures", "coco", "yolo"):
        assert re.search(rf"{what} [━╺╸ ]+ *400/400 \d+\.\d/s \d:\d\d:\d\d", text)
    assert re.search(r"pictures [━╺╸ ]+ *\d{1,3}/400 \d+\.\d/s \d:\d\d:\d\d", text)
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h")  # the cursor is there again
    assert "pictures: 400 of 400" not in text


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
def test_a_dumb_terminal_gets_lines(tables: Tables, tmp_path: Path) -> None:
    code, seen = on_a_terminal("run", *tables.options(out=tmp_path / "dataset"), TERM="dumb")
    assert code == 0
    assert "pictures: 12 of 12" in seen
    assert "\x1b" not in seen


# ---- a log ---------------------------------------------------------------------------------------


def test_a_log_gets_plain_lines(tables: Tables, tmp_path: Path) -> None:
    command = ["run", *tables.options(out=tmp_path / "dataset")]
    done = infgen_command(*command)
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stderr
    for what in ("pictures", "coco", "yolo"):
        assert re.search(rf"^{what}: 12 of 12, \d+\.\d/s$", done.stderr, re.M)
    (tmp_path / "dataset/manifest.json").unlink()
    next((tmp_path / "dataset/images/train").iterdir()).unlink()
    again = infgen_command(*command)
    assert "11 of 12 pictures are there already" in again.stderr
    assert re.search(r"^pictures: 12 of 12, ", again.stderr, re.M)


def test_a_long_count_gives_a_sign_of_life_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    reporter = Terminal()
    reporter.start("pictures", 1000, done=100)
    for _ in range(500):
        now += 0.5
        reporter.advance()
    reporter.stop()
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "100 of 1000 pictures are there already"
    assert lines[1] == "pictures: 120 of 1000, 2.0/s, 0:07:20 left"
    assert lines[-1] == "pictures: 600 of 1000, 2.0/s"
    assert len(lines) == 1 + 25 + 1


def test_the_time_left_is_no_guess_by_half_an_archive(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pictures in archives come together: 100 in a moment, every 20 seconds."""
    now = 0.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    reporter = Terminal()
    reporter.start("pictures", 1000)
    for _ in range(10):
        now += 20
        for _ in range(100):
            now += 0.001
            reporter.advance()
    reporter.stop()
    first, *others, last = capfd.readouterr().err.splitlines()
    assert first == "pictures: 1 of 1000"  # too early to say
    assert others[0] == "pictures: 101 of 1000, 5.0/s, 0:02:41 left"  # 20 seconds after the 100
    assert others[-1] == "pictures: 901 of 1000, 5.0/s, 0:00:00 left"
    assert last == "pictures: 1000 of 1000, 5.0/s"


# ---- names ---------------------------------------------------------------------------------------


def test_names_are_printed_as_they_are(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "[bold]:car:"
    print_summary(manifest(ODD_NAMES, failures=2), folder)
    out = capfd.readouterr().out
    for name in ODD_NAMES:
        assert re.search(rf"^ {re.escape(name)} +5 +9 +3 hidden", out, re.M)
    assert f"1234 pictures (1000 train, 234 val) in {folder}\n" in out
    assert "  1: [bold]1 is gone[/]\n" in out

    reporter = Terminal()
    for text in ODD_NAMES:
        reporter.say(text)
        reporter.warn(text)
        print_error(text)
        print_stopped(text)
        lines = capfd.readouterr().err.splitlines()
        assert lines == [text, f"warning: {text}", f"error: {text}", "", f"stopped: {text}"]


def test_odd_class_names_from_the_table_to_the_summary(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input", names=ODD_NAMES)
    done = infgen_command("run", *tables.options(out=tmp_path / "dataset", images=6))
    assert done.returncode == 0
    for name in ODD_NAMES:
        assert re.search(rf"^ {re.escape(name)} +\d+ +\d+ ", done.stdout, re.M)
    assert f"paste: {', '.join(ODD_NAMES)}" in done.stderr
    planned = infgen_command("plan", *tables.options(images=6))
    for name in ODD_NAMES:
        assert re.search(rf"^ {re.escape(name)} +\d+ +\d+ ", planned.stdout, re.M)
    assert (tmp_path / "dataset/classes.txt").read_text(encoding="utf-8").splitlines() == [
        *ODD_NAMES
    ]


def test_names_that_the_output_cannot_hold_are_no_error(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input", names=["車", "größe"])
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    command = ["run", *tables.options(out=tmp_path / "dataset")]
    done = infgen_command(*command, env=environment)
    assert done.returncode == 0
    assert r"\u8eca" in done.stdout and r"gr\xf6\xdfe" in done.stdout


def test_a_long_line_is_not_broken(capfd: pytest.CaptureFixture[str]) -> None:
    text = "/a/very/long path" * 30
    Terminal().warn(text)
    print_error(text)
    assert capfd.readouterr().err == f"warning: {text}\nerror: {text}\n"


def test_only_some_failures_are_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    print_summary(manifest(failures=11), tmp_path)
    out = capfd.readouterr().out
    assert "11 failed; run the same command to try them again:" in out
    assert out.count("is gone") == 10
    assert "all of them are in manifest.json" in out


# ---- nobody listens ------------------------------------------------------------------------------


@pytest.mark.usefixtures("whole_sheets")
@pytest.mark.skipif(os.name != "posix", reason="a shell's streams")
@pytest.mark.parametrize(
    ("streams", "workers"),
    [
        ("2>&-", 1),
        (">&-", 2),
        ("<&- >&- 2>&-", 2),
        ("2>/dev/full", 1),
        ("2> >(true)", 2),
        ("2>&1 | true", 2),
    ],
)
def test_a_run_goes_on_unheard(tables: Tables, tmp_path: Path, streams: str, workers: int) -> None:
    options = tables.options(out=tmp_path / "dataset", workers=workers, images=20)
    command = f"{sys.executable} -m infgen run {' '.join(options)} {streams}"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dataset/manifest.json").exists()
    infgen.run(**tables.settings(out=tmp_path / "heard", images=20))
    assert not differing(snapshot(tmp_path / "dataset"), snapshot(tmp_path / "heard"))


def test_models_can_be_copied_from_the_list_in_a_narrow_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["models"]) == 0
    lines = [line.strip() for line in capfd.readouterr().out.splitlines()]
    for preset in PRESETS.values():
        [row] = [line.split() for line in lines if line.split()[:1] == [preset.name]]
        assert row[1] == str(preset.native)
        ids = {preset.model, preset.inpaint_model, preset.vae, preset.lora} - {""}
        assert preset.name == "tiny" or ids <= set(lines)
    for role, rows in EYES.items():
        assert set(rows) <= set(lines)
        option = "--depth-model" if role == "depth" else f"--{role}"
        assert sum(line.split()[:1] == [option] for line in lines) == len(rows)


def test_a_plan_counts_the_objects_of_groups_one_by_one(capfd: Any) -> None:
    group = replace(pictures(1)[0], members=("cup", "coin", "cup"))
    classes = (a_class("coin", (2, 2), cutouts=(group,)), a_class("cup", (0, 0)))
    one = planner(background(5, *pictures(5, "scene")), classes, max_overlap=1)
    print_plans(one, map(one.plan, one.indices))
    rows = [line.split()[:3] for line in capfd.readouterr().out.splitlines()]
    assert rows[1:3] == [["coin", "5", "10"], ["cup", "5", "20"]]
