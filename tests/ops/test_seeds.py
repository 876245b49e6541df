"""Streams that don't depend on each other, the same on every machine."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.seeds import derive_seed, shuffle, stream


def test_the_numbers_that_every_machine_must_see():
    """Where this fails, on another numpy or platform, a seed no longer means the same dataset."""
    assert stream(0, 0, "layout").random(3).tolist() == [
        0.4907525369278114,
        0.13707317879151015,
        0.7689130688244442,
    ]
    assert derive_seed(7, 3, "background") == 8282043599592158555


def test_equal_arguments_give_equal_numbers_and_any_other_argument_gives_others():
    arguments = [
        (0, 0, "a"),
        (1, 0, "a"),
        (0, 1, "a"),
        (0, 0, "b"),
        (1, 1, "a"),
        (2**63 - 1, 0, "a"),
    ]
    first = [stream(*key).random(8).tolist() for key in arguments]
    again = [stream(*key).random(8).tolist() for key in reversed(arguments)]
    assert first == again[::-1]
    assert len({number for numbers in first for number in numbers}) == 8 * len(arguments)


def test_runs_with_neighbouring_seeds_share_no_picture():
    """What `seed + index` would get wrong: picture 1 of seed 0 would be picture 0 of seed 1."""
    seen = {derive_seed(seed, index, "x") for seed in range(40) for index in range(40)}
    assert len(seen) == 1600


def test_numpy_s_global_state_is_neither_read_nor_written():
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    numbers = stream(5, 5, "x").random(4).tolist()
    assert np.random.rand() == expected  # noqa: NPY002
    assert stream(5, 5, "x").random(4).tolist() == numbers


def test_derived_seeds_fit_signed_64_bits():
    seeds = [derive_seed(0, index, "x") for index in range(500)]
    assert min(seeds) >= 0 and 2**62 < max(seeds) < 2**63


@given(st.lists(st.integers(), max_size=30), st.integers(0, 1000))
def test_shuffle_keeps_every_item(items, seed):
    assert sorted(shuffle(stream(seed, 0, "x"), items)) == sorted(items)


def test_shuffle_brings_every_item_to_every_place():
    orders = {tuple(shuffle(stream(seed, 0, "x"), "abc")) for seed in range(100)}
    assert len(orders) == 6
