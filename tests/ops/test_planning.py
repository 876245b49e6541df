"""What the dice decide: the same for everybody, within what was asked, and no more."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.augment.recipe import recipe_of
from infgen.ops.dealing import ENOUGH_TO_SHARE
from infgen.ops.framing import cover_size
from infgen.ops.given import pack
from infgen.ops.looks import LookSettings
from infgen.ops.mattes import FEATHERS
from infgen.ops.planning import MOST_PICTURES, Planner, PlanSettings
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.labelled import Given, LabelledObject
from infgen.records.plan import Finish, ImagePlan
from infgen.records.specs import RangeSize, Request
from tests.asked import a_class, aspect, background, percent, picture, pictures, planner

ROOT = Path(__file__).resolve().parents[2]


def plans(planner):
    return [planner.plan(index) for index in range(planner.count)]


def typical(**settings):
    """Two rows of backgrounds, one of pictures and one made, and two classes."""
    return planner(
        (background(12, *pictures(10, "scene")), background(6, plain="plain:noise")),
        (
            a_class("coin", (0, 4), cutouts=pictures(8, "coin")),
            a_class("note", (1, 2), size=aspect(0.5, 2), cutouts=pictures(8, "note")),
        ),
        **settings,
    )


def stripped(plan):
    """The plan without what follows from its split."""
    objects = [(thing.class_id, thing.box, thing.mirror) for thing in plan.objects]
    return plan.index, plan.background, objects, plan.dropped


# ---- alike everywhere ----------------------------------------------------------------------------


def test_the_order_in_which_pictures_are_asked_for_changes_nothing():
    in_order = plans(typical())
    one = typical()
    backwards = [one.plan(index) for index in reversed(range(one.count))][::-1]
    assert in_order == backwards
    assert typical().plan(7) == in_order[7]
    assert pickle.loads(pickle.dumps(one)).plan(7) == in_order[7]  # as in a worker process


def test_the_plan_that_every_machine_and_version_must_make():
    """Datasets that were begun with another version are resumed only while this holds: whoever
    changes it on purpose raises RECIPE in batch/fingerprint.py."""
    plan = typical().plan(3)
    assert (plan.split, plan.background.picture) == ("train", "scene9.png")
    assert [(thing.cutout, thing.mirror, *thing.box.xyxy) for thing in plan.objects] == [
        ("note1.png", True, 103.03, 64.46, 197.32, 178.49),
        ("note5.png", False, 154.48, 40.91, 264.74, 120.07),
    ]
    assert [thing.look.blend for thing in plan.objects] == ["choke", "feather"]
    assert plan.finish == Finish(0.445, 2.0, (473, 1), 1)


def test_other_processes_plan_alike():
    """Python shuffles the order of its sets from process to process; plans must not notice."""
    code = ("import sys, msgspec; from tests.ops.test_planning import plans, typical; "
            "sys.stdout.buffer.write(msgspec.json.encode(plans(typical(images=40))))")  # fmt: skip
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("1", "2")
    }  # fmt: skip
    assert outputs == {msgspec.json.encode(plans(typical(images=40)))}


def test_seeds_give_other_layouts_crops_and_deals():
    first, second = (plans(typical(seed=seed, canvas=(200, 240))) for seed in (0, 1))
    assert all(a.objects != b.objects for a, b in zip(first, second, strict=True) if a.objects)
    assert [a.background.picture for a in first] != [b.background.picture for b in second]
    assert [a.background.offset for a in first] != [b.background.offset for b in second]


def test_a_plan_comes_back_from_json_as_it_was():
    for plan in plans(typical(max_overlap=0.0, images=30)):
        assert msgspec.json.decode(msgspec.json.encode(plan), type=ImagePlan) == plan


@pytest.mark.parametrize(
    ("method", "blends"), [("paste", LookSettings().blend), ("inpaint", FEATHERS)]
)
def test_every_blend_is_drawn_as_often_for_objects_and_decoys(method, blends):
    one = planner(background(800, plain="plain"), a_class("coin", (1, 2)), method=method, decoys=1)
    for of in ("objects", "decoys"):
        drawn = Counter(thing.look.blend for plan in plans(one) for thing in getattr(plan, of))
        assert set(drawn) == set(blends)
        fair = drawn.total() / len(blends)
        assert all(abs(count - fair) < 5 * fair**0.5 for count in drawn.values())


def test_the_finish_is_drawn_apart_from_everything_else():
    strong, none = (plans(typical(degrade=strength)) for strength in (1, 0))
    assert all(plan.finish is None for plan in none)
    assert len({plan.finish for plan in strong}) == len(strong)
    assert [msgspec.structs.replace(plan, finish=None) for plan in strong] == none


# ---- how many ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "count"),
    [({}, 18), ({"per_background": 3}, 54), ({"images": 7}, 7), ({"images": 100}, 100),
     ({"images": 7, "per_background": 3}, 7)],
)  # fmt: skip
def test_the_number_of_pictures(settings, count):
    one = typical(**settings)
    assert one.count == count
    assert [plan.index for plan in plans(one)] == list(range(count))
    for index in (-1, count):
        with pytest.raises(IndexError):
            one.plan(index)


@pytest.mark.parametrize("per_background", [1, 3])
def test_more_pictures_leave_those_before_as_they_are(per_background):
    few, many = (plans(typical(images=n, per_background=per_background)) for n in (11, 60))
    assert list(map(stripped, few)) == list(map(stripped, many[:11]))
    few, many = (plans(typical(images=n, val_frac=0)) for n in (11, 60))
    assert few == many[:11]


def test_nothing_to_make_and_far_too_much_are_refused():
    with pytest.raises(InputError, match="no picture"):
        planner(background(0))
    for settings in ({"images": MOST_PICTURES + 1}, {"per_background": MOST_PICTURES}):
        with pytest.raises(InputError, match="too many"):
            planner(background(2), **settings)
    with pytest.raises(InputError, match="too many"):
        planner(background(10**9), images=1)


def test_layouts_share_their_background_and_nothing_else():
    shared = plans(typical(per_background=4))
    for first in range(0, len(shared), 4):
        group = shared[first : first + 4]
        assert len({plan.background for plan in group}) == 1
        assert len({plan.split for plan in group}) == 1
        assert len({str(plan.objects) for plan in group}) == 4
    assert len({plan.background.number for plan in shared}) == 18


# ---- objects -------------------------------------------------------------------------------------


def test_counts_fill_min_to_max_appear():
    classes = tuple(
        a_class(name, appear, size=RangeSize(percent(2, 3), percent(2, 3)))
        for name, appear in (("a", (0, 2)), ("b", (1, 4)), ("c", (3, 3)), ("never", (0, 0)))
    )
    counts = [
        Counter(thing.class_id for thing in plan.objects)
        for plan in plans(planner(background(300), classes, max_overlap=1))
    ]
    for class_id, values in enumerate([{0, 1, 2}, {1, 2, 3, 4}, {3}, {0}]):
        seen = Counter(count[class_id] for count in counts)
        assert set(seen) == values
        assert min(seen.values()) > 0.7 * 300 / len(values)


def test_every_class_may_lie_on_top():
    classes = tuple(a_class(name, (1, 1)) for name in "abc")
    tops = Counter(plan.objects[-1].class_id for plan in plans(planner(background(150), classes)))
    assert set(tops) == {0, 1, 2} and min(tops.values()) > 30


def test_objects_without_room_are_named_with_the_reason():
    crowd = a_class("crowd", (9, 9), size=RangeSize(percent(60, 60), percent(60, 60)))
    for plan in plans(planner(background(5), crowd, max_overlap=0)):
        assert len(plan.objects) == 1 and len(plan.dropped) == 8
        assert {(one.class_id, one.reason, one.box) for one in plan.dropped} == {
            (0, "no room in 64 tries", None)
        }


def test_max_overlap_reaches_the_boxes():
    crowd = a_class("crowd", (6, 6), size=RangeSize(percent(20, 40), percent(20, 40)))
    apart = [plan.objects for plan in plans(planner(background(20), crowd, max_overlap=0))]
    assert not any(a.box.intersect(b.box) for objects in apart for a in objects for b in objects
                   if a is not b)  # fmt: skip
    free = [plan.objects for plan in plans(planner(background(20), crowd, max_overlap=1))]
    assert all(len(objects) == 6 for objects in free)
    assert any(a.box.intersect(b.box) for objects in free for a in objects for b in objects
               if a is not b)  # fmt: skip


def test_pictures_without_objects_are_pictures():
    for classes in ((), a_class("rare", (0, 0), cutouts=())):
        for plan in plans(planner(background(3), classes)):
            assert plan.objects == plan.dropped == ()


def test_every_cutout_is_used_and_named_only_where_it_is_pasted():
    made = plans(planner(background(80), a_class(cutouts=pictures(4))))
    used = Counter(thing.cutout for plan in made for thing in plan.objects)
    assert sorted(used) == [f"file{number}.png" for number in range(4)]
    for plan in plans(planner(background(20), a_class(), method="inpaint")):
        assert {(thing.method, thing.cutout, thing.mirror) for thing in plan.objects} <= {
            ("inpaint", "", False)
        }


@pytest.mark.parametrize(("flip_frac", "low", "high"), [(0, 0, 0), (0.5, 0.4, 0.6), (1, 1, 1)])
def test_flip_frac_mirrors_that_share_of_backgrounds_and_cutouts(flip_frac, low, high):
    classes = (a_class("turns", (2, 2)), a_class("reads", (2, 2), mirror=False))
    made = plans(planner(background(200, *pictures(3)), classes, flip_frac=flip_frac))
    things = [thing for plan in made for thing in plan.objects]
    assert low <= np.mean([plan.background.flip for plan in made]) <= high
    assert low <= np.mean([thing.mirror for thing in things if thing.class_id == 0]) <= high
    assert not any(thing.mirror for thing in things if thing.class_id == 1)


def test_the_number_of_cutouts_does_not_move_boxes():
    few, many = (
        plans(
            planner(background(20), (a_class("a", (2, 2), cutouts=pictures(count)), a_class("b")))
        )
        for count in (1, 300)
    )
    assert list(map(stripped, few)) == list(map(stripped, many))


# ---- backgrounds ---------------------------------------------------------------------------------


@given(*[st.integers(1, 20000)] * 2, *[st.integers(16, 16384)] * 2)
def test_cover_size_just_covers(width, height, canvas_width, canvas_height):
    size, canvas = (width, height), (canvas_width, canvas_height)
    scaled = cover_size(size, canvas)
    assert scaled[0] >= canvas[0] and scaled[1] >= canvas[1]
    assert scaled[0] == canvas[0] or scaled[1] == canvas[1]
    scale = max(canvas[0] / width, canvas[1] / height)
    assert abs(scaled[0] - width * scale) <= 1 and abs(scaled[1] - height * scale) <= 1


def test_crops_reach_from_edge_to_edge():
    wide = picture("wide.png", size=(1000, 100))
    backgrounds = [
        plan.background for plan in plans(planner(background(400, wide), canvas=(50, 50)))
    ]
    assert {one.scaled_size for one in backgrounds} == {(500, 50)}
    xs, ys = zip(*(one.offset for one in backgrounds), strict=True)
    assert min(xs) >= 0 and max(xs) <= 450 and set(ys) == {0}
    assert min(xs) < 20 and max(xs) > 430
    assert np.mean(xs) == pytest.approx(225, abs=30)


def test_made_backgrounds_have_seeds_of_their_own():
    made = [plan.background for plan in plans(planner(background(50, plain="plain")))]
    assert len({one.seed for one in made}) == 50
    assert {one.plain for one in made} == {"plain"}


# ---- splits --------------------------------------------------------------------------------------


def splits_by(made, key):
    """The set of splits in which each key appears."""
    seen: dict = {}
    for plan in made:
        seen.setdefault(key(plan), set()).add(plan.split)
    return seen


@pytest.mark.parametrize("per_background", [1, 4])
def test_val_gets_its_share_and_no_background_twice(per_background):
    one = planner(background(100, *pictures(50)), per_background=per_background)
    made = plans(one)
    assert one.splits == ("train", "val") and one.notes == ()
    assert np.mean([plan.split == "val" for plan in made]) == pytest.approx(0.1, abs=0.01)
    seen = splits_by(made, lambda plan: plan.background.picture)
    assert len(seen) == 50 and all(len(splits) == 1 for splits in seen.values())


def test_one_file_under_two_names_and_in_two_rows_is_one_background():
    same = [picture(f"copy{number}.png", f"content {number % 10}") for number in range(20)]
    one = planner((background(40, *same), background(15, *same[5:12])), val_frac=0.3)
    content = {file.name: file.sha256 for file in same}
    seen = splits_by(plans(one), lambda plan: content[plan.background.picture])
    assert len(seen) == 10 and all(len(splits) == 1 for splits in seen.values())
    assert {split for splits in seen.values() for split in splits} == {"train", "val"}


def test_made_scenes_are_backgrounds_of_their_own():
    made = plans(planner(background(60, plain="plain"), val_frac=0.25))
    assert sum(plan.split == "val" for plan in made) == 15


def test_a_single_background_is_all_train_and_says_so():
    for files in ((picture("a.png"),), (picture("a.png"), picture("b.png", "a.png"))):
        one = planner(background(30, *files))
        assert one.splits == ("train",)
        assert {plan.split for plan in plans(one)} == {"train"}
        assert len(one.notes) == 1 and "single background" in one.notes[0]


def test_too_few_backgrounds_for_the_share_say_so():
    one = planner(background(30, *pictures(3)), val_frac=0.1)
    assert sum(plan.split == "val" for plan in plans(one)) == 10
    assert len(one.notes) == 1 and "33% of the pictures instead of 10%" in one.notes[0]


def test_no_val_wanted_no_val_made():
    one = planner(background(30, *pictures(1)), val_frac=0)
    assert one.splits == ("train",) and one.notes == ()


def test_splits_name_what_holds_pictures():
    for settings in ({"images": 1}, {"images": 2}, {"images": 500}, {"val_frac": 0.9}):
        one = typical(**settings)
        assert set(one.splits) == {plan.split for plan in plans(one)}


def test_splits_use_other_cutouts_where_there_are_enough():
    enough = a_class("enough", (2, 2), cutouts=pictures(ENOUGH_TO_SHARE, "e"))
    scarce = a_class("scarce", (2, 2), cutouts=pictures(ENOUGH_TO_SHARE - 1, "s"))
    absent = a_class("absent", (0, 0), cutouts=pictures(1, "n"))
    one = planner(background(200), (enough, scarce, absent), val_frac=0.3)
    seen: dict[str, set[str]] = {}
    for plan in plans(one):
        for thing in plan.objects:
            seen.setdefault(thing.cutout, set()).add(plan.split)
    assert all(len(splits) == 1 for name, splits in seen.items() if name[0] == "e")
    assert all(len(splits) == 2 for name, splits in seen.items() if name[0] == "s")
    assert len(seen) == 2 * ENOUGH_TO_SHARE - 1
    assert len(one.notes) == 1 and "same cutouts of scarce:" in one.notes[0]


def test_without_val_train_uses_every_cutout():
    one = planner(background(100, *pictures(1)), a_class(cutouts=pictures(10, "c")))
    assert len({thing.cutout for plan in plans(one) for thing in plan.objects}) == 10


# ---- speed ---------------------------------------------------------------------------------------


def test_ten_thousand_plans_take_seconds():
    one = typical(images=1000)
    began = time.process_time()
    plans(one)
    assert time.process_time() - began < 1.0  # 0.1 s on two shared cores


# ---- decoys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_decoys_stand_beside_the_asked_share_of_the_objects(share):
    made = plans(typical(decoys=share, images=400))
    objects = sum(len(plan.objects) for plan in made)
    decoys = sum(len(plan.decoys) for plan in made)
    # some find no room beside all else
    assert 0.75 * share * objects <= decoys <= (share + 0.05) * objects


def test_decoys_lie_on_no_object_and_on_no_other_decoy():
    for plan in plans(typical(decoys=1.0, images=100)):
        boxes = [one.box for one in plan.decoys]
        for number, box in enumerate(boxes):
            assert all(box.intersect(one.box) is None for one in plan.objects)
            assert all(box.intersect(other) is None for other in boxes[:number])
            assert plan.decoys[number].class_id in {one.class_id for one in plan.objects}


def test_decoys_change_no_layout():
    without, some = (plans(typical(decoys=share, images=60)) for share in (0.0, 0.7))
    assert [(p.objects, p.background) for p in without] == [(p.objects, p.background) for p in some]


def test_a_painted_decoy_has_the_words_of_its_scene():
    one = planner(background(40), a_class("cow", (2, 2)), method="inpaint", decoys=1.0)
    decoys = [decoy for plan in plans(one) for decoy in plan.decoys]
    assert decoys and {decoy.prompt for decoy in decoys} == {"a scene"}
    assert len({decoy.seed for decoy in decoys}) == len(decoys)


def test_what_is_for_pasted_objects_alone_is_told_where_they_are_inpainted():
    request = Request((background(9, *pictures(5)),), (a_class(),))
    recipe = recipe_of({"objects": {"mirror": {}}, "pictures": {"mirror": {}}})

    def told(method, looks, recipe, **settings):
        asked = PlanSettings(**settings)
        notes = Planner(request, asked, (method,), (320, 240), looks, recipe=recipe).notes
        return [flag for flag in ("--blend", "--augment", "--max-uses") for note in notes
                if note.startswith(flag)]  # fmt: skip

    shadows = LookSettings(shadow_frac=0.5)
    asked = (shadows, recipe)
    assert told("inpaint", *asked, max_uses=99) == ["--blend", "--augment", "--max-uses"]
    assert told("paste", *asked, max_uses=99) == []
    assert told("inpaint", LookSettings(), recipe_of({"pictures": {"mirror": {}}})) == []


def test_what_is_not_to_be_mirrored_is_turned_over_by_no_recipe():
    always = {name: {"probability": 1} for name in ("mirror", "flip", "brightness")}
    recipe = recipe_of({"objects": always, "pictures": always})
    classes = (a_class("sign", (0, 1), mirror=False), a_class("ball", (0, 1)))
    request = Request((background(40, *pictures(5)),), classes)
    one = Planner(request, PlanSettings(), ("paste",) * 2, (320, 240), recipe=recipe)
    seen = set()
    for plan in plans(one):
        signs = any(thing.class_id == 0 for thing in plan.objects)
        seen.add(signs)
        names = [change.name for change in plan.changes]
        assert names == ["brightness"] if signs else names == ["mirror", "flip", "brightness"]
        for thing in plan.objects:
            turned = {change.name for change in thing.look.changes} & {"mirror", "flip"}
            assert bool(turned) == (thing.class_id == 1)
    assert seen == {True, False}


# ---- what must not be mirrored -------------------------------------------------------------------


def over_a_labelled_scene(mirror: bool) -> list[ImagePlan]:
    """Plans on a picture that shows a thing with a label, whose class may be mirrored or not."""
    scene = picture("street.jpg", size=(320, 240))
    label = LabelledObject(0, Box(20, 30, 60, 70))
    given = Given((0,), {scene.name: pack(scene.size, [label])}, 1, 1)
    sign = a_class("sign", appear=(0, 0), mirror=mirror)
    request = Request((background(40, scene),), (sign,), given)
    always = {"probability": 1}
    recipe = recipe_of({"pictures": {"mirror": always, "brightness": always}})
    one = Planner(request, PlanSettings(), ("paste",), (320, 240), recipe=recipe)
    return [one.plan(index) for index in one.indices]


def test_labelled_scenes_are_mirrored_only_where_what_they_show_may_be() -> None:
    free, bound = over_a_labelled_scene(True), over_a_labelled_scene(False)
    assert {plan.background.flip for plan in free} == {True, False}
    assert {change.name for plan in free for change in plan.changes} == {"mirror", "brightness"}
    assert {plan.background.flip for plan in bound} == {False}
    assert {change.name for plan in bound for change in plan.changes} == {"brightness"}
    assert {plan.given[0].box for plan in bound} == {Box(20, 30, 60, 70)}
