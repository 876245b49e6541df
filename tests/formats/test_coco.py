"""COCO files as pycocotools, faster-coco-eval and supervision read them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from faster_coco_eval import COCO as FasterCOCO
from faster_coco_eval import COCOeval_faster
from pycocotools.coco import COCO

from infgen.formats.coco import convert, finish
from infgen.formats.settings import Dataset
from infgen.ops.rle import decode_rle
from infgen.records.errors import StorageError
from infgen.records.sample import Entry
from infgen.sources.disk import part_name
from tests.formats.scenes import write_dataset

SPLITS = ("train", "val")


def export(dataset: Dataset, entries: list[Entry]) -> None:
    finish(iter([convert(entry, dataset) for entry in entries]), dataset)


def index_path(dataset: Dataset, split: str) -> Path:
    return dataset.folder / "annotations" / f"instances_{split}.json"


@pytest.fixture(params=["polygon", "rle"])
def exported(request, tmp_path):
    dataset, entries = write_dataset(tmp_path, coco_masks=request.param)
    export(dataset, entries)
    return dataset, entries


def read(cls, path: Path):
    with contextlib.redirect_stdout(io.StringIO()):
        return cls(str(path))


def test_pycocotools_reads_the_masks_and_boxes_of_every_picture(exported):
    dataset, entries = exported
    objects = 0
    for split in SPLITS:
        coco = read(COCO, index_path(dataset, split))
        mine = [entry for entry in entries if entry.split == split]
        assert sorted(coco.getImgIds()) == [entry.index + 1 for entry in mine]
        for entry in mine:
            image = coco.imgs[entry.index + 1]
            assert (image["width"], image["height"]) == entry.size
            assert (dataset.folder / "images" / split / image["file_name"]).is_file()
            annotations = coco.loadAnns(coco.getAnnIds(imgIds=entry.index + 1))
            assert len(annotations) == len(entry.objects), "one annotation for each object"
            for annotation, obj in zip(annotations, entry.objects, strict=True):
                mask = decode_rle(obj.rle, entry.size)
                assert np.array_equal(coco.annToMask(annotation), mask)
                assert tuple(annotation["bbox"]) == obj.box.as_coco()
                assert annotation["area"] == mask.sum()
                assert annotation["category_id"] == obj.class_id + 1
                assert annotation["iscrowd"] == 0
                objects += 1
    assert objects == sum(len(entry.objects) for entry in entries) > 15


def test_ids_count_from_one_and_all_classes_are_listed(exported):
    dataset, _ = exported
    for split in SPLITS:
        data = json.loads(index_path(dataset, split).read_bytes())
        assert set(data) == {"info", "categories", "annotations", "images"}
        assert [a["id"] for a in data["annotations"]] == [
            number + 1 for number in range(len(data["annotations"]))
        ]
        assert [(c["id"], c["name"]) for c in data["categories"]] == list(
            enumerate(dataset.classes, 1)
        )


def test_pictures_without_objects_stay_listed(exported):
    dataset, entries = exported
    negative = next(entry for entry in entries if not entry.objects)
    coco = read(COCO, index_path(dataset, negative.split))
    assert negative.index + 1 in coco.imgs
    assert coco.getAnnIds(imgIds=negative.index + 1) == []


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize("split", SPLITS)
def test_the_truth_found_again_scores_one(exported, split, kind):
    dataset, _ = exported
    path = index_path(dataset, split)
    found = [
        {key: annotation[key] for key in ("image_id", "category_id", "bbox", "segmentation")}
        | {"score": 0.9}
        for annotation in json.loads(path.read_bytes())["annotations"]
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = FasterCOCO(str(path))
        for result in found:  # detections hold run lengths
            result["segmentation"] = truth.annToRLE(result)
            if kind == "segm":
                del result["bbox"]
        evaluation = COCOeval_faster(truth, truth.loadRes(found), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == 1.0


def test_supervision_reads_the_boxes(exported):
    dataset, entries = exported
    for split in SPLITS:
        folder = dataset.folder / "images" / split
        theirs = sv.DetectionDataset.from_coco(str(folder), str(index_path(dataset, split)))
        assert theirs.classes == list(dataset.classes)
        mine = [entry for entry in entries if entry.split == split]
        assert len(theirs) == len(mine)
        for entry in mine:
            detections = theirs.annotations[str(folder / Path(entry.file).name)]
            boxes = [obj.box.xyxy for obj in entry.objects]
            assert np.array_equal(detections.xyxy, np.array(boxes).reshape(-1, 4))
            assert list(detections.class_id) == [obj.class_id for obj in entry.objects]


def test_polygons_are_short_whole_numbers(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    export(dataset, entries)
    text = index_path(dataset, "train").read_text(encoding="utf-8")
    first = json.loads(text)["annotations"][0]
    assert first["segmentation"] == [[0, 0, 9, 0, 9, 7, 0, 7]]
    assert '"bbox":[0,0,9,7]' in text


def test_a_second_export_writes_the_same_bytes_and_no_parts_stay(exported):
    dataset, entries = exported
    before = {split: index_path(dataset, split).read_bytes() for split in SPLITS}
    export(dataset, entries)
    assert {split: index_path(dataset, split).read_bytes() for split in SPLITS} == before
    names = sorted(path.name for path in (dataset.folder / "annotations").iterdir())
    assert names == ["instances_train.json", "instances_val.json"]


def test_what_was_there_survives_an_export_that_dies(exported):
    dataset, entries = exported
    before = index_path(dataset, "train").read_bytes()

    def dying():
        yield convert(entries[0], dataset)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(dying(), dataset)
    assert index_path(dataset, "train").read_bytes() == before


def test_a_disk_that_refuses_is_told_in_one_sentence(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    (tmp_path / "annotations").write_text("in the way")
    with pytest.raises(StorageError, match=r"can't write .*instances_train\.json"):
        export(dataset, entries)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_told_too(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    (tmp_path / "annotations").mkdir()
    part = part_name(tmp_path / "annotations" / "instances_val.json")
    for many in (1, 50):  # the last bytes don't fit; nor do those in the middle
        part.symlink_to("/dev/full")
        with pytest.raises(StorageError, match=r"instances_val\.json: No space left"):
            export(dataset, entries * many)
        assert not part.is_symlink()


@pytest.mark.parametrize(("first", "ids"), [(None, [1, 2, 3]), (0, [0, 1, 2]), (12, [12, 13, 14])])
def test_category_ids_may_start_elsewhere(tmp_path, first, ids):
    dataset, entries = write_dataset(tmp_path, first_label=first)
    export(dataset, entries)
    for split in SPLITS:
        coco = read(COCO, index_path(dataset, split))
        assert sorted(coco.getCatIds()) == ids
        assert [one["name"] for one in coco.loadCats(ids)] == list(dataset.classes)
        assert {one["category_id"] for one in coco.anns.values()} <= set(ids[:2])
        mine = [entry for entry in entries if entry.split == split]
        objects = sum(one.class_id == 0 for entry in mine for one in entry.objects)
        assert len(coco.getAnnIds(catIds=ids[:1])) == objects
