"""Masks to boxes, run lengths and polygons, against readers that others wrote."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from infgen.ops.masks import joined_polygon, polygons, tight_box
from infgen.ops.rle import decode_rle, encode_rle

INSET = 0.02

# sizes 1..24: noise of any density, the same in blocks of 3 x 3 pixels, which make larger parts and
# holes, and full canvases. From seeds: hypothesis's own arrays repeat one value nearly everywhere.
shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
noise = st.builds(
    lambda shape, density, seed: np.random.default_rng(seed).random(shape) < density,
    shapes,
    st.floats(0, 1),
    st.integers(0, 2**32),
)
blocks = noise.map(lambda mask: mask.repeat(3, axis=0).repeat(3, axis=1)[:24, :24])
any_mask = st.one_of(noise, blocks, shapes.map(lambda shape: np.ones(shape, bool)))


def read_coco(outlines: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: what pycocotools makes of polygons."""
    if not outlines:
        return np.zeros(shape, bool)
    rles = coco_mask.frPyObjects([outline.ravel().tolist() for outline in outlines], *shape)
    return coco_mask.decode(coco_mask.merge(rles)).astype(bool)


def read_truncated(outline: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: what Ultralytics makes of a polygon (ultralytics.data.utils.polygon2mask)."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [outline.astype(np.int32)], 1)
    return mask.astype(bool)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def disc(diameter: int, hole: int = 0) -> np.ndarray:
    side = diameter + 9
    mask = np.zeros((side, side), np.uint8)
    cv2.circle(mask, (side // 2, side // 2), diameter // 2, 1, -1)
    if hole:
        cv2.circle(mask, (side // 2, side // 2), hole // 2, 0, -1)
    return mask.astype(bool)


def drawn(*rows: str) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


@given(any_mask)
def test_tight_box_holds_the_pixels_and_nothing_more(mask):
    box = tight_box(mask)
    if box is None:
        assert not mask.any()
        return
    ys, xs = np.nonzero(mask)
    assert box.xyxy == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


def test_bytes_count_as_pixels_whatever_their_value():
    mask = np.zeros((5, 7), np.uint8)
    mask[1:3, 2:6] = 255
    assert tight_box(mask).xyxy == (2, 1, 6, 3)
    assert encode_rle(mask) == encode_rle(mask > 0)
    assert polygons(mask)[0].tolist() == [[2, 1], [6, 1], [6, 3], [2, 3]]


@given(any_mask)
def test_rle_is_what_pycocotools_writes_and_comes_back(mask):
    theirs = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"]
    counts = encode_rle(mask)
    assert counts == theirs.decode()
    back = decode_rle(counts, mask.shape[::-1])
    assert back.dtype == bool and back.flags.c_contiguous
    assert np.array_equal(back, mask)


@given(any_mask)
def test_polygons_give_back_the_very_mask(mask):
    assert np.array_equal(read_coco(polygons(mask), mask.shape), mask)


@given(any_mask)
def test_one_polygon_per_part_on_whole_pixel_edges(mask):
    outlines = polygons(mask)
    assert len(outlines) == cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[0] - 1
    for outline in outlines:
        assert len(outline) >= 4
        assert np.array_equal(outline, np.round(outline))
        assert (outline != np.roll(outline, 1, axis=0)).any(axis=1).all(), "a point twice in a row"


@given(any_mask, st.sampled_from([0.0, INSET]))
def test_joined_polygon_gives_back_the_very_mask(mask, inset):
    outline = joined_polygon(mask, inset)
    assert outline.ndim == 2 and outline.shape[1] == 2
    assert np.array_equal(read_coco([outline] if len(outline) else [], mask.shape), mask)


@given(any_mask, st.sampled_from([0.0, INSET]))
def test_polygons_span_the_tight_box(mask, inset):
    box = tight_box(mask)
    if box is None:
        return
    outline = joined_polygon(mask, inset)
    x0, y0, x1, y1 = box.xyxy
    expected = (x0 + inset, y0 + inset, x1 - inset, y1 - inset)
    assert (*outline.min(axis=0), *outline.max(axis=0)) == pytest.approx(expected, abs=1e-9)


@given(any_mask)
def test_truncating_readers_get_every_part_exactly(mask):
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    for number in range(1, labels.max() + 1):
        part = labels == number
        assert np.array_equal(read_truncated(joined_polygon(part, INSET), mask.shape), part)


@pytest.mark.parametrize(
    "mask",
    [
        disc(11),
        disc(50),
        disc(301),
        disc(50, hole=20),
        disc(301, hole=150),
        np.pad(np.ones((8, 8), bool), 3),
        np.pad(np.ones((40, 9), bool), ((0, 2), (5, 0))),
    ],
    ids=lambda mask: f"{mask.shape}-{mask.sum()}",
)
def test_truncating_readers_get_solid_shapes(mask):
    assert iou(read_truncated(joined_polygon(mask, INSET), mask.shape), mask) == 1.0
    assert iou(read_truncated(joined_polygon(mask), mask.shape), mask) < 0.995, "inset needed?"


def test_pixels_that_touch_at_corners_are_split():
    outlines = polygons(drawn("#..", ".#.", "..#"))
    assert [len(outline) for outline in outlines] == [4, 4, 4]
    assert len(polygons(drawn(".##", "#.#", "###"))) == 1  # the corner is inside one part


def test_straight_edges_have_no_points_between():
    assert polygons(drawn("..##", "####"))[0].tolist() == [
        [2, 0], [4, 0], [4, 2], [0, 2], [0, 1], [2, 1],
    ]  # fmt: skip


def test_part_inside_a_hole_is_its_own_polygon():
    mask = drawn("#####", "#...#", "#.#.#", "#...#", "#####")
    ring, inner = polygons(mask)
    assert read_coco([ring], mask.shape).sum() == 16
    assert inner.tolist() == [[2, 2], [3, 2], [3, 3], [2, 3]]


def perimeter(outline: np.ndarray) -> float:
    return float(np.hypot(*(np.roll(outline, -1, axis=0) - outline).T).sum())


def shortest_tree(mask: np.ndarray) -> float:
    """Length of the minimum spanning tree of the 4-connected parts, pixel by pixel."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    parts = [np.argwhere(labels == number) for number in range(1, labels.max() + 1)]
    total, reached = 0.0, {0}
    while len(reached) < len(parts):
        length, part = min(
            (np.hypot(*np.moveaxis(np.maximum(gaps - 1, 0), -1, 0)).min(), j)
            for i in reached
            for j in set(range(len(parts))) - reached
            for gaps in [np.abs(parts[i][:, None] - parts[j][None])]
        )
        total += length
        reached.add(part)
    return total


@given(st.one_of(noise.map(lambda mask: mask[:9, :9]), blocks))
def test_bridges_between_parts_are_the_shortest(mask):
    if mask.any():
        walked = perimeter(joined_polygon(mask)) - sum(map(perimeter, polygons(mask)))
        assert walked == pytest.approx(2 * shortest_tree(mask))


def test_bridges_cost_truncating_readers_a_line_of_pixels():
    mask = np.zeros((60, 40), bool)
    mask[0:60, 0:10] = mask[25:35, 14:30] = True
    painted = read_truncated(joined_polygon(mask, INSET), mask.shape)
    assert painted[mask].all()
    assert (painted & ~mask).sum() == 4


def test_bridges_to_holes_stay_inside_the_object():
    mask = disc(60, hole=10)
    mask[5:9, 30:34] = False
    assert np.array_equal(read_truncated(joined_polygon(mask, INSET), mask.shape), mask)


def test_nothing_gives_nothing():
    empty = np.zeros((4, 5), bool)
    assert tight_box(empty) is None
    assert polygons(empty) == []
    assert joined_polygon(empty, INSET).shape == (0, 2)


def test_the_place_on_a_large_canvas_is_kept():
    mask = np.zeros((1500, 2000), bool)
    mask[1400:1500, 1990:2000] = True
    assert polygons(mask)[0].tolist() == [[1990, 1400], [2000, 1400], [2000, 1500], [1990, 1500]]
