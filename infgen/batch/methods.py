"""How objects and scenes are painted: resolved once, said, and pinned in the run's record."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from infgen.batch.settings import DEFAULT_CANVAS, RunSettings
from infgen.batch.store import Pinned
from infgen.models.choice import Resolved
from infgen.models.eye_choice import ResolvedEyes, resolve_eyes
from infgen.models.known_eyes import JUDGES, Role
from infgen.models.resolve import choose_device, resolve
from infgen.records.errors import InputError, Problem
from infgen.records.specs import Request


@dataclass(frozen=True)
class Means:
    """What a run paints with: the `method` of every class, and the `model`, if one is needed (for
    the objects, or for scenes of which there is only a prompt). `eyes` are the models that look at
    what it paints; `depth` is the one by whose answers sizes go. `lacks`: why the GPU that is there
    isn't used."""

    method: str
    model: Resolved | None = None
    eyes: ResolvedEyes | None = None
    depth: ResolvedEyes | None = None
    lacks: tuple[Problem, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user."""
        about_model = self.model.warnings if self.model else ()
        about_eyes = self.eyes.warnings if self.eyes else ()
        lacks = (f"pasted, not inpainted: {problem}" for problem in self.lacks)
        return (*about_model, *about_eyes, *lacks)

    @property
    def licences(self) -> tuple[str, ...]:
        """One line per model."""
        return (self.model.licences if self.model else ()) + (
            self.eyes.licences if self.eyes else ()
        )

    @property
    def native(self) -> int:
        """Side of the canvas in pixels, where the settings leave it open."""
        painter = self.model.inpaint if self.model and self.method == "inpaint" else None
        return painter.row.native if painter else DEFAULT_CANVAS


def choose_means(settings: RunSettings, pinned: Mapping[str, str]) -> Means:
    """Decide between inpainting and pasting. What an earlier run in the folder has `pinned` (by
    class name) is obeyed as long as the settings don't ask for another.

    `auto` inpaints where a model is named, or where a GPU and the model's weights are at hand.

    Raises:
        InputError: inpainting is asked for and can't be done; says everything that it lacks.
    """
    begun = _begun_with(settings, pinned) if settings.method == "auto" else settings.method
    if begun == "paste":
        return Means("paste", resolve(settings.model) if settings.model.model else None)
    certain = begun == "inpaint" or settings.model.model
    if not certain and not has_gpu():
        return Means("paste")
    model = resolve(settings.model)
    if not model.problems:
        return Means("inpaint", model)
    if certain:
        raise InputError(model.problems)
    return Means("paste", lacks=tuple(model.problems))


def _begun_with(settings: RunSettings, pinned: Mapping[str, str]) -> str:
    """The method that an earlier run in the folder has pinned; empty if there was none."""
    methods = sorted(set(pinned.values()))
    if len(methods) > 1 or not set(methods) <= {"paste", "inpaint"}:
        raise InputError(
            f"{settings.out} was begun with {' and '.join(methods)}, which this version of infgen "
            "can't go on with: choose another --out, or the version that began it"
        )
    return methods[0] if methods else ""


def check_means(means: Means, request: Request, settings: RunSettings, pinned: Pinned) -> Means:
    """Make sure that the tables hold what the means need, and add a model for the scenes that have
    to be generated, and what looks at what is painted: as far as the settings leave that open, what
    an earlier run in the folder has `pinned`.

    Raises:
        InputError: they don't; everything that is missing is named at once.
    """
    lacking = lacks_cutouts(request, settings) if means.method == "paste" else []
    if prompts_only := lacks_pictures(request, settings):
        model = means.model or (resolve(settings.model) if has_gpu() else None)
        if model and not model.problems:
            means = replace(means, model=model)
        else:
            lacking = prompts_only + (list(model.problems) if model else []) + lacking
    elif means.method == "paste":
        means = replace(means, model=None)  # it is named, but has nothing to paint
    if means.model:
        roles: tuple[Role, ...] = JUDGES if means.method == "inpaint" else ("detector",)
        known = pinned.eyes if pinned.methods else None
        eyes = resolve_eyes(settings.verify, means.model.device, known, roles)
        means, lacking = replace(means, eyes=eyes), lacking + list(eyes.problems)
    elif settings.verify.named:
        unused = ResolvedEyes(settings.verify, warnings=tuple(
            f"--{role} looks at what a diffusion model paints: there is nothing for it to do"
            for role in settings.verify.named
        ))  # fmt: skip
        means = replace(means, eyes=unused)
    if not lacking:
        return means
    if settings.method == "auto" and not settings.model.model:
        intro = (
            "nothing can be painted: inpainting needs a GPU with its model's weights, or a model "
            "of your choice with --model, and copy-paste lacks:"
        )
        lacking = [Problem(intro), *lacking]
    raise InputError(lacking)


def has_gpu() -> bool:
    """Whether a diffusion model could run on something fast. torch, which takes seconds to load, is
    asked only where there are signs of it."""
    signs = (
        shutil.which("nvidia-smi"),
        Path("/dev/nvidiactl").exists(),
        Path("/dev/kfd").exists(),  # AMD
        Path("/dev/dxg").exists(),  # Windows' Linux
        (platform.system(), platform.machine()) == ("Darwin", "arm64"),
    )
    return any(signs) and find_spec("torch") is not None and choose_device("auto")[0] != "cpu"


def lacks_pictures(request: Request, settings: RunSettings) -> list[Problem]:
    """The scenes of which there is only a prompt."""
    text = "no pictures: name a file, folder or glob, or write 'plain'"
    return [
        Problem(text, str(settings.backgrounds), spec.line, "images")
        for spec in request.backgrounds
        if spec.num_imgs and not spec.pictures and not spec.plain
    ]


def lacks_cutouts(request: Request, settings: RunSettings) -> list[Problem]:
    """The classes that can't be pasted."""
    text = "no cutouts for '{}': name an RGBA file, folder or glob"
    return [
        Problem(text.format(spec.name), str(settings.classes), spec.line, "cutouts")
        for spec in request.classes
        if spec.appear_range[1] and not spec.cutouts
    ]
