"""Throwing the dice: from what was asked to what every single picture will be. No pixels."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.boxes import TRIES, Placed, draw_boxes
from infgen.ops.dealing import choose_val, deal_backgrounds, share_cutouts
from infgen.ops.seeds import derive_seed, stream
from infgen.records.errors import InputError
from infgen.records.plan import BackgroundPlan, Dropped, ImagePlan, ObjectPlan
from infgen.records.specs import Request

Fraction = Annotated[float, Meta(ge=0, le=1)]


class PlanSettings(msgspec.Struct, frozen=True):
    """What bounds the dice."""

    seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="the run's seed: same seed, same dataset")
    ] = 0
    images: (
        Annotated[
            int,
            Meta(
                ge=1, description="number of pictures (default: every num_imgs x --per-background)"
            ),
        ]
        | None
    ) = None
    per_background: Annotated[int, Meta(ge=1, description="layouts made on every background")] = 1
    width: (
        Annotated[int, Meta(ge=16, le=16384, description="picture width in pixels (default: 768)")]
        | None
    ) = None
    height: (
        Annotated[int, Meta(ge=16, le=16384, description="picture height in pixels (default: 768)")]
        | None
    ) = None
    val_frac: Annotated[
        float, Meta(ge=0, le=0.9, description="share of the pictures that goes to the val split")
    ] = 0.1
    max_overlap: Annotated[
        Fraction, Meta(description="share of a planned box that later boxes may cover")
    ] = 0.3
    flip_frac: Annotated[
        Fraction,
        Meta(description="share of backgrounds and cutouts that are mirrored left to right"),
    ] = 0.5


class Planner:
    """Plans any picture of a run by its index, in any order, on any machine, always alike.

    `methods[c]` is how class c is painted; `canvas` is (width, height) in pixels. `notes` holds
    sentences for the user about what the tables don't allow (a split that can't be made, ...).
    """

    def __init__(
        self,
        request: Request,
        settings: PlanSettings,
        methods: tuple[str, ...],
        canvas: tuple[int, int],
    ):
        self.request, self.settings, self.methods, self.canvas = request, settings, methods, canvas
        in_table = sum(spec.num_imgs for spec in request.backgrounds)
        if in_table == 0:
            raise InputError("every num_imgs is 0: no picture would be made")
        self.count = settings.images or in_table * settings.per_background
        scenes = math.ceil(self.count / settings.per_background)
        self._rows, self._picks = deal_backgrounds(request.backgrounds, scenes, settings.seed)
        keys = [self._background_key(number) for number in range(scenes)]
        layouts = Counter(dict.fromkeys(keys, 0))
        for number, key in enumerate(keys):
            layouts[key] += min(
                settings.per_background, self.count - number * settings.per_background
            )
        self._val = choose_val(layouts, settings.val_frac, settings.seed)
        self._in_val = np.array([key in self._val for key in keys])
        self._cutouts = [
            share_cutouts(
                spec.cutouts,
                settings.val_frac if self._val else 0,
                settings.seed,
                f"cutouts of {c}",
            )
            for c, spec in enumerate(request.classes)
        ]
        self.notes = self._notes(layouts)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""
        return ("train", "val") if self._val else ("train",)

    def plan(self, index: int) -> ImagePlan:
        """The plan of picture `index` (0 <= index < count)."""
        number = index // self.settings.per_background
        split = "val" if self._in_val[number] else "train"
        objects, dropped = self._plan_objects(index, split)
        return ImagePlan(
            index=index,
            split=split,
            size=self.canvas,
            background=self._plan_background(number),
            objects=objects,
            dropped=dropped,
        )

    def _background_key(self, number: int) -> str:
        """Backgrounds with the same key show the same scene, so they share a split."""
        row, pick = int(self._rows[number]), int(self._picks[number])
        pictures = self.request.backgrounds[row].pictures
        return pictures[pick].sha256 if pictures else f"made {row}/{pick}"

    def _plan_background(self, number: int) -> BackgroundPlan:
        row = int(self._rows[number])
        spec = self.request.backgrounds[row]
        if not spec.pictures:
            seed = derive_seed(self.settings.seed, number, "background")
            return BackgroundPlan(number=number, row=row, plain=spec.plain, seed=seed)
        picture = spec.pictures[int(self._picks[number])]
        rng = stream(self.settings.seed, number, "background")
        scaled = cover_size(picture.size, self.canvas)
        return BackgroundPlan(
            number=number,
            row=row,
            picture=picture.name,
            scaled_size=scaled,
            offset=(
                int(rng.integers(scaled[0] - self.canvas[0] + 1)),
                int(rng.integers(scaled[1] - self.canvas[1] + 1)),
            ),
            flip=bool(rng.random() < self.settings.flip_frac),
        )

    def _plan_objects(
        self, index: int, split: str
    ) -> tuple[tuple[ObjectPlan, ...], tuple[Dropped, ...]]:
        rng = stream(self.settings.seed, index, "layout")
        placed = Placed(self.settings.max_overlap)
        objects, dropped = [], []
        for class_id in self._draw_classes(rng):
            spec = self.request.classes[class_id]
            box = placed.place(draw_boxes(rng, spec, self.canvas))
            if box is None:
                dropped.append(Dropped(class_id, f"no room in {TRIES} tries"))
                continue
            cutout, mirror = "", False
            if self.methods[class_id] == "paste":
                pool = self._cutouts[class_id][split]
                cutout = spec.cutouts[pool[rng.integers(len(pool))]].name
                mirror = bool(rng.random() < self.settings.flip_frac) and spec.mirror
            objects.append(ObjectPlan(class_id, box, self.methods[class_id], cutout, mirror))
        return tuple(objects), tuple(dropped)

    def _draw_classes(self, rng: np.random.Generator) -> list[int]:
        """The class ids of a picture's objects in painting order, which no class leads."""
        counts = [
            rng.integers(low, high, endpoint=True)
            for low, high in (spec.appear_range for spec in self.request.classes)
        ]
        return rng.permutation(np.repeat(np.arange(len(counts)), counts)).tolist()

    def _notes(self, layouts: Counter[str]) -> tuple[str, ...]:
        notes = []
        val_frac = self.settings.val_frac
        if val_frac and not self._val:
            notes.append(
                "there is a single background, and splits never share one: every picture is in "
                "train, and val points there too; add backgrounds for a true validation split"
            )
        if self._val:
            share = sum(layouts[key] for key in self._val) / self.count
            if abs(share - val_frac) > max(0.02, val_frac / 4):
                notes.append(
                    f"val holds {share:.0%} of the pictures instead of {val_frac:.0%}: splits never "
                    f"share a background, and there are only {len(layouts)}"
                )
            both = [
                spec.name
                for spec, pools in zip(self.request.classes, self._cutouts, strict=True)
                if spec.cutouts and set(pools["train"]) & set(pools["val"])
            ]
            if both:
                notes.append(
                    f"train and val use the same cutouts of {', '.join(both)}: too few to keep "
                    "them apart"
                )
        return tuple(notes)


def cover_size(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) to which a picture of `size` is scaled so that it just covers `canvas`."""
    scale = max(canvas[0] / size[0], canvas[1] / size[1])
    width, height = (
        max(side, round(length * scale)) for length, side in zip(size, canvas, strict=True)
    )
    return width, height
