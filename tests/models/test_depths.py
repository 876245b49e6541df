"""Depth estimators on small real models, loaded from folders as users' are.

Their weights are random: these tests prove shapes, files and calls, not how well one sees.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("transformers", reason="the diffusion extra isn't installed")

import transformers

from infgen.models.eyes import load_eyes, resolve_depth
from infgen.models.settings import DepthSettings
from infgen.records.errors import DeviceFull
from tests.models.small_eyes import build_depth_anything

KINDS = ["depth_anything", "dpt", "glpn"]
SHAPES = [(64, 80), (48, 48), (64, 80), (90, 64)]


def load(folder):
    return load_eyes(resolve_depth(DepthSettings(depth=True, depth_model=str(folder)), "cpu")).depth


def pictures():
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in SHAPES]


@pytest.mark.parametrize("kind", KINDS)
def test_depths_are_those_of_transformers_own_pipeline(kind, small_eye):
    from PIL import Image

    judge = transformers.pipeline("depth-estimation", model=str(small_eye(kind)), device="cpu")
    for picture, depth in zip(pictures(), load(small_eye(kind)).depths(pictures()), strict=True):
        expected = judge(Image.fromarray(picture))["predicted_depth"].numpy()
        assert depth.shape == picture.shape[:2] and depth.dtype == np.float32
        assert np.ptp(expected) > 1e-4  # else there would be nothing to see
        assert np.abs(depth - expected.reshape(depth.shape)).max() < 1e-3 * np.ptp(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_s_depth_doesn_t_depend_on_its_neighbours(kind, small_eye):
    depth = load(small_eye(kind))
    together = depth.depths(pictures())
    for picture, found in zip(pictures(), together, strict=True):
        [alone] = depth.depths([picture])
        assert np.allclose(found, alone, atol=1e-4 * np.ptp(alone))


def test_metres_are_told_from_mere_order(small_eye, tmp_path):
    assert not load(small_eye("depth_anything")).metric
    assert not load(small_eye("dpt")).metric
    assert load(small_eye("glpn")).metric
    assert load(build_depth_anything(tmp_path / "metric", metric=True)).metric


def test_too_little_memory_for_one_picture_says_what_to_do(small_eye, monkeypatch):
    depth = load(small_eye("dpt"))

    def full(**_):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(depth, "_model", full)
    with pytest.raises(DeviceFull, match="smaller model, or leave --depth out"):
        depth.depths(pictures())


def test_a_detector_is_no_depth_model(small_eye):
    found = resolve_depth(DepthSettings(depth=True, depth_model=str(small_eye("owlv2"))), "cpu")
    assert "is no depth model that infgen can run" in str(found.problems[0])
    assert "depth_anything" in str(found.problems[0])
