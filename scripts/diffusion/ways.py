"""Ways to make it: infgen's, and the plain loops that people write."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import diffusers
import numpy as np
import torch
from diffusion.tables import plans_of
from PIL import Image

from infgen.batch.pipeline import Pipeline
from infgen.batch.reporter import Silent
from infgen.batch.settings import RunSettings
from infgen.batch.store import Pinned
from infgen.batch.understanding import prepare
from infgen.models.loader import load
from infgen.models.presets import Preset
from infgen.models.prompts import Prompt
from infgen.ops.plans import Plans
from infgen.records.plan import ImagePlan

ANCESTOR_TOGETHER = 4
ANCESTOR_STEPS = (2, 3)  # for scenes and for objects
ANCESTOR_STRENGTH = 0.5

Pipe = Any  # a diffusers pipeline


class Way(Protocol):
    """A way to make the pictures of a planner."""

    planner: Plans
    chunk: int  # pictures that are made together

    def make(self, count: int) -> float:
        """Make and write the first `count` pictures; the seconds that the model was at work."""


class Infgen:
    """What `infgen run` does between reading the tables and the records."""

    def __init__(self, settings: RunSettings, knows_nothing: bool = False):
        self._settings = settings
        self.planner, _, _ = prepare(settings, Pinned(), Silent())
        self.painter = load(settings.model, self.planner.count * (1 + self.planner.most_objects))
        request = self.planner.request
        prompts = [Prompt(row.prompt, row.negative_prompt) for row in request.backgrounds]
        prompts += [Prompt(row.prompt, row.negative_prompt) for row in request.classes]
        self.painter.prepare(prompts)
        self.painter.forget_text_encoders()
        if knows_nothing:
            self.painter.inpaint = seen(self.painter.inpaint)  # type: ignore[method-assign]
        self.chunk = self.painter.batch_size

    def make(self, count: int) -> float:
        # a pipeline of its own, or the scenes of the repeat before would be at hand still
        pipeline = Pipeline(self.planner, self._settings, self.painter)
        before = self.painter.busy
        for made in pipeline.in_batches(range(count)):
            if made.failed:
                raise SystemExit(f"infgen couldn't make a picture: {made.line.decode()}")
        return self.painter.busy - before


def seen(inpaint: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but with results that have changed under the whole mask and nowhere else."""

    def call(pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], *others: Any) -> Any:
        inpaint(pictures, masks, *others)
        far = np.uint8(128)  # the sum is modulo 256
        return [
            np.where(mask[:, :, None], picture + far, picture)
            for picture, mask in zip(pictures, masks, strict=True)
        ]

    return call


class Loop:
    """A plain loop over diffusers' pipelines: scenes some at a time, then object after object of
    each. The options are the pipelines' own."""

    def __init__(
        self,
        pipes: tuple[Pipe, Pipe],
        planner: Plans,
        out: Path,
        together: int,
        scene_options: dict[str, Any],
        object_options: dict[str, Any],
    ):
        self._scenes, self._inpaint = pipes
        self.planner, self._out = planner, out
        self.chunk = together * planner.settings.per_background
        size = dict(zip(("width", "height"), planner.canvas, strict=True))
        self._scene_options, self._object_options = scene_options | size, object_options | size
        self._busy = 0.0
        out.mkdir(parents=True, exist_ok=True)

    def make(self, count: int) -> float:
        self._busy = 0.0
        for start in range(0, count, self.chunk):
            plans = plans_of(self.planner, start, min(start + self.chunk, count))
            scenes = self._paint_scenes(plans)
            for plan in plans:
                picture = self._paint_objects(scenes[plan.background.number], plan)
                picture.save(self._out / f"{plan.index}.jpg", quality=90)
        return self._busy

    def _paint_scenes(self, plans: Sequence[ImagePlan]) -> dict[int, Image.Image]:
        wanted = {plan.background.number: plan.background for plan in plans}
        pictures = self._call(
            self._scenes,
            prompt=[background.prompt for background in wanted.values()],
            negative_prompt=[background.negative_prompt for background in wanted.values()],
            **self._scene_options,
        )
        return dict(zip(wanted, pictures, strict=True))

    def _paint_objects(self, picture: Image.Image, plan: ImagePlan) -> Image.Image:
        for wanted in plan.objects:
            mask = Image.new("L", plan.size)
            x0, y0, x1, y1 = (round(edge) for edge in wanted.box.xyxy)
            mask.paste(255, (x0, y0, x1, y1))
            [picture] = self._call(
                self._inpaint,
                prompt=wanted.prompt,
                negative_prompt=wanted.negative_prompt,
                image=picture,
                mask_image=mask,
                **self._object_options,
            )
        return picture

    def _call(self, pipe: Pipe, **options: Any) -> list[Image.Image]:
        began = time.perf_counter()
        pictures: list[Image.Image] = pipe(**options).images
        self._busy += time.perf_counter() - began
        return pictures


def plain_pipe(folder: Path, device: str, dtype: torch.dtype) -> Pipe:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device, dtype)


def ancestor_way(settings: RunSettings, folder: Path, device: str) -> Way:
    scenes = plain_pipe(folder / "scenes", device, torch.float32)
    inpaint = diffusers.AutoPipelineForInpainting.from_pipe(scenes)
    inpaint.set_progress_bar_config(disable=True)
    planner, _, _ = prepare(settings, Pinned(), Silent())
    return Loop(
        (scenes, inpaint),
        planner,
        settings.out,
        ANCESTOR_TOGETHER,
        {"num_inference_steps": ANCESTOR_STEPS[0]},
        {"num_inference_steps": ANCESTOR_STEPS[1], "strength": ANCESTOR_STRENGTH},
    )


def plain_way(settings: RunSettings, folder: Path, device: str, row: Preset) -> Way:
    scenes, inpaint = (
        plain_pipe(folder / name, device, torch.bfloat16) for name in ("scenes", "inpaint")
    )
    planner, _, _ = prepare(settings, Pinned(), Silent())
    options = {"num_inference_steps": settings.model.steps, "guidance_scale": row.guidance}
    objects = options | {"strength": row.strength}
    return Loop((scenes, inpaint), planner, settings.out, 1, options, objects)
