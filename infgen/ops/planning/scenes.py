"""Backgrounds: which one lies behind which picture, what it shows, and which split it is in."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import msgspec
import numpy as np

from infgen.ops.boxes import Nearness
from infgen.ops.dealing import choose_val, deal_backgrounds, deal_unused
from infgen.ops.framing import cover_size
from infgen.ops.given import Labels
from infgen.ops.nearness import near_of
from infgen.ops.planning.asked import Asked
from infgen.ops.repetition import check_backgrounds
from infgen.ops.seeds import derive_seed, pick_by, stream
from infgen.records.plan import BackgroundPlan, GivenPlan
from infgen.records.specs import BackgroundSpec


class Ground(NamedTuple):
    """What is known of a picture before anything is put into it: its split, its background, what
    that shows already, and how near the places on it are."""

    split: str
    background: BackgroundPlan
    given: tuple[GivenPlan, ...]
    near: Nearness | None


class Scenes:
    """The backgrounds of a run of `count` pictures, dealt to them and divided into splits.

    `dealt` is how many there are, of which as many as `again` show a picture that others show, too.
    `uses` counts the pictures on each by its key (see scene_key), and `val` holds the keys in val.

    Raises:
        InputError: there are too few of them for what may be repeated.
    """

    def __init__(self, asked: Asked, labels: Labels, count: int):
        self._asked, self._labels, self._count = asked, labels, count
        settings, past = asked.settings, asked.past
        self.dealt = math.ceil(count / settings.per_background)
        self._rows, self._picks, self.again = self._deal()
        keys = [self._key(number) for number in range(self.dealt)]
        if settings.max_background_uses:
            check_backgrounds(keys, settings.per_background, count, settings.max_background_uses)
        self.uses = Counter(keys[index // settings.per_background] for index in range(count))
        self.val = choose_val(self.uses, settings.val_frac, settings.seed, past.splits)
        self._in_val = np.array([key in self.val for key in keys])

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, train first."""
        held = ("train", not self._in_val.all()), ("val", self._in_val.any())
        return tuple(name for name, holds in held if holds)

    @property
    def in_val(self) -> np.ndarray:
        """Whether each of the run's pictures is in val: (count,) bool."""
        in_val: np.ndarray = self._in_val[
            np.arange(self._count) // self._asked.settings.per_background
        ]
        return in_val

    def ground(self, index: int) -> Ground:
        """What picture `index` is put onto."""
        asked = self._asked
        number = (index - asked.past.first_index) // asked.settings.per_background
        background = self._plan(number)
        return Ground(
            split="val" if self._in_val[number] else "train",
            background=background,
            given=self._labels.planned(background, asked.canvas),
            near=near_of(asked.nearness, background, asked.canvas),
        )

    def _deal(self) -> tuple[np.ndarray, np.ndarray, int]:
        """The rows and picks of the run's own backgrounds, and how many show a picture again that
        an earlier run used, or that there are too few of."""
        specs, seed, past = (
            self._asked.request.backgrounds,
            self._asked.settings.seed,
            self._asked.past,
        )
        first, used = past.first_background, past.splits.keys()
        if used:
            return deal_unused(specs, self.dealt, seed, first, used)
        return *deal_backgrounds(specs, self.dealt, seed, first), 0

    def _key(self, number: int) -> str:
        row, pick = int(self._rows[number]), int(self._picks[number])
        return scene_key(self._asked.request.backgrounds[row], row, pick)

    def _plan(self, own: int) -> BackgroundPlan:
        """The plan of the run's `own` background of that number, from 0."""
        request, settings, canvas = self._asked.request, self._asked.settings, self._asked.canvas
        row, pick = int(self._rows[own]), int(self._picks[own])
        number = self._asked.past.first_background + own
        spec = request.backgrounds[row]
        background = plan_scene(spec, number, row, pick, settings.seed, canvas, settings.flip_frac)
        if background.flip and self._shows_sides(background):
            return msgspec.structs.replace(background, flip=False)
        return background

    def _shows_sides(self, background: BackgroundPlan) -> bool:
        """Whether something labelled is to be seen that must not be mirrored."""
        classes = self._asked.request.classes
        if not self._labels or all(spec.mirror for spec in classes):
            return False
        given = self._labels.planned(background, self._asked.canvas)
        return not all(classes[one.class_id].mirror for one in given)


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
        offset=(pick_by(x, scaled[0] - canvas[0] + 1), pick_by(y, scaled[1] - canvas[1] + 1)),
        flip=flip < flip_frac,
    )
