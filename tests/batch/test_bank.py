"""`infgen bank` from the table to the cutouts that a run pastes: how many, resumed after any death,
grown, refused. The model is loaded as for users; what it paints is drawn instead."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="diffusion isn't installed")
pytest.importorskip("diffusers", reason="diffusion isn't installed")

import infgen
import infgen.batch.bank
from infgen.batch.settings import BankSettings, options
from infgen.batch.store import Store
from infgen.models.painter import Painter
from infgen.models.prompts import Prompt
from infgen.ops.cutting import NoCutout, cut_out
from infgen.ops.masks import tight_box
from infgen.records.cutout import GOOD, TAKEN_OUT, Cutout
from infgen.records.errors import FolderError, InputError, StorageError
from infgen.records.specs import AspectSize, ClassSpec
from infgen.sources.disk import PART
from infgen.ui.cli import main
from tests.making import DEADLINE, ROOT, Tables, differing, snapshot
from tests.models.small import build_sd

THINGS = (
    "prompt;min_appear;max_appear;width_min;height_min;width_max;height_max;name;note\n"
    "a red ball;1;2;30%;30%;45%;45%;ball;mine\n"
    "a blue cube; 0; 1;30%;30%;45%;45%;blue/cube;\n"
    "a ghost;0;0;30%;30%;45%;45%;ghost;never\n"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sd(tmp_path_factory.mktemp("models") / "small", channels=9)


@pytest.fixture
def asked(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """Settings of a small bank whose painter draws something."""
    monkeypatch.setattr(Painter, "inpaint", draws)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/classes.csv").write_text(THINGS)
    return {
        "classes": tmp_path / "in/classes.csv",
        "out": tmp_path / "bank",
        "model": str(model),
        "steps": 2,
        "batch_size": 2,
        "per_class": 3,
    }


def draws(
    self: Painter,
    pictures: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
) -> list[np.ndarray]:
    """Painter.inpaint, but for what it paints: an ellipse, or for one seed in three nothing."""
    made = []
    for picture, mask, seed in zip(pictures, masks, seeds, strict=True):
        box = tight_box(mask)
        assert box is not None
        (x, y), axes = box.center, (round(0.4 * box.width), round(0.4 * box.height))
        alpha = np.zeros(mask.shape, np.float32)
        if seed % 3:
            cv2.ellipse(alpha, (round(x), round(y)), axes, 0, 0, 360, 1, -1)
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.7)[..., None]
        light = np.linspace(-25, 25, len(mask))[:, None, None]  # nothing real is of one colour
        colour = np.array(((200, 30, 40), (30, 40, 190))[seed % 2]) + light
        made.append(np.rint(picture + alpha * (colour - picture)).astype(np.uint8))
    return made


def lines(folder: Path) -> list[Cutout]:
    text = (folder / "bank.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Cutout) for line in text]


def good(folder: Path, name: str = "ball") -> list[int]:
    return [one.number for one in lines(folder) if one.name == name and one.verdict == GOOD]


# ---- what comes out ------------------------------------------------------------------------------


def test_a_bank_holds_cutouts_with_all_that_is_known_of_them(asked: dict) -> None:
    manifest = infgen.bank(**asked)
    assert [(one.name, one.objects) for one in manifest.classes] == [("ball", 3), ("blue/cube", 3)]
    assert manifest.pictures == 6 and not manifest.failures and manifest.models["licences"]
    out = asked["out"]
    for one in lines(out):
        if one.verdict != GOOD:
            assert not one.file
            continue
        data = (out / one.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one.sha256 and len(data) == one.bytes
        pixels = cv2.imread(str(out / one.file), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (*one.size[::-1], 4) and set(pixels[0, :, 3]) == {0}
        assert 0.5 < (pixels[..., 3] >= 128).mean() < 0.9  # an ellipse in its box
        assert one.model == "small" and one.prompt in ("a red ball", "a blue cube")
    assert len({one.seed for one in lines(out)}) == len(lines(out))
    assert {path.parent.name for path in out.rglob("*.png")} == {"ball", "blue_cube", "bank"}


def test_its_table_is_the_user_s_with_the_folders_of_cutouts(asked: dict) -> None:
    infgen.bank(**asked)
    with (asked["out"] / "classes.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [*THINGS.splitlines()[0].split(";"), "cutouts"]
    assert [row[0] for row in rows] == ["a red ball", "a blue cube", "a ghost"]
    assert [row[-2:] for row in rows] == [["mine", "ball"], ["", "blue_cube"], ["never", ""]]


def test_runs_paste_from_it_wherever_it_has_been_moved(
    asked: dict, tables: Tables, tmp_path: Path
) -> None:
    infgen.bank(**asked)
    moved = asked["out"].rename(tmp_path / "elsewhere")
    settings = tables.settings(classes=moved / "classes.csv", out=tmp_path / "d", method="paste")
    manifest = infgen.run(**settings | {"images": 6})
    assert manifest.pictures == 6 and not manifest.models
    entries = list(Store(tmp_path / "d").entries())
    used = {one.cutout for entry in entries for one in entry.objects}
    assert used and used <= {one.file for one in lines(moved)}


def test_a_bank_is_no_dataset(asked: dict, tables: Tables) -> None:
    infgen.bank(**asked | {"per_class": 1})
    for verb in (
        lambda: infgen.export(asked["out"], "voc"),
        lambda: infgen.preview(asked["out"]),
    ):
        with pytest.raises(InputError, match="a bank of cutouts, and no dataset"):
            verb()
    with pytest.raises((FolderError, InputError), match="another --out"):
        infgen.run(**tables.settings(out=asked["out"], method="paste"))


def test_an_object_larger_than_its_mask_is_whole(
    asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models paint beyond the cells that they were to repaint; there is nothing to be spared."""
    sizes = {}

    def larger(
        self: Painter,
        pictures: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
    ) -> list[np.ndarray]:
        made = []
        for picture, mask, seed in zip(pictures, masks, seeds, strict=True):
            box = tight_box(mask)
            assert box is not None
            alpha = np.zeros(mask.shape, np.float32)
            radius = round(min(box.width, box.height) / 2) + 3
            cv2.circle(alpha, (len(mask) // 2, len(mask) // 2), radius, 1, -1)
            sizes[seed] = 2 * radius + 1
            alpha = cv2.GaussianBlur(alpha, (0, 0), 0.7)[..., None]
            colour = np.array((200, 30, 40)) + np.linspace(-25, 25, len(mask))[:, None, None]
            made.append(np.rint(picture + alpha * (colour - picture)))
        return [one.clip(0, 255).astype(np.uint8) for one in made]

    monkeypatch.setattr(Painter, "inpaint", larger)
    infgen.bank(**asked)
    kept = [one for one in lines(asked["out"]) if one.verdict == GOOD]
    assert len(kept) == 6
    for one in kept:
        pixels = cv2.imread(str(asked["out"] / one.file), cv2.IMREAD_UNCHANGED)
        box = tight_box(pixels[..., 3] >= 128)
        assert box is not None
        assert box.width == pytest.approx(sizes[one.seed], abs=2)
        assert box.height == pytest.approx(sizes[one.seed], abs=2)


# ---- how many ------------------------------------------------------------------------------------


def test_tries_go_on_until_there_are_enough(asked: dict) -> None:
    infgen.bank(**asked)
    for name in ("ball", "blue/cube"):
        tries = [one for one in lines(asked["out"]) if one.name == name]
        assert [one.number for one in tries] == list(range(len(tries)))
        assert len(good(asked["out"], name)) == 3 and tries[-1].verdict == GOOD
    assert any(one.verdict != GOOD for one in lines(asked["out"]))


def test_but_not_for_ever(asked: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: np.ndarray) -> np.ndarray:
        raise NoCutout("not today")

    monkeypatch.setattr(infgen.batch.bank.easel, "cut_out", never)
    manifest = infgen.bank(**asked, attempts=2)
    assert manifest.pictures == 0
    assert [sum(one.dropped.values()) for one in manifest.classes] == [6, 6]
    assert any("ball: 0 of 3 cutouts after 6 tries" in note for note in manifest.notes)
    with (asked["out"] / "classes.csv").open(newline="") as file:
        assert {row[-1] for row in csv.reader(file)} == {"cutouts", ""}


def test_the_same_command_again_does_nothing(asked: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    infgen.bank(**asked)
    before = snapshot(asked["out"])
    monkeypatch.setattr(infgen.batch.bank.making, "load_painter", None)
    infgen.bank(**asked)
    infgen.bank(**asked | {"per_class": 2})  # it never shrinks
    assert snapshot(asked["out"]) == before


def test_more_are_added_as_if_they_had_been_asked_for_at_once(asked: dict) -> None:
    infgen.bank(**asked | {"per_class": 2})
    first = {name: data for name, data in snapshot(asked["out"]).items() if "/" in name}
    infgen.bank(**asked | {"per_class": 5})
    grown = snapshot(asked["out"])
    assert all(grown[name] == data for name, data in first.items())
    at_once = asked["out"].with_name("at once")
    infgen.bank(**asked | {"per_class": 5, "out": at_once})
    assert_alike(asked["out"], at_once)


def test_what_is_taken_out_by_hand_is_replaced_by_another(asked: dict) -> None:
    infgen.bank(**asked)
    first, *others = good(asked["out"])
    (asked["out"] / f"ball/{first:06d}.png").unlink()
    (asked["out"] / f"ball/{others[0]:06d}.png").write_bytes(b"")  # a machine that lost power
    manifest = infgen.bank(**asked)
    assert len(good(asked["out"])) == 3 and first not in good(asked["out"])
    assert set(others) < set(good(asked["out"]))
    assert manifest.classes[0].dropped[TAKEN_OUT] == 1
    again = snapshot(asked["out"])
    infgen.bank(**asked)
    assert snapshot(asked["out"]) == again


def assert_alike(one: Path, other: Path) -> None:
    """The same tries, records and files, but for what the settings asked for."""
    first, second = (snapshot(at, "run.toml", "manifest.json") for at in (one, other))
    assert not differing(first, second)


# ---- deaths, errors, refusals --------------------------------------------------------------------

KILLED = """
import os, signal
import infgen, infgen.batch.bank
from infgen.batch.ledger import Ledger
from infgen.models.loader import load
from infgen.models.painter import Painter
from infgen.models.settings import ModelSettings
from tests.batch.test_bank import draws
Painter.inpaint = draws
load(ModelSettings(model={asked[model]!r}))  # what takes long to import, both forks have
add = Ledger.add
for after in (3, 2):
    left = [after]
    def dying(self, one):
        left[0] -= 1
        if not left[0]:
            self._file.write(b'{{"name":"ball","num')
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        add(self, one)
    Ledger.add = dying
    if not (process := os.fork()):
        infgen.bank(**{asked!r})
        os._exit(0)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    assert not os.path.exists({asked[out]!r} + "/manifest.json")
"""


def test_killed_and_run_again_it_is_the_same_bank(asked: dict) -> None:
    whole = asked["out"].with_name("whole")
    infgen.bank(**asked | {"out": whole})
    as_text = {name: str(value) for name, value in asked.items()}
    died = subprocess.run(
        [sys.executable, "-c", KILLED.format(asked=as_text)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # a fork has no threads
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * DEADLINE,
    )
    assert died.returncode == 0, died.stderr
    assert list(asked["out"].rglob("*.png"))
    infgen.bank(**asked)
    assert_alike(asked["out"], whole)
    assert not list(asked["out"].rglob(f"*{PART}"))


def test_a_try_with_an_error_is_told_and_made_again(
    asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def breaks_once(picture: np.ndarray, *more: np.ndarray) -> np.ndarray:
        seen.append(1)
        if len(seen) == 2:
            raise ZeroDivisionError("a bug")
        return cut_out(picture, *more)

    monkeypatch.setattr(infgen.batch.bank.easel, "cut_out", breaks_once)
    manifest = infgen.bank(**asked)
    [failure] = manifest.failures
    assert "ZeroDivisionError: a bug" in failure.reason and manifest.pictures == 6
    assert "Traceback" in (asked["out"] / "run.log").read_text()
    more = infgen.bank(**asked | {"per_class": 4})
    assert not more.failures and more.pictures == 8


def test_a_full_disk_ends_it_and_running_again_goes_on(
    asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = infgen.batch.bank.easel.write_file

    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".png":
            raise StorageError(f"can't write {path}: no space left")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(infgen.batch.bank.easel, "write_file", full)
        with pytest.raises(StorageError, match="no space"):
            infgen.bank(**asked)
    assert not (asked["out"] / "manifest.json").exists()
    assert infgen.bank(**asked).pictures == 6


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "--seed was 0 and is now 1"),
        ({"steps": 3}, "the steps of the inpaint model was 2 and is now 3"),
        ({"width": 1000}, "the canvas was 768 x 768"),
    ],
)
def test_another_bank_in_the_folder_is_refused(asked: dict, change: dict, told: str) -> None:
    infgen.bank(**asked | {"per_class": 1})
    before = snapshot(asked["out"])
    with pytest.raises(FolderError, match=told):
        infgen.bank(**asked | change)
    assert snapshot(asked["out"]) == before


def test_another_prompt_is_another_bank_and_how_often_it_appears_is_not(asked: dict) -> None:
    infgen.bank(**asked | {"per_class": 1})
    asked["classes"].write_text(THINGS.replace("ball;1;2", "ball;0;5"))
    table = asked["out"] / "classes.csv"
    table.write_text(edited := table.read_text().replace("mine", "edited by hand"))
    infgen.bank(**asked | {"per_class": 1})
    assert "a red ball,0,5" in table.read_text()
    assert table.with_name("classes.before.csv").read_text() == edited
    asked["classes"].write_text(THINGS.replace("a red ball", "a green ball"))
    with pytest.raises(FolderError, match="the class 'ball' has changed"):
        infgen.bank(**asked | {"per_class": 1})


def test_a_folder_of_other_files_is_not_touched(asked: dict, tables: Tables) -> None:
    asked["out"].mkdir()
    (asked["out"] / "thesis.txt").write_text("all of it")
    with pytest.raises(FolderError, match="files that infgen didn't make"):
        infgen.bank(**asked)
    assert [path.name for path in asked["out"].iterdir()] == ["thesis.txt"]
    dataset = asked["out"].with_name("dataset")
    infgen.run(**tables.settings(out=dataset, images=2))
    before = snapshot(dataset)
    with pytest.raises(FolderError, match="made otherwise"):
        infgen.bank(**asked | {"out": dataset})
    assert snapshot(dataset) == before


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (None, "--classes is missing"),
        (THINGS.replace("a red ball", ""), "classes.csv:2: prompt: is empty: say what is to be"),
        (THINGS.replace("1;2", "0;0").replace(" 0; 1", "0;0"), "every max_appear is 0"),
        (THINGS.replace("30%", "many", 1), "classes.csv:2: width_min"),
    ],
)
def test_what_is_wrong_with_the_table_is_told_first(
    asked: dict, table: str | None, told: str
) -> None:
    if table is None:
        del asked["classes"]
    else:
        asked["classes"].write_text(table)
    with pytest.raises(InputError, match=told):
        infgen.bank(**asked)
    assert not asked["out"].exists()


def test_a_model_that_is_not_there_is_one_sentence(asked: dict) -> None:
    with pytest.raises(InputError, match="--model"):
        infgen.bank(**asked | {"model": "./nowhere"})
    assert not asked["out"].exists()


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_counts_and_says_how_to_go_on(
    asked: dict, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked["out"] = asked["out"].with_name("my bank")
    command = ["bank"]
    for name, value in asked.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert "6 cutouts in" in out
    assert f"run --method paste --classes '{asked['out'] / 'classes.csv'}' --backgrounds" in out
    assert "small: " in err  # the model and its licence
    first = snapshot(asked["out"])
    assert main(["bank", "--config", str(asked["out"] / "run.toml"), "--out",
                 str(asked["out"])]) == 0  # fmt: skip
    assert snapshot(asked["out"]) == first

    def never(*_: np.ndarray) -> np.ndarray:
        raise NoCutout("not today")

    monkeypatch.setattr(infgen.batch.bank.easel, "cut_out", never)
    nothing = [*command, "--out", str(asked["out"].with_name("none")), "--attempts", "1"]
    assert main(nothing) == 3
    assert "0 of 3 cutouts after 3 tries" in capfd.readouterr().err
    assert json.loads((asked["out"] / "manifest.json").read_text())["pictures"] == 6


def test_every_setting_explains_itself() -> None:
    for option in options(BankSettings):
        assert option.help and (option.group == "model" or hasattr(BankSettings(), option.name))


@pytest.mark.parametrize("low_high", [(0.5, 0.5), (2.0, 2.0), (0.1, 8.0)])
def test_boxes_have_the_class_s_proportions_and_lie_in_the_middle(
    low_high: tuple[float, float],
) -> None:
    spec = ClassSpec(2, "a", "a", (0, 1), AspectSize(low_high))
    easel = infgen.batch.bank.Easel([spec], BankSettings(), 512, "a model")
    for number in range(20):
        box = easel.plan(spec, number).objects[0].box
        assert low_high[0] - 1e-6 <= box.width / box.height <= low_high[1] + 1e-6
        assert box.center == pytest.approx((256, 256))
        assert 0.6 * 512 <= max(box.width, box.height) <= 0.7 * 512


def test_folders_of_classes_are_fit_for_any_disk_and_never_shared() -> None:
    names = ["a b", "A_b", "ä/ö", "../x", "?", "a b_2", "~"]
    specs = [ClassSpec(n, name, name, (0, 1), AspectSize((1, 1))) for n, name in enumerate(names)]
    folders = infgen.batch.bank.easel.folders_of(specs)
    assert len({folder.casefold() for folder in folders.values()}) == len(names)
    assert all(os.sep not in folder and folder[0] not in ".~" for folder in folders.values())
