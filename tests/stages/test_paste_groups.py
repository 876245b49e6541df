"""Cutouts of several objects: pasted as one, labelled one by one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from infgen.ops.blends import BLENDS
from infgen.ops.rle import decode_rle
from infgen.records.plan import Look
from infgen.records.specs import Picture
from infgen.sources.pictures import check_cutout
from infgen.sources.sidecars import encode_classes, encode_ids, places
from infgen.stages.paste import Paste
from tests.stages.pictures import by_name, image_plan, saved, thing

SIZE = (160, 120)
CLASSES = ("table", "cup", "lid")
COLOURS = {"table": (150, 90, 40), "cup": (40, 200, 220), "lid": (220, 40, 160)}


def set_table(folder: Path, name: str = "set.png", lid: int = 10) -> Picture:
    """A table of 80 x 60 pixels with round corners, a cup on it and a lid on that, which is
    `lid` pixels wide; in the ids' order lid, table, cup."""
    alpha, ids = np.zeros((60, 80), np.uint8), np.zeros((60, 80), np.uint16)
    cv2.ellipse(alpha, (40, 30), (39, 29), 0, 0, 360, 255, -1)
    ids[alpha > 0] = 2
    ids[15:45, 25:55] = 3
    ids[22:36, 30 : 30 + lid] = 1
    colours = np.zeros((4, 3), np.uint8)
    for number, member in enumerate(("lid", "table", "cup"), 1):
        colours[number] = COLOURS[member]
    rgba = np.dstack([colours[ids], cv2.GaussianBlur(alpha, (0, 0), 0.8)])
    picture = saved(folder, name, rgba)
    beside, classes = places(picture.path)
    beside.write_bytes(encode_ids(ids))
    classes.write_bytes(encode_classes(("lid", "table", "cup")))
    return check_cutout(picture.path, name)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    folder = tmp_path_factory.mktemp("groups")
    block = saved(folder, "block.png", np.full((40, 60, 4), 255, np.uint8))
    return by_name(set_table(folder), set_table(folder, "thin.png", lid=1), block)


def paint(files: dict[str, Picture], *things, min_visible: float = 0.3):
    canvas = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    [sample] = Paste(files, min_visible, classes=CLASSES).paint(
        [canvas], [image_plan(SIZE, *things)]
    )
    return sample


def masks_of(sample) -> dict[str, np.ndarray]:
    return {CLASSES[one.class_id]: decode_rle(one.rle, SIZE) for one in sample.instances}


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("mirror", [False, True])
def test_every_member_has_its_own_label_on_its_own_pixels(files, mirror, blend) -> None:
    plan = thing("set.png", 10, 10, 130, 100, mirror=mirror)
    plan = replace(plan, look=Look(blend))
    sample = paint(files, plan)
    assert [CLASSES[one.class_id] for one in sample.instances] == ["lid", "table", "cup"]
    assert [one.id for one in sample.instances] == [1, 2, 3]
    for one in sample.instances:
        assert (one.method, one.cutout, one.mirror) == ("paste", "set.png", mirror)
        assert one.visible_frac == 1.0 and one.requested is None and one.look == Look(blend)
        mask = decode_rle(one.rle, SIZE)
        assert mask.sum() == one.area
        name = CLASSES[one.class_id]
        inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert inside.any()
        if BLENDS[blend].lay is BLENDS["alpha"].lay:  # others take on the scene's colours
            assert np.abs(sample.canvas[inside].astype(int) - COLOURS[name]).max() < 30
    together = sum(mask.astype(int) for mask in masks_of(sample).values())
    assert together.max() == 1
    cup, lid = masks_of(sample)["cup"], masks_of(sample)["lid"]
    on_the_left = np.argwhere(lid)[:, 1].mean() < np.argwhere(cup)[:, 1].mean()
    assert on_the_left != mirror


@given(x=st.floats(0, 90), y=st.floats(0, 70), side=st.floats(12, 120), mirror=st.booleans())
def test_nothing_opaque_of_a_group_is_without_a_label(files, x, y, side, mirror) -> None:
    box = (x, y, min(x + side, SIZE[0]), min(y + side, SIZE[1]))
    group = paint(files, thing("set.png", *box, mirror=mirror))
    whole = paint(without_sidecars(files), thing("set.png", *box, mirror=mirror))
    if group.dropped:
        assert group.dropped[0].reason == "too thin to be seen at its size"
        assert (group.canvas == 90).all() and not group.instances
        return
    assert (group.canvas == whole.canvas).all()
    covered = sum(mask.astype(int) for mask in masks_of(group).values())
    assert (covered == decode_rle(whole.instances[0].rle, SIZE)).all()
    assert len(group.instances) == 3


def without_sidecars(pictures: dict[str, Picture]) -> dict[str, Picture]:
    """The same cutouts as of lone objects."""
    return {
        name: Picture(name, one.path, hashlib.sha256(one.path.read_bytes()).hexdigest(), one.size)
        for name, one in pictures.items()
    }


def test_what_lies_on_a_member_takes_its_pixels(files) -> None:
    below = thing("set.png", 10, 10, 130, 100)
    sample = paint(files, below, thing("block.png", 10, 10, 48, 100, class_id=1), min_visible=0.1)
    alone = masks_of(paint(files, below))
    *members, block = sample.instances
    over = decode_rle(block.rle, SIZE)
    assert len(members) == 3 and members[1].visible_frac < 1
    for one in members:
        whole = alone[CLASSES[one.class_id]]
        mask = decode_rle(one.rle, SIZE)
        assert (mask == (whole & ~over)).all()
        assert one.visible_frac == round(mask.sum() / whole.sum(), 4)


def test_a_group_goes_as_a_whole_where_too_little_of_one_would_be_seen(files) -> None:
    group = thing("set.png", 10, 10, 130, 100, class_id=0)
    lid = masks_of(paint(files, group))["lid"]
    (top, left), (bottom, right) = np.argwhere(lid).min(0), np.argwhere(lid).max(0) + 1
    cover = thing("block.png", left - 15, top - 4, right + 15, bottom + 4, class_id=1)
    sample = paint(files, group, cover)
    assert [one.cutout for one in sample.instances] == ["block.png"]
    [dropped] = sample.dropped
    assert (dropped.class_id, dropped.reason) == (0, "hidden behind others")
    assert dropped.box == group.box
    assert (sample.canvas[~decode_rle(sample.instances[0].rle, SIZE)] == 90).all()


def test_a_group_of_which_one_vanishes_at_its_size_is_too_thin(files) -> None:
    sample = paint(files, thing("thin.png", 10, 10, 21, 19))
    assert not sample.instances
    assert sample.dropped[0].reason == "too thin to be seen at its size"
    assert len(paint(files, thing("thin.png", 0, 0, 160, 120)).instances) == 3


def test_a_sharp_group_on_a_soft_scene_keeps_ids_and_pixels_together(files) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (12, 16, 3), np.uint8)
    canvas = cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)
    plan = image_plan(SIZE, thing("set.png", 5, 5, 150, 115))
    [sample] = Paste(files, 0.3, classes=CLASSES).paint([canvas], [plan])
    for name, mask in masks_of(sample).items():
        inside = cv2.erode(mask.astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
        assert inside.any()
        assert np.abs(sample.canvas[inside].astype(int) - COLOURS[name]).max() < 30
