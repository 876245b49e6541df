"""Classic copy-paste: annotated pictures as backgrounds, from the command to the exports."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

import infgen
from infgen.batch.store import Store
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import FolderError, InputError
from infgen.records.sample import Entry
from infgen.report.colours import class_colours
from tests.labelled import write_coco
from tests.making import CLASSES_HEADER, Tables, differing, draw_cutout, save, snapshot

BLOB = [[20, 30, 120, 30, 120, 90, 20, 90]]  # a rectangle of 100 x 60 in 160 x 120


def entries(folder: Path) -> list[Entry]:
    return list(Store(folder).entries())


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """Backgrounds with a cat each, and coins to paste."""
    folder = tmp_path / "input"
    index = write_coco(folder, count=4)
    file = json.loads(index.read_text())
    for one in file["annotations"]:
        one |= {"bbox": [20, 30, 100, 60], "segmentation": BLOB}
    index.write_text(json.dumps(file))
    for number in range(3):
        save(folder / f"cutouts/{number}.png", draw_cutout(0, number))
    made = Tables(folder / "background.csv", folder / "classes.csv")
    made.backgrounds.write_text("prompt,num_imgs,images\n,,images/train\n")
    made.classes.write_text(f"{CLASSES_HEADER}\na coin,2,5,,,15%,15%,60%,60%,coin,cutouts\n")
    return made


def settings(tables: Tables, **more):
    labels = {"background_labels": tables.classes.parent, "max_overlap": 1.0, "decoys": 1.0}
    return tables.settings(width=160, height=120, **labels | more)


def test_every_picture_keeps_its_labels_cut_back_to_what_is_visible(tables, tmp_path) -> None:
    out = tmp_path / "out"
    manifest = infgen.run(
        **settings(tables, out=out, images=24, min_visible=0.8, format="coco,yolo,masks")
    )
    assert [one.name for one in manifest.classes] == ["coin", "cat"]
    assert manifest.classes[1].given == manifest.classes[1].objects == 24
    cut, dropped = 0, 0
    for entry in entries(out):
        cat, *coins = entry.objects
        assert (cat.class_id, cat.method, cat.id) == (1, "given", 1)
        assert all(one.method == "paste" for one in coins)
        whole = np.zeros((120, 160), bool)
        left, right = (40, 140) if entry.background.flip else (20, 120)
        whole[30:90, left:right] = True
        over = np.zeros_like(whole)
        for coin in coins:
            over |= decode_rle(coin.rle, entry.size)
        assert (decode_rle(cat.rle, entry.size) == whole & ~over).all()
        assert cat.visible_frac == round((whole & ~over).sum() / 6000, 4) >= 0.8
        cut += bool((whole & over).any())
        dropped += sum("labelled object" in one.reason for one in entry.dropped)
        for decoy in entry.decoys:
            assert not (decode_rle(decoy.rle, entry.size) & whole).any()
    assert cut > 5 and dropped > 0
    read = COCO(str(out / "annotations/instances_train.json"))
    assert {one["name"] for one in read.cats.values()} == {"coin", "cat"}
    shown = cv2.imread(str(out / "preview.png"), cv2.IMREAD_COLOR_RGB)
    assert (shown == class_colours(2)[1]).all(axis=2).any()


def test_no_pasted_object_avoids_the_given_ones_by_chance_alone(tables, tmp_path) -> None:
    """With --max-overlap 0 nothing is put on a labelled object."""
    plans = list(infgen.plan(**settings(tables, images=30, max_overlap=0.0)))
    boxes = [(one.box, there.box) for plan in plans for there in plan.given for one in plan.objects]
    assert len(boxes) > 20 and not any(one.intersect(other) for one, other in boxes)


def test_any_number_of_workers_and_a_second_run_make_the_same(tables, tmp_path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    infgen.run(**settings(tables, out=one, images=20))
    infgen.run(**settings(tables, out=two, images=20, workers=2))
    assert differing(snapshot(one, "run.toml"), snapshot(two, "run.toml")) == []
    (two / "images/train").rename(two / "images/lost")
    infgen.run(**settings(tables, out=two, images=20))
    assert (snapshot(one / "images/train")) == snapshot(two / "images/train")


def test_other_labels_are_another_dataset(tables, tmp_path) -> None:
    out = tmp_path / "out"
    infgen.run(**settings(tables, out=out))
    index = tables.classes.parent / "annotations/instances_train.json"
    index.write_text(index.read_text().replace("[20, 30, 100, 60]", "[20, 30, 100, 59]"))
    with pytest.raises(FolderError, match="the labels of the backgrounds has changed"):
        infgen.run(**settings(tables, out=out))


def test_boxes_without_masks_stay_boxes(tables, tmp_path) -> None:
    index = tables.classes.parent / "annotations/instances_train.json"
    file = json.loads(index.read_text())
    for one in file["annotations"]:
        one["segmentation"] = []
    index.write_text(json.dumps(file))
    with pytest.raises(InputError, match="masks holds masks, and 4 labels"):
        infgen.run(**settings(tables, out=tmp_path / "never", format="masks"))
    assert not (tmp_path / "never").exists()
    out = tmp_path / "out"
    manifest = infgen.run(**settings(tables, out=out))
    assert manifest.unmasked == 12
    for entry in entries(out):
        cat = entry.objects[0]
        assert cat.method == "given" and not cat.rle and cat.box.area <= 6000
    read = COCO(str(out / "annotations/instances_train.json"))
    assert any(one["segmentation"] == [] for one in read.anns.values())


def test_crowds_are_pasted_over_and_stay_crowds(tables, tmp_path) -> None:
    index = tables.classes.parent / "annotations/instances_train.json"
    index.write_text(index.read_text().replace('"iscrowd": 0', '"iscrowd": 1'))
    out = tmp_path / "out"
    infgen.run(**settings(tables, out=out))
    crowds = [one for entry in entries(out) for one in entry.objects if one.class_id == 1]
    assert crowds and all(one.crowd for one in crowds)
    assert not any("labelled" in d.reason for entry in entries(out) for d in entry.dropped)
    read = COCO(str(out / "annotations/instances_train.json"))
    assert any(one["iscrowd"] for one in read.anns.values())


def test_real_pictures_with_masks(shared_data: Path, tmp_path) -> None:
    """Labels of Pascal VOC's pictures, on canvases of another shape, fit what is seen: their masks
    are where the picture scaled, cut and mirrored by other means shows what they show."""
    voc = shared_data / "voc_mini"
    backgrounds = tmp_path / "background.csv"
    backgrounds.write_text(f"prompt,num_imgs,images\n,,{voc / 'Images'}\n")
    classes = tmp_path / "classes.csv"
    cutouts = shared_data / "cutouts" / "sheep"
    classes.write_text(f"{CLASSES_HEADER}\n,0,2,,,10%,10%,30%,30%,sheep,{cutouts}\n")
    out = tmp_path / "out"
    asked = {"backgrounds": backgrounds, "classes": classes, "background_labels": voc}
    manifest = infgen.run(
        **asked, out=out, images=22, width=320, height=320, workers=1, method="paste", report=False
    )
    names = [one.name for one in manifest.classes]
    assert names[0] == "sheep" and {"person", "bus", "bird"} <= set(names[1:])
    given = [(entry, one) for entry in entries(out) for one in entry.objects
             if one.method == "given"]  # fmt: skip
    assert len(given) > 60
    for entry, one in given:
        mask = cv2.imread(
            str(voc / "Masks" / Path(entry.background.picture).with_suffix(".png").name),
            cv2.IMREAD_COLOR,
        )
        scaled = cv2.resize(
            mask, entry.background.scaled_size, interpolation=cv2.INTER_NEAREST_EXACT
        )
        x, y = entry.background.offset
        window = scaled[y : y + 320, x : x + 320]
        window = window[:, ::-1] if entry.background.flip else window
        inside = window[decode_rle(one.rle, entry.size)]
        colours, counts = np.unique(inside, axis=0, return_counts=True)
        assert counts.max() / counts.sum() > 0.97  # one object's value
        assert colours[counts.argmax()].any()  # not the background's


def test_decoys_get_their_pixels_from_where_nothing_is_labelled(tables) -> None:
    """A copy of a labelled object would be an object without a label."""
    decoys = 0
    for plan in infgen.plan(**settings(tables, images=60)):
        for one in plan.decoys:
            decoys += 1
            (x, y), (width, height) = one.source, plan.size
            left = min(max(x * width - one.box.width / 2, 0), width - one.box.width)
            top = min(max(y * height - one.box.height / 2, 0), height - one.box.height)
            taken = Box(left, top, left + one.box.width, top + one.box.height)
            for there in plan.given:
                common = taken.intersect(there.box)
                assert common is None or min(common.width, common.height) < 0.1
                assert one.box.intersect(there.box) is None
    assert decoys > 10
