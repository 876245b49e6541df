"""The full grid: every cutout on every background, plain and flipped, several times each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.augment.recipe import Recipe
from infgen.ops.boxes import TRIES, Placed
from infgen.ops.camera import draw_finish
from infgen.ops.dealing import choose_val
from infgen.ops.given import Labels
from infgen.ops.looks import LookSettings, check_looks, draw_look
from infgen.ops.nearness import near_of
from infgen.ops.planning import MOST_PICTURES, PlanSettings, plan_scene, scene_key
from infgen.ops.seeds import stream
from infgen.records.errors import InputError, Problem
from infgen.records.plan import Dropped, ImagePlan, ObjectPlan
from infgen.records.specs import Picture, Request

FLIPS = 2  # as it is, and mirrored


class GridSettings(msgspec.Struct, frozen=True):
    """Whether all that can be combined is."""

    grid: Annotated[
        bool,
        Meta(
            description="every cutout on every background, plain and flipped: one object a "
            "picture, each with a mask of its own (no decoys, no --images)"
        ),
    ] = False
    placements: Annotated[
        int, Meta(ge=1, le=10_000, description="places for each of them in the --grid")
    ] = 20


class Cell(NamedTuple):
    """A picture's place in the grid: the numbers of its foreground and background from 0, mirrored
    (1) or not (0), and its placement from 0."""

    foreground: int
    background: int
    flip: int
    placement: int


class GridPlanner:
    """Plans the grid as ops.planning.Planner plans a random dataset; see ops.plans.

    `foregrounds` are (class id, cutout): all cutouts of all classes in the table's order. Its
    backgrounds are all pictures of background.csv in order, and as many plain ones as a row asks
    for. Pictures that share a background follow one another, and among them those that share a
    foreground. A background shows the same pixels in all its pictures.

    Raises:
        InputError: there is nothing to combine, or too much; the settings ask for another number
            of pictures; the `looks` name what there isn't.
    """

    def __init__(
        self,
        request: Request,
        settings: PlanSettings,
        grid: GridSettings,
        canvas: tuple[int, int],
        looks: LookSettings | None = None,
        nearness: Mapping[str, np.ndarray] | None = None,
    ):
        self.request, self.settings, self.grid, self.canvas = request, settings, grid, canvas
        self.methods = ("paste",) * len(request.classes)
        self.looks = looks or LookSettings()
        self.nearness: Mapping[str, np.ndarray] = nearness or {}
        self.labels, self.recipe = Labels(request.given), Recipe()  # none: see batch.kinds
        check_looks(self.looks)
        _check(settings)
        self.foregrounds: tuple[tuple[int, Picture], ...] = tuple(
            (class_id, cutout)
            for class_id, spec in enumerate(request.classes)
            for cutout in spec.cutouts
        )
        picks = [
            (row, pick)
            for row, spec in enumerate(request.backgrounds)
            if spec.num_imgs
            for pick in range(len(spec.pictures) or spec.num_imgs)
        ]
        self.count = len(picks) * self.layouts
        _check_count(self.count)
        self._scenes = tuple(
            plan_scene(request.backgrounds[row], number, row, pick, settings.seed, canvas, 0)
            for number, (row, pick) in enumerate(picks)
        )
        keys = [scene_key(request.backgrounds[row], row, pick) for row, pick in picks]
        val = choose_val(Counter(keys), settings.val_frac, settings.seed)
        self._in_val = tuple(key in val for key in keys)
        self.notes = tuple(self._notes())

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""
        return ("train", "val") if any(self._in_val) else ("train",)

    @property
    def most_objects(self) -> int:
        """How many objects a picture can hold at the most."""
        return 1

    @property
    def layouts(self) -> int:
        """How many pictures in a row are made on a background."""
        return len(self.foregrounds) * self.repeats

    @property
    def indices(self) -> range:
        """The indices of the pictures."""
        return range(self.count)

    def leads(self, index: int) -> bool:
        """Whether picture `index` is the first of its background."""
        return index % self.layouts == 0

    @property
    def repeats(self) -> int:
        """How many pictures in a row show a foreground on a background."""
        return FLIPS * self.grid.placements

    @property
    def backgrounds(self) -> int:
        return len(self._scenes)

    def cell(self, index: int) -> Cell:
        """The place of picture `index` in the grid."""
        index, placement = divmod(index, self.grid.placements)
        index, flip = divmod(index, FLIPS)
        background, foreground = divmod(index, len(self.foregrounds))
        return Cell(foreground, background, flip, placement)

    def plan(self, index: int) -> ImagePlan:
        """The plan of picture `index` (0 <= index < count). Its box is drawn first: no setting of
        what comes after moves it."""
        if not 0 <= index < self.count:
            raise IndexError(f"there is no picture {index}: the run has {self.count}")
        cell = self.cell(index)
        class_id, cutout = self.foregrounds[cell.foreground]
        rng = stream(self.settings.seed, index, "grid")  # one: another takes longer than the plan
        scene = self._scenes[cell.background]
        near = near_of(self.nearness, scene, self.canvas)
        box = Placed(0).place(rng, self.request.classes[class_id], self.canvas, near)
        objects: tuple[ObjectPlan, ...] = ()
        dropped: tuple[Dropped, ...] = ()
        if box is None:
            dropped = (Dropped(class_id, f"no room in {TRIES} tries"),)
        else:
            look = draw_look(rng, self.looks, "paste")
            flipped = bool(cell.flip)
            objects = (ObjectPlan(class_id, box, "paste", cutout.name, flipped, look=look),)
        return ImagePlan(
            index=index,
            split="val" if self._in_val[cell.background] else "train",
            size=self.canvas,
            background=scene,
            objects=objects,
            dropped=dropped,
            finish=draw_finish(rng, self.settings.degrade),
        )

    def _notes(self) -> Iterator[str]:
        if self.settings.val_frac and len(self.splits) == 1:
            yield (
                "there is a single background, and splits never share one: every picture is in "
                "train, and val points there too; add backgrounds for a true validation split"
            )
        weighed = [spec.name for spec in self.request.classes if spec.cutouts and spec.weight != 1]
        if weighed:
            yield (
                f"the grid shows every cutout as often, those of {', '.join(weighed)} too, whose "
                "rows give a weight"
            )
        lettered = [spec.name for spec in self.request.classes if spec.cutouts and not spec.mirror]
        if lettered:
            yield (
                f"the grid flips every cutout, those of {', '.join(lettered)} too, whose rows say "
                "mirror: no"
            )


def _check(settings: PlanSettings) -> None:
    """Raise InputError for settings that would make another number of pictures, or that no picture
    would obey."""
    usual = PlanSettings()
    problems = [
        Problem(f"--{name.replace('_', '-')} doesn't go with --grid, {why}: leave it out")
        for name, why in UNFITTING.items()
        if getattr(settings, name) != getattr(usual, name)
    ]
    if problems:
        raise InputError(problems)


def _check_count(count: int) -> None:
    if not count:
        raise InputError(
            "--grid has nothing to combine: classes.csv must name cutouts, and background.csv a "
            "row whose num_imgs isn't 0"
        )
    if count > MOST_PICTURES:
        raise InputError(
            f"the grid has {count:,} pictures, too many for one dataset of up to "
            f"{MOST_PICTURES:,}: lower --placements, or name fewer files"
        )


# Settings of a random dataset that aren't a grid's, and why.
_ALL = "which makes every picture there is"
_WHOLE = "which shows every cutout whole, plain and flipped"
UNFITTING = {
    "images": _ALL,
    "per_background": _ALL,
    "balance": _ALL,
    "max_uses": _ALL,
    "max_background_uses": _ALL,
    "cut_off_frac": _WHOLE,
    "flip_frac": _WHOLE,
}
