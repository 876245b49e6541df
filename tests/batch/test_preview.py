"""Previews of small datasets and plans that are really made: plain scenes, two cutouts."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from infgen.batch import preview, runner
from infgen.batch.preview import MOST_TILES, TILES, preview_dataset, preview_plan, sheet_of
from infgen.batch.settings import RunSettings, make_settings
from infgen.batch.store import Store, open_finished
from infgen.ops.planning import Planner, PlanSettings
from infgen.ops.rle import decode_rle
from infgen.records.errors import InputError
from infgen.records.manifest import Failure
from infgen.records.specs import AspectSize, BackgroundSpec, ClassSpec, Request
from infgen.report.sheet import WIDTH, checkers
from infgen.stages.backgrounds import draw_plain

pytestmark = pytest.mark.usefixtures("whole_sheets")
PICTURES = 7


def write_inputs(folder: Path) -> RunSettings:
    """Two tables: a photograph and plain scenes; a disc and a bar."""
    disc, bar = np.zeros((40, 40, 4), np.uint8), np.full((10, 60, 4), 255, np.uint8)
    cv2.circle(disc, (20, 20), 18, (40, 80, 200, 255), -1)
    photo = np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    for name, pixels in (("disc.png", disc), ("bar.png", bar), ("photo.png", photo)):
        cv2.imwrite(str(folder / name), pixels)
    (folder / "background.csv").write_text("prompt,num_imgs,images\na,1,photo.png\nb,3,plain\n")
    (folder / "classes.csv").write_text(
        "prompt,min_appear,max_appear,aspect_ratio_min,aspect_ratio_max,name,cutouts\n"
        "a disc,1,2,1,1,disc,disc.png\na bar,1,1,5,6,bär,bar.png\n",
        encoding="utf-8",
    )
    return make_settings({
        "backgrounds": folder / "background.csv", "classes": folder / "classes.csv",
        "out": folder / "dataset", "images": PICTURES, "method": "paste", "workers": 1,
        "width": 128, "height": 96, "image_format": "png", "report": False,
    })  # fmt: skip


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preview")
    settings = write_inputs(folder)
    runner.run(settings)
    return settings.out


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dataset"))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What is handed to draw_sheet, call by call."""
    calls: list[SimpleNamespace] = []

    def record(tiles: Any, classes: Any, title: str, subtitle: str = "") -> np.ndarray:
        calls.append(SimpleNamespace(tiles=tiles, classes=classes, text=f"{title} {subtitle}"))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(preview, "draw_sheet", record)
    return calls


def indices(call: SimpleNamespace) -> list[int]:
    return [int(tile.caption.split()[0]) for tile in call.tiles]


def rewrite(dataset: Path, index: int, line: bytes) -> None:
    """Put another line (or a broken one) in a record's place."""
    file = dataset / "samples-00000.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[index] = line
    file.write_bytes(b"".join(lines))


# ---- of a dataset --------------------------------------------------------------------------------


def test_dataset_sheet_is_a_png_in_its_folder(dataset: Path) -> None:
    (dataset / "preview.png").unlink(missing_ok=True)
    path = preview_dataset(dataset)
    assert path == dataset / "preview.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert cv2.imread(str(path)).shape[1] == WIDTH


def test_sheet_shows_the_pictures_in_their_colours(dataset: Path) -> None:
    """Red is red: a picture of one colour is found again on the PNG."""
    store, _ = open_finished(dataset)
    colour = (10, 20, 201)  # BGR, as OpenCV reads and writes
    for entry in store.entries():
        cv2.imwrite(str(dataset / entry.file), np.full((96, 128, 3), colour, np.uint8))
    sheet = cv2.imread(str(preview_dataset(dataset)))
    assert np.count_nonzero((sheet == colour).all(axis=2)) > 0.1 * sheet.shape[0] * WIDTH


def test_tiles_hold_pictures_boxes_masks_and_captions(
    dataset: Path, drawn: list[SimpleNamespace]
) -> None:
    preview_dataset(dataset)
    [call] = drawn
    entries = list(Store(dataset).entries())
    assert len(call.tiles) == len(entries) == PICTURES and list(call.classes) == ["disc", "bär"]
    objects = 0
    for tile, entry in zip(call.tiles, entries, strict=True):
        pixels = cv2.imread(str(dataset / entry.file))[..., ::-1]
        assert tile.size == entry.size and np.array_equal(tile.picture, pixels)
        assert len(tile.marks) == len(entry.objects)
        for mark, instance in zip(tile.marks, entry.objects, strict=True):
            x0, y0, x1, y1 = map(int, instance.box.xyxy)
            whole = decode_rle(instance.rle, entry.size)
            assert (mark.class_id, mark.box) == (instance.class_id, instance.box)
            assert np.array_equal(mark.mask, whole[y0:y1, x0:x1])
            assert mark.mask.sum() == instance.area
        number = len(entry.objects)
        objects += number
        wanted = f"{entry.index} · {entry.split} · {number} object{'s' * (number != 1)}"
        assert tile.caption == wanted
    assert f"{PICTURES} pictures" in call.text and "2 classes" in call.text
    assert f"{objects} objects" in call.text and objects >= 2 * PICTURES - 2


@pytest.mark.parametrize(
    "count, shown", [(1, [0]), (3, [0, 2, 4]), (7, list(range(7))), (500, list(range(7)))]
)
def test_chosen_pictures_are_spread_evenly(
    dataset: Path, drawn: list[SimpleNamespace], count: int, shown: list[int]
) -> None:
    preview_dataset(dataset, count=count)
    assert indices(drawn[0]) == shown
    assert (f"{count} of 7" in drawn[0].text) == (count < 7)


def test_failed_pictures_are_left_out_and_counted(
    dataset: Path, drawn: list[SimpleNamespace]
) -> None:
    store, manifest = open_finished(dataset)
    entries = list(store.entries())
    failed = msgspec.structs.replace(entries[2], failure="no", file="", bytes=0, objects=())
    rewrite(dataset, 2, msgspec.json.encode(failed) + b"\n")
    manifest = msgspec.structs.replace(
        manifest, pictures=PICTURES - 1, failures=(Failure(2, "no"),)
    )
    sheet_of(store, manifest)
    sheet_of(store, manifest, count=3)
    assert [indices(call) for call in drawn] == [[0, 1, 3, 4, 5, 6], [0, 3, 5]]
    assert "6 pictures" in drawn[0].text and "1 failed" in drawn[0].text


def test_records_that_are_not_shown_are_not_decoded(
    dataset: Path, drawn: list[SimpleNamespace]
) -> None:
    """A million of them pass by line by line."""
    for index in (1, 3, 5, 6):
        rewrite(dataset, index, b'{"failure":"" and then rubbish\n')
    preview_dataset(dataset, count=3)
    assert indices(drawn[0]) == [0, 2, 4]


@pytest.mark.parametrize("harm", ["gone", "empty", "rubbish"])
def test_pictures_that_cannot_be_read_become_a_note(
    dataset: Path, drawn: list[SimpleNamespace], harm: str
) -> None:
    file = dataset / next(Store(dataset).entries()).file
    file.unlink() if harm == "gone" else file.write_bytes(b"" if harm == "empty" else b"x" * 99)
    preview_dataset(dataset)
    first, *others = drawn[0].tiles
    assert first.picture is None and first.marks == () and file.name in first.note
    assert first.caption.startswith("0 ")
    assert all(tile.picture is not None and not tile.note for tile in others)


def test_sheet_with_a_missing_picture_can_be_drawn(dataset: Path) -> None:
    for entry in list(Store(dataset).entries())[:2]:
        (dataset / entry.file).unlink()
    assert preview_dataset(dataset).exists()


def test_unfinished_dataset_has_the_same_sheet_as_the_finished_one(dataset: Path) -> None:
    store, manifest = open_finished(dataset)
    finished = sheet_of(store, manifest)
    store.reopen()
    assert np.array_equal(sheet_of(store, manifest), finished)
    with pytest.raises(InputError, match="hasn't finished"):
        preview_dataset(dataset)


def test_same_dataset_elsewhere_has_the_same_bytes(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Path(shutil.copytree(dataset, tmp_path / "a" / "copy"))
    first = preview_dataset(dataset).read_bytes()
    assert preview_dataset(dataset).read_bytes() == first
    monkeypatch.chdir(elsewhere)
    assert preview_dataset(Path(), tmp_path / "other.png").read_bytes() == first


def test_dataset_without_a_picture_has_a_sheet(dataset: Path) -> None:
    store, manifest = open_finished(dataset)
    (dataset / "samples-00000.jsonl").write_bytes(b"")
    manifest = msgspec.structs.replace(manifest, pictures=0, splits={"train": 0})
    assert sheet_of(store, manifest).shape[1] == WIDTH


def test_no_dataset_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no infgen dataset here"):
        preview_dataset(tmp_path)
    assert not list(tmp_path.iterdir())


# ---- of a plan -----------------------------------------------------------------------------------


def test_plan_is_drawn_over_the_backgrounds_it_will_have(
    tmp_path: Path, drawn: list[SimpleNamespace]
) -> None:
    planner = runner.plan(write_inputs(tmp_path))
    preview_plan(planner, tmp_path / "plan.png")
    [call] = drawn
    plans = [planner.plan(index) for index in range(PICTURES)]
    assert "lanned boxes" in call.text and f"{PICTURES} pictures" in call.text
    assert {bool(plan.background.plain) for plan in plans} == {True, False}
    for tile, plan in zip(call.tiles, plans, strict=True):
        assert [(m.class_id, m.box, m.mask) for m in tile.marks] == [
            (planned.class_id, planned.box, None) for planned in plan.objects
        ]
        if plan.background.plain:
            assert np.array_equal(tile.picture, draw_plain(plan.background, plan.size))
        assert tile.picture.shape == (96, 128, 3)
        assert not np.array_equal(tile.picture, checkers(plan.size))


def test_plan_goes_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = runner.plan(write_inputs(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = preview_plan(planner, count=2)
    assert path == Path("infgen-preview.png")
    first = path.read_bytes()
    preview_plan(planner, count=2)
    assert path.read_bytes() == first and len(list(Path().iterdir())) == 1


def test_scenes_to_be_generated_are_checkered_and_named(
    tmp_path: Path, drawn: list[SimpleNamespace]
) -> None:
    request = Request(
        (BackgroundSpec(line=2, prompt="a forest at night", num_imgs=3),),
        (ClassSpec(line=2, name="owl", prompt="an owl", appear_range=(1, 1),
                   size=AspectSize((1.0, 1.0))),),
    )  # fmt: skip
    planner = Planner(request, PlanSettings(), ("inpaint",), (64, 48))
    preview_plan(planner, tmp_path / "plan.png")
    for tile in drawn[0].tiles:
        assert np.array_equal(tile.picture, checkers((64, 48)))
        assert len(tile.marks) == 1 and "a forest at night" in tile.caption


def test_background_that_vanished_since_becomes_a_note(
    tmp_path: Path, drawn: list[SimpleNamespace]
) -> None:
    planner = runner.plan(write_inputs(tmp_path))
    (tmp_path / "photo.png").unlink()
    preview_plan(planner, tmp_path / "plan.png")
    without = [tile for tile in drawn[0].tiles if tile.picture is None]
    assert 0 < len(without) < PICTURES and all("photo.png" in tile.note for tile in without)


# ---- bad requests --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, -1, MOST_TILES + 1])
def test_bad_counts_are_one_sentence(dataset: Path, tmp_path: Path, count: int) -> None:
    file = tmp_path / "sheet.png"
    planner = runner.plan(write_inputs(tmp_path))
    for draw in (lambda: preview_dataset(dataset, file, count),
                 lambda: preview_plan(planner, file, count)):  # fmt: skip
        with pytest.raises(InputError, match="--count") as caught:
            draw()
        assert len(caught.value.problems) == 1 and str(count) in str(caught.value)
    assert not file.exists()


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "."])
def test_other_endings_are_refused(dataset: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="--file"):
        preview_dataset(dataset, tmp_path / name)


def test_default_is_two_dozen(tmp_path: Path, drawn: list[SimpleNamespace]) -> None:
    settings = write_inputs(tmp_path)
    more = msgspec.structs.replace(settings.plan, images=60)
    preview_plan(runner.plan(msgspec.structs.replace(settings, plan=more)), tmp_path / "a.png")
    assert len(drawn[0].tiles) == TILES == 24
