"""The layout of Image-Data-Generation, read as its own code and YOLO trainers read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as change

from infgen.formats.idg import convert, finish
from infgen.formats.settings import Dataset
from infgen.records.sample import Entry
from tests.formats.scenes import write_dataset

FOLDERS = ["coin", "bank_note_5_euro", "unused"]


def export(dataset: Dataset, entries: list[Entry]) -> Path:
    finish(iter([convert(entry, dataset) for entry in entries]), dataset)
    return dataset.folder / "idg" / "Generated_Data"


def test_a_folder_per_class_with_a_text_beside_each_picture(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    notes = tuple(change(one, class_id=1) for one in entries[2].objects)
    entries[2] = change(entries[2], objects=notes)
    folder = export(dataset, entries)
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert classes == sorted(FOLDERS[:2])
    pictures = sorted(path for name in classes for path in (folder / name).glob("*g"))
    assert len(pictures) == sum(bool(entry.objects) for entry in entries)
    by_stem = {entry.stem: entry for entry in entries}
    for picture in pictures:
        name, _, stem = picture.stem.rpartition("_")
        entry = by_stem[stem]
        assert picture.read_bytes() == (tmp_path / entry.file).read_bytes()
        rows = np.loadtxt(picture.with_suffix(".txt"), ndmin=2)
        assert rows[:, 0].tolist() == [one.class_id for one in entry.objects]
        size = np.array(entry.size * 2, float)
        centers, spans = np.split(rows[:, 1:] * size, 2, axis=1)
        boxes = np.hstack([centers - spans / 2, centers + spans / 2])
        assert boxes == pytest.approx(np.array([one.box.xyxy for one in entry.objects]), abs=1e-3)
        areas = {
            class_id: sum(one.area for one in entry.objects if one.class_id == class_id)
            for class_id in rows[:, 0]
        }
        assert areas[FOLDERS.index(name)] == max(areas.values())


def test_the_lists_name_what_is_there(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    folder = export(dataset, entries)
    assert (folder / "names.txt").read_text().splitlines() == FOLDERS
    assert (folder / "new_classes_names.txt").read_text().splitlines() == FOLDERS
    paths = (folder / "generated_images_path.txt").read_text().splitlines()
    assert paths == sorted(paths, key=lambda path: Path(path).stem.rpartition("_")[2])
    assert {tmp_path / "idg" / path for path in paths} == set(folder.glob("*/*g"))
    by_split = {
        split: (folder / f"{split}.txt").read_text().splitlines() for split in ("train", "val")
    }
    assert sorted(by_split["train"] + by_split["val"]) == sorted(paths)
    for entry in entries:
        if entry.objects:
            assert any(entry.stem in path for path in by_split[entry.split])
    state = json.loads((folder / "file.txt").read_text())
    assert state == {"starting_label": 3, "starting_point_for_Bg_Image": len(entries)}


def test_new_classes_and_labels_that_start_elsewhere(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path, first_label=12)
    folder = export(replace(dataset, known_classes=2), entries)
    assert (folder / "new_classes_names.txt").read_text() == "unused"
    assert json.loads((folder / "file.txt").read_text())["starting_label"] == 15
    labels = {row.split()[0] for path in folder.glob("*/*.txt") for row in path.open()}
    assert labels == {"12", "13"}
