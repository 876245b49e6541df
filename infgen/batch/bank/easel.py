"""Single objects on plain backdrops: planned, and what was painted of them cut out and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from infgen.batch.encoding import encode_picture
from infgen.batch.lanes import Ticket
from infgen.batch.made import told_failure
from infgen.batch.settings import BankSettings
from infgen.ops.boxes import draw_level, size_ranges
from infgen.ops.cutting import NoCutout, cut_out, draw_backdrop
from infgen.ops.rle import decode_rle
from infgen.ops.seeds import derive_seed, stream
from infgen.ops.shapes import draw_shape
from infgen.records.box import Box
from infgen.records.cutout import GOOD, Cutout
from infgen.records.errors import StorageError
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.records.specs import AspectSize, ClassSpec
from infgen.sources.disk import write_file
from infgen.sources.names import folder_names
from infgen.stages.inpaint import Scene, finished

LONGER_SIDE = (0.6, 0.7)  # of the backdrop's side: the model sees all of it, and the object large


class Easel:
    """Plans single objects on backdrops of `side` pixels, and keeps what was painted of them."""

    def __init__(self, specs: Sequence[ClassSpec], settings: BankSettings, side: int, model: str):
        self._specs, self._settings, self._side = specs, settings, side
        self._folders = folders_of(specs)
        self._model = model

    def plan(self, spec: ClassSpec, number: int) -> ImagePlan:
        """The `number`th try at an object of a class: the same whatever else is made."""
        seed = derive_seed(self._settings.seed, number, f"cutout of {spec.name}")
        rng = stream(self._settings.seed, number, f"box of a cutout of {spec.name}")
        wanted = ObjectPlan(
            self._specs.index(spec),
            self._draw_box(spec, rng),
            "inpaint",
            prompt=spec.prompt,
            negative_prompt=spec.negative_prompt,
            seed=seed,
            shape=draw_shape(rng, ("rectangle",)),  # what models fill best; nothing of it stays
        )
        backdrop = BackgroundPlan(number, row=0, plain="backdrop")
        return ImagePlan(number, "", (self._side, self._side), backdrop, (wanted,))

    def _draw_box(self, spec: ClassSpec, rng: np.random.Generator) -> Box:
        """A box of the class's proportions, in the middle."""
        one, two, longer = rng.random(3).tolist()
        size, one = draw_level(spec.size, one)
        if isinstance(size, AspectSize):
            low, high = size.ratio_range
            ratio = low * (high / low) ** one
        else:
            canvas = (self._settings.width, self._settings.height)
            widths, heights = size_ranges(size, canvas)
            ratio = _between(*widths, one) / _between(*heights, two)
        length = self._side * _between(*LONGER_SIDE, longer)
        width, height = length * min(1, ratio), length * min(1, 1 / ratio)
        x, y = ((self._side - span) / 2 for span in (width, height))
        return Box(x, y, x + width, y + height)

    def backdrop(self, plan: ImagePlan) -> np.ndarray:
        """What lies behind a planned object, (H, W, 3) uint8 RGB: another one for each try."""
        return draw_backdrop(plan.size, plan.background.number)

    def keep(self, ticket: Ticket) -> tuple[Cutout, str]:
        """What has become of a try, its cutout written; and a traceback, if it met a bug."""
        try:
            if isinstance(ticket.scene, Exception):
                raise ticket.scene
            return self._keep(ticket.plan, ticket.scene), ""
        except NoCutout as error:
            return self._told(ticket.plan, str(error)), ""
        except StorageError:
            raise
        except Exception as error:
            reason, trace = told_failure(error)
            return self._told(ticket.plan, reason, failed=True), trace

    def _keep(self, plan: ImagePlan, scene: Scene) -> Cutout:
        sample = finished(scene)
        if not sample.instances:
            raise NoCutout(sample.dropped[-1].reason)
        thing = decode_rle(sample.instances[0].rle, plan.size)
        rgba = cut_out(sample.canvas, self.backdrop(plan), thing)
        data = encode_picture(rgba, "png").tobytes()
        name = self._specs[plan.objects[0].class_id].name
        file = f"{self._folders[name]}/{plan.index:06d}.png"
        write_file(self._settings.out / file, data)
        return self._told(
            plan,
            GOOD,
            file=file,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            size=(rgba.shape[1], rgba.shape[0]),
        )

    def _told(self, plan: ImagePlan, verdict: str, **facts: object) -> Cutout:
        [wanted] = plan.objects
        cutout = Cutout(
            name=self._specs[wanted.class_id].name,
            number=plan.index,
            prompt=wanted.prompt,
            negative_prompt=wanted.negative_prompt,
            seed=wanted.seed,
            model=self._model,
            verdict=verdict,
        )
        return msgspec.structs.replace(cutout, **facts)


def _between(low: float, high: float, die: float) -> float:
    return low + die * (high - low)


def folders_of(specs: Sequence[ClassSpec]) -> dict[str, str]:
    """A folder for each class's cutouts."""
    names = [spec.name for spec in specs]
    return dict(zip(names, folder_names(names), strict=True))
