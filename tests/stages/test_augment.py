"""Whole pictures changed: what is labelled before is labelled after, where it is seen."""

from __future__ import annotations

import dataclasses

import cv2
import msgspec
import numpy as np
import pytest

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.presets import PRESETS
from infgen.ops.augment.recipe import recipe_of
from infgen.ops.rle import decode_rle, encode_rle
from infgen.records.box import Box
from infgen.records.plan import Change, Look
from infgen.records.sample import Decoy, Instance, Sample
from infgen.stages.augment import GONE, augment
from infgen.stages.paste import Paste
from tests.ops.augment.drawing import iou
from tests.stages.pictures import by_name, image_plan, saved, thing

SIZE = (160, 120)


def instance(number, x0, y0, x1, y1, colour, canvas, rle=True):
    """A labelled rectangle, painted."""
    mask = np.zeros(SIZE[::-1], bool)
    mask[y0:y1, x0:x1] = True
    canvas[mask] = colour
    box = Box(x0, y0, x1, y1)
    area = (x1 - x0) * (y1 - y0)
    return Instance(number, number, box, box, encode_rle(mask) if rle else "", area, 0.8, "paste")


def sample(rle=True):
    canvas = np.zeros((*SIZE[::-1], 3), np.uint8)
    things = (
        instance(1, 10, 10, 60, 50, (250, 0, 0), canvas, rle),
        instance(2, 100, 60, 150, 110, (0, 250, 0), canvas, rle),
    )
    decoy = np.zeros(SIZE[::-1], bool)
    decoy[80:100, 20:50] = True
    return Sample(canvas, things, (), (Decoy(Box(20, 80, 50, 100), encode_rle(decoy), "paste"),))


def changed(*changes, of=None, min_visible=0.3):
    return augment(of or sample(), image_plan(SIZE, changes=changes), min_visible)


def red_and_green(canvas):
    return canvas[..., 0] > 125, canvas[..., 1] > 125


@pytest.mark.parametrize(
    "changes",
    [
        [Change("mirror")],
        [Change("rotate", {"degrees": 20.0}, "constant")],
        [Change("crop", {"keep": 0.8, "x": 0.5, "y": 0.5}), Change("shear", {"x": 9, "y": 4})],
        [Change("zoom", {"factor": 0.7, "stretch": 1.2}, "constant"), Change("flip")],
    ],
)
def test_labels_decoys_and_boxes_follow_the_pixels(changes):
    before, after = sample(), changed(*changes)
    for one, seen in zip(after.instances, red_and_green(after.canvas), strict=True):
        mask = decode_rle(one.rle, SIZE)
        assert iou(mask, seen) > 0.95
        ys, xs = np.nonzero(mask)
        assert one.box.xyxy == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert one.area == mask.sum()
        assert one.requested.iou(one.box) > 0.9  # a turned rectangle's box is that of its corners
    assert [one.id for one in after.instances] == [1, 2]
    [decoy] = after.decoys
    assert decode_rle(decoy.rle, SIZE).sum() > 0 and decoy.method == "paste"
    assert after.changes == tuple(changes) and after.canvas.shape == before.canvas.shape
    msgspec.json.encode(after.instances)  # no number of numpy's in it


def test_what_left_the_picture_is_told_as_dropped():
    after = changed(Change("shift", {"x": 0.4, "y": 0.0}, "constant"))  # 64 pixels
    assert [one.class_id for one in after.instances] == [1] and after.instances[0].id == 1
    [gone] = after.dropped
    assert (gone.class_id, gone.reason, gone.box) == (2, GONE, Box(100, 60, 150, 110))


def test_a_cut_off_object_shows_less_of_itself_and_its_request_is_cut_off_too():
    after = changed(Change("shift", {"x": -0.2, "y": 0.0}, "constant"))  # 32 pixels
    cut = after.instances[0]
    assert cut.box == Box(0, 10, 28, 50) == cut.requested
    assert cut.visible_frac == pytest.approx(0.8 * 28 / 50, abs=1e-3)


def test_repeated_objects_are_labelled_and_nobody_requested_them():
    after = changed(Change("shift", {"x": 0.25, "y": 0.0}, "reflect"))  # 40 pixels
    assert [one.class_id for one in after.instances] == [1, 2, 1]
    assert [one.requested is None for one in after.instances] == [False, False, True]
    for class_id, seen in zip((1, 2), red_and_green(after.canvas), strict=True):
        own = [one for one in after.instances if one.class_id == class_id]
        assert (sum(decode_rle(one.rle, SIZE) for one in own) == seen).all()


def test_classes_that_are_not_to_be_mirrored_are_not_by_the_fill_either():
    plan = image_plan(SIZE, changes=(Change("shift", {"x": 0.25, "y": 0.0}, "reflect"),))
    assert [one.class_id for one in augment(sample(), plan, 0.3, {1}).instances] == [1, 2]
    assert augment(sample(), plan, 0.3, {2}).changes == plan.changes


def test_labels_that_are_only_boxes_stay_boxes():
    after = changed(Change("rotate", {"degrees": 30.0}, "constant"), of=sample(rle=False))
    masks = changed(Change("rotate", {"degrees": 30.0}, "constant"))
    assert [one.box for one in after.instances] == [one.box for one in masks.instances]
    assert [one.rle for one in after.instances] == ["", ""]


def test_other_colours_leave_every_label_as_it_is():
    """To the fraction of a pixel, that boxes from other datasets have."""
    before = sample(rle=False)
    first, second = before.instances
    first = msgspec.structs.replace(first, box=Box(10.25, 10.5, 59.75, 50))
    before = dataclasses.replace(before, instances=(first, second))
    after = changed(Change("brightness", {"levels": 30.0}), of=before)
    assert after.instances == before.instances and after.decoys == before.decoys
    assert (after.canvas >= 30).all() and after.changes == (Change("brightness", {"levels": 30.0}),)


# ---- objects -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutouts")
    arrow = np.zeros((60, 90, 4), np.uint8)
    corners = np.array([(0, 20), (50, 20), (50, 0), (89, 30), (50, 59), (50, 40), (0, 40)])
    cv2.fillPoly(arrow, [corners], (230, 40, 40, 255))
    return Paste(by_name(saved(folder, "arrow.png", arrow)), 0.3)


def pasted(stage, *changes, box=(40, 20, 120, 100), mirror=False, decoys=()):
    one = msgspec.structs.replace(
        thing("arrow.png", *box, mirror=mirror), look=Look(changes=changes)
    )
    plan = image_plan(SIZE, one, decoys=decoys)
    [made] = stage.paint([np.full((*SIZE[::-1], 3), 128, np.uint8)], [plan])
    return made


@pytest.mark.parametrize("name", [name for name, row in AUGMENTS.items() if row.objects])
@pytest.mark.parametrize("mirror", [False, True])
def test_every_change_of_an_object_stays_in_its_box_and_is_labelled(stage, name, mirror):
    values = AUGMENTS[name].draw(np.random.default_rng(3), {})
    made = pasted(stage, Change(name, values), mirror=mirror)
    [one] = made.instances
    mask = decode_rle(one.rle, SIZE)
    room = np.zeros(SIZE[::-1], bool)
    room[19:101, 39:121] = True
    assert not (mask & ~room).any() and one.area > 800
    assert one.look.changes == (Change(name, values),)
    touched = (made.canvas != 128).any(axis=2)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) > 0
    assert not (touched & ~near).any()
    assert (touched[cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0]).mean() > 0.97


def test_an_object_is_turned_after_it_is_mirrored(stage):
    """An arrow to the right, mirrored, then turned clockwise by a quarter, points up."""
    turn = Change("rotate", {"degrees": 90.0})
    up = decode_rle(pasted(stage, turn, mirror=True).instances[0].rle, SIZE)
    down = decode_rle(pasted(stage, turn).instances[0].rle, SIZE)
    rows = np.flatnonzero(up.any(1))
    assert len(rows) == pytest.approx(80, abs=2)
    widths = up.sum(1)[rows]
    assert widths[:40].max() > 1.5 * widths[-20:].max()
    assert iou(up, np.flipud(down)) > 0.9


def test_boxes_at_the_edges_of_the_canvas_hold_turned_objects(stage):
    turn = Change("rotate", {"degrees": 33.0}), Change("blur", {"sigma": 2.0})
    for box in ((0, 0, 160, 120), (0, 0, 40, 30), (130, 100, 160, 120)):
        [one] = pasted(stage, *turn, box=box).instances
        assert one.requested == Box(*box)


def test_decoys_have_changed_outlines_too(stage):
    turn = (Change("rotate", {"degrees": 90.0}),)
    decoy = msgspec.structs.replace(
        thing("arrow.png", 5, 5, 35, 35), source=(0.8, 0.8), look=Look(changes=turn)
    )
    made = pasted(stage, decoys=(decoy,))
    assert made.decoys[0].box.height > made.decoys[0].box.width


@pytest.mark.parametrize("name", PRESETS)
def test_presets_in_a_row_leave_true_labels(stage, name):
    """The arrow is the only thing with colour in it; seen through all that a preset does but
    colours, what is labelled is what differs."""
    recipe = recipe_of(PRESETS[name])
    rng = np.random.default_rng(8)
    for _ in range(15):
        changes = tuple(c for c in recipe.for_picture(rng) if AUGMENTS[c.name].matrix)
        made = pasted(stage, *(c for c in recipe.for_object(rng) if AUGMENTS[c.name].matrix))
        after = augment(made, image_plan(SIZE, changes=changes), 0.3) if changes else made
        labelled = np.zeros(SIZE[::-1], bool)
        for one in after.instances:
            labelled |= decode_rle(one.rle, SIZE)
        red = after.canvas[..., 0].astype(int) - after.canvas[..., 1] > 94
        assert iou(labelled, red) > 0.9
