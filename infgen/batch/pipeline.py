"""The story of a picture: planned, given a background, painted, kept.

Stages don't know each other; this is the one place where they meet. For pasting, a Pipeline is
sent to every worker process once, and there makes whatever pictures it is asked for, alike on each.
With a diffusion model there is one, beside the model, and it makes them in batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from infgen.batch.encoding import encode_picture
from infgen.batch.lanes import DEPTH, Ticket, painted, result_of
from infgen.batch.layout import layout_of
from infgen.batch.made import Made, as_line, failed
from infgen.batch.packing import Loose, Shelf
from infgen.batch.settings import RunSettings
from infgen.models.prompts import PainterStopped
from infgen.ops.camera import apply_finish
from infgen.ops.given import unlabelled
from infgen.ops.grid import GridPlanner
from infgen.ops.plans import Plans
from infgen.ops.statistics import pixel_sums
from infgen.records.errors import REFUSED, PictureError, StorageError
from infgen.records.plan import Finish, ImagePlan
from infgen.records.sample import Entry, Sample
from infgen.records.verdict import Sighting
from infgen.sources.disk import write_file
from infgen.stages.augment import augment
from infgen.stages.backgrounds import Backgrounds
from infgen.stages.inpaint import Inpaint, Scene, finished
from infgen.stages.paste import Paste
from infgen.stages.verify import Verify

if TYPE_CHECKING:
    from infgen.models.eyes import Eyes
    from infgen.models.painter import Painter

WRITERS = 4  # threads that encode and write beside a diffusion model
UNWRITTEN = 32  # finished pictures that may wait for a slower disk


class Pipeline:
    """Makes pictures of one run by index, into `settings.out`. `painter` is the diffusion model,
    for runs that need one, and `eyes` are the models that look at what it paints: such a pipeline
    stays in the process that has the models."""

    def __init__(
        self,
        planner: Plans,
        settings: RunSettings,
        painter: Painter | None = None,
        eyes: Eyes | None = None,
    ):
        self.planner, self.settings, self._painter = planner, settings, painter
        self._layout = layout_of(planner, settings.pictures)
        self._folder = Shelf(Loose(settings.out))
        self._counts = settings.files.statistics or isinstance(planner, GridPlanner)
        request = planner.request
        names = [spec.name for spec in request.classes]
        self._upright = {n for n, spec in enumerate(request.classes) if not spec.mirror}
        verify = Verify(names, eyes, strict=settings.verify.verify != "off")
        inpaints = painter is not None and "inpaint" in planner.methods
        self._backgrounds = Backgrounds(
            {picture.name: picture for spec in request.backgrounds for picture in spec.pictures},
            painter,
            parity=inpaints and settings.inpaint.vae_parity,
            look=verify.sighted,
        )
        self._stage: Paste | Inpaint
        if painter is not None and inpaints:
            self._stage = Inpaint(painter, settings.inpaint, settings.plan.min_visible, verify)
        else:
            self._stage = Paste(
                {picture.name: picture for spec in request.classes for picture in spec.cutouts},
                settings.plan.min_visible,
                planner.labels,
                names,
            )

    def __call__(self, index: int) -> Made:
        """Make picture `index` and put it into its folder."""
        [made] = self.make([index], self._folder)
        return made

    def make(self, indices: Sequence[int], shelf: Shelf) -> list[Made]:
        """Make these pictures and put them where they belong, in order; several at a time are
        sooner done, as the processor does one thing after the other.

        A picture that can't be made becomes a record of why; only what the next one wouldn't escape
        either (a disk that takes no more) stops the run.
        """
        tickets = self._begin([self.planner.plan(index) for index in indices])
        results = [self._paste_or_paint(ticket) for ticket in tickets]
        return [
            self._kept_or_failed(ticket, result, shelf)
            for ticket, result in zip(tickets, results, strict=True)
        ]

    def in_batches(self, indices: Sequence[int], shelf: Shelf | None = None) -> Iterator[Made]:
        """Make pictures, in order, for a pipeline with a painter, in batches of its size. They go
        where they belong, in the folder or on another `shelf`.

        The device waits for nobody: objects are stitched, and pictures encoded and written, by
        other threads.
        """
        painter = self._painter
        assert painter is not None
        made: dict[int | None, Future[Made]] = {}
        order = iter(indices)
        head = next(order, None)
        with ThreadPoolExecutor(WRITERS) as writers:
            try:
                writing: deque[Future[Made]] = deque()
                for ticket, result in self._results(indices, painter):
                    keep = partial(self._kept_or_failed, ticket, result, shelf or self._folder)
                    writing.append(writers.submit(keep))
                    made[ticket.plan.index] = writing[-1]
                    if len(writing) > UNWRITTEN:
                        result_of(writing.popleft())
                    while head in made and made[head].done():
                        yield made.pop(head).result()
                        head = next(order, None)
                while head is not None:
                    yield result_of(made.pop(head))
                    head = next(order, None)
            except BaseException:
                painter.stop()
                raise

    def _results(
        self, indices: Sequence[int], painter: Painter
    ) -> Iterator[tuple[Ticket, Sample | Exception]]:
        """What is painted, as it is done."""
        groups = self._grouped(indices, painter.batch_size)
        if isinstance(self._stage, Inpaint):
            for ticket in painted(
                self._stage, map(self._begin, groups), lambda: painter.batch_size
            ):
                scene = ticket.scene
                yield ticket, scene if isinstance(scene, Exception) else finished(scene)
            return
        for group in groups:
            for ticket in self._begin(group):
                yield ticket, self._paste_or_paint(ticket)

    def _grouped(self, indices: Sequence[int], size: int) -> Iterator[list[ImagePlan]]:
        """Plans by as many backgrounds as make a batch: several layouts may share one."""
        group: list[ImagePlan] = []
        for index in indices:
            plan = self.planner.plan(index)
            numbers = {one.background.number for one in (*group, plan)}
            if len(numbers) > size or len(group) == DEPTH * size:
                yield group
                group = []
            group.append(plan)
        if group:
            yield group

    def _begin(self, plans: list[ImagePlan]) -> list[Ticket]:
        """A canvas for each plan. Where something fails it is tried in halves, so that only the
        picture at fault is lost."""
        try:
            canvases = self._backgrounds.make(plans)
            for plan, canvas in zip(plans, canvases, strict=True):
                if isinstance(canvas, np.ndarray):
                    self._keep_background(plan, canvas)
        except (*REFUSED, PainterStopped):
            raise
        except Exception as error:
            if len(plans) == 1:
                return [Ticket(plans[0], error)]
            middle = len(plans) // 2
            return self._begin(plans[:middle]) + self._begin(plans[middle:])
        return [self._ticket(plan, canvas) for plan, canvas in zip(plans, canvases, strict=True)]

    def _ticket(self, plan: ImagePlan, canvas: np.ndarray | PictureError) -> Ticket:
        if isinstance(canvas, PictureError):
            return Ticket(plan, canvas)
        sighted = self._backgrounds.sighted(plan)
        if not sighted and isinstance(self._stage, Paste):  # it finds by itself what is there
            return Ticket(plan, Scene(plan, canvas))
        given = self.planner.labels.standing(plan.background, plan.size)
        return Ticket(plan, Scene(plan, canvas, given=given), unlabelled(sighted, given))

    def _paste_or_paint(self, ticket: Ticket) -> Sample | Exception:
        """A picture by itself."""
        if isinstance(ticket.scene, Exception):
            return ticket.scene
        try:
            [sample] = self._stage.paint([ticket.scene.canvas], [ticket.plan])
        except REFUSED:
            raise
        except Exception as error:
            return error
        return sample

    def _kept_or_failed(self, ticket: Ticket, result: Sample | Exception, shelf: Shelf) -> Made:
        plan = ticket.plan
        if isinstance(result, Exception):
            return failed(plan, result)
        try:
            line = as_line(self._keep(plan, result, ticket.sighted, shelf))
            return Made(line, background_file=self._background_file(plan))
        except StorageError:
            raise
        except Exception as error:
            return failed(plan, error)

    def _keep(
        self, plan: ImagePlan, sample: Sample, sighted: tuple[Sighting, ...], shelf: Shelf
    ) -> Entry:
        """Give the picture its changes and its finish, write it, and tell what it shows."""
        if plan.changes:
            sample = augment(sample, plan, self.settings.plan.min_visible, self._upright)
        seen = sample.canvas if plan.finish is None else apply_finish(sample.canvas, plan.finish)
        file, data = self._layout.file(plan), self._encode(seen, plan.finish)
        beside = list(self._layout.beside(plan, sample, partial(self._bare, plan), shelf.first))
        at = shelf.put(file, data.data)
        for name, more in beside:
            shelf.put(name, more)
        sums, squares = pixel_sums(seen) if self._counts else ((), ())
        return Entry(
            index=plan.index,
            split=plan.split,
            size=plan.size,
            file=file,
            bytes=data.nbytes,
            background=plan.background,
            objects=sample.instances,
            dropped=sample.dropped,
            decoys=sample.decoys,
            dropped_decoys=sample.dropped_decoys,
            background_file=self._background_file(plan),
            sighted=sighted,
            finish=plan.finish,
            beside={name: len(more) for name, more in beside},
            pack=shelf.pack,
            at=at,
            sums=sums,
            squares=squares,
            changes=sample.changes,
        )

    def _encode(self, seen: np.ndarray, finish: Finish | None) -> np.ndarray:
        """The bytes of the picture's file. What its finish takes off JPEG's quality is in a PNG,
        too: it is opened again before it's written."""
        pictures = self.settings.pictures
        if finish is None:
            return encode_picture(seen, pictures.image_format, pictures.jpeg_quality)
        data = encode_picture(seen, "jpg", max(pictures.jpeg_quality - finish.quality_loss, 1))
        if pictures.image_format == "jpg":
            return data
        coarser = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert coarser is not None  # it was written a moment ago
        return encode_picture(coarser[..., ::-1], pictures.image_format)

    def _bare(self, plan: ImagePlan) -> np.ndarray:
        """The background of a plan once more."""
        [canvas] = self._backgrounds.make([plan])
        if isinstance(canvas, Exception):
            raise canvas
        return canvas

    def _keep_background(self, plan: ImagePlan, canvas: np.ndarray) -> None:
        """Write the bare canvas if that was asked for. Layouts of one background share the file,
        and the first of them writes it: two workers at one file would be in each other's way."""
        file = self._background_file(plan)
        if file and self.planner.leads(plan.index):
            write_file(self.settings.out / file, encode_picture(canvas, "png").data)

    def _background_file(self, plan: ImagePlan) -> str:
        return (
            f"backgrounds/{plan.background.number:08d}.png"
            if self.settings.keep_backgrounds
            else ""
        )
