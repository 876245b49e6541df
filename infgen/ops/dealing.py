"""Which background lies behind which picture, and which side of the train / val wall it is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from infgen.ops.seeds import derive_seed, shuffle, stream
from infgen.records.specs import BackgroundSpec, Picture

ENOUGH_TO_SHARE = 5  # distinct cutouts from which a class can spare some for val alone


def deal_backgrounds(
    specs: Sequence[BackgroundSpec], count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Deal `count` backgrounds: (rows, picks), two int arrays of shape (count,).

    The table is a deck in which row r lies `num_imgs` times. `picks` says which one of its row a
    background is: for pictures the position of the file, dealt as a deck of its own; for scenes
    made from nothing their number within the row. A larger count only goes on dealing.
    """
    rows = _deal([spec.num_imgs for spec in specs], count, seed, "background rows")
    picks = np.zeros(count, int)
    for row, spec in enumerate(specs):
        places = np.flatnonzero(rows == row)
        if spec.pictures:
            once_each = [1] * len(spec.pictures)
            picks[places] = _deal(once_each, len(places), seed, f"files of row {row}")
        else:
            picks[places] = np.arange(len(places))
    return rows, picks


def _deal(counts: Sequence[int], total: int, seed: int, purpose: str) -> np.ndarray:
    """`total` cards off shuffled decks in which card i lies `counts[i]` times: (total,) int.

    Equal cards are spread over their deck, one at random in each of `counts[i]` equal stretches, so
    that the first cards of a deck have the proportions of the whole.
    """
    cards = np.repeat(np.arange(len(counts)), counts)
    stretch = np.concatenate([np.arange(count) for count in counts])
    decks = -(-total // len(cards))
    moments = stretch + stream(seed, 0, purpose).random((decks, len(cards)))
    order = (moments / np.take(counts, cards)).argsort(axis=1, kind="stable")
    return cards[order].ravel()[:total]


def choose_val(weights: Mapping[str, int], val_frac: float, seed: int) -> frozenset[str]:
    """The keys that go to val: together as close to `val_frac` of the weight as a shuffled greedy
    pick gets, at least one and never all. Fewer than two keys, or a share of 0: none."""
    if val_frac <= 0 or len(weights) < 2:
        return frozenset()
    target, taken = val_frac * sum(weights.values()), 0
    val: set[str] = set()
    for key in shuffle(stream(seed, 0, "val split"), sorted(weights)):
        closer = abs(taken + weights[key] - target) < abs(taken - target)
        if closer and len(val) < len(weights) - 1:
            val.add(key)
            taken += weights[key]
    return frozenset(val or {min(weights, key=lambda key: (weights[key], key))})


def share_cutouts(
    cutouts: Sequence[Picture], val_frac: float, seed: int
) -> dict[str, tuple[int, ...]]:
    """Positions of a class's cutouts that each split may use; all of them for both when there are
    too few to keep the splits apart.

    Equal files (by hash) stay together. Which hashes val gets first depends on nothing but the
    seed, so that two classes that use the same files keep them apart alike.
    """
    everything = tuple(range(len(cutouts)))
    hashes = {cutout.sha256 for cutout in cutouts}
    if val_frac <= 0 or len(hashes) < ENOUGH_TO_SHARE:
        return {"train": everything, "val": everything}
    shuffled = sorted(hashes, key=lambda sha256: (derive_seed(seed, 0, sha256), sha256))
    held_back = set(shuffled[: max(1, round(val_frac * len(hashes)))])
    return {
        "train": tuple(i for i in everything if cutouts[i].sha256 not in held_back),
        "val": tuple(i for i in everything if cutouts[i].sha256 in held_back),
    }
