"""The full grid: every combination once, each found by its index alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.grid import GridPlanner, GridSettings
from infgen.ops.looks import LookSettings
from infgen.ops.planning import Planner, PlanSettings
from infgen.ops.plans import Plans
from infgen.records.errors import InputError
from infgen.records.plan import ImagePlan
from infgen.records.specs import RangeSize, Request
from tests.asked import a_class, background, percent, picture, pictures, planner

CANVAS = (160, 120)


def grid(
    scenes: int = 4, cutouts: int = 3, placements: int = 2, plain: int = 0, **settings: Any
) -> GridPlanner:
    rows = [background(scenes, *pictures(scenes, "scene"))]
    if plain:
        rows.append(background(plain, plain="plain"))
    classes = (
        a_class("coin", cutouts=pictures(cutouts, "coin")),
        a_class("note", cutouts=pictures(1, "note"), mirror=False),
    )
    request = Request(tuple(rows), classes)
    return GridPlanner(request, PlanSettings(**settings), GridSettings(True, placements), CANVAS)


def plans(planner: Plans) -> list[ImagePlan]:
    return [planner.plan(index) for index in range(planner.count)]


def test_it_has_every_combination_once_each_with_one_object() -> None:
    full = grid(scenes=4, cutouts=3, placements=2, plain=2)
    assert full.count == (4 + 2) * (3 + 1) * 2 * 2
    made = plans(full)
    shown = Counter(
        (one.background.number, o.cutout, o.mirror) for one in made for o in one.objects
    )
    assert len(shown) == 6 * 4 * 2
    assert set(shown.values()) == {2}
    assert all(len(one.objects) == 1 and not one.decoys for one in made)
    assert len({one.objects[0].box for one in made}) == full.count  # each at a place of its own
    assert len({full.cell(index) for index in range(full.count)}) == full.count


def test_a_row_that_asks_for_nothing_gives_nothing_and_pictures_count_once() -> None:
    rows = (background(0, *pictures(3, "unused")), background(9, *pictures(2, "used")))
    request = Request(rows, (a_class(cutouts=pictures(1)),))
    full = GridPlanner(request, PlanSettings(), GridSettings(True, 1), CANVAS)
    seen = [one.background.picture for one in plans(full)]
    assert Counter(seen) == {"used0.png": 2, "used1.png": 2}


@given(
    scenes=st.integers(1, 5),
    cutouts=st.integers(1, 4),
    placements=st.integers(1, 4),
    die=st.floats(0, 1, exclude_max=True),
)
def test_cells_are_the_index_in_other_words(
    scenes: int, cutouts: int, placements: int, die: float
) -> None:
    full = grid(scenes, cutouts, placements)
    index = int(die * full.count)
    cell = full.cell(index)
    again = (cell.background * len(full.foregrounds) + cell.foreground) * 2 + cell.flip
    assert again * placements + cell.placement == index
    plan = full.plan(index)
    class_id, cutout = full.foregrounds[cell.foreground]
    [one] = plan.objects
    assert (one.class_id, one.cutout, one.mirror) == (class_id, cutout.name, bool(cell.flip))
    assert plan.background.number == cell.background == index // full.layouts


def test_a_background_is_the_same_in_all_its_pictures() -> None:
    full = grid()
    scenes = {one.background.number: one.background for one in plans(full)}
    assert all(one.background == scenes[one.background.number] for one in plans(full))
    assert not any(scene.flip for scene in scenes.values())


def test_boxes_are_drawn_as_the_class_says() -> None:
    size = RangeSize(percent(30, 40), percent(50, 60))
    spec = a_class(cutouts=pictures(1), size=size, x_range=(0.2, 0.5), y_range=(0.4, 0.6))
    request = Request((background(1, *pictures(5)),), (spec,))
    for one in plans(GridPlanner(request, PlanSettings(), GridSettings(True), (200, 100))):
        box = one.objects[0].box
        assert 59.99 <= box.width <= 80.01
        assert 49.99 <= box.height <= 60.01
        assert 39.99 <= box.center[0] <= 100.01
        assert 39.99 <= box.center[1] <= 60.01


def test_an_object_that_finds_no_room_is_dropped_by_name() -> None:
    size = RangeSize(percent(90, 90), percent(90, 90))
    spec = a_class(cutouts=pictures(1), size=size, x_range=(0.1, 0.1))
    request = Request((background(1, *pictures(1)),), (spec,))
    one = GridPlanner(request, PlanSettings(), GridSettings(True), CANVAS).plan(0)
    assert not one.objects
    assert "no room" in one.dropped[0].reason


def test_it_is_the_same_every_time_and_another_with_another_seed() -> None:
    assert plans(grid(seed=3)) == plans(grid(seed=3))
    assert plans(grid(seed=3)) != plans(grid(seed=4))
    few, many = grid(placements=2), grid(placements=2, plain=3)
    one, other = (
        [(plan.background, plan.objects) for plan in plans(full)[:16]] for full in (few, many)
    )
    assert one == other, "what follows changes nothing before"


def test_no_look_and_no_finish_moves_a_box() -> None:
    looks = LookSettings(("poisson", "feather"), ("lighting",), 1.0)
    one = grid(degrade=0)
    other = GridPlanner(one.request, PlanSettings(degrade=1), one.grid, CANVAS, looks)
    for plan, same in zip(plans(one), plans(other), strict=True):
        assert plan.objects[0].box == same.objects[0].box
        assert plan.finish is None
        assert same.finish is not None


def test_splits_share_no_background_file() -> None:
    rows = (background(1, *pictures(6, "a")), background(1, picture("copy", content="a0.png")))
    request = Request(rows, (a_class(cutouts=pictures(2)),))
    full = GridPlanner(request, PlanSettings(val_frac=0.3), GridSettings(True, 2), CANVAS)
    files = {
        split: {one.background.picture for one in plans(full) if one.split == split}
        for split in full.splits
    }
    assert full.splits == ("train", "val")
    assert not files["train"] & files["val"]
    assert {"a0.png", "copy"} <= files["train"] or {"a0.png", "copy"} <= files["val"]
    assert len(files["val"]) == 2


def test_it_says_what_the_tables_dont_allow() -> None:
    alone = grid(scenes=1)
    assert alone.splits == ("train",)
    assert any("single background" in note for note in alone.notes)
    assert any("note" in note and "mirror" in note for note in alone.notes)
    request = Request((background(1, *pictures(4)),), (a_class(),))
    assert GridPlanner(request, PlanSettings(), GridSettings(True), CANVAS).notes == ()
    heavy = a_class("heavy", cutouts=pictures(1, "heavy"), weight=3.0)
    request = Request((background(1, *pictures(4)),), (heavy,))
    [note] = GridPlanner(request, PlanSettings(), GridSettings(True), CANVAS).notes
    assert "heavy" in note and "weight" in note


def test_what_would_make_another_number_of_pictures_is_refused_at_once() -> None:
    with pytest.raises(InputError) as error:
        grid(images=5, per_background=2)
    assert "--images" in str(error.value)
    assert "--per-background" in str(error.value)


def test_nothing_and_too_much_are_refused() -> None:
    empty = Request((background(1, *pictures(1)),), (a_class(appear=(0, 0), cutouts=()),))
    with pytest.raises(InputError, match="nothing to combine"):
        GridPlanner(empty, PlanSettings(), GridSettings(True), CANVAS)
    with pytest.raises(InputError, match="lower --placements"):
        grid(scenes=200, cutouts=200, placements=1000)
    with pytest.raises(InputError, match="--blend"):
        GridPlanner(
            grid().request, PlanSettings(), GridSettings(True), CANVAS, LookSettings(("frayed",))
        )


@pytest.mark.parametrize("index", [-1, 64])
def test_there_is_no_picture_beyond_it(index: int) -> None:
    assert grid().count == 64
    with pytest.raises(IndexError, match="64"):
        grid().plan(index)


def test_both_planners_say_how_many_pictures_a_background_has() -> None:
    random: Planner = planner(background(3, *pictures(3)), a_class(), per_background=5)
    for one in (random, grid()):
        numbers = Counter(plan.background.number for plan in plans(one))
        assert set(numbers.values()) == {one.layouts}
        assert one.most_objects >= max(len(plan.objects) for plan in plans(one))
