"""Throwing the dice: from what was asked to what every single picture will be. No pixels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.augment.recipe import Recipe
from infgen.ops.boxes import TRIES, Placed
from infgen.ops.camera import draw_finish
from infgen.ops.dealing import choose_val, deal_backgrounds, share_cutouts
from infgen.ops.looks import LookSettings, check_looks, draw_look
from infgen.ops.seeds import derive_seed, shuffle, stream
from infgen.ops.shapes import draw_shape
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.plan import BackgroundPlan, Change, Dropped, ImagePlan, Look, ObjectPlan
from infgen.records.specs import BackgroundSpec, ClassSpec, Request

Fraction = Annotated[float, Meta(ge=0, le=1)]
MOST_PICTURES = 10_000_000  # of which the dealing alone takes seconds and gigabytes


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
    min_visible: Annotated[
        Fraction, Meta(description="no object is painted where less of one would be left to see")
    ] = 0.3
    decoys: Annotated[
        Fraction,
        Meta(
            description="share of the objects beside which a decoy is painted: background where an "
            "object could be, so that detectors learn objects and not traces of painting"
        ),
    ] = 0.3
    flip_frac: Annotated[
        Fraction,
        Meta(description="share of backgrounds and cutouts that are mirrored left to right"),
    ] = 0.5
    degrade: Annotated[
        Fraction,
        Meta(
            description="strength of the blur, grain and JPEG loss that all of a finished picture "
            "gets, so that one camera seems to have taken what was painted, too; 0 is off"
        ),
    ] = 0.5


class Planner:
    """Plans any picture of a run by its index, in any order, on any machine, always alike.

    `methods[c]` is how class c is painted; `canvas` is (width, height) in pixels. `notes` holds
    sentences for the user about what the tables don't allow (a split that can't be made, ...).

    Layouts depend on the seed, the class table and the canvas, backgrounds on the seed and their
    table: neither on the number of pictures, nor on how the splits fell.

    Raises:
        InputError: the tables ask for no picture, or for more than a dataset may hold, or the
            `looks` name what there isn't.
    """

    def __init__(
        self,
        request: Request,
        settings: PlanSettings,
        methods: tuple[str, ...],
        canvas: tuple[int, int],
        looks: LookSettings | None = None,
        recipe: Recipe | None = None,
    ):
        self.request, self.settings, self.methods, self.canvas = request, settings, methods, canvas
        self.looks = looks or LookSettings()
        check_looks(self.looks)
        self.recipe = recipe or Recipe()
        self.count = _count_pictures(request, settings)
        scenes = math.ceil(self.count / settings.per_background)
        self._rows, self._picks = deal_backgrounds(request.backgrounds, scenes, settings.seed)
        keys = [self._background_key(number) for number in range(scenes)]
        layouts = Counter(keys[index // settings.per_background] for index in range(self.count))
        self._val = choose_val(layouts, settings.val_frac, settings.seed)
        self._in_val = np.array([key in self._val for key in keys])
        cutouts_frac = settings.val_frac if self._val else 0
        self._cutouts = [
            share_cutouts(spec.cutouts, cutouts_frac, settings.seed) for spec in request.classes
        ]
        self.notes = tuple(self._notes(layouts))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""
        return ("train", "val") if self._val else ("train",)

    @property
    def most_objects(self) -> int:
        """How many objects a picture can hold at the most."""
        return sum(spec.appear_range[1] for spec in self.request.classes)

    def plan(self, index: int) -> ImagePlan:
        """The plan of picture `index` (0 <= index < count)."""
        if not 0 <= index < self.count:
            raise IndexError(f"there is no picture {index}: the run has {self.count}")
        number = index // self.settings.per_background
        split = "val" if self._in_val[number] else "train"
        objects, dropped = self._plan_objects(index, split)
        return ImagePlan(
            index=index,
            split=split,
            size=self.canvas,
            background=self._plan_background(number),
            objects=self._changed(objects, index, "changes of objects"),
            dropped=dropped,
            decoys=self._changed(
                self._plan_decoys(index, split, objects), index, "changes of decoys"
            ),
            finish=draw_finish(stream(self.settings.seed, index, "finish"), self.settings.degrade),
            changes=self._changes(index),
        )

    def _changes(self, index: int) -> tuple[Change, ...]:
        if not self.recipe.pictures:
            return ()
        return self.recipe.for_picture(stream(self.settings.seed, index, "changes"))

    def _changed(
        self, objects: tuple[ObjectPlan, ...], index: int, purpose: str
    ) -> tuple[ObjectPlan, ...]:
        """The pasted ones with what the recipe makes of their cutouts. Their dice are their own: no
        recipe changes a layout."""
        if not self.recipe.objects:
            return objects
        rng, replace = stream(self.settings.seed, index, purpose), msgspec.structs.replace
        return tuple(
            replace(one, look=replace(one.look, changes=self.recipe.for_object(rng)))
            if one.cutout
            else one
            for one in objects
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
            if spec.plain:
                return BackgroundPlan(number=number, row=row, plain=spec.plain, seed=seed)
            return BackgroundPlan(
                number=number,
                row=row,
                prompt=spec.prompt,
                negative_prompt=spec.negative_prompt,
                seed=seed,
            )
        picture = spec.pictures[int(self._picks[number])]
        x, y, flip = stream(self.settings.seed, number, "background").random(3).tolist()
        scaled = cover_size(picture.size, self.canvas)
        return BackgroundPlan(
            number=number,
            row=row,
            picture=picture.name,
            scaled_size=scaled,
            offset=(
                _pick(x, scaled[0] - self.canvas[0] + 1),
                _pick(y, scaled[1] - self.canvas[1] + 1),
            ),
            flip=flip < self.settings.flip_frac,
        )

    def _plan_objects(
        self, index: int, split: str
    ) -> tuple[tuple[ObjectPlan, ...], tuple[Dropped, ...]]:
        rng = stream(self.settings.seed, index, "layout")
        looks = stream(self.settings.seed, index, "blends")  # another table changes no layout
        placed = Placed(self.settings.max_overlap)
        objects: list[ObjectPlan] = []
        dropped: list[Dropped] = []
        for class_id in self._draw_classes(rng):
            spec, method = self.request.classes[class_id], self.methods[class_id]
            box = placed.place(rng, spec, self.canvas)
            which, mirror = rng.random(2).tolist()
            if box is None:
                dropped.append(Dropped(class_id, f"no room in {TRIES} tries"))
                continue
            look = draw_look(looks, self.looks, method)
            if method == "paste":
                objects.append(self._plan_pasted(class_id, box, split, which, mirror, look))
            else:
                purpose = f"object {len(objects)}"
                objects.append(self._plan_inpainted(class_id, box, spec, index, purpose, look))
        return tuple(objects), tuple(dropped)

    def _plan_pasted(
        self, class_id: int, box: Box, split: str, which: float, mirror: float, look: Look
    ) -> ObjectPlan:
        spec, pool = self.request.classes[class_id], self._cutouts[class_id][split]
        cutout = spec.cutouts[pool[_pick(which, len(pool))]].name
        mirrored = spec.mirror and mirror < self.settings.flip_frac
        return ObjectPlan(class_id, box, "paste", cutout, mirrored, look=look)

    def _plan_inpainted(
        self,
        class_id: int,
        box: Box,
        words: ClassSpec | BackgroundSpec,
        index: int,
        purpose: str,
        look: Look,
    ) -> ObjectPlan:
        """An object for the diffusion model. Its dice are its own: painting otherwise changes no
        layout."""
        return ObjectPlan(
            class_id,
            box,
            "inpaint",
            prompt=words.prompt,
            negative_prompt=words.negative_prompt,
            seed=derive_seed(self.settings.seed, index, purpose),
            shape=draw_shape(stream(self.settings.seed, index, f"shape of {purpose}")),
            look=look,
        )

    def _plan_decoys(
        self, index: int, split: str, objects: Sequence[ObjectPlan]
    ) -> tuple[ObjectPlan, ...]:
        """For a share of the objects a place of the like, free of them all, with the background in
        it again (Tripathi et al., CVPR 2019: without them detectors learn the traces of painting).
        Their dice are their own: they change no layout."""
        rng = stream(self.settings.seed, index, "decoys")
        looks = stream(self.settings.seed, index, "blends of decoys")
        scene = self.request.backgrounds[int(self._rows[index // self.settings.per_background])]
        placed = Placed(max_overlap=0)
        for one in objects:
            placed.put(one.box.xyxy)
        decoys: list[ObjectPlan] = []
        for one in objects:
            die, which, mirror, x, y = rng.random(5).tolist()
            if die >= self.settings.decoys:
                continue
            box = placed.place(rng, self.request.classes[one.class_id], self.canvas)
            if box is None:
                continue
            look = draw_look(looks, self.looks, one.method)
            if one.method == "paste":
                plan = self._plan_pasted(one.class_id, box, split, which, mirror, look)
                plan = msgspec.structs.replace(plan, source=(round(x, 4), round(y, 4)))
            else:
                purpose = f"decoy {len(decoys)}"
                plan = self._plan_inpainted(one.class_id, box, scene, index, purpose, look)
            decoys.append(plan)
        return tuple(decoys)

    def _draw_classes(self, rng: np.random.Generator) -> list[int]:
        """The class ids of a picture's objects in painting order, which no class leads."""
        classes = self.request.classes
        class_ids: list[int] = []
        for class_id, die in enumerate(rng.random(len(classes)).tolist()):
            low, high = classes[class_id].appear_range
            class_ids += [class_id] * (low + _pick(die, high - low + 1))
        return shuffle(rng, class_ids)

    def _notes(self, layouts: Counter[str]) -> Iterator[str]:
        val_frac = self.settings.val_frac
        if not val_frac:
            return
        if not self._val:
            yield (
                "there is a single background, and splits never share one: every picture is in "
                "train, and val points there too; add backgrounds for a true validation split"
            )
            return
        share = sum(layouts[key] for key in self._val) / self.count
        if abs(share - val_frac) > max(0.02, val_frac / 4):
            yield (
                f"val holds {share:.0%} of the pictures instead of {val_frac:.0%}: splits never "
                f"share a background, and the {len(layouts)} there are can't be divided closer"
            )
        both = [
            spec.name
            for spec, method, pools in zip(
                self.request.classes, self.methods, self._cutouts, strict=True
            )
            if method == "paste" and spec.appear_range[1] and set(pools["train"]) & {*pools["val"]}
        ]
        if both:
            yield (
                f"train and val use the same cutouts of {', '.join(both)}: too few to keep them "
                "apart"
            )


def _count_pictures(request: Request, settings: PlanSettings) -> int:
    in_table = sum(spec.num_imgs for spec in request.backgrounds)
    if in_table == 0:
        raise InputError("every num_imgs is 0: no picture would be made")
    count = settings.images or in_table * settings.per_background
    if max(count, in_table) > MOST_PICTURES:
        raise InputError(
            f"{max(count, in_table):,} pictures are too many for one dataset: ask for up to "
            f"{MOST_PICTURES:,}, and give further ones another --seed and --out"
        )
    return count


def _pick(die: float, count: int) -> int:
    """A number from 0 to count - 1 by a die of 0 <= die < 1. Every pick takes one die, whatever it
    picks from: what is drawn after it stays the same."""
    return int(die * count)


def cover_size(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) to which a picture of `size` is scaled to just cover `canvas`."""
    scale = max(canvas[0] / size[0], canvas[1] / size[1])
    width, height = (
        max(side, round(length * scale)) for length, side in zip(size, canvas, strict=True)
    )
    return width, height
