"""Every kind of shadow: only darker, where the light throws it, and on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.blend import premultiply
from infgen.ops.putting import put_down
from infgen.ops.shadows import SHADOWS, cast
from infgen.records.plan import Look, Shadow
from tests.ops.test_blend import disc, noise


def block(height=40, width=30):
    return np.full((height, width, 4), 255, np.uint8)


def shaded(shadow, patch, x=40, y=30, canvas=None):
    """How much darker a canvas gets, in grey levels."""
    before = np.full((120, 140, 3), 200, np.uint8) if canvas is None else canvas
    after = before.copy()
    cast(after, patch, x, y, shadow)
    return before.astype(int) - after


@pytest.mark.parametrize("kind", SHADOWS)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.floats(-0.3, 0.3), st.floats(0, 0.3)),
    st.floats(0, 0.2),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_a_shadow_only_darkens_and_by_no_more_than_its_darkness(
    kind, shape, offset, blur, darkness, seed
):
    canvas, patch = noise(50, 60, 3, seed), premultiply(noise(*shape, 4, seed))
    place = np.random.default_rng(seed)
    x, y = int(place.integers(61 - shape[1])), int(place.integers(51 - shape[0]))
    darker = shaded(Shadow(kind, offset, blur, darkness), patch, x, y, canvas)
    assert darker.min() >= 0
    assert (darker <= canvas * darkness + 1.5).all()


@pytest.mark.parametrize("kind", SHADOWS)
def test_it_falls_where_the_light_throws_it(kind):
    straight, left, right = (
        shaded(Shadow(kind, (dx, 0.1), 0.02, 0.5), block())[..., 0] for dx in (0, -0.2, 0.2)
    )
    middle = [
        np.average(np.arange(140), weights=one.sum(axis=0)) for one in (left, straight, right)
    ]
    assert middle[0] < middle[1] - 5 and middle[2] > middle[1] + 5
    assert np.average(np.arange(120), weights=straight.sum(axis=1)) > 50  # below its middle


def test_a_drop_shadow_has_the_object_s_shape_and_a_contact_shadow_lies_at_its_foot():
    round_thing = premultiply(disc(40, 255, 0))
    drop = shaded(Shadow("drop", (0, 0), 0.0, 0.5), round_thing)[..., 0]
    assert drop[50, 60] == 100 and drop[31, 41] == 0
    post = np.zeros((60, 40, 4), np.uint8)
    post[:, 15:25] = 255  # a narrow post,
    post[:20] = 255  # with a broad sign on it
    contact = shaded(Shadow("contact", (0, 0), 0.02, 0.6), post)[..., 0]
    rows, columns = np.nonzero(contact > 20)
    assert rows.min() > 80 and 45 < columns.min() < columns.max() < 75  # as wide as its foot


@pytest.mark.parametrize("kind", SHADOWS)
def test_what_leaves_the_canvas_is_lost(kind):
    for x, y in ((0, 0), (110, 0), (0, 80), (110, 80)):
        for offset in ((0.3, 0.3), (-0.3, 0.3), (5.0, 5.0), (-5.0, -5.0)):
            darker = shaded(Shadow(kind, offset, 0.05, 0.5), block(), x, y)
            assert darker.shape == (120, 140, 3)
            off = abs(offset[0]) > 1 or (kind == "contact" and y == 80)  # its foot is at the edge
            assert darker.any() != off


def test_more_blur_is_softer():
    soft, hard = (shaded(Shadow("drop", (0, 0), blur, 0.5), block())[..., 0] for blur in (0.1, 0.0))
    assert np.abs(np.diff(soft, axis=1)).max() < np.abs(np.diff(hard, axis=1)).max() / 3


@pytest.mark.parametrize("kind", SHADOWS)
def test_it_lies_under_its_object(kind):
    canvas = np.full((120, 140, 3), 200, np.uint8)
    put_down(canvas, block(), 40, 30, Look(shadow=Shadow(kind, (0.05, 0.05), 0.02, 0.6)))
    assert (canvas[30:70, 40:70] == 255).all() and canvas.min() < 150


def test_an_empty_patch_throws_none():
    for kind in SHADOWS:
        assert not shaded(Shadow(kind, (0, 0), 0.02, 0.5), np.zeros((9, 9, 4), np.uint8)).any()
