"""What is said about chosen models before a run: problems that stop it, warnings, licences.

Imports no torch; diffusers only to see which pipelines it has.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from infgen.models import hub
from infgen.models.choice import Half
from infgen.models.files import components
from infgen.models.presets import DEAD, NON_COMMERCIAL, PRESETS, family_of, look_up
from infgen.models.settings import ModelSettings

FAR = 1.6  # times smaller or larger, by the root of the area
NO_BF16 = (
    "its numbers run over in fp16, and this GPU has no bf16 (those from Ampere on have): use "
    "--model sd15 or sdxl, or --dtype fp32, which is slow and takes twice the memory"
)
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")


def missing_packages(lora: bool) -> tuple[str, ...]:
    """What would be needed and isn't installed."""
    wanted = (*PACKAGES, "peft") if lora else PACKAGES
    return tuple(package for package in wanted if find_spec(package) is None)


def problem_with_name(source: str) -> str:
    """What is wrong with a name that is no preset, as far as that shows without looking it up."""
    if "/" in source or hub.is_path(source):
        return ""
    near = difflib.get_close_matches(source, PRESETS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    known = ", ".join(PRESETS)
    return f"no such model: {hint}there are {known}; or give a hub id (owner/name) or a folder"


def problems_with_half(half: Half, settings: ModelSettings) -> list[tuple[str, str]]:
    """Why a half can't be loaded (gone, not found, of another kind, too new for diffusers), or
    would paint nothing: the part of it, by id or folder, and what is wrong with that."""
    live = look_up(DEAD, half.source)
    if half.found.problem and live:
        return [(half.source, f"gone from the hub: use {live}")]
    troubles = [(part.need.source, part.problem) for part in half.parts if part.problem]
    if troubles:
        return [(source, text + _near_id(source)) for source, text in troubles]
    name = half.found.index.get("_class_name") or "something else"
    if family_of(name) is None:
        takes = "Stable Diffusion, SDXL, FLUX.2 klein and Z-Image"
        return [
            (half.source, f"made for {name}, which infgen doesn't paint with: it takes {takes}")
        ]
    import diffusers

    with hushed():  # the first look at a pipeline imports it
        lacking = [
            name
            for name in (half.row.scenes_class, half.row.inpaint_class)
            if not hasattr(diffusers, name)
        ]
    have = f"diffusers {diffusers.__version__} has no"
    problems = [(half.source, f"{have} {name}: pip install -U diffusers") for name in lacking]
    if _runs_over(half) and settings.dtype == "auto":
        problems.append((half.source, NO_BF16))
    return problems


def _runs_over(half: Half) -> bool:
    return half.row.is_transformer and half.dtype == "fp16"


def problem_with_strength(inpaint: Half) -> str:
    """A sentence when the strength leaves not even one step for painting into a mask. (Scenes are
    always painted with all steps, and transformers round up.)"""
    row = inpaint.row
    if inpaint.found.problem or row.is_transformer or int(row.steps * row.strength) >= 1:
        return ""
    return (
        f"{row.steps} steps at strength {row.strength:g} leave none to paint objects with: raise "
        "--steps or --strength"
    )


@contextmanager
def hushed() -> Iterator[None]:
    """transformers warns at import of what it does without torchvision, and speaks while it loads,
    which nobody asked for."""
    from transformers.utils import logging

    usual = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(usual)


def licence_lines(half: Half) -> list[str]:
    """The model and its licence, and the same for what is added to it; of a folder the last name,
    as this goes into records."""
    row = half.row
    parts = [(half.source, look_up(NON_COMMERCIAL, half.source) or row.licence)]
    parts += [(row.vae, row.vae_licence)] if half.vae else []
    parts += [(row.lora, row.lora_licence)] if half.lora else []
    return [
        f"{Path(source).name if hub.is_path(source) else source}: {licence or 'see its model card'}"
        for source, licence in parts
    ]


def warnings_about(half: Half, device: str) -> list[str]:
    """What the user should know and may ignore."""
    texts = []
    if licence := look_up(NON_COMMERCIAL, half.source):
        texts.append(f"{half.source} is not for commercial use ({licence})")
    if device == "cpu" and half.row.memory_gb > 1 and half.row.name in PRESETS:
        texts.append(
            f"{half.row.name} takes minutes a picture without a GPU; "
            "--method paste and --model tiny don't"
        )
    if half.guessed:
        texts.append(
            f"{half.source} is unknown: painting with {half.row.steps} steps and guidance "
            f"{half.row.guidance:g}; say with --steps and --guidance what its authors recommend"
        )
    if _runs_over(half):
        texts.append(f"{half.source} was made for bf16: in fp16 its numbers may run over")
    return texts


def checker_warning(scenes: Half) -> list[str]:
    """The model for scenes brings the safety checker, for whatever is painted."""
    if "safety_checker" in components(scenes.found.index, scenes.found.need):
        return []
    return [f"{scenes.name} has no safety checker: nothing will be flagged"]


def canvas_warning(half: Half, size: tuple[int, int]) -> str:
    """A sentence when scenes of `size` = (width, height) in pixels are far from what the model was
    trained on, else empty."""
    native, (width, height) = half.row.native, size
    side = (width * height) ** 0.5
    if native / FAR <= side <= native * FAR:
        return ""
    what = "things may appear twice" if side > native else "little may be recognisable"
    return (
        f"{width}x{height} is far from the {native}x{native} that {half.name} paints best: {what}; "
        "choose another --width and --height, or another --model"
    )


def outline_warning(half: Half) -> list[str]:
    """A plain text-to-image UNet doesn't see what is around its mask."""
    class_name = half.found.index.get("_class_name", "Inpaint")
    if half.row.family not in ("sd", "sdxl") or "Inpaint" in class_name or half.shares:
        return []
    return [
        f"{half.source} is no inpainting model: objects may show an outline; "
        "name one with --inpaint-model"
    ]


def _near_id(source: str) -> str:
    known = [row.model for row in PRESETS.values() if "/" in row.model]
    near = difflib.get_close_matches(source, known, n=1, cutoff=0.85)
    return f"; did you mean {near[0]}?" if near and near[0] != source else ""
