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
from infgen.ops.filling import fitted
from infgen.ops.given import WOULD_HIDE, Standing, labels_of
from infgen.ops.judging import NOTHING, thumbnail
from infgen.ops.masks import tight_box
from infgen.ops.matching import match_colour
from infgen.ops.mattes import feather_width, stitch, stitch_matte
from infgen.ops.rle import encode_rle
from infgen.ops.seeds import attempt_seed
from infgen.ops.shapes import MARGIN_FRAC, snap_outward, target_shape
from infgen.ops.windows import Window, context_window
from infgen.records.plan import Dropped, ImagePlan, ObjectPlan
from infgen.records.sample import Decoy, Instance, Sample
from infgen.records.verdict import Verdict
from infgen.stages.verify import Judged, Trial, Verify

if TYPE_CHECKING:
    from infgen.models.painter import Painter

SEEN = 0.5  # opacity of the matte from which a pixel shows what was painted
WIDER = 0.5  # by which share a later try's margin around the box is wider


class InpaintSettings(msgspec.Struct, frozen=True):
    """How inpainting goes about it."""

    attempts: Annotated[
        int, Meta(ge=1, le=10, description="tries for an object before it is left out")
    ] = 2
    vae_parity: Annotated[
        bool,
        Meta(description="pass your pictures through the model's VAE first, as painted parts are"),
    ] = False


@dataclass(frozen=True)
class Painted:
    """An object on the canvas: its visible mask, (H, W) bool (which later ones take from), the
    number of pixels that it had at first, what it looks like, and the tries that it took."""

    plan: ObjectPlan
    visible: np.ndarray
    whole: int
    look: np.ndarray
    tries: tuple[Verdict, ...]


@dataclass(frozen=True)
class Repainted:
    """A decoy on the canvas: its visible mask, (H, W) bool, and the tries that it took."""

    visible: np.ndarray
    tries: tuple[Verdict, ...]


@dataclass
class Scene:
    """A picture in the making: its canvas, (H, W, 3) uint8 RGB, how far it is (the object that is
    next, and what was thought of the tries it has had), and what is painted so far. `given` are the
    labelled objects that its background shows."""

    plan: ImagePlan
    canvas: np.ndarray
    position: int = 0
    tries: tuple[Verdict, ...] = ()
    painted: list[Painted] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    decoys: list[Repainted] = field(default_factory=list)
    dropped_decoys: list[Dropped] = field(default_factory=list)
    given: list[Standing] = field(default_factory=list)

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
    """An object to paint: the window around it, what the model sees (`crop`, (S, S, 3) uint8), its
    target `shape`, (S, S) bool, and the latent cells under that, which the model repaints
    (`denoise`, likewise)."""

    scene: Scene
    wanted: ObjectPlan
    window: Window
    crop: np.ndarray
    shape: np.ndarray
    denoise: np.ndarray

    def trial(self, painted: np.ndarray) -> Trial:
        """What the judge gets to see."""
        wanted = self.wanted
        return Trial(
            wanted.class_id,
            self.crop,
            painted,
            self.denoise,
            self.window.cell,
            self.window.to_crop(wanted.box),
            tuple(one.look for one in self.scene.painted if one.plan.class_id == wanted.class_id),
        )


class Inpaint:
    """Paints with a diffusion model, and labels what `verify` makes of it. Objects that would leave
    less than the share `min_visible` of an earlier one to see aren't painted. With `all_of_it` the
    canvas takes what the model shows beside its task as well, and no pixel stays as it was."""

    def __init__(
        self,
        painter: Painter,
        settings: InpaintSettings,
        min_visible: float,
        verify: Verify | None = None,
        all_of_it: bool = False,
    ):
        self._painter, self._settings, self._min_visible = painter, settings, min_visible
        self._verify = verify or Verify()
        self._all_of_it = all_of_it

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

        Pixels that no matte touches keep every bit. An object that isn't what was asked for never
        gets onto the canvas: it has its next try, with another seed and more room, when its scene's
        turn comes again; after the last it is left out, and the picture is as if it hadn't been
        planned.
        """
        jobs = [self._prepare(scene) for scene in scenes]
        results = [
            answer if isinstance(answer, Rejected)
            else match_colour(answer, job.crop, job.denoise, self._painter.cell)
            for job, answer in zip(jobs, self._ask(jobs), strict=True)
        ]  # fmt: skip
        for job, painted, judged in zip(jobs, results, self._judge(jobs, results), strict=True):
            self._settle(job, painted, judged)

    def _prepare(self, scene: Scene) -> Job:
        wanted = scene.next
        window = context_window(
            wanted.box, scene.plan.size, self._painter.native_size, self._painter.cell
        )
        margin = MARGIN_FRAC * (1 + WIDER * len(scene.tries))
        shape = target_shape(window, wanted.box, wanted.shape, margin)
        denoise = snap_outward(shape, window.cell)
        return Job(scene, wanted, window, window.crop(scene.canvas), shape, denoise)

    def _ask(self, jobs: list[Job]) -> list[np.ndarray | Rejected]:
        return self._painter.inpaint(
            [job.crop for job in jobs],
            [job.denoise for job in jobs],
            [Prompt(job.wanted.prompt, job.wanted.negative_prompt) for job in jobs],
            [attempt_seed(job.wanted.seed, len(job.scene.tries)) for job in jobs],
        )

    def _judge(self, jobs: list[Job], results: list[np.ndarray | Rejected]) -> list[Judged]:
        """The verdicts: on objects whether they are there, on decoys whether nothing is."""
        judged = [Judged(np.zeros_like(job.denoise), Verdict(answer.reason))
                  if isinstance(answer, Rejected) else None
                  for job, answer in zip(jobs, results, strict=True)]  # fmt: skip
        for at_decoy, judge in ((True, self._verify.ground), (False, self._verify)):
            trials = {
                n: job.trial(answer)
                for n, (job, answer) in enumerate(zip(jobs, results, strict=True))
                if isinstance(answer, np.ndarray) and job.scene.at_decoy == at_decoy
            }
            for n, one in zip(trials, judge(list(trials.values())), strict=True):
                judged[n] = one
        return [one for one in judged if one is not None]

    def _settle(self, job: Job, painted: np.ndarray | Rejected, judged: Judged) -> None:
        """Keep what is good; else the scene has one try less."""
        scene, reason = job.scene, judged.verdict.reason
        if isinstance(painted, np.ndarray) and not reason:
            keep = self._keep_decoy if scene.at_decoy else self._keep_object
            reason = keep(job, painted, judged)
        scene.tries += (Verdict(reason, judged.verdict.measures),)
        if reason and len(scene.tries) < self._settings.attempts:
            return
        if reason:
            dropped = Dropped(job.wanted.class_id, reason, job.wanted.box, scene.tries)
            (scene.dropped_decoys if scene.at_decoy else scene.dropped).append(dropped)
        scene.position, scene.tries = scene.position + 1, ()

    def _keep_object(self, job: Job, painted: np.ndarray, judged: Judged) -> str:
        """Put an accepted object onto the canvas; says why not if that would spoil the picture."""
        scene, place = job.scene, job.window.place
        matte = self._matte(job, job.denoise, judged.mask)
        shown = job.window.uncrop(judged.mask) & (matte >= SEEN)
        box = tight_box(judged.mask)
        if box is None or not shown.any():
            return NOTHING
        if self._hides_another(job, matte):
            return "would hide another"
        covered = (matte >= SEEN, place[1].start, place[0].start)
        if any(one.spoiled_by(*covered, self._min_visible) for one in scene.given):
            return WOULD_HIDE
        for there in scene.given:
            there.cover(*covered)
        self._lay(job, job.window.uncrop(painted), matte)
        mask = np.zeros(scene.plan.size[::-1], bool)
        mask[place] = shown
        look, whole = thumbnail(painted, box), int(np.count_nonzero(mask))
        tries = (*scene.tries, judged.verdict)
        scene.painted.append(Painted(job.wanted, mask, whole, look, tries))
        return ""

    def _keep_decoy(self, job: Job, painted: np.ndarray, judged: Judged) -> str:
        """Put a decoy in which there is nothing onto the canvas; says why not if something was
        there. Asked for bare scene, a model draws it in other shades, and finer or coarser than it
        is around; without a thing there is no outline at which that could end."""
        place = job.window.place
        matte = self._matte(job, job.shape)
        corner = place[1].start, place[0].start
        if any(one.touches(matte > 0, *corner) for one in job.scene.given):
            return WOULD_HIDE
        alpha = np.rint(255 * matte).astype(np.uint8)
        shown = fitted(job.scene.canvas, job.window.uncrop(painted), alpha, *corner)
        self._lay(job, shown, matte)
        mask = np.zeros(job.scene.plan.size[::-1], bool)
        mask[place] = matte >= SEEN
        job.scene.decoys.append(Repainted(mask, (*job.scene.tries, judged.verdict)))
        return ""

    def _lay(self, job: Job, painted: np.ndarray, matte: np.ndarray) -> None:
        """Put what was painted, (h, w, 3) uint8 at the window's place, onto the canvas; what lies
        below shows less."""
        stitch(job.scene.canvas[job.window.place], painted, matte)
        below = [one.visible for one in job.scene.decoys]
        below += [one.visible for one in job.scene.painted]
        for visible in below:
            visible[job.window.place] &= matte < SEEN

    def _matte(self, job: Job, room: np.ndarray, thing: np.ndarray | None = None) -> np.ndarray:
        if self._all_of_it:
            return np.ones(job.scene.canvas[job.window.place].shape[:2], np.float32)
        feather = feather_width(job.wanted.box, job.wanted.look.blend)
        return stitch_matte(job.window, room, feather, thing)

    def _hides_another(self, job: Job, matte: np.ndarray) -> bool:
        """Whether too little would be left to see of an object that is there already."""
        for one in job.scene.painted:
            covered = np.count_nonzero(one.visible[job.window.place] & (matte >= SEEN))
            left = np.count_nonzero(one.visible) - covered
            if covered and (left == 0 or left < self._min_visible * one.whole):
                return True
        return False


def finished(scene: Scene) -> Sample:
    """A scene that is done, with the labels of what can be seen."""
    instances = labels_of(scene.given, scene.plan.size)
    dropped = list(scene.plan.dropped) + scene.dropped
    for one in scene.painted:
        box = tight_box(one.visible)
        assert box is not None  # none is hidden wholly
        area = int(np.count_nonzero(one.visible))
        instances.append(
            Instance(
                id=len(instances) + 1,
                class_id=one.plan.class_id,
                box=box,
                requested=one.plan.box,
                rle=encode_rle(one.visible),
                area=area,
                visible_frac=round(area / one.whole, 4),
                method="inpaint",
                tries=one.tries,
                look=one.plan.look,
                seed=attempt_seed(one.plan.seed, len(one.tries) - 1),
            )
        )
    decoys = tuple(
        Decoy(box, encode_rle(one.visible), "inpaint", one.tries)
        for one in scene.decoys
        if (box := tight_box(one.visible))
    )
    return Sample(
        scene.canvas,
        tuple(instances),
        tuple(dropped),
        decoys,
        dropped_decoys=tuple(scene.dropped_decoys),
    )
