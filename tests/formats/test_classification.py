"""Crops of single objects, as ImageFolder and anything else that numbers folders reads them."""

from __future__ import annotations

from dataclasses import replace as replace_dataset
from pathlib import Path

import cv2
import numpy as np
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from infgen.formats.classification import GREY, MARGIN, convert, crop_of, finish
from infgen.formats.settings import Dataset
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.sample import Entry
from tests.formats.scenes import write_dataset

COIN, NOTE = "coin", "bank_note_5_euro"


def export(dataset: Dataset, entries: list[Entry]) -> Path:
    finish(iter([convert(entry, dataset) for entry in entries]), dataset)
    return dataset.folder / "classification"


def test_a_crop_of_each_object_in_the_folder_of_its_class(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    folder = export(dataset, entries)
    for entry in entries:
        picture = cv2.imread(str(tmp_path / entry.file))
        for one in entry.objects:
            name = [COIN, NOTE][one.class_id]
            crop = cv2.imread(str(folder / entry.split / name / f"{entry.stem}_{one.id}.png"))
            x0, y0, x1, y1 = crop_of(one.box, entry.size)
            assert (crop == picture[y0:y1, x0:x1]).all()
    assert len(list(folder.rglob("*.png"))) == sum(len(entry.objects) for entry in entries)
    assert not (folder / "train" / "unused").exists()  # readers refuse folders without pictures
    assert (folder / "folders.tsv").read_text().splitlines() == [
        f"{COIN}\tcoin", f'{NOTE}\tbank note: 5 "euro"', "unused\tunused"
    ]  # fmt: skip


def test_what_isnt_the_object_can_be_greyed_out(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path, crop_backgrounds=False)
    folder = export(dataset, entries)
    for entry in entries:
        picture = cv2.imread(str(tmp_path / entry.file))
        for one in entry.objects:
            name = [COIN, NOTE][one.class_id]
            crop = cv2.imread(str(folder / entry.split / name / f"{entry.stem}_{one.id}.png"))
            x0, y0, x1, y1 = crop_of(one.box, entry.size)
            mask = decode_rle(one.rle, entry.size)[y0:y1, x0:x1]
            assert (crop[mask] == picture[y0:y1, x0:x1][mask]).all()
            assert (crop[~mask] == GREY).all()


boxes = st.tuples(*[st.floats(0, 96.9)] * 2, *[st.floats(0.02, 97)] * 2)


@given(boxes)
def test_crops_hold_the_box_and_its_margin_and_stay_in_the_picture(values) -> None:
    x, y, width, height = values
    size = (97, 61)
    box = Box(x, min(y, 60.9), min(x + width, 97), min(min(y, 60.9) + height, 61))
    x0, y0, x1, y1 = crop_of(box, size)
    assert 0 <= x0 < x1 <= 97 and 0 <= y0 < y1 <= 61
    assert x0 <= box.x0 and y0 <= box.y0 and x1 >= box.x1 and y1 >= box.y1
    assert x0 == 0 or box.x0 - x0 >= MARGIN * box.width
    assert y1 == 61 or y1 - box.y1 >= MARGIN * box.height
    assert x1 - x0 <= (1 + 2 * MARGIN) * box.width + 2


def test_folders_are_alike_in_all_splits(tmp_path: Path) -> None:
    """Else `bank_note...` would be 0 in one split, and 1 in another."""
    dataset, entries = write_dataset(tmp_path)
    entries = [
        replace(entry, objects=tuple(one for one in entry.objects if one.class_id == 1))
        if entry.split == "val"
        else entry
        for entry in entries
    ]
    folder = export(dataset, entries)
    names = [sorted(path.name for path in (folder / split).iterdir()) for split in dataset.splits]
    assert names[0] == names[1] == [NOTE, COIN]


def test_imagefolder_reads_it_and_jpg_pictures_give_jpg_crops(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    for number, entry in enumerate(entries):
        pixels = cv2.imread(str(tmp_path / entry.file))
        (tmp_path / entry.file).unlink()
        entries[number] = replace(entry, file=entry.file.replace(".png", ".jpg"))
        cv2.imwrite(str(tmp_path / entries[number].file), pixels)
    folder = export(replace_dataset(dataset, splits=("train", "val")), entries)
    read = load_dataset(
        "imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"), drop_labels=False
    )
    assert read["train"].features["label"].names == [NOTE, COIN]
    for split, key in (("train", "train"), ("val", "validation")):
        mine = [entry for entry in entries if entry.split == split]
        assert len(read[key]) == sum(len(entry.objects) for entry in mine)
    sizes = sorted(row["image"].size for row in read["validation"])
    expected = []
    for entry in entries:
        if entry.split == "val":
            for one in entry.objects:
                x0, y0, x1, y1 = crop_of(one.box, entry.size)
                expected.append((x1 - x0, y1 - y0))
    assert sizes == sorted(expected)
    assert np.asarray(read["train"][0]["image"]).dtype == np.uint8
