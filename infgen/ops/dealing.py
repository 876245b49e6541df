"""Which background lies behind which picture, and which side of the train / val wall it is on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infgen.ops.seeds import stream
from infgen.records.specs import BackgroundSpec, Picture

ENOUGH_TO_SHARE = 5  # distinct cutouts from which a class can spare some for val alone


def deal_backgrounds(
    specs: Sequence[BackgroundSpec], count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Deal `count` backgrounds: (rows, picks), two int arrays of shape (count,).

    The table is a deck in which row r lies `num_imgs` times; decks are shuffled and dealt until
    `count` is reached, so that every prefix has the table's proportions. `picks` says which one of
    its row it is: for pictures the position of the file, dealt as a shuffled deck of its own; for
    scenes made from nothing their number within the row.
    """
    deck = np.repeat(np.arange(len(specs)), [spec.num_imgs for spec in specs])
    rows = _deal(deck, count, seed, "background rows")
    picks = np.zeros(count, int)
    for row, spec in enumerate(specs):
        places = np.flatnonzero(rows == row)
        if spec.pictures:
            files = np.arange(len(spec.pictures))
            picks[places] = _deal(files, len(places), seed, f"files of row {row}")
        else:
            picks[places] = np.arange(len(places))
    return rows, picks


def _deal(deck: np.ndarray, count: int, seed: int, purpose: str) -> np.ndarray:
    rounds = -(-count // len(deck))
    shuffled = [stream(seed, number, purpose).permutation(deck) for number in range(rounds)]
    return np.concatenate([*shuffled, deck[:0]])[:count]


def choose_val(weights: dict[str, int], val_frac: float, seed: int) -> frozenset[str]:
    """The keys that go to val: together as close to `val_frac` of the weight as a shuffled greedy
    pick gets, at least one and never all. Fewer than two keys, or a share of 0: none."""
    if val_frac <= 0 or len(weights) < 2:
        return frozenset()
    keys = sorted(weights)
    target, taken = val_frac * sum(weights.values()), 0
    val: set[str] = set()
    for position in stream(seed, 0, "val split").permutation(len(keys)):
        key = keys[position]
        if abs(taken + weights[key] - target) < abs(taken - target) and len(val) < len(keys) - 1:
            val.add(key)
            taken += weights[key]
    return frozenset(val or {min(keys, key=lambda key: (weights[key], key))})


def share_cutouts(
    cutouts: Sequence[Picture], val_frac: float, seed: int, purpose: str
) -> dict[str, tuple[int, ...]]:
    """Positions of the cutouts that each split may use; the same ones twice when a class has too few
    to keep the splits apart. Equal files (by hash) stay together."""
    hashes = sorted({cutout.sha256 for cutout in cutouts})
    everything = tuple(range(len(cutouts)))
    if val_frac <= 0 or len(hashes) < ENOUGH_TO_SHARE:
        return {"train": everything, "val": everything}
    count = max(1, round(val_frac * len(hashes)))
    order = stream(seed, 0, purpose).permutation(len(hashes))
    held_back = {hashes[position] for position in order[: min(count, len(hashes) - 1)]}
    val = tuple(i for i in everything if cutouts[i].sha256 in held_back)
    return {"train": tuple(i for i in everything if i not in set(val)), "val": val}
