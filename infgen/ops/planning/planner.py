"""Any picture of a run, planned by its index."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from infgen.ops.augment.recipe import Recipe
from infgen.ops.balance import choose_odds
from infgen.ops.camera import draw_finish
from infgen.ops.given import Labels
from infgen.ops.looks import LookSettings, check_looks
from infgen.ops.planning.asked import Asked
from infgen.ops.planning.changes import changes_of_picture, with_changes
from infgen.ops.planning.notes import notes_on
from infgen.ops.planning.objects import Objects
from infgen.ops.planning.scenes import Scenes
from infgen.ops.planning.settings import PlanSettings, count_pictures
from infgen.ops.seeds import stream
from infgen.records.past import Past
from infgen.records.plan import ImagePlan
from infgen.records.specs import Request


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
        self.count = count_pictures(request, settings, self.past.first_index)
        self.labels = Labels(request.given)
        odds, told = choose_odds(request, self.labels, canvas, settings.balance)
        self._asked = Asked(request, settings, methods, canvas, self.looks, self.nearness,
                            self.recipe, self.past)  # fmt: skip
        self._scenes = Scenes(self._asked, self.labels, self.count)
        self._objects = Objects(self._asked, self._scenes, odds)
        self.notes = (*notes_on(self._asked, self._scenes, self._objects.pools), *told)

    def again(self, request: Request, past: Past | None = None) -> Planner:
        """The same for another request, all of it painted alike, and maybe after a `past`."""
        methods = (self.methods[0],) * len(request.classes)
        looks, nearness, recipe = self.looks, self.nearness, self.recipe
        return Planner(request, self.settings, methods, self.canvas, looks, nearness, recipe, past)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""
        return self._scenes.splits

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
        ground = self._scenes.ground(index)
        objects, dropped = self._objects.plan(index, ground)
        decoys = self._objects.decoys(index, ground, objects)
        return ImagePlan(
            index=index,
            split=ground.split,
            size=self.canvas,
            background=ground.background,
            objects=with_changes(self._asked, objects, index, "changes of objects"),
            dropped=dropped,
            decoys=with_changes(self._asked, decoys, index, "changes of decoys"),
            finish=draw_finish(stream(self.settings.seed, index, "finish"), self.settings.degrade),
            given=ground.given,
            changes=changes_of_picture(self._asked, index, (*objects, *ground.given)),
        )
