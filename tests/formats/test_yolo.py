"""YOLO files as Ultralytics and supervision read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv
import yaml

from infgen.formats.settings import Dataset
from infgen.formats.yolo import convert, finish
from infgen.ops.rle import decode_rle
from infgen.records.sample import Entry
from infgen.sources.disk import PART
from tests.formats.scenes import SIZE, awkward_masks, write_dataset

SPLITS = ("train", "val")

# Objects of several parts, which readers see with a line of pixels across the gap: the IoU that
# Ultralytics (truncating) and supervision (rounding) are left with, as measured.
BRIDGED = {
    "two_parts": (0.93, 0.84),
    "part_in_hole": (0.99, 0.89),
    "occluded": (0.97, 0.83),
}


def export(dataset: Dataset, entries: list[Entry]) -> None:
    finish(iter([convert(entry, dataset) for entry in entries]), dataset)


def label_file(dataset: Dataset, entry: Entry) -> Path:
    return dataset.folder / "labels" / entry.split / (Path(entry.file).stem + ".txt")


def rows(dataset: Dataset, entry: Entry) -> list[np.ndarray]:
    """The numbers of a label file as Ultralytics reads them: float32, class id first."""
    text = label_file(dataset, entry).read_text(encoding="utf-8")
    return [np.array(line.split(), np.float32) for line in text.splitlines()]


def read_ultralytics(row: np.ndarray) -> np.ndarray:
    """(H, W) bool as ultralytics.data.utils.polygon2mask paints a row."""
    corners = (row[1:].reshape(-1, 2) * np.array(SIZE, np.float32)).astype(np.int32)
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    return mask.astype(bool)


def read_supervision(dataset: Dataset, split: str, **options) -> sv.DetectionDataset:
    return sv.DetectionDataset.from_yolo(
        images_directory_path=str(dataset.folder / "images" / split),
        annotations_directory_path=str(dataset.folder / "labels" / split),
        data_yaml_path=str(dataset.folder / "data.yaml"),
        **options,
    )


def named(entries: list[Entry]) -> dict[str, Entry]:
    """The entries that hold one awkward mask each, by its name."""
    return dict(zip(awkward_masks(), entries, strict=False))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.fixture
def segments(tmp_path):
    dataset, entries = write_dataset(tmp_path, yolo_labels="segment")
    export(dataset, entries)
    return dataset, entries


@pytest.fixture
def boxes(tmp_path):
    dataset, entries = write_dataset(tmp_path, yolo_labels="detect")
    export(dataset, entries)
    return dataset, entries


def test_ultralytics_reads_the_masks(segments):
    dataset, entries = segments
    for name, entry in named(entries).items():
        (row,) = rows(dataset, entry)
        mask = decode_rle(entry.objects[0].rle, SIZE)
        floor = BRIDGED[name][0] if name in BRIDGED else 1.0
        assert iou(read_ultralytics(row), mask) >= floor, name


def test_every_object_has_one_row_of_its_class(segments):
    dataset, entries = segments
    for entry in entries:
        found = rows(dataset, entry)
        assert [int(row[0]) for row in found] == [obj.class_id for obj in entry.objects]
        for row in found:
            assert len(row) >= 9 and len(row) % 2 == 1, "a polygon: class and at least 4 corners"
            assert row[1:].min() >= 0 and row[1:].max() <= 1


def test_supervision_reads_boxes_and_masks(segments):
    """It rounds corners instead of truncating them and paints the outline inclusively, so any exact
    outline grows by a pixel to the right and below. More than that would be our mistake."""
    dataset, entries = segments
    kernel = np.ones((2, 2), np.uint8)
    theirs = {split: read_supervision(dataset, split, force_masks=True) for split in SPLITS}
    assert sum(map(len, theirs.values())) == len(entries)
    for name, entry in named(entries).items():
        path = str(dataset.folder / "images" / entry.split / Path(entry.file).name)
        detections = theirs[entry.split].annotations[path]
        assert detections.xyxy == pytest.approx(np.array([entry.objects[0].box.xyxy]), abs=0.025)
        mask = decode_rle(entry.objects[0].rle, SIZE)
        if name in BRIDGED:
            assert iou(detections.mask[0], mask) >= BRIDGED[name][1], name
        else:
            grown = cv2.dilate(mask.astype(np.uint8), kernel, anchor=(1, 1)).astype(bool)
            assert np.array_equal(detections.mask[0], grown), name


def test_boxes_only(boxes):
    dataset, entries = boxes
    for split in SPLITS:
        theirs = read_supervision(dataset, split)
        assert theirs.classes == list(dataset.classes)
        for entry in (entry for entry in entries if entry.split == split):
            path = str(dataset.folder / "images" / split / Path(entry.file).name)
            found, objects = theirs.annotations[path], entry.objects
            expected = np.array([obj.box.xyxy for obj in objects]).reshape(-1, 4)
            assert found.xyxy == pytest.approx(expected, abs=1e-3)
            assert list(found.class_id) == [obj.class_id for obj in objects]
            assert all(len(row) == 5 for row in rows(dataset, entry))


def test_pictures_without_objects_have_an_empty_file(segments):
    dataset, entries = segments
    negatives = [entry for entry in entries if not entry.objects]
    assert [label_file(dataset, entry).read_bytes() for entry in negatives] == [b""]


def test_labels_lie_beside_every_picture(segments):
    dataset, _ = segments
    for split in SPLITS:
        pictures = {path.stem for path in (dataset.folder / "images" / split).iterdir()}
        labels = {path.name for path in (dataset.folder / "labels" / split).iterdir()}
        assert labels == {f"{stem}.txt" for stem in pictures} and labels


def test_data_yaml_names_every_class_and_folder(segments):
    dataset, _ = segments
    data = yaml.safe_load((dataset.folder / "data.yaml").read_bytes())
    assert data == {
        "train": "images/train",
        "val": "images/val",
        "nc": 3,
        "names": dict(enumerate(dataset.classes)),
    }


def test_without_a_val_split_val_points_at_train(tmp_path):
    dataset, _ = write_dataset(tmp_path)
    finish(iter([]), replace(dataset, splits=("train",)))
    data = yaml.safe_load((tmp_path / "data.yaml").read_bytes())
    assert data["train"] == data["val"] == "images/train"


@pytest.mark.parametrize("name", [
    'a "b" \\ c', "yes", "null", "1", "# no comment", "key: value", "- item", " spaces ", "{x}",
    "größe 🪙", "line\nbreak\ttab", "\x7f\x85\u2028\ufeff", "'", "%", "@", "",
])  # fmt: skip
def test_any_class_name_survives(tmp_path, name):
    dataset, _ = write_dataset(tmp_path)
    finish(iter([]), replace(dataset, classes=("coin", name)))
    data = yaml.safe_load((tmp_path / "data.yaml").read_bytes())
    assert data["names"] == {0: "coin", 1: name}


def test_exporting_again_overwrites(tmp_path):
    dataset, entries = write_dataset(tmp_path, yolo_labels="segment")

    def contents() -> dict[str, bytes]:
        files = [*(tmp_path / "labels").rglob("*"), tmp_path / "data.yaml"]
        return {str(path): path.read_bytes() for path in files if path.is_file()}

    export(dataset, entries)
    before = contents()
    assert len(before) == len(entries) + 1
    export(dataset, entries)
    assert contents() == before

    detect, _ = write_dataset(tmp_path, yolo_labels="detect")
    export(detect, entries)
    assert contents().keys() == before.keys()
    assert all(len(row) == 5 for entry in entries for row in rows(detect, entry))
    assert not list(tmp_path.rglob(f".*{PART}"))


def test_labels_may_start_elsewhere_and_stay_dense(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path, first_label=3)
    dataset = replace(dataset, classes=("coin", "unused_1", "note"))
    export(dataset, entries)
    labels = {row[0] for entry in entries for row in rows(dataset, entry)}
    assert labels == {3, 4}
    data = yaml.safe_load((tmp_path / "data.yaml").read_text())
    names = ["unused__0", "unused__1", "unused__2", "coin", "unused_1", "note"]
    assert data["nc"] == 6 and data["names"] == dict(enumerate(names))
    reads = [read_supervision(dataset, split) for split in SPLITS]
    shown = {read.classes[i] for read in reads for _, _, one in read for i in one.class_id}
    assert shown == {"coin", "unused_1"}
