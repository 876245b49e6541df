"""Shapes to paint in: every row of SHAPES holds the box, leaves something known, and snaps."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.masks import tight_box
from infgen.ops.seeds import stream
from infgen.ops.shapes import ROUND_SHAPES, SHAPES, draw_shape, snap_outward, target_shape
from infgen.ops.windows import context_window
from infgen.records.box import Box
from tests.ops.test_windows import SMALL, asked, patient

names = st.sampled_from(sorted(SHAPES))
seeds = st.integers(0, 2**32)
cases = asked(st.integers(2, 400), SMALL)


def drawn(name, seed=0):
    return draw_shape(stream(seed, 0, "test"), [name])


def pixels_inside(box, side):
    """(side, side) bool: the pixels that lie in the box with their centres."""
    centers = np.arange(side) + 0.5
    return np.outer(
        (box.y0 < centers) & (centers < box.y1), (box.x0 < centers) & (centers < box.x1)
    )


def an_object(native=96, cell=4):
    """A window with room on all sides, and its box."""
    box = Box(200, 150, 260, 190)
    return context_window(box, (640, 480), native, cell), box


# ---- dice ----------------------------------------------------------------------------------------


@patient
@given(names, seeds)
def test_what_is_drawn_is_json_and_all_that_counts(name, seed):
    parameters = drawn(name, seed)
    assert parameters == drawn(name, seed)
    kept = json.loads(json.dumps(parameters))
    assert kept == parameters
    window, box = an_object()
    assert (target_shape(window, box, kept) == target_shape(window, box, parameters)).all()


def test_all_shapes_are_drawn_and_no_rectangle_unasked():
    rng = stream(0, 0, "test")
    assert {draw_shape(rng)["shape"] for _ in range(200)} == set(ROUND_SHAPES)
    assert {draw_shape(rng, list(SHAPES))["shape"] for _ in range(200)} == set(SHAPES)
    assert "rectangle" not in ROUND_SHAPES and len(SHAPES) >= 4


def test_an_unknown_shape_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no shape star: there are rectangle, ellipse"):
        draw_shape(stream(0, 0, "test"), ["star", "blob"])


@pytest.mark.parametrize("name", ROUND_SHAPES)
def test_draws_differ(name):
    window, box = an_object()
    masks = {target_shape(window, box, drawn(name, seed)).tobytes() for seed in range(20)}
    assert len(masks) == 20


# ---- target_shape --------------------------------------------------------------------------------


@patient
@given(cases, names, seeds)
def test_a_shape_holds_the_box(case, name, seed):
    window = context_window(*case)
    mask = target_shape(window, case[0], drawn(name, seed))
    assert mask.shape == (window.native, window.native) and mask.dtype == bool
    target = window.to_crop(case[0])
    assert mask[pixels_inside(target, window.native)].all()
    x, y = (min(int(middle), window.native - 1) for middle in target.center)
    assert mask[y, x]  # of boxes smaller than a pixel too


@patient
@given(cases, names, seeds)
def test_something_stays_known_and_borders_across_the_canvas_stay_clear(case, name, seed):
    window = context_window(*case)
    cell = window.cell
    mask = snap_outward(target_shape(window, case[0], drawn(name, seed)), cell)
    assert mask.any() and not mask.all()
    cells = mask[::cell, ::cell]
    assert (~cells).sum() >= min(8, len(cells) // 2)
    (width, height), side = window.canvas, window.side
    assert window.x <= 0 or not mask[:, :cell].any()
    assert window.y <= 0 or not mask[:cell].any()
    assert window.x + side >= width or not mask[:, -cell:].any()
    assert window.y + side >= height or not mask[-cell:].any()


@patient
@given(names, seeds)
def test_there_is_a_margin_in_the_middle_of_each_side(name, seed):
    window, box = an_object()
    mask = target_shape(window, box, drawn(name, seed), margin_frac=0.1)
    target = window.to_crop(box)
    margin = max(0.1 * target.area**0.5, window.cell)
    x0, y0, x1, y1 = tight_box(mask).xyxy
    assert target.x0 - x0 >= margin - 1 and target.y0 - y0 >= margin - 1
    assert x1 - target.x1 >= margin - 1 and y1 - target.y1 >= margin - 1
    assert mask.mean() <= 0.6  # yet not the whole window
    wider = target_shape(window, box, drawn(name, seed), margin_frac=0.3)
    assert wider[mask].all() and wider.sum() > mask.sum()


@pytest.mark.parametrize("name", ROUND_SHAPES)
def test_a_round_shape_is_no_rectangle(name):
    window, box = an_object()
    for seed in range(50):
        mask = target_shape(window, box, drawn(name, seed))
        assert mask.sum() < 0.98 * tight_box(mask).area


def test_a_box_that_fills_the_canvas_leaves_a_frame_of_mirrored_cells():
    box = Box(0, 0, 300, 300)
    window = context_window(box, (300, 300), 96, 4)
    for name in SHAPES:
        mask = snap_outward(target_shape(window, box, drawn(name)), 4)
        frame = np.ones_like(mask)
        frame[4:-4, 4:-4] = False
        assert (mask == ~frame).all()


# ---- snap_outward --------------------------------------------------------------------------------


@patient
@given(seeds, st.sampled_from([1, 2, 4, 8]), st.integers(1, 8), st.integers(1, 8), st.floats(0, 1))
def test_snapping_is_a_max_pool(seed, cell, rows, columns, share):
    mask = np.random.default_rng(seed).random((rows * cell, columns * cell)) < share**4
    expected = np.zeros_like(mask)
    for y in range(0, rows * cell, cell):
        for x in range(0, columns * cell, cell):
            expected[y : y + cell, x : x + cell] = mask[y : y + cell, x : x + cell].max()
    snapped = snap_outward(mask, cell)
    assert snapped.dtype == bool and (snapped == expected).all()
    assert (snap_outward(snapped, cell) == snapped).all()


@patient
@given(cases, names, seeds)
def test_picking_single_pixels_brings_a_snapped_mask_to_the_latents_whole(case, name, seed):
    """What the pipelines do: nearest interpolation (field notes, section 1)."""
    window = context_window(*case)
    mask = snap_outward(target_shape(window, case[0], drawn(name, seed)), window.cell)
    side = window.native // window.cell
    latent = cv2.resize(mask.view(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    back = cv2.resize(latent, mask.shape, interpolation=cv2.INTER_NEAREST)
    assert (back.view(bool) == mask).all()


def test_cells_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a mask of 12 x 16 doesn't consist of cells of 8"):
        snap_outward(np.zeros((16, 12), bool), 8)
