"""Any dataset into one record: what is read, what is refused, and what is counted as a fault."""

from __future__ import annotations

import errno
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import infgen
from infgen.batch.store import Store
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.sources.datasets import LabelledDataset, coco_file, open_dataset
from tests.labelled import SIZE, write_coco, write_yolo
from tests.making import Tables, save


def faults_of(dataset: LabelledDataset) -> Counter[str]:
    kinds = Counter(fault.kind for fault in dataset.faults)
    return kinds + Counter(fault.kind for one in dataset.pictures() for fault in one.faults)


def refused(place: Path) -> str:
    with pytest.raises(InputError) as error:
        list(open_dataset(place).pictures())
    [problem] = error.value.problems
    assert "\n" not in problem.text
    return str(problem)


# ---- infgen, and its exports ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.making import make_tables

    folder = tmp_path_factory.mktemp("made")
    tables: Tables = make_tables(folder / "input")
    settings = tables.settings(out=folder / "dataset", images=24, val_frac=0.3)
    infgen.run(**settings, format="coco,yolo", coco_masks="polygon")
    return folder / "dataset"


def test_an_infgen_folder_is_its_records(made: Path) -> None:
    dataset = open_dataset(made)
    entries = list(Store(made).entries())
    pictures = list(dataset.pictures())
    assert (dataset.kind, dataset.classes, dataset.count) == ("infgen", ("coin", "note"), 24)
    assert len(pictures) == 24 and not faults_of(dataset)
    for picture, entry in zip(pictures, entries, strict=True):
        assert (picture.path, picture.split) == (made / entry.file, entry.split)
        assert [one.rle for one in picture.objects] == [one.rle for one in entry.objects]
        assert picture.scene == entry.background.picture


def test_a_record_that_somebody_broke_is_one_sentence(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "made"))
    file = folder / "samples-00000.jsonl"
    file.write_bytes(file.read_bytes().replace(b'{"index":1,', b'{"index":"1,'))
    with pytest.raises(InputError, match=r"samples-00000\.jsonl: can't be read"):
        list(open_dataset(folder).pictures())


def test_its_coco_and_yolo_say_the_same(made: Path) -> None:
    by_name = {one.path.name: one for one in open_dataset(made).pictures()}
    for place in (made / "annotations/instances_train.json", made / "data.yaml"):
        dataset = open_dataset(place)
        assert dataset.classes == ("coin", "note")
        pictures = list(dataset.pictures())
        assert len(pictures) == dataset.count > 10
        assert not faults_of(dataset)
        for picture in pictures:
            truth = by_name[picture.path.name]
            assert (picture.split, picture.size) == (truth.split, truth.size)
            for one, other in zip(picture.objects, truth.objects, strict=True):
                assert one.class_id == other.class_id
                assert one.box.iou(other.box) > 0.99
                same, real = (decode_rle(o.rle, picture.size) for o in (one, other))
                assert (same & real).sum() >= 0.95 * (same | real).sum()


def test_a_folder_of_exports_alone_is_read_as_coco_with_its_splits(
    made: Path, tmp_path: Path
) -> None:
    for name in ("annotations", "images"):
        shutil.copytree(made / name, tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "coco" and dataset.count == 24
    assert {one.split for one in dataset.pictures()} == {"train", "val"}
    assert all(one.path.is_file() for one in dataset.pictures())


def test_an_unfinished_run_is_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "d")
    (tmp_path / "d/manifest.json").unlink()
    assert "hasn't finished" in refused(tmp_path / "d")


# ---- COCO ----------------------------------------------------------------------------------------


def test_coco_as_pycocotools_reads_it(tmp_path: Path) -> None:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[30:50, 40:90] = 1
    packed = coco_mask.encode(np.asfortranarray(mask))
    loose = {"size": list(mask.shape), "counts": [30 + 40 * 120] + [20, 100] * 49 + [20, 8450]}
    loose["counts"][-1] = mask.size - sum(loose["counts"][:-1])
    path = write_coco(tmp_path, count=4)
    path.unlink()
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [40, 30, 50, 20], "iscrowd": 0,
         "segmentation": {"size": list(mask.shape), "counts": packed["counts"].decode()}},
        {"id": 2, "image_id": 2, "category_id": 9, "bbox": [40, 30, 50, 20], "iscrowd": 1,
         "segmentation": loose},
        {"id": 3, "image_id": 3, "category_id": 7, "bbox": [10.5, 20, 30, 40.25], "iscrowd": 0,
         "segmentation": [[10.5, 20, 40.5, 20, 40.5, 60.25], [20, 30, 35, 30, 35, 60, 20, 60]]},
    ]  # fmt: skip
    path = write_coco(tmp_path, count=4, annotations=annotations)
    dataset = open_dataset(path)
    judge = COCO(str(path))
    pictures = list(dataset.pictures())
    assert not faults_of(dataset)
    assert [len(one.objects) for one in pictures] == [1, 1, 1, 0]
    assert [one.crowd for p in pictures for one in p.objects] == [False, True, False]
    assert [dataset.classes[one.class_id] for p in pictures for one in p.objects] == [
        "cat",
        "dog",
        "cat",
    ]
    for picture, label in zip(pictures, annotations, strict=False):
        [one] = picture.objects
        assert one.box.as_coco() == pytest.approx(label["bbox"])
        assert (decode_rle(one.rle, SIZE) == judge.annToMask(label).astype(bool)).all()
    assert tight_box(decode_rle(pictures[0].objects[0].rle, SIZE)) == Box(40, 30, 90, 50)


@pytest.mark.parametrize(
    ("change", "kind", "left"),
    [
        ({"bbox": [10, 20, 0, 40]}, "empty box", 2),
        ({"bbox": [10, 20, 30]}, "empty box", 2),
        ({"bbox": [10, 20, "x", 40]}, "empty box", 2),
        ({"category_id": 5}, "unknown class", 2),
        ({"image_id": 99}, "label of no picture", 2),
        ({"segmentation": [[1, 2, 3, 4]]}, "mask that can't be read", 3),
        ({"segmentation": {"size": [5, 5], "counts": "abc"}}, "mask that can't be read", 3),
        ({"segmentation": {"size": [120, 160], "counts": [5, 6]}}, "mask that can't be read", 3),
        ({"segmentation": {"size": 5, "counts": [5]}}, "mask that can't be read", 3),
        ({"segmentation": {"size": [120, 160], "counts": "abc!"}}, "mask that can't be read", 3),
        ({"segmentation": {"size": [120, 160], "counts": ""}}, "mask that can't be read", 3),
        ({"segmentation": {"size": [120, 160], "counts": "1O"}}, "mask that can't be read", 3),
        ({"segmentation": {"size": [120, 160], "counts": "11"}}, "mask that can't be read", 3),
        ({"segmentation": [[1, 2, 1e9, 2, 5, 9]]}, "mask that can't be read", 3),
        ({"segmentation": "all of it"}, "mask that can't be read", 3),
        ({"id": 2}, "label id given twice", 3),
    ],
)
def test_a_bad_coco_label_is_a_fault_and_the_rest_is_read(
    tmp_path: Path, change: dict, kind: str, left: int
) -> None:
    dataset = open_dataset(write_coco(tmp_path, **change))
    assert faults_of(dataset) == {kind: 1}
    assert sum(len(one.objects) for one in dataset.pictures()) == left


def test_runs_of_no_length_are_allowed_and_no_pixels(tmp_path: Path) -> None:
    counts = [10, 0, 20, 5, 160 * 120 - 35, 0, 0]
    path = write_coco(tmp_path, segmentation={"size": [120, 160], "counts": counts}, bbox=None)
    first, *_ = open_dataset(path).pictures()
    [one] = first.objects
    assert one.box == Box(0, 30, 1, 35) == tight_box(decode_rle(one.rle, SIZE))


def test_a_coco_file_that_is_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """Pieces of another file would be other labels, or none."""
    path = write_coco(tmp_path)
    dataset = open_dataset(path)
    held = path.read_bytes()
    assert list(dataset.pictures())
    for changed in (held.replace(b'"id"', b' "id"'), held[:-200]):
        path.write_bytes(changed)
        with pytest.raises(InputError, match="changed meanwhile"):
            list(dataset.pictures())


def test_a_coco_file_on_a_disk_that_maps_none_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some network disks don't."""
    expected = list(open_dataset(write_coco(tmp_path)).pictures())

    monkeypatch.setattr(coco_file.mmap, "mmap", Mock(side_effect=OSError(errno.ENODEV, "")))
    assert list(open_dataset(tmp_path).pictures()) == expected


def test_a_coco_picture_that_is_gone_is_a_fault_and_keeps_its_labels(tmp_path: Path) -> None:
    path = write_coco(tmp_path)
    (tmp_path / "images/train/train_2.png").unlink()
    dataset = open_dataset(path)
    assert faults_of(dataset) == {"missing picture": 1}
    assert sum(len(one.objects) for one in dataset.pictures()) == 3


def test_roboflow_layout(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        path = write_coco(tmp_path / "made", split)
        (tmp_path / split).mkdir()
        for picture in (tmp_path / "made/images" / split).iterdir():
            picture.rename(tmp_path / split / picture.name)
        path.rename(tmp_path / split / "_annotations.coco.json")
    shutil.rmtree(tmp_path / "made")
    dataset = open_dataset(tmp_path)
    assert not faults_of(dataset) and dataset.count == 6
    assert {one.split for one in dataset.pictures()} == {"train", "valid"}


def test_splits_that_number_their_classes_otherwise_agree_by_name(tmp_path: Path) -> None:
    write_coco(tmp_path, "train")
    write_coco(tmp_path, "val", categories=[{"id": 7, "name": "dog"}])
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("cat", "dog")
    named = {(p.split, dataset.classes[o.class_id]) for p in dataset.pictures() for o in p.objects}
    assert named == {("train", "cat"), ("val", "dog")}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "can't be read as a dataset"),
        ("{", "can't be read as a dataset"),
        ("[1]", "can't be read as a dataset"),
        ('{"images": [], "annotations": [], "categories": []}', "it lists no images"),
        ('{"images": [{"file_name": "a"}], "annotations": [], "categories": []}', "`id`"),
        (
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}], '
            '"categories": []}',
            "annotations[0]: Object missing required field `category_id`",
        ),
    ],
)
def test_a_file_that_is_no_coco_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    assert sentence in refused(path)


def test_two_images_of_one_id_are_refused(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.png", "width": 8, "height": 8}
    assert "several images have the id 1" in refused(write_coco(tmp_path, images=[image, image]))


# ---- YOLO ----------------------------------------------------------------------------------------


def test_yolo_boxes_and_polygons(tmp_path: Path) -> None:
    rows = "0 0.5 0.5 0.25 0.5\n1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n\n"
    dataset = open_dataset(write_yolo(tmp_path, rows).parent)
    first, *_ = dataset.pictures()
    assert (dataset.kind, dataset.classes, dataset.count) == ("yolo", ("cat", "dog"), 4)
    assert not faults_of(dataset)
    box, polygon = first.objects
    assert box.box == Box(60, 30, 100, 90) and not box.rle
    assert polygon.box == Box(40, 30, 120, 90)
    assert tight_box(decode_rle(polygon.rle, SIZE)) == polygon.box


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("0 0.5 0.5 0 0.5", "empty box"),
        ("0 0.5 0.5 nan 0.5", "empty box"),
        ("2 0.5 0.5 0.1 0.1", "unknown class"),
        ("0.5 0.5 0.5 0.1 0.1", "unknown class"),
        ("0 0.5 0.5 0.1", "label that can't be read"),
        ("0 0.5 0.5 0.1 0.1 0.9", "label that can't be read"),
        ("cat 0.5 0.5 0.1 0.1", "label that can't be read"),
        ("0 0.5 0.5 0.5 0.6 0.5 0.7", "empty box"),
    ],
)
def test_a_bad_yolo_row_is_a_fault_with_its_line(tmp_path: Path, row: str, kind: str) -> None:
    dataset = open_dataset(write_yolo(tmp_path, f"0 0.5 0.5 0.1 0.1\n{row}\n"))
    assert faults_of(dataset) == {kind: 1}
    first, *_ = dataset.pictures()
    assert len(first.objects) == 1
    assert "a.txt:2: " in first.faults[0].text


def test_yolo_pictures_without_label_file_or_broken(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "labels/train/a.txt").unlink()
    (tmp_path / "images/val/b.png").write_bytes(b"no picture")
    faults = faults_of(open_dataset(tmp_path))
    assert faults == {"no label file": 1, "picture that can't be read": 1}


@pytest.mark.parametrize(
    "yaml",
    [
        "path: .\ntrain: [images/train]\nval: images/val\nnames: [cat, dog]\n",
        "path: /nowhere/else\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n",
        'train: images/train\nval: images/val\nnames: {"1": dog, "0": cat}\n',
        "train: ../images/train\nval: ../images/val\nnames: [cat, dog]\n",
        "train: train.txt\nval: images/val\nnames: [cat, dog]\n",
    ],
)
def test_the_ways_in_which_data_yaml_names_pictures(tmp_path: Path, yaml: str) -> None:
    write_yolo(tmp_path, yaml=yaml)
    (tmp_path / "train.txt").write_text("./images/train/a.png\nimages/train/b.png\n")
    dataset = open_dataset(tmp_path)
    assert dataset.count == 4 and not faults_of(dataset)


def test_a_split_without_its_pictures_is_a_fault(tmp_path: Path) -> None:
    yaml = "train: images/train\nval: images/gone\nnames: [cat, dog]\n"
    dataset = open_dataset(write_yolo(tmp_path, yaml=yaml))
    [fault] = dataset.faults
    assert dataset.count == 2 and "data.yaml: val: images/gone: no pictures" in fault.text


def test_val_that_points_at_train_is_one_split(tmp_path: Path) -> None:
    write_yolo(tmp_path, yaml="train: images/train\nval: images/train\nnames: [cat, dog]\n")
    assert open_dataset(tmp_path).count == 2


@pytest.mark.parametrize(
    ("yaml", "sentence"),
    [
        ("train: images/train\n", "no `names:`"),
        ("names: {1: cat}\ntrain: images/train\n", "no `names:`"),
        ("train: nowhere\nnames: [cat]\n", "no pictures are where it says (train: nowhere)"),
        ("names: [cat]\n", "no train or val"),
        ("names: [cat\n", "expected ',' or ']'"),
    ],
)
def test_a_data_yaml_that_will_not_do_is_one_sentence(
    tmp_path: Path, yaml: str, sentence: str
) -> None:
    assert sentence in refused(write_yolo(tmp_path, yaml=yaml))


# ---- nothing of the kind -------------------------------------------------------------------------


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    assert "is not there" in refused(tmp_path / "nowhere")
    assert "there is no dataset here that infgen can read" in refused(tmp_path)
    save(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    assert "there is no dataset here" in refused(tmp_path / "a.png")
    (tmp_path / "other.json").write_text('{"a": 1}')
    assert "there is no dataset here" in refused(tmp_path)


# ---- real ----------------------------------------------------------------------------------------


def test_bccd_converted_on_the_fly(shared_data: Path, tmp_path: Path) -> None:
    """364 pictures with real faults: boxes without area, and boxes that leave their picture."""
    count, empty = yolo_from_voc(shared_data / "bccd", tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.count == 364 and dataset.classes == ("RBC", "WBC", "Platelets")
    faults = faults_of(dataset)
    assert faults["empty box"] == empty > 0
    assert sum(len(one.objects) for one in dataset.pictures()) == count - empty


def yolo_from_voc(bccd: Path, folder: Path) -> tuple[int, int]:
    """BCCD as YOLO, pictures linked; (boxes, boxes without area)."""
    names = ("RBC", "WBC", "Platelets")
    count = empty = 0
    for split in ("train", "val", "test"):
        pictures, labels = folder / "images" / split, folder / "labels" / split
        pictures.mkdir(parents=True)
        labels.mkdir(parents=True)
        for stem in (bccd / f"ImageSets/Main/{split}.txt").read_text().split():
            tree = ET.parse(bccd / f"Annotations/{stem}.xml")
            (pictures / f"{stem}.jpg").symlink_to(bccd / f"JPEGImages/{stem}.jpg")
            rows = []
            for one in tree.iterfind("object"):
                x0, y0, x1, y1 = (float(one.findtext(f"bndbox/{k}") or 0)
                                  for k in ("xmin", "ymin", "xmax", "ymax"))  # fmt: skip
                count, empty = count + 1, empty + (x1 <= x0 or y1 <= y0)
                row = ((x0 + x1) / 1280, (y0 + y1) / 960, (x1 - x0) / 640, (y1 - y0) / 480)
                rows.append(f"{names.index(one.findtext('name') or '')} {' '.join(map(str, row))}")
            (labels / f"{stem}.txt").write_text("\n".join(rows))
    listed = "".join(f"  {number}: {name}\n" for number, name in enumerate(names))
    (folder / "data.yaml").write_text(
        f"train: images/train\nval: images/val\ntest: images/test\nnames:\n{listed}"
    )
    return count, empty
