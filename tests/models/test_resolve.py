"""What is said before a run: one sentence for each thing that would stop it."""

import importlib
import shutil
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import msgspec
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

from infgen.models import hub as hub_module
from infgen.models import verdict
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


def test_a_download_that_breaks_off_is_one_sentence(hub, small):
    hub.repositories["a/b"] = small("sd")
    resolved = resolve(ModelSettings(model="a/b"))
    hub.broken = True
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
    flux = resolve(ModelSettings(model=str(small("flux2")), safety_checker=True)).warnings
    assert flux == (f"{small('flux2')} has no safety checker: nothing will be flagged",)


def test_the_record_is_plain_and_complete(small):
    resolved = resolve(ModelSettings(model=str(small("sd")), inpaint_model=str(small("sd", 9))))
    record = resolved.record["inpaint"]
    assert len(record.pop("weights")) == 12
    assert record == {
        "model": "sd9",
        "extras": [],
        "steps": 25,
        "guidance": 7.0,
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


def test_an_installation_that_lost_the_tiny_weights_says_so(monkeypatch, tmp_path) -> None:
    gone = msgspec.structs.replace(PRESETS["tiny"], model=str(tmp_path / "tiny"))
    monkeypatch.setitem(PRESETS, "tiny", gone)
    monkeypatch.setattr("infgen.models.hub.TINY_FOLDER", tmp_path / "tiny")
    [sentence] = sentences("tiny")
    assert "install infgen again" in sentence
