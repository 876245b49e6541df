"""From a detector's many guesses to few detections, on fixed numbers."""

import numpy as np
import pytest

from infgen.models.detections import LEAST_SCORE, MOST, Detection, best_detections
from infgen.records.box import Box

SIZE = (100, 80)


def found(boxes, scores, size=SIZE):
    return best_detections(np.array(boxes, float), np.array(scores, np.float32), size)


def test_every_box_gets_the_text_that_fits_best_and_the_best_comes_first():
    assert found([[0, 0, 10, 10], [40, 40, 60, 60]], [[0.25, 0.125], [0.25, 0.5]]) == [
        Detection(1, 0.5, Box(40, 40, 60, 60)),
        Detection(0, 0.25, Box(0, 0, 10, 10)),
    ]


def test_of_boxes_that_show_the_same_only_the_best_is_left_whatever_its_label():
    near = [[10, 10, 50, 50], [12, 10, 50, 50], [10, 12, 50, 52]]
    [one] = found(near, [[0.5, 0.0], [0.0, 0.75], [0.25, 0.0]])
    assert (one.label, one.score) == (1, 0.75)


def test_neighbours_stay():
    """IoU 1/3: two things side by side, not one."""
    assert len(found([[0, 0, 20, 20], [10, 0, 30, 20]], [[0.5], [0.5]])) == 2


def test_what_was_dropped_drops_nothing():
    """The third overlaps the second, which overlaps the first; the third and the first don't."""
    row = [[0, 0, 20, 20], [6, 0, 26, 20], [12, 0, 32, 20]]
    assert [one.box.x0 for one in found(row, [[0.75], [0.5], [0.25]])] == [0, 12]


def test_equal_scores_keep_their_order():
    boxes = [[x, 0, x + 5, 5] for x in range(0, 100, 10)]
    assert [one.box.x0 for one in found(boxes, [[0.5, 0.5]] * 10)] == [*range(0, 100, 10)]
    assert {one.label for one in found(boxes, [[0.5, 0.5]] * 10)} == {0}


def test_boxes_end_where_the_picture_does_and_what_is_outside_is_left_out():
    boxes = [[-20, -20, 20, 20], [90, 70, 300, 300], [100, 0, 120, 20], [-9, 5, -1, 9]]
    assert [one.box for one in found(boxes, [[0.75], [0.5], [0.25], [0.25]])] == [
        Box(0, 0, 20, 20),
        Box(90, 70, 100, 80),
    ]


@pytest.mark.parametrize(
    ("box", "score"),
    [
        ([0, 0, 20, 20], LEAST_SCORE / 2),
        ([0, 0, 20, 20], np.nan),
        ([0, 0, np.nan, 20], 0.5),
        ([20, 0, 10, 20], 0.5),
        ([0, 0, 0.5, 20], 0.5),
    ],
)
def test_noise_and_nonsense_are_left_out(box, score):
    assert found([box, [50, 50, 60, 60]], [[score], [0.5]]) == [
        Detection(0, 0.5, Box(50, 50, 60, 60))
    ]


def test_nothing_asked_or_guessed_is_nothing_found():
    assert best_detections(np.zeros((5, 4)), np.zeros((5, 0), np.float32), SIZE) == []
    assert best_detections(np.zeros((0, 4)), np.zeros((0, 3), np.float32), SIZE) == []


def test_there_is_an_end():
    boxes = [[x, y, x + 2, y + 2] for x in range(0, 100, 3) for y in range(0, 78, 3)]
    assert len(found(boxes, [[0.5]] * len(boxes))) == MOST
