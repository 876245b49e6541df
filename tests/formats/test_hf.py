"""hf: loaded back with datasets, offline."""

from __future__ import annotations

import os

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

import datasets
import numpy as np
import pytest
import yaml
from msgspec.structs import replace
from PIL import Image

from infgen.formats import hf
from tests.formats.scenes import label_map, write_dataset

datasets.disable_progress_bars()


def export(dataset, entries):
    hf.finish(iter([hf.convert(entry, dataset) for entry in entries]), dataset)
    return dataset.folder / "hf"


def load(folder, cache):
    return datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(cache))


@pytest.mark.parametrize("by_card", [False, True])
def test_everything_comes_back(tmp_path, by_card):
    dataset, entries = write_dataset(tmp_path / "data")
    folder = export(dataset, entries)
    cache = tmp_path / "cache"
    read = (
        datasets.load_dataset(str(folder), cache_dir=str(cache)) if by_card else load(folder, cache)
    )
    assert set(read) == {"train", "validation"}
    for split, name in (("train", "train"), ("val", "validation")):
        expected = [entry for entry in entries if entry.split == split]
        assert len(expected) == len(read[name]) > 1
        for row, entry in zip(read[name], expected, strict=True):
            with Image.open(dataset.folder / entry.file) as picture:
                np.testing.assert_array_equal(np.asarray(row["image"]), np.asarray(picture))
            np.testing.assert_array_equal(np.asarray(row["mask"]), label_map(entry))
            assert (row["image_id"], row["width"], row["height"]) == (entry.index, *entry.size)
            assert row["objects"] == {
                "id": [obj.id for obj in entry.objects],
                "bbox": [list(obj.box.as_coco()) for obj in entry.objects],
                "area": [obj.area for obj in entry.objects],
                "category": [obj.class_id for obj in entry.objects],
            }


def test_types_do_not_depend_on_which_rows_come_first(tmp_path):
    dataset, entries = write_dataset(tmp_path / "data")
    seen = []
    for name, empty in (("none", set()), ("first", {0, 1, 2, 3})):  # 3 is the first of val
        these = [replace(e, objects=()) if e.index in empty else e for e in entries]
        read = load(export(dataset, these), tmp_path / name)
        assert read["train"].features == read["validation"].features
        assert (read["train"][0]["objects"]["bbox"] == []) == bool(empty)
        seen.append(read["train"].features)
    integers, floats = datasets.List(datasets.Value("int64")), datasets.Value("float64")
    assert seen[0] == seen[1]
    assert seen[0]["image"] == seen[0]["mask"] == datasets.Image()
    assert seen[0]["objects"] == {
        "id": integers,
        "bbox": datasets.List(datasets.List(floats)),
        "area": integers,
        "category": integers,
    }


def test_deep_masks_come_back(tmp_path):
    dataset, entries = write_dataset(tmp_path / "data")
    entry = replace(entries[0], objects=(replace(entries[0].objects[0], id=300),))
    read = load(export(dataset, [entry, *entries[1:]]), tmp_path / "cache")
    np.testing.assert_array_equal(np.asarray(read["train"][0]["mask"]), label_map(entry))


def test_a_split_without_objects_loads_alone_and_the_card_says_so(tmp_path):
    dataset, entries = write_dataset(tmp_path / "data")
    folder = export(
        dataset, [replace(e, objects=() if e.split == "val" else e.objects) for e in entries]
    )
    assert "No picture of validation holds an object." in (folder / "README.md").read_text()
    with pytest.raises(ValueError, match="different features"):
        load(folder, tmp_path / "both")  # when datasets learns this, the sentence may go
    for name in ("train", "validation"):
        assert len(load(folder / name, tmp_path / name)["train"]) > 1


def test_card(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    _, header, body = (export(dataset, entries) / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(header)
    assert card["task_categories"] == ["object-detection", "image-segmentation"]
    assert "synthetic" in card["tags"]
    assert "license" not in card
    for number, name in enumerate(dataset.classes):
        assert f"| {number} | {name} |" in body
    assert "No picture" not in body


def test_pictures_are_linked(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    folder = export(dataset, entries)
    for entry in entries:
        name = {"train": "train", "val": "validation"}[entry.split]
        assert (folder / name / f"{entry.stem}.png").samefile(tmp_path / entry.file)
