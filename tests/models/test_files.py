"""Of all that a model repository holds, only what is loaded is chosen."""

import pytest

from infgen.models.files import LORA, Need, choose_files

SD = {
    "_class_name": "StableDiffusionPipeline",
    "requires_safety_checker": True,
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "image_encoder": [None, None],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
UNET = "unet/diffusion_pytorch_model"
FILES = [
    "README.md",
    "model_index.json",
    "v1-5-pruned.ckpt",
    "v1-5-pruned.safetensors",
    "safety_checker/config.json",
    "safety_checker/model.safetensors",
    "feature_extractor/preprocessor_config.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    f"{UNET}.bin",
    f"{UNET}.fp16.bin",
    f"{UNET}.fp16.safetensors",
    f"{UNET}.non_ema.safetensors",
    f"{UNET}.safetensors",
    "unet/openvino_model.bin",
    "vae/config.json",
    "vae/diffusion_pytorch_model.bin",
    "vae/diffusion_pytorch_model.fp16.bin",
]


def weights(chosen):
    return [name for name in chosen.files if name.endswith((".bin", ".safetensors"))]


def test_16_bits_take_the_half_files_and_safetensors_before_pickles():
    chosen = choose_files(FILES, Need("a/b"), SD, half=True)
    assert weights(chosen) == [
        "text_encoder/model.fp16.safetensors",
        f"{UNET}.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.bin",
    ]
    assert not chosen.lacking


def test_32_bits_take_the_full_files():
    chosen = choose_files(FILES, Need("a/b"), SD, half=False)
    assert weights(chosen) == [
        "text_encoder/model.safetensors",
        f"{UNET}.safetensors",
        "vae/diffusion_pytorch_model.bin",
    ]


def test_small_files_come_along_and_the_safety_checker_only_when_asked():
    chosen = choose_files(FILES, Need("a/b"), SD, half=False).files
    assert {"model_index.json", "README.md", "tokenizer/merges.txt", "unet/config.json"} < set(
        chosen
    )
    assert not any("safety" in name or "extractor" in name for name in chosen)
    asked = choose_files(FILES, Need("a/b", without=("image_encoder",)), SD, half=False).files
    assert "safety_checker/model.safetensors" in asked
    assert "feature_extractor/preprocessor_config.json" in asked


def test_one_component_alone():
    chosen = choose_files(FILES, Need("a/b", only=("unet",)), SD, half=True)
    assert chosen.files == [
        "model_index.json", "README.md", "unet/config.json", f"{UNET}.fp16.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize("gone", ["vae/", "tokenizer/", "unet/config", "text_encoder/"])
def test_what_is_lacking_is_named(gone):
    files = [name for name in FILES if not name.startswith(gone)]
    assert choose_files(files, Need("a/b"), SD, half=True).lacking == [gone.split("/")[0]]


def test_shards_count_only_when_all_are_there():
    index = {"_class_name": "X", "transformer": ["diffusers", "Y"]}
    shards = [f"transformer/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    files = ["transformer/config.json", *shards]
    assert weights(choose_files(files, Need("a/b"), index, half=True)) == shards
    assert choose_files(files[:-1], Need("a/b"), index, half=True).lacking == ["transformer"]


def test_single_models_and_loras():
    vae = [
        "config.json",
        "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.safetensors",
        "x.md",
    ]
    chosen = choose_files(vae, Need("a/b", kind="weights"), {}, half=True)
    assert chosen.files == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert choose_files([LORA, "image.png"], Need("a/b", kind="lora"), {}, True).files == [LORA]
    assert choose_files(["other.safetensors"], Need("a/b", kind="lora"), {}, True).lacking == [LORA]
