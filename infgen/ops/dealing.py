"""Which background lies behind which picture, and which side of the train / val wall it is on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from infgen.ops.seeds import derive_seed, shuffle, stream
from infgen.records.specs import BackgroundSpec, Picture

ENOUGH_TO_SHARE = 5  # distinct cutouts from which a class can spare some for val alone


def deal_backgrounds(
    specs: Sequence[BackgroundSpec], count: int, seed: int, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Deal `count` backgrounds: (rows, picks), two int arrays of shape (count,).

    The table is a deck in which row r lies `num_imgs` times. `picks` says which one of its row a
    background is: for pictures the position of the file, dealt as a deck of its own; for scenes
    made from nothing their number within the row. A larger count only goes on dealing. The decks
    are shuffled by `first`, the number of the first background in its dataset.
    """
    rows = _deal([spec.num_imgs for spec in specs], count, seed, "background rows", first)
    picks = np.zeros(count, int)
    for row, spec in enumerate(specs):
        places = np.flatnonzero(rows == row)
        if spec.pictures:
            once_each = [1] * len(spec.pictures)
            picks[places] = _deal(once_each, len(places), seed, f"files of row {row}", first)
        else:
            picks[places] = np.arange(len(places))
    return rows, picks


def deal_unused(
    specs: Sequence[BackgroundSpec], count: int, seed: int, first: int, used: Collection[str]
) -> tuple[np.ndarray, np.ndarray, int]:
    """As deal_backgrounds, but no picture whose hash is `used` comes, nor any twice, before all
    others have come: (rows, picks, how many of `count` show a picture again).

    A row without a fresh picture gives its turn to the one that has most of them left. When there
    are none anywhere, each row goes on with a deck of all of its pictures.
    """
    rows, picks = deal_backgrounds(specs, count, seed, first)
    fresh = _fresh(specs, used, seed, first)
    left = sum(map(len, fresh.values()))
    places = np.flatnonzero(np.isin(rows, list(fresh))).tolist()  # of pictures
    for place in places[:left]:
        row = int(rows[place])
        if not fresh[row]:
            row = max(fresh, key=lambda other: (len(fresh[other]), -other))
        rows[place], picks[place] = row, fresh[row].pop()
    return rows, picks, max(len(places) - left, 0)


def _fresh(
    specs: Sequence[BackgroundSpec], used: Collection[str], seed: int, first: int
) -> dict[int, list[int]]:
    """The positions of each row's files that aren't `used`, shuffled; a file that is there twice
    counts once. Only rows that are dealt."""
    seen = set(used)
    fresh: dict[int, list[int]] = {}
    for row, spec in enumerate(specs):
        if not (spec.pictures and spec.num_imgs):
            continue
        positions = []
        for position, picture in enumerate(spec.pictures):
            if picture.sha256 not in seen:
                seen.add(picture.sha256)
                positions.append(position)
        fresh[row] = shuffle(stream(seed, first, f"fresh files of row {row}"), positions)
    return fresh


def _deal(counts: Sequence[int], total: int, seed: int, purpose: str, first: int = 0) -> np.ndarray:
    """`total` cards off shuffled decks in which card i lies `counts[i]` times: (total,) int.

    Equal cards are spread over their deck, one at random in each of `counts[i]` equal stretches, so
    that the first cards of a deck have the proportions of the whole.
    """
    cards = np.repeat(np.arange(len(counts)), counts)
    stretch = np.concatenate([np.arange(count) for count in counts])
    decks = -(-total // len(cards))
    moments = stretch + stream(seed, first, purpose).random((decks, len(cards)))
    order = (moments / np.take(counts, cards)).argsort(axis=1, kind="stable")
    return cards[order].ravel()[:total]


def choose_val(
    weights: Mapping[str, int], val_frac: float, seed: int, known: Mapping[str, str] | None = None
) -> frozenset[str]:
    """The keys that go to val: together as close to `val_frac` of the weight as a shuffled greedy
    pick gets, at least one and never all. Fewer than two keys, or a share of 0: none.

    What is `known` has its split already, and stays in it; then val may stay as it is.
    """
    known = known or {}
    val = {key for key in weights if known.get(key) == "val"}
    free = [key for key in sorted(weights) if key not in known]
    if val_frac <= 0 or len({*weights, *known}) < 2:
        return frozenset(val)
    target, taken = val_frac * sum(weights.values()), sum(weights[key] for key in val)
    most = len(val) + len(free) - (not known)
    for key in shuffle(stream(seed, 0, "val split"), free):
        closer = abs(taken + weights[key] - target) < abs(taken - target)
        if closer and len(val) < most:
            val.add(key)
            taken += weights[key]
    if val or not free or "val" in known.values():
        return frozenset(val)
    return frozenset({min(free, key=lambda key: (weights[key], key))})


def share_cutouts(
    cutouts: Sequence[Picture],
    val_frac: float,
    seed: int,
    known: Mapping[str, str] | None = None,
) -> dict[str, tuple[int, ...]]:
    """Positions of a class's cutouts that each split may use; all of them for both when there are
    too few to keep the splits apart.

    Equal files (by hash) stay together. Which hashes val gets first depends on nothing but the
    seed, so that two classes that use the same files keep them apart alike. What is `known` (by
    hash) stays in its split.
    """
    known = known or {}
    everything = tuple(range(len(cutouts)))
    hashes = {cutout.sha256 for cutout in cutouts}
    if (val_frac <= 0 and not known) or len(hashes) < ENOUGH_TO_SHARE:
        return {"train": everything, "val": everything}
    free = sorted(hashes - known.keys(), key=lambda sha256: (derive_seed(seed, 0, sha256), sha256))
    held_back = {sha256 for sha256 in hashes if known.get(sha256) == "val"}
    wanted = max(val_frac > 0, round(val_frac * len(hashes))) - len(held_back)
    held_back.update(free[: max(wanted, 0)])
    if not held_back or held_back == hashes:  # what is known leaves one split none
        return {"train": everything, "val": everything}
    return {
        "train": tuple(i for i in everything if cutouts[i].sha256 not in held_back),
        "val": tuple(i for i in everything if cutouts[i].sha256 in held_back),
    }
