"""Pascal VOC as it comes: devkits, plain folders, instance masks, and what is wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import infgen
from infgen.batch.store import Store
from infgen.ops.instances import colour_map
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.sources.datasets import open_dataset
from tests.labelled import SIZE, scene
from tests.making import make_tables, save
from tests.sources.test_datasets import faults_of, refused

Row = tuple[str, tuple[object, object, object, object]]


def write_xml(path: Path, rows: Sequence[Row], size: str = "", name: str = "") -> None:
    """A picture's labels: (name, corners) each."""
    keys = ("xmin", "ymin", "xmax", "ymax")
    objects = "".join(
        f"<object><name>{one}</name><pose>Left</pose><truncated>1</truncated>"
        "<difficult>1</difficult><bndbox>"
        + "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, corners, strict=True))
        + "</bndbox><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
        for one, corners in rows
    )
    size = size or f"<width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth>"
    name = name or f"{path.stem}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><filename>{name}</filename><size>{size}</size>{objects}</annotation>"
    )


def write_voc(folder: Path, rows: Sequence[Row] = (("dog", (11, 21, 40, 60)),)) -> Path:
    """Two pictures in train and one in val; `rows` are the first one's labels."""
    for number, name in enumerate(("a", "b", "c")):
        save(folder / f"JPEGImages/{name}.jpg", scene(number))
        labels = rows if name == "a" else [("cat", (5, 5, 50, 50))]
        write_xml(folder / f"Annotations/{name}.xml", labels)
    lists = folder / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nb\n")
    (lists / "val.txt").write_text("c\n")
    (lists / "trainval.txt").write_text("a\nb\nc\n")
    (lists / "cat_train.txt").write_text("a -1\nb  1\n")
    return folder


@pytest.mark.parametrize("place", ["", "VOC2007", "VOCdevkit/VOC2012"])
def test_a_folder_or_a_devkit(tmp_path: Path, place: str) -> None:
    write_voc(tmp_path / place)
    dataset = open_dataset(tmp_path)
    assert (dataset.kind, dataset.classes, dataset.count) == ("voc", ("cat", "dog"), 3)
    assert not faults_of(dataset)
    pictures = list(dataset.pictures())
    assert [(one.path.name, one.split) for one in pictures] == [
        ("a.jpg", "train"),
        ("b.jpg", "train"),
        ("c.jpg", "val"),
    ]
    [dog] = pictures[0].objects
    assert (dog.class_id, dog.box, dog.rle) == (1, Box(10, 20, 40, 60), "")  # 30 x 40 pixels
    assert all(one.size == SIZE and one.path.is_file() for one in pictures)


def test_two_years_are_one_dataset(tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        write_voc(tmp_path / "VOCdevkit" / year)
    assert open_dataset(tmp_path).count == 6 == len(list(open_dataset(tmp_path).pictures()))


def test_without_lists_all_pictures_are_train(tmp_path: Path) -> None:
    write_voc(tmp_path)
    shutil.rmtree(tmp_path / "ImageSets")
    save(tmp_path / "JPEGImages/empty.png", scene(9))
    dataset = open_dataset(tmp_path)
    assert dataset.count == 4 and {one.split for one in dataset.pictures()} == {"train"}
    assert faults_of(dataset) == {"no label file": 1}


def test_files_beside_their_pictures_as_labelimg_and_roboflow_leave_them(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        save(tmp_path / split / "a.png", scene(1))
        write_xml(tmp_path / split / "a.xml", [("cat", (5, 5, 50, 50))], name="a.png")
    dataset = open_dataset(tmp_path)
    assert [one.split for one in dataset.pictures()] == ["train", "valid"]
    assert not faults_of(dataset) and open_dataset(tmp_path / "train").count == 1


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (("dog", (30, 20, 10, 60)), "empty box"),
        (("dog", (30, 20, 30, 20)), "empty box"),
        (("dog", ("nan", 20, 30, 60)), "empty box"),
        (("dog", ("", 20, 30, 60)), "label that can't be read"),
        ((" ", (10, 20, 30, 60)), "unknown class"),
    ],
)
def test_a_bad_label_is_a_fault_with_its_place(tmp_path: Path, row: Row, kind: str) -> None:
    dataset = open_dataset(write_voc(tmp_path, [("dog", (1, 1, 9, 9)), row]))
    assert faults_of(dataset) == {kind: 1}
    first, *_ = dataset.pictures()
    assert len(first.objects) == 1 and "a.xml: object 2: " in first.faults[0].text


def test_a_line_of_pixels_is_a_box_and_one_may_leave_its_picture(tmp_path: Path) -> None:
    rows = [("dog", (5, 10, 5, 20)), ("dog", (-3, "40.5", 300, 60))]
    dataset = open_dataset(write_voc(tmp_path, rows))
    first, *_ = dataset.pictures()
    assert [one.box for one in first.objects] == [Box(4, 9, 5, 20), Box(-4, 39.5, 300, 60)]


def test_what_is_wrong_with_single_files_is_counted(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / "JPEGImages/a.jpg").unlink()
    (tmp_path / "Annotations/b.xml").write_text("<annotation><object>")
    (tmp_path / "Annotations/c.xml").unlink()
    write_xml(tmp_path / "Annotations/d.xml", [("dog", (1, 1, 9, 9))])
    assert faults_of(open_dataset(tmp_path)) == {
        "missing picture": 1,
        "label that can't be read": 1,
        "no label file": 1,
        "picture in no list": 1,
    }


def test_a_size_that_is_not_told_is_the_pictures_own(tmp_path: Path) -> None:
    write_voc(tmp_path)
    write_xml(tmp_path / "Annotations/a.xml", [("dog", (1, 1, 9, 9))], size="<width/>")
    write_xml(tmp_path / "Annotations/b.xml", [("dog", (1, 1, 9, 9))], size="<width>0</width>")
    (tmp_path / "JPEGImages/b.jpg").write_bytes(b"no picture")
    first, second, _ = open_dataset(tmp_path).pictures()
    assert first.size == SIZE and second.size == (0, 0)
    assert [one.kind for one in second.faults] == ["picture that can't be read"]


def test_no_object_at_all_is_one_sentence(tmp_path: Path) -> None:
    write_voc(tmp_path, [])
    for name in ("b", "c"):
        write_xml(tmp_path / f"Annotations/{name}.xml", [])
    assert "none of its XML files has an object" in refused(tmp_path)


def test_a_list_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / "ImageSets/Main/train.txt").write_bytes(b"\xff\xfe\x00")
    assert "can't be read as a dataset" in refused(tmp_path)


# ---- instance masks ------------------------------------------------------------------------------

TWO = [("dog", (11, 21, 40, 60)), ("cat", (61, 31, 100, 90))]


def write_mask(folder: Path, colours: bool = False, **change: tuple[slice, slice]) -> np.ndarray:
    """SegmentationObject/a.png of TWO: inside their boxes, with a void rim. (H, W) its values."""
    values = np.zeros(SIZE[::-1], np.uint8)
    for value, (x0, y0, x1, y1) in enumerate(((10, 20, 40, 60), (60, 30, 100, 90)), 1):
        values[y0:y1, x0:x1] = 255
        values[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] = value
    for value, part in change.items():
        values[part] = int(value.removeprefix("v"))
    image = Image.fromarray(values)
    image.putpalette(colour_map().tobytes())
    path = folder / "SegmentationObject/a.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    (image.convert("RGB") if colours else image).save(path)
    return values


@pytest.mark.parametrize("colours", [False, True])
def test_masks_go_to_their_objects(tmp_path: Path, colours: bool) -> None:
    values = write_mask(tmp_path, colours)
    dataset = open_dataset(write_voc(tmp_path, TWO))
    first, second, _ = dataset.pictures()
    assert not faults_of(dataset)
    for number, one in enumerate(first.objects, 1):
        assert (decode_rle(one.rle, SIZE) == (values == number)).all()
    assert first.objects[0].box == Box(10, 20, 40, 60)  # as it was given
    assert not second.objects[0].rle


def test_an_object_that_the_mask_does_not_show_has_a_box_only(tmp_path: Path) -> None:
    write_mask(tmp_path)
    rows = [*TWO, ("dog", (110, 5, 150, 25))]
    first, *_ = open_dataset(write_voc(tmp_path, rows)).pictures()
    assert [bool(one.rle) for one in first.objects] == [True, True, False]
    assert not first.faults


def test_what_the_mask_shows_beyond_the_labels_is_told(tmp_path: Path) -> None:
    values = write_mask(tmp_path, v7=np.s_[5:25, 110:150], v1=np.s_[100:103, 4:9])
    dataset = open_dataset(write_voc(tmp_path, TWO))
    assert faults_of(dataset) == {"mask of no label": 1, "mask leaves its box": 1}
    first, *_ = dataset.pictures()
    mask = decode_rle(first.objects[0].rle, SIZE)
    assert mask.sum() == (values == 1).sum() - 15 and not mask[100:].any()


@pytest.mark.parametrize("data", [b"no picture", b""])
def test_a_broken_mask_is_a_fault_and_the_boxes_stay(tmp_path: Path, data: bytes) -> None:
    write_mask(tmp_path)
    (tmp_path / "SegmentationObject/a.png").write_bytes(data)
    dataset = open_dataset(write_voc(tmp_path, TWO))
    assert faults_of(dataset) == {"mask that can't be read": 1}
    assert sum(len(one.objects) for one in dataset.pictures()) == 4


def test_a_mask_of_another_size_is_a_fault(tmp_path: Path) -> None:
    save(tmp_path / "SegmentationObject/a.png", np.zeros((5, 6, 3), np.uint8))
    assert faults_of(open_dataset(write_voc(tmp_path))) == {"mask that can't be read": 1}


def test_infgens_own_export_says_the_same(tmp_path: Path) -> None:
    settings = make_tables(tmp_path / "in").settings(out=tmp_path / "d", images=8, val_frac=0.3)
    infgen.run(**settings, format="voc")
    dataset = open_dataset(tmp_path / "d/voc")
    assert dataset.kind == "voc" and dataset.classes == ("coin", "note") and not faults_of(dataset)
    entries = {one.stem: one for one in Store(tmp_path / "d").entries()}
    pictures = list(dataset.pictures())
    assert len(pictures) == len(entries) == 8
    for picture in pictures:
        entry = entries[picture.path.stem]
        assert (picture.split, picture.size) == (entry.split, entry.size)
        assert [(one.class_id, one.box, one.rle) for one in picture.objects] == [
            (one.class_id, one.box, one.rle) for one in entry.objects
        ]


def test_bccd(shared_data: Path) -> None:
    """364 pictures of blood cells in their official splits, two boxes of them without an extent."""
    dataset = open_dataset(shared_data / "bccd")
    assert dataset.classes == ("Platelets", "RBC", "WBC") and dataset.count == 364
    assert faults_of(dataset) == {"empty box": 2}
    pictures = list(dataset.pictures())
    splits = [one.split for one in pictures]
    assert [splits.count(name) for name in ("train", "val", "test")] == [205, 87, 72]
    assert sum(len(one.objects) for one in pictures) == 4886
