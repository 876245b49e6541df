"""How weights become a painter: what is shared, in which format, with what added, and where."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

import diffusers
import torch

from infgen.models import assembly
from infgen.models.assembly import relate
from infgen.models.loader import load, resolve
from infgen.models.presets import BASE, PRESETS
from infgen.models.prompts import Prompt, Rejected
from infgen.models.settings import ModelSettings
from infgen.records.errors import InputError
from tests.models.conftest import edit_index

CAT = [Prompt("a cat")]


def settings(folder, **more):
    return ModelSettings(**{"model": str(folder), "steps": 2, "batch_size": 1} | more)


def preset(monkeypatch, base, **changes):
    """A preset of the test's own, called `ours`."""
    row = msgspec.structs.replace(PRESETS[base], name="ours", revision=None, **changes)
    monkeypatch.setitem(PRESETS, "ours", row)
    return ModelSettings(model="ours", batch_size=1)


def test_a_preset_takes_only_the_unet_from_its_partner(small, monkeypatch, tmp_path):
    partner = shutil.copytree(small("sd", 9, seed=1), tmp_path / "partner")
    for part in ("vae", "text_encoder", "tokenizer", "scheduler"):
        shutil.rmtree(partner / part)
    ours = preset(monkeypatch, "sd15", model=str(small("sd")), inpaint_model=str(partner),
                  inpaint_revision=None)  # fmt: skip
    painter = load(ours)
    hand = painter._inpaint
    assert painter._scenes is hand
    assert hand.scenes.vae is hand.inpaint.vae
    assert hand.scenes.text_encoder is hand.inpaint.text_encoder
    assert (hand.scenes.unet.config.in_channels, hand.inpaint.unet.config.in_channels) == (4, 9)
    assert hand.scenes.scheduler is not hand.inpaint.scheduler
    for pipe in (hand.scenes, hand.inpaint):
        assert isinstance(pipe.scheduler, diffusers.DPMSolverMultistepScheduler)
        assert pipe.scheduler.config.use_karras_sigmas
    assert len(painter.licences) == len(painter.names) == 2
    assert painter.licences[0] == "sd4: CreativeML OpenRAIL-M"
    assert isinstance(painter.scenes(CAT, (64, 64), [1])[0], np.ndarray)


def test_sdxl_takes_the_vae_that_is_named(small, monkeypatch):
    vae = small("sdxl", 9, seed=1) / "vae"
    ours = preset(monkeypatch, "sdxl", model=str(small("sdxl")), vae=str(vae), vae_revision=None,
                  inpaint_model=str(small("sdxl", 9)), inpaint_revision=None)  # fmt: skip
    painter = load(ours)
    hand = painter._inpaint
    assert hand.scenes.vae is hand.inpaint.vae
    named = diffusers.AutoencoderKL.from_pretrained(vae)
    assert torch.equal(hand.inpaint.vae.decoder.conv_in.weight, named.decoder.conv_in.weight)
    assert hand.scenes.watermark is None and hand.inpaint.watermark is None
    assert hand.inpaint.config.force_zeros_for_empty_prompt
    assert hand.row.strength == 0.99
    assert "vae: MIT" in painter.licences


@pytest.mark.parametrize("family", ["flux2", "zimage"])
def test_one_transformer_does_both(small, family):
    hand = load(settings(small(family)))._inpaint
    assert hand.scenes.transformer is hand.inpaint.transformer
    assert type(hand.scenes).__name__ == PRESETS[BASE[family]].scenes_class
    assert type(hand.inpaint).__name__ == PRESETS[BASE[family]].inpaint_class
    assert hand.scenes.scheduler is not hand.inpaint.scheduler
    assert hand.scenes.config.get("is_distilled") == hand.inpaint.config.get("is_distilled")


def test_two_models_share_what_is_equal(small):
    painter = load(settings(small("sd"), inpaint_model=str(small("sd", 9))))  # of one seed
    one, other = painter._scenes, painter._inpaint
    assert one.inpaint.vae is other.inpaint.vae
    assert one.words is other.words
    assert one.inpaint.unet is not other.inpaint.unet
    painter.forget_text_encoders()
    assert other.inpaint.text_encoder is None and one.scenes.text_encoder is None
    [picture] = painter.inpaint([np.zeros((64, 64, 3), np.uint8)], [np.ones((64, 64), bool)],
                                CAT, [1])  # fmt: skip
    assert isinstance(picture, np.ndarray)


def test_two_models_keep_what_is_not(small):
    painter = load(settings(small("sd"), inpaint_model=str(small("sd", 9, seed=1))))
    one, other = painter._scenes, painter._inpaint
    assert one.inpaint.vae is not other.inpaint.vae
    assert one.words is not other.words


def test_two_models_may_be_of_two_families(small):
    painter = load(settings(small("flux2"), inpaint_model=str(small("sd", 9))))
    assert (painter.native_size, painter.cell) == (64, 4)
    assert painter.scenes(CAT, (64, 48), [1])[0].shape == (48, 64, 3)
    made = painter.inpaint([np.zeros((60, 60, 3), np.uint8)], [np.ones((60, 60), bool)], CAT, [1])
    assert made[0].shape == (60, 60, 3)
    painter.forget_text_encoders()
    painter.prepare([Prompt("both encode this")])


@pytest.fixture
def sliced(small, tmp_path):
    """A nine-channel model that says it was trained to paint scenes with its first four."""
    folder = shutil.copytree(small("sd", 9), tmp_path / "sliced")
    edit_index(folder, _infgen={"first_channels": True, "steps": 2, "guidance": 2.0})
    return folder


def test_the_first_channels_make_a_text_to_image_unet(sliced):
    hand = load(settings(sliced))._scenes
    own, twin = hand.inpaint.unet, hand.scenes.unet
    assert torch.equal(twin.conv_in.weight, own.conv_in.weight[:, :4])
    assert torch.equal(twin.conv_in.bias, own.conv_in.bias)
    assert twin.mid_block is own.mid_block
    assert not any(parameter.is_meta for parameter in twin.parameters())
    noise, words = torch.randn(2, 4, 16, 16), torch.randn(2, 77, 16)
    with torch.no_grad():
        silent = torch.cat([noise, torch.zeros(2, 5, 16, 16)], 1)
        assert torch.allclose(twin(noise, 7, words).sample, own(silent, 7, words).sample, atol=1e-5)


def test_without_that_word_nine_channels_paint_scenes_as_one_large_mask(small, sliced):
    plain = load(settings(small("sd", 9)))
    assert plain._scenes.scenes is None
    [by_mask] = plain.scenes(CAT, (64, 64), [1])
    [by_slice] = load(settings(sliced)).scenes(CAT, (64, 64), [1])
    assert by_mask.shape == by_slice.shape == (64, 64, 3)
    assert np.abs(by_mask.astype(int) - by_slice).max() > 5


@pytest.mark.parametrize("family", ["sd", "sdxl", "flux2", "zimage"])
def test_weights_come_in_the_format_that_is_asked_for(small, family):
    hand = load(settings(small(family), dtype="bf16"))._inpaint
    assert all(
        parameter.dtype == torch.bfloat16
        for part in hand.inpaint.components.values()
        if isinstance(part, torch.nn.Module)
        for parameter in part.parameters()
    )
    painter = load(settings(small(family), dtype="bf16"))
    picture = np.full((64, 64, 3), 99, np.uint8)
    made = painter.inpaint([picture], [np.ones((64, 64), bool)], CAT, [1])
    made += painter.scenes(CAT, (64, 64), [1])
    assert all(isinstance(one, np.ndarray) for one in made)


def test_sdxls_own_vae_stays_in_32_bits_where_16_would_run_over(small):
    pipe = assembly.load_pipe("StableDiffusionXLPipeline", small("sdxl"), torch.float16)
    assert pipe.unet.dtype == torch.float16
    assert pipe.vae.dtype == torch.float32


def test_related_pipelines_leave_the_format_alone(small):
    pipe = assembly.load_pipe("StableDiffusionPipeline", small("sd"), torch.bfloat16)
    other = relate(pipe, "StableDiffusionInpaintPipeline")
    assert pipe.unet is other.unet
    assert pipe.unet.dtype == torch.bfloat16


def test_convolutions_get_the_layout_they_like(small, monkeypatch):
    """In every pipeline, the partner's UNet included."""
    ours = preset(monkeypatch, "sd15", model=str(small("sd")), inpaint_model=str(small("sd", 9)),
                  inpaint_revision=None)  # fmt: skip
    hand = load(ours)._inpaint
    for part in (hand.scenes.unet, hand.inpaint.unet, hand.inpaint.vae):
        weights = {n: w for n, w in part.named_parameters() if w.dim() == 4}
        assert len(weights) > 10
        assert not [
            name
            for name, weight in weights.items()
            if not weight.is_contiguous(memory_format=torch.channels_last)
        ]


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_16_bit_files_are_loaded_where_there_are_any(small, tmp_path, dtype):
    """One part has nothing but a 16-bit file, one has both, the others have none."""
    folder = shutil.copytree(small("sd"), tmp_path / "mixed")
    name = "diffusion_pytorch_model{}.safetensors"
    (folder / "unet" / name.format("")).rename(folder / "unet" / name.format(".fp16"))
    shutil.copy(folder / "vae" / name.format(""), folder / "vae" / name.format(".fp16"))
    if dtype == "fp32":
        shutil.copy(folder / "unet" / name.format(".fp16"), folder / "unet" / name.format(""))
    painter = load(settings(folder, dtype=dtype))
    assert isinstance(painter.scenes(CAT, (64, 64), [1])[0], np.ndarray)


def test_a_lora_is_fused_into_both_unets(small, monkeypatch, tmp_path):
    pytest.importorskip("peft", reason="the diffusion extra isn't installed")
    from tests.models.small import build_lora

    halves = {"model": str(small("sd")), "inpaint_model": str(small("sd", 9)),
              "inpaint_revision": None}  # fmt: skip
    plain = load(preset(monkeypatch, "sd15", **halves))._inpaint
    lora = build_lora(tmp_path / "lora", small("sd"))
    fast = load(preset(monkeypatch, "sd15-fast", lora=str(lora), **halves))._inpaint
    for role in ("scenes", "inpaint"):
        before, after = (getattr(hand, role).unet for hand in (plain, fast))
        changed = [
            name
            for (name, old), (same, new) in zip(
                before.named_parameters(), after.named_parameters(), strict=True
            )
            if name == same and not torch.equal(old, new)
        ]
        assert changed and all("to_q" in name or "to_v" in name for name in changed)
        assert isinstance(getattr(fast, role).scheduler, diffusers.LCMScheduler)
    assert fast.row.steps == 8
    assert "lora: OpenRAIL++" in resolve(ModelSettings(model="ours")).licences


def test_lcm_draws_its_noise_at_every_step_from_the_pictures_own_seed(small, monkeypatch):
    ours = preset(monkeypatch, "sd15-fast", lora="", model=str(small("sd")), inpaint_model="")
    painter = load(ours)
    [first] = painter.scenes(CAT, (64, 64), [1])
    torch.manual_seed(999)
    painter.batch_size = 2
    again = painter.scenes(CAT * 2, (64, 64), [2, 1])
    assert np.abs(first.astype(int) - again[1]).max() <= 1


def test_the_safety_checker_is_asked_only_on_demand_and_rejects(small):
    folder = small("sd", checker=True)
    free = load(settings(folder))
    assert free._inpaint.safety_checker is None
    assert isinstance(free.scenes(CAT, (64, 64), [1])[0], np.ndarray)
    strict = load(settings(folder, safety_checker=True, batch_size=2))
    flagged = Rejected("the safety checker flagged it")
    assert strict.scenes(CAT * 3, (64, 64), [1, 2, 3]) == [flagged] * 3
    strict._inpaint.safety_checker.concept_embeds_weights.data.fill_(10)
    strict._inpaint.safety_checker.special_care_embeds_weights.data.fill_(10)
    assert isinstance(strict.scenes(CAT, (64, 64), [1])[0], np.ndarray)


def test_the_first_models_checker_looks_at_what_the_second_paints(small, tmp_path):
    """Whose own isn't even there: a hub's would not have been fetched."""
    second = shutil.copytree(small("sd", 9, checker=True), tmp_path / "second")
    shutil.rmtree(second / "safety_checker")
    shutil.rmtree(second / "feature_extractor")
    asked = settings(small("sd", checker=True), inpaint_model=str(second), safety_checker=True)
    painter = load(asked)
    flagged = [Rejected("the safety checker flagged it")]
    assert painter.scenes(CAT, (64, 64), [1]) == flagged
    nothing = [np.full((64, 64, 3), 99, np.uint8)], [np.ones((64, 64), bool)]
    assert painter.inpaint(*nothing, CAT, [1]) == flagged


@pytest.mark.parametrize("family", ["sd", "sdxl", "flux2", "zimage"])
@pytest.mark.parametrize("where", ["encoders aside", "model"])
def test_weights_that_visit_the_device_paint_the_same(small, monkeypatch, family, where):
    """The hooks are accelerate's own; the device they visit is the CPU here."""
    usual = load(settings(small(family)))
    monkeypatch.setattr(assembly, "choose_placing", lambda resolved, pipes: where)
    moving = load(settings(small(family)))
    picture, mask = np.full((64, 64, 3), 99, np.uint8), np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    for _ in range(2):
        for painter in (usual, moving):
            painter.forget_text_encoders()
        same = [p.scenes(CAT, (64, 64), [1]) for p in (usual, moving)]
        assert np.array_equal(same[0][0], same[1][0])
        same = [p.inpaint([picture], [mask], CAT, [1]) for p in (usual, moving)]
        assert np.array_equal(same[0][0], same[1][0])


def test_loading_says_nothing(small, capfd):
    load(settings(small("sd")))
    told = capfd.readouterr()
    assert "Loading" not in told.out + told.err


def test_equal_weights_in_the_hubs_cache_are_told_by_their_names(tmp_path):
    """Which are their hashes: gigabytes needn't be read."""
    folder, blobs = tmp_path / "vae", tmp_path / "blobs"
    folder.mkdir()
    blobs.mkdir()
    (blobs / ("ab" * 32)).write_bytes(b"not what it says")
    (folder / "model.safetensors").symlink_to(blobs / ("ab" * 32))
    (folder / "own.bin").write_bytes(b"")
    hashes = assembly._weights_of(folder)
    assert hashes["model.safetensors"] == "ab" * 32
    assert hashes["own.bin"].startswith("e3b0c44298fc")


def test_the_record_can_be_written(small):
    json.dumps(load(settings(small("sd"))).resolved.record)


def test_weights_that_are_missing_are_not_made_up(small, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(small("sd", 9), tmp_path / "lacking")
    file = folder / "text_encoder" / "model.safetensors"
    weights = load_file(file)
    lost = [name for name in weights if "mlp" in name]
    assert lost
    kept = {name: value for name, value in weights.items() if name not in lost}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="lack some of the weights"):
        load(ModelSettings(model=str(folder)))


@pytest.mark.parametrize("damage", ["cut", "empty", "shape"])
def test_a_damaged_checkpoint_is_one_sentence(small, tmp_path, damage):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(small("sd", 9), tmp_path / "damaged")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    if damage == "shape":
        weights = load_file(file)
        weights["conv_in.weight"] = weights["conv_in.weight"][:, :5].contiguous()
        save_file(weights, file, metadata={"format": "pt"})
    else:
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    with pytest.raises(InputError, match=r"--model: damaged can't be loaded"):
        load(ModelSettings(model=str(folder)))


def test_two_threads_may_load_at_once(small):
    folders = [small("sd", 9), small("sd", 4)]
    with ThreadPoolExecutor(2) as threads:
        painters = list(threads.map(lambda f: load(ModelSettings(model=str(f))), folders * 2))
    assert len(painters) == 4
