"""`infgen relabel` from the command line: pictures as they were, labels that hold, any death."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

import infgen
from infgen.batch.relabel import relabel
from infgen.batch.settings import RelabelSettings, fill, options
from infgen.batch.store import open_finished
from infgen.formats import EXPORTS
from infgen.models.eye_choice import ResolvedEyes, resolve_eyes
from infgen.models.settings import VerifySettings
from infgen.ops.refit import Found
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import DeviceFull, FolderError
from infgen.records.sample import Entry
from tests.making import ROOT, differing, infgen_here, snapshot, start, wait_until
from tests.painted import BLUE, RED, Painted, paint

PLACES = (Box(30, 40, 90, 110), Box(110, 60, 200, 150), Box(60, 90, 150, 170))


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def write_pairs(folder: Path, count: int = 3) -> list[Painted]:
    """Pairs as the Infinite Data Generator names them, with what was asked for."""
    made = []
    for number in range(count):
        box = PLACES[number % len(PLACES)]
        painted = paint(number, ((box, (RED, BLUE)[number % 2]),))
        write(folder / f"bg_{number}.png", painted.before)
        write(folder / f"{number}_x.png", painted.after)
        asked = np.zeros((*painted.after.shape[:2], 2), bool)
        x0, y0, x1, y1 = map(int, box.xyxy)
        asked[y0:y1, x0:x1, number % 2] = True
        np.save(folder / f"{number}_y.npy", asked)
        made.append(painted)
    return made


def settings_for(folder: Path, out: Path, **more: object) -> RelabelSettings:
    small = {"pairs": str(folder), "out": str(out), "workers": 1, "report": False}
    return fill(RelabelSettings, {**small, **more})


def entries_of(out: Path) -> list[Entry]:
    return list(open_finished(out)[0].entries())


# ---- what comes out ------------------------------------------------------------------------------


def test_labels_fit_and_pictures_keep_their_names_and_bytes(tmp_path: Path) -> None:
    made = write_pairs(tmp_path / "in")
    done = infgen_here("relabel", tmp_path / "in", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    entries = entries_of(tmp_path / "out")
    assert [entry.stem for entry in entries] == ["0_x", "1_x", "2_x"]
    for entry, painted in zip(entries, made, strict=True):
        source = tmp_path / "in" / f"{entry.stem}.png"
        assert (tmp_path / "out" / entry.file).read_bytes() == source.read_bytes()
        [found] = entry.objects
        assert found.class_id == entry.index % 2 and found.method == "relabel"
        assert found.requested == PLACES[entry.index]
        assert found.score is not None and 0.4 <= found.score <= 1
        mask = decode_rle(found.rle, entry.size)
        truth = painted.masks[0]
        assert np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth) > 0.75
    labels = sorted(path.name for path in (tmp_path / "out/labels/train").iterdir())
    assert labels == ["0_x.txt", "1_x.txt", "2_x.txt"]
    coco = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["0_x.png", "1_x.png", "2_x.png"]
    assert [category["name"] for category in coco["categories"]] == ["class_0", "class_1"]
    assert (tmp_path / "out/preview.png").exists()
    assert "3 pictures (3 train)" in done.stdout


def test_every_format_can_be_had(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in", 2)
    relabel(settings_for(tmp_path / "in", tmp_path / "out", format=",".join(EXPORTS)))
    out = tmp_path / "out"
    for name in (
        "voc/VOCdevkit/VOC2012/JPEGImages/1_x.png",
        "masks/train/1_x.png",
        "hf/train/1_x.png",
        "npy/1_y.npy",
        "npy/bg_1.png",
        "labels/train/1_x.txt",
    ):
        assert (out / name).exists(), name
    bare = (tmp_path / "in/bg_1.png").read_bytes()
    assert (out / "npy/bg_1.png").read_bytes() == bare


def test_what_nobody_is_sure_of_is_left_out_and_counted(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in")
    done = infgen_here(
        "relabel", tmp_path / "in", "--out", tmp_path / "out", "--min-confidence", "1"
    )
    assert done.returncode == 0, done.stderr
    assert "3 of 3 pictures may show something that has no label" in done.stderr
    manifest = open_finished(tmp_path / "out")[1]
    assert [one.dropped for one in manifest.classes] == [{"unsure": 2}, {"unsure": 1}]
    assert all(not entry.objects for entry in entries_of(tmp_path / "out"))


def test_no_background_is_on_both_sides(tmp_path: Path) -> None:
    rows = ["before,after"]
    for number in range(8):
        painted = paint(number // 2, ((PLACES[number % 3], RED),))
        write(tmp_path / f"old/{number}.png", painted.before)
        write(tmp_path / f"new/{number}.png", painted.after)
        rows.append(f"old/{number}.png,new/{number}.png")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    relabel(settings_for(tmp_path / "pairs.csv", tmp_path / "out", val_frac=0.5))
    entries = entries_of(tmp_path / "out")
    sides: dict[int, set[str]] = {}
    for entry in entries:
        sides.setdefault(entry.background.number, set()).add(entry.split)
    assert len(sides) == 4 and all(len(side) == 1 for side in sides.values())
    assert Counter(entry.split for entry in entries) == {"train": 4, "val": 4}


def test_workers_and_a_second_run_change_nothing(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in", 10)
    relabel(settings_for(tmp_path / "in", tmp_path / "one"))
    relabel(settings_for(tmp_path / "in", tmp_path / "two", workers=2))
    relabel(settings_for(tmp_path / "in", tmp_path / "two", workers=2))
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "two"))
    again = infgen_here(
        "relabel", "--config", tmp_path / "one/run.toml", "--out", tmp_path / "three"
    )
    assert again.returncode == 0, again.stderr
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "three"))


# ---- stopped and mended --------------------------------------------------------------------------


def test_killed_and_run_again(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in", 10)
    relabel(settings_for(tmp_path / "in", tmp_path / "whole"))
    out = tmp_path / "out"
    command = ["relabel", tmp_path / "in", "--out", out, "--workers", "1", "--no-report"]
    process = start(*command)
    records = out / "samples-00000.jsonl"
    wait_until(
        lambda: records.exists() and records.read_bytes().count(b"\n") > 2, "records", process
    )
    process.kill()
    process.communicate()
    assert not (out / "manifest.json").exists()
    done = infgen_here(*command)
    assert done.returncode == 0 and "of 10 pictures are there already" in done.stderr
    assert not differing(snapshot(tmp_path / "whole"), snapshot(out))


def test_a_picture_that_is_gone_is_put_back(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in")
    settings = settings_for(tmp_path / "in", tmp_path / "out")
    relabel(settings)
    whole = snapshot(tmp_path / "out")
    (tmp_path / "out/images/train/1_x.png").unlink()
    relabel(settings)
    assert not differing(whole, snapshot(tmp_path / "out"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_confidence": 0.7}, "--min-confidence was 0.4 and is now 0.7"),
        ({"val_frac": 0.5}, "--val-frac was 0.0 and is now 0.5"),
    ],
)
def test_another_datasets_folder_is_refused(tmp_path: Path, change: dict, words: str) -> None:
    write_pairs(tmp_path / "in", 2)
    relabel(settings_for(tmp_path / "in", tmp_path / "out"))
    before = snapshot(tmp_path / "out")
    with pytest.raises(FolderError, match=words):
        relabel(settings_for(tmp_path / "in", tmp_path / "out", **change))
    write(tmp_path / "in/0_x.png", paint(77, ()).after)
    with pytest.raises(FolderError, match="the pairs has changed"):
        relabel(settings_for(tmp_path / "in", tmp_path / "out"))
    assert not differing(before, snapshot(tmp_path / "out"))


def test_a_folder_of_somebody_elses_is_not_touched(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    done = infgen_here("relabel", tmp_path / "in", "--out", tmp_path / "out")
    assert done.returncode == 2 and "thesis.txt" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


# ---- wrong from the start ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("nothing to relabel", "folder of pairs, or a CSV file")),
        (["{in}", "--min-confidence", "2"], ("--min-confidence: '2' won't do", "from 0 to 1")),
        (["{in}", "--format", "xml"], ("there is no format xml",)),
        (["{in}", "--min-confidense", "1"], ("did you mean --min-confidence?",)),
        (["{in}/none.csv"], ("none.csv: is not there",)),
        (["{in}", "--classes", "{in}/c.csv"], ("c.csv: is not there",)),
    ],
)
def test_bad_input_is_told_before_anything_is_written(
    tmp_path: Path, arguments: list[str], words: tuple[str, ...]
) -> None:
    write_pairs(tmp_path / "in", 1)
    given = [text.replace("{in}", str(tmp_path / "in")) for text in arguments]
    done = infgen_here("relabel", *given, "--out", tmp_path / "out")
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


def test_from_python(tmp_path: Path) -> None:
    write_pairs(tmp_path / "in", 2)
    out, classes = tmp_path / "out", tmp_path / "classes.csv"
    classes.write_text("prompt,name,mirror\n,class_0,\n,class_1,no\n")
    settings = {"classes": classes, "workers": 1, "format": "masks"}
    manifest = infgen.relabel(tmp_path / "in", out=out, **settings)
    assert (out / "report/index.html").exists() and (out / "README.md").exists()
    assert manifest.pictures == 2 and manifest.formats == ("masks",)
    assert [(one.name, one.objects) for one in manifest.classes] == [("class_0", 1), ("class_1", 1)]
    assert manifest.upright == ("class_1",)


def test_every_setting_says_what_it_does() -> None:
    for option in options(RelabelSettings):
        assert option.help, option.name


# ---- the Infinite Data Generator's own pictures --------------------------------------------------


def test_the_ancestors_published_pairs(shared_data: Path, tmp_path: Path) -> None:
    """Goal: a mean IoU of 0.65 with hand-drawn boxes. Every weight was fitted to other pictures."""
    out = tmp_path / "out"
    done = infgen_here(
        "relabel", shared_data / "seed_pairs", "--out", out, "--val-frac", "0.2",
        "--min-confidence", "0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(ROOT / "scripts"))
    from labels.relabel import match

    truth = json.loads((shared_data / "seed_pairs/boxes.json").read_text())
    overlaps, entries = [], entries_of(out)
    for entry in entries:
        name = entry.stem.replace("_x_", "_")
        source = shared_data / "seed_pairs" / Path(entry.file).name
        assert (out / entry.file).read_bytes() == source.read_bytes()
        if name in truth:
            boxes = [Box(*one["box"]) for one in truth[name]]
            nothing = np.zeros((1, 1), bool)
            found = [Found(nothing, one.box, one.score or 0.0) for one in entry.objects]
            overlaps += [overlap for overlap, _ in match(boxes, found)]
        else:  # a forest fire: where it was asked for, and most of that
            [fire] = entry.objects
            assert fire.requested is not None and fire.box.iou(fire.requested) > 0.3
    assert len(entries) == 10 and len(overlaps) == 8
    assert np.mean(overlaps) >= 0.65
    assert sum(overlap > 0.6 for overlap in overlaps) >= 6


# ---- with a segmenter ----------------------------------------------------------------------------


class Grown:
    """Outlines a thing as the box it is given, or as nothing at all."""

    def __init__(self, empty: bool = False):
        self.empty = empty

    def segment(self, pictures, boxes):
        masks = []
        for picture, box in zip(pictures, boxes, strict=True):
            mask = np.zeros(picture.shape[:2], bool)
            x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
            mask[y0:y1, x0:x1] = not self.empty
            masks.append(mask)
        return masks


@pytest.mark.parametrize("empty", [False, True])
def test_a_segmenter_draws_what_it_agrees_on(tmp_path: Path, empty: bool, monkeypatch) -> None:
    """Where it sees something else, the outline by change stays."""
    from infgen.batch import relabel as room
    from infgen.models.eyes import Eyes

    write_pairs(tmp_path / "pairs")
    relabel(settings_for(tmp_path / "pairs", tmp_path / "plain"))
    monkeypatch.setattr(room, "open_eyes", lambda *_: Eyes(segmenter=Grown(empty)))
    monkeypatch.setattr(room, "resolve_segmenter", lambda name: ResolvedEyes(VerifySettings()))
    relabel(settings_for(tmp_path / "pairs", tmp_path / "drawn"))
    plain, drawn = entries_of(tmp_path / "plain"), entries_of(tmp_path / "drawn")
    assert sum(len(entry.objects) for entry in plain) == 3
    for one, other in zip(plain, drawn, strict=True):
        for by_change, by_segmenter in zip(one.objects, other.objects, strict=True):
            assert by_segmenter.box == by_change.box
            if empty:
                assert by_segmenter == by_change
            else:
                assert by_segmenter.area == by_segmenter.box.area


def test_a_segmenter_from_a_folder_is_used_and_recorded(tmp_path: Path, small_eye) -> None:
    pytest.importorskip("torch", reason="the diffusion extra isn't installed")
    write_pairs(tmp_path / "pairs", 1)
    segmenter = str(small_eye("sam"))
    manifest = relabel(settings_for(tmp_path / "pairs", tmp_path / "out", segmenter=segmenter))
    assert manifest.models["eyes"]["segmenter"]["weights"]
    with pytest.raises(FolderError, match="the model of the segmenter"):
        relabel(settings_for(tmp_path / "pairs", tmp_path / "out"))


def test_a_segmenter_comes_without_the_other_eyes_that_a_gpu_brings(
    tmp_path: Path, small_eye, monkeypatch
) -> None:
    pytest.importorskip("torch", reason="the diffusion extra isn't installed")
    from infgen.batch import relabel as room
    from infgen.models import eye_choice

    own = resolve_eyes(VerifySettings(detector=str(small_eye("owlv2"))), "cpu").eyes
    monkeypatch.setattr(eye_choice, "_at_hand", own.get)
    monkeypatch.setattr(room, "choose_device", lambda _: ("cuda", ""))
    settings = settings_for(tmp_path, tmp_path / "out", segmenter=str(small_eye("sam")))
    found = room.resolve_segmenter(settings.segmenter)
    assert found is not None and found.eyes.keys() == {"segmenter"}


def test_a_segmenter_that_the_device_has_no_room_for_ends_it(tmp_path: Path, monkeypatch) -> None:
    from infgen.batch import relabel as room
    from infgen.models.eyes import Eyes

    class TooLarge:
        def segment(self, pictures, boxes):
            raise DeviceFull("too little memory")

    write_pairs(tmp_path / "pairs", 1)
    monkeypatch.setattr(room, "open_eyes", lambda *_: Eyes(segmenter=TooLarge()))
    monkeypatch.setattr(room, "resolve_segmenter", lambda name: ResolvedEyes(VerifySettings()))
    with pytest.raises(DeviceFull):
        relabel(settings_for(tmp_path / "pairs", tmp_path / "out"))
