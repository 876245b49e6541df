"""`infgen convert` and `infgen merge`: what goes in comes out, in every format that can hold it."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

import infgen
from infgen.batch.gather import split_of
from infgen.batch.store import open_finished
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import FolderError, InputError
from infgen.records.sample import Entry
from infgen.sources.datasets import open_dataset
from tests.foreign import Label, Shot, masked, write_foreign
from tests.labelled import write_coco, write_yolo
from tests.making import (
    differing,
    infgen_here,
    make_tables,
    save,
    snapshot,
    start,
    wait_until,
)

SIZE = (64, 48)


def convert(source: Path, out: Path, **more: Any) -> list[Entry]:
    """The records of a converted dataset, which has no report."""
    infgen.convert(source, out=out, **{"workers": 1, "report": False, **more})
    return entries_of(out)


def entries_of(out: Path) -> list[Entry]:
    return list(open_finished(out)[0].entries())


def notes_of(out: Path) -> str:
    return "\n".join(open_finished(out)[1].notes)


def coco_of(folder: Path, split: str = "train") -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / f"annotations/instances_{split}.json"))


def labels_of(coco: COCO) -> dict[str, list[tuple[str, tuple[float, ...], bytes]]]:
    """By file name the labels as pycocotools reads them: class, box, pixels of the mask."""
    found = {}
    for image in coco.imgs.values():
        labels = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        found[image["file_name"]] = [
            (
                coco.cats[one["category_id"]]["name"],
                tuple(one["bbox"]),
                coco.annToMask(one).tobytes() if one.get("segmentation") else b"",
            )
            for one in labels
        ]
    return found


def rectangle(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return mask


BOXED = [
    Shot("a.png", SIZE, [Label(0, Box(4, 5, 30, 40)), Label(1, Box(0, 0, 64, 48))], 1),
    Shot("b.jpg", SIZE, [Label(1, Box(10.25, 3.5, 20.75, 44))], 2),
    Shot("c.png", (40, 90), [], 3),
]

# ---- what goes in comes out ----------------------------------------------------------------------


@st.composite
def boxes(draw: st.DrawFn, size: tuple[int, int]) -> Box:
    """Whole pixels, two a side at least: to VOC a single pixel is a click that went wrong."""
    x0, y0 = (draw(st.integers(0, side - 2)) for side in size)
    x1, y1 = (draw(st.integers(low + 2, side)) for low, side in zip((x0, y0), size, strict=True))
    return Box(x0, y0, x1, y1)


@st.composite
def shots(draw: st.DrawFn) -> list[Shot]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        size = (draw(st.integers(3, 2000)), draw(st.integers(3, 50)))
        found = draw(st.lists(boxes(size), max_size=4))
        labels = [Label(draw(st.integers(0, 1)), box) for box in found]
        made.append(Shot(f"{number}.png", size, labels, number))
    return [*made, Shot("one.png", SIZE, [Label(0, Box(3, 3, 9, 9))])]


@settings(max_examples=8)
@given(shots())
def test_boxes_go_through_coco_yolo_and_voc_unchanged(made: list[Shot]) -> None:
    with TemporaryDirectory() as folder:
        top = Path(folder)
        first = labels_of(read(write_foreign(top / "in", made)))
        convert(top / "in", top / "1", format="yolo")
        convert(top / "1/data.yaml", top / "2", format="voc")
        convert(top / "2/voc", top / "3", format="coco,sigtor")
        assert labels_of(coco_of(top / "3")) == first
        convert(top / "3/sigtor", top / "4", format="coco")
        labelled = {name: own for name, own in first.items() if own}  # SIGtor takes no others
        assert labels_of(coco_of(top / "4")) == labelled


def read(path: Path) -> COCO:
    return coco_of(path.parent.parent, path.stem.removeprefix("instances_"))


@settings(max_examples=8)
@given(st.data())
def test_masks_go_through_every_format_that_holds_them_unchanged(data: st.DataObject) -> None:
    values = data.draw(
        st.lists(st.sampled_from([0, 1, 2, 3]), min_size=12 * 9, max_size=12 * 9), "quarters"
    )
    map_of = np.array(values).reshape(9, 12).repeat(5, 0).repeat(5, 1)  # blocks: 60 x 45
    labels = [masked(v % 2, map_of == v) for v in (1, 2, 3) if (map_of == v).any()]
    made = [
        Shot("a.png", (60, 45), labels, 1),
        Shot("b.png", SIZE, [masked(1, rectangle(1, 2, 30, 9))]),
    ]
    with TemporaryDirectory() as folder:
        top = Path(folder)
        first = labels_of(read(write_foreign(top / "in", made, classes=("cat", "dog"))))
        convert(top / "in", top / "1", format="coco")
        convert(top / "1/annotations/instances_train.json", top / "2", format="voc,sigtor,yolo")
        convert(top / "2/voc", top / "3", format="coco", coco_masks="rle")
        convert(top / "2/sigtor", top / "4", format="coco")
        convert(top / "2/data.yaml", top / "5", format="coco")
        for last in (top / "1", top / "3", top / "5"):
            assert labels_of(coco_of(last)) == first
        labelled = {name: own for name, own in first.items() if own}  # SIGtor takes no others
        assert labels_of(coco_of(top / "4")) == labelled


def test_boxes_of_any_fraction_stay_as_they_are_in_coco(tmp_path: Path) -> None:
    write_foreign(tmp_path / "in", BOXED)
    convert(tmp_path / "in", tmp_path / "out", format="coco")
    same = labels_of(coco_of(tmp_path / "out"))
    assert same == labels_of(coco_of(tmp_path / "in"))
    assert [len(labels) for labels in same.values()] == [2, 1, 0]


def test_supervision_reads_the_same_from_every_format(tmp_path: Path) -> None:
    write_foreign(tmp_path / "in", BOXED[:1])
    convert(tmp_path / "in", tmp_path / "out", format="coco,yolo,voc")
    out, voc = tmp_path / "out", tmp_path / "out/voc/VOCdevkit/VOC2012"
    pictures = str(out / "images/train")
    theirs = {
        "coco": sv.DetectionDataset.from_coco(
            pictures, str(out / "annotations/instances_train.json")
        ),
        "yolo": sv.DetectionDataset.from_yolo(
            pictures, str(out / "labels/train"), str(out / "data.yaml")
        ),
        "voc": sv.DetectionDataset.from_pascal_voc(
            str(voc / "JPEGImages"), str(voc / "Annotations")
        ),
    }
    for name, dataset in theirs.items():
        [(_, _, found)] = list(dataset)
        names = [dataset.classes[int(number)] for number in found.class_id]
        assert names == ["cat", "dog"], name
        expected = [one.box.xyxy for one in BOXED[0].labels]
        assert np.allclose(found.xyxy, expected, atol=1e-3), name


def test_pictures_keep_their_bytes_and_names_whatever_their_ending(tmp_path: Path) -> None:
    shots = [Shot(f"p{n}.{end}", SIZE, [Label(0, Box(1, 1, 9, 9))], n) for n, end in
             enumerate(("png", "jpg", "JPG", "webp", "bmp", "tiff"))]  # fmt: skip
    write_foreign(tmp_path / "in", shots)
    entries = convert(tmp_path / "in", tmp_path / "out", format="coco,yolo,voc,sigtor")
    assert [Path(one.file).name for one in entries] == [shot.name for shot in shots]
    for entry in entries:
        source = tmp_path / "in/images/train" / Path(entry.file).name
        assert (tmp_path / "out" / entry.file).read_bytes() == source.read_bytes()
    assert sorted(path.name for path in (tmp_path / "out/labels/train").iterdir()) == [
        f"p{n}.txt" for n in range(6)
    ]


def test_splits_are_kept_and_named_as_trainers_know_them(tmp_path: Path) -> None:
    for seed, split in enumerate(("train2017", "valid", "test-dev", "odd")):
        write_foreign(tmp_path / "in", [Shot(f"{split}.png", SIZE, [], seed)], split)
    entries = convert(tmp_path / "in", tmp_path / "out")
    assert {Path(one.file).stem: one.split for one in entries} == {
        "train2017": "train",
        "valid": "val",
        "test-dev": "test",
        "odd": "train",
    }
    assert "'odd' is train" in notes_of(tmp_path / "out")
    again = open_dataset(tmp_path / "out/data.yaml")
    assert Counter(one.split for one in again.pictures()) == {"train": 2, "val": 1, "test": 1}


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("person_keypoints_val2017", "val"), ("Validation", "val"),
     ("x.test", "test"), ("default", "train"), ("trainval", "train"), ("retest", "train")],
)  # fmt: skip
def test_what_a_split_is(name: str, split: str) -> None:
    assert split_of(name) == split


def test_infgens_own_datasets_can_be_converted(tmp_path: Path) -> None:
    made = make_tables(tmp_path / "in").settings(out=tmp_path / "made", images=6, val_frac=0.3)
    infgen.run(**made)
    entries = convert(tmp_path / "made", tmp_path / "out", format="coco")
    for one, other in zip(entries, entries_of(tmp_path / "made"), strict=True):
        assert (one.file, one.split, one.size) == (other.file, other.split, other.size)
        assert [(o.class_id, o.box, o.rle, o.area) for o in one.objects] == [
            (o.class_id, o.box, o.rle, o.area) for o in other.objects
        ]


def test_what_was_behind_merged_datasets_stays_known(tmp_path: Path) -> None:
    infgen.run(**make_tables(tmp_path / "in").settings(out=tmp_path / "made", images=6))
    values = json.loads((tmp_path / "made/manifest.json").read_bytes())
    models = {
        "scenes": {"model": "a/b@1"},
        "licences": ["a/b: OpenRAIL"],
        "depth": {"licence": "d"},
    }
    (tmp_path / "made/manifest.json").write_text(
        json.dumps(values | {"models": models, "upright": ["coin"]})
    )
    write_foreign(tmp_path / "theirs", BOXED[:1])
    (tmp_path / "map.csv").write_text("class,becomes\nnote,\ncoin,token\n")
    options = {"workers": 1, "map": tmp_path / "map.csv", "format": "coco", "report": False}
    merged = infgen.merge(tmp_path / "made", tmp_path / "theirs", out=tmp_path / "m", **options)
    made, theirs = merged.origins
    coins = sum(one.objects for one in merged.classes if one.name == "token")
    assert (made.kind, made.pictures, made.methods) == ("infgen", 6, {"paste": coins})
    assert made.scenes == {"own pictures": 6} and "depth" not in made.models[0]
    assert made.sources == values["sources"] and made.drawn
    assert (theirs.kind, theirs.pictures, theirs.drawn) == ("coco", 1, False)
    (tmp_path / "names").write_text("jeton\nA\nB\n")
    again = infgen.convert(
        tmp_path / "m", out=tmp_path / "c", names=tmp_path / "names", workers=1, gallery=1
    )
    assert (merged.upright, again.upright) == (("token",), ("jeton",))
    [origin] = again.origins
    assert (origin.name, origin.origins, again.models) == ("m", merged.origins, {})
    card = (tmp_path / "c/README.md").read_text()
    assert f"  - made (made with infgen), 6 pictures: objects: {coins} pasted" in card
    assert "    - model a/b: OpenRAIL" in card and "# Pictures with labels" in card
    assert "  - theirs (coco labels), 1 picture: how they were made" in card
    assert "- backgrounds of made: 6 files" in card and "| 0 | jeton | a thing |" in card


# ---- labels that aren't as they should be --------------------------------------------------------


def test_boxes_end_at_the_border_and_what_is_outside_is_dropped(tmp_path: Path) -> None:
    labels = [Label(0, Box(-5, 10, 20.5, 60)), Label(1, Box(70, 1, 90, 9)),
              Label(0, Box(63.9, 0, 80, 20)), Label(1, Box(2, 2, 5, 5))]  # fmt: skip
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, labels)])
    [entry] = convert(tmp_path / "in", tmp_path / "out")
    assert [one.box for one in entry.objects] == [Box(0, 10, 20.5, 48), Box(2, 2, 5, 5)]
    assert entry.objects[0].requested == labels[0].box
    assert [(one.reason, one.class_id) for one in entry.dropped] == [
        ("outside its picture", 1),
        ("outside its picture", 0),
    ]
    assert "1 boxes left their pictures and end at the border now" in notes_of(tmp_path / "out")
    assert [one.dropped for one in open_finished(tmp_path / "out")[1].classes] == [
        {"outside its picture": 1},
        {"outside its picture": 1},
    ]


def test_boxes_are_tight_around_their_masks_and_empty_masks_are_dropped(tmp_path: Path) -> None:
    loose = Label(0, Box(0, 0, 60, 40), rectangle(10, 10, 20, 30))
    empty = Label(0, Box(0, 0, 60, 40), np.zeros(SIZE[::-1], bool))
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, [loose, empty])])
    [entry] = convert(tmp_path / "in", tmp_path / "out", format="yolo,masks")
    [one] = entry.objects
    assert (one.box, one.requested, one.area) == (Box(10, 10, 20, 30), loose.box, 200)
    assert [one.reason for one in entry.dropped] == ["empty mask"]
    assert len((tmp_path / "out/labels/train/a.txt").read_text().split()) > 5  # a polygon


def test_crowds_stay_crowds_in_coco_and_are_told(tmp_path: Path) -> None:
    labels = [masked(0, rectangle(1, 1, 30, 20), crowd=True), masked(1, rectangle(40, 5, 50, 9))]
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, labels)])
    convert(tmp_path / "in", tmp_path / "out", format="coco,yolo,masks")
    coco = coco_of(tmp_path / "out")
    assert [one["iscrowd"] for one in coco.dataset["annotations"]] == [1, 0]
    assert (coco.annToMask(coco.dataset["annotations"][0]).astype(bool) == labels[0].mask).all()
    assert len((tmp_path / "out/labels/train/a.txt").read_text().splitlines()) == 1
    assert "1 labels are crowds" in notes_of(tmp_path / "out")
    again = convert(tmp_path / "out", tmp_path / "again", format="coco")
    assert [one.crowd for one in again[0].objects] == [True, False]


def test_boxes_among_masks_are_told_and_make_yolo_all_boxes(tmp_path: Path) -> None:
    labels = [masked(1, rectangle(40, 5, 50, 9)), Label(0, Box(1, 1, 9, 9))]
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, labels)])
    convert(tmp_path / "in", tmp_path / "out", format="yolo")
    rows = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()
    assert [len(row.split()) for row in rows] == [5, 5]
    assert "1 of 2 labels are boxes without a mask" in notes_of(tmp_path / "out")
    with pytest.raises(InputError, match="--format hf holds masks, and 1 labels"):
        infgen.export(tmp_path / "out", "hf")


def test_masks_that_overlap_are_told(tmp_path: Path) -> None:
    labels = [masked(0, rectangle(1, 1, 30, 20)), masked(1, rectangle(29, 5, 50, 9))]
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, labels), Shot("b.png", SIZE, labels[:1])])
    convert(tmp_path / "in", tmp_path / "out", format="coco,masks")
    assert "masks overlap in 1 pictures" in notes_of(tmp_path / "out")
    coco = coco_of(tmp_path / "out")
    assert (coco.annToMask(coco.anns[1]).astype(bool) == labels[0].mask).all()
    pixels = np.asarray(Image.open(tmp_path / "out/masks/train/a.png"))
    assert (pixels == 2).sum() == labels[1].mask.sum()


def test_labels_that_can_not_be_read_are_counted_and_listed(tmp_path: Path) -> None:
    write_coco(tmp_path / "in", bbox=[10, 20, 0, 40])
    convert(tmp_path / "in", tmp_path / "out")
    assert "1 x empty box: train_1.png: label 1" in notes_of(tmp_path / "out")
    assert "its bbox is" in (tmp_path / "out/faults.txt").read_text()


@pytest.mark.parametrize(
    ("name", "format", "words"),
    [
        ("masks", "masks", "4 labels of this dataset are boxes without one"),
        ("npy", "coco,npy", "needs pictures without their objects"),
        ("xml", "xml", "there is no format xml"),
    ],
)
def test_formats_that_can_not_be_are_refused_first(
    tmp_path: Path, name: str, format: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        convert(write_yolo(tmp_path / "in"), tmp_path / "out", format=format)
    assert not (tmp_path / "out").exists()


def test_a_format_without_room_for_what_is_there_is_refused_first(tmp_path: Path) -> None:
    """More masks in a picture than 8 bits hold, and than pycocotools takes at a time."""
    labels = [
        masked(0, rectangle(x, y, x + 2, y + 2)) for x in range(0, 64, 3) for y in range(0, 39, 3)
    ]
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, labels)])
    convert(tmp_path / "in", tmp_path / "out", format="coco")
    before = snapshot(tmp_path / "out")
    for name in ("voc", "sigtor"):
        with pytest.raises(InputError, match=f"^the dataset: {len(labels)} objects in a picture"):
            infgen.export(tmp_path / "out", name)
    assert not differing(before, snapshot(tmp_path / "out"))


# ---- pictures that aren't as they should be ------------------------------------------------------


def test_pictures_that_can_not_be_taken_are_named_and_counted(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "in", count=5)
    pictures = tmp_path / "in/images/train"
    (pictures / "train_1.png").unlink()
    (pictures / "train_2.png").write_bytes((pictures / "train_2.png").read_bytes()[:2000])
    save(pictures / "train_3.png", np.zeros((9, 9, 3), np.uint8))
    done = infgen_here("convert", path, "--out", tmp_path / "out", "--workers", "2")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "2 pictures (2 train)" in done.stdout
    reasons = {one.index: one.reason for one in open_finished(tmp_path / "out")[1].failures}
    assert list(reasons) == [0, 1, 2]
    assert "train_1.png: can't be read" in reasons[0]
    assert "train_2.png: the picture is broken or cut short" in reasons[1]
    assert "its labels are for 160 x 120 pixels, and it has 9 x 9" in reasons[2]
    enough = ["--max-failures", "3", "--no-report"]
    assert infgen_here("convert", path, "--out", tmp_path / "b", *enough).returncode == 0


def test_a_picture_whose_labels_can_not_be_read_is_no_negative(tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "in", rows="cat 0.5 0.5 0.25 0.5\n")
    entries = convert(path, tmp_path / "out")
    assert "a.txt:1" in entries[0].failure and "no label of it can be read" in entries[0].failure
    assert not any(one.failure for one in entries[1:])


def test_a_picture_whose_labels_are_left_out_by_the_table_stays(tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "in", rows="cat 0.5 0.5 0.25 0.5\n0 0.5 0.5 0.25 0.5\n")
    (tmp_path / "map.csv").write_text("class,becomes\ncat,\n")
    entries = convert(path, tmp_path / "out", map=tmp_path / "map.csv")
    assert not any(one.failure for one in entries) and not entries[0].objects


def test_pictures_turned_by_exif_are_taken_only_if_their_labels_turn_too(tmp_path: Path) -> None:
    made = [Shot("a.jpg", SIZE, [], 1), Shot("b.jpg", SIZE[::-1], [], 2)]
    write_foreign(tmp_path / "in", made)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", SIZE).save(tmp_path / "in/images/train" / name, exif=exif)
    one, other = convert(tmp_path / "in", tmp_path / "out")
    assert "its labels are for 64 x 48 pixels, and it has 48 x 64" in one.failure
    assert not other.failure


def test_a_picture_that_vanishes_on_the_way_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_foreign(tmp_path / "in", BOXED)
    from infgen.batch import convert as module

    link = module.link_file

    def link_and_lose(source: Path, path: Path) -> None:
        link(source, path)
        (tmp_path / "in/images/train/b.jpg").unlink(missing_ok=True)

    monkeypatch.setattr(module, "link_file", link_and_lose)
    entries = convert(tmp_path / "in", tmp_path / "out")
    assert [bool(one.failure) for one in entries] == [False, True, False]
    assert "b.jpg: No such file" in entries[1].failure


def test_equal_names_are_told_apart_everywhere(tmp_path: Path) -> None:
    first = [Shot("a.png", SIZE, [Label(0, Box(1, 1, 9, 9))], 1), Shot("a.jpg", SIZE, [], 2),
             Shot("A.bmp", SIZE, [], 3)]  # fmt: skip
    write_foreign(tmp_path / "in", first)
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, [Label(1, Box(2, 2, 7, 7))], 4)], "val")
    entries = convert(tmp_path / "in", tmp_path / "out", format="coco,yolo,voc")
    stems = [one.stem for one in entries]
    assert stems == ["a", "train_a", "in_A", "val_a"]
    assert [one.background.picture for one in entries][-1] == "images/val/a.png"
    assert "3 pictures of equal or long names got others" in notes_of(tmp_path / "out")
    voc = labels_of_reader(tmp_path / "out/voc")
    assert voc["a"] == [("cat", Box(1, 1, 9, 9))] and voc["val_a"] == [("dog", Box(2, 2, 7, 7))]


def test_names_as_long_as_disks_take_them_are_cut_off(tmp_path: Path) -> None:
    shots = [Shot("é" * 125 + f"{n}.jpg", SIZE, [Label(0, Box(1, 1, 9, 9))], n) for n in (1, 2)]
    write_foreign(tmp_path / "in", shots)
    entries = convert(tmp_path / "in", tmp_path / "out", format="coco,yolo,classification")
    assert [one.stem for one in entries] == ["é" * 110, ("train_" + "é" * 110)[:113]]
    assert not any(one.failure for one in entries)


def labels_of_reader(place: Path) -> dict[str, list[tuple[str, Box]]]:
    dataset = open_dataset(place)
    return {
        picture.path.stem: [(dataset.classes[one.class_id], one.box) for one in picture.objects]
        for picture in dataset.pictures()
    }


# ---- several -------------------------------------------------------------------------------------


def two_datasets(folder: Path) -> tuple[Path, Path]:
    """One with cats and dogs, one with dogs, Cats and owls, and a picture of each name."""
    labels = [Label(n, Box(2 + 9 * n, 2, 9 + 9 * n, 20)) for n in range(2)]
    write_foreign(folder / "one", [Shot("a.png", SIZE, labels, 1), Shot("b.png", SIZE, [], 2)])
    labels = [Label(n, Box(2 + 9 * n, 2, 9 + 9 * n, 20)) for n in range(3)]
    shots = [Shot("a.png", SIZE, labels, 3), Shot("c.png", SIZE, [], 2)]
    write_foreign(folder / "two", shots, "val", ("dog", "Cat", "owl"))
    return folder / "one", folder / "two"


def merged_labels(out: Path) -> list[list[str]]:
    names = [one.name for one in open_finished(out)[1].classes]
    return [[names[one.class_id] for one in entry.objects] for entry in entries_of(out)]


def test_classes_of_one_name_become_one(tmp_path: Path) -> None:
    one, two = two_datasets(tmp_path)
    manifest = infgen.merge(one, two, out=tmp_path / "out", workers=1, report=False)
    assert [kind.name for kind in manifest.classes] == ["cat", "dog", "Cat", "owl"]
    assert merged_labels(tmp_path / "out") == [["cat", "dog"], [], ["dog", "Cat", "owl"], []]
    entries = entries_of(tmp_path / "out")
    assert [entry.stem for entry in entries] == ["a", "b", "val_a", "c"]
    assert [entry.index for entry in entries] == [0, 1, 2, 3]
    assert [entry.background.picture for entry in entries][2] == "two/images/val/a.png"
    assert manifest.splits == {"train": 2, "val": 2}
    notes = "\n".join(manifest.notes)
    assert "'cat' and 'Cat' stay two classes" in notes
    assert "1 pictures are in more than one split" in notes
    assert "one/images/train/b.png = two/images/val/c.png" in notes
    numbers = [coco_of(tmp_path / "out", split).getImgIds() for split in ("train", "val")]
    assert sorted(numbers[0] + numbers[1]) == [1, 2, 3, 4]


def test_a_table_renames_joins_and_leaves_out(tmp_path: Path) -> None:
    one, two = two_datasets(tmp_path)
    (tmp_path / "map.csv").write_text("dataset,class,becomes\n,Cat,cat\ntwo,dog,wolf\n,owl,\n")
    done = infgen_here(
        "merge", one, two, "--map", tmp_path / "map.csv", "--out", tmp_path / "out", "--no-report"
    )
    assert done.returncode == 0, done.stderr
    assert merged_labels(tmp_path / "out") == [["cat", "dog"], [], ["wolf", "cat"], []]
    manifest = open_finished(tmp_path / "out")[1]
    assert [kind.name for kind in manifest.classes] == ["cat", "dog", "wolf"]
    assert "1 labels of 'owl' are left out, as --map says" in done.stderr


def test_equal_pictures_in_one_split_are_told(tmp_path: Path) -> None:
    write_foreign(tmp_path / "in", [Shot("a.png", SIZE, [], 7), Shot("b.png", SIZE, [], 7)])
    convert(tmp_path / "in", tmp_path / "out")
    assert "1 pictures are more than once in a split" in notes_of(tmp_path / "out")


def test_folders_of_equal_names_are_numbered(tmp_path: Path) -> None:
    for place in ("x/data", "y/data"):
        write_foreign(tmp_path / place, [Shot("a.png", SIZE, [], ord(place[0]))])
    infgen.merge(
        tmp_path / "x/data", tmp_path / "y/data", out=tmp_path / "out", workers=1, report=False
    )
    names = [one.background.picture for one in entries_of(tmp_path / "out")]
    assert names == ["data/images/train/a.png", "data-2/images/train/a.png"]


def test_names_from_a_text_file(tmp_path: Path) -> None:
    save(tmp_path / "in/a.png", np.zeros((*SIZE[::-1], 3), np.uint8))
    (tmp_path / "in/lines.txt").write_text("a.png 1,2,30,40,1\n")
    (tmp_path / "names").write_text("cat\ndog\nowl\n")
    convert(tmp_path / "in", tmp_path / "out", names=tmp_path / "names")
    classes = open_finished(tmp_path / "out")[1].classes
    assert [(one.name, one.objects) for one in classes] == [("cat", 0), ("dog", 1), ("owl", 0)]
    (tmp_path / "names").write_text("cat\n")
    with pytest.raises(InputError, match="names 1 classes, and the dataset has 2"):
        convert(tmp_path / "in", tmp_path / "b", names=tmp_path / "names")
    with pytest.raises(InputError, match="can't be read as a list of names"):
        convert(tmp_path / "in", tmp_path / "b", names=tmp_path / "nowhere")
    with pytest.raises(InputError, match="--names is for one dataset"):
        infgen.merge(tmp_path / "in", tmp_path / "in", names=tmp_path / "names")


# ---- stopped, mended, refused --------------------------------------------------------------------


def many(folder: Path, count: int = 40) -> Path:
    labels = [Label(0, Box(1, 2, 30, 40)), Label(1, Box(-3, 2, 9, 20))]
    return write_foreign(folder, [Shot(f"{n}.png", SIZE, labels, n) for n in range(count)])


def test_workers_and_a_second_try_change_nothing(tmp_path: Path) -> None:
    many(tmp_path / "in")
    convert(tmp_path / "in", tmp_path / "one", format="coco,yolo,voc,sigtor")
    for _ in range(2):
        convert(tmp_path / "in", tmp_path / "two", workers=2, format="coco,yolo,voc,sigtor")
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "two"))
    again = infgen_here(
        "convert", "--config", tmp_path / "one/run.toml", "--out", tmp_path / "three"
    )
    assert again.returncode == 0, again.stderr
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "three"))


def test_killed_and_run_again(tmp_path: Path) -> None:
    many(tmp_path / "in", 400)
    convert(tmp_path / "in", tmp_path / "whole")
    out = tmp_path / "out"
    command = ["convert", tmp_path / "in", "--out", out, "--workers", "1", "--no-report"]
    process = start(*command)
    records = out / "samples-00000.jsonl"
    wait_until(
        lambda: records.exists() and records.read_bytes().count(b"\n") > 2, "records", process
    )
    process.kill()
    process.communicate()
    (out / "manifest.json").unlink(missing_ok=True)
    done = infgen_here(*command)
    assert done.returncode == 0, done.stderr
    assert not differing(snapshot(tmp_path / "whole"), snapshot(out))


def test_a_source_that_has_changed_is_refused(tmp_path: Path) -> None:
    write_foreign(tmp_path / "in", BOXED)
    convert(tmp_path / "in", tmp_path / "out")
    before = snapshot(tmp_path / "out")
    write_foreign(
        tmp_path / "in", [*BOXED[:2], Shot("c.png", (40, 90), [Label(0, Box(1, 1, 5, 5))], 3)]
    )
    with pytest.raises(FolderError, match="the labels has changed"):
        convert(tmp_path / "in", tmp_path / "out")
    shutil.rmtree(tmp_path / "in")
    write_foreign(tmp_path / "in", [*BOXED[:2], Shot("c.png", (40, 90), [], 4)])
    with pytest.raises(FolderError, match="the pictures has changed"):
        convert(tmp_path / "in", tmp_path / "out")
    assert not differing(before, snapshot(tmp_path / "out"))


def test_further_formats_by_export_or_the_same_command(tmp_path: Path) -> None:
    write_foreign(tmp_path / "in", BOXED)
    convert(tmp_path / "in", tmp_path / "out", format="coco")
    convert(tmp_path / "in", tmp_path / "out", format="yolo")
    infgen.export(tmp_path / "out", "voc")
    assert open_finished(tmp_path / "out")[1].formats == ("coco", "yolo", "voc")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert"], ["infgen convert takes one dataset: name one dataset"]),
        (["convert", "{in}", "{in}"], ["infgen merge takes several"]),
        (["merge"], ["nothing to merge"]),
        (["merge", "{in}/a", "{in}/b"], ["a: is not there", "b: is not there"]),
        (["merge", "{in}", "--map", "{in}/map.csv"],
         ["map.csv:2: dataset: there is no 'x': they are in",
          "map.csv:3: class: there is no 'cet': did you mean 'cat'?",
          "map.csv:5: class: 'dog' has a row already"]),
        (["convert", "{in}", "--formad", "coco"], ["did you mean --format?"]),
    ],
)  # fmt: skip
def test_bad_input_is_told_before_anything_is_written(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    write_foreign(tmp_path / "in", BOXED)
    rows = ["dataset,class,becomes", "x,cat,a", ",cet,a", ",dog,a", ",dog,b"]
    (tmp_path / "in/map.csv").write_text("\n".join(rows))
    given = [text.replace("{in}", str(tmp_path / "in")) for text in arguments]
    done = infgen_here(*given, "--out", tmp_path / "out")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_dataset_without_any_label_is_one_of_negatives(tmp_path: Path) -> None:
    write_yolo(tmp_path / "in")
    shutil.rmtree(tmp_path / "in/labels")
    entries = convert(tmp_path / "in", tmp_path / "out", format="coco,yolo")
    assert all(not one.objects for one in entries)  # negatives are pictures, too
    assert "4 x no label file" in notes_of(tmp_path / "out")
    assert json.loads((tmp_path / "out/annotations/instances_val.json").read_text())["images"]


# ---- real ----------------------------------------------------------------------------------------


def test_bccd_in_other_formats_is_bccd(shared_data: Path, tmp_path: Path) -> None:
    """364 pictures and their official splits, 4886 boxes, two that are none; pictures untouched."""
    bccd = shared_data / "bccd"
    entries = convert(bccd, tmp_path / "out", format="coco,yolo,voc", workers=2)
    manifest = open_finished(tmp_path / "out")[1]
    assert manifest.splits == {"train": 205, "val": 87, "test": 72} and not manifest.failures
    assert sum(one.objects for one in manifest.classes) == 4886
    assert "2 x empty box" in notes_of(tmp_path / "out")
    for entry in entries:
        source = bccd / "JPEGImages" / Path(entry.file).name
        assert (tmp_path / "out" / entry.file).read_bytes() == source.read_bytes()
    theirs = sv.DetectionDataset.from_pascal_voc(
        str(bccd / "JPEGImages"), str(bccd / "Annotations")
    )
    ours = sv.DetectionDataset.from_coco(
        str(tmp_path / "out/images/train"),
        str(tmp_path / "out/annotations/instances_train.json"),
    )
    assert len(ours) == 205
    for path, _, found in ours:
        wanted = theirs.annotations[str(bccd / "JPEGImages" / Path(path).name)]
        wanted = wanted[(wanted.xyxy[:, 2:] - wanted.xyxy[:, :2] > 1).any(axis=1)]
        assert np.array_equal(found.xyxy, wanted.xyxy)
        names = [ours.classes[int(number)] for number in found.class_id]
        assert names == [theirs.classes[int(number)] for number in wanted.class_id]


def test_sigtors_sample_in_other_formats(shared_data: Path, tmp_path: Path) -> None:
    source = open_dataset(shared_data / "voc_mini")
    convert(shared_data / "voc_mini", tmp_path / "out", format="coco,voc,masks,sigtor")
    coco = coco_of(tmp_path / "out")
    by_name = {picture.path.name: picture for picture in source.pictures()}
    assert len(coco.imgs) == len(by_name) == 11
    for image in coco.imgs.values():
        labels = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        for label, one in zip(labels, by_name[image["file_name"]].objects, strict=True):
            mask = decode_rle(one.rle, (image["width"], image["height"]))
            assert (coco.annToMask(label).astype(bool) == mask).all()
    for place in ("voc", "sigtor"):
        again = convert(tmp_path / "out" / place, tmp_path / place, format="coco")
        assert sum(len(entry.objects) for entry in again) == 56
        rles = {e.stem: [o.rle for o in e.objects] for e in again}
        assert rles == {e.stem: [o.rle for o in e.objects] for e in entries_of(tmp_path / "out")}
