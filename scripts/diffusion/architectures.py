"""True architectures with random weights, from their public configs, and what they cost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from infgen.models.presets import PRESETS, Preset

Make = Callable[[], Any]


@dataclass(frozen=True)
class Architecture:
    """A Stable Diffusion, by the configs of its parts as they lie on the hub. `texts` are its one
    or two text encoders; `disk_gb` is what both its folders take."""

    name: str
    unet: dict[str, Any]
    vae: dict[str, Any]
    texts: tuple[dict[str, Any], ...]
    scheduler: Any
    disk_gb: float

    @property
    def preset(self) -> Preset:
        """The numbers that infgen takes for a folder of this family."""
        return PRESETS[self.name]

    @property
    def cell(self) -> int:
        return int(2 ** (len(self.vae["block_out_channels"]) - 1))

    @property
    def side(self) -> int:
        return int(self.unet["sample_size"]) * self.cell


BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
         "steps_offset": 1}  # fmt: skip
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "force_upcast": False,
}
CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
CLIP_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}

SD15 = Architecture(
    name="sd15",
    unet={
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "layers_per_block": 2,
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
    },
    vae=VAE | {"sample_size": 512, "scaling_factor": 0.18215},
    texts=(CLIP_L,),
    scheduler=diffusers.DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True),
    disk_gb=4.3,
)

SDXL = Architecture(
    name="sdxl",
    unet={
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae=VAE | {"sample_size": 1024, "scaling_factor": 0.13025},
    texts=(CLIP_L, CLIP_G),
    scheduler=diffusers.EulerDiscreteScheduler(**BETAS, timestep_spacing="leading"),
    disk_gb=13.9,
)


def shrunken(architecture: Architecture) -> Architecture:
    """The same in kind, small enough for any CPU in seconds: 128 pixels native."""
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2, "projection_dim": 32}  # fmt: skip
    depth = len(architecture.unet["block_out_channels"])
    unet = {"sample_size": 16, "block_out_channels": (32, 64, 64, 64)[:depth],
            "layers_per_block": 1, "cross_attention_dim": 32 * len(architecture.texts)}  # fmt: skip
    if architecture.name == "sdxl":
        unet |= {"transformer_layers_per_block": 1, "attention_head_dim": 4,
                 "addition_time_embed_dim": 8,
                 "projection_class_embeddings_input_dim": 32 + 6 * 8}  # fmt: skip
    vae = {"block_out_channels": (32,) * 4, "layers_per_block": 1, "sample_size": 128}
    return replace(
        architecture,
        unet=architecture.unet | unet,
        vae=architecture.vae | vae,
        texts=tuple(text | small for text in architecture.texts),
        disk_gb=0.1,
    )


ARCHITECTURES = {one.name: one for one in (SD15, SDXL)}


def write_model(architecture: Architecture, folder: Path, device: str) -> None:
    """Two folders as diffusers writes them, `scenes` and `inpaint`: all parts alike but the UNet,
    which has 9 input channels in the second. The weights are random, in bf16."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < architecture.disk_gb:
        raise SystemExit(
            f"{architecture.name} takes {architecture.disk_gb} GB, and {folder} has {free:.1f}: "
            "name another disk with --folder"
        )
    torch.manual_seed(0)
    parts = _parts(architecture, device)
    classes = (architecture.preset.scenes_class, architecture.preset.inpaint_class)
    for name, channels, kind in zip(("scenes", "inpaint"), (4, 9), classes, strict=True):
        with torch.device(device):
            unet = diffusers.UNet2DConditionModel(**architecture.unet, in_channels=channels)
        pipe = getattr(diffusers, kind)(unet=unet.to(torch.bfloat16), **parts)
        pipe.save_pretrained(folder / name)


def _parts(architecture: Architecture, device: str) -> dict[str, Any]:
    """Everything but the UNet, by the names that the pipelines give them."""
    tokenizer = ascii_tokenizer()
    parts: dict[str, Any] = {"scheduler": architecture.scheduler}
    for text, ending in zip(architecture.texts, ("", "_2"), strict=False):
        ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        config = transformers.CLIPTextConfig(**text, vocab_size=49408, **ids)
        kind = transformers.CLIPTextModelWithProjection if ending else transformers.CLIPTextModel
        with torch.device(device):
            parts[f"text_encoder{ending}"] = kind(config).to(torch.bfloat16)
        parts[f"tokenizer{ending}"] = tokenizer
    with torch.device(device):
        parts["vae"] = diffusers.AutoencoderKL(**architecture.vae).to(torch.bfloat16)
    if architecture.name == "sdxl":
        return parts | {"add_watermarker": False}
    checker = {"safety_checker": None, "feature_extractor": None}
    return parts | checker | {"requires_safety_checker": False}


def ascii_tokenizer() -> transformers.CLIPTokenizer:
    """A tokenizer of letters. Prompts are filled up to 77 tokens, as by the true one."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    vocab = {token: number for number, token in enumerate(tokens)}
    return transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


@dataclass(frozen=True)
class Costs:
    """FLOPs (2 per multiplication and addition) for one picture: a step of the UNet without
    guidance, the VAE's encoder and decoder. Only what was asked for counts: no text encoders
    (infgen asks them once per prompt), and nothing that fills up a batch."""

    step: float
    encode: float
    decode: float

    def scene(self, steps: int) -> float:
        return 2 * steps * self.step + self.decode

    def thing(self, steps: int, strength: float, channels: int) -> float:
        """An object: the picture under the mask is encoded, and the whole of it where noise is
        added to it or (4 channels) what is known is put back after every step."""
        encodings = 1 if channels == 9 and strength == 1 else 2
        painted = 2 * int(steps * strength) * self.step
        return painted + encodings * self.encode + self.decode


def costs_of(architecture: Architecture, side: int) -> Costs:
    """Counted on torch's meta device, for pictures of `side` pixels."""
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**architecture.unet, in_channels=4)
        vae = diffusers.AutoencoderKL(**architecture.vae)
        latents = torch.empty(1, 4, side // architecture.cell, side // architecture.cell)
        words = torch.empty(1, 77, architecture.unet["cross_attention_dim"])
        more = {}
        if architecture.name == "sdxl":
            pooled = torch.empty(1, architecture.texts[1]["projection_dim"])
            more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.empty(1, 6)}}
        return Costs(
            step=_flops(lambda: unet(latents, torch.tensor(1.0), words, **more)),
            encode=_flops(lambda: vae.encoder(torch.empty(1, 3, side, side))),
            decode=_flops(lambda: vae.decoder(latents)),
        )


def _flops(call: Make) -> float:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())
