"""One random stream per (run seed, index, purpose): no draw ever depends on another's number.

Plans throw nothing but `Generator.random`, the draw that numpy is least likely ever to change.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def stream(seed: int, index: int, purpose: str) -> np.random.Generator:
    """The generator for one purpose of one index of a run. Equal arguments, equal numbers."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, index, purpose)))


def derive_seed(seed: int, index: int, purpose: str) -> int:
    """A 63-bit seed for code that takes a number (a diffusion pipeline, a noise picture)."""
    return int(_sequence(seed, index, purpose).generate_state(1, np.uint64)[0] >> 1)


def shuffle(rng: np.random.Generator, items: Sequence[Item]) -> list[Item]:
    """The items in random order."""
    order = rng.random(len(items)).argsort(kind="stable")
    return [items[position] for position in order.tolist()]


def pick_by(die: float, count: int) -> int:
    """A number from 0 to count - 1 by a die of 0 <= die < 1. Every pick takes one die, whatever it
    picks from: what is drawn after it stays the same."""
    return int(die * count)


def _sequence(seed: int, index: int, purpose: str) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(index, zlib.crc32(purpose.encode())))


def attempt_seed(seed: int, attempt: int) -> int:
    """The seed of a later try; the first one (0) has the planned seed itself."""
    return seed if attempt == 0 else derive_seed(seed, attempt, "attempt")
