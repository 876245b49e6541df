"""No cutout and no background is used more often than was allowed, whoever plans what first."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infgen.records.errors import InputError
from infgen.records.specs import RangeSize
from tests.asked import a_class, background, percent, picture, pictures, planner

TINY = RangeSize(percent(1, 2), percent(1, 2))


def plans(one):
    return [one.plan(index) for index in range(one.count)]


def uses(made, of=lambda thing: thing.cutout):
    return Counter(of(thing) for plan in made for thing in plan.objects)


def coins(number=6, appear=(0, 3), name="coin", **fields):
    return a_class(name, appear, cutouts=pictures(number, name), size=TINY, **fields)


# ---- cutouts -------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 60), st.integers(0, 99), st.sampled_from([0.0, 0.3]))
def test_no_cutout_is_used_twice_before_all_have_been_once(number, images, seed, val_frac):
    made = plans(
        planner(background(10, *pictures(10)), coins(number), images=images, seed=seed,
                val_frac=val_frac, max_uses=10_000, max_overlap=1)
    )  # fmt: skip
    for split in ("train", "val"):
        mine = uses(plan for plan in made if plan.split == split)
        pool = set(mine)
        assert not mine or max(mine.values()) <= -(-mine.total() // max(len(pool), 1))


def test_a_cap_is_kept_and_one_less_refused():
    table = (background(30), coins(6, (0, 4)))
    most = max(uses(plans(planner(*table, max_uses=10_000, max_overlap=1, val_frac=0))).values())
    kept = plans(planner(*table, max_uses=most, max_overlap=1, val_frac=0))
    assert max(uses(kept).values()) == most
    with pytest.raises(InputError, match="--max-uses") as error:
        planner(*table, max_uses=most - 1, max_overlap=1, val_frac=0)
    total = uses(kept).total()
    assert f"'coin' is to be pasted {total} times from 6 cutouts" in str(error.value)
    assert "lower --images to about" in str(error.value)


def test_objects_without_room_leave_the_cap_kept():
    crowd = a_class(
        "crowd", (9, 9), cutouts=pictures(9), size=RangeSize(percent(60, 60), percent(60, 60))
    )
    one = planner(background(20), crowd, max_uses=20, max_overlap=0, val_frac=0)
    assert max(uses(plans(one)).values()) <= 20


def test_every_order_and_every_process_plans_alike_and_boxes_stay():
    table = (background(12, *pictures(6)), (coins(5), coins(7, (1, 2), "note")))
    free, one = planner(*table), planner(*table, max_uses=50)
    in_order = plans(one)
    assert [one.plan(n) for n in reversed(range(one.count))][::-1] == in_order
    assert pickle.loads(pickle.dumps(one)).plan(7) == in_order[7]
    for plan, other in zip(in_order, plans(free), strict=True):
        assert [thing.box for thing in plan.objects] == [thing.box for thing in other.objects]
        assert plan.decoys == other.decoys
    few = plans(planner(*table, max_uses=50, images=5, val_frac=0))
    many = plans(planner(*table, max_uses=50, images=12, val_frac=0))
    assert few == many[:5]


def test_one_file_in_two_rows_counts_for_both():
    same = (coins(3, (1, 1)), a_class("twin", (1, 1), cutouts=pictures(3, "coin"), size=TINY))
    made = plans(planner(background(30), same, max_uses=20, val_frac=0, max_overlap=1))
    assert max(uses(made).values()) == 20
    with pytest.raises(InputError, match="is a cutout of several classes"):
        planner(background(30), same, max_uses=19, val_frac=0)


def test_all_classes_that_lack_cutouts_are_named_at_once():
    with pytest.raises(InputError) as error:
        planner(
            background(40),
            (coins(2), coins(1, (2, 2), "note"), coins(90, (1, 1), "many")),
            max_uses=5,
        )
    assert len(str(error.value).splitlines()) == 2
    assert "'coin'" in str(error.value) and "'note'" in str(error.value)


def test_inpainted_objects_have_no_cap():
    assert planner(background(40), coins(1), method="inpaint", max_uses=1).plan(3)


# ---- backgrounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("per_background", [1, 4])
def test_backgrounds_are_refused_with_the_number_that_is_possible(per_background):
    table = (background(30, *pictures(7)),)
    more = {"per_background": per_background, "val_frac": 0}
    with pytest.raises(InputError, match="--max-background-uses 3") as error:
        planner(*table, images=100, max_background_uses=3, **more)
    possible = int(str(error.value).rsplit(" ", 1)[1])
    made = plans(planner(*table, images=possible, max_background_uses=3, **more))
    assert max(Counter(plan.background.picture for plan in made).values()) == 3
    with pytest.raises(InputError, match=f"lower --images to {possible}"):
        planner(*table, images=possible + 1, max_background_uses=3, **more)


def test_one_background_under_two_names_counts_as_one():
    same = [picture(f"copy{number}.png", "content") for number in range(4)]
    with pytest.raises(InputError, match="lower --images to 2"):
        planner(background(4, *same), max_background_uses=2)
