"""`infgen cutouts` from the user's pictures to a run that pastes them: what is taken, how it is cut
out, what is left out and said, and what a second try does."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

import infgen
from infgen.batch.settings import CutoutsSettings, options
from infgen.batch.store import Store
from infgen.records.errors import FolderError, InputError
from infgen.records.taken import Taken
from infgen.sources.tables import CLASS_COLUMNS, read_classes
from infgen.ui.cli import main
from tests.making import Tables, differing, draw_cutout, infgen_here, save, snapshot


def crop(colour: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """A ball on white, (80, 90, 3) uint8 BGR."""
    picture = np.full((80, 90, 3), 250, np.uint8)
    cv2.circle(picture, (45, 40), 25 + seed, colour, -1, cv2.LINE_AA)
    return picture


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three classes: of cutouts, of balls on white, of pictures that are all object."""
    folder = tmp_path / "album"
    for number in range(3):
        save(folder / f"ring/{number}.png", draw_cutout(0, number))
        save(folder / f"red ball/{number}.png", crop((30, 30, 200), number))
        noise = np.random.default_rng(number).integers(0, 255, (60, 90, 3), np.uint8)
        save(folder / f"note/{number}.png", noise)
    return folder


def lines(folder: Path) -> list[Taken]:
    text = (folder / "cutouts.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Taken) for line in text[:-1]]  # then the tables' hashes


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "classes.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


# ---- folders of classes --------------------------------------------------------------------------


def test_a_folder_for_each_class_becomes_cutouts_and_a_table(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = infgen.cutouts(album, out=out, workers=1)
    assert manifest.pictures == 9 and not manifest.failures
    ways = {one.name: one.ways for one in manifest.classes}
    assert ways == {
        "note": {"whole rectangle": 3},
        "red ball": {"even backdrop": 3},
        "ring": {"transparency": 3},
    }
    assert {path.parent.name for path in out.glob("*/*.png")} == {"note", "red ball", "ring"}
    table = rows(out)
    assert [*table] == ["note", "red ball", "ring"]
    assert [*table["ring"]] == [column.name for column in CLASS_COLUMNS]
    assert {table[name]["cutouts"] for name in table} == {"note", "red ball", "ring"}
    specs, warnings = read_classes(out / "classes.csv", (640, 480))
    assert not warnings and [len(spec.cutouts) for spec in specs] == [3, 3, 3]
    assert all(spec.appear_range == (0, 2) for spec in specs)


def test_cutouts_hold_the_object_and_nothing_else(album: Path, tmp_path: Path) -> None:
    infgen.cutouts(album, out=tmp_path / "out", workers=1)
    for line in lines(tmp_path / "out"):
        [piece] = line.pieces
        pixels = cv2.imread(str(tmp_path / "out" / piece.file), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (*piece.size[::-1], 4)
        given = cv2.imread(str(album / line.picture), cv2.IMREAD_UNCHANGED)
        if piece.how == "transparency":
            there = np.argwhere(given[..., 3] > 8)
            (top, left), (bottom, right) = there.min(0), there.max(0) + 1
            assert (pixels == given[top:bottom, left:right]).all()
        elif piece.how == "whole rectangle":
            assert (pixels[..., :3] == given).all() and (pixels[..., 3] == 255).all()
        else:
            assert abs(pixels.shape[0] - pixels.shape[1]) <= 1 and pixels.shape[0] in range(50, 60)
            assert np.abs(pixels[25, 25].astype(int) - (30, 30, 200, 255)).max() <= 2


def test_a_run_pastes_them(album: Path, tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(album, out=out, workers=1)
    run = tables.settings(classes=out / "classes.csv", out=tmp_path / "d", method="paste")
    assert infgen.run(**run).pictures == 12
    used = {one.cutout for entry in Store(tmp_path / "d").entries() for one in entry.objects}
    assert used and used <= {piece.file for line in lines(out) for piece in line.pieces}


def test_one_folder_of_pictures_is_one_class(album: Path, tmp_path: Path) -> None:
    manifest = infgen.cutouts(album / "ring", out=tmp_path / "out", workers=1)
    assert [(one.name, one.objects) for one in manifest.classes] == [("ring", 3)]


def test_paths_may_be_relative(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infgen.cutouts(album, out=tmp_path / "one", workers=1)
    monkeypatch.chdir(tmp_path)
    assert main(["cutouts", "--from", "album", "-o", "two", "--workers", "1"]) == 0
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "two"))


def test_what_cannot_be_cut_out_is_named_and_the_rest_goes_on(
    album: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (album / "ring/broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    code = main(["cutouts", "--from", str(album), "-o", str(out), "--matte", "white"])
    seen = capfd.readouterr()
    assert code == 3
    assert "note/0.png failed: its border isn't of one even colour" in seen.err
    assert "ring/broken.png failed: " in seen.err and "there is no cutout of note" in seen.err
    table = [line.split() for line in seen.out.splitlines()]
    assert ["note", "0", "-", "-"] in table and ["ring", "3", "3", "transparency", "-"] in table
    assert "4 failed" in seen.out
    made = json.loads((out / "manifest.json").read_text())
    assert len(made["failures"]) == 4 and made["pictures"] == 6
    assert rows(out)["note"]["max_appear"] == "0" and rows(out)["note"]["cutouts"] == ""
    assert main(["cutouts", "--from", str(album), "-o", str(out), "--matte", "white",
                 "--max-failures", "4"]) == 0  # fmt: skip


def test_workers_make_the_same(album: Path, tmp_path: Path) -> None:
    infgen.cutouts(album, out=tmp_path / "one", workers=1)
    done = infgen_here("cutouts", "--from", album, "--out", tmp_path / "two", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "two"))


# ---- a second time -------------------------------------------------------------------------------


def test_again_makes_only_what_is_new_or_has_changed(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(album, out=out, workers=1)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*.png")}
    again = snapshot(out)
    infgen.cutouts(album, out=out, workers=1)
    assert not differing(again, snapshot(out))
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("*/*.png")}
    save(album / "red ball/new.png", crop((200, 30, 30)))
    save(album / "red ball/1.png", crop((30, 200, 30)))
    save(album / "cube/0.png", draw_cutout(1, 0))
    manifest = infgen.cutouts(album, out=out, workers=1)
    assert manifest.pictures == 11
    changed = {
        path.relative_to(out).as_posix()
        for path in out.glob("*/*.png")
        if before.get(path) != path.stat().st_mtime_ns
    }
    assert changed == {"red ball/new.png", "red ball/1.png", "cube/0.png"}
    assert [*rows(out)] == ["cube", "note", "red ball", "ring"]


def test_a_killed_try_goes_on(album: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    infgen.cutouts(album, out=whole, workers=1)
    infgen.cutouts(album, out=out, workers=1)
    register = out / "cutouts.jsonl"
    register.write_bytes(register.read_bytes()[:-30])  # in the middle of a line
    for name in ("manifest.json", "classes.csv", "preview.png"):
        (out / name).unlink()
    infgen.cutouts(album, out=out, workers=1)
    assert not differing(snapshot(whole), snapshot(out))


def test_a_try_that_was_killed_on_the_way_knows_its_own_tables(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(album, out=out, workers=1)
    (out / "manifest.json").unlink()  # it goes first when there is something to make
    save(album / "cube/0.png", draw_cutout(1, 0))
    manifest = infgen.cutouts(album, out=out, workers=1)
    assert "cube" in rows(out) and not manifest.notes


def test_cutouts_that_were_taken_out_stay_out(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(album, out=out, workers=1)
    (out / "ring/1.png").unlink()
    assert infgen.cutouts(album, out=out, workers=1).pictures == 8
    assert not (out / "ring/1.png").exists()


def test_a_table_that_somebody_changed_is_kept(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(album, out=out, workers=1)
    table = out / "classes.csv"
    mine = table.read_text().replace("15%", "30%")
    table.write_text(mine)
    save(album / "cube/0.png", draw_cutout(1, 0))
    for _ in range(2):
        manifest = infgen.cutouts(album, out=out, workers=1)
        assert table.read_text() == mine
        assert any("was changed and is kept" in note for note in manifest.notes)
    table.unlink()
    infgen.cutouts(album, out=out, workers=1)
    assert "cube" in rows(out)


def test_a_file_of_the_users_is_never_overwritten(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(album, out=out, workers=1)
    (out / "ring/own.png").write_bytes(b"mine")
    save(album / "ring/own.png", draw_cutout(0, 7))
    manifest = infgen.cutouts(album, out=out, workers=1)
    [failure] = manifest.failures
    assert "ring/own.png is there, and infgen didn't make it" in failure.reason
    assert (out / "ring/own.png").read_bytes() == b"mine"


@pytest.mark.parametrize("change", [{"source": "other"}, {"matte": "none"}])
def test_another_source_or_way_is_refused(album: Path, tmp_path: Path, change: dict) -> None:
    out = tmp_path / "out"
    save(tmp_path / "other/thing/0.png", draw_cutout(0, 0))
    infgen.cutouts(album, out=out, workers=1)
    before = snapshot(out)
    if "source" in change:
        change = {"source": tmp_path / "other"}
    with pytest.raises(FolderError, match="choose another --out"):
        infgen.cutouts(**{"source": album, "out": out, "workers": 1} | change)
    assert not differing(before, snapshot(out))


def test_a_folder_of_somebody_else_s_is_refused(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(FolderError, match="infgen didn't make"):
        infgen.cutouts(album, out=tmp_path / "out")


def test_they_are_no_dataset(album: Path, tmp_path: Path) -> None:
    infgen.cutouts(album, out=tmp_path / "out", workers=1)
    with pytest.raises(InputError, match="no dataset"):
        infgen.preview(tmp_path / "out")


# ---- bad input -----------------------------------------------------------------------------------


def test_what_is_no_source_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, text in (
        ([], "--from is missing"),
        (["--from", str(tmp_path / "nowhere")], "is not there: check the path"),
        (["--from", str(tmp_path / "empty")], "neither a dataset nor pictures"),
        (["--from", str(tmp_path / "empty"), "--matte", "blue"], "--matte: 'blue' won't do"),
    ):
        assert main(["cutouts", *arguments, "-o", str(tmp_path / "out")]) == 2
        assert text in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_folders_of_one_class_are_told(album: Path, tmp_path: Path) -> None:
    save(album / "Ring/0.png", draw_cutout(0, 0))
    with pytest.raises(InputError, match="rename one of them"):
        infgen.cutouts(album, out=tmp_path / "out")


def test_what_is_passed_over_is_told(album: Path, tmp_path: Path) -> None:
    save(album / "loose.png", draw_cutout(0, 0))
    (album / "nothing").mkdir()
    manifest = infgen.cutouts(album, out=tmp_path / "out", workers=1)
    assert len([note for note in manifest.notes if note.startswith("passed over")]) == 2


@pytest.mark.parametrize("option", list(options(CutoutsSettings)), ids=lambda option: option.flag)
def test_the_help_page_has_every_option(option, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cutouts", "--help"])
    page = " ".join(capfd.readouterr().out.split())
    assert all(flag in page for flag in option.flags) and option.help in page


def test_settings_come_from_a_file_too(album: Path, tmp_path: Path) -> None:
    infgen.cutouts(album, out=tmp_path / "one", workers=1, matte="none")
    infgen.cutouts(config=tmp_path / "one/run.toml", out=tmp_path / "two", workers=1)
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "two"))
