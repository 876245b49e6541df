"""How many objects of a class a picture gets: evenly within its row's range, more or fewer by the
class's weight, or so that rare classes come to as many labels as frequent ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from infgen.ops.framing import cover_size
from infgen.ops.given import Labels
from infgen.ops.seeds import pick_by
from infgen.records.plan import BackgroundPlan
from infgen.records.specs import ClassSpec, Picture, Request

_STEPS = 200  # halvings after which a level is known to the last bit
_SAME = 1e-6  # objects a picture
_UNEVEN = 0.05  # of the level that a class may miss it by before the user is told


class Odds(NamedTuple):
    """With the probability `share` a count from `above`, evenly, else one from `below`; both are
    (least, most)."""

    share: float
    above: tuple[int, int]
    below: tuple[int, int]

    def draw(self, die: float) -> int:
        """The count by a die of 0 <= die < 1."""
        if die < self.share:
            low, high, rest = *self.above, die / self.share
        else:
            low, high, rest = *self.below, (die - self.share) / (1 - self.share)
        return min(low + int(rest * (high - low + 1)), high)


class Balance(NamedTuple):
    """`odds` by class id, None for those that are drawn evenly from their row's range; and `notes`
    for the user about what can't be made even."""

    odds: tuple[Odds | None, ...]
    notes: tuple[str, ...] = ()


def choose_odds(
    request: Request, labels: Labels, canvas: tuple[int, int], balance: bool
) -> Balance:
    """The odds of a run. Without weights and `balance` every class is drawn evenly.

    A weight multiplies how many objects of its class are expected, up to max_appear, and may take
    it below min_appear. With `balance` as many objects as without it are dealt to the classes so
    that each comes to the same expected number of labels, times its weight, as far as max_appear
    allows; labels that the backgrounds bring along count.
    """
    classes = request.classes
    wanted = [min(spec.weight * _middle(spec), spec.appear_range[1]) for spec in classes]
    notes: tuple[str, ...] = ()
    if balance:
        given = given_means(request, labels, canvas)
        level = _level(math.fsum(wanted), given, classes)
        wanted = [_share(level, *one) for one in zip(given, classes, strict=True)]
        notes = (*_notes(level, wanted, given, classes), *_note_groups(classes))
    odds = (
        None if abs(mean - _middle(spec)) < _SAME else odds_of(mean, spec.appear_range)
        for mean, spec in zip(wanted, classes, strict=True)
    )
    return Balance(tuple(odds), notes)


def draw_counts(
    rng: np.random.Generator, classes: Sequence[ClassSpec], odds: Sequence[Odds | None]
) -> list[int]:
    """How many objects of each class a picture is to hold."""
    counts = []
    for spec, its_odds, die in zip(classes, odds, rng.random(len(classes)).tolist(), strict=True):
        low, high = spec.appear_range
        counts.append(its_odds.draw(die) if its_odds else low + pick_by(die, high - low + 1))
    return counts


def odds_of(mean: float, appear_range: tuple[int, int]) -> Odds:
    """Odds that come to `mean` objects a picture within a row's range: for more than its middle the
    lower end moves up, for fewer the upper end moves down. Below the range all counts are alike."""
    low, high = appear_range
    if mean <= low:
        return _odds(mean, lambda end: (end, end))
    if mean < (low + high) / 2:
        return _odds(2 * mean - low, lambda end: (low, end))
    return _odds(2 * mean - high, lambda end: (min(end, high), high))


def _odds(end: float, reaching: Callable[[int], tuple[int, int]]) -> Odds:
    """Odds for ranges that would have to reach to an `end` between two whole numbers."""
    least = math.floor(end)
    return Odds(end - least, reaching(least + 1), reaching(least))


def given_means(request: Request, labels: Labels, canvas: tuple[int, int]) -> list[float]:
    """How many labelled objects of each class a background brings along on average, where each of
    its pictures is cut in the middle."""
    total = sum(row.num_imgs for row in request.backgrounds)
    means = [0.0] * len(request.classes)
    if not labels:
        return means
    for row in request.backgrounds:
        for picture in row.pictures:
            for one in labels.planned(_middle_cut(picture, canvas), canvas):
                if not one.crowd:
                    means[one.class_id] += row.num_imgs / total / len(row.pictures)
    return means


def _middle_cut(picture: Picture, canvas: tuple[int, int]) -> BackgroundPlan:
    width, height = cover_size(picture.size, canvas)
    middle = ((width - canvas[0]) // 2, (height - canvas[1]) // 2)
    return BackgroundPlan(0, 0, picture.name, (width, height), middle)


def _middle(spec: ClassSpec) -> float:
    return sum(spec.appear_range) / 2


def _level(total: float, given: Sequence[float], classes: Sequence[ClassSpec]) -> float:
    """The number of labels for a class of weight 1 at which all together get `total` objects."""
    weights = [spec.weight for spec in classes if spec.weight and spec.appear_range[1]]
    low, high = (
        0.0,
        max(given, default=0) + max((spec.appear_range[1] for spec in classes), default=0),
    )
    high /= min(weights, default=1)
    for _ in range(_STEPS):
        level = (low + high) / 2
        dealt = math.fsum(_share(level, *one) for one in zip(given, classes, strict=True))
        low, high = (level, high) if dealt < total else (low, level)
    return high


def _share(level: float, given: float, spec: ClassSpec) -> float:
    """How many objects a class gets to come up to a level."""
    return min(max(level * spec.weight - given, 0.0), float(spec.appear_range[1]))


def _notes(
    level: float, wanted: Sequence[float], given: Sequence[float], classes: Sequence[ClassSpec]
) -> Iterator[str]:
    """What stays above the level, and what below."""
    ends = [(spec, mean + there, level * spec.weight)
            for spec, mean, there in zip(classes, wanted, given, strict=True)]  # fmt: skip
    over = [f"{spec.name} ({end:.2g})" for spec, end, aim in ends
            if spec.weight and end > aim * (1 + _UNEVEN)]  # fmt: skip
    under = [f"{spec.name} ({end:.2g})" for spec, end, aim in ends
             if spec.appear_range[1] and end < aim * (1 - _UNEVEN)]  # fmt: skip
    if over:
        yield (
            f"--balance: the backgrounds alone show more labels a picture of {', '.join(over)} "
            f"than the {level:.2g} that the others come to"
        )
    if under:
        yield (
            f"--balance: {', '.join(under)} can't come to {level:.2g} labels a picture: raise "
            "max_appear"
        )


def _note_groups(classes: Sequence[ClassSpec]) -> Iterator[str]:
    """What isn't counted: an object is one of its row's class, whatever its cutout shows."""
    brought = {name for spec in classes for one in spec.cutouts if spec.appear_range[1]
               for name in one.members}  # fmt: skip
    if brought:
        yield (
            f"--balance: cutouts of several objects count as one of their row's class; how many of "
            f"{', '.join(sorted(brought))} they bring along isn't made even"
        )
