"""Datasets that grow: what is there stays as it is, and what comes goes on where it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

import infgen
from infgen.batch.owed import owe
from infgen.batch.store import Store, records
from infgen.formats.settings import ExportSettings
from infgen.records.errors import FolderError, InputError
from infgen.records.manifest import Manifest
from infgen.records.sample import Entry
from infgen.sources.disk import PART
from tests.labelled import write_coco
from tests.making import (
    CLASSES_HEADER,
    ROOT,
    Tables,
    copy_made,
    differing,
    draw_cutout,
    draw_scene,
    infgen_here,
    make_tables,
    options_of,
    processes_with,
    save,
    snapshot,
    start,
    wait_until,
)

WHOLE = {"annotations/instances_train.json", "annotations/instances_val.json", "data.yaml",
         "manifest.json", "preview.png", "classes.txt", "parts.json"}  # fmt: skip


def entries(folder: Path) -> list[Entry]:
    return list(Store(folder).entries())


def add_classes(tables: Tables, names: Iterable[str], first: int = 2, appear: str = "1,3") -> None:
    """Further rows in classes.csv, with cutouts of their own."""
    rows = []
    for class_id, name in enumerate(names, first):
        for number in range(6):
            path = tables.classes.parent / f"cutouts/{class_id}/{number}.png"
            save(path, draw_cutout(class_id, number))
        rows.append(f'a thing,{appear},,,15%,15%,40%,40%,"{name}",cutouts/{class_id}\n')
    with tables.classes.open("a") as file:
        file.writelines(rows)


def contents(tables: Tables) -> dict[str, bytes]:
    """The scenes' bytes by the name that records know them by."""
    folder = tables.backgrounds.parent
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("scenes/*")
    }


def splits_by_scene(out: Path, tables: Tables) -> dict[bytes, set[str]]:
    files = contents(tables)
    seen: dict[bytes, set[str]] = {}
    for entry in entries(out):
        seen.setdefault(files[entry.background.picture], set()).add(entry.split)
    return seen


class Seen:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def start(self, what: str, total: int, done: int = 0) -> None: ...
    def advance(self, failed: bool = False) -> None: ...
    def stop(self) -> None: ...


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_tables(folder / "input", scenes=30)
    infgen.run(**asked_of(folder)[1])
    return folder


def asked_of(folder: Path) -> tuple[Tables, dict[str, Any]]:
    tables = Tables(folder / "input/background.csv", folder / "input/classes.csv")
    more = {"out": folder / "dataset", "val_frac": 0.3, "format": "coco,yolo"}
    return tables, tables.settings(**more)


@pytest.fixture
def begun(made: Path, tmp_path: Path) -> tuple[Tables, dict[str, Any]]:
    """A dataset of 12 pictures, 30 scenes and two classes, and the settings that made it."""
    return asked_of(copy_made(made, tmp_path))


def append(settings: dict[str, Any], **more: Any) -> Manifest:
    return infgen.run(**settings | {"append": True} | more)


# ---- what stays, what comes ----------------------------------------------------------------------


def test_two_appends_leave_every_file_of_a_picture_and_every_record_as_it_was(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    settings |= {"format": "coco,yolo,masks,voc,hf"}
    out = settings["out"]
    infgen.run(**settings)
    whole = WHOLE | {name for name in snapshot(out) if "/ImageSets/" in name}
    whole |= {name for name in snapshot(out) if name.endswith(("metadata.jsonl", "labelmap.txt"))}
    whole |= {"hf/README.md"}
    for number, names in ((1, ["ring", "bar"]), (2, ["disc"])):
        before = snapshot(out)
        add_classes(tables, names, first=2 * number)
        manifest = append(settings, images=9)
        after = snapshot(out)
        assert set(differing(before, {name: after.get(name, b"") for name in before})) <= whole
        assert manifest.pictures == 12 + 9 * number
        new = entries(out)[-9:]
        assert [entry.index for entry in new] == list(range(3 + 9 * number, 12 + 9 * number))
        assert (out / "run.toml").read_bytes() == before["run.toml"]
    assert [one.name for one in manifest.classes] == ["coin", "note", "ring", "bar", "disc"]
    assert (out / "classes.txt").read_text() == "coin\nnote\nring\nbar\ndisc\n"
    assert [(part.first, part.pictures) for part in manifest.parts] == [(0, 12), (12, 9), (21, 9)]
    assert [part.painted for part in manifest.parts] == [
        ("coin", "note"), ("ring", "bar"), ("disc",)
    ]  # fmt: skip
    assert len({str(part.fingerprint) for part in manifest.parts}) == 3
    assert not [name for name in snapshot(out) if name.endswith((PART, ".lock", ".appending"))]


def test_only_new_classes_are_painted_when_only_they_are_new(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    add_classes(tables, ["ring", "bar"])
    text = tables.classes.read_text().replace(CLASSES_HEADER, f"{CLASSES_HEADER},mirror")
    tables.classes.write_text(text.replace("cutouts/2\n", "cutouts/2,no\n"))
    reporter = Seen()
    manifest = append(settings, images=10, reporter=reporter)
    assert {one.class_id for entry in entries(settings["out"])[12:] for one in entry.objects} == {
        2, 3
    }  # fmt: skip
    assert manifest.classes[0].objects == sum(
        one.class_id == 0 for entry in entries(settings["out"])[:12] for one in entry.objects
    )
    assert "paste: ring, bar" in reporter.said
    assert manifest.upright == ("ring",) == append(settings, images=1).upright


@pytest.mark.parametrize("change", ["nothing is new", "an old row is changed, too"])
def test_else_all_classes_of_the_table_are_painted(
    begun: tuple[Tables, dict[str, Any]], change: str
) -> None:
    tables, settings = begun
    names = {0, 1}
    if change != "nothing is new":
        tables.classes.write_text(tables.classes.read_text().replace("0,3", "1,3"))
        add_classes(tables, ["ring"])
        names = {0, 1, 2}
    append(settings, images=15)
    assert {o.class_id for entry in entries(settings["out"])[12:] for o in entry.objects} == names


def test_label_ids_stay_whatever_order_and_rows_the_table_has(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    """Old classes keep their ids, also those left out; new ones follow in the table's order."""
    tables, settings = begun
    add_classes(tables, ["ring", "bar"])
    _, coin, note, ring, bar = tables.classes.read_text().splitlines()
    for rows, ids in (
        ([bar, note, ring], {"bar": 2, "ring": 3}),
        ([ring, coin, bar], {"ring": 3, "coin": 0, "bar": 2}),
        ([note], {"note": 1}),
    ):
        tables.classes.write_text("\n".join([CLASSES_HEADER, *rows, ""]))
        before = len(entries(settings["out"]))
        manifest = append(settings, images=12)
        new = entries(settings["out"])[before:]
        painted = {one.class_id for entry in new for one in entry.objects}
        assert painted <= set(ids.values())
        cutouts = {"coin": "0", "note": "1", "ring": "2", "bar": "3"}
        for entry in new:
            for one in entry.objects:
                name = next(name for name, class_id in ids.items() if class_id == one.class_id)
                assert one.cutout.startswith(f"cutouts/{cutouts[name]}/")
    assert [one.name for one in manifest.classes] == ["coin", "note", "bar", "ring"]


orders = st.lists(
    st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), min_size=2, max_size=4
)


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(orders)
def test_an_id_once_given_stays_whatever_is_appended(tables_of_names: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = make_tables(Path(folder) / "input", scenes=2)
        tables.backgrounds.write_text("prompt,num_imgs,images\n,1,plain\n")
        wanted = tables.settings(out=Path(folder) / "dataset", images=1, width=32, height=32)
        ids: list[str] = []
        for number, names in enumerate(tables_of_names):
            rows = [f"a thing,1,1,,,25%,25%,40%,40%,{name},cutouts/0" for name in names]
            tables.classes.write_text("\n".join([CLASSES_HEADER, *rows, ""]))
            manifest = infgen.run(**wanted | {"append": number > 0})
            ids += [name for name in names if name not in ids]
            assert [one.name for one in manifest.classes] == ids
            shown = {ids[one.class_id] for one in entries(wanted["out"])[-1].objects}
            assert shown <= set(names)


def test_a_name_made_from_a_prompt_stays_when_another_prompt_is_like_it(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input", scenes=20)
    row = "{},1,1,,,15%,15%,40%,40%,,cutouts/{}"
    old, new = row.format("a grey elephant", 0), row.format("a pink elephant", 1)
    tables.classes.write_text(f"{CLASSES_HEADER}\n{old}\n")
    settings = tables.settings(out=tmp_path / "dataset", images=3)
    infgen.run(**settings)
    for rows in ([new, old], [new]):
        tables.classes.write_text("\n".join([CLASSES_HEADER, *rows, ""]))
        manifest = append(settings)
        assert [one.name for one in manifest.classes] == ["elephant", "pink elephant"]


def test_a_name_that_differs_in_case_alone_is_refused(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    tables.classes.write_text(tables.classes.read_text().replace('"note"', '"Note"'))
    before = snapshot(settings["out"])
    with pytest.raises(InputError, match=r"classes.csv:3: name: 'Note' is 'note' in the dataset"):
        append(settings)
    assert not differing(before, snapshot(settings["out"]))


def test_coco_ids_go_on_and_the_file_holds_old_and_new(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    path = settings["out"] / "annotations/instances_train.json"
    old = json.loads(path.read_text())
    add_classes(tables, ["ring"])
    append(settings, images=10)
    new = json.loads(path.read_text())
    for key in ("images", "annotations", "categories"):
        assert new[key][: len(old[key])] == old[key] and len(new[key]) > len(old[key])
    coco = COCO(str(path))
    assert coco.getCatIds() == [1, 2, 3] and len(set(coco.getAnnIds())) == len(new["annotations"])


def test_formats_that_were_there_are_brought_up_to_date(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    _, settings = begun
    out = settings["out"]
    infgen.export(out, "masks,voc")
    infgen.export(out, "yolo", yolo_labels="detect")
    manifest = append(settings, images=4, format="hf")
    assert manifest.formats == ("coco", "yolo", "voc", "masks", "hf")
    assert len(list((out / "masks").rglob("*.png"))) == 16
    assert len(list((out / "hf").rglob("0*.jpg"))) == 16
    whole = snapshot(out)
    labels = b"".join(data for name, data in whole.items() if name.startswith("labels/"))
    assert {len(row.split()) for row in labels.splitlines()} == {5}  # as exported, boxes only
    seen = Seen()
    for name in sorted(whole):  # a picture is lost, and what was made of it
        if name.startswith(("images/", "labels/", "masks/", "voc/", "hf/")) and "0005." in name:
            (out / name).unlink()
    mended = infgen.run(**settings | {"format": "coco"}, reporter=seen)
    assert (mended.formats, mended.written) == (manifest.formats, manifest.written)
    assert set(differing(snapshot(out), whole)) <= {"manifest.json", "parts.json"}
    [told] = [text for text in seen.said if text.startswith("written, too")]
    assert "yolo, voc, masks, hf, which the dataset has or was to have" in told


def test_what_reads_a_dataset_reads_one_that_has_grown(
    begun: tuple[Tables, dict[str, Any]], tmp_path: Path
) -> None:
    tables, settings = begun
    out = settings["out"]
    add_classes(tables, ["ring"])
    append(settings, images=10)
    infgen.export(out, "voc")
    assert len(list((out / "voc").rglob("*.xml"))) == 22
    assert infgen.preview(out, file=tmp_path / "sheet.png").stat().st_size > 1000
    found = infgen.audit(out, seams=False, out=tmp_path / "audit")
    assert sum(found.labels.pictures.values()) == 22
    assert cv2.imread(str(out / "preview.png")) is not None


# ---- backgrounds ---------------------------------------------------------------------------------


def test_no_background_comes_twice_before_all_have_come(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    _, settings = begun
    notes = append(settings, images=10).notes + append(settings, images=8).notes
    assert not [note for note in notes if "run out" in note]
    used = [entry.background.picture for entry in entries(settings["out"])]
    assert len(used) == 30 and len(set(used)) == 30
    reporter = Seen()
    manifest = append(settings, images=5, reporter=reporter)
    told = "the backgrounds have run out: 5 of 5 show a picture that others show, too"
    assert [note for note in manifest.notes if note.startswith(told)]
    assert [note for note in reporter.warned if note.startswith(told)]


def test_rows_of_single_files_and_copies_under_other_names_count_by_their_content(
    tmp_path: Path,
) -> None:
    tables = make_tables(tmp_path / "input", scenes=8)
    scenes = tables.backgrounds.parent / "scenes"
    rows = [f",,{path.relative_to(scenes.parent)}" for path in sorted(scenes.iterdir())]
    shutil.copytree(scenes, scenes.parent / "copies")
    tables.backgrounds.write_text("\n".join(["prompt,num_imgs,images", *rows, ""]))
    settings = tables.settings(out=tmp_path / "dataset", images=5)
    infgen.run(**settings)
    tables.backgrounds.write_text("prompt,num_imgs,images\n,4,copies\n,4,scenes\n")
    manifest = append(settings, images=4)
    used = [Path(entry.background.picture).name for entry in entries(settings["out"])]
    assert len(set(used)) == 8
    assert any("run out: 1 of 4" in note for note in manifest.notes)


def test_a_background_stays_in_its_split_and_new_ones_fill_val_up(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    for number in range(30, 45):
        save(tables.backgrounds.parent / f"scenes/scene_{number}.jpg", draw_scene(number))
    for images, seed in ((18, 0), (25, 7), (20, 8)):  # the last ones see scenes again
        append(settings, images=images, seed=seed)
    manifest = append(settings, images=12, val_frac=0)
    seen = splits_by_scene(settings["out"], tables)
    assert len(seen) == 45 and all(len(splits) == 1 for splits in seen.values())
    assert 0.2 < manifest.splits["val"] / manifest.pictures < 0.4


def test_cutouts_stay_in_their_split_where_there_are_enough(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input", scenes=40)
    for number in range(3, 6):
        for class_id in (0, 1):
            save(tmp_path / f"input/cutouts/{class_id}/{number}.png", draw_cutout(class_id, number))
    settings = tables.settings(out=tmp_path / "dataset", images=30, val_frac=0.3)
    infgen.run(**settings)
    for number in range(6, 12):
        save(tmp_path / f"input/cutouts/0/{number}.png", draw_cutout(0, number))
    append(settings, images=40, seed=5)
    seen: dict[str, set[str]] = {}
    for entry in entries(settings["out"]):
        for one in entry.objects:
            seen.setdefault(one.cutout, set()).add(entry.split)
    assert len(seen) == 18 and all(len(splits) == 1 for splits in seen.values())


def test_made_scenes_have_numbers_and_seeds_that_none_had_before(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    tables.backgrounds.write_text("prompt,num_imgs,images\n,9,plain:noise\n")
    settings = tables.settings(
        out=tmp_path / "dataset", images=9, keep_backgrounds=True, per_background=2
    )
    infgen.run(**settings)
    append(settings)
    append(settings)
    made = {entry.background.number: entry.background for entry in entries(settings["out"])}
    assert sorted(made) == list(range(15)) and len({one.seed for one in made.values()}) == 15
    kept = [path.read_bytes() for path in (settings["out"] / "backgrounds").iterdir()]
    assert len(kept) == len(set(kept)) == 15
    layouts = Counter(str(e.objects) for e in entries(settings["out"]) if e.objects)
    assert max(layouts.values()) == 1


# ---- what can't be done --------------------------------------------------------------------------


def test_without_append_more_is_refused_as_ever_and_the_remedy_is_named(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    _, settings = begun
    before = snapshot(settings["out"])
    with pytest.raises(FolderError, match=r"was 12 and is now 20: choose.*to add to it.*--append"):
        infgen.run(**settings | {"images": 20})
    append(settings, images=3)
    with pytest.raises(FolderError, match=r"is now 20: choose.*--append"):
        infgen.run(**settings | {"images": 20})
    assert set(before) <= set(snapshot(settings["out"]))


def test_there_must_be_a_finished_dataset_that_run_made(
    begun: tuple[Tables, dict[str, Any]], tmp_path: Path
) -> None:
    _, settings = begun
    with pytest.raises(InputError, match="no dataset here: make one without it"):
        append(settings, out=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (settings["out"] / "manifest.json").unlink()
    with pytest.raises(FolderError, match=r"hasn't finished: first run the command.*without"):
        append(settings)
    infgen.run(**settings)
    record = settings["out"] / "run.toml"
    record.write_text(record.read_text().replace('coin = "paste"', 'coin = "relabel"'))
    with pytest.raises(InputError, match="wasn't made by infgen run"):
        append(settings)
    (settings["out"] / "bank.jsonl").touch()
    with pytest.raises(InputError, match="a bank of cutouts"):
        append(settings)


def test_npy_needs_all_backgrounds_and_says_how_to_get_them(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    _, settings = begun
    with pytest.raises(InputError, match="made it again, with --keep-backgrounds"):
        append(settings, images=4, format="npy")
    append(settings, images=4)
    infgen.run(**settings | {"keep_backgrounds": True})  # both parts are made again
    manifest = append(settings, images=4, format="npy")
    assert "npy" in manifest.formats
    assert len(list((settings["out"] / "npy").glob("*_y.npy"))) == 20


def test_what_isnt_as_before_is_told(begun: tuple[Tables, dict[str, Any]]) -> None:
    _, settings = begun
    manifest = append(settings, images=3, width=64, height=64, yolo_labels="detect")
    text = " ".join(manifest.notes)
    assert "the new pictures are 64 x 64 pixels, those before 96 x 80" in text
    assert "--yolo-labels was segment and is now detect" in text


@pytest.mark.parametrize("there", [True, False])
def test_npy_refuses_new_pictures_that_leave_their_backgrounds(
    begun: tuple[Tables, dict[str, Any]], there: bool
) -> None:
    """Also where who was to write npy has been stopped."""
    _, settings = begun
    formats = "npy" if there else "coco"
    infgen.run(**settings | {"format": formats, "keep_backgrounds": True})
    if not there:
        owe(settings["out"], {"npy": ExportSettings()})
    before = snapshot(settings["out"])
    with pytest.raises(InputError, match="npy holds each picture beside its background"):
        append(settings, images=4, augment="strong")  # the dataset's own formats are written, too
    assert snapshot(settings["out"]) == before


def test_npy_refuses_old_pictures_that_left_their_backgrounds(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    settings = tables.settings(out=tmp_path / "out", augment="strong", keep_backgrounds=True)
    infgen.run(**settings)
    with pytest.raises(InputError, match="npy holds each picture beside its background"):
        append(settings, images=4, augment="none", format="npy")


def labelled_scenes(folder: Path) -> dict[str, Any]:
    """Settings that take pictures with boxes of cats, without masks, as backgrounds."""
    index = write_coco(folder, count=4)
    file = json.loads(index.read_text())
    for one in file["annotations"]:
        one["segmentation"] = []
    index.write_text(json.dumps(file))
    (folder / "background.csv").write_text("prompt,num_imgs,images\n,,images/train\n")
    return {"backgrounds": folder / "background.csv", "background_labels": folder, "images": 4}


def test_formats_of_masks_refuse_new_labels_and_old_ones_without(tmp_path: Path) -> None:
    boxes = labelled_scenes(tmp_path / "boxes")
    tables = make_tables(tmp_path / "input")
    settings = tables.settings(out=tmp_path / "out", images=4, format="masks")
    infgen.run(**settings)
    before = snapshot(settings["out"])
    with pytest.raises(InputError, match=r"masks holds masks, and .* are boxes without one"):
        append(settings | boxes)
    assert snapshot(settings["out"]) == before
    settings = tables.settings(out=tmp_path / "boxed", format="coco")
    infgen.run(**settings | boxes)
    with pytest.raises(InputError, match=r"masks holds masks, and .* are boxes without one"):
        append(settings, images=4, format="masks")


def test_labels_of_new_backgrounds_are_no_new_rows_of_the_table(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    settings = tables.settings(out=tmp_path / "out", images=4, format="coco")
    before = infgen.run(**settings)
    grown = append(settings | labelled_scenes(tmp_path / "boxes"))
    assert any("YOLO's rows are all boxes therefore" in note for note in grown.notes)
    assert "cat" not in [one.name for one in before.classes]
    assert grown.parts[-1].painted == tuple(one.name for one in before.classes)
    pasted = [one for entry in entries(settings["out"])[4:] for one in entry.objects if one.cutout]
    assert pasted


def test_bounds_of_the_new_pictures_alone_are_told(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    settings = tables.settings(out=tmp_path / "out", images=4, max_background_uses=2)
    first = infgen.run(**settings)
    grown = append(settings)
    told = "--max-background-uses 2 counts in the new pictures alone"
    assert told in grown.notes and told not in first.notes


def test_statistics_are_of_all_pictures_or_refused(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    settings = tables.settings(out=tmp_path / "out", image_format="png", degrade=0, val_frac=0)
    infgen.run(**settings | {"statistics": True})
    append(settings, images=4)
    counted = json.loads((settings["out"] / "statistics.json").read_text())
    assert counted["pictures"] == 16
    files = sorted((settings["out"] / "images/train").iterdir())
    pixels = np.concatenate([cv2.imread(str(path)).reshape(-1, 3) for path in files])
    mean = counted["folders"]["images/train"]["mean"]
    assert mean == pytest.approx(pixels[:, ::-1].mean(0) / 255, abs=1e-6)
    settings["out"] = tmp_path / "uncounted"
    infgen.run(**settings)
    with pytest.raises(InputError, match=r"--statistics: .* weren't counted when they were made"):
        append(settings, images=4, statistics=True)


def test_labels_begin_where_they_began(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    settings = tables.settings(out=tmp_path / "out", format="coco,yolo")
    infgen.run(**settings | {"first_label": 12})
    classes = (settings["out"] / "data.yaml").read_bytes()
    infgen.export(settings["out"], "yolo")
    assert (settings["out"] / "data.yaml").read_bytes() == classes
    grown = append(settings, images=4)
    assert (settings["out"] / "data.yaml").read_bytes() == classes
    append(settings, images=4, first_label=3)
    assert (settings["out"] / "data.yaml").read_bytes() != classes
    assert not [note for note in grown.notes if "first-label" in note]


# ---- stopped, damaged, again ---------------------------------------------------------------------


def test_what_failed_is_tried_again_by_the_same_command(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    files = contents(tables)
    append(settings, images=10)
    used = {entry.background.picture for entry in entries(settings["out"])}
    (last,) = [name for name in sorted(files) if name not in used][:1]
    path = tables.backgrounds.parent / last

    class Spoils(Seen):
        def start(self, what: str, total: int, done: int = 0) -> None:
            path.write_bytes(b"gone")

    manifest = append(settings, images=8, reporter=Spoils())
    assert len(manifest.failures) == 1 and manifest.failures[0].index >= 22
    path.write_bytes(files[last])
    manifest = append(settings, images=8)
    assert manifest.failures == () and manifest.pictures == 30
    assert append(settings, images=8).pictures == 38  # and from then on it is more again


@pytest.mark.parametrize("lost", ["a picture", "records", "a picture of each part"])
@pytest.mark.parametrize("by", ["append", "run"])
def test_old_parts_are_mended_by_their_own_plans(
    begun: tuple[Tables, dict[str, Any]], lost: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PER_FILE", 5)
    tables, settings = begun
    out = settings["out"]
    infgen.run(**settings)
    shutil.rmtree(out)
    infgen.run(**settings)
    old = tables.classes.read_text()
    add_classes(tables, ["ring"])  # in the same table: the first part's rows are still in it
    append(settings, images=7)
    append(settings, images=4, seed=3)
    undisturbed = snapshot(out)
    assert len(list(out.glob("samples-*"))) == 3 + 2 + 1
    if lost == "records":
        (out / "samples-00001.jsonl").unlink()
        (out / "samples-00003.jsonl").write_bytes(b"{torn")
    else:
        for index in [3] if lost == "a picture" else [3, 14, 20]:
            next(out.glob(f"images/*/{index:08d}.jpg")).unlink()
    if by == "run":
        tables.classes.write_text(old)
        if lost != "a picture":
            with pytest.raises(FolderError, match=r"append-0001.toml isn't what it was"):
                infgen.run(**settings)
            add_classes(tables, ["ring"])
            with pytest.raises(FolderError, match=r"row 3 of --classes is new"):
                infgen.run(**settings)
            return
        infgen.run(**settings)
        assert not differing(snapshot(out), undisturbed)
        return
    append(settings, images=2, seed=9)
    after = snapshot(out)
    assert set(differing(undisturbed, {name: after.get(name, b"") for name in undisturbed})) <= (
        WHOLE
    )


def test_old_pictures_that_cant_be_made_again_are_told_and_nothing_is_touched(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    tables, settings = begun
    out = settings["out"]
    next(out.glob("images/*/00000005.jpg")).unlink()
    tables.classes.write_text(tables.classes.read_text().replace("0,3", "1,3"))
    before = snapshot(out)
    with pytest.raises(FolderError, match=r"1 pictures.*\(picture 5, ...\).*run.toml isn't what"):
        append(settings, images=3)
    assert not differing(before, snapshot(out))


def test_another_append_than_the_unfinished_one_is_refused(
    begun: tuple[Tables, dict[str, Any]],
) -> None:
    _, settings = begun
    append(settings, images=6)
    undisturbed = snapshot(settings["out"])
    (settings["out"] / "manifest.json").unlink()
    with pytest.raises(FolderError, match=r"was 6 and is now 8: first give.*append-0001.toml"):
        append(settings, images=8)
    append(settings, images=6)
    assert not differing(undisturbed, snapshot(settings["out"]))
    assert append(settings, images=8).pictures == 26


# ---- killed --------------------------------------------------------------------------------------


def deaths(tmp_path: Path, damaged: bool, first: int, step: int) -> list[dict[str, Any]]:
    """Append to a dataset, and die at every `step`th operation from `first` on; each time, give the
    same command again and compare with an append that nobody disturbed."""
    tables = make_tables(tmp_path / "input", scenes=8)
    settings = tables.settings(images=3, val_frac=0.3)
    infgen.run(**settings, out=tmp_path / "begin")
    add_classes(tables, ["ring"])
    settings |= {"append": True}
    shutil.copytree(tmp_path / "begin", tmp_path / "undisturbed")
    infgen.run(**settings, out=tmp_path / "undisturbed")
    if damaged:
        (tmp_path / "begin/samples-00000.jsonl").write_bytes(b"{torn")
        next((tmp_path / "begin").glob("images/*/*")).unlink()
    job = {
        "settings": {k: str(v) if isinstance(v, Path) else v for k, v in settings.items()},
        "work": str(tmp_path),
        "undisturbed": str(tmp_path / "undisturbed"),
        "begin": str(tmp_path / "begin"),
        "first": first,
        "step": step,
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, "-m", "tests.batch.die_everywhere", str(tmp_path / "job.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="wants fork")
@pytest.mark.parametrize(("damaged", "first"), [(False, 1), (False, 2), (True, 1)])
def test_killed_before_any_change_on_disk_it_goes_on(
    tmp_path: Path, damaged: bool, first: int
) -> None:
    seen = deaths(tmp_path, damaged, first, 3 if damaged else 2)
    assert len(seen) >= 15
    assert [death for death in seen if death["differing"]] == []
    words = " ".join(death["operation"] for death in seen)
    if first == 1 and not damaged:
        for name in ("parts.json", "images/train/.0", "labels/", "manifest.json"):
            assert name in words


MANY = 150  # pictures that are appended: enough to be caught at work


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a dataset, one to which so many were appended, and the settings of that."""
    folder = tmp_path_factory.mktemp("grown")
    tables = make_tables(folder / "input", scenes=8)
    settings = tables.settings(images=4, format="yolo")
    infgen.run(**settings, out=folder / "begin")
    shutil.copytree(folder / "begin", folder / "undisturbed")
    settings |= {"images": MANY, "append": True}
    infgen.run(**settings, out=folder / "undisturbed")
    return folder, settings


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="wants Linux")
@pytest.mark.parametrize("moment", ["parts.json", "samples-00001.jsonl", "data.yaml"])
def test_killed_with_its_workers_it_goes_on(
    grown: tuple[Path, dict[str, Any]], tmp_path: Path, moment: str
) -> None:
    folder, settings = grown
    out, token = tmp_path / "dataset", str(tmp_path / "token")
    shutil.copytree(folder / "begin", out)
    before = (out / "data.yaml").stat().st_mtime_ns
    options = options_of(settings | {"workers": 2, "out": out})
    process = start("run", *options, env=os.environ | {"INFGEN_TEST": token})
    wait_until(
        lambda: (out / moment).exists() and (out / moment).stat().st_mtime_ns != before,
        moment,
        process,
    )
    process.kill()
    process.communicate()
    wait_until(lambda: not processes_with(token), "no worker is left")
    infgen.run(**settings, out=out)
    assert not differing(snapshot(out), snapshot(folder / "undisturbed"))


# ---- elsewhere -----------------------------------------------------------------------------------


def test_the_settings_of_a_part_are_a_config_that_makes_it_elsewhere(
    begun: tuple[Tables, dict[str, Any]], tmp_path: Path
) -> None:
    _, settings = begun
    out, twin = settings["out"], tmp_path / "twin"
    append(settings, images=6)
    assert tomllib.loads((out / "append-0001.toml").read_text())["append"] is True
    infgen.run(config=out / "run.toml", out=twin)
    infgen.run(config=out / "append-0001.toml", out=twin)
    assert not differing(snapshot(out), snapshot(twin))


def test_plan_says_what_append_would_make(begun: tuple[Tables, dict[str, Any]]) -> None:
    tables, settings = begun
    add_classes(tables, ["ring"])
    before = snapshot(settings["out"])
    plans = list(infgen.plan(**settings | {"append": True, "images": 5}))
    assert not differing(before, snapshot(settings["out"]))
    append(settings, images=5)
    made = entries(settings["out"])[12:]
    assert [(plan.index, plan.background, plan.split) for plan in plans] == [
        (entry.index, entry.background, entry.split) for entry in made
    ]
    assert {planned.class_id for plan in plans for planned in plan.objects} == {2}


def test_the_command_line_appends(begun: tuple[Tables, dict[str, Any]]) -> None:
    _, settings = begun
    more = options_of(settings)
    done = infgen_here("run", *more, "--append", "--images", 4)
    assert done.returncode == 0, done.stderr
    manifest = msgspec.json.decode((settings["out"] / "manifest.json").read_bytes(), type=Manifest)
    assert manifest.pictures == 16
    refused = infgen_here("run", *more, "--images", 4)
    assert refused.returncode == 2 and "give --append" in refused.stderr
