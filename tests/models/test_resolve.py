"""What is said before a run: one sentence for each thing that would stop it."""

import hashlib
import importlib
import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

from infgen.models import hub as hub_module
from infgen.models import verdict
from infgen.models.choice import _digest_of
from infgen.models.loader import check, load, resolve
from infgen.models.presets import PRESETS
from infgen.models.settings import ModelSettings
from infgen.records.errors import InputError, MissingExtra
from tests.models.conftest import edit_index


def sentences(model="sd15", **settings):
    return [str(problem) for problem in check(ModelSettings(model=str(model), **settings))]


def test_a_typo_gets_the_nearest_name():
    [text] = sentences("sdx1")
    assert text.startswith("--model sdx1: no such model: did you mean sdxl? there are sd15, ")
    assert text.endswith("or give a hub id (owner/name) or a folder")
    assert "did you mean" not in sentences("unheard-of")[0]


def test_both_names_are_checked():
    assert [text.split(":")[0] for text in sentences("sdx1", inpaint_model="tinny")] == [
        "--model sdx1",
        "--inpaint-model tinny",
    ]


def test_folders_that_are_none(tmp_path, small):
    assert sentences(tmp_path / "nope") == [f"--model {tmp_path / 'nope'}: there is no such folder"]
    assert sentences("./no/such") == ["--model ./no/such: there is no such folder"]
    [empty] = sentences(tmp_path)
    assert empty.endswith("no diffusers model: it has no model_index.json")
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.write_bytes(b"")
    assert "a file, where a folder in diffusers' format is needed" in sentences(checkpoint)[0]
    broken = shutil.copytree(small("sd"), tmp_path / "broken")
    shutil.rmtree(broken / "vae")
    assert sentences(broken)[0].endswith("incomplete: it lacks vae")
    (broken / "model_index.json").write_text("{")
    assert "its model_index.json can't be read" in sentences(broken)[0]


def test_another_kind_of_model_is_named(tmp_path, small):
    folder = shutil.copytree(small("sd"), tmp_path / "sd3")
    edit_index(folder, _class_name="StableDiffusion3Pipeline")
    [text] = sentences(folder)
    assert "made for StableDiffusion3Pipeline, which infgen doesn't paint with" in text


def test_a_pipeline_that_this_diffusers_lacks(small, monkeypatch):
    folder = small("zimage")
    old = SimpleNamespace(__version__="0.30.0", ZImagePipeline=object, __spec__=1)
    monkeypatch.setitem(sys.modules, "diffusers", old)
    [text] = sentences(folder)
    assert text.endswith("diffusers 0.30.0 has no ZImageInpaintPipeline: pip install -U diffusers")


def test_missing_packages_come_with_the_install_line(monkeypatch):
    absent = {"diffusers", "accelerate"}
    monkeypatch.setattr(verdict, "find_spec", lambda n: None if n in absent else find_spec(n))
    expected = "--model sd15: needs diffusers, accelerate: pip install 'infgen[diffusion]'"
    assert sentences() == [expected]
    with pytest.raises(MissingExtra, match="pip install 'infgen"):
        load(ModelSettings())
    absent.clear()
    absent.add("peft")
    assert sentences("sdxl-fast")[0].startswith("--model sdxl-fast: needs peft: pip install")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_devices_that_are_not_there(small, device, monkeypatch):
    torch = importlib.import_module("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    [text] = sentences(small("sd"), device=device)
    assert text.startswith(f"--device {device}: torch {torch.__version__} sees no such device")
    with pytest.raises(InputError, match="sees no such device"):
        load(ModelSettings(model=str(small("sd")), device=device))


def test_offline_and_not_cached_is_said_once_for_all_parts(hub, monkeypatch):
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    [text] = sentences("sdxl")
    assert text.startswith("--model sdxl (stabilityai/stable-diffusion-xl-base-1.0, madebyollin/")
    assert "not in the cache, and HF_HUB_OFFLINE is set: run once without it" in text
    assert not hub.asked


def test_a_hub_that_is_not_reached(hub, monkeypatch):
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    [text] = sentences("a/b")
    assert "not in the cache, and the hub can't be reached (ConnectError): check the net" in text


def test_what_the_hub_says_no_to(hub, small):
    hub.repositories["a/gated"] = small("sd")
    hub.gated.add("a/gated")
    gated = f"--model a/gated: gated: accept its licence on {hub.endpoint}/a/gated, then log in"
    assert sentences("a/gated")[0].startswith(gated)
    assert "the hub has no such model (or a private one" in sentences("a/nothing")[0]
    near = sentences("stabilityai/stable-difusion-xl-base-1.0")[0]
    assert near.endswith("; did you mean stabilityai/stable-diffusion-xl-base-1.0?")
    assert sentences("a b/c")[0].endswith(
        "neither a preset, nor a hub id (owner/name), nor a folder"
    )
    hub.broken = True
    assert "not in the cache, and the hub answers with error 503" in sentences("a/b")[0]


def test_dead_ids_name_the_live_one(hub):
    expected = "gone from the hub: use stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert sentences("runwayml/stable-diffusion-v1-5") == [
        f"--model runwayml/stable-diffusion-v1-5: {expected}"
    ]


def test_a_disk_that_is_too_small(hub, small):
    hub.repositories["a/b"] = small("sd")
    hub.sizes["unet/diffusion_pytorch_model.safetensors"] = 10**18
    [text] = sentences("a/b")
    assert text.startswith("1000000000.0 GB are to be downloaded to ")
    assert text.endswith("make room, or set HF_HOME to a folder on a larger disk")


def test_non_commercial_models_are_only_warned_about(hub, small):
    hub.repositories["stabilityai/sdxl-turbo"] = small("sdxl")
    resolved = resolve(ModelSettings(model="stabilityai/sdxl-turbo"))
    assert not resolved.problems
    assert any("is not for commercial use (Stability AI" in text for text in resolved.warnings)
    assert resolved.licences == ("stabilityai/sdxl-turbo: Stability AI, non-commercial",)


def test_licences_come_from_presets_cards_and_the_hub(hub, small, tmp_path):
    folder = shutil.copytree(small("sd"), tmp_path / "with a card")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    assert resolve(ModelSettings(model=str(folder))).licences == ("with a card: mit",)
    hub.repositories["a/b"], hub.licences["a/b"] = folder, "openrail++"
    assert resolve(ModelSettings(model="a/b")).licences == ("a/b: openrail++",)
    assert resolve(ModelSettings(model="sd15")).licences == (
        "stable-diffusion-v1-5/stable-diffusion-v1-5: CreativeML OpenRAIL-M",
        "stable-diffusion-v1-5/stable-diffusion-inpainting: CreativeML OpenRAIL-M",
    )


def test_a_model_from_the_hub_is_fetched_once_and_then_needs_none(hub, small):
    hub.repositories["a/b"] = small("sd", 9)
    settings = ModelSettings(model="a/b", batch_size=1)
    before = resolve(settings)
    assert not before.problems
    assert 100_000 < before.download_bytes < 1_000_000
    assert load(settings).names == ("a/b@01234567",)
    hub.asked.clear()
    after = resolve(settings)
    assert after.download_bytes == 0 and not after.problems
    assert load(settings).names == ("a/b@01234567",)
    assert not hub.asked


def test_a_model_is_measured_before_it_is_downloaded(hub, small):
    """The first run makes pictures of the size, and plans the ones, that later runs do."""
    hub.repositories["a/b"] = small("sd", 9)
    settings = ModelSettings(model="a/b", batch_size=1)
    before = resolve(settings)
    row = before.scenes.row
    assert before.download_bytes and (row.native, row.cell) == (64, 4)
    painter = load(before)
    assert (painter.native_size, painter.cell) == (64, 4)
    after = resolve(settings)
    assert after.download_bytes == 0
    assert after.scenes.row == row and after.record == before.record


def test_what_was_looked_up_is_what_is_fetched(hub, small):
    """Though the branch moves on in between; and it isn't looked up a second time."""
    hub.repositories["a/b"] = small("sd", 9)
    settings = ModelSettings(model="a/b", batch_size=1)
    resolved = resolve(settings)
    hub.sha = "f" * 40
    hub.asked.clear()
    painter = load(resolved)
    assert painter.names == ("a/b@01234567",)
    assert hub.asked and not any("/main/" in path for path in hub.asked)
    hub.asked.clear()
    assert resolve(settings).record == resolved.record
    assert load(settings).names == ("a/b@01234567",)
    assert not hub.asked


def test_another_revision_in_the_cache_is_offered(hub, small, monkeypatch):
    constants = importlib.import_module("huggingface_hub.constants")
    base, partner = PRESETS["sd15"].model, PRESETS["sd15"].inpaint_model
    hub.repositories[base], hub.repositories[partner] = small("sd"), small("sd", 9)
    load(ModelSettings(model=base, batch_size=1))  # at the main branch's
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    [text] = sentences("sd15")
    assert text.startswith(f"--model sd15 ({base}, {partner}): not in the cache (but another ")
    assert "revision is: name the model by its id instead of the preset), and HF_HUB_OFF" in text
    assert not sentences(base)
    repository = Path(constants.HF_HUB_CACHE) / f"models--{base.replace('/', '--')}"
    (repository / "refs" / "main").unlink()
    folder = repository / "snapshots" / hub.sha
    assert f"but another revision is: give its folder, {folder})" in sentences(base)[0]
    assert not sentences(folder)
    [other] = sentences("no/thing")
    assert "revision" not in other


def test_a_download_that_breaks_off_is_one_sentence(hub, small, monkeypatch):
    hub.repositories["a/b"] = small("sd")
    resolved = resolve(ModelSettings(model="a/b"))
    hub.broken = True
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # before the client tries again
    with pytest.raises(InputError, match=r"^a/b: downloaded only in part: try again"):
        hub_module.fetch(resolved.scenes.found)


def test_a_presets_id_means_its_row_at_whatever_revision_is_there(hub, small):
    for name in (PRESETS["sd15"].model, PRESETS["sd15"].inpaint_model):
        hub.repositories[name] = small("sd", 9 if "inpaint" in name else 4)
    resolved = resolve(ModelSettings(model=PRESETS["sd15"].model))
    assert not resolved.problems
    assert resolved.scenes.row.steps == PRESETS["sd15"].steps
    assert resolved.inpaint.shares
    assert resolved.inpaint.found.need.only == ("unet",)


def test_settings_go_before_the_folder_and_the_folder_before_the_family(small, tmp_path):
    folder = shutil.copytree(small("sd"), tmp_path / "own")
    row = resolve(ModelSettings(model=str(folder))).scenes.row
    assert (row.steps, row.guidance, row.native, row.cell) == (25, 7.0, 64, 4)
    edit_index(folder, _infgen={"steps": 10, "guidance": 2.0, "nonsense": 1})
    row = resolve(ModelSettings(model=str(folder), guidance=3.5, strength=0.5)).scenes.row
    assert (row.steps, row.guidance, row.strength) == (10, 3.5, 0.5)


def test_warnings(small):
    text = resolve(ModelSettings(model=str(small("sd")))).warnings
    assert "is no inpainting model: objects may show an outline" in text[0]
    assert not resolve(ModelSettings(model=str(small("sd", 9)))).warnings
    for folder in (small("flux2"), small("sd", 9)):
        unchecked = resolve(ModelSettings(model=str(folder), safety_checker=True)).warnings
        assert unchecked == (f"{folder.name} has no safety checker: nothing will be flagged",)
    checked = ModelSettings(model=str(small("sd", 9, checker=True)), safety_checker=True)
    assert not resolve(checked).warnings


def numbers(folder, **settings):
    """Steps and guidance for a model, and what is said about them."""
    resolved = resolve(ModelSettings(model=str(folder), **settings))
    row = resolved.scenes.row
    return row.steps, row.guidance, [text for text in resolved.warnings if "unknown" in text]


def test_strangers_get_numbers_that_suit_them(hub, small, tmp_path):
    assert numbers(small("flux2")) == (4, 1.0, [])  # distilled, its index says
    base = shutil.copytree(small("flux2"), tmp_path / "klein-base")
    edit_index(base, is_distilled=False)
    assert numbers(base) == (50, 4.0, [])
    for name in ("Tongyi-MAI/Z-Image", "stabilityai/sdxl-turbo", "mine/z-turbo", "mine/z"):
        hub.repositories[name] = small("zimage" if "turbo" not in name or "z-" in name else "sdxl")
    assert numbers("Tongyi-MAI/Z-Image") == (50, 5.0, [])
    assert numbers("stabilityai/sdxl-turbo") == (4, 0.0, [])
    steps, guidance, [text] = numbers("mine/z-turbo")
    assert (steps, guidance) == (8, 0.0)
    assert text.startswith("mine/z-turbo is unknown: painting with 8 steps and guidance 0; say ")
    assert numbers("mine/z")[:2] == (50, 5.0)
    assert numbers("mine/z", steps=30)[2] and not numbers("mine/z", steps=30, guidance=4)[2]


def test_signs_of_few_steps_are_noticed(small, tmp_path):
    assert numbers(small("sdxl")) == (25, 6.0, [])
    assert numbers(shutil.copytree(small("sdxl"), tmp_path / "Real_V4.0_Lightning"))[2]
    for name, found in (("LCMScheduler", (8, 1.5)), ("EulerDiscreteScheduler", (25, 6.0))):
        folder = shutil.copytree(small("sdxl"), tmp_path / name)
        config = folder / "scheduler" / "scheduler_config.json"
        entries = {"_class_name": name, "timestep_spacing": "trailing"}
        config.write_text(json.dumps(json.loads(config.read_text()) | entries))
        assert numbers(folder)[:2] == found and numbers(folder)[2]
        assert numbers(folder, steps=4, guidance=0) == (4, 0, [])


def test_a_strength_that_leaves_no_step(small):
    texts = sentences(small("sd", 9), steps=3, strength=0.3)
    assert texts == [
        f"--model {small('sd', 9)}: 3 steps at strength 0.3 leave none to paint objects with: "
        "raise --steps or --strength"
    ]
    assert sentences(small("sd"), inpaint_model=str(small("sdxl", 9)), steps=1)[0].startswith(
        "--inpaint-model "
    )  # SDXL's own strength is 0.99
    assert not sentences(small("sd", 9), steps=4, strength=0.25)
    assert not sentences(small("flux2"), steps=1, strength=0.3)  # rounds up


@pytest.fixture
def old_gpu(monkeypatch):
    """A GPU of the generation before bf16, as far as resolving looks at it."""
    torch = importlib.import_module("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))


@pytest.mark.parametrize("family", ["flux2", "zimage"])
def test_gpus_without_bf16_are_told_what_to_use_instead(small, old_gpu, family):
    [text] = sentences(small(family))
    assert "its numbers run over in fp16" in text and "use --model sd15 or sdxl" in text
    assert not sentences(small(family), dtype="fp32")
    asked = resolve(ModelSettings(model=str(small(family)), dtype="fp16"))
    assert not asked.problems
    assert any("was made for bf16: in fp16 its numbers may run over" in w for w in asked.warnings)
    fine = resolve(ModelSettings(model=str(small("sd"))))
    assert fine.scenes.dtype == "fp16" and not fine.problems


def test_canvases_far_from_what_the_model_knows(small):
    half = resolve(ModelSettings(model=str(small("sd")))).scenes  # 64 pixels a side
    for size in ((64, 64), (96, 64), (48, 48), (100, 100)):
        assert not verdict.canvas_warning(half, size)
    text = verdict.canvas_warning(half, (128, 96))
    assert text.startswith("128x96 is far from the 64x64 that sd4 paints best: things may appear")
    assert "little may be recognisable" in verdict.canvas_warning(half, (32, 32))


def test_the_record_is_plain_and_complete(small):
    resolved = resolve(ModelSettings(model=str(small("sd")), inpaint_model=str(small("sd", 9))))
    record = resolved.record["inpaint"]
    assert len(record.pop("weights")) == 12
    assert record == {
        "model": "sd9",
        "extras": [],
        "steps": 25,
        "guidance": 7.0,
        "guidance_end": 1.0,
        "strength": 1.0,
        "dtype": "fp32",
    }
    assert len(resolved.record["licences"]) == 2


def test_other_weights_in_the_same_folder_are_noticed(small, tmp_path):
    folder = shutil.copytree(small("sd"), tmp_path / "mine")
    before = resolve(ModelSettings(model=str(folder))).record
    assert resolve(ModelSettings(model=str(folder))).record == before
    shutil.copytree(small("sd", seed=1), folder, dirs_exist_ok=True)
    assert resolve(ModelSettings(model=str(folder))).record != before


@pytest.mark.parametrize("place", [0, 9_000_000, 25_000_000, -1])
def test_weights_that_differ_anywhere_are_noticed(tmp_path, place):
    """As training leaves them: over a stretch of the file, not necessarily at its start."""
    digests = []
    for name in ("one", "two"):
        data = bytearray(30_000_000)
        if name == "two":
            start = place if place >= 0 else len(data) - 1
            data[start : start + 500_000] = b"\1" * len(data[start : start + 500_000])
        (tmp_path / "w").write_bytes(data)
        digest = hashlib.sha256()
        _digest_of(tmp_path / "w", digest)
        digests.append(digest.hexdigest())
    assert digests[0] != digests[1]


def test_an_installation_that_lost_the_tiny_weights_says_so(monkeypatch, tmp_path) -> None:
    gone = msgspec.structs.replace(PRESETS["tiny"], model=str(tmp_path / "tiny"))
    monkeypatch.setitem(PRESETS, "tiny", gone)
    monkeypatch.setattr("infgen.models.hub.TINY_FOLDER", tmp_path / "tiny")
    [sentence] = sentences("tiny")
    assert "install infgen again" in sentence


@pytest.mark.parametrize(
    "lost", [("vocab.json", "tokenizer.json"), ("merges.txt", "tokenizer.json")]
)
def test_a_tokenizer_without_its_vocabulary_is_noticed(small, tmp_path, lost):
    folder = shutil.copytree(small("sd"), tmp_path / "wordless")
    for name in lost:
        (folder / "tokenizer" / name).unlink(missing_ok=True)
    [sentence] = sentences(str(folder))
    assert "tokenizer's vocabulary" in sentence


@pytest.mark.parametrize("name", ["model_index.json", "unet/config.json"])
def test_json_that_holds_something_else_is_one_sentence(small, tmp_path, name):
    folder = shutil.copytree(small("sd"), tmp_path / "odd")
    (folder / name).write_text("[1, 2]")
    [sentence] = sentences(str(folder))
    assert name in sentence and "can't be read" in sentence
