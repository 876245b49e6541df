"""Cutouts turned and stretched: whole, in their box, their shape what the changes say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.cutouts import change_cutout, fit_moved, outline_of
from infgen.ops.augment.geometry import area_scale
from infgen.ops.augment.picture import matrix_of
from infgen.ops.blend import OPAQUE, Pyramid
from infgen.ops.masks import tight_box
from infgen.records.plan import Change
from tests.ops.augment.drawing import drawn, seeds

NAMES = [name for name, row in AUGMENTS.items() if row.objects and row.matrix]
ROOMS = [(60, 60), (100, 30), (33, 70)]


def shape(width=200, height=120):
    """An ellipse with a notch, opaque, filling its picture."""
    picture = np.zeros((height, width, 4), np.uint8)
    cv2.ellipse(
        picture, (width // 2, height // 2), (width // 2, height // 2), 0, 20, 340, (255,) * 4, -1
    )
    box = tight_box(picture[..., 3])
    x0, y0, x1, y1 = map(int, box.xyxy)
    return picture[y0:y1, x0:x1]


@st.composite
def turns(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
    return [drawn(name, draw(seeds), degrees=(-180, 180)) for name in names]


def placed(patch, changes, room, ids=None):
    pyramid = Pyramid(patch, room)
    move = fit_moved(changes, outline_of(patch), pyramid.size, room)
    return change_cutout(pyramid.scale(move.size), changes, move, ids), move


@settings(max_examples=40)
@given(turns(), st.sampled_from(ROOMS))
def test_a_changed_cutout_fills_its_box_and_nothing_is_cut_off(changes, room):
    patch = shape()
    (changed, _, margin), move = placed(patch, changes, room)
    x0, y0, x1, y1 = tight_box(changed[..., 3] >= OPAQUE).xyxy
    factor = float(np.prod([c.values["factor"] for c in changes if c.name == "zoom"]))
    fills = max((x1 - x0) / room[0], (y1 - y0) / room[1])
    assert fills == pytest.approx(factor, abs=3 / min(room))
    assert changed.shape[:2] == (move.out[1] + 2 * margin, move.out[0] + 2 * margin)
    # all of its area is there
    scaled = Pyramid(patch, (400, 400)).scale(move.size)[..., 3].sum(dtype=float)
    seen = changed[..., 3].sum(dtype=float)
    assert seen == pytest.approx(scaled, rel=0.05)
    assert (changed[..., :3] <= changed[..., 3:]).all()


@settings(max_examples=40)
@given(turns())
def test_only_a_zoom_changes_how_much_of_the_box_is_filled(changes):
    grown = area_scale(matrix_of(changes, (50, 50)))
    move = fit_moved(changes, outline_of(shape()), (200, 120), (64, 64))
    assert area_scale(move.matrix) == pytest.approx(1, abs=1e-6)
    assert max(move.out) == pytest.approx(64 * np.sqrt(grown), abs=1.5)


def test_parts_stay_apart_when_a_group_turns():
    patch = np.full((40, 80, 4), 255, np.uint8)
    ids = np.repeat([[1, 2]], 40, axis=0).repeat(40, axis=1).astype(np.uint8)
    turn = [Change("rotate", {"degrees": 90.0})]
    move = fit_moved(turn, outline_of(patch), (80, 40), (40, 80))
    assert move.size == (80, 40) and move.out == (40, 80)
    changed, moved, margin = change_cutout(patch, turn, move, ids)
    inner = moved[margin:-margin, margin:-margin]
    assert (inner[:40] == 1).all() and (inner[40:] == 2).all()
    assert (changed[margin:-margin, margin:-margin] == 255).all()


def test_an_outline_is_what_is_seen():
    patch = np.zeros((10, 20, 4), np.uint8)
    patch[2:5, 4:10, 3] = 255
    patch[9, 19, 3] = 3  # haze
    outline = outline_of(patch) * (20, 10)
    assert outline.min(axis=0).tolist() == [4, 2] and outline.max(axis=0).tolist() == [10, 5]
