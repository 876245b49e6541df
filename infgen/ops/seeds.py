"""One random stream per (run seed, index, purpose): no draw ever depends on another's number."""

from __future__ import annotations

import zlib

import numpy as np


def _sequence(seed: int, index: int, purpose: str) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(index, zlib.crc32(purpose.encode())))


def stream(seed: int, index: int, purpose: str) -> np.random.Generator:
    """The generator for one purpose of one index of a run. Equal arguments, equal numbers."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, index, purpose)))


def derive_seed(seed: int, index: int, purpose: str) -> int:
    """A 63-bit seed for code that takes a number (a diffusion pipeline, a noise picture)."""
    return int(_sequence(seed, index, purpose).generate_state(1, np.uint64)[0] >> 1)
