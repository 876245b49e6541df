"""Labels of other people's datasets: boxes without masks, and crowds, as each format takes them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import supervision as sv
from msgspec.structs import replace as change
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from infgen.batch.exporting import Converter, check_masks
from infgen.batch.made import as_line
from infgen.formats import EXPORTS
from infgen.formats.settings import Dataset
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.sample import Entry, Instance
from tests.formats.scenes import SIZE, instance, rectangle, write_dataset

BOX = Box(10.25, 20.5, 40.75, 50)
TAKING_BOXES = [name for name, row in EXPORTS.items() if not row.needs_masks]


def box_only(number: int, box: Box = BOX, crowd: bool = False) -> Instance:
    return Instance(number, 1, box, box, "", round(box.area), 1.0, "convert", crowd=crowd)


def crowd(number: int) -> Instance:
    return change(instance(number, 0, rectangle(50, 0, 97, 30)), crowd=True)


def write_mixed(folder: Path) -> tuple[Dataset, list[Entry]]:
    """The awkward dataset, with a box in the first picture, a crowd and a box in the second, and
    a crowd beside a mask in the third."""
    dataset, entries = write_dataset(folder)
    first, second, third = entries[:3]
    entries[0] = change(first, objects=(*first.objects, box_only(2)))
    entries[1] = change(second, objects=(crowd(1), box_only(2), box_only(3, crowd=True)))
    entries[2] = change(third, objects=(crowd(1), *third.objects))
    return replace(dataset, unmasked=2), entries


def export(name: str, dataset: Dataset, entries: list[Entry]) -> None:
    converter = Converter(name, dataset)
    EXPORTS[name].finish(iter([converter(as_line(entry)) for entry in entries]), dataset)


def coco_of(folder: Path, split: str = "train") -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / f"annotations/instances_{split}.json"))


def test_coco_holds_boxes_and_crowds(tmp_path: Path) -> None:
    dataset, entries = write_mixed(tmp_path)
    export("coco", dataset, entries)
    coco = coco_of(tmp_path)
    for entry in entries[:3]:
        labels = coco.loadAnns(coco.getAnnIds(imgIds=entry.index + 1))
        assert len(labels) == len(entry.objects)
        for label, one in zip(labels, entry.objects, strict=True):
            assert tuple(label["bbox"]) == one.box.as_coco()
            assert label["iscrowd"] == one.crowd
            if one.rle:
                assert (coco.annToMask(label) == decode_rle(one.rle, SIZE)).all()
                assert label["area"] == one.area
                assert isinstance(label["segmentation"], dict) == one.crowd
            else:
                assert label["segmentation"] == [] and label["area"] == one.box.area


def test_coco_scores_boxes_and_passes_over_crowds(tmp_path: Path) -> None:
    dataset, entries = write_mixed(tmp_path)
    export("coco", dataset, entries)
    coco = coco_of(tmp_path)
    found = [
        {key: label[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for label in coco.dataset["annotations"]
        if not label["iscrowd"]
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(coco, coco.loadRes(found), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert judge.stats[0] == 1.0


def test_supervision_reads_a_coco_of_boxes(tmp_path: Path) -> None:
    dataset, entries = write_mixed(tmp_path)
    boxes = [change(one, objects=(box_only(1),)) for one in entries]
    export("coco", replace(dataset, unmasked=len(boxes)), boxes)
    theirs = sv.DetectionDataset.from_coco(
        str(tmp_path / "images/train"), str(tmp_path / "annotations/instances_train.json")
    )
    for _, _, found in theirs:
        assert found.mask is None and np.allclose(found.xyxy, [BOX.xyxy])


def test_yolo_rows_are_boxes_all_through_and_crowds_stay_out(tmp_path: Path) -> None:
    dataset, entries = write_mixed(tmp_path)
    export("yolo", dataset, entries)
    for entry in entries:
        text = (tmp_path / f"labels/{entry.split}/{entry.stem}.txt").read_text()
        rows = [line.split() for line in text.splitlines()]
        assert all(len(row) == 5 for row in rows)
        assert len(rows) == sum(not one.crowd for one in entry.objects)


def test_yolo_names_further_splits_and_whatever_there_is_as_train(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    export("yolo", replace(dataset, splits=("val", "test")), entries[:0])
    text = (tmp_path / "data.yaml").read_text()
    assert text.startswith("train: images/val\nval: images/val\ntest: images/test\n")


def test_voc_has_masks_where_every_object_has_one(tmp_path: Path) -> None:
    dataset, entries = write_mixed(tmp_path)
    export("voc", dataset, entries)
    root = tmp_path / "voc/VOCdevkit/VOC2012"
    lists = root / "ImageSets"
    assert len((lists / "Main/trainval.txt").read_text().split()) == len(entries)
    segmented = set((lists / "Segmentation/trainval.txt").read_text().split())
    whole = {one.stem for one in entries[2:] if one.objects}
    assert segmented == whole == {path.stem for path in root.glob("SegmentationObject/*")}
    for entry in entries:
        tree = ElementTree.parse(root / f"Annotations/{entry.stem}.xml")
        assert tree.findtext("segmented") == str(int(entry.stem in whole))
        assert len(tree.findall("object")) == sum(not one.crowd for one in entry.objects)
    tree = ElementTree.parse(root / f"Annotations/{entries[0].stem}.xml")
    corners = [one.text for one in tree.findall("object")[1].find("bndbox")]
    assert corners == ["11", "21", "41", "50"]


@pytest.mark.parametrize("name", EXPORTS)
def test_crowds_reach_only_formats_that_take_them(name: str, tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path / "a")
    bare, _ = write_dataset(tmp_path / "b")
    crowded = [change(one, objects=(*one.objects, crowd(9))) for one in entries]
    export(name, dataset, crowded)
    export(name, bare, entries)
    same = all(
        path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
        for path in (tmp_path / "a").rglob("*")
        if path.is_file()
    )
    assert same == (not EXPORTS[name].takes_crowds)


@pytest.mark.parametrize("name", EXPORTS)
def test_formats_of_masks_refuse_boxes_with_their_number(name: str) -> None:
    check_masks([name], 0)
    if name in TAKING_BOXES:
        check_masks([name], 1234)
    else:
        with pytest.raises(InputError, match=f"--format {name} holds masks, and 1,234 labels"):
            check_masks([name], 1234)


def test_pictures_that_nobody_painted_are_not_called_synthetic(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    export("hf", replace(dataset, painted=False), entries)
    card = (tmp_path / "hf/README.md").read_text()
    assert "ynthetic" not in card and "painted" not in card
    assert dataset.classes[0] in card
