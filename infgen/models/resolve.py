"""What will paint, found out before any weights are loaded: names, sizes and small files are read,
and the hub is asked only about models that aren't in its cache.

Imports torch only once it is known to be installed, to see the devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from infgen.models import hub, verdict
from infgen.models.choice import Half, Resolved
from infgen.models.files import SCHEDULER, UNET, UNNEEDED, VAE, Need
from infgen.models.hub import Found
from infgen.models.presets import (
    BASE,
    PRESETS,
    TINY_FOLDER,
    Preset,
    family_of,
    numbers_for,
)
from infgen.models.settings import ModelSettings
from infgen.records.errors import Problem

UNPINNED = dict.fromkeys(("revision", "inpaint_revision", "vae_revision", "lora_revision"))
STRANGER = UNPINNED | {"inpaint_model": "", "vae": "", "scheduler": "", "note": ""}
STRANGER |= {"scheduler_options": {}}  # nothing of a preset that is about its own weights
FOLDER_SAYS = ("steps", "guidance", "strength", "first_channels", "dtype", "licence", "note")


class Named(NamedTuple):
    """A model as the user named it: the preset behind the name, if there is one."""

    option: str
    text: str
    source: str
    row: Preset | None

    def problem(self, text: str, sources: Sequence[str] = ()) -> Problem:
        """A sentence about what the user named, or about parts of it."""
        parts = f" ({', '.join(sources)})" if sources and [*sources] != [self.text] else ""
        return Problem(f"{self.option} {self.text}{parts}: {text}")


def check(settings: ModelSettings) -> list[Problem]:
    """Everything that keeps `load` from working, as far as that shows beforehand."""
    return list(resolve(settings).problems)


def resolve(settings: ModelSettings) -> Resolved:
    """Find out what the settings mean on this machine."""
    first = _name("--model", settings.named)
    second = _name("--inpaint-model", settings.inpaint_model) if settings.inpaint_model else None
    named = [name for name in (first, second) if name]
    problems = [
        name.problem(text)
        for name in named
        if not name.row and (text := verdict.problem_with_name(name.source))
    ]
    missing = verdict.missing_packages(lora=any(name.row and name.row.lora for name in named))
    if missing:
        packages = ", ".join(missing)
        problems.append(first.problem(f"needs {packages}: pip install 'infgen[diffusion]'"))
    if problems:
        return Resolved(settings, problems=tuple(problems), missing=missing)
    return _look_up(first, second, settings)


def _look_up(first: Named, second: Named | None, settings: ModelSettings) -> Resolved:
    """The rest of `resolve`, with names that may exist and packages that do."""
    device, trouble = choose_device(settings.device)
    problems = [Problem(trouble)] if trouble else []
    scenes = _scenes_half(first, settings, device)
    inpaint = _inpaint_half(second, scenes, settings, device)
    halves = (scenes,) if inpaint is scenes else (scenes, inpaint)
    if second:
        problems += _problems(first, [scenes], settings) + _problems(second, [inpaint], settings)
    else:
        problems += _problems(first, halves, settings)
    if text := verdict.problem_with_strength(inpaint):
        problems.append((second or first).problem(text))
    if lacking := hub.space_lacking({p.need: p for half in halves for p in half.parts}.values()):
        problems.append(Problem(lacking))
    warnings = [w for half in halves for w in verdict.warnings_about(half, device)]
    if settings.safety_checker:
        warnings += verdict.checker_warning(scenes)
    return Resolved(
        settings,
        device,
        scenes,
        inpaint,
        licences=tuple(dict.fromkeys(li for half in halves for li in verdict.licence_lines(half))),
        warnings=tuple(dict.fromkeys(warnings + verdict.outline_warning(inpaint))),
        problems=tuple(problems),
    )


def _problems(name: Named, halves: Iterable[Half], settings: ModelSettings) -> list[Problem]:
    """What is wrong with the halves that one name stands for; what is alike is said once."""
    sources: dict[str, list[str]] = {}
    for half in halves:
        for source, text in verdict.problems_with_half(half, settings):
            sources.setdefault(text, []).append(source)
    return [name.problem(text, parts) for text, parts in sources.items()]


def _name(option: str, text: str) -> Named:
    """A preset may be named by its name, its id or (tiny) its folder."""
    if text in PRESETS:
        return Named(option, text, PRESETS[text].model, PRESETS[text])
    for row in PRESETS.values():
        if text == row.model:  # by its id: whatever revision is at hand
            return Named(option, text, text, msgspec.structs.replace(row, **UNPINNED))
    if Path(text).expanduser().resolve() == TINY_FOLDER:
        return Named(option, text, text, PRESETS["tiny"])
    return Named(option, text, text, None)


def choose_device(asked: str) -> tuple[str, str]:
    """The device to run on, and a sentence when the asked one isn't there."""
    import torch

    has = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        return next(device for device, there in has.items() if there), ""
    if has[asked]:
        return asked, ""
    why = "; this torch is a CPU build" if asked == "cuda" and not torch.version.cuda else ""
    return "cpu", (
        f"--device {asked}: torch {torch.__version__} sees no such device{why}: "
        "use --device auto, or install torch as pytorch.org says"
    )


def _scenes_half(name: Named, settings: ModelSettings, device: str) -> Half:
    row = name.row
    without = ("image_encoder",) if settings.safety_checker else UNNEEDED
    if row and row.vae:
        without = (*without, "vae")
    need = Need(name.source, row.revision if row else None, "pipeline", (), without)
    return _half(need, row, settings, device)


def _inpaint_half(name: Named | None, scenes: Half, settings: ModelSettings, device: str) -> Half:
    """The other model where one is named, the preset's partner, or the same as for scenes."""
    if name:
        return _half(_second_need(name), name.row, settings, device)
    row = scenes.row
    if not row.inpaint_model:
        return scenes
    need = Need(row.inpaint_model, row.inpaint_revision, "pipeline", ("unet",))
    return _half(need, row, settings, device, shares=True)


def _second_need(name: Named) -> Need:
    """All files of a model for objects; of a preset, of the half that was made for them."""
    row = name.row
    without = (*UNNEEDED, "vae") if row and row.vae else UNNEEDED
    if row and row.inpaint_model:
        return Need(row.inpaint_model, row.inpaint_revision, "pipeline", (), without)
    return Need(name.source, row.revision if row else None, "pipeline", (), without)


def _half(
    need: Need, row: Preset | None, settings: ModelSettings, device: str, shares: bool = False
) -> Half:
    """Look one half up. Steps, guidance and strength of the settings go before the row's."""
    short = settings.dtype in ("bf16", "fp16") or (settings.dtype == "auto" and device != "cpu")
    found = hub.find(need, short)
    row, guessed = (row, frozenset[str]()) if row else _stranger(need, found)
    said = found.index.get("_infgen", {})
    told = {key: said[key] for key in FOLDER_SAYS if key in said}
    asked = {name: getattr(settings, name) for name in ("steps", "guidance", "strength")}
    told |= {name: value for name, value in asked.items() if value is not None}
    row = msgspec.structs.replace(_measured(row, found), **told)
    vae = lora = None
    if row.vae and not shares:
        vae = hub.find(Need(row.vae, row.vae_revision, "weights"), short)
    if row.lora and not shares:
        lora = hub.find(Need(row.lora, row.lora_revision, "lora"), short)
    dtype = _dtype(row, settings.dtype, device)
    return Half(row, found, dtype, shares, vae, lora, bool(guessed - told.keys()))


def _stranger(need: Need, found: Found) -> tuple[Preset, frozenset[str]]:
    """A row for a model that is no preset, with its family's numbers and its own scheduler; and
    those of the numbers that may not suit it."""
    family = family_of(found.index.get("_class_name", "")) or "sd"
    scheduler = found.configs.get(SCHEDULER, {})
    numbers, guess = numbers_for(need.source, family, found.index, scheduler)
    about = {"name": need.source, "model": need.source, "licence": found.licence}
    row = msgspec.structs.replace(PRESETS[BASE[family]], **STRANGER | about | numbers)
    return row, frozenset(("steps", "guidance") if guess else ())


def _measured(row: Preset, found: Found) -> Preset:
    """The row with the native size and latent cell of the weights themselves."""
    blocks = found.configs.get(VAE, {}).get("block_out_channels")
    if not blocks:
        return row
    cell = 2 ** (len(blocks) - 1) * (2 if row.is_transformer else 1)
    side = found.configs.get(UNET, {}).get("sample_size")
    return msgspec.structs.replace(row, cell=cell, native=side * cell if side else row.native)


def _dtype(row: Preset, asked: str, device: str) -> str:
    """The number format: what the user says, else what the model and the device do best."""
    if asked != "auto":
        return asked
    if device == "cpu" or row.dtype == "fp32":
        return "fp32"
    if device == "mps":
        return "bf16" if row.is_transformer else "fp16"
    import torch

    return row.dtype if torch.cuda.get_device_capability() >= (8, 0) else "fp16"
