"""A run from the tables to the manifest, and everything that may be done with its folder again."""

from __future__ import annotations

import os
import shutil
import threading
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

import infgen
from infgen.batch.made import as_line
from infgen.batch.reporter import Silent
from infgen.batch.stock import count_up
from infgen.batch.store import Store
from infgen.ops.camera import apply_finish
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import FolderError, InputError, StorageError
from infgen.records.manifest import Manifest
from infgen.records.plan import BackgroundPlan
from infgen.records.sample import Entry
from infgen.records.verdict import Sighting
from infgen.sources.disk import PART
from tests.making import (
    Tables,
    copy_made,
    differing,
    draw_cutout,
    draw_scene,
    make_tables,
    save,
    snapshot,
)

LATE = 60.0


def entries(folder: Path) -> list[Entry]:
    return list(Store(folder).entries())


def manifest_of(folder: Path) -> Manifest:
    return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)


class At(Silent):
    """A reporter that does something as a count begins, after so many steps, or when it ends."""

    def __init__(self, what: str, do: Callable[[], Any], step: int = 0):
        self.what, self.do, self.left = what, do, step
        self.now = ""
        self.seen: list[str] = []

    def start(self, what: str, total: int, done: int = 0) -> None:
        self.now = what
        if what == self.what and self.left == 0:
            self.do()

    def advance(self, failed: bool = False) -> None:
        if self.now == self.what and self.left:
            self.left -= 1
            if not self.left:
                self.do()

    def warn(self, text: str) -> None:
        self.seen.append(text)


# ---- what is there at the end --------------------------------------------------------------------


def test_the_folder_holds_what_the_readme_says(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    manifest = infgen.run(
        **tables.settings(out=out, images=20, val_frac=0.3, format="coco,yolo,masks,voc,hf,npy")
    )
    files = set(snapshot(out))
    for entry in entries(out):
        split, stem = entry.split, f"{entry.index:08d}"
        assert entry.file == f"images/{split}/{stem}.jpg"
        kept = f"backgrounds/{entry.background.number:08d}.png"
        assert {
            entry.file,
            kept,
            f"labels/{split}/{stem}.txt",
            f"masks/{split}/{stem}.png",
        } <= files
    assert files >= {
        "annotations/instances_train.json",
        "annotations/instances_val.json",
        "data.yaml",
        "classes.txt",
        "samples-00000.jsonl",
        "run.toml",
        "manifest.json",
        "preview.png",
    }
    assert (out / "classes.txt").read_text() == "coin\nnote\n"
    assert {split: len(list((out / "images" / split).iterdir())) for split in ("train", "val")} == (
        manifest.splits
    )
    assert min(manifest.splits.values()) > 0
    assert not [file for file in files if file.endswith((PART, ".lock"))]
    assert manifest == manifest_of(out)
    assert manifest.formats == ("coco", "yolo", "voc", "masks", "hf", "npy")


def test_the_manifest_says_what_is_used_most(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    manifest = infgen.run(**tables.settings(out=out, images=20))
    pictures = Counter(entry.background.picture for entry in entries(out))
    cutouts: list[Counter[str]] = [Counter(), Counter()]
    for entry in entries(out):
        for one in entry.objects:
            cutouts[one.class_id][one.cutout] += 1
    counted = [*cutouts, pictures]
    told = [*(one.cutouts for one in manifest.classes), manifest.backgrounds]
    for counts, uses in zip(counted, told, strict=True):
        assert uses.files == len(counts)
        assert uses.most == max(counts.values()) == counts[uses.most_used]


def test_caps_refuse_before_work(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    with pytest.raises(InputError, match="'coin' is to be pasted"):
        infgen.run(**tables.settings(out=out, images=60, max_uses=2))
    with pytest.raises(InputError, match="lower --images to"):
        infgen.run(**tables.settings(out=out, images=60, max_background_uses=2))
    assert not out.exists()
    capped = infgen.run(**tables.settings(out=out, images=12, max_uses=30, max_background_uses=2))
    assert capped.backgrounds.most == 2 and capped.classes[0].cutouts.most <= 30


def test_the_manifest_counts_what_the_records_hold(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    manifest = infgen.run(**tables.settings(out=out, images=30, min_visible=0.9))
    seen = entries(out)
    assert manifest.pictures == len(seen) == 30
    for class_id, one in enumerate(manifest.classes):
        labels = [[o for o in entry.objects if o.class_id == class_id] for entry in seen]
        assert one.objects == sum(map(len, labels))
        assert one.images == sum(map(bool, labels))
        dropped = [d for entry in seen for d in entry.dropped if d.class_id == class_id]
        assert sum(one.dropped.values()) == len(dropped)
    assert sum(sum(one.dropped.values()) for one in manifest.classes) > 0
    assert sum(one.objects for one in manifest.classes) > 30


def test_the_manifest_is_written_last(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    infgen.run(**tables.settings(out=out))
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    log = written.pop(out / "run.log")
    assert max(written, key=lambda path: written[path]) == out / "manifest.json"
    assert log >= written[out / "manifest.json"]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_byte(
    tables: Tables, tmp_path: Path, workers: int
) -> None:
    wanted = {"images": 40, "format": "coco,yolo,masks,npy", "per_background": 7}
    infgen.run(**tables.settings(out=tmp_path / "one", workers=1, **wanted))
    infgen.run(**tables.settings(out=tmp_path / "more", workers=workers, **wanted))
    assert not differing(snapshot(tmp_path / "one"), snapshot(tmp_path / "more"))


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_the_recorded_finish_makes_the_picture_from_the_canvas(
    tables: Tables, tmp_path: Path, ending: str
) -> None:
    """Without one, what nothing was painted on is the background's own, bit for bit."""
    bare, finished = tmp_path / "bare", tmp_path / "finished"
    wanted = {"image_format": ending, "keep_backgrounds": True}
    infgen.run(**tables.settings(out=bare, degrade=0, **wanted | {"image_format": "png"}))
    infgen.run(**tables.settings(out=finished, **wanted))
    for before, after in zip(entries(bare), entries(finished), strict=True):
        assert before.finish is None and after.finish is not None
        assert before.objects == after.objects and before.decoys == after.decoys
        canvas = cv2.imread(str(bare / before.file))
        background = cv2.imread(str(bare / before.background_file))
        own = (canvas == background).all(axis=2)
        masks = [decode_rle(one.rle, before.size) for one in (*before.objects, *before.decoys)]
        painted = np.logical_or.reduce([np.zeros(own.shape, bool), *masks])
        reach = cv2.dilate(painted.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(bool)
        assert own[~reach].all() and own.any()
        seen = apply_finish(canvas, after.finish)  # channels in whatever order
        quality = [cv2.IMWRITE_JPEG_QUALITY, 90 - after.finish.quality_loss]
        data = cv2.imencode(".jpg", seen, quality)[1]
        if ending == "jpg":
            assert (finished / after.file).read_bytes() == data.tobytes()
        else:
            picture = cv2.imread(str(finished / after.file))
            assert (picture == cv2.imdecode(data, cv2.IMREAD_COLOR)).all()


def test_layouts_of_one_background_share_the_file_that_is_kept(
    tables: Tables, tmp_path: Path
) -> None:
    out = tmp_path / "dataset"
    infgen.run(
        **tables.settings(
            out=out, images=64, per_background=32, keep_backgrounds=True, workers=3, min_visible=0
        )
    )
    assert sorted(path.name for path in (out / "backgrounds").iterdir()) == [
        "00000000.png",
        "00000001.png",
    ]
    for entry in entries(out):
        if not entry.objects:  # then the picture is its background
            kept = cv2.imread(str(out / entry.background_file)).astype(int)
            picture = cv2.imread(str(out / entry.file)).astype(int)
            assert np.abs(kept - picture).mean() < 4


def test_pictures_without_any_object_make_a_dataset(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    text = tables.classes.read_text().replace(",0,3,", ",0,0,")
    tables.classes.write_text(text)
    manifest = infgen.run(**tables.settings(out=tmp_path / "dataset", format="coco,yolo,voc,masks"))
    assert manifest.pictures == 12
    assert [one.objects for one in manifest.classes] == [0, 0]


def test_a_single_picture_and_a_single_background(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input", scenes=1)
    manifest = infgen.run(**tables.settings(out=tmp_path / "dataset", images=1))
    assert manifest.splits == {"train": 1}
    assert any("single background" in note for note in manifest.notes)


# ---- failed pictures -----------------------------------------------------------------------------


def spoil_cutouts(tables: Tables, *numbers: int) -> Callable[[], None]:
    """Something that replaces cutouts by other pictures, as a careless person does during a run."""

    def replace() -> None:
        for number in numbers or range(3):
            for class_id in range(2):
                path = tables.classes.parent / f"cutouts/{class_id}/{number}.png"
                save(path, draw_cutout(class_id, number + 50))

    return replace


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_that_fail_are_counted_named_and_made_when_their_source_is_back(
    tables: Tables, tmp_path: Path, workers: int
) -> None:
    settings = tables.settings(images=30, workers=workers)
    infgen.run(**settings, out=tmp_path / "undisturbed")
    shutil.copytree(tables.classes.parent, tmp_path / "backup")
    out = tmp_path / "dataset"
    careless = At("pictures", spoil_cutouts(tables, 0))
    manifest = infgen.run(**settings, out=out, reporter=careless)

    assert 0 < len(manifest.failures) < 30
    assert manifest.pictures == 30 - len(manifest.failures)
    for failure in manifest.failures:
        assert "0.png: the file has changed since the run began" in failure.reason
        assert not list(out.glob(f"*/*/{failure.index:08d}.*"))
    assert [e.index for e in entries(out) if e.failure] == [f.index for f in manifest.failures]
    told = [text for text in careless.seen if "failed" in text]
    assert len(told) == min(len(manifest.failures), 10)

    with pytest.raises(FolderError, match="the cutouts of row 1 of --classes has changed"):
        infgen.run(**settings, out=out)
    shutil.rmtree(tables.classes.parent)
    (tmp_path / "backup").rename(tables.classes.parent)
    assert infgen.run(**settings, out=out).failures == ()
    assert not differing(snapshot(out), snapshot(tmp_path / "undisturbed"))


def test_a_failed_picture_does_not_take_the_background_of_others_along(
    tables: Tables, tmp_path: Path
) -> None:
    """The first layout of a background writes it, for all of them, also if nothing else of it is
    made."""
    out = tmp_path / "dataset"
    settings = tables.settings(out=out, images=40, per_background=4, keep_backgrounds=True)
    infgen.run(**settings, reporter=At("pictures", spoil_cutouts(tables, 0)))
    made = [entry for entry in entries(out) if not entry.failure]
    failed_first = [e for e in entries(out) if e.failure and e.index % 4 == 0]
    assert failed_first and made
    assert [e.index for e in made if not (out / e.background_file).exists()] == []


def test_a_run_of_which_every_picture_fails_still_ends_well(tables: Tables, tmp_path: Path) -> None:
    def gone() -> None:
        shutil.rmtree(tables.classes.parent / "scenes")

    out = tmp_path / "dataset"
    reporter = At("pictures", gone)
    manifest = infgen.run(**tables.settings(out=out, images=15), reporter=reporter)
    assert len(manifest.failures) == 15 and manifest.pictures == 0
    told = [text for text in reporter.seen if "fail" in text]
    assert len(told) == 11 and "run.log" in told[-1]
    assert (out / "run.log").read_text().count('"failed"') >= 15


# ---- running again -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    infgen.run(**make_tables(folder / "input").settings(out=folder / "dataset"))
    return folder


@pytest.fixture
def finished(made: Path, tables: Tables, tmp_path: Path) -> Path:
    """The dataset that a run of these tables makes."""
    return copy_made(made, tmp_path) / "dataset"


def times(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in [folder, *folder.rglob("*")]
        if path.name != "run.log"
    }


@pytest.mark.parametrize(
    "change", [{"workers": 2}, {"max_failures": 3}, {"coco_masks": "rle"}, {"format": "masks"}]
)
def test_what_changes_no_picture_is_accepted(
    tables: Tables, finished: Path, change: dict[str, Any]
) -> None:
    before = times(finished)
    infgen.run(**tables.settings(out=finished, **change))
    after = times(finished)
    assert [name for name in before if name.startswith("images/")]
    for name in before:
        if name.startswith(("images/", "samples-", "run.toml")):
            assert after[name] == before[name]


def test_another_out_is_another_dataset_with_the_same_bytes(
    tables: Tables, finished: Path, tmp_path: Path
) -> None:
    infgen.run(**tables.settings(out=tmp_path / "far" / "away"))
    assert not differing(snapshot(finished), snapshot(tmp_path / "far" / "away"))


REFUSED = {
    "seed": ({"seed": 5}, "--seed was 0 and is now 5"),
    "width": ({"width": 100}, "the canvas was 96 x 80 and is now 100 x 80"),
    "height": ({"height": 90}, "the canvas was 96 x 80 and is now 96 x 90"),
    "images": ({"images": 13}, "the number of pictures was 12 and is now 13"),
    "val_frac": ({"val_frac": 0.2}, "--val-frac was 0.1 and is now 0.2"),
    "per_background": ({"per_background": 2}, "--per-background was 1 and is now 2"),
    "jpeg_quality": ({"jpeg_quality": 80}, "--jpeg-quality was 90 and is now 80"),
    "image_format": ({"image_format": "png"}, "--image-format was jpg and is now png"),
    "max_overlap": ({"max_overlap": 0.1}, "--max-overlap was 0.3 and is now 0.1"),
    "min_visible": ({"min_visible": 0.5}, "--min-visible was 0.3 and is now 0.5"),
    "flip_frac": ({"flip_frac": 0}, "--flip-frac was 0.5 and is now 0.0"),
    "decoys": ({"decoys": 0}, "--decoys was 0.3 and is now 0.0"),
    "balance": ({"balance": True}, "--balance was False and is now True"),
    "max_uses": ({"max_uses": 99}, "--max-uses was None and is now 99"),
    "cut_off_frac": ({"cut_off_frac": 0.2}, "--cut-off-frac was 0.0 and is now 0.2"),
    "degrade": ({"degrade": 0}, "--degrade was 0.5 and is now 0.0"),
    "blend": (
        {"blend": "hard"},
        "--blend was alpha, choke, feather, gaussian and is now hard",
    ),
    "harmonize": ({"harmonize": "lighting"}, "--harmonize was none and is now lighting"),
    "shadow_frac": ({"shadow_frac": 0.5}, "--shadow-frac was 0.0 and is now 0.5"),
}


def refused(tables: Tables, folder: Path, sentence: str, **change: Any) -> None:
    before, when = snapshot(folder), times(folder)
    with pytest.raises(FolderError) as raised:
        infgen.run(**tables.settings(out=folder) | change)
    assert f"made otherwise: {sentence}: choose another --out" in str(raised.value)
    assert not differing(before, snapshot(folder))
    assert times(folder) == when  # not even a lock has come and gone


@pytest.mark.parametrize(("change", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_setting_that_changes_a_picture_is_refused_and_named(
    tables: Tables, finished: Path, change: dict[str, Any], sentence: str
) -> None:
    refused(tables, finished, sentence, **change)


def test_every_setting_that_changes_a_picture_is_among_them(tables: Tables) -> None:
    from infgen.batch.settings import RunSettings

    assert set(REFUSED) == set(RunSettings().decisive)


def test_a_changed_cell_is_refused_and_its_row_named(tables: Tables, finished: Path) -> None:
    text = tables.classes.read_text()
    tables.classes.write_text(text.replace('40%,40%,"note"', '41%,40%,"note"'))
    refused(tables, finished, "row 2 of --classes has changed")
    tables.classes.write_text(text)
    tables.backgrounds.write_text("prompt,num_imgs,images\na table,,scenes\n")
    refused(tables, finished, "row 1 of --backgrounds has changed")


def test_rows_that_change_places_are_refused(tables: Tables, finished: Path) -> None:
    header, *rows = tables.classes.read_text().splitlines()
    tables.classes.write_text("\n".join([header, *reversed(rows)]))
    before = snapshot(finished)
    with pytest.raises(FolderError, match="row 1 of --classes has changed; the cutouts of row 1"):
        infgen.run(**tables.settings(out=finished))
    assert not differing(before, snapshot(finished))


def test_tables_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    scenes = tmp_path / "input/scenes/table.csv"
    objects = tmp_path / "input/cutouts/table.csv"
    scenes.write_text("prompt,num_imgs,images\na desk,6,../scenes\n")
    objects.write_text(tables.classes.read_text().replace("cutouts/", ""))
    same = Tables(scenes, objects)
    infgen.run(**same.settings(out=tmp_path / "dataset"))
    scenes.write_text("prompt,num_imgs,images\na desk,5,../scenes\n")
    refused(same, tmp_path / "dataset", "row 1 of --backgrounds has changed")


def test_a_changed_source_picture_is_refused_and_named(tables: Tables, finished: Path) -> None:
    scene = tables.backgrounds.parent / "scenes/scene_2.jpg"
    original = scene.read_bytes()
    save(scene, draw_scene(99))
    refused(tables, finished, "the pictures of row 1 of --backgrounds has changed")
    scene.write_bytes(original)
    spoil_cutouts(tables, 1)()
    refused(
        tables,
        finished,
        "the cutouts of row 1 of --classes has changed; the cutouts of row 2 of --classes has "
        "changed",
    )


def test_sources_that_moved_are_accepted(tables: Tables, finished: Path, tmp_path: Path) -> None:
    moved = tables.backgrounds.parent.rename(tmp_path / "elsewhere")
    again = Tables(moved / "background.csv", moved / "classes.csv")
    (finished / "images/train").glob("*").__next__().unlink()
    before = times(finished)
    assert infgen.run(**again.settings(out=finished)).failures == ()
    assert times(finished)["run.toml"] == before["run.toml"]


def test_another_layout_of_the_same_table_is_accepted(tables: Tables, finished: Path) -> None:
    before = snapshot(finished)
    for path in (tables.backgrounds, tables.classes):
        lines = path.read_text().splitlines()
        lines = [lines[0], "", *(line.replace(",", " , ") + ",,," for line in lines[1:]), "", ""]
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    infgen.run(**tables.settings(out=finished))
    assert not differing(before, snapshot(finished))


def test_a_default_written_out_is_the_same_run(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    infgen.run(**tables.settings(out=out, images=None))
    infgen.run(**tables.settings(out=out, images=6, max_overlap="0.30", seed="0"))


# ---- the method ----------------------------------------------------------------------------------


def test_the_method_is_pinned_and_a_foreign_one_is_not_ignored(
    tables: Tables, finished: Path
) -> None:
    path = finished / "run.toml"
    text = path.read_text()
    assert tomllib.loads(text)["record"]["methods"] == {"coin": "paste", "note": "paste"}
    infgen.run(**tables.settings(out=finished, method="paste"))
    path.write_text(text.replace('note = "paste"', 'note = "inpaint"'))
    with pytest.raises(InputError, match="was begun with inpaint and paste"):
        infgen.run(**tables.settings(out=finished))


@pytest.mark.parametrize("method", ["auto", "paste"])
def test_what_copy_paste_lacks_is_named_all_at_once(
    tables: Tables, tmp_path: Path, method: str
) -> None:
    tables.backgrounds.write_text("prompt,num_imgs,images\na desk,,scenes\na lake,3,\nthe sea,2,\n")
    header, coin, note = tables.classes.read_text().splitlines()
    tables.classes.write_text(
        "\n".join([header, coin, note.replace("cutouts/1", ""), coin.replace("coin", "a").replace(
            "cutouts/0", "")])
    )  # fmt: skip
    with pytest.raises(InputError) as raised:
        infgen.run(**tables.settings(out=tmp_path / "dataset", method=method))
    lines = str(raised.value).splitlines()
    assert len(lines) == (5 if method == "auto" else 4)
    assert "inpainting needs a GPU" in lines[0] or method == "paste"
    assert lines[-4].startswith(f"{tables.backgrounds}:3: images: no pictures")
    assert lines[-3].startswith(f"{tables.backgrounds}:4: images: no pictures")
    assert lines[-2].startswith(f"{tables.classes}:3: cutouts: no cutouts for 'note'")
    assert lines[-1].startswith(f"{tables.classes}:4: cutouts: no cutouts for 'a'")
    assert not (tmp_path / "dataset").exists()


# ---- formats and backgrounds later ---------------------------------------------------------------


def test_a_new_format_only_exports(tables: Tables, finished: Path, tmp_path: Path) -> None:
    before = times(finished)
    settings = tables.settings(out=finished, format="voc", yolo_labels="detect")
    assert infgen.run(**settings).formats == ("coco", "yolo", "voc")
    after = times(finished)
    assert {n: t for n, t in after.items() if n.startswith(("images/", "labels/", "samples"))} == (
        {n: t for n, t in before.items() if n.startswith(("images/", "labels/", "samples"))}
    )
    infgen.mark(finished, [1])
    infgen.mark(finished, [1], undo=True)  # all formats twice, as they were written first
    infgen.run(**tables.settings(out=tmp_path / "at once", format="coco,yolo,voc"))
    assert not differing(
        snapshot(finished, "run.toml", "manifest.json"),
        snapshot(tmp_path / "at once", "run.toml", "manifest.json"),
    )


def test_export_adds_formats_in_any_order(tables: Tables, finished: Path, tmp_path: Path) -> None:
    assert infgen.export(finished, "masks,voc,masks").formats == ("coco", "yolo", "voc", "masks")
    infgen.run(**tables.settings(out=tmp_path / "at once", format="voc,masks,coco,yolo"))
    assert not differing(
        snapshot(finished, "run.toml", "manifest.json"),
        snapshot(tmp_path / "at once", "run.toml", "manifest.json"),
    )


@pytest.mark.parametrize("verb", ["run", "export"])
def test_a_format_that_does_not_exist_writes_nothing(
    tables: Tables, finished: Path, verb: str
) -> None:
    before = times(finished)
    with pytest.raises(InputError, match=r"no format cocoa: the formats are coco, yolo, voc"):
        if verb == "run":
            infgen.run(**tables.settings(out=finished, format="cocoa,masks"))
        else:
            infgen.export(finished, "masks,cocoa")
    assert times(finished) == before


def test_a_format_that_is_being_written_over_is_not_listed(tables: Tables, finished: Path) -> None:
    def listed() -> None:
        seen.append(manifest_of(finished).formats)

    seen: list[tuple[str, ...]] = []
    settings = tables.settings(out=finished, format="yolo", yolo_labels="detect")
    infgen.run(**settings, reporter=At("yolo", listed))
    assert seen == [("coco",)]
    assert manifest_of(finished).formats == ("coco", "yolo")


def test_npy_of_a_dataset_without_backgrounds_is_refused_before_anything_is_written(
    finished: Path,
) -> None:
    before = times(finished)
    with pytest.raises(InputError, match="--keep-backgrounds"):
        infgen.export(finished, "masks,npy")
    assert times(finished) == before


def test_run_keeps_the_backgrounds_that_npy_needs_also_afterwards(
    tables: Tables, finished: Path, tmp_path: Path
) -> None:
    pictures = {n: data for n, data in snapshot(finished).items() if n.startswith("images/")}
    infgen.run(**tables.settings(out=finished, format="npy"))
    again = snapshot(finished)
    assert {n: data for n, data in again.items() if n.startswith("images/")} == pictures
    infgen.run(**tables.settings(out=tmp_path / "at once", format="coco,yolo,npy"))
    assert not differing(
        snapshot(finished, "run.toml", "manifest.json"),
        snapshot(tmp_path / "at once", "run.toml", "manifest.json"),
    )
    # what the folder keeps it goes on keeping, whoever mends it
    (finished / entries(finished)[3].file).unlink()
    shutil.rmtree(finished / "backgrounds")
    infgen.run(**tables.settings(out=finished))
    assert not differing(
        snapshot(finished, "run.toml", "manifest.json"),
        snapshot(tmp_path / "at once", "run.toml", "manifest.json"),
    )
    infgen.export(finished, "npy")


def test_backgrounds_can_be_kept_later(tables: Tables, finished: Path, tmp_path: Path) -> None:
    infgen.run(**tables.settings(out=finished, keep_backgrounds=True))
    infgen.run(**tables.settings(out=tmp_path / "at once", keep_backgrounds=True))
    assert not differing(snapshot(finished), snapshot(tmp_path / "at once"))


# ---- --config ------------------------------------------------------------------------------------


def test_a_runs_own_record_makes_the_same_dataset_elsewhere(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tables.backgrounds.parent)
    here = Tables(Path("background.csv"), Path("classes.csv"))
    infgen.run(**here.settings(out=tmp_path / "first", seed=9, per_background=3, format="masks"))
    monkeypatch.chdir(tmp_path)
    infgen.run(config=tmp_path / "first/run.toml", out="second", workers=2)
    assert not differing(snapshot(tmp_path / "first"), snapshot(tmp_path / "second"))


def test_paths_in_a_config_are_relative_to_it_and_options_win(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tables.backgrounds.parent / "mine.toml"
    config.write_text(
        'backgrounds = "background.csv"\nclasses = "classes.csv"\nwidth = 96\nheight = 80\n'
        'images = 99\nformat = ["masks"]\nout = "made"\nworkers = 1\n'
    )
    monkeypatch.chdir(tmp_path)
    manifest = infgen.run(config=config, images=3)
    assert manifest.pictures == 3 and manifest.formats == ("masks",)
    assert (tables.backgrounds.parent / "made/manifest.json").exists()


# ---- the folder ----------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_not_touched(tables: Tables, tmp_path: Path) -> None:
    foreign = tmp_path / "photos"
    (foreign / "deep").mkdir(parents=True)
    (foreign / "cat.jpg").write_bytes(b"meow")
    before = times(foreign)
    with pytest.raises(FolderError, match=r"didn't make \(cat.jpg, deep\)"):
        infgen.run(**tables.settings(out=foreign))
    assert times(foreign) == before


def test_bad_input_leaves_no_folder(tables: Tables, tmp_path: Path) -> None:
    tables.classes.write_text(tables.classes.read_text().replace(",0,3,", ",3,0,"))
    with pytest.raises(InputError):
        infgen.run(**tables.settings(out=tmp_path / "dataset"))
    assert not (tmp_path / "dataset").exists()


def test_the_second_of_two_runs_at_once_is_refused(tables: Tables, tmp_path: Path) -> None:
    out, begun, may_go_on = tmp_path / "dataset", threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert may_go_on.wait(LATE)

    settings = tables.settings(out=out)
    first = threading.Thread(
        target=lambda: infgen.run(**settings, reporter=At("pictures", hold, step=5))
    )
    first.start()
    try:
        assert begun.wait(LATE)
        before = snapshot(out)
        with pytest.raises(FolderError, match="another infgen run is at work"):
            infgen.run(**settings)
        with pytest.raises(InputError, match="hasn't finished"):
            infgen.export(out, "masks")
        assert not differing(before, snapshot(out))
    finally:
        may_go_on.set()
        first.join(LATE)
    infgen.run(**tables.settings(out=tmp_path / "undisturbed"))
    assert not differing(snapshot(out), snapshot(tmp_path / "undisturbed"))


@pytest.mark.skipif(os.name != "posix", reason="a path that can't be written")
def test_a_folder_that_cannot_be_made_is_one_sentence(tables: Tables) -> None:
    with pytest.raises(FolderError, match=r"can't write in /proc/dataset.*choose another --out"):
        infgen.run(**tables.settings(out="/proc/dataset"))


def test_a_place_where_no_picture_can_be_written_is_one_sentence(
    tables: Tables, tmp_path: Path
) -> None:
    out = tmp_path / "dataset"

    def block() -> None:
        (out / "images").write_text("in the way")

    with pytest.raises(StorageError, match=r"can't write .*00000000.jpg.*run the same command"):
        infgen.run(**tables.settings(out=out), reporter=At("pictures", block))
    (out / "images").unlink()
    infgen.run(**tables.settings(out=out))
    infgen.run(**tables.settings(out=tmp_path / "undisturbed"))
    assert not differing(snapshot(out), snapshot(tmp_path / "undisturbed"))


def test_more_objects_than_voc_holds_are_refused_before_the_run(
    tables: Tables, tmp_path: Path
) -> None:
    header, coin, note = tables.classes.read_text().splitlines()
    cells = coin.split(",")
    cells[header.split(",").index("max_appear")] = "300"
    tables.classes.write_text("\n".join([header, ",".join(cells), note]) + "\n")
    with pytest.raises(InputError, match="leave out the voc format"):
        infgen.run(**tables.settings(out=tmp_path / "dataset", format="coco,voc"))
    assert not (tmp_path / "dataset").exists()


def test_no_format_at_all_is_refused(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--format is empty"):
        infgen.run(**tables.settings(out=tmp_path / "dataset", format=""))


def test_layouts_whose_background_nobody_kept_fail_and_are_made_later(
    tables: Tables, tmp_path: Path
) -> None:
    """The first layout of a background fails in another process than its siblings, which still
    hold the picture: what they would name isn't there."""
    from infgen.batch import painting, runner
    from infgen.batch.made import Made, worker_failed
    from infgen.batch.settings import make_settings

    out = tmp_path / "dataset"
    settings = tables.settings(out=out, images=8, per_background=4, keep_backgrounds=True)
    infgen.run(**settings)
    planner = runner.plan(make_settings(settings))
    line = (out / "samples-00000.jsonl").read_bytes().splitlines(keepends=True)[1]
    store = runner.Store(out)
    (out / "backgrounds/00000000.png").unlink()
    made = Made(line, background_file="backgrounds/00000000.png")
    failed = partial(worker_failed, planner)
    [told] = painting._told(iter([made]), [1], failed, store, runner.Silent())
    assert b"background could not be kept" in told
    infgen.run(**settings)
    assert (out / "backgrounds/00000000.png").exists()


def test_an_empty_kept_background_is_made_again(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    settings = tables.settings(out=out, images=3, keep_backgrounds=True)
    infgen.run(**settings)
    before = snapshot(out)
    (out / "backgrounds/00000001.png").write_bytes(b"")
    infgen.run(**settings)
    assert not differing(snapshot(out), before)


def test_a_folder_that_vanishes_in_mid_run_is_no_success(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "gone"

    class Saboteur(Silent):
        def advance(self, failed: bool = False) -> None:
            shutil.rmtree(out, ignore_errors=True)

    with pytest.raises(StorageError):
        infgen.run(**tables.settings(out=out, images=4, workers=1), reporter=Saboteur())


def test_what_a_background_shows_is_counted_once_whatever_its_layouts(tmp_path: Path) -> None:
    def entry(index: int, scene: int) -> Entry:
        seen = (Sighting(0, 0.9, Box(1, 1, 5, 5)),)
        background = BackgroundPlan(scene, 0)
        return Entry(index, "train", (8, 8), "a.png", 1, background, sighted=seen)

    lines = [as_line(entry(index, scene)) for index, scene in enumerate([0, 0, 1])]
    (tmp_path / "samples-00000.jsonl").write_bytes(b"".join(lines))
    [[one], _, _] = count_up(Store(tmp_path), 3, ["ball"], ["train"])
    assert one.sighted == 2


def test_an_export_leaves_no_picture_out_unheard(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.run(**tables.settings(out=out))
    records = out / "samples-00000.jsonl"
    whole = records.read_bytes()
    lines = whole.splitlines(keepends=True)
    records.write_bytes(b"".join([*lines[:2], b"rubbish\n", *lines[3:]]))
    with pytest.raises(StorageError, match=r"--format voc: the records hold 11 of 12 pictures"):
        infgen.export(out, "voc")
    records.write_bytes(whole)
    picture = next((out / "images").rglob("*.jpg"))
    picture.unlink()
    with pytest.raises(StorageError, match=f"{picture.name} is gone"):
        infgen.export(out, "voc")
