"""`infgen run --depth`: a map for every picture, whose values can be had back; any death. And sizes
that go by depth (--depth-scale)."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("transformers", reason="the diffusion extra isn't installed")

import infgen
from infgen.batch import depth as room
from infgen.batch import understanding
from infgen.batch.depth import Scale, facts_of
from infgen.batch.foresight import foresee
from infgen.batch.reporter import Silent
from infgen.batch.settings import make_settings
from infgen.batch.store import Store
from infgen.models.eye_choice import ResolvedEyes
from infgen.models.eyes import load_eyes, resolve_depth
from infgen.models.settings import DepthSettings
from infgen.ops.nearness import nearness_map, nearness_on
from infgen.records.errors import FolderError, InputError
from tests.making import Tables, differing, make_tables, snapshot


def run(tables: Tables, out: Path, model: Path, **more: object):
    asked = {"depth": True, "depth_model": str(model), "images": 7, "workers": 1} | more
    return infgen.run(**tables.settings(out=out, **asked))


def scales_of(out: Path) -> list[Scale]:
    lines = (out / "depth/scales-00000.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Scale) for line in lines]


@pytest.mark.parametrize("bits", [8, 16])
def test_every_picture_has_a_map_and_its_values_can_be_had_back(
    tables: Tables, tmp_path: Path, small_eye, bits: int
) -> None:
    out, model = tmp_path / "out", small_eye("depth_anything")
    manifest = run(tables, out, model, depth_bits=str(bits))
    settings = DepthSettings(depth=True, depth_model=str(model))
    judge = load_eyes(resolve_depth(settings, "cpu")).depth
    scales = scales_of(out)
    assert len(scales) == manifest.pictures == 7
    for scale, entry in zip(scales, Store(out).entries(), strict=True):
        pixels = cv2.imread(str(out / scale.file), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
        assert pixels.shape == entry.size[::-1]
        picture = cv2.imread(str(out / entry.file))[..., ::-1]
        [expected] = judge.depths([picture])
        step = (scale.high - scale.low) / (2**bits - 1)
        assert step > 0
        assert np.abs(scale.low + pixels * step - expected).max() <= 0.51 * step + 1e-5 * scale.high
    facts = facts_of(Store(out))
    assert manifest.models["depth"] == msgspec.to_builtins(facts)
    assert facts.bits == bits and not facts.metric


def test_a_preview_reckons_with_them(
    tables: Tables, tmp_path: Path, small_eye, monkeypatch
) -> None:
    out, model = tmp_path / "out", small_eye("depth_anything")
    asked = tables.settings(out=out, images=10, depth=True, depth_model=str(model), workers=1)
    told = dict(foresee(make_settings(asked), tmp_path / "plan.png", 1).estimate)
    plain = dict(foresee(make_settings(asked | {"depth": False}), tmp_path / "a.png", 1).estimate)
    assert not out.exists() and "depth" not in plain["disk"] + plain["time"]
    infgen.run(**asked)
    real = sum(path.stat().st_size for path in (out / "depth").rglob("*.png"))
    number, unit = re.search(r", depth ([\d.]+) (kB|MB)", told["disk"]).groups()
    assert 0.8 < float(number) * {"kB": 1e3, "MB": 1e6}[unit] / real < 1.25
    megabytes = [float(re.search(r"about ([\d.]+) MB", one["memory"])[1]) for one in (told, plain)]
    assert megabytes[0] - megabytes[1] > 300  # torch

    monkeypatch.setattr(ResolvedEyes, "download_bytes", 10**8)
    told = dict(foresee(make_settings(asked), tmp_path / "plan.png", 1).estimate)
    assert "without the depth maps" in told["time"] and "without the depth maps" in told["disk"]


def test_maps_that_are_lost_are_made_again_and_nothing_else(
    tables: Tables, tmp_path: Path, small_eye, monkeypatch
) -> None:
    out, model = tmp_path / "out", small_eye("depth_anything")
    run(tables, out, model)
    before = snapshot(out, "run.log")
    scales = scales_of(out)
    for scale in scales[2:4]:
        (out / scale.file).unlink()
    looked = []
    encode = room.Maps.encode
    monkeypatch.setattr(
        room.Maps, "encode", lambda *given: looked.append(given[1].index) or encode(*given)
    )
    run(tables, out, model)
    assert sorted(looked) == [2, 3]
    assert not differing(before, snapshot(out, "run.log"))


def test_a_killed_pass_goes_on(tables: Tables, tmp_path: Path, small_eye, monkeypatch) -> None:
    out, model = tmp_path / "out", small_eye("depth_anything")
    whole = tmp_path / "whole"
    run(tables, whole, model)
    encode = room.Maps.encode

    def dies(maps, entry, found):
        if entry.index == 4:
            raise KeyboardInterrupt
        return encode(maps, entry, found)

    with monkeypatch.context() as patch:
        patch.setattr(room.Maps, "encode", dies)
        with pytest.raises(KeyboardInterrupt):
            run(tables, out, model)
    assert not (out / "manifest.json").exists()
    run(tables, out, model)
    assert not differing(snapshot(whole, "run.log"), snapshot(out, "run.log"))


def test_a_finished_dataset_gets_its_maps_later_and_keeps_every_byte(
    tables: Tables, tmp_path: Path, small_eye
) -> None:
    out = tmp_path / "out"
    infgen.run(**tables.settings(out=out, images=7, workers=1))
    before = snapshot(out, "run.log", "manifest.json", "run.toml")
    run(tables, out, small_eye("depth_anything"))
    after = snapshot(out, "run.log", "manifest.json", "run.toml")
    assert {name: after[name] for name in before} == before
    assert sum(name.startswith("depth/train/") for name in after) >= 6
    later = infgen.run(**tables.settings(out=out, images=7, workers=1))
    assert later.models["depth"]["bits"] == 16  # what is there is told, asked for again or not


def test_another_model_is_refused_before_anything_is_written(
    tables: Tables, tmp_path: Path, small_eye
) -> None:
    out = tmp_path / "out"
    run(tables, out, small_eye("depth_anything"))
    before = snapshot(out)
    with pytest.raises(InputError, match=r"the depth maps in .* are by depth_anything"):
        run(tables, out, small_eye("dpt"))
    with pytest.raises(InputError, match=r"16 bits a pixel, and now .* with 8"):
        run(tables, out, small_eye("depth_anything"), depth_bits="8")
    assert not differing(before, snapshot(out))


def test_a_model_that_can_t_be_had_is_told_before_work(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--depth-model nowhere"):
        run(tables, tmp_path / "out", Path("nowhere"))
    assert not (tmp_path / "out").exists()


def test_new_pictures_have_none_until_they_are_asked_for(
    tables: Tables, tmp_path: Path, small_eye
) -> None:
    told: list[str] = []
    reporter = Silent()
    reporter.warn = told.append  # type: ignore[method-assign]
    out, model = tmp_path / "out", small_eye("depth_anything")
    run(tables, out, model, images=4)
    infgen.run(**tables.settings(out=out, append=True, images=2), reporter=reporter)
    assert any("the new pictures get no depth maps" in text for text in told)
    assert len(scales_of(out)) == 4
    run(tables, out, model, images=4)
    assert len(scales_of(out)) == 6


def test_depth_json_says_how_to_read_them(tables: Tables, tmp_path: Path, small_eye) -> None:
    run(tables, tmp_path / "out", small_eye("glpn"), images=2)
    facts = json.loads((tmp_path / "out/depth/depth.json").read_text())
    assert facts["metric"] is True and facts["bits"] == 16 and facts["licence"]


# ---- in a grid -----------------------------------------------------------------------------------


@pytest.fixture
def few(tmp_path: Path) -> Tables:
    """Tables with a single scene."""
    return make_tables(tmp_path / "few", scenes=1)


def grid(few: Tables, out: Path, model: Path, **more: object):
    asked = {"depth": True, "depth_model": str(model), "grid": True, "placements": 1}
    return infgen.run(**few.settings(out=out, images=None, format="coco", **asked | more))


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_grid_s_maps_are_named_and_kept_as_its_pictures(
    few: Tables, tmp_path: Path, small_eye, ending: str
) -> None:
    out = tmp_path / "out"
    grid(few, out, small_eye("dpt"), image_format=ending)
    pictures = sorted(path.stem for path in (out / f"fg_bg_{ending}").iterdir())
    maps = sorted((out / f"depth_{ending}").iterdir())
    assert [path.stem for path in maps] == [f"depth_{name}" for name in pictures]
    pixels = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in maps]
    assert {one.dtype.name for one in pixels} == {"uint8" if ending == "jpg" else "uint16"}
    counted = json.loads((out / "statistics.json").read_text())["folders"][f"depth_{ending}"]
    assert counted["files"] == len(maps)
    assert counted["bytes"] == sum(path.stat().st_size for path in maps)
    values = np.stack(pixels) / (255 if ending == "jpg" else 65535)
    assert counted["mean"] == pytest.approx([values.mean()], abs=0.002)
    assert counted["std"] == pytest.approx([values.std()], abs=0.002)


def test_packed_maps_are_in_archives_beside_their_pictures(
    few: Tables, tmp_path: Path, small_eye
) -> None:
    loose, packed = tmp_path / "loose", tmp_path / "packed"
    grid(few, loose, small_eye("dpt"))
    grid(few, packed, small_eye("dpt"), pack="zip", pack_size=7)
    archives = sorted((packed / "packs").glob("depth*.zip"))
    assert len(archives) == len(list((packed / "packs").glob("batch*.zip"))) > 1
    found = {}
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            found |= {name: archive.read(name) for name in archive.namelist()}
    assert found == {name: data for name, data in snapshot(loose).items()
                     if name.startswith("depth_jpg/")}  # fmt: skip
    before = snapshot(packed, "run.log")
    archives[0].unlink()
    grid(few, packed, small_eye("dpt"), pack="zip", pack_size=7)
    assert not differing(before, snapshot(packed, "run.log"))


def test_jpeg_has_no_16_bits(few: Tables, tmp_path: Path, small_eye) -> None:
    with pytest.raises(InputError, match="JPEG has 8"):
        grid(few, tmp_path / "out", small_eye("dpt"), depth_bits="16")
    assert not (tmp_path / "out").exists()


# ---- sizes by depth ------------------------------------------------------------------------------


def scaled(tables: Tables, out: Path, model: Path, **more: object):
    asked = {"depth_scale": True, "depth_model": str(model), "images": 30, "workers": 1} | more
    return infgen.run(**tables.settings(out=out, **asked))


def test_sizes_go_by_the_model_s_own_depths(tables: Tables, tmp_path: Path, small_eye) -> None:
    out, model = tmp_path / "out", small_eye("depth_anything")
    scaled(tables, out, model)
    settings = DepthSettings(depth_model=str(model))
    judge = load_eyes(resolve_depth(settings, "cpu")).depth
    near, sizes = [], []
    for entry in Store(out).entries():
        place = entry.background
        picture = cv2.imread(str(tables.backgrounds.parent / place.picture))[..., ::-1]
        [depth] = judge.depths([picture])
        nearest = nearness_on(nearness_map(depth, judge.metric), place, entry.size)
        for one in entry.objects:
            if one.class_id == 1:  # its size is a range
                x0, _, x1, y1 = one.requested.xyxy
                near.append(nearest((x0 + x1) / 2, y1))
                sizes.append(one.requested.width)
    assert len(sizes) > 10 and np.std(near) > 0.1
    assert np.corrcoef(near, sizes)[0, 1] > 0.8


def test_depths_are_estimated_once_and_another_model_is_refused(
    tables: Tables, tmp_path: Path, small_eye, monkeypatch
) -> None:
    out, model = tmp_path / "out", small_eye("depth_anything")
    scaled(tables, out, model)
    before = snapshot(out, "run.log")
    (out / "manifest.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(
            understanding, "open_eyes", lambda *_: pytest.fail("nothing is left to look at")
        )
        scaled(tables, out, model)
    assert not differing(before, snapshot(out, "run.log"))
    with pytest.raises(FolderError, match="the model of the depth was depth_anything"):
        scaled(tables, out, small_eye("dpt"))
    with pytest.raises(FolderError, match="--depth-scale is gone"):
        infgen.run(**tables.settings(out=out, images=30))


def test_scenes_without_a_picture_keep_their_dice(
    tables: Tables, tmp_path: Path, small_eye
) -> None:
    tables.backgrounds.write_text("prompt,num_imgs,images\na wall,4,plain\n")
    scaled(tables, tmp_path / "scaled", small_eye("dpt"), images=4)
    infgen.run(**tables.settings(out=tmp_path / "not", images=4))
    one, other = (
        [entry.objects for entry in Store(tmp_path / name).entries()] for name in ("scaled", "not")
    )
    assert one == other


def test_growing_keeps_what_is_known_of_earlier_backgrounds(
    tables: Tables, tmp_path: Path, small_eye
) -> None:
    out, model = tmp_path / "out", small_eye("dpt")
    scenes = tables.backgrounds.parent / "scenes"
    for name, own in (("one.csv", "scene_1.jpg"), ("two.csv", "scene_2.jpg")):
        (scenes / name).write_text(f"prompt,num_imgs,images\na table,2,{own}\n")
    scaled(tables, out, model, backgrounds=scenes / "one.csv", images=2)
    known = msgspec.msgpack.decode((out / "depth/nearness.msgpack").read_bytes())["maps"]
    scaled(tables, out, model, backgrounds=scenes / "two.csv", images=2, append=True)
    grown = msgspec.msgpack.decode((out / "depth/nearness.msgpack").read_bytes())["maps"]
    assert len(known) == 1 and len(grown) == 2
    assert known.items() <= grown.items()
