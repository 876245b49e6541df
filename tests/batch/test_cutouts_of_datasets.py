"""`infgen cutouts` of datasets that somebody has labelled: what goes alone, what in groups, what is
left out, and what the tables say."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from pycocotools.coco import COCO

import infgen
from infgen.batch.cutter import Cutter
from infgen.batch.quarry import open_quarry
from infgen.batch.register import Register
from infgen.batch.settings import CutoutsSettings
from infgen.records.errors import FolderError
from infgen.records.taken import Piece, Taken
from infgen.sources.sidecars import read_ids, read_members
from tests.making import differing, save, snapshot

SIZE = (200, 150)
COLOURS = {"ball": (40, 60, 220), "cube": (200, 90, 30), "cup": (60, 200, 200)}


def rectangle(x: int, y: int, width: int, height: int) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def write_coco(folder: Path, pictures: list[list[dict[str, Any]]]) -> Path:
    """A COCO dataset: of each picture its objects, as `name`, `at` (x, y, w, h), and more keys of
    annotations, painted in order on dull green."""
    names = [*COLOURS]
    images, labels = [], []
    for number, objects in enumerate(pictures):
        canvas = np.full((*SIZE[::-1], 3), (90, 120, 90), np.uint8)
        noise = np.random.default_rng(number).integers(0, 12, canvas.shape, np.uint8)
        for one in objects:
            x, y, width, height = one["at"]
            canvas[max(y, 0) : y + height, max(x, 0) : x + width] = COLOURS[one["name"]]
            label = {"id": len(labels), "image_id": number, "category_id": names.index(one["name"])}
            label |= {"bbox": list(one["at"]), "segmentation": [rectangle(*one["at"])]}
            labels.append(label | {k: v for k, v in one.items() if k not in ("name", "at")})
        save(folder / f"images/{number}.png", canvas + noise)
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": SIZE[0], "height": SIZE[1]}
        )
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    text = json.dumps({"images": images, "annotations": labels, "categories": categories})
    (folder / "instances.json").write_text(text)
    return folder / "instances.json"


def lines(folder: Path) -> list[Taken]:
    text = (folder / "cutouts.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Taken) for line in text[:-1]]  # then the tables' hashes


def pieces(folder: Path) -> list[Piece]:
    return [piece for line in lines(folder) for piece in line.pieces]


def rows(folder: Path, table: str = "classes.csv") -> list[dict[str, str]]:
    with (folder / table).open(newline="") as file:
        return list(csv.DictReader(file))


def left_out(folder: Path) -> dict[str, dict[str, int]]:
    manifest = json.loads((folder / "manifest.json").read_text())
    return {one["name"]: one["dropped"] for one in manifest["classes"] if one["dropped"]}


def solid_size(path: Path) -> tuple[int, int]:
    """The width and height of what is more than half opaque in a cutout."""
    solid = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 3] >= 128
    return int(solid.any(0).sum()), int(solid.any(1).sum())


FREE = {"name": "ball", "at": (20, 20, 40, 30)}
OVER = [{"name": "cube", "at": (90, 60, 60, 60)}, {"name": "cup", "at": (130, 40, 40, 40)}]
INSIDE = [{"name": "cube", "at": (80, 30, 90, 90)}, {"name": "ball", "at": (100, 50, 30, 30)}]


def test_free_objects_go_alone_with_soft_edges_of_their_own_colour(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE, {"name": "cup", "at": (120, 80, 50, 40)}]])
    infgen.cutouts(source, out=tmp_path / "out", workers=1)
    made = {piece.name: piece for piece in pieces(tmp_path / "out")}
    assert {name: one.file for name, one in made.items()} == {
        "ball": "ball/0_0.png",
        "cup": "cup/0_1.png",
    }
    for name, piece in made.items():
        assert piece.how == "mask" and not piece.members
        pixels = cv2.imread(str(tmp_path / "out" / piece.file), cv2.IMREAD_UNCHANGED)
        solid = pixels[..., 3] >= 128
        area = {"ball": 40 * 30, "cup": 50 * 40}[name]
        assert abs(np.count_nonzero(solid) - area) <= 0.06 * area
        assert np.abs(pixels[solid][:, :3] - np.array(COLOURS[name], int)).mean() < 12


def test_what_overlaps_goes_together_with_its_ids_and_classes(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE, *OVER]])
    out = tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1)
    group = next(piece for piece in pieces(out) if piece.members)
    assert group.file == "cube/0_1_group.png" and group.members == ("cube", "cup")
    path = out / group.file
    text = json.loads((out / "cube/0_1_group.json").read_text())
    assert text == {"objects": [{"id": 1, "class": "cube"}, {"id": 2, "class": "cup"}]}
    assert read_members(path, group.size) == group.members
    ids, pixels = read_ids(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert ((ids > 0) == (pixels[..., 3] >= 128)).all()
    for number, name in enumerate(group.members, 1):
        own = pixels[ids == number][:, :3].astype(int)
        assert np.median(np.abs(own - COLOURS[name]).max(axis=1)) < 15
    cube, cup = (np.count_nonzero(ids == number) for number in (1, 2))
    assert abs(cup - 40 * 40) < 150 and abs(cube - (60 * 60 - 20 * 20)) < 200


def test_what_lies_inside_goes_alone_too(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [INSIDE])
    infgen.cutouts(source, out=tmp_path / "out", workers=1)
    assert {piece.file for piece in pieces(tmp_path / "out")} == {
        "cube/0_0_group.png",
        "ball/0_1.png",
    }
    assert not left_out(tmp_path / "out")


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    source = write_coco(
        tmp_path / "in",
        [
            [
                FREE,
                {"name": "cup", "at": (0, 60, 40, 40)},
                {"name": "cube", "at": (80, 60, 60, 60)},
            ],
            [
                {"name": "ball", "at": (50, 50, 20, 60)},
                FREE | {"iscrowd": 1, "at": (90, 9, 50, 50)},
            ],
            [{"name": "cup", "at": (-9, 60, 40, 40)}, {"name": "cube", "at": (25, 50, 60, 60)}],
        ],
    )
    out = tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1)
    assert left_out(out) == {
        "ball": {"smaller than --min-side": 1, "a crowd": 1},
        "cup": {"cut off by the border": 2},
        "cube": {"in a group that is left out": 1},
    }
    more = infgen.cutouts(source, out=tmp_path / "more", workers=1, keep_cut_off=True, min_side=10)
    assert more.pictures == 5 and left_out(tmp_path / "more") == {"ball": {"a crowd": 1}}


@pytest.mark.parametrize(
    ("boxes", "how", "count"),
    [("grabcut", "GrabCut", 2), ("rectangle", "rectangle", 2), ("skip", "", 0)],
)
def test_boxes_without_masks(tmp_path: Path, boxes: str, how: str, count: int) -> None:
    bare = {"segmentation": []}
    source = write_coco(
        tmp_path / "in", [[FREE | bare, {"name": "cube", "at": (90, 60, 60, 60)} | bare]]
    )
    out = tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1, boxes=boxes)
    made = pieces(out)
    assert len(made) == count and {piece.how for piece in made} == ({how} if how else set())
    if not count:
        assert left_out(out)["ball"] == {"a box without a mask": 1}
        return
    for piece, (width, height) in zip(made, [(40, 30), (60, 60)], strict=True):
        slack = 0 if boxes == "rectangle" else 3
        solid = solid_size(out / piece.file)
        assert abs(solid[0] - width) <= slack and abs(solid[1] - height) <= slack


def test_a_box_with_nothing_in_it_has_no_outline(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE]])
    text = json.loads(source.read_text())
    text["annotations"][0] |= {"bbox": [110, 80, 50, 50], "segmentation": []}
    source.write_text(json.dumps(text))
    infgen.cutouts(source, out=tmp_path / "out", workers=1)
    assert left_out(tmp_path / "out") == {"ball": {"without a clear outline in its box": 1}}


def test_a_segmenter_outlines_what_is_in_boxes(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE | {"segmentation": []}]])
    out = tmp_path / "out"

    class Halves:
        """Takes the left half of every box."""

        def segment(self, pictures, boxes):
            masks = []
            for picture, box in zip(pictures, boxes, strict=True):
                mask = np.zeros(picture.shape[:2], bool)
                x0, y0, x1, y1 = map(int, box.xyxy)
                mask[y0:y1, x0 : x0 + round(self.share * (x1 - x0))] = True
                masks.append(mask)
            return masks

    for share, taken in ((0.8, 1), (0.4, 0)):
        quarry = open_quarry(source)
        cutter = Cutter(out / str(share), quarry.folders, CutoutsSettings().cutting)
        cutter.segmenter = Halves()
        cutter.segmenter.share = share
        (out / str(share)).mkdir(parents=True)
        [result] = map(cutter, quarry.blocks(Register(out / str(share))))
        assert result.line is not None and len(result.line.pieces) == taken
        if taken:
            assert result.line.pieces[0].how == "segmenter"
            assert abs(solid_size(out / str(share) / result.line.pieces[0].file)[0] - 32) <= 3


def test_the_tables_have_the_source_s_own_counts_and_sizes(tmp_path: Path) -> None:
    cup = {"name": "cup", "at": (120, 80, 50, 30)}
    source = write_coco(tmp_path / "in", [[FREE, cup], [FREE], [FREE, *OVER], [FREE]])
    out = tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1)
    ball, cube, cup_row = rows(out)
    assert (ball["min_appear"], ball["max_appear"]) == ("1", "1")
    assert (ball["width_min"], ball["width_max"]) == ("20%", "20%")
    assert (ball["height_min"], ball["height_max"]) == ("20%", "20%")
    assert (cup_row["min_appear"], cup_row["max_appear"]) == ("0", "1")
    assert float(cup_row["width_min"][:-1]) >= 20 and float(cup_row["width_max"][:-1]) <= 25
    group = next(piece for piece in pieces(out) if piece.members)
    assert float(cube["width_max"][:-1]) > 30 and group.extent[0] > 39
    [scenes] = rows(out, "background.csv")
    assert (out / scenes["images"]).resolve() == (tmp_path / "in/images").resolve()
    run = {"backgrounds": out / "background.csv", "classes": out / "classes.csv", "workers": 1}
    plans = list(infgen.plan(**run, method="paste", width=200, height=150))
    assert len(plans) == 4


def test_groups_count_as_many_as_they_bring(tmp_path: Path) -> None:
    pair = [{"name": "ball", "at": (x, 60, 40, 60)} for x in (30, 68, 106)]
    source = write_coco(tmp_path / "in", [pair, pair])
    infgen.cutouts(source, out=tmp_path / "out", workers=1)
    [group, _] = pieces(tmp_path / "out")
    assert group.members == ("ball",) * 3
    ball = rows(tmp_path / "out")[0]
    assert (ball["min_appear"], ball["max_appear"]) == ("1", "1")


def test_pictures_among_others_are_named_one_by_one(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE], [FREE]])
    save(tmp_path / "in/images/mine.png", np.zeros((50, 50, 3), np.uint8))
    infgen.cutouts(source, out=tmp_path / "out", workers=1)
    names = [Path(row["images"]).name for row in rows(tmp_path / "out", "background.csv")]
    assert names == ["0.png", "1.png"]


def test_pictures_that_have_gone_since_are_no_backgrounds(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE], [FREE], [FREE]])
    save(tmp_path / "in/images/mine.png", np.zeros((50, 50, 3), np.uint8))  # each by its name
    infgen.cutouts(source, out=tmp_path / "out", workers=1)
    write_coco(tmp_path / "in", [[FREE], [FREE]])
    (tmp_path / "in/images/2.png").unlink()
    manifest = infgen.cutouts(source, out=tmp_path / "out", workers=1)
    assert manifest.pictures == 3  # what was cut out of it stays
    named = [row["images"] for row in rows(tmp_path / "out", "background.csv")]
    places = [tmp_path / "out" / name for name in named]
    assert places and all(place.exists() for place in places)


def test_labels_that_have_changed_are_cut_out_anew(tmp_path: Path) -> None:
    source, out = write_coco(tmp_path / "in", [[FREE], [FREE, *OVER]]), tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1)
    before = snapshot(out)
    infgen.cutouts(source, out=out, workers=1)
    assert not differing(before, snapshot(out))
    write_coco(tmp_path / "in", [[FREE], [FREE, OVER[0]]])
    infgen.cutouts(source, out=out, workers=1)
    changed = differing(before, snapshot(out))
    assert {name for name in changed if name.startswith("cube/")} == {
        "cube/1_1.png",
        *(f"cube/1_1_group{ending}" for ending in (".png", ".ids.png", ".json")),
    }
    assert not list(out.glob("*/*_group*")) and "ball/0_0.png" not in changed


def test_pictures_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    for split in ("train", "val"):
        save(tmp_path / f"in/images/{split}/0.png", np.full((90, 90, 3), 40, np.uint8))
        label = tmp_path / f"in/labels/{split}/0.txt"
        label.parent.mkdir(parents=True)
        label.write_text("0 0.3 0.3 0.5 0.3 0.5 0.5 0.3 0.5\n")
    text = "train: images/train\nval: images/val\nnames: [thing]\n"
    (tmp_path / "in/data.yaml").write_text(text)
    infgen.cutouts(tmp_path / "in", out=tmp_path / "out", workers=1, min_side=5)
    files = [piece.file for piece in pieces(tmp_path / "out")]
    assert len(files) == 2 and "thing/0_0.png" in files
    assert all((tmp_path / "out" / file).exists() for file in files)


def test_paths_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_coco(tmp_path / "in", [[FREE, *OVER]])
    infgen.cutouts(source, out=tmp_path / "one", workers=1)
    monkeypatch.chdir(tmp_path)
    infgen.cutouts("in/instances.json", out="two", workers=1)
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "two"))


def test_a_picture_that_is_gone_is_a_failure_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE], [FREE], [FREE]])
    (tmp_path / "in/images/0.png").unlink()
    save(tmp_path / "in/images/1.png", np.zeros((10, 10, 3), np.uint8))
    manifest = infgen.cutouts(source, out=tmp_path / "out", workers=1)
    reasons = [failure.reason for failure in manifest.failures]
    assert len(reasons) == 2 and manifest.pictures == 1
    assert "can't be read" in reasons[0] and "its labels are for 200 x 150" in reasons[1]


# ---- and what a run makes of them ----------------------------------------------------------------


def test_a_run_labels_every_member_of_a_group(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [[FREE, *OVER], INSIDE])
    out = tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1)
    scenes = tmp_path / "background.csv"
    scenes.write_text("prompt,num_imgs,images\n,30,plain:colour\n")
    settings = {"backgrounds": scenes, "classes": out / "classes.csv", "method": "paste"}
    settings |= {"width": 200, "height": 150, "decoys": 0.5, "format": "coco,masks"}
    settings |= {"report": False}
    infgen.run(**settings, out=tmp_path / "d", workers=1)
    infgen.run(**settings, out=tmp_path / "twin", workers=2)
    assert not differing(snapshot(tmp_path / "d"), snapshot(tmp_path / "twin"))
    together = 0
    for path in (tmp_path / "d/annotations").glob("*.json"):
        coco = COCO(str(path))
        names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
        for image in coco.loadImgs(coco.getImgIds()):
            canvas = cv2.imread(str(tmp_path / "d/images" / path.stem[10:] / image["file_name"]))
            labels = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
            shown = np.zeros(canvas.shape[:2], int)
            for label in labels:
                mask = coco.annToMask(label)
                shown += mask
                if mask.sum() > 80:
                    colour = np.median(canvas[mask > 0], axis=0)
                    assert np.abs(colour - COLOURS[names[label["category_id"]]]).max() < 25
            assert shown.max(initial=0) <= 1
            together += {names[label["category_id"]] for label in labels} >= {"cube", "cup"}
    assert together >= 3


def test_files_beside_a_cutout_are_part_of_a_run_s_fingerprint(tmp_path: Path) -> None:
    source, out = write_coco(tmp_path / "in", [[*OVER]]), tmp_path / "out"
    infgen.cutouts(source, out=out, workers=1)
    run = {"backgrounds": out / "background.csv", "classes": out / "classes.csv"}
    run |= {"method": "paste", "width": 200, "height": 150, "images": 2, "out": tmp_path / "d"}
    run |= {"report": False}
    infgen.run(**run, workers=1)
    beside = out / "cube/0_0_group.json"
    beside.write_text(beside.read_text().replace('"cup"', '"ball"'))
    with pytest.raises(FolderError, match="the cutouts of row 2 of --classes has changed"):
        infgen.run(**run, workers=1)


# ---- real ones -----------------------------------------------------------------------------------


def test_sigtor_s_own_sample(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.cutouts(shared_data / "voc_mini", out=out, workers=1)
    made = pieces(out)
    assert len(made) >= 18 and sum(bool(piece.members) for piece in made) >= 6
    boat = next(piece for piece in made if piece.name == "boat")
    assert boat.members == ("boat", *["person"] * 6)  # its passengers lie in it
    rider = next(piece for piece in made if piece.name == "motorbike")
    assert sorted(rider.members) == ["motorbike", "person"]
    for piece in made:
        assert read_members(out / piece.file, piece.size) == piece.members
    objects = sum(len(shown) for line in lines(out) for shown in line.shown.values())
    lone = {(line.picture, p.file) for line in lines(out) for p in line.pieces if not p.members}
    grouped = sum(len(piece.members) for piece in made)
    missing = sum(sum(reasons.values()) for reasons in left_out(out).values())
    assert objects <= len(lone) + grouped + missing


def test_a_segmenter_of_the_user_s_is_loaded_and_recorded(tmp_path: Path, small_eye) -> None:
    pytest.importorskip("transformers", reason="diffusion isn't installed")
    source, out = write_coco(tmp_path / "in", [[FREE | {"segmentation": []}]]), tmp_path / "out"
    manifest = infgen.cutouts(source, out=out, segmenter=str(small_eye("sam")))
    assert "segmenter" in manifest.models["eyes"] and not manifest.failures
    assert {piece.how for piece in pieces(out)} <= {"segmenter"}
    assert manifest.pictures + sum(left_out(out).get("ball", {}).values()) == 1
    with pytest.raises(FolderError, match="segmenter is gone"):
        infgen.cutouts(source, out=out)
