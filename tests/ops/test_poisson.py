"""The membrane against a system of equations solved at once, and colours that go on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.poisson import _solved, cloned, extended

seeds = st.integers(0, 2**32)


def dense(values, unknown, steps, screen):
    """The same by a general solver, for one channel: beyond the array a pixel repeats itself."""
    height, width = unknown.shape
    matrix, right = np.eye(height * width), values.astype(float).ravel().copy()
    for y, x in np.argwhere(unknown):
        row = y * width + x
        matrix[row] = 0
        matrix[row, row] = 4 + screen
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            near = min(max(v, 0), height - 1) * width + min(max(u, 0), width - 1)
            matrix[row, near] -= 1
        right[row] = -steps[y, x]
    return np.linalg.solve(matrix, right).reshape(height, width)


@pytest.mark.parametrize("shape", [(24, 24), (17, 30), (31, 9)])
@pytest.mark.parametrize("screen", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("guided", [False, True])
def test_it_comes_near_the_solution(shape, screen, guided):
    rng = np.random.default_rng(4)
    y, x = np.mgrid[: shape[0], : shape[1]]
    values = np.stack([60 * np.sin(x / 5 + phase) + 40 * np.cos(y / 7) for phase in (0, 1, 2)])
    unknown = np.hypot((x / shape[1] - 0.4) * 2, (y / shape[0] - 0.5) * 2) < 0.8
    steps = rng.normal(0, 10, (3, *shape)) if guided else np.zeros((3, *shape))
    known = np.where(unknown, 0, values).astype(np.float32)
    found = _solved(known, unknown, steps.astype(np.float32) if guided else None,
                    np.float32(screen))  # fmt: skip
    for channel in range(3):
        exact = dense(known[channel], unknown, steps[channel], screen)
        assert abs(found[channel] - exact).max() < 8
        assert abs(found[channel] - exact).mean() < 1.5


@given(st.integers(1, 40), st.integers(1, 40), seeds, st.booleans())
def test_outside_it_is_the_scene_and_numbers_stay_finite(height, width, seed, mixed):
    rng = np.random.default_rng(seed)
    colours, scene = rng.integers(0, 256, (2, 3, height, width)).astype(np.float32)
    inside = rng.random((height, width)) < rng.random()
    seen = cloned(colours, scene, inside, mixed)
    assert np.isfinite(seen).all() and seen.dtype == np.float32
    assert (seen == scene)[:, ~inside].all()


@given(st.integers(1, 40), st.integers(1, 40), seeds)
def test_extended_colours_are_the_known_ones_and_between_them(height, width, seed):
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (3, height, width)).astype(np.float32)
    known = rng.random((height, width)) < rng.random()
    everywhere = extended(colours, known)
    assert (everywhere == colours)[:, known].all() and everywhere.dtype == np.float32
    if known.any():
        for channel, own in zip(everywhere, colours, strict=True):
            assert channel.min() >= own[known].min() - 1e-3
            assert channel.max() <= own[known].max() + 1e-3
    else:
        assert (everywhere == 0).all()
