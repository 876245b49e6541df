"""The inpainting stage: each object painted into a window around its box, and stitched back.

A picture's objects come one after the other, each seeing those below it; a batch for the model is
made of the next object of many pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from infgen.models.prompts import Prompt, Rejected
from infgen.ops.masks import tight_box
from infgen.ops.matching import change_map, match_colour
from infgen.ops.mattes import feather_width, stitch, stitch_matte
from infgen.ops.rle import encode_rle
from infgen.ops.seeds import attempt_seed
from infgen.ops.shapes import snap_outward, target_shape
from infgen.ops.windows import Window, context_window
from infgen.records.plan import Dropped, ImagePlan, ObjectPlan
from infgen.records.sample import Decoy, Instance, Sample

if TYPE_CHECKING:
    from infgen.models.painter import Painter

LEAST_OF_BOX = 0.2  # of the planned box: less is a smudge, or a part of what was asked for
SEEN = 0.5  # opacity of the matte from which a pixel shows what was painted


class InpaintSettings(msgspec.Struct, frozen=True):
    """How inpainting goes about it."""

    attempts: Annotated[
        int, Meta(ge=1, le=10, description="tries for an object before it is left out")
    ] = 2
    vae_parity: Annotated[
        bool,
        Meta(description="pass your pictures through the model's VAE first, as painted parts are"),
    ] = False


@dataclass
class Scene:
    """A picture in the making: its canvas, (H, W, 3) uint8 RGB, how far it is (the object that is
    next, and the tries it has had), and of each object so far the visible mask, (H, W) bool, beside
    the number of pixels it had before others covered it."""

    plan: ImagePlan
    canvas: np.ndarray
    position: int = 0
    attempt: int = 0
    painted: list[tuple[ObjectPlan, np.ndarray, int]] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    decoys: list[Decoy] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return self.position == len(self.plan.decoys) + len(self.plan.objects)

    @property
    def next(self) -> ObjectPlan:
        """What is to be painted now: decoys first, so that none can lie on an object."""
        return (*self.plan.decoys, *self.plan.objects)[self.position]

    @property
    def at_decoy(self) -> bool:
        return self.position < len(self.plan.decoys)


@dataclass(frozen=True)
class Job:
    """An object to paint: the window around it, what the model sees (`crop`, (S, S, 3) uint8), and
    the latent cells that it repaints (`denoise`, (S, S) bool)."""

    scene: Scene
    wanted: ObjectPlan
    window: Window
    crop: np.ndarray
    denoise: np.ndarray


class Inpaint:
    """Paints with a diffusion model. Objects that would leave less than the share `min_visible` of
    an earlier one to see aren't painted."""

    def __init__(self, painter: Painter, settings: InpaintSettings, min_visible: float):
        self._painter, self._settings, self._min_visible = painter, settings, min_visible

    def stop(self) -> None:
        """Let whoever is in `advance` have PainterStopped within a step."""
        self._painter.stop()

    def paint(self, canvases: Sequence[np.ndarray], plans: Sequence[ImagePlan]) -> list[Sample]:
        """Paint each plan's objects into its canvas, (H, W, 3) uint8 RGB, in place and in order."""
        scenes = [Scene(plan, canvas) for plan, canvas in zip(plans, canvases, strict=True)]
        while waiting := [scene for scene in scenes if not scene.done]:
            self.advance(waiting)
        return [finished(scene) for scene in scenes]

    def advance(self, scenes: Sequence[Scene]) -> None:
        """Try to paint the next object of each scene; none of them may be done.

        Pixels that no matte touches keep every bit. An object of which nothing appeared has its
        next try, with another seed, when its scene's turn comes again; after the last it is left
        out: the picture is as if it hadn't been planned.
        """
        jobs = [self._prepare(scene) for scene in scenes]
        for job, result in zip(jobs, self._ask(jobs), strict=True):
            scene, wanted = job.scene, job.wanted
            reason = self._stitch(job, result)
            scene.attempt += 1
            if reason and scene.attempt < self._settings.attempts:
                continue
            if reason and not scene.at_decoy:
                scene.dropped.append(Dropped(wanted.class_id, reason, wanted.box))
            scene.position, scene.attempt = scene.position + 1, 0

    def _prepare(self, scene: Scene) -> Job:
        wanted = scene.next
        window = context_window(
            wanted.box, scene.plan.size, self._painter.native_size, self._painter.cell
        )
        shape = target_shape(window, wanted.box, wanted.shape)
        denoise = snap_outward(shape, window.cell)
        return Job(scene, wanted, window, window.crop(scene.canvas), denoise)

    def _ask(self, jobs: list[Job]) -> list[np.ndarray | Rejected]:
        return self._painter.inpaint(
            [job.crop for job in jobs],
            [job.denoise for job in jobs],
            [Prompt(job.wanted.prompt, job.wanted.negative_prompt) for job in jobs],
            [attempt_seed(job.wanted.seed, job.scene.attempt) for job in jobs],
        )

    def _stitch(self, job: Job, result: np.ndarray | Rejected) -> str:
        """Put what was painted onto the canvas; says why not where it can't be used."""
        if isinstance(result, Rejected):
            return result.reason
        painted = match_colour(result, job.crop, job.denoise, self._painter.cell)
        thing = change_map(job.crop, painted, job.denoise)
        feather = feather_width(job.wanted.box, job.wanted.blend)
        matte = stitch_matte(job.window, job.denoise, feather, thing)
        place, scene = job.window.place, job.scene
        if scene.at_decoy:
            stitch(scene.canvas, job.window, painted, matte)
            scene.decoys += _decoy(job, matte)
            return ""
        shown = job.window.uncrop(thing) & (matte >= SEEN)
        if not shown.any():
            return "nothing appeared"
        if np.count_nonzero(thing) < LEAST_OF_BOX * job.window.to_crop(job.wanted.box).area:
            return "too little appeared"
        if self._hides_another(job, matte):
            return "would hide another"
        stitch(job.scene.canvas, job.window, painted, matte)
        for _, visible, _ in job.scene.painted:
            visible[place] &= matte < SEEN
        mask = np.zeros(job.scene.plan.size[::-1], bool)
        mask[place] = shown
        job.scene.painted.append((job.wanted, mask, int(np.count_nonzero(mask))))
        return ""

    def _hides_another(self, job: Job, matte: np.ndarray) -> bool:
        """Whether too little would be left to see of an object that is there already."""
        for _, visible, whole in job.scene.painted:
            covered = np.count_nonzero(visible[job.window.place] & (matte >= SEEN))
            left = np.count_nonzero(visible) - covered
            if covered and (left == 0 or left < self._min_visible * whole):
                return True
        return False


def _decoy(job: Job, matte: np.ndarray) -> list[Decoy]:
    """What was repainted without anything to label in it."""
    mask = np.zeros(job.scene.plan.size[::-1], bool)
    mask[job.window.place] = matte >= SEEN
    box = tight_box(mask)
    return [Decoy(box, encode_rle(mask), "inpaint")] if box else []


def finished(scene: Scene) -> Sample:
    """A scene that is done, with the labels of what can be seen."""
    instances: list[Instance] = []
    dropped = list(scene.plan.dropped) + scene.dropped
    for wanted, visible, whole in scene.painted:
        box = tight_box(visible)
        assert box is not None  # none is hidden wholly
        area = int(np.count_nonzero(visible))
        instances.append(
            Instance(
                id=len(instances) + 1,
                class_id=wanted.class_id,
                box=box,
                requested=wanted.box,
                rle=encode_rle(visible),
                area=area,
                visible_frac=round(area / whole, 4),
                method="inpaint",
            )
        )
    return Sample(scene.canvas, tuple(instances), tuple(dropped), tuple(scene.decoys))
