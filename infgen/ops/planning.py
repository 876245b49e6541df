"""Throwing the dice: from what was asked to what every single picture will be. No pixels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.augment import TURN_OVER
from infgen.ops.augment.recipe import Recipe
from infgen.ops.balance import choose_odds
from infgen.ops.boxes import TRIES, Nearness, Placed
from infgen.ops.camera import draw_finish
from infgen.ops.dealing import choose_val, deal_backgrounds, deal_unused, share_cutouts
from infgen.ops.framing import cover_size
from infgen.ops.given import Labels, draw_source
from infgen.ops.looks import LookSettings, check_looks, draw_light, draw_look
from infgen.ops.nearness import near_of
from infgen.ops.repetition import CutoutDeal, check_backgrounds
from infgen.ops.seeds import derive_seed, shuffle, stream
from infgen.ops.shapes import draw_shape
from infgen.ops.truncation import draw_cut_off, place_cut_off
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.past import Past
from infgen.records.plan import (
    BackgroundPlan,
    Change,
    Dropped,
    GivenPlan,
    ImagePlan,
    Look,
    ObjectPlan,
)
from infgen.records.specs import BackgroundSpec, ClassSpec, Request

Fraction = Annotated[float, Meta(ge=0, le=1)]
MOST_PICTURES = 10_000_000  # of which the dealing alone takes seconds and gigabytes
MOST_NAMED = 10  # classes in a sentence


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
    balance: Annotated[
        bool,
        Meta(
            description="paint more of rare classes and fewer of frequent ones, as many in all, so "
            "that each comes to the same expected number of labels (--background-labels count), "
            "up to its max_appear; min_appear isn't kept to"
        ),
    ] = False
    max_uses: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="pastes of one cutout at the most; they are dealt evenly, and a run "
                "that would need more is refused (decoys, which show none of it, don't count)",
            ),
        ]
        | None
    ) = None
    max_background_uses: (
        Annotated[
            int,
            Meta(ge=1, description="pictures on one background at the most; more are refused"),
        ]
        | None
    ) = None
    decoys: Annotated[
        Fraction,
        Meta(
            description="share of the objects beside which a decoy is painted: background where an "
            "object could be, so that detectors learn objects and not traces of painting"
        ),
    ] = 0.3
    cut_off_frac: Annotated[
        Fraction,
        Meta(
            description="share of the pasted objects that stick out over the border, by a tenth to "
            "six tenths of their box"
        ),
    ] = 0.0
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


class Ground(NamedTuple):
    """What is known of a picture before anything is put into it: its split, what its background
    shows already, and how near the places on it are."""

    split: str
    given: Sequence[GivenPlan]
    near: Nearness | None


class Planner:
    """Plans any picture of a run by its index, in any order, on any machine, always alike.

    `methods[c]` is how class c is painted; `canvas` is (width, height) in pixels. `nearness`
    holds nearness maps of background pictures, by their names, if sizes go by them. `notes` holds
    sentences for the user about what the tables don't allow (a split that can't be made, ...).

    Layouts depend on the seed, the class table and the canvas, backgrounds on the seed and their
    table: neither on the number of pictures, nor on how the splits fell.

    With a `past` its pictures are added to a dataset's: their indices, and their backgrounds'
    numbers, go on where that ends, so that no dice fall twice. Backgrounds that were used come
    last, and whatever was in a split stays in it.

    Raises:
        InputError: the tables ask for no picture, or for more than a dataset may hold, the `looks`
            name what there isn't, or cutouts or backgrounds are too few for what may be repeated.
    """

    def __init__(
        self,
        request: Request,
        settings: PlanSettings,
        methods: tuple[str, ...],
        canvas: tuple[int, int],
        looks: LookSettings | None = None,
        nearness: Mapping[str, np.ndarray] | None = None,
        recipe: Recipe | None = None,
        past: Past | None = None,
    ):
        self.request, self.settings, self.methods, self.canvas = request, settings, methods, canvas
        self.looks = looks or LookSettings()
        self.nearness: Mapping[str, np.ndarray] = nearness or {}
        check_looks(self.looks)
        self.recipe, self.past = recipe or Recipe(), past or Past()
        self.count = _count_pictures(request, settings, self.past.first_index)
        self.labels = Labels(request.given)
        self._odds, told = choose_odds(request, self.labels, canvas, settings.balance)
        scenes = math.ceil(self.count / settings.per_background)
        self._rows, self._picks, self._again = self._deal_scenes(scenes)
        keys = [self._background_key(number) for number in range(scenes)]
        if settings.max_background_uses:
            check_backgrounds(
                keys, settings.per_background, self.count, settings.max_background_uses
            )
        layouts = Counter(keys[index // settings.per_background] for index in range(self.count))
        self._val = choose_val(layouts, settings.val_frac, settings.seed, self.past.splits)
        self._in_val = np.array([key in self._val for key in keys])
        cutouts_frac = settings.val_frac if self._val or self.past.has_val else 0
        self._cutouts = [
            share_cutouts(spec.cutouts, cutouts_frac, settings.seed, self.past.cutouts)
            for spec in request.classes
        ]
        capped = settings.max_uses if "paste" in methods else None
        self._deal = self._deal_cutouts(capped) if capped else None
        self.notes = (*self._notes(layouts), *told)

    def again(self, request: Request, past: Past | None = None) -> Planner:
        """The same for another request, all of it painted alike, and maybe after a `past`."""
        methods = (self.methods[0],) * len(request.classes)
        looks, nearness, recipe = self.looks, self.nearness, self.recipe
        return Planner(request, self.settings, methods, self.canvas, looks, nearness, recipe, past)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""
        held = ("train", not self._in_val.all()), ("val", self._in_val.any())
        return tuple(name for name, holds in held if holds)

    @property
    def most_objects(self) -> int:
        """How many objects a picture can hold at the most: those of groups counted one by one, and
        those of its background."""
        return self.request.given.most + sum(
            spec.appear_range[1] * max([1, *(len(one.members) for one in spec.cutouts)])
            for spec in self.request.classes
        )

    @property
    def layouts(self) -> int:
        """How many pictures in a row are made on a background."""
        return self.settings.per_background

    @property
    def indices(self) -> range:
        """The indices of the run's pictures."""
        return range(self.past.first_index, self.past.first_index + self.count)

    def leads(self, index: int) -> bool:
        """Whether picture `index` is the first layout of its background."""
        return (index - self.past.first_index) % self.settings.per_background == 0

    def plan(self, index: int) -> ImagePlan:
        """The plan of picture `index`, one of `indices`."""
        if index not in self.indices:
            raise IndexError(f"there is no picture {index}: the run has {self.count}")
        number = self._scene_of(index)
        split = "val" if self._in_val[number] else "train"
        background = self._plan_background(number)
        given = self.labels.planned(background, self.canvas)
        near = near_of(self.nearness, background, self.canvas)
        ground = Ground(split, given, near)
        objects, dropped = self._plan_objects(index, ground)
        return ImagePlan(
            index=index,
            split=split,
            size=self.canvas,
            background=background,
            objects=self._changed(objects, index, "changes of objects"),
            dropped=dropped,
            decoys=self._changed(
                self._plan_decoys(index, objects, ground), index, "changes of decoys"
            ),
            finish=draw_finish(stream(self.settings.seed, index, "finish"), self.settings.degrade),
            given=given,
            changes=self._changes(index, (*objects, *given)),
        )

    def _changes(self, index: int, objects: Sequence[ObjectPlan | GivenPlan]) -> tuple[Change, ...]:
        """What happens to the whole picture, which isn't turned over with what mustn't be."""
        if not self.recipe.pictures:
            return ()
        changes = self.recipe.for_picture(stream(self.settings.seed, index, "changes"))
        return self._allowed(changes, [one.class_id for one in objects])

    def _allowed(self, changes: tuple[Change, ...], class_ids: Sequence[int]) -> tuple[Change, ...]:
        """The changes that objects of these classes may go through."""
        if all(self.request.classes[class_id].mirror for class_id in class_ids):
            return changes
        return tuple(one for one in changes if one.name not in TURN_OVER)

    def _changed(
        self, objects: tuple[ObjectPlan, ...], index: int, purpose: str
    ) -> tuple[ObjectPlan, ...]:
        """The pasted ones with what the recipe makes of their cutouts. Their dice are their own: no
        recipe changes a layout."""
        if not self.recipe.objects:
            return objects
        rng, replace = stream(self.settings.seed, index, purpose), msgspec.structs.replace
        return tuple(
            replace(one, look=replace(one.look, changes=self._allowed(changes, [one.class_id])))
            if one.cutout
            else one
            for one, changes in ((one, self.recipe.for_object(rng)) for one in objects)
        )

    def _deal_scenes(self, scenes: int) -> tuple[np.ndarray, np.ndarray, int]:
        """The rows and picks of the run's own backgrounds, and how many show a picture again that
        an earlier run used, or that there are too few of."""
        specs, seed = self.request.backgrounds, self.settings.seed
        first, used = self.past.first_background, self.past.splits.keys()
        if used:
            return deal_unused(specs, scenes, seed, first, used)
        return *deal_backgrounds(specs, scenes, seed, first), 0

    def _scene_of(self, index: int) -> int:
        """Which of the run's own backgrounds, from 0, lies behind a picture."""
        return (index - self.past.first_index) // self.settings.per_background

    def _background_key(self, number: int) -> str:
        row, pick = int(self._rows[number]), int(self._picks[number])
        return scene_key(self.request.backgrounds[row], row, pick)

    def _deal_cutouts(self, max_uses: int) -> CutoutDeal:
        """Deal the cutouts evenly: for that all pictures' objects have to be counted."""
        wanted = np.zeros((self.count, len(self.methods)), np.uint16)
        pasted = [method == "paste" for method in self.methods]
        for rank, index in enumerate(self.indices):
            wanted[rank] = self._draw_counts(stream(self.settings.seed, index, "layout"))
        wanted[:, np.logical_not(pasted)] = 0
        in_val = self._in_val[np.arange(self.count) // self.settings.per_background]
        deal = CutoutDeal(self.request.classes, self._cutouts, wanted, in_val, self.settings.seed)
        if problems := list(deal.problems(max_uses, self.count)):
            raise InputError(problems)
        return deal

    def _plan_background(self, scene: int) -> BackgroundPlan:
        row, pick = int(self._rows[scene]), int(self._picks[scene])
        number, settings = self.past.first_background + scene, self.settings
        spec = self.request.backgrounds[row]
        background = plan_scene(
            spec, number, row, pick, settings.seed, self.canvas, settings.flip_frac
        )
        if background.flip and self._shows_sides(background):
            return msgspec.structs.replace(background, flip=False)
        return background

    def _shows_sides(self, background: BackgroundPlan) -> bool:
        """Whether something labelled is to be seen that must not be mirrored."""
        if not self.labels or all(spec.mirror for spec in self.request.classes):
            return False
        given = self.labels.planned(background, self.canvas)
        return not all(self.request.classes[one.class_id].mirror for one in given)

    def _plan_objects(
        self, index: int, ground: Ground
    ) -> tuple[tuple[ObjectPlan, ...], tuple[Dropped, ...]]:
        rng = stream(self.settings.seed, index, "layout")
        looks = stream(self.settings.seed, index, "blends")  # another table changes no layout
        light = draw_light(self.settings.seed, index)
        placed = Placed(self.settings.max_overlap)
        for there in ground.given:
            if not there.crowd:
                placed.put(there.box.xyxy)
        objects: list[ObjectPlan] = []
        dropped: list[Dropped] = []
        fraction = self.settings.cut_off_frac
        cuts = stream(self.settings.seed, index, "cut off") if fraction else None
        hand = self._deal.hand(index - self.past.first_index, ground.split) if self._deal else None
        for class_id in self._draw_classes(rng):
            spec, method = self.request.classes[class_id], self.methods[class_id]
            cut = draw_cut_off(cuts, fraction, spec) if cuts and method == "paste" else None
            if cut:
                box = place_cut_off(rng, placed, spec, self.canvas, cut, ground.near)
            else:
                box = placed.place(rng, spec, self.canvas, ground.near)
            which, mirror = rng.random(2).tolist()
            if hand and method == "paste":
                which = hand.take(class_id)
            if box is None:
                dropped.append(Dropped(class_id, f"no room in {TRIES} tries"))
                continue
            look = draw_look(looks, self.looks, method, light)
            if method == "paste":
                objects.append(self._plan_pasted(class_id, box, ground.split, which, mirror, look))
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
        self, index: int, objects: Sequence[ObjectPlan], ground: Ground
    ) -> tuple[ObjectPlan, ...]:
        """For a share of the objects a place of the like, free of them all, with the background in
        it again (Tripathi et al., CVPR 2019: without them detectors learn the traces of painting).
        Their dice are their own: they change no layout."""
        rng = stream(self.settings.seed, index, "decoys")
        looks = stream(self.settings.seed, index, "blends of decoys")
        scene = self.request.backgrounds[int(self._rows[self._scene_of(index)])]
        placed = Placed(max_overlap=0)
        for box in [one.box for one in objects] + [one.box for one in ground.given]:
            placed.put(box.xyxy)
        decoys: list[ObjectPlan] = []
        for one in objects:
            die, which, mirror, x, y = rng.random(5).tolist()
            if die >= self.settings.decoys:
                continue
            place = placed.place(rng, self.request.classes[one.class_id], self.canvas, ground.near)
            source = draw_source(rng, (x, y), place, self.canvas, ground.given) if place else None
            if place is None or source is None:
                continue
            # scenery throws no shadow, and is in its own light already
            look = Look(draw_look(looks, self.looks, one.method).blend)
            if one.method == "paste":
                plan = self._plan_pasted(one.class_id, place, ground.split, which, mirror, look)
                plan = msgspec.structs.replace(plan, source=source)
            else:
                purpose = f"decoy {len(decoys)}"
                plan = self._plan_inpainted(one.class_id, place, scene, index, purpose, look)
            decoys.append(plan)
        return tuple(decoys)

    def _draw_classes(self, rng: np.random.Generator) -> list[int]:
        """The class ids of a picture's objects in painting order, which no class leads."""
        class_ids: list[int] = []
        for class_id, count in enumerate(self._draw_counts(rng)):
            class_ids += [class_id] * count
        return shuffle(rng, class_ids)

    def _draw_counts(self, rng: np.random.Generator) -> list[int]:
        """How many objects of each class a picture is to hold: the first that its layout draws."""
        counts = []
        for class_id, die in enumerate(rng.random(len(self.methods)).tolist()):
            low, high = self.request.classes[class_id].appear_range
            odds = self._odds[class_id]
            counts.append(odds.draw(die) if odds else low + _pick(die, high - low + 1))
        return counts

    def _notes(self, layouts: Counter[str]) -> Iterator[str]:
        if "inpaint" in self.methods:
            yield from self._notes_for_pasting()
        val_frac = self.settings.val_frac
        if self._again:
            yield (
                f"the backgrounds have run out: {self._again} of {len(self._rows)} show a picture "
                "that others show, too; name more of them for new ones"
            )
        if not val_frac:
            return
        if not self._val and not self.past.has_val:
            yield (
                "there is a single background, and splits never share one: every picture is in "
                "train, and val points there too; add backgrounds for a true validation split"
            )
            return
        share = sum(layouts[key] for key in self._val) / self.count
        if abs(share - val_frac) > max(0.02, val_frac / 4):
            new = "new " if self.past.first_index else ""
            yield (
                f"val holds {share:.0%} of the {new}pictures instead of {val_frac:.0%}: splits "
                f"never share a background, and the {len(layouts)} there are can't be divided "
                "closer"
            )
        both = [
            spec.name
            for spec, method, pools in zip(
                self.request.classes, self.methods, self._cutouts, strict=True
            )
            if method == "paste" and spec.appear_range[1] and set(pools["train"]) & {*pools["val"]}
        ]
        if both:
            more = f" and {len(both) - MOST_NAMED:,} more" if both[MOST_NAMED:] else ""
            yield (
                f"train and val use the same cutouts of {', '.join(both[:MOST_NAMED])}{more}: too "
                "few to keep them apart"
            )

    def _notes_for_pasting(self) -> Iterator[str]:
        """What was asked for and does nothing, as objects are inpainted."""
        settings = self.settings
        if settings.cut_off_frac:
            yield "--cut-off-frac is for pasted objects: inpainted ones stay inside the picture"
        if self.looks != LookSettings():
            yield (
                "--blend, --harmonize and --shadow-frac are for pasted objects: a model paints the "
                "light and the shadows of its own"
            )
        if self.recipe.objects:
            yield (
                "--augment: its [objects] are for pasted objects: inpainted ones change with their "
                "whole picture only"
            )
        if settings.max_uses and "paste" not in self.methods:
            yield "--max-uses is for cutouts: nothing is pasted"


def _count_pictures(request: Request, settings: PlanSettings, before: int) -> int:
    in_table = sum(spec.num_imgs for spec in request.backgrounds)
    if in_table == 0:
        raise InputError("every num_imgs is 0: no picture would be made")
    count = settings.images or in_table * settings.per_background
    most = before + max(count, in_table)
    if most > MOST_PICTURES:
        raise InputError(
            f"{most:,} pictures are too many for one dataset: ask for up to "
            f"{MOST_PICTURES:,}, and give further ones another --seed and --out"
        )
    return count


def scene_key(spec: BackgroundSpec, row: int, pick: int) -> str:
    """Backgrounds with the same key show the same scene, so they share a split."""
    return spec.pictures[pick].sha256 if spec.pictures else f"made {row}/{pick}"


def plan_scene(
    spec: BackgroundSpec,
    number: int,
    row: int,
    pick: int,
    seed: int,
    canvas: tuple[int, int],
    flip_frac: float,
) -> BackgroundPlan:
    """The run's background `number`: the one at `pick` of the table's `row`, which is `spec`."""
    if not spec.pictures:
        own_seed = derive_seed(seed, number, "background")
        if spec.plain:
            return BackgroundPlan(number=number, row=row, plain=spec.plain, seed=own_seed)
        return BackgroundPlan(
            number=number,
            row=row,
            prompt=spec.prompt,
            negative_prompt=spec.negative_prompt,
            seed=own_seed,
        )
    picture = spec.pictures[pick]
    x, y, flip = stream(seed, number, "background").random(3).tolist()
    scaled = cover_size(picture.size, canvas)
    return BackgroundPlan(
        number=number,
        row=row,
        picture=picture.name,
        scaled_size=scaled,
        offset=(_pick(x, scaled[0] - canvas[0] + 1), _pick(y, scaled[1] - canvas[1] + 1)),
        flip=flip < flip_frac,
    )


def _pick(die: float, count: int) -> int:
    """A number from 0 to count - 1 by a die of 0 <= die < 1. Every pick takes one die, whatever it
    picks from: what is drawn after it stays the same."""
    return int(die * count)
