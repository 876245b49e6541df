"""What training gets to see: every label where its object is, the same for the same seed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

import infgen
from infgen.batch.store import Store
from infgen.learn.dataset import Dataset
from infgen.ops.augment.presets import PRESETS
from infgen.ops.augment.recipe import recipe_of
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.errors import InputError, PictureError
from tests.labelled import write_coco
from tests.making import make_tables, save, snapshot

MOVING = recipe_of({"pictures": {"rotate": {"probability": 1, "degrees": (10, 40)}, "mirror": {}}})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 12 pictures that infgen made, in which notes aren't to be mirrored."""
    folder = tmp_path_factory.mktemp("made")
    tables = make_tables(folder / "input")
    head, coin, note = tables.classes.read_text().splitlines()
    tables.classes.write_text(f"{head},mirror\n{coin},yes\n{note},no\n")
    settings = tables.settings(out=folder / "set", format="coco,yolo", val_frac=0.3)
    assert not infgen.run(**settings).failures
    return folder / "set"


def same(one, other):
    return all(np.array_equal(one[key], other[key]) for key in one)


def test_without_augmentation_it_is_the_dataset(made: Path) -> None:
    dataset = infgen.Dataset(made, split=None)
    entries = list(Store(made).entries())
    assert isinstance(dataset, Dataset) and dataset.classes == ("coin", "note")
    assert len(dataset) == len(entries) == 12
    for item, entry in zip(dataset, entries, strict=True):
        pixels = cv2.imread(str(made / entry.file))[..., ::-1]
        assert np.abs(item["image"].astype(int) - pixels).max() <= 3  # two JPEG decoders
        assert item["image"].dtype == np.uint8 and Path(item["path"]) == made / entry.file
        assert item["boxes"].tolist() == [list(one.box.xyxy) for one in entry.objects]
        assert item["boxes"].dtype == np.float32 and item["boxes"].shape[1:] == (4,)
        assert item["labels"].tolist() == [one.class_id for one in entry.objects]
        assert item["labels"].dtype == np.int64
        assert item["masks"].shape == (len(entry.objects), 80, 96)
        for mask, one in zip(item["masks"], entry.objects, strict=True):
            assert (mask == decode_rle(one.rle, (96, 80))).all()


def test_splits_are_apart_and_an_unknown_one_is_told(made: Path) -> None:
    parts = [infgen.Dataset(made, split=split) for split in ("train", "val")]
    assert [len(part) for part in parts] == [8, 4]
    assert not {item["path"] for item in parts[0]} & {item["path"] for item in parts[1]}
    with pytest.raises(InputError, match=r"split 'test' is there \(of all: train, val\)"):
        infgen.Dataset(made, split="test")


@pytest.mark.parametrize("preset", PRESETS)
def test_augmented_labels_are_tight_and_the_files_stay(made: Path, preset: str) -> None:
    before = snapshot(made)
    dataset = infgen.Dataset(made, augment=preset, split=None)
    for item in dataset:
        assert item["image"].shape == (80, 96, 3) and len(item["boxes"]) == len(item["labels"])
        assert len(item["masks"]) == len(item["labels"])
        for mask, box in zip(item["masks"], item["boxes"], strict=True):
            assert tight_box(mask).xyxy == tuple(box)
    assert snapshot(made) == before


def test_what_is_drawn_depends_on_seed_epoch_and_index_alone(made: Path) -> None:
    dataset = infgen.Dataset(made, augment="strong", seed=4)
    first = [dataset[index] for index in range(len(dataset))]
    assert all(map(same, first[::-1], [dataset[-1 - n] for n in range(len(dataset))]))
    assert all(map(same, first, pickle.loads(pickle.dumps(dataset))))
    dataset.set_epoch(1)
    assert not any(map(same, first, dataset))
    dataset.set_epoch(0)
    assert all(map(same, first, dataset))
    assert not any(map(same, first, infgen.Dataset(made, augment="strong", seed=5)))


def test_what_is_not_to_be_mirrored_is_not(made: Path) -> None:
    """By the dataset's own record, which COCO's files don't have."""
    over = recipe_of({"pictures": {"mirror": {"probability": 1}}})
    files = made / "annotations/instances_train.json"
    as_told = [infgen.Dataset(made, over), infgen.Dataset(files, over, no_mirror=["note"])]
    turned = {True: 0, False: 0}
    for before, *after in zip(infgen.Dataset(made), *as_told, strict=True):
        shows = 1 in before["labels"]
        turned[shows] += 1
        for item in after:
            expected = before["image"] if shows else before["image"][:, ::-1]
            assert (item["image"] == expected).all()
    assert min(turned.values()) > 0
    assert not any(map(same, infgen.Dataset(files), infgen.Dataset(files, over)))
    with pytest.raises(InputError, match="no class 'nota': take some of coin, note"):
        infgen.Dataset(files, over, no_mirror=["nota"])


def test_torch_s_loader_gives_what_a_loop_gives(made: Path) -> None:
    data = pytest.importorskip("torch.utils.data")
    dataset = infgen.Dataset(made, augment="light", split=None)
    loader = data.DataLoader(
        dataset, batch_size=5, num_workers=2, collate_fn=dataset.collate, shuffle=False
    )
    batches = list(loader)
    assert [len(batch["image"]) for batch in batches] == [5, 5, 2]
    for number, item in enumerate(dataset):
        batch, place = batches[number // 5], number % 5
        assert same(item, {key: batch[key][place] for key in item})


def test_no_torch_is_needed(made: Path) -> None:
    from tests.test_api import fresh_python

    code = """
import sys, infgen
dataset = infgen.Dataset(sys.argv[1], augment="light")
batch = dataset.collate([dataset[0], dataset[1]])
print(len(batch["image"]), "torch" in sys.modules)
"""
    assert fresh_python(code, made).split() == ["2", "False"]


def test_it_holds_no_pixels(made: Path) -> None:
    dataset = infgen.Dataset(made, split=None)
    empty = len(pickle.dumps(dataset))
    for _ in dataset:
        pass
    assert len(pickle.dumps(dataset)) == empty < 12 * 1500


# ---- other people's datasets ---------------------------------------------------------------------


def test_coco_and_yolo_are_read_alike(made: Path) -> None:
    own = infgen.Dataset(made, split="val")
    for place in (made / "annotations/instances_val.json", made / "data.yaml"):
        other = infgen.Dataset(place, split="val")
        assert other.classes == own.classes and len(other) == len(own)
        for here, there in zip(sorted(own, key=by_path), sorted(other, key=by_path), strict=True):
            assert (here["image"] == there["image"]).all()
            assert here["labels"].tolist() == there["labels"].tolist()
            assert there["boxes"] == pytest.approx(here["boxes"], abs=1.01)
            assert (here["masks"] != there["masks"]).mean() < 0.01


def by_path(item):
    return Path(item["path"]).name


def test_labels_that_are_boxes_have_no_masks_and_follow_as_boxes(tmp_path: Path) -> None:
    save(tmp_path / "images/train/a.png", np.zeros((100, 100, 3), np.uint8))
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/train/a.txt").write_text("0 0.505 0.35 0.41 0.2\n1 0.5 0.5 2 2\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [a, b]\n")
    plain = infgen.Dataset(tmp_path)[0]
    assert plain["masks"] is None
    assert plain["boxes"] == pytest.approx(np.array([(30, 25, 71, 45), (0, 0, 100, 100)]))
    quarter = recipe_of({"pictures": {"rotate": {"probability": 1, "degrees": (90, 90)}}})
    turned = infgen.Dataset(tmp_path, augment=quarter)[0]
    assert turned["masks"] is None
    assert turned["boxes"] == pytest.approx(np.array([(55, 30, 75, 71), (0, 0, 100, 100)]))
    eighth = recipe_of({"pictures": {"rotate": {"probability": 1, "degrees": (45, 45)}}})
    [leaning, _] = infgen.Dataset(tmp_path, augment=eighth)[0]["boxes"]
    assert leaning[2] - leaning[0] == pytest.approx((41 + 20) / 2**0.5, abs=2)


def test_pictures_without_objects_are_items_too(tmp_path: Path) -> None:
    write_coco(tmp_path, annotations=[])
    item = infgen.Dataset(tmp_path, augment=MOVING)[2]
    assert item["boxes"].shape == (0, 4) and item["labels"].shape == (0,)
    assert item["masks"].shape == (0, 120, 160)


def test_what_is_missing_is_left_out_and_counted(tmp_path: Path) -> None:
    write_coco(tmp_path, count=3)
    (tmp_path / "images/train/train_2.png").unlink()
    dataset = infgen.Dataset(tmp_path)
    assert len(dataset) == 2 and dataset.faults == {"missing picture": 1}


def test_a_picture_that_changed_its_size_is_named(tmp_path: Path) -> None:
    write_coco(tmp_path, count=1)
    dataset = infgen.Dataset(tmp_path)
    save(tmp_path / "images/train/train_1.png", np.zeros((50, 70, 3), np.uint8))
    with pytest.raises(PictureError, match=r"train_1.png: it has 70 x 50 pixels.*160 x 120"):
        dataset[0]
    (tmp_path / "images/train/train_1.png").unlink()
    with pytest.raises(PictureError, match=r"train_1.png: can't be read"):
        dataset[0]


def test_an_index_that_is_not_there(made: Path) -> None:
    dataset = infgen.Dataset(made)
    for index in (8, -9):
        with pytest.raises(IndexError, match="the dataset has 8"):
            dataset[index]


def test_recipes_for_objects_alone_have_nothing_to_do(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[objects]\nrotate = {}\n")
    with pytest.raises(InputError, match=r"give it a table \[pictures\]"):
        infgen.Dataset(made, augment=path)
    path.write_text("[pictures]\nmirror = {probability = 1}\n")
    mirrored, plain = infgen.Dataset(made, augment=path)[0], infgen.Dataset(made)[0]
    assert (mirrored["image"] == plain["image"][:, ::-1]).all()
    assert (mirrored["masks"] == plain["masks"][..., ::-1]).all()


def test_real_pictures_with_boxes_that_leave_them(shared_data: Path, tmp_path: Path) -> None:
    """Blood cells: their boxes, some of which are empty or stick out, as COCO."""
    images, annotations = [], []
    for number, path in enumerate(sorted((shared_data / "bccd/Annotations").glob("*.xml"))[:20], 1):
        tree = ElementTree.parse(path)
        picture = shared_data / "bccd/JPEGImages" / f"{path.stem}.jpg"
        images.append({"id": number, "file_name": str(picture), "width": 640, "height": 480})
        for one in tree.iter("bndbox"):
            x0, y0, x1, y1 = (float(one.findtext(k, "")) for k in ("xmin", "ymin", "xmax", "ymax"))
            bbox = [x0, y0, x1 - x0, y1 - y0]
            annotations.append({"image_id": number, "category_id": 1, "bbox": bbox})
    index = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "c"}]}
    (tmp_path / "all.json").write_text(json.dumps(index))
    plain = infgen.Dataset(tmp_path, split=None)
    dataset = infgen.Dataset(tmp_path, augment="strong", split=None)
    assert len(dataset) == 20
    for before, item in zip(plain, dataset, strict=True):
        x0, y0, x1, y1 = item["boxes"].T
        assert item["masks"] is None and item["image"].shape == (480, 640, 3)
        assert (x0 >= 0).all() and (y0 >= 0).all() and (x1 <= 640).all() and (y1 <= 480).all()
        assert (x0 < x1).all() and (y0 < y1).all()
        assert len(before["boxes"]) > 3
