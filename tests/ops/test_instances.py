"""Instance masks and boxes brought together, whatever the order of either."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.instances import VOID, colour_map, match_instances, values_of_colours
from infgen.records.box import Box

SIZE = (64, 48)


def painted(boxes: list[Box], values: list[int]) -> np.ndarray:
    """(H, W) int32: each box full of its value, later ones above."""
    canvas = np.zeros(SIZE[::-1], np.int32)
    for box, value in zip(boxes, values, strict=True):
        x0, y0, x1, y1 = map(int, box.xyxy)
        canvas[y0:y1, x0:x1] = value
    return canvas


@given(st.permutations([3, 7, 1, 300, 5]), st.permutations(range(5)))
def test_each_box_gets_the_value_that_it_is_drawn_around(
    values: list[int], order: list[int]
) -> None:
    boxes = [Box(4 + 12 * n, 5 + 2 * n, 12 + 12 * n, 30 + 2 * n) for n in range(5)]
    canvas = painted(boxes, values)
    taken, left = match_instances(canvas, [boxes[n] for n in order])
    assert taken == [values[n] for n in order] and not left


def test_equal_boxes_take_their_values_in_order() -> None:
    box = Box(10, 10, 30, 30)
    canvas = painted([box, box], [1, 2])
    canvas[10:30:2] = np.where(canvas[10:30:2] == 2, 1, canvas[10:30:2])
    assert match_instances(canvas, [box, box]) == ([1, 2], [])


def test_a_box_without_pixels_gets_none_and_a_value_without_box_is_left() -> None:
    canvas = painted([Box(2, 2, 12, 12), Box(40, 20, 60, 40)], [4, 9])
    boxes = [Box(20, 2, 30, 12), Box(3, 3, 12, 13), Box(-20, -20, -1, -1)]
    assert match_instances(canvas, boxes) == ([0, 4, 0], [9])
    assert match_instances(np.zeros_like(canvas), boxes) == ([0, 0, 0], [])
    assert match_instances(canvas, []) == ([], [4, 9])


def test_void_is_nobodys_and_stray_pixels_do_not_matter() -> None:
    canvas = painted([Box(2, 2, 22, 22), Box(40, 20, 60, 40)], [VOID, 2])
    canvas[0, 0] = 2
    assert match_instances(canvas, [Box(2, 2, 22, 22), Box(39, 19, 61, 41)]) == ([0, 2], [])


def test_masks_saved_in_colours_have_the_palettes_values() -> None:
    values = np.arange(64, dtype=np.int32).reshape(8, 8) % 5 * 51
    pixels = colour_map()[values]
    assert (values_of_colours(pixels) == values).all()
    pixels[0, 0] = (1, 2, 3)
    assert values_of_colours(pixels)[0, 0] == 256
