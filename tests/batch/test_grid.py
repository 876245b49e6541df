"""The full grid as files: their names, their masks, loose and in archives, and what they weigh."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

import infgen
from infgen.batch.kinds import check_kind
from infgen.batch.layout import FOLDERS, NAMES
from infgen.batch.made import Made
from infgen.batch.methods import Means
from infgen.batch.packing import Shelf, by_pack, one_by_one, whole_packs
from infgen.batch.pipeline import Pipeline
from infgen.batch.reporter import Silent
from infgen.batch.settings import make_settings
from infgen.batch.statistics import read_statistics
from infgen.batch.store import Store
from infgen.ops.camera import apply_finish
from infgen.records.errors import FolderError, InputError, WorkerDied
from infgen.records.sample import Entry
from infgen.sources.tables import read_request
from tests.batch.test_resume import deaths
from tests.making import Tables, differing, infgen_here, make_tables, snapshot

SIZE = (48, 40)
NAME = re.compile(r"(fg_bg|bg_mask)_(\d+)_(\d+)_([01])_(\d+)\.(jpg|png)")


def asked(tables: Tables, **more: Any) -> dict[str, Any]:
    """A grid of 6 backgrounds x 6 cutouts x 2 x 2."""
    small = {"width": SIZE[0], "height": SIZE[1], "placements": 2, "format": "coco"}
    return tables.settings(**{"grid": True, "images": None} | small | more)


def made(tables: Tables, out: Path, **more: Any) -> list[Entry]:
    infgen.run(**asked(tables, out=out, **more))
    return list(Store(out).entries())


def read(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    pixels = cv2.imread(str(path), flags)
    assert pixels is not None
    return pixels


def unpack(dataset: Path, folder: Path) -> None:
    for path in sorted((dataset / "packs").iterdir()):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        else:
            with tarfile.open(path) as archive:
                archive.extractall(folder)  # our own


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_every_combination_has_a_picture_and_a_mask_by_its_numbers(
    tables: Tables, tmp_path: Path, ending: str
) -> None:
    made(tables, tmp_path / "out", image_format=ending)
    files = set(snapshot(tmp_path / "out"))
    wanted = {
        f"{folder}_{ending}/{name}_{fg}_{bg}_{flip}_{k}.{ending}"
        for folder, name in (("fg_bg", "fg_bg"), ("mask_black", "bg_mask"))
        for fg in range(1, 7)
        for bg in range(1, 7)
        for flip in (0, 1)
        for k in (1, 2)
    }
    wanted |= {f"bg_{ending}/bg_img_{bg}.{ending}" for bg in range(1, 7)}
    wanted |= {f"fg_{ending}/fg_img_{fg}.{ending}" for fg in range(1, 7)}
    assert {file for file in files if file.endswith((".jpg", ".png"))} == (wanted | {"preview.png"})
    assert len(wanted) == 2 * 6 * 6 * 2 * 2 + 12


def test_masks_are_the_labels_and_all_else_is_the_background(
    tables: Tables, tmp_path: Path
) -> None:
    """Of PNGs, without a finish: bit for bit."""
    out = tmp_path / "out"
    seen = made(tables, out, image_format="png", degrade=0)
    assert len(seen) == 144
    coco = {split: COCO(out / f"annotations/instances_{split}.json") for split in ("train", "val")}
    for entry in seen:
        fg, bg, flip, k = map(int, re.findall(r"\d+", entry.stem))
        mask = read(out / f"mask_black_png/bg_mask_{fg}_{bg}_{flip}_{k}.png")
        assert mask.shape == SIZE[::-1]
        assert set(np.unique(mask)) == {0, 255}
        labels = coco[entry.split]
        [image] = [one for one in labels.imgs.values() if one["file_name"] == entry.file]
        [label] = labels.imgToAnns[image["id"]]
        assert np.array_equal(labels.annToMask(label), mask // 255)
        picture = read(out / image["file_name"])
        background = read(out / f"bg_png/bg_img_{bg}.png")
        changed = (picture != background).any(axis=2)
        near = cv2.dilate(mask, np.ones((15, 15), np.uint8)) > 0
        assert changed.any()
        assert not (changed & ~near).any()


def test_flipped_ones_show_the_cutout_the_other_way_round(tables: Tables, tmp_path: Path) -> None:
    seen = made(tables, tmp_path / "out")
    for entry in seen:
        fg, bg, flip, k = map(int, re.findall(r"\d+", entry.stem))
        [one] = entry.objects
        assert one.mirror == bool(flip)
        assert one.cutout == f"cutouts/{(fg - 1) // 3}/{(fg - 1) % 3}.png"
        assert entry.background.number == bg - 1
        assert 1 <= k <= 2


def test_jpeg_masks_are_black_and_white_where_it_counts(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for entry in made(tables, out, jpeg_quality=40)[::5]:
        [name] = [name for name in entry.beside if name.startswith("mask_black")]
        assert np.count_nonzero(read(out / name) >= 128) == entry.objects[0].area


def test_the_finish_is_over_the_pictures_and_not_over_their_backgrounds(
    tables: Tables, tmp_path: Path
) -> None:
    seen = made(tables, tmp_path / "bare", image_format="png", degrade=0)
    finished = made(tables, tmp_path / "out", image_format="png", degrade=1)
    before, after = (read(tmp_path / f"{at}/bg_png/bg_img_3.png") for at in ("bare", "out"))
    assert np.array_equal(before, after)
    for one, other in list(zip(seen, finished, strict=True))[::30]:
        assert other.finish is not None
        canvas = apply_finish(read(tmp_path / "bare" / one.file)[..., ::-1], other.finish)
        _, data = cv2.imencode(
            ".jpg", canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90 - other.finish.quality_loss]
        )
        assert np.array_equal(
            read(tmp_path / "out" / other.file), cv2.imdecode(data, cv2.IMREAD_COLOR)
        )


def test_names_are_distinct_and_in_folders_of_their_own() -> None:
    assert NAMES.keys() == FOLDERS.keys()
    assert len({*FOLDERS.values()}) == len({*NAMES.values()}) == len(NAMES)


# ---- archives ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pictures of a grid, by the file that each has without archives."""
    folder = tmp_path_factory.mktemp("loose")
    made(make_tables(folder / "input"), folder / "loose")
    files = snapshot(folder / "loose")
    return {name: data for name, data in files.items() if name.endswith(".jpg")}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("size", [1, 7, 24, 1000])
def test_archives_hold_the_very_files(
    tables: Tables, loose: dict[str, bytes], tmp_path: Path, kind: str, size: int
) -> None:
    made(tables, tmp_path / "packed", pack=kind, pack_size=size)
    packs = sorted((tmp_path / "packed/packs").iterdir())
    assert len(packs) == -(-144 // size)
    assert {path.name for path in packs} == {f"batch{n}.{kind}" for n in range(1, len(packs) + 1)}
    unpack(tmp_path / "packed", tmp_path / "unpacked")
    assert not differing(snapshot(tmp_path / "unpacked"), loose)


def test_every_archive_is_whole_in_itself(tables: Tables, tmp_path: Path) -> None:
    """It has the mask, the background and the foreground of each of its pictures, once."""
    made(tables, tmp_path / "out", pack="zip", pack_size=31)
    for path in (tmp_path / "out/packs").iterdir():
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        assert len(names) == len(set(names))
        wanted = set()
        for name in names:
            if name.startswith("fg_bg_jpg/"):
                _, fg, bg, flip, k, _ = NAME.fullmatch(Path(name).name).groups()  # type: ignore[union-attr]
                wanted |= {
                    name,
                    f"mask_black_jpg/bg_mask_{fg}_{bg}_{flip}_{k}.jpg",
                    f"bg_jpg/bg_img_{bg}.jpg",
                    f"fg_jpg/fg_img_{fg}.jpg",
                }
        assert set(names) == wanted


def test_records_know_their_archive(tables: Tables, tmp_path: Path) -> None:
    seen = made(tables, tmp_path / "out", pack="zip", pack_size=50)
    for entry in seen:
        assert entry.pack == f"packs/batch{entry.index // 50 + 1}.zip"
        with zipfile.ZipFile(tmp_path / "out" / entry.pack) as archive:
            data = archive.read(entry.file)
            assert set(entry.beside) <= set(archive.namelist())
        with (tmp_path / "out" / entry.pack).open("rb") as file:
            file.seek(entry.at)
            assert file.read(entry.bytes) == data


def test_ordinary_datasets_can_be_packed_too(tables: Tables, tmp_path: Path) -> None:
    wanted = {"images": 20, "format": "coco,masks"}
    infgen.run(**tables.settings(out=tmp_path / "loose", **wanted))
    infgen.run(**tables.settings(out=tmp_path / "packed", pack="tar", pack_size=6, **wanted))
    unpack(tmp_path / "packed", tmp_path / "unpacked")
    one, other = snapshot(tmp_path / "loose"), snapshot(tmp_path / "unpacked")
    assert {name for name in one if name.startswith("images/")} == set(other)
    assert not [name for name in other if one[name] != other[name]]
    packed = snapshot(tmp_path / "packed")
    for name in ("preview.png", "annotations/instances_train.json"):
        assert packed[name] == one[name]


@pytest.mark.parametrize("pack", ["none", "zip"])
def test_the_number_of_workers_changes_no_byte(tables: Tables, tmp_path: Path, pack: str) -> None:
    for workers in (1, 2):
        made(tables, tmp_path / f"{workers}", pack=pack, pack_size=20, workers=workers)
    assert not differing(snapshot(tmp_path / "1"), snapshot(tmp_path / "2"))


def test_killed_anywhere_it_goes_on_with_whole_archives(tmp_path: Path) -> None:
    more = {"grid": True, "placements": 1, "images": None, "pack": "zip", "pack_size": 30}
    seen = deaths(tmp_path, None, 2, 3, format="coco", width=32, height=32, **more)
    assert len(seen) >= 8
    assert [death for death in seen if death["differing"]] == []
    assert "packs/.batch2" in " ".join(death["operation"] for death in seen)


def test_an_archive_that_is_gone_or_cut_is_made_again(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(tables, out, pack="zip", pack_size=50)
    before = snapshot(out)
    (out / "packs/batch2.zip").unlink()
    cut = out / "packs/batch3.zip"
    cut.write_bytes(cut.read_bytes()[:2000])
    whole = (out / "packs/batch1.zip").stat().st_mtime_ns
    made(tables, out, pack="zip", pack_size=50)
    assert not differing(before, snapshot(out))
    assert (out / "packs/batch1.zip").stat().st_mtime_ns == whole


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_picture_that_fails_is_left_out_of_its_archive_and_comes_later(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It alone: the others are copied out of the archive that there is."""
    out, scene = tmp_path / "out", tables.backgrounds.parent / "scenes/scene_2.jpg"
    wanted = asked(tables, out=out, pack=kind, pack_size=50, workers=1)
    made(tables, tmp_path / "undisturbed", pack=kind, pack_size=50)
    held = scene.read_bytes()

    class Spoils(Silent):
        def start(self, what: str, total: int, done: int = 0) -> None:
            scene.write_bytes(b"another")

    manifest = infgen.run(**wanted, reporter=Spoils())
    assert [one.index for one in manifest.failures] == list(range(48, 72))
    unpack(out, tmp_path / "unpacked")
    assert len(list((tmp_path / "unpacked/fg_bg_jpg").iterdir())) == 144 - 24
    scene.write_bytes(held)
    again: list[int] = []
    make = Pipeline.make

    def watched(self: Pipeline, indices: Sequence[int], shelf: Shelf) -> list[Made]:
        again.extend(indices)
        return make(self, indices, shelf)

    monkeypatch.setattr(Pipeline, "make", watched)
    assert not infgen.run(**wanted).failures
    assert again == list(range(48, 72))
    assert not differing(snapshot(tmp_path / "undisturbed"), snapshot(out))


def test_indices_of_archives() -> None:
    assert by_pack([0, 1, 4, 5, 6, 9], 3) == [[0, 1], [4, 5], [6], [9]]
    assert whole_packs([1, 2, 7], 3, 8) == [0, 1, 2, 6, 7]


def test_a_worker_that_dies_takes_its_archive_with_it_and_no_other() -> None:
    died = WorkerDied("the worker was killed")
    results = one_by_one([[0, 1], [2, 3, 4], [6]], [[Made(b"0"), Made(b"1")], died, [Made(b"6")]])
    assert list(results) == [Made(b"0"), Made(b"1"), died, died, died, Made(b"6")]


# ---- what it weighs ------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", ["none", "tar"])
def test_statistics_are_those_of_the_files(tables: Tables, tmp_path: Path, pack: str) -> None:
    out = tmp_path / "out"
    made(tables, out, image_format="png", degrade=0, pack=pack, pack_size=40)
    files = out
    if pack != "none":
        unpack(out, files := tmp_path / "unpacked")
    counted = read_statistics(out)
    assert counted is not None
    assert (counted.pictures, counted.size) == (144, SIZE)
    assert set(counted.folders) == {"bg_png", "fg_png", "fg_bg_png", "mask_black_png"}
    for name, channels in (("fg_bg_png", 3), ("mask_black_png", 1)):
        pixels = [read(path).reshape(-1, channels) for path in (files / name).iterdir()]
        values = np.concatenate(pixels)[:, ::-1] / 255
        assert counted.folders[name].files == 144
        assert counted.folders[name].mean == pytest.approx(values.mean(0), abs=1e-6)
        assert counted.folders[name].std == pytest.approx(values.std(0), abs=1e-6)
        size = sum(path.stat().st_size for path in (files / name).iterdir())
        assert counted.folders[name].bytes == size
    packs = list((out / "packs").iterdir()) if pack != "none" else []
    assert counted.packs.files == len(packs)
    assert counted.packs.bytes == sum(path.stat().st_size for path in packs)


def test_any_run_can_be_counted(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "out"
    infgen.run(**tables.settings(out=out, statistics=True, image_format="png", degrade=0))
    counted = json.loads((out / "statistics.json").read_text())
    for split in ("train", "val"):
        pixels = np.concatenate(
            [read(path).reshape(-1, 3) for path in (out / "images" / split).iterdir()]
        )
        assert counted["folders"][f"images/{split}"]["mean"] == pytest.approx(
            pixels[:, ::-1].mean(0) / 255, abs=1e-6
        )
    infgen.run(**tables.settings(out=tmp_path / "uncounted"))
    assert not (tmp_path / "uncounted/statistics.json").exists()


def test_the_command_line_shows_them(tables: Tables, tmp_path: Path) -> None:
    options = tables.options(width=32, height=32, images=None, format="coco")
    done = infgen_here(
        "run", "--grid", "--placements", 1, *options, "--pack", "zip", "--out", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if "mask_black_jpg" in line]
    counted = read_statistics(tmp_path / "out")
    assert counted is not None
    assert f"{counted.folders['mask_black_jpg'].mean[0]:.4f}" in line
    assert "1 archive" in done.stdout


# ---- what else may be done with it ---------------------------------------------------------------


def test_labels_without_pixels_are_the_same_for_archives(tables: Tables, tmp_path: Path) -> None:
    made(tables, tmp_path / "loose", format="coco,masks")
    made(tables, tmp_path / "packed", format="coco,masks", pack="zip", pack_size=40)
    one, other = snapshot(tmp_path / "loose"), snapshot(tmp_path / "packed")
    for name in one:
        if name.startswith(("annotations/", "masks/", "preview")):
            assert one[name] == other[name], name


@pytest.mark.parametrize("name", ["yolo", "hf", "voc", "npy"])
def test_formats_that_need_the_files_refuse_archives(
    tables: Tables, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match=rf"--format {name} .*--pack.*coco, masks"):
        made(tables, tmp_path / "out", pack="zip", format=f"coco,{name}")
    assert not (tmp_path / "out").exists()
    made(tables, tmp_path / "out", pack="zip")
    with pytest.raises(InputError, match=f"--format {name}"):
        infgen.export(tmp_path / "out", name)


def test_yolo_refuses_the_grids_folders(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--format yolo .*images/.*coco, voc"):
        made(tables, tmp_path / "out", format="yolo")
    seen = made(tables, tmp_path / "out", format="coco,voc,masks,hf,npy")
    assert len(list((tmp_path / "out/hf").rglob("fg_bg_*.jpg"))) == len(seen)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_all_that_reads_datasets_reads_archives(tables: Tables, tmp_path: Path, kind: str) -> None:
    """As it reads the files in them."""
    out = tmp_path / "out"
    infgen.run(**tables.settings(out=out, pack=kind, pack_size=5, format="coco"))
    objects = sum(len(entry.objects) for entry in Store(out).entries())
    asked = {"source": out, "workers": 1}
    found = [infgen.audit(out, out=tmp_path / "audit", seams=False)]
    cut = [infgen.cutouts(**asked, out=tmp_path / "cut")]
    items = [list(infgen.Dataset(out, split=None))]
    taken = [infgen.convert(out, out=tmp_path / "converted", workers=1, report=False)]
    behind = {"backgrounds": tmp_path / "cut/background.csv", "background_labels": out}
    over = infgen.run(**tables.settings(out=tmp_path / "over", images=12, max_overlap=0, **behind))
    assert not over.failures and sum(one.given for one in over.classes) == objects > 0
    unpack(out, out)
    for path in (out / "images").rglob("*.jpg"):
        assert (tmp_path / "converted" / path.relative_to(out)).read_bytes() == path.read_bytes()
    taken.append(infgen.convert(out, out=tmp_path / "reconverted", workers=1, report=False))
    assert taken[0].splits == taken[1].splits and taken[0].classes == taken[1].classes
    found.append(infgen.audit(out, out=tmp_path / "audit", seams=False))
    cut.append(infgen.cutouts(**asked, out=tmp_path / "again"))
    items.append(list(infgen.Dataset(out, split=None)))
    assert len(items[0]) == 12 and not found[0].labels.faults
    assert found[0] == found[1] and cut[0].classes == cut[1].classes
    for one, other in zip(*items, strict=True):
        assert (one["image"] == other["image"]).all()
    (out / f"packs/batch2.{kind}").write_bytes(b"broken")
    shutil.rmtree(out / "images")
    broken = infgen.audit(out, out=tmp_path / "audit", seams=False).labels.faults
    assert broken == {"picture that can't be read": 5}


def test_a_grid_of_prompts_or_of_a_model_is_refused(tables: Tables, tmp_path: Path) -> None:
    for more in ({"method": "inpaint"}, {"model": "sd15"}):
        with pytest.raises(InputError, match="--grid pastes cutouts"):
            made(tables, tmp_path / "out", **more)
    tables.backgrounds.write_text("prompt,num_imgs,images\na desk,,scenes\na dream,3,\n")
    with pytest.raises(InputError, match="no pictures"):
        made(tables, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_no_picture_of_a_grid_would_obey_is_refused(tables: Tables, tmp_path: Path) -> None:
    more = {"balance": True, "max_uses": 3, "max_background_uses": 1, "cut_off_frac": 0.5,
            "flip_frac": 0.9, "per_background": 2}  # fmt: skip
    with pytest.raises(InputError) as caught:
        made(tables, tmp_path / "out", **more)
    for name in more:
        assert f"--{name.replace('_', '-')} doesn't go with --grid" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_scenes_that_a_model_would_paint_fit_no_grid_and_no_archive(tables: Tables) -> None:
    tables.backgrounds.write_text("prompt,num_imgs,images\na desk,,scenes\na dream,3,\n")
    request, _ = read_request(tables.backgrounds, tables.classes, SIZE)
    painting = Means("paste", model=SimpleNamespace())  # type: ignore[arg-type]
    pasting = Means("paste")
    for more, why in (
        ({"grid": True}, "background.csv:3.*no pictures"),
        ({"pack": "zip"}, "--pack"),
    ):
        settings = make_settings({"backgrounds": str(tables.backgrounds)} | more)
        with pytest.raises(InputError, match=why):
            check_kind(settings, painting, request)
        check_kind(settings, pasting, request)
    check_kind(make_settings({}), painting, request)


def test_another_grid_or_other_archives_are_another_dataset(tables: Tables, tmp_path: Path) -> None:
    made(tables, tmp_path / "out", pack="zip")
    for more, what in (
        ({"placements": 3}, "--placements"),
        ({"pack": "tar"}, "--pack"),
        ({"pack": "none"}, "--pack"),
        ({"pack_size": 9}, "--pack-size"),
    ):
        with pytest.raises(FolderError, match=what):
            made(tables, tmp_path / "out", **{"pack": "zip"} | more)


def test_plans_of_a_grid_can_be_read_and_drawn(tables: Tables, tmp_path: Path) -> None:
    wanted = asked(tables)
    splits = Counter(one.split for one in infgen.plan(**wanted))
    assert splits == {"train": 120, "val": 24}
    assert infgen.preview(file=tmp_path / "sheet.png", **wanted).exists()


# ---- real pictures -------------------------------------------------------------------------------


def test_a_grid_of_photographs(shared_data: Path, tmp_path: Path) -> None:
    scenes = sorted((shared_data / "backgrounds").glob("*.jpg"))[:3]
    rows = "".join(f"street,,{path}\n" for path in scenes)
    (tmp_path / "background.csv").write_text("prompt,num_imgs,images\n" + rows)
    cats = shared_data / "cutouts/cat"
    (tmp_path / "classes.csv").write_text(
        "prompt,min_appear,max_appear,width_min,height_min,width_max,height_max,cutouts\n"
        f"a cat,1,1,25%,25%,60%,60%,{cats}\n"
    )
    out = tmp_path / "out"
    infgen.run(
        backgrounds=tmp_path / "background.csv",
        classes=tmp_path / "classes.csv",
        out=out,
        grid=True,
        report=False,
        placements=4,
        width=160,
        height=160,
        format="coco",
        workers=1,
    )
    entries = list(Store(out).entries())
    assert len(entries) == 3 * len(list(cats.glob("*.png"))) * 2 * 4
    for entry in entries:
        picture = read(out / entry.file)
        assert picture.shape == (160, 160, 3)
        mask = read(out / entry.file.replace("fg_bg_jpg/fg_bg", "mask_black_jpg/bg_mask")) >= 128
        bare = read(out / f"bg_jpg/bg_img_{entry.background.number + 1}.jpg")
        change = np.abs(picture.astype(int) - bare).max(axis=2)
        assert change[mask].mean() > 2 * change[~mask].mean()
