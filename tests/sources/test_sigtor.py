"""SIGtor's lines: where pictures, masks and names are found, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.sources.datasets import open_dataset
from infgen.sources.datasets.common import rle_box
from tests.labelled import SIZE, scene
from tests.making import save
from tests.sources.test_datasets import faults_of, refused

LINES = "./Data/Images/a b.jpg 10,20,40,60,1 60,30,100,90,0\nData/Images/c.jpg 5,5,50,50,0\n"


def write_sigtor(folder: Path, lines: str = LINES, name: str = "annotations.txt") -> Path:
    for number, stem in enumerate(("a b", "c")):
        save(folder / f"Images/{stem}.jpg", scene(number))
    path = folder / name
    path.write_text(lines)
    return path


def test_lines_as_sigtor_cuts_them(tmp_path: Path) -> None:
    path = write_sigtor(tmp_path)
    for place in (path, tmp_path):
        dataset = open_dataset(place)
        assert (dataset.kind, dataset.count) == ("sigtor", 2) and not faults_of(dataset)
        assert dataset.classes == ("class_0", "class_1")
        first, second = dataset.pictures()
        assert (first.path.name, first.split, first.size) == ("a b.jpg", "train", SIZE)
        assert [(one.class_id, one.box) for one in first.objects] == [
            (1, Box(10, 20, 40, 60)),
            (0, Box(60, 30, 100, 90)),
        ]
        assert second.objects[0].box == Box(5, 5, 50, 50)


def test_paths_from_where_it_was_run(tmp_path: Path) -> None:
    folder = tmp_path / "repo/Data"
    path = write_sigtor(folder)
    (folder / "Images/c.jpg").unlink()
    save(tmp_path / "repo/elsewhere/c.jpg", scene(1))
    path.write_text("Data\\Images\\a b.jpg 1,2,3,4,0\nelsewhere/c.jpg 1,2,3,4,0\n")
    assert not faults_of(open_dataset(folder))


@pytest.mark.parametrize("masks", ["Masks", "augmented_masks"])
def test_masks_in_any_order(tmp_path: Path, masks: str) -> None:
    values = np.zeros(SIZE[::-1], np.uint8)
    values[19:61, 9:41], values[22:58, 12:38] = 255, 2
    values[32:88, 62:98] = 1
    (tmp_path / masks).mkdir()
    cv2.imwrite(str(tmp_path / masks / "a b.png"), values)
    write_sigtor(tmp_path)
    first, second = open_dataset(tmp_path).pictures()
    for one, value in zip(first.objects, (2, 1), strict=True):
        assert (decode_rle(one.rle, SIZE) == (values == value)).all()
    assert not second.objects[0].rle and not second.faults


def test_names_come_from_a_file_beside_or_above(tmp_path: Path) -> None:
    write_sigtor(tmp_path / "Source")
    (tmp_path / "voc_classes.txt").write_text("cat\ndog\nowl\n")
    assert open_dataset(tmp_path / "Source").classes == ("cat", "dog", "owl")
    (tmp_path / "Source/classes.txt").write_text("cow\n")
    assert "names 1 classes, and there is a label of class 1" in refused(tmp_path / "Source")
    (tmp_path / "Source/classes.txt").write_bytes(b"\xff\n")
    assert "can't be read" in refused(tmp_path / "Source")


def test_pictures_named_as_vocs_have_vocs_classes(tmp_path: Path) -> None:
    save(tmp_path / "2009_004125.jpg", scene(1))
    path = tmp_path / "x.txt"
    path.write_text("2009_004125.jpg 1,2,30,40,14\n")
    dataset = open_dataset(path)
    [picture] = dataset.pictures()
    assert dataset.classes[picture.objects[0].class_id] == "person"
    path.write_text("2009_004125.jpg 1,2,30,40,20\n")
    assert open_dataset(path).classes[20] == "class_20"


def test_splits_by_file_name_and_expanded_files_stay_out(tmp_path: Path) -> None:
    write_sigtor(tmp_path, name="annotations_train.txt")
    write_sigtor(tmp_path, "Images/c.jpg 5,5,50,50,0\n", name="annotations_val.txt")
    write_sigtor(tmp_path, name="annotations_val_expanded.txt")
    (tmp_path / "notes.txt").write_text("bought on the market, 1,2 and 3,4\n")
    dataset = open_dataset(tmp_path)
    assert [one.split for one in dataset.pictures()] == ["train", "train", "val"]


def test_an_expanded_file_is_joined_again(tmp_path: Path) -> None:
    lines = (
        "Images/a b.jpg 10,20,40,60,1\nImages/c.jpg 5,5,50,50,0\n"
        "Images/a b.jpg 60,30,100,90,0 10,20,40,60,1\n"
    )
    dataset = open_dataset(write_sigtor(tmp_path, lines, "x_expanded.txt"))
    assert [len(one.objects) for one in dataset.pictures()] == [2, 1] and dataset.count == 2


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("10,20,10,60,0", "empty box"),
        ("10,20,4e400,60,0", "empty box"),
        ("10,20,3.3.3,60,0", "label that can't be read"),
        ("10,20,30,0", "label that can't be read"),
        ("10,20,30,60,-1", "unknown class"),
        ("10,20,30,60,0.5", "unknown class"),
    ],
)
def test_a_bad_label_is_a_fault_with_its_line(tmp_path: Path, label: str, kind: str) -> None:
    lines = f"\nImages/a b.jpg 10,20,40,60,0 {label}\nImages/c.jpg 5,5,50,50,0\n"
    dataset = open_dataset(write_sigtor(tmp_path, lines))
    assert faults_of(dataset) == {kind: 1}
    first, _ = dataset.pictures()
    assert len(first.objects) == 1
    assert "annotations.txt:2: label 2: " in first.faults[0].text


def test_pictures_that_are_gone_broken_or_bare(tmp_path: Path) -> None:
    path = write_sigtor(tmp_path, LINES + "Images/d.jpg 1,2,3,4,0\nImages/e.jpg\n")
    (tmp_path / "Images/c.jpg").write_bytes(b"no picture")
    save(tmp_path / "Images/e.jpg", scene(3))
    dataset = open_dataset(path)
    assert faults_of(dataset) == {"missing picture": 1, "picture that can't be read": 1}
    assert [len(one.objects) for one in dataset.pictures()] == [2, 0, 0, 0]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write_sigtor(tmp_path)
    path.write_bytes(LINES.encode() + b"\xff\xff\n")
    assert "can't be read as a dataset" in refused(path)


def test_sigtors_own_sample(shared_data: Path) -> None:
    """11 pictures of Pascal VOC with their instance masks: each of the 56 objects finds its own."""
    dataset = open_dataset(shared_data / "voc_mini")
    assert dataset.kind == "sigtor" and len(dataset.classes) == 20
    pictures = list(dataset.pictures())
    objects = [(one, picture) for picture in pictures for one in picture.objects]
    assert len(pictures) == 11 and len(objects) == 56
    assert set(faults_of(dataset)) == {"mask leaves its box"}
    fits = [rle_box(one.rle, picture.size).iou(one.box) for one, picture in objects]
    assert min(fits) > 0.4 and float(np.median(fits)) > 0.8
    names = {dataset.classes[one.class_id] for one, p in objects if p.path.stem == "2010_001070"}
    assert names == {"cat"}
