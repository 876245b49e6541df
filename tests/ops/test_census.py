"""The rows of classes that nobody wrote a table for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.census import absent_row, known_row, percentile, unknown_row

percents = st.floats(0.01, 100)
SIDES = ("width_min", "width_max", "height_min", "height_max")


@given(
    extents=st.lists(st.tuples(percents, percents), min_size=1, max_size=30),
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=30),
)
def test_a_row_can_be_drawn_from_and_keeps_to_what_was_seen(extents, counts) -> None:
    row = known_row(extents, counts)
    least, most = int(row["min_appear"]), int(row["max_appear"])
    assert least == min(counts) and least <= most and 1 <= most <= max(*counts, 1)
    lengths = {side: float(row[side].removesuffix("%")) for side in SIDES}
    for axis, name in enumerate(("width", "height")):
        low, high = lengths[f"{name}_min"], lengths[f"{name}_max"]
        seen = [extent[axis] for extent in extents]
        assert 1 <= low <= high <= 100
        assert high <= max(*seen, 1) * 1.01 and low >= min(min(seen), 100) * 0.99


@given(counts=st.lists(st.integers(0, 12), min_size=3, max_size=40))
def test_as_many_are_drawn_on_average_as_a_picture_shows(counts) -> None:
    row = known_row([(10, 10)], counts)
    drawn = (int(row["min_appear"]) + int(row["max_appear"])) / 2
    mean = sum(counts) / len(counts)
    assert drawn <= max(mean + 0.5, 0.5)
    if 2 * mean - min(counts) <= max(counts):
        assert drawn >= mean - 0.5


@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=40), each=st.floats(1, 5))
def test_where_cutouts_bring_several_fewer_are_drawn(counts, each) -> None:
    row = known_row([(10, 10)], counts, each)
    drawn = (int(row["min_appear"]) + int(row["max_appear"])) / 2
    assert drawn <= max(sum(counts) / len(counts) / each + 0.5, 0.5)
    assert int(row["min_appear"]) * each <= min(counts)


@given(values=st.lists(percents, min_size=1, max_size=50), share=st.floats(0, 1))
def test_percentiles_are_numpy_s(values, share) -> None:
    assert np.isclose(percentile(sorted(values), share), np.percentile(values, 100 * share))


def test_classes_of_which_nothing_is_known_appear_and_absent_ones_do_not() -> None:
    assert (unknown_row()["min_appear"], unknown_row()["max_appear"]) == ("0", "2")
    assert absent_row()["max_appear"] == "0"
