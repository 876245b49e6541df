"""Labels go through the same window as their picture: to the pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops import framing as module
from infgen.ops.framing import Framing, cover_size
from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan
from infgen.stages.backgrounds import Backgrounds
from tests.stages.pictures import by_name, image_plan, saved

sides = st.integers(16, 120)
places = st.tuples(st.floats(0, 1), st.floats(0, 1))


def planned(size, canvas, place=(0.0, 0.0), flip=False, name="a.png"):
    scaled = cover_size(size, canvas)
    offset = tuple(int(part * (long - side)) for part, long, side in zip(place, scaled, canvas))  # noqa: B905
    return BackgroundPlan(0, 0, name, scaled, offset, flip)


@st.composite
def boxes_in(draw, width, height):
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))


def filled(box, size):
    mask = np.zeros(size[::-1], bool)
    mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    return mask


def on_canvas(placed, canvas):
    mask, x, y = placed
    whole = np.zeros(canvas[::-1], bool)
    whole[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return whole


@given(st.data(), st.tuples(sides, sides), st.tuples(sides, sides), places, st.booleans())
def test_the_mask_of_a_box_is_the_box_moved(data, size, canvas, place, flip):
    box = data.draw(boxes_in(*size))
    framing = Framing.of(planned(size, canvas, place, flip), size, canvas)
    shown = tight_box(on_canvas(framing.mask(encode_rle(filled(box, size)), size), canvas))
    moved = framing.box(box)
    if shown is None:  # its pixels' middles are off the canvas, or between those of the canvas
        assert moved is None or min(moved.width, moved.height) < 1
    else:
        assert moved is not None
        assert all(abs(a - b) <= 0.5 + 1e-6 for a, b in zip(shown.xyxy, moved.xyxy, strict=True))


@given(st.data(), st.tuples(sides, sides), st.tuples(sides, sides), places, st.booleans())
def test_a_mask_is_scaled_by_nearest_pixels_then_cut_then_mirrored(data, size, canvas, place, flip):
    seed = data.draw(st.integers(0, 99))
    mask = np.random.default_rng(seed).random(size[::-1]) < 0.2
    plan = planned(size, canvas, place, flip)
    seen = on_canvas(Framing.of(plan, size, canvas).mask(encode_rle(mask), size), canvas)
    scaled = cv2.resize(
        mask.astype(np.uint8), plan.scaled_size, interpolation=cv2.INTER_NEAREST_EXACT
    )
    (x, y), (width, height) = plan.offset, canvas
    cut = scaled[y : y + height, x : x + width] != 0
    expected = cut[:, ::-1] if flip else cut
    columns, rows = (
        (np.arange(start, start + side) + 0.5) * length / long
        for start, side, length, long in zip(
            plan.offset, canvas, size, plan.scaled_size, strict=True
        )
    )
    clear = np.outer(*(abs(middles - middles.round()) > 1e-3 for middles in (rows, columns)))
    clear = clear[:, ::-1] if flip else clear  # a middle that is on an edge may go either way
    assert (seen == expected)[clear].all()


@pytest.mark.parametrize("most", [module.MOST_SCALED, 0])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("canvas", [(200, 150), (150, 300), (640, 100)])
def test_the_label_lies_on_what_the_canvas_shows(tmp_path, monkeypatch, canvas, flip, most):
    """Also where the window alone is scaled, because all of the picture would be huge."""
    monkeypatch.setattr(module, "MOST_SCALED", most)
    size = (320, 240)
    mask = np.zeros(size[::-1], np.uint8)
    cv2.ellipse(mask, (150, 130), (90, 60), 30, 0, 360, 1, -1)
    pixels = np.where(mask[..., None] != 0, (240, 30, 30), (20, 60, 40)).astype(np.uint8)
    file = saved(tmp_path, "a.png", pixels)
    plan = planned(size, canvas, (0.5, 0.5), flip)
    [seen] = Backgrounds(by_name(file)).make([image_plan(canvas, background=plan)])
    label = on_canvas(Framing.of(plan, size, canvas).mask(encode_rle(mask), size), canvas)
    red = seen[..., 0] > 130
    assert red.any() and np.count_nonzero(red & label) / np.count_nonzero(red | label) > 0.97


def test_nothing_of_a_label_beside_the_window_is_left():
    framing = Framing.of(planned((400, 100), (100, 100)), (400, 100), (100, 100))
    away = Box(200, 10, 300, 90)
    assert framing.box(away) is None
    mask, _, _ = framing.mask(encode_rle(filled(away, (400, 100))), (400, 100))
    assert mask.size == 0
    assert framing.mask(encode_rle(np.zeros((100, 400), bool)), (400, 100))[0].size == 0
