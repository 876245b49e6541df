"""How often one cutout or background may be used: dealt and checked, before anything is made.

Any picture is planned by itself, so nobody can count what has been used so far. Instead each
object has a place in the order of all objects of its class and split, and cutouts are dealt to
these places as shuffled decks: whichever picture is planned first, none is used twice before all
have been used once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from infgen.ops.seeds import shuffle, stream
from infgen.records.errors import InputError, Problem
from infgen.records.specs import ClassSpec

SPLITS = ("train", "val")
Pools = Sequence[Mapping[str, tuple[int, ...]]]  # positions of cutouts by class id and split


class CutoutDeal:
    """The cutouts of a run, dealt. `wanted` (pictures, classes) counts the objects that each
    picture is to hold, and `in_val` (pictures,) bool says which split it belongs to."""

    def __init__(
        self,
        classes: Sequence[ClassSpec],
        pools: Pools,
        wanted: np.ndarray,
        in_val: np.ndarray,
        seed: int,
    ):
        self._classes, self._pools, self._seed = classes, pools, seed
        self._decks: dict[tuple[int, str], tuple[int, list[int]]] = {}
        self._starts = np.zeros(wanted.shape, np.uint32)  # objects in earlier pictures of the split
        self._totals: dict[str, list[int]] = {}
        for split, members in zip(SPLITS, (~in_val, in_val), strict=True):
            mine = wanted[members]
            self._starts[members] = np.cumsum(mine, axis=0, dtype=np.uint32) - mine
            self._totals[split] = mine.sum(axis=0, dtype=np.int64).tolist()

    def hand(self, index: int, split: str) -> Hand:
        """What is dealt to a picture, by its number in the run."""
        return Hand(self, index, split)

    def die(self, index: int, split: str, class_id: int, number: int) -> float:
        """The die, 0 <= die < 1, that picks the cutout of a picture's object `number` of a class,
        from 0 on."""
        count = len(self._pools[class_id][split])
        deck, place = divmod(int(self._starts[index, class_id]) + number, count)
        return (self._shuffled(class_id, split, deck)[place] + 0.5) / count

    def _shuffled(self, class_id: int, split: str, deck: int) -> list[int]:
        """A deck of a pool's cards; the last one is at hand, as the next picture needs it, too."""
        number, cards = self._decks.get((class_id, split), (-1, []))
        if number != deck:
            purpose = f"{split} deck of {self._classes[class_id].name}"
            count = len(self._pools[class_id][split])
            cards = shuffle(stream(self._seed, deck, purpose), range(count))
            self._decks[class_id, split] = deck, cards
        return cards

    def problems(self, max_uses: int, images: int) -> Iterator[Problem]:
        """A sentence for each class whose cutouts are too few for so many pictures."""
        uses, names, told = Counter[str](), dict[str, str](), False
        for class_id, spec in enumerate(self._classes):
            mine = self._uses(class_id)
            most = max(mine.values(), default=0)
            if most > max_uses:
                told = True
                times = sum(self._totals[split][class_id] for split in SPLITS)
                yield Problem(
                    f"--max-uses {max_uses}: '{spec.name}' is to be pasted {times:,} times from "
                    f"{len(mine):,} cutouts, one of them up to {most:,} times: add cutouts, or "
                    f"lower --images to about {images * max_uses // most:,}"
                )
            uses.update(mine)
            names |= {cutout.sha256: cutout.name for cutout in spec.cutouts}
        [(sha256, most)] = uses.most_common(1) or [("", 0)]
        if most > max_uses and not told:
            yield Problem(
                f"--max-uses {max_uses}: {names[sha256]} is a cutout of several classes, which "
                f"together use it up to {most:,} times: add cutouts, or lower --images"
            )

    def _uses(self, class_id: int) -> Counter[str]:
        """How often a class uses each of its cutouts, by hash, at the most."""
        uses = Counter[str]()
        for split, pool in self._pools[class_id].items():
            total = self._totals[split][class_id]
            for place in pool if total else ():
                cutout = self._classes[class_id].cutouts[place]
                uses[cutout.sha256] += math.ceil(total / len(pool))
        return uses


class Hand:
    """What is dealt to one picture, object by object."""

    def __init__(self, deal: CutoutDeal, index: int, split: str):
        self._deal, self._index, self._split = deal, index, split
        self._taken = Counter[int]()

    def take(self, class_id: int) -> float:
        """The die that picks the cutout of the next object of a class."""
        number = self._taken[class_id]
        self._taken[class_id] += 1
        return self._deal.die(self._index, self._split, class_id, number)


def check_backgrounds(keys: Sequence[str], per_background: int, images: int, most: int) -> None:
    """Make sure that no background is behind more than `most` pictures, where `keys` name them in
    the order in which they are dealt.

    Raises:
        InputError: one is; with how many pictures there can be.
    """
    uses = Counter[str]()
    for number, key in enumerate(keys):
        before = uses[key]
        uses[key] += min(per_background, images - number * per_background)
        if uses[key] > most:
            possible = number * per_background + most - before
            raise InputError(
                f"--max-background-uses {most}: there are too few backgrounds for {images:,} "
                f"pictures: add some, or lower --images to {possible:,}"
            )
