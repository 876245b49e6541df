"""The command line as a user meets it: what it takes, says, writes, and with which code it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import infgen
from infgen.batch.settings import Option, flatten, make_settings, options
from infgen.batch.store import Store
from infgen.records.plan import ImagePlan
from infgen.report.audit.limits import FIGURES
from infgen.report.audit.settings import AuditSettings
from infgen.ui import cli
from infgen.ui.cli import commands
from infgen.ui.cli.commands import run_settings
from infgen.ui.cli.parser import parse
from infgen.ui.terminal import Terminal
from tests.labelled import write_coco
from tests.making import (
    ROOT,
    Tables,
    differing,
    draw_cutout,
    infgen_command,
    save,
    snapshot,
    start,
)

VERBS = ("run", "plan", "preview", "export")


def run_main(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """A command line in this process: its exit code, standard output, and standard error."""
    code = cli.main(list(map(str, arguments)))
    seen = capfd.readouterr()
    return code, seen.out, seen.err


# ---- 0 -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("whole_sheets")
def test_run_makes_a_dataset_and_says_what_is_in_it(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    done = infgen_command("run", *tables.options(out=out, images=20, workers=2))
    assert done.returncode == 0
    manifest = infgen.run(**tables.settings(out=tmp_path / "same", images=20))
    assert not differing(snapshot(out), snapshot(tmp_path / "same"))
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["class", "images", "objects", "dropped", *["most", "used", "cutout"]]
    for row, one in zip(rows[1:3], manifest.classes, strict=True):
        assert row[:3] == [one.name, str(one.images), str(one.objects)]
        used = one.cutouts
        name = used.most_used.rpartition("/")[2]
        assert " ".join(row).endswith(f"{used.most} x {name} (of {used.files})")
    used = manifest.backgrounds
    name = used.most_used.rpartition("/")[2]
    assert f"most used background: {used.most} x {name} (of {used.files})" in done.stdout
    splits = ", ".join(f"{count} {name}" for name, count in manifest.splits.items())
    assert f"20 pictures ({splits}) in {out}" in done.stdout
    assert str(out / "preview.png") in done.stdout
    assert "paste: coin, note" in done.stderr


def test_the_default_folder_is_dataset(tables: Tables, tmp_path: Path) -> None:
    done = infgen_command(
        "run", *tables.options(), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0
    assert (tmp_path / "dataset/manifest.json").exists()


def test_export_and_preview_of_a_dataset(
    tables: Tables, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dataset"
    infgen.run(**tables.settings(out=out))
    code, text, _ = run_main(capfd, "export", out, "--format", "voc,masks")
    assert (code, text) == (0, f"{out} now holds coco, yolo, voc, masks\n")
    assert (out / "masks").is_dir() and (out / "voc").is_dir()
    sheet = tmp_path / "sheet.png"
    assert run_main(capfd, "preview", out, "--file", sheet, "--count", 3)[:2] == (0, f"{sheet}\n")
    assert sheet.exists()


def test_config_and_options(tables: Tables, tmp_path: Path, capfd: Any) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run_main(capfd, "run", *tables.options(out=first, seed=3, format="masks"))[0] == 0
    assert run_main(capfd, "run", "--config", first / "run.toml", "--out", second)[0] == 0
    assert not differing(snapshot(first), snapshot(second))
    third = tmp_path / "third"
    more = ("--images", 5, "--out", third, "--workers", 1)
    assert run_main(capfd, "run", "--config", first / "run.toml", *more)[0] == 0
    assert len(list(third.glob("images/*/*"))) == 5


# ---- 2 -------------------------------------------------------------------------------------------


def refused(capfd: Any, *arguments: object) -> list[str]:
    code, out, err = run_main(capfd, *arguments)
    assert code == 2
    assert out == ""
    lines = [line for line in err.splitlines() if not line.startswith(("warning: ", "paste: "))]
    assert lines and all(line.startswith("error: ") for line in lines)
    return [line.removeprefix("error: ") for line in lines]


def test_every_mistake_in_both_tables_is_a_line(
    tables: Tables, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tables.backgrounds.write_text("prompt,num_imgs,images\na desk,some,scenes\n")
    tables.classes.write_text(tables.classes.read_text().replace(",0,3,", ",4,3,"))
    out = tmp_path / "dataset"
    lines = refused(capfd, "run", *tables.options(out=out))
    assert len(lines) == 3
    assert lines[0].startswith(f"{tables.backgrounds}:2: num_imgs: ")
    assert lines[1].startswith(f"{tables.classes}:2: min_appear: ")
    assert lines[2].startswith(f"{tables.classes}:3: min_appear: ")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--imgaes", "5"], "there is no option --imgaes here: did you mean --images?"),
        (["run", "--imgaes=5"], "there is no option --imgaes here: did you mean --images?"),
        (["run", "--image", "5"], "there is no option --image here: did you mean --images?"),
        (["export", "x", "--seed", "5"], "there is no option --seed here: see infgen --help"),
        (["run", "stray"], "'stray' has no option before it: see infgen --help"),
        (["run", "--images"], "argument --images: expected one argument: see infgen run --help"),
        (["run", "--images", "x"], "--images: 'x' won't do: it takes a whole number"),
        (["run", "--seed", "-1"], "--seed: '-1' won't do: it takes a whole number from 0"),
        (["run"], "--backgrounds is missing: give the path of background.csv"),
        (["run", "--format", "cocoa"], "there is no format cocoa: the formats are coco"),
        (["plan", "--config", "/nowhere.toml"], "/nowhere.toml: can't be read"),
        (["preview", "--count", "x"], "argument --count: invalid int value: 'x'"),
        (["export", "/nowhere"], "/nowhere: there is no infgen dataset here"),
        (["preview", "/nowhere"], "/nowhere: there is no infgen dataset here"),
        (["rum"], "invalid choice: 'rum'"),
        ([], "the following arguments are required: COMMAND: see infgen --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capfd, *arguments)[0]


def test_an_unknown_setting_in_a_config_is_answered(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("imgaes = 5\nseed = 'x'\n")
    lines = refused(capfd, "run", "--config", config)
    assert lines[0] == "there is no setting 'imgaes': did you mean 'images'?"
    assert lines[1].startswith("--seed: 'x' won't do")


def test_a_foreign_folder_and_another_fingerprint_are_refused(
    tables: Tables, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [line] = refused(capfd, "run", *tables.options(out=tables.backgrounds.parent))
    assert "holds files that infgen didn't make" in line
    infgen.run(**tables.settings(out=tmp_path / "dataset"))
    [line] = refused(capfd, "run", *tables.options(out=tmp_path / "dataset", seed=2))
    assert "--seed was 0 and is now 2" in line


def test_what_auto_lacks_is_named_for_each(
    tables: Tables, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tables.classes.write_text(tables.classes.read_text().replace("cutouts/1", ""))
    lines = refused(capfd, "run", *tables.options(out=tmp_path / "dataset", method="auto"))
    assert "inpainting" in lines[0] and "copy-paste lacks" in lines[0]
    assert lines[1].startswith(f"{tables.classes}:3: cutouts: no cutouts for 'note'")


# ---- 3 -------------------------------------------------------------------------------------------


class Careless(Terminal):
    """The terminal of somebody who exchanges a cutout as soon as the pictures begin."""

    def __init__(self, cutout: Path):
        super().__init__()
        self.cutout = cutout

    def start(self, what: str, total: int, done: int = 0) -> None:
        if what == "pictures":
            save(self.cutout, draw_cutout(0, 7))
        super().start(what, total, done)


def test_failed_pictures_are_listed_and_counted_against_max_failures(
    tables: Tables,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cutout = tables.classes.parent / "cutouts/0/1.png"
    original = cutout.read_bytes()
    monkeypatch.setattr(commands, "Terminal", lambda: Careless(cutout))
    code, out, err = run_main(capfd, "run", *tables.options(out=tmp_path / "a", images=40))
    assert code == 3
    failed = [line for line in out.splitlines() if "the file has changed since" in line]
    count = int(next(line for line in out.splitlines() if "failed; run" in line).split()[0])
    assert len(failed) == min(count, 10) > 1
    assert ("all of them are in manifest.json" in out) == (count > 10)
    assert f"{40 - count} pictures (" in out
    assert err.count("warning: picture ") == min(count, 10)

    for allowed, expected in ((count, 0), (count - 1, 3)):
        cutout.write_bytes(original)
        folder = tmp_path / f"allowed {allowed}"
        command = tables.options(out=folder, images=40, max_failures=allowed)
        assert run_main(capfd, "run", *command)[0] == expected


# ---- 4, 130, 143: the rest is in batch/test_resume.py --------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_plan_can_be_interrupted_too(tables: Tables) -> None:
    process = start("plan", "--json", *tables.options(images=20_000))  # more than the pipe holds
    assert process.stdout is not None
    assert process.stdout.readline().startswith("{")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


# ---- plan ----------------------------------------------------------------------------------------


def test_plan_says_what_run_then_makes(tables: Tables, tmp_path: Path, capfd: Any) -> None:
    options = tables.options(images=30, per_background=3, seed=4, val_frac=0.3)
    code, out, _ = run_main(capfd, "plan", "--json", *options)
    assert code == 0
    plans = [msgspec.json.decode(line, type=ImagePlan) for line in out.splitlines()]
    assert [plan.index for plan in plans] == list(range(30))

    settings = {"images": 30, "per_background": 3, "seed": 4, "val_frac": 0.3}
    infgen.run(**tables.settings(out=tmp_path / "dataset", **settings))
    made = list(Store(tmp_path / "dataset").entries())
    assert sum(len(entry.objects) for entry in made) > 30
    for plan, entry in zip(plans, made, strict=True):
        assert (plan.split, plan.size) == (entry.split, entry.size)
        assert plan.background == entry.background
        planned = [(one.class_id, one.box) for one in plan.objects]
        shown = [(one.class_id, one.requested) for one in entry.objects]
        left_out = [(one.class_id, one.box) for one in entry.dropped if one.box is not None]
        assert sorted(planned, key=str) == sorted(shown + left_out, key=str)
        homeless = [one for one in entry.dropped if one.box is None]
        assert list(plan.dropped) == homeless


def test_plan_sums_up_and_writes_nothing(tables: Tables, tmp_path: Path, capfd: Any) -> None:
    before = snapshot(tmp_path)
    out = tmp_path / "dataset"
    code, text, _ = run_main(capfd, "plan", *tables.options(images=50, out=out))
    assert code == 0
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["class", "images", "objects", "width", "height", "no", "room"]
    assert text.splitlines()[-1].endswith("of 96 x 80")
    plans = list(infgen.plan(**tables.settings(images=50)))
    for class_id, row in enumerate(rows[1:3]):
        boxes = [one.box for plan in plans for one in plan.objects if one.class_id == class_id]
        assert row[2] == str(len(boxes))
        assert row[3] == f"{min(box.width for box in boxes):.0f}"
    assert snapshot(tmp_path) == before


def test_ten_thousand_plans_take_seconds(tables: Tables, capfd: Any) -> None:
    code, text, _ = run_main(capfd, "plan", *tables.options(images=10_000))
    assert code == 0
    assert text.splitlines()[-1].startswith("10000 pictures (")


@pytest.mark.skipif(os.name != "posix", reason="a shell's pipe")
@pytest.mark.parametrize("verb", ["plan --json", "plan", "run", "--help"])
def test_a_reader_that_has_seen_enough_is_no_error(
    tables: Tables, tmp_path: Path, verb: str
) -> None:
    options = " ".join(tables.options(images=2000 if "json" in verb else 4, out=tmp_path / "d"))
    infgen = f"{sys.executable} -m infgen {verb} {'' if verb == '--help' else options}"
    reader = "head -1" if "json" in verb else "true"
    done = subprocess.run(
        ["bash", "-c", f"{infgen} | {reader}; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    if verb == "run":
        assert (tmp_path / "d/manifest.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full")
@pytest.mark.parametrize("verb", ["plan --json", "plan"])
def test_output_that_cannot_be_written_is_one_sentence(tables: Tables, verb: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = infgen_command(*verb.split(), *tables.options(images=50), stdout=full)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith(
        "error: can't write to standard output: No space"
    )


# ---- the options ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_every_option_once_with_its_default(
    verb: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code == 0
    page = re.sub(r"\n {10,}", " ", capfd.readouterr().out)  # each option on one line
    entries = [line for line in page.splitlines() if line.startswith("  --")]
    for option in options():
        if verb == "export" and option.group != "export" and option.name != "workers":
            continue
        [line] = [e for e in entries if e.split()[0].rstrip(",") == option.flag]
        assert option.help in line
        if option.default is not None and option.kind is not bool:
            default = option.default
            text = ",".join(default) if isinstance(default, tuple) else str(default)
            assert line.endswith(f"(default: {text})")


def test_defaults_are_the_same_on_the_command_line_in_python_and_in_the_record(
    tables: Tables,
) -> None:
    parsed = parse(["run"])
    assert run_settings(parsed) == make_settings({})
    recorded = flatten(make_settings({}))
    for option in options():
        if option.name in recorded:
            default = option.default
            expected = list(default) if isinstance(default, tuple) else default
            assert recorded[option.name] == expected


def another_value(option: Option) -> tuple[str, Any]:
    """A value that an option takes and that isn't its default, as text and as itself."""
    if option.choices:
        text = next(choice for choice in option.choices if choice != option.default)
        return text, text
    if option.kind in (int, float):
        low, *high = map(option.kind, re.findall(r"\d[\d.]*", option.takes))
        value = high[0] if high else low + 7
        return str(value), value
    return {Path: ("some/where", Path("some/where")), tuple: ("voc,masks", ("voc", "masks"))}.get(
        option.kind, ("words", "words")
    )


@pytest.mark.parametrize("option", list(options()), ids=lambda option: option.flag)
def test_every_option_reaches_its_setting(option: Option) -> None:
    text, value = ("", True) if option.kind is bool else another_value(option)
    made = run_settings(parse(["run", option.flag, *([text] if text else [])]))
    holder = made if option.group == "run" else getattr(made, option.group)
    assert getattr(holder, option.name) == value


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capfd.readouterr().out == f"infgen {infgen.__version__}\n"


# ---- audit ---------------------------------------------------------------------------------------


def test_audit_is_a_gate(tables: Tables, tmp_path: Path, capfd: Any) -> None:
    dataset, out = tmp_path / "dataset", tmp_path / "found"
    infgen.run(**tables.settings(out=dataset))
    command = ("audit", dataset, "--out", out, "--no-seams", "--estimate", "none", "--fail-on")
    code, text, _ = run_main(capfd, *command, "leakage>0,faults>0")
    assert code == 0
    assert "passed: leakage>0: it is 0" in text and str(out / "audit.md") in text
    assert (out / "audit.json").exists()
    code, text, _ = run_main(capfd, *command, "faults>-1, leakage>0")
    assert code == 3
    assert "FAILED: faults>-1: it is 0" in text


def test_audit_says_what_is_wrong_with_the_request(tmp_path: Path, capfd: Any) -> None:
    lines = refused(capfd, "audit", tmp_path, "--sample", 2, "--estimate", "guess")
    assert lines[0].startswith("--sample: '2' won't do") or len(lines) == 2
    [line] = refused(capfd, "audit", tmp_path, "--no-seams", "--fail-on", "seem>1")
    assert "the figures are seam, " in line
    [line] = refused(capfd, "audit", tmp_path / "nowhere", "--no-seams")
    assert line.endswith("is not there: check the path")
    [line] = refused(capfd, "audit", tmp_path, "--referense", "x")
    assert line == "there is no option --referense here: did you mean --reference?"


def test_audit_help_names_every_option_and_figure(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        cli.main(["audit", "--help"])
    page = capfd.readouterr().out
    for option in options(AuditSettings):
        assert option.flag in page and option.help in page
    for name, figure in FIGURES.items():
        assert re.search(rf"^  {name} +{re.escape(figure.help)}$", page, re.M)


# ---- what backgrounds bring along ----------------------------------------------------------------


def test_given_labels_are_in_the_plan_and_in_the_summary(
    tables: Tables, tmp_path: Path, capfd: Any
) -> None:
    folder = tables.classes.parent
    write_coco(folder)
    tables.backgrounds.write_text("prompt,num_imgs,images\n,,images/train\n")
    options = tables.options(images=9, width=160, height=120, background_labels=folder)
    code, out, err = run_main(capfd, "plan", *options)
    rows = [line.split() for line in out.splitlines()]
    assert code == 0 and rows[0][-1] == "given"
    assert [row[-1] for row in rows[1:4]] == ["-", "-", "9"]
    assert "no row for; they follow: cat (2)" in err
    code, out, _ = run_main(capfd, "run", *options, "--out", tmp_path / "dataset")
    assert code == 0 and " cat " in out and "9 (9 given)" in out
    sheet = tmp_path / "plan.png"
    assert run_main(capfd, "preview", *options, "--file", sheet)[0] == 0 and sheet.exists()
