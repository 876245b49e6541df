"""Sums of pixels: exact, and the same in whatever order they are added."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.statistics import Tally, pixel_sums


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
    low=st.integers(0, 255),
)
def test_sums_are_whole_and_exact(seed: int, shape: tuple[int, int, int], low: int) -> None:
    picture = np.random.default_rng(seed).integers(low, 256, shape, np.uint8)
    values = picture.reshape(-1, shape[2]).astype(object)
    assert pixel_sums(picture) == (tuple(values.sum(0)), tuple((values * values).sum(0)))


def test_sums_of_a_large_picture_are_exact() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (3000, 4001, 3), np.uint8)
    values = picture.reshape(-1, 3).astype(np.int64)
    assert pixel_sums(picture) == (
        tuple(values.sum(0).tolist()),
        tuple((values * values).sum(0).tolist()),
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_tally_has_the_mean_and_deviation_of_all_pixels(order: int) -> None:
    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, high, (7, 9, 3), np.uint8) for high in (10, 200, 256)]
    tally = Tally()
    for picture in pictures[::order]:
        tally.add(63, *pixel_sums(picture))
    everything = np.concatenate(pictures).reshape(-1, 3) / 255
    assert tally.pixels == len(everything)
    assert tally.mean == pytest.approx(everything.mean(0), abs=1e-6)
    assert tally.std == pytest.approx(everything.std(0), abs=1e-6)
    halves = Tally()
    halves.add(tally.pixels, tally.sums, tally.squares)
    assert (halves.mean, halves.std) == (tally.mean, tally.std)
