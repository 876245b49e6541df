"""What is cut out by itself, and what only together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.groups import (
    Shape,
    arrange,
    contains,
    find_overlaps,
    number_pixels,
    spread_ids,
)
from infgen.records.box import Box

SIDE = 40


@st.composite
def shapes(draw, most: int = 6) -> list[Shape]:
    """Rectangles and rings with at least a pixel in every row and column of their frames."""
    made = []
    for _ in range(draw(st.integers(1, most))):
        width, height = draw(st.integers(2, 20)), draw(st.integers(2, 20))
        mask = np.ones((height, width), bool)
        if draw(st.booleans()) and min(width, height) > 4:
            mask[2:-2, 2:-2] = False
        made.append(Shape(mask, draw(st.integers(0, 20)), draw(st.integers(0, 20))))
    return made


def painted(shape: Shape) -> np.ndarray:
    return shape.within(Box(0, 0, SIDE, SIDE))


def boxes_of(given_shapes: list[Shape]) -> list[Box]:
    return [shape.box for shape in given_shapes]


# ---- who touches whom ----------------------------------------------------------------------------


@given(made=shapes(), reach=st.integers(0, 5))
def test_shapes_overlap_when_two_of_their_pixels_are_within_reach(made, reach) -> None:
    found = find_overlaps(made, reach)
    for one, other in combinations(range(len(made)), 2):
        first, second = (np.argwhere(painted(made[n])).astype(float) for n in (one, other))
        gap = np.sqrt(((first[:, None] - second[None]) ** 2).sum(-1)).min()
        if gap <= reach:
            assert (one, other) in found
        if gap > reach + 0.71:  # a disk of whole pixels isn't quite round
            assert (one, other) not in found


def test_masks_count_and_not_their_boxes() -> None:
    ring = np.ones((30, 30), bool)
    ring[3:-3, 3:-3] = False
    inside = Shape(np.ones((4, 4), bool), 13, 13)
    assert find_overlaps([Shape(ring, 0, 0), inside]) == set()
    assert find_overlaps([Shape(np.ones((30, 30), bool), 0, 0), inside]) == {(0, 1)}


# ---- what goes together --------------------------------------------------------------------------


@given(made=shapes())
def test_every_object_is_in_a_piece_and_groups_share_none(made) -> None:
    pieces = arrange(boxes_of(made), find_overlaps(made))
    assert {number for piece in pieces for number in piece} == set(range(len(made)))
    grouped = [number for piece in pieces if len(piece) > 1 for number in piece]
    assert len(grouped) == len(set(grouped))
    assert len(pieces) == len(set(pieces))
    assert all(piece == tuple(sorted(piece)) for piece in pieces)


@given(made=shapes())
def test_no_piece_touches_what_it_leaves_behind_but_what_it_lies_inside(made) -> None:
    overlaps = find_overlaps(made)
    beside = overlaps | {(b, a) for a, b in overlaps}
    for piece in arrange(boxes_of(made), overlaps):
        for number in piece:
            for other in range(len(made)):
                if (number, other) in beside and other not in piece:
                    assert len(piece) == 1 and contains(made[other].box, made[number].box)


@given(made=shapes())
def test_an_object_goes_alone_exactly_if_all_that_it_touches_contain_it(made) -> None:
    overlaps = find_overlaps(made)
    beside = overlaps | {(b, a) for a, b in overlaps}
    lone = {piece[0] for piece in arrange(boxes_of(made), overlaps) if len(piece) == 1}
    for number, shape in enumerate(made):
        others = [made[other].box for one, other in beside if one == number]
        assert (number in lone) == all(contains(box, shape.box) for box in others)


@given(made=shapes(), seed=st.integers(0, 99))
def test_the_order_of_labels_does_not_matter(made, seed) -> None:
    order = np.random.default_rng(seed).permutation(len(made)).tolist()
    straight = arrange(boxes_of(made), find_overlaps(made))
    mixed = [made[number] for number in order]
    turned = arrange(boxes_of(mixed), find_overlaps(mixed))
    again = {tuple(sorted(order[number] for number in piece)) for piece in turned}
    assert again == set(straight)


def test_a_chain_is_one_group_and_what_lies_inside_goes_alone_too() -> None:
    boxes = [Box(0, 0, 10, 10), Box(8, 0, 18, 10), Box(16, 0, 26, 10), Box(2, 2, 5, 5)]
    assert arrange(boxes, {(0, 1), (1, 2), (0, 3)}) == [(0, 1, 2, 3), (3,)]
    assert arrange(boxes, set()) == [(0,), (1,), (2,), (3,)]
    twins = [Box(0, 0, 5, 5)] * 2
    assert arrange(twins, {(0, 1)}) == [(0, 1)]


# ---- whose each pixel is -------------------------------------------------------------------------


@given(made=shapes())
def test_pixels_belong_to_a_mask_that_covers_them_the_smallest_first(made) -> None:
    ids = number_pixels(made, Box(0, 0, SIDE, SIDE))
    masks = [painted(shape) for shape in made]
    sizes = [np.count_nonzero(mask) for mask in masks]
    for y, x in np.argwhere(np.any(masks, axis=0)).tolist():
        owners = [n for n, mask in enumerate(masks) if mask[y, x]]
        assert sizes[ids[y, x] - 1] == min(sizes[n] for n in owners)
        assert ids[y, x] - 1 in owners


def test_narrow_rims_between_masks_are_given_to_the_nearest_and_lone_ones_stay() -> None:
    left, right = Shape(np.ones((20, 10), bool), 5, 5), Shape(np.ones((20, 10), bool), 19, 5)
    ids = number_pixels([left, right], Box(0, 0, SIDE, SIDE))
    assert ids[15].tolist() == [0] * 5 + [1] * 12 + [2] * 12 + [0] * 11
    assert (number_pixels([left], Box(0, 0, SIDE, SIDE)) == painted(left)).all()


@given(
    places=st.lists(
        st.tuples(st.integers(0, 19), st.integers(0, 19), st.integers(1, 70_000 - 4_465)),
        min_size=1,
        max_size=8,
    )
)
def test_ids_spread_to_the_nearest(places) -> None:
    ids = np.zeros((20, 20), np.uint16)
    for y, x, number in places:
        ids[y, x] = number
    spread = spread_ids(ids)
    assert (spread[ids > 0] == ids[ids > 0]).all()
    seeds = np.argwhere(ids > 0)
    for y, x in np.ndindex(20, 20):
        away = np.linalg.norm(seeds - (y, x), axis=1)
        near = {int(ids[tuple(seed)]) for seed in seeds[away <= away.min() * 1.09 + 0.1]}
        assert int(spread[y, x]) in near
