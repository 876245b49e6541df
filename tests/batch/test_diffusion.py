"""Runs with a diffusion model, from the tables to the dataset: small random pipelines of the real
classes, through the loader that users use. What they paint is noise; that it is painted, labelled,
kept, recorded and resumed is not."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="diffusion isn't installed")
pytest.importorskip("diffusers", reason="diffusion isn't installed")

import infgen
import infgen.batch.painting
from infgen.batch import methods
from infgen.batch.store import Store
from infgen.models import eye_choice
from infgen.models.eyes import Eyes, resolve_eyes
from infgen.models.painter import Painter
from infgen.models.prompts import Rejected
from infgen.models.settings import VerifySettings
from infgen.ops.rle import decode_rle
from infgen.records.errors import DeviceFull, FolderError, InputError
from infgen.ui.terminal import print_summary
from tests.labelled import write_coco
from tests.making import Tables, differing, snapshot
from tests.models.small import build_sd

SCENES = "prompt,num_imgs\na quiet meadow,2\na stormy sea,2\n"
THINGS = (
    "prompt,min_appear,max_appear,width_min,height_min,width_max,height_max\n"
    "a red ball,1,2,30%,30%,45%,45%\na blue cube,0,1,30%,30%,45%,45%\n"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sd(tmp_path_factory.mktemp("models") / "small", channels=9)


@pytest.fixture
def asked(tmp_path: Path, model: Path) -> dict:
    """Settings of a small run in which everything has to be generated."""
    (tmp_path / "background.csv").write_text(SCENES)
    (tmp_path / "classes.csv").write_text(THINGS)
    return {
        "backgrounds": tmp_path / "background.csv",
        "classes": tmp_path / "classes.csv",
        "out": tmp_path / "dataset",
        "model": str(model),
        "steps": 2,
        "batch_size": 2,
        "image_format": "png",
        "degrade": 0,  # pictures are held against backgrounds
        "workers": 1,
        "report": False,
        "verify": "off",  # of random weights nothing can be asked
    }


def files(folder: Path) -> dict[str, bytes]:
    """Every file but the log, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.log"
    }


def test_scenes_and_objects_are_generated_labelled_and_recorded(asked: dict) -> None:
    manifest = infgen.run(**asked)
    assert manifest.pictures == 4 and not manifest.failures
    entries = list(Store(asked["out"]).entries())
    assert {entry.background.prompt for entry in entries} == {"a quiet meadow", "a stormy sea"}
    planned = list(infgen.plan(**asked))
    for entry, plan in zip(entries, planned, strict=True):
        # noise on noise: the change may not stand out, and is then left out with that reason
        assert len(entry.objects) + len(entry.dropped) == len(plan.objects) > 0
        assert all(instance.method == "inpaint" for instance in entry.objects)
        # the model's own size, where the settings leave it open
        assert Image.open(asked["out"] / entry.file).size == (64, 64) == entry.size
    assert manifest.models["inpaint"]["model"] == "small"
    assert manifest.models["inpaint"]["steps"] == 2


def test_a_run_that_goes_on_makes_the_same_pictures(asked: dict) -> None:
    whole = asked | {"out": asked["out"].with_name("whole")}
    infgen.run(**whole)
    infgen.run(**asked)
    lines = (asked["out"] / "samples-00000.jsonl").read_bytes().splitlines(keepends=True)
    (asked["out"] / "samples-00000.jsonl").write_bytes(b"".join(lines[:1]) + lines[1][:40])
    for path in sorted((asked["out"] / "images").rglob("*.png"))[2:]:
        path.unlink()
    infgen.run(**asked)
    first, second = files(whole["out"]), files(asked["out"])
    assert first.keys() == second.keys()
    for name in first:
        if name.startswith("images/"):
            one, other = (
                np.asarray(Image.open(folder / name)).astype(int)
                for folder in (whole["out"], asked["out"])
            )
            assert np.abs(one - other).max() <= 1, name


def test_whole_pictures_are_augmented_objects_by_themselves_are_not(asked: dict) -> None:
    recipe = asked["out"].with_name("look.toml")
    recipe.write_text(
        "[objects]\nhue = {probability = 1}\n[pictures]\nmirror = {probability = 1}\n"
    )
    infgen.run(**asked)
    infgen.run(**asked | {"out": asked["out"].with_name("mirrored"), "augment": str(recipe)})
    plain, mirrored = (
        list(Store(asked["out"].with_name(name)).entries()) for name in ("dataset", "mirrored")
    )
    assert any(entry.objects for entry in plain)
    for one, other in zip(plain, mirrored, strict=True):
        pixels = [
            np.asarray(Image.open(asked["out"].with_name(name) / one.file)).astype(int)
            for name in ("dataset", "mirrored")
        ]
        assert np.abs(pixels[0] - pixels[1][:, ::-1]).max() <= 1
        assert [change.name for change in other.changes] == ["mirror"]
        for here, there in zip(one.objects, other.objects, strict=True):
            mask = decode_rle(here.rle, (64, 64))
            assert (mask == decode_rle(there.rle, (64, 64))[:, ::-1]).all()
            assert not there.look.changes


def test_layouts_of_one_background_share_its_scene(asked: dict) -> None:
    infgen.run(**asked, per_background=3, keep_backgrounds=True)
    entries = list(Store(asked["out"]).entries())
    assert len(entries) == 12
    assert len({entry.background_file for entry in entries}) == 4
    for entry in entries:
        bare = np.asarray(Image.open(asked["out"] / entry.background_file))
        picture = np.asarray(Image.open(asked["out"] / entry.file))
        assert (bare == picture).all(axis=2).any()  # the corners that no object reached


def test_painted_pictures_get_their_finish(asked: dict) -> None:
    infgen.run(**asked)
    infgen.run(**asked | {"out": asked["out"].with_name("finished"), "degrade": 0.5})
    for bare, seen in zip(
        Store(asked["out"]).entries(), Store(asked["out"].with_name("finished")).entries(),
        strict=True,
    ):  # fmt: skip
        assert bare.finish is None and seen.finish is not None
        assert [one.rle for one in bare.objects] == [one.rle for one in seen.objects]


def test_own_photographs_get_painted_objects(asked: dict, tables: Tables) -> None:
    manifest = infgen.run(**asked | {"backgrounds": tables.backgrounds}, images=3)
    assert manifest.pictures == 3
    assert manifest.sources["backgrounds"]


def test_generated_scenes_get_pasted_cutouts(asked: dict, tables: Tables) -> None:
    infgen.run(**asked | {"classes": tables.classes}, method="paste", width=64, height=64)
    entries = list(Store(asked["out"]).entries())
    assert {i.method for entry in entries for i in entry.objects} == {"paste"}
    assert all(entry.background.prompt for entry in entries)


def test_auto_without_gpu_and_model_says_what_each_way_lacks(asked: dict) -> None:
    if methods.has_gpu():
        pytest.skip("this machine has a GPU")
    del asked["model"]
    with pytest.raises(InputError) as caught:
        infgen.run(**asked)
    text = str(caught.value)
    assert "inpainting needs a GPU" in text and "--model" in text
    assert "background.csv:2: images" in text and "classes.csv:3: cutouts" in text
    assert not asked["out"].exists()


@pytest.mark.parametrize("name", ["sd51", "no/such/model/here", "./nowhere"])
def test_a_model_that_is_not_there_is_one_sentence_before_the_run(asked: dict, name: str) -> None:
    with pytest.raises(InputError, match="--model"):
        infgen.run(**asked | {"model": name})
    assert not asked["out"].exists()


def test_other_steps_are_another_dataset(asked: dict) -> None:
    infgen.run(**asked)
    with pytest.raises(FolderError, match="steps"):
        infgen.run(**asked | {"steps": 3})


def test_more_attempts_are_another_dataset(asked: dict) -> None:
    infgen.run(**asked)
    with pytest.raises(FolderError, match="--attempts"):
        infgen.run(**asked, attempts=3)


def test_pasting_leaves_a_model_alone_that_has_nothing_to_paint(
    asked: dict, tables: Tables
) -> None:
    """It isn't loaded, and it needn't even be there."""
    own = {"backgrounds": tables.backgrounds, "classes": tables.classes, "model": "./nowhere"}
    manifest = infgen.run(**asked | own, method="paste", images=2)
    assert manifest.pictures == 2 and not manifest.models


def test_the_method_of_the_first_run_is_obeyed(asked: dict, tables: Tables) -> None:
    """Begun with inpainting, gone on with `auto` and no model named: not pasted instead."""
    infgen.run(**asked | {"backgrounds": tables.backgrounds, "classes": tables.classes}, images=2)
    again = {k: v for k, v in asked.items() if k != "model"}
    again |= {"backgrounds": tables.backgrounds, "classes": tables.classes, "images": 2}
    with pytest.raises((FolderError, InputError)):
        infgen.run(**again)


def test_parity_passes_own_pictures_through_the_vae_before_anything_else(
    asked: dict, tables: Tables
) -> None:
    own = asked | {"backgrounds": tables.backgrounds, "images": 2, "keep_backgrounds": True}
    infgen.run(**own)
    parity = own | {"out": asked["out"].with_name("parity"), "vae_parity": True}
    infgen.run(**parity)
    for plain, passed in zip(
        Store(own["out"]).entries(), Store(parity["out"]).entries(), strict=True
    ):
        before, after, picture = (
            np.asarray(Image.open(path)).astype(int)
            for path in (
                own["out"] / plain.background_file,
                parity["out"] / passed.background_file,
                parity["out"] / passed.file,
            )
        )
        assert np.abs(before - after).mean() > 1  # a VAE of random weights gives back little
        assert (picture == after).all(axis=2).any()  # what wasn't painted is the passed background
    with pytest.raises(FolderError, match="--vae-parity"):
        infgen.run(**own | {"vae_parity": True})


def test_batches_and_lanes_change_no_picture(asked: dict) -> None:
    """One picture at a time, or many batches in two lanes: the same but for the arithmetic's last
    bits. An outline may hang on them where random weights paint what has none."""
    many = asked | {"images": 20, "per_background": 5}
    infgen.run(**many | {"batch_size": 1})
    other = asked["out"].with_name("other")
    infgen.run(**many | {"out": other, "batch_size": 3})
    same = []
    for one, two in zip(Store(asked["out"]).entries(), Store(other).entries(), strict=True):
        pictures = [
            np.asarray(Image.open(folder / entry.file)).astype(int)
            for folder, entry in ((asked["out"], one), (other, two))
        ]
        same.append(np.abs(pictures[0] - pictures[1]).max() <= 1)
    assert len(same) == 20 and sum(same) >= 18


def test_a_model_too_large_for_its_device_ends_the_run(asked: dict, monkeypatch) -> None:
    """Not picture by picture: the next one would fare no better."""
    import torch
    from diffusers import UNet2DConditionModel

    def full(*args: object, **more: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    forward = UNet2DConditionModel.forward
    monkeypatch.setattr(UNet2DConditionModel, "forward", full)
    with pytest.raises(DeviceFull, match="too little memory"):
        infgen.run(**asked)
    monkeypatch.setattr(UNet2DConditionModel, "forward", forward)
    assert infgen.run(**asked).pictures == 4  # a larger device goes on


def test_ctrl_c_waits_for_a_step_and_not_for_a_batch(
    asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressed while another thread paints the first objects."""
    from diffusers import UNet2DConditionModel

    from infgen.models.painter import Painter

    slow = asked | {"steps": 10}
    before = 2 * 10  # steps of the scenes, in batches of two
    steps: list[int] = []
    stopped = threading.Event()
    forward, stop = UNet2DConditionModel.forward, Painter.stop

    def pressed(self: object, *args: object, **more: object) -> object:
        steps.append(1)
        if len(steps) == before + 3:
            os.kill(os.getpid(), signal.SIGINT)
            stopped.wait(60)
        return forward(self, *args, **more)

    def noticed(self: Painter) -> None:
        stop(self)
        stopped.set()

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    with monkeypatch.context() as patch, ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGINT, handler)
        patch.setattr(UNet2DConditionModel, "forward", pressed)
        patch.setattr(Painter, "stop", noticed)
        with pytest.raises(KeyboardInterrupt):
            infgen.run(**slow)
    assert len(steps) == before + 3
    assert infgen.run(**slow).pictures == 4


def test_a_gpu_whose_model_cannot_be_had_is_not_passed_over_in_silence(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "has_gpu", lambda: True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    manifest = infgen.run(**tables.settings(out=tmp_path / "dataset", images=2))
    [note] = [note for note in manifest.notes if "pasted, not inpainted" in note]
    assert "stable-diffusion" in note


def test_cutouts_that_inpainting_passes_over_are_told(asked: dict, tables: Tables) -> None:
    manifest = infgen.run(**asked | {"classes": tables.classes, "images": 1})
    [note] = [note for note in manifest.notes if "aren't used" in note]
    assert "--method paste" in note


def test_a_model_that_paints_next_to_nothing_is_told(asked: dict) -> None:
    """The sign of wrong weights (here random ones): nothing of what was asked for."""
    manifest = infgen.run(**asked | {"verify": "change"})
    left_out = [reason for one in manifest.classes for reason in one.dropped]
    assert left_out and not any(one.objects for one in manifest.classes)
    assert all(one.rejected for one in manifest.classes if one.dropped)
    [note] = [note for note in manifest.notes if "were painted and left out" in note]
    assert "wrong weights" in note and "--verify off" in note


def test_a_model_that_answers_with_nothing_usable_is_told(
    asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does whose numbers run over: pictures come out, and no object in any of them."""
    black = [Rejected("the picture is black")]
    monkeypatch.setattr(Painter, "inpaint", lambda self, pictures, *_: black * len(pictures))
    manifest = infgen.run(**asked)
    assert manifest.pictures and not any(one.objects for one in manifest.classes)
    [note] = [note for note in manifest.notes if "were painted and left out" in note]
    assert "the picture is black" in note


def test_a_model_that_paints_what_it_is_asked_for_is_not_suspected(
    asked: dict, tables: Tables
) -> None:
    small = {"classes": tables.classes, "images": 2, "width": 64, "height": 64}
    manifest = infgen.run(**asked | small, method="paste")
    assert any(one.objects for one in manifest.classes)
    assert not any("left out" in note for note in manifest.notes)


def test_decoys_that_do_not_come_out_are_counted(
    asked: dict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    red = np.array((255, 0, 0), np.uint8)
    monkeypatch.setattr(Painter, "inpaint", lambda self, pictures, masks, *_: [
        np.where(mask[..., None], red, picture)
        for picture, mask in zip(pictures, masks, strict=True)
    ])  # fmt: skip
    manifest = infgen.run(**asked | {"verify": "auto", "decoys": 1.0})
    entries = list(Store(asked["out"]).entries())
    left_out = [one for entry in entries for one in entry.dropped_decoys]
    assert left_out and all(len(one.tries) == 2 and one.tries[-1].reason for one in left_out)
    counted = [n for one in manifest.classes for n in one.dropped_decoys.values()]
    assert sum(counted) == len(left_out)
    print_summary(manifest, asked["out"])
    assert f"decoys left out: {len(left_out)} shows something new" in capsys.readouterr().out


def test_models_that_look_are_loaded_recorded_and_pinned(
    asked: dict, small_eye: Callable[[str], Path]
) -> None:
    """With random weights: that they look, what is kept of it, and that others aren't taken."""
    eyes = {
        "detector": str(small_eye("owlv2")),
        "segmenter": str(small_eye("sam")),
        "scorer": str(small_eye("siglip")),
    }
    manifest = infgen.run(**asked | eyes | {"verify": "auto"})
    assert manifest.models["eyes"].keys() == eyes.keys()
    assert all(manifest.models["eyes"][role]["weights"] for role in eyes)
    measured = [
        verdict.measures
        for entry in Store(asked["out"]).entries()
        for one in (*entry.objects, *entry.dropped)
        for verdict in one.tries
    ]
    assert any("detection" in numbers and "lead" in numbers for numbers in measured)
    again = infgen.run(**asked | {"verify": "auto"})  # without naming them
    assert again.fingerprint == manifest.fingerprint
    with pytest.raises(FolderError, match="the model of the detector"):
        infgen.run(
            **asked | eyes | {"detector": str(small_eye("grounding-dino"))} | {"verify": "auto"}
        )


def test_an_eye_that_cannot_be_had_is_told_before_anything_is_written(
    asked: dict, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="--detector"):
        infgen.run(**asked | {"verify": "detector", "detector": str(tmp_path / "nowhere")})
    assert not asked["out"].exists()


def test_pinned_eyes_that_are_gone_stop_a_run_that_goes_on(
    asked: dict, small_eye: Callable[[str], Path], tmp_path: Path
) -> None:
    mine = shutil.copytree(small_eye("owlv2"), tmp_path / "mine")
    infgen.run(**asked | {"verify": "auto", "detector": str(mine)})
    elsewhere = mine.rename(tmp_path / "elsewhere")
    before = snapshot(asked["out"])
    with pytest.raises(InputError, match="begun with it: say with --detector where it is"):
        infgen.run(**asked | {"verify": "auto"})
    with pytest.raises(FolderError, match="the model of the detector was mine"):
        infgen.run(**asked | {"verify": "auto", "detector": str(elsewhere)})
    assert not differing(before, snapshot(asked["out"]))


def test_a_run_begun_without_eyes_takes_none_later(
    asked: dict, small_eye: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where a detector has been downloaded since."""
    infgen.run(**asked | {"verify": "auto"})
    owl = resolve_eyes(VerifySettings(detector=str(small_eye("owlv2"))), "cpu").eyes["detector"]
    monkeypatch.setattr(eye_choice, "_at_hand", {"detector": owl}.get)
    monkeypatch.setattr(methods, "resolve_eyes", lambda settings, device, *more: resolve_eyes(
        settings, "cuda", *more
    ))  # fmt: skip
    assert "eyes" not in infgen.run(**asked | {"verify": "auto"}).models
    other = asked | {"verify": "auto", "out": asked["out"].with_name("other")}
    monkeypatch.setattr(infgen.batch.painting, "load_eyes", lambda resolved: Eyes())
    assert infgen.run(**other).models["eyes"].keys() == {"detector"}


def test_only_the_detector_looks_at_scenes_to_paste_on(
    asked: dict, tables: Tables, small_eye: Callable[[str], Path]
) -> None:
    eyes = {"detector": str(small_eye("owlv2")), "segmenter": str(small_eye("sam"))}
    small = {"classes": tables.classes, "images": 1, "width": 64, "height": 64}
    manifest = infgen.run(**asked | small | eyes | {"verify": "auto"}, method="paste")
    assert manifest.models["eyes"].keys() == {"detector"}
    [note] = [note for note in manifest.notes if "--segmenter" in note]
    assert "only the detector looks at scenes" in note


def test_eyes_have_nothing_to_do_with_pasting(tables: Tables, tmp_path: Path) -> None:
    manifest = infgen.run(**tables.settings(out=tmp_path / "pasted", images=1, detector="a/b"))
    [note] = [note for note in manifest.notes if "--detector" in note]
    assert "nothing for it to do" in note


def test_objects_are_painted_into_annotated_pictures(asked: dict, tmp_path: Path) -> None:
    """Their labels come along, and what is painted over them is taken from them."""
    write_coco(tmp_path / "coco", count=3, bbox=[5, 5, 150, 110], segmentation=[])
    asked["backgrounds"].write_text("prompt,num_imgs,images\na desk,,coco/images/train\n")
    manifest = infgen.run(**asked, background_labels=tmp_path / "coco", width=80, height=60)
    assert [one.name for one in manifest.classes][2:] == ["cat"]
    assert manifest.classes[2].given == manifest.classes[2].objects == 3 == manifest.pictures
    for entry, plan in zip(Store(asked["out"]).entries(), infgen.plan(
        **asked, background_labels=tmp_path / "coco", width=80, height=60), strict=True
    ):  # fmt: skip
        assert entry.objects[0].method == "given"
        assert len(plan.given) == 1 and entry.objects[0].box.iou(plan.given[0].box) > 0.5
        assert {one.method for one in entry.objects[1:]} <= {"inpaint"}
