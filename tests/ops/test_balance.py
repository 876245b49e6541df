"""Weights and balance, judged by plans alone: how many objects of each class they hold."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from infgen.ops.balance import odds_of
from infgen.ops.given import pack
from infgen.ops.planning import Planner, PlanSettings
from infgen.records.box import Box
from infgen.records.labelled import Given, LabelledObject
from infgen.records.specs import RangeSize, Request
from tests.asked import a_class, background, percent, pictures, planner

DICE = (np.arange(2000) + 0.5) / 2000
TINY = RangeSize(percent(1, 2), percent(1, 2))


def some(*rows, weights=None):
    """Classes with these ranges, so small that there is room for all."""
    weights = weights or (1.0,) * len(rows)
    return tuple(
        a_class(f"c{number}", row, size=TINY, weight=weight)
        for number, (row, weight) in enumerate(zip(rows, weights, strict=True))
    )


def labelled_planner(classes, counts, images=1500, **settings):
    """A planner of backgrounds that bring along `counts[c]` labels of class c each."""
    files = pictures(4, "scene")
    labels = [LabelledObject(c, Box(1, 1, 30, 30)) for c, n in enumerate(counts) for _ in range(n)]
    packed = {file.name: pack(file.size, labels) for file in files}
    shown = Given(tuple(range(len(counts))), packed, len(labels))
    request = Request((background(4, *files),), classes, shown)
    asked = PlanSettings(images=images, max_overlap=1, val_frac=0, **settings)
    return Planner(request, asked, ("paste",) * len(classes), (400, 300))


def means(planner):
    """Objects a picture of each class that are painted, and labels in all."""
    painted, labels = Counter[int](), Counter[int]()
    for index in range(planner.count):
        plan = planner.plan(index)
        assert not plan.dropped
        painted.update(one.class_id for one in plan.objects)
        labels.update(one.class_id for one in (*plan.objects, *plan.given))
    classes = range(len(planner.request.classes))
    return tuple([counts[c] / planner.count for c in classes] for counts in (painted, labels))


# ---- odds ----------------------------------------------------------------------------------------


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1))
def test_odds_come_to_their_mean_within_the_range(low, more, part):
    high = low + more
    mean = part * high
    odds = odds_of(mean, (low, high))
    counts = [odds.draw(die) for die in DICE.tolist()]
    assert abs(np.mean(counts) - mean) < 0.02
    assert max(counts) <= high and min(counts) >= min(low, int(mean))
    assert sorted(counts) != [] and all(isinstance(count, int) for count in counts)


@pytest.mark.parametrize("die", [0.0, 0.3, np.nextafter(0.3, 0), np.nextafter(1, 0)])
def test_no_die_leaves_the_range(die):
    for mean in (0.0, 0.3, 1.3, 2.0, 2.7, 4.0):
        assert 0 <= odds_of(mean, (0, 4)).draw(float(die)) <= 4


# ---- weights -------------------------------------------------------------------------------------


def test_a_weight_multiplies_how_often_a_class_appears():
    classes = some((0, 4), (0, 4), (1, 5), (2, 2), (0, 4), weights=(1.0, 0.5, 0.0, 0.25, 9.0))
    found, _ = means(planner(background(1500), classes, max_overlap=1))
    assert found == pytest.approx([2, 1, 0, 0.5, 4], abs=0.12)
    assert found[2] == 0 and found[4] == 4


def test_a_weight_of_one_changes_nothing_and_another_no_other_class():
    plain, weighted = (
        planner(background(60), some((0, 3), (1, 4), weights=weights), max_overlap=1)
        for weights in ((1.0, 1.0), (1.0, 0.0))
    )
    assert plain.plan(7) == planner(background(60), some((0, 3), (1, 4)), max_overlap=1).plan(7)
    for index in range(60):
        ours, theirs = (
            sum(one.class_id == 0 for one in each.plan(index).objects) for each in (plain, weighted)
        )
        assert ours == theirs


# ---- balance -------------------------------------------------------------------------------------


def test_rare_classes_catch_up_with_frequent_ones_and_there_are_as_many_in_all():
    classes = some((0, 6), (2, 8), (0, 4))
    even, _ = means(planner(background(1500), classes, max_overlap=1, balance=True))
    assert even == pytest.approx([10 / 3] * 3, abs=0.15)


def test_balance_goes_no_higher_than_max_appear():
    one = planner(background(1000), some((4, 8), (0, 1)), max_overlap=1, balance=True)
    found, _ = means(one)
    assert found[1] == 1 and found[0] == pytest.approx(5.5, abs=0.15)
    assert any("c1 (1) can't come to" in note and "raise max_appear" in note for note in one.notes)


def test_labels_of_the_backgrounds_count():
    one = labelled_planner(some((0, 3), (0, 3), (0, 3)), (1, 0, 0), balance=True)
    painted, labels = means(one)
    assert labels == pytest.approx([5.5 / 3] * 3, abs=0.12)
    assert painted[0] == pytest.approx(5.5 / 3 - 1, abs=0.12)
    assert not one.notes


def test_what_the_backgrounds_show_too_often_is_not_painted_and_told():
    classes = (*some((0, 3), (0, 3)), a_class("person", (0, 0)))
    one = labelled_planner(classes, (4, 0, 5), balance=True)
    painted, labels = means(one)
    assert painted == pytest.approx([0, 3, 0], abs=0.1)
    assert labels == pytest.approx([4, 3, 5], abs=0.1)
    assert any("c0 (4), person (5)" in note for note in one.notes)


def test_what_groups_bring_along_is_told_as_not_balanced():
    group = replace(pictures(1)[0], members=("c1", "cup"))
    classes = (a_class("c0", (0, 3), size=TINY, cutouts=(group,)), *some((0, 0), (0, 2)))
    for balance in (False, True):
        one = planner(background(50), classes, max_overlap=1, balance=balance)
        assert any("of c1, cup they bring along" in note for note in one.notes) == balance


def test_weights_are_the_shares_of_a_balanced_dataset():
    classes = some((0, 6), (0, 6), (0, 6), weights=(1.0, 2.0, 0.0))
    found, _ = means(planner(background(1500), classes, max_overlap=1, balance=True))
    # of weight 1, 2 and 0: 3 + min(6, 6) objects a picture without balance
    assert found == pytest.approx([3, 6, 0], abs=0.15)


def test_what_is_balanced_already_stays_as_it_is():
    plain, even = (
        planner(background(40), some((0, 3), (1, 2), (0, 3)), balance=balance)
        for balance in (False, True)
    )
    assert [plain.plan(n) for n in range(40)] == [even.plan(n) for n in range(40)]


def test_balance_without_anything_to_paint():
    for classes in ((), some((0, 0)), some((0, 3), weights=(0.0,))):
        assert not planner(background(3), classes, balance=True).plan(0).objects
