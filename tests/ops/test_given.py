"""What pasting leaves of the labels that a background brings along."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.given import Labels, Standing, labels_of, pack, unlabelled
from infgen.ops.rle import decode_rle, encode_rle
from infgen.records.box import Box
from infgen.records.labelled import Given, LabelledObject
from infgen.records.plan import BackgroundPlan
from infgen.records.verdict import Sighting

SIZE = (40, 30)
WHOLE = BackgroundPlan(0, 0, "a.png", SIZE)


def labels(*objects, class_ids=(0, 1), name="a.png", size=SIZE):
    return Labels(Given(class_ids, {name: pack(size, objects)}, len(objects)))


def rectangle(x0, y0, x1, y1, size=SIZE):
    mask = np.zeros(size[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def outlined(class_id, *xyxy, crowd=False):
    return LabelledObject(class_id, Box(*xyxy), encode_rle(rectangle(*xyxy)), crowd)


def boxed(class_id, *xyxy, crowd=False):
    return LabelledObject(class_id, Box(*xyxy), "", crowd)


def patch(x0, y0, x1, y1):
    return np.ones((y1 - y0, x1 - x0), bool), x0, y0


edges = st.tuples(st.integers(-5, 44), st.integers(-5, 34), st.integers(1, 30), st.integers(1, 30))


@given(st.lists(edges, max_size=4))
def test_a_label_is_what_nothing_covers(covers):
    [one] = labels(outlined(1, 8, 5, 30, 25)).standing(WHOLE, SIZE)
    expected = rectangle(8, 5, 30, 25)
    for x, y, width, height in covers:
        mask = np.ones((height, width), bool)
        assert one.touches(mask, x, y) == bool(
            expected[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)].any()
        )
        one.cover(mask, x, y)
        expected[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = False
    made = labels_of([one], SIZE)
    if not expected.any():
        assert made == []
        return
    [label] = made
    assert (decode_rle(label.rle, SIZE) == expected).all()
    assert label.area == expected.sum()
    assert (label.class_id, label.method, label.requested) == (1, "given", None)
    assert label.visible_frac == round(expected.sum() / 440, 4)
    rows, columns = np.nonzero(expected)
    tight = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert label.box == tight


@given(edges, st.floats(0, 1))
def test_it_is_spoiled_where_too_little_of_what_it_showed_would_be_left(place, min_visible):
    x, y, width, height = place
    mask = np.ones((height, width), bool)
    [one] = labels(outlined(0, 8, 5, 30, 25)).standing(WHOLE, SIZE)
    before = np.count_nonzero(one.visible)
    spoiled = one.spoiled_by(mask, x, y, min_visible)
    one.cover(mask, x, y)
    left = np.count_nonzero(one.visible)
    assert spoiled == (left < before and (left == 0 or left < min_visible * before))


def test_what_is_untouched_is_never_spoiled_and_a_crowd_never_at_all():
    [crowd] = labels(outlined(0, 8, 5, 30, 25, crowd=True)).standing(WHOLE, SIZE)
    everything = patch(0, 0, 40, 30)
    assert not crowd.spoiled_by(*everything, 1.0)
    crowd.cover(*everything)
    assert labels_of([crowd], SIZE) == []
    [half] = labels(outlined(0, 0, 0, 20, 30, crowd=True)).standing(WHOLE, SIZE)
    half.cover(*patch(0, 0, 10, 30))
    [label] = labels_of([half], SIZE)
    assert label.crowd and label.box == Box(10, 0, 20, 30)


def test_a_box_without_a_mask_stays_one_and_is_cut_back():
    [one] = labels(boxed(1, 8.25, 5.5, 30, 25)).standing(WHOLE, SIZE)
    [label] = labels_of([one], SIZE)
    assert (label.rle, label.box, label.visible_frac) == ("", Box(8.25, 5.5, 30, 25), 1.0)
    assert label.area == round(21.75 * 19.5)
    one.cover(*patch(15, 10, 20, 15))  # in the middle: the box is as large as before
    [label] = labels_of([one], SIZE)
    assert label.box == Box(8.25, 5.5, 30, 25) and 0.9 < label.visible_frac < 1
    one.cover(*patch(0, 0, 20, 30))
    [label] = labels_of([one], SIZE)
    assert label.box == Box(20, 5.5, 30, 25)
    assert label.visible_frac < 0.5


def test_the_window_cuts_labels_and_counts_what_is_beyond_it():
    plan = BackgroundPlan(0, 0, "a.png", SIZE, offset=(20, 0))
    canvas = (20, 30)
    shown = labels(
        outlined(0, 10, 0, 30, 10), boxed(1, 15, 10, 25, 20), outlined(1, 0, 0, 20, 30),
        boxed(0, 0, 0, 20, 30), boxed(0, 0, 0, 20.2, 30),
    )  # fmt: skip
    planned = [(one.class_id, one.box.xyxy) for one in shown.planned(plan, canvas)]
    assert planned == [(0, (0, 0, 10, 10)), (1, (0, 10, 5, 20))]
    made = labels_of(shown.standing(plan, canvas), canvas)
    assert [(one.class_id, one.box.xyxy, one.visible_frac) for one in made] == [
        (0, (0, 0, 10, 10), 0.5),
        (1, (0, 10, 5, 20), 0.5),
    ]


def test_larger_ones_come_first_so_that_a_mask_of_numbers_shows_what_lies_within():
    shown = labels(outlined(0, 12, 8, 16, 12), outlined(1, 8, 5, 30, 25))
    assert [one.class_id for one in shown.standing(WHOLE, SIZE)] == [1, 0]


def test_only_pictures_of_the_dataset_have_labels():
    shown = labels(
        outlined(0, 8, 5, 30, 25), boxed(0, 1, 1, 5, 5), boxed(1, 1, 1, 5, 5, crowd=True)
    )
    for plan in (BackgroundPlan(0, 0, "b.png", SIZE), BackgroundPlan(0, 0, plain="plain")):
        assert shown.planned(plan, SIZE) == () and shown.standing(plan, SIZE) == []
    assert len(shown.planned(WHOLE, SIZE)) == 3
    assert shown and not Labels(Given())


def test_a_sighting_of_a_labelled_object_is_none():
    standing = labels(boxed(0, 5, 5, 20, 20)).standing(WHOLE, SIZE)
    same, other, away = (
        Sighting(0, 0.9, Box(5, 5, 19, 20)),
        Sighting(1, 0.9, Box(5, 5, 19, 20)),
        Sighting(0, 0.9, Box(25, 5, 35, 20)),
    )
    assert unlabelled([same, other, away], standing) == (other, away)


def test_a_standing_object_s_own_mask_is_not_what_covers_eat():
    mask = np.ones((4, 4), bool)
    one = Standing(0, Box(0, 0, 4, 4), mask, 0, 0, 16, True, False)
    one.cover(mask, 2, 2)
    assert mask.all() and np.count_nonzero(one.visible) == 12
