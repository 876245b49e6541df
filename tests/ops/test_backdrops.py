"""Opaque pictures of objects: what is taken for backdrop, and what comes off with it."""

from __future__ import annotations

from typing import get_args, get_type_hints

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.batch.settings import options
from infgen.ops.backdrops import MATTES, cut_crop
from infgen.ops.cutting import NoCutout
from infgen.stages.cutting import CuttingSettings

KINDS = {"white": (248, 249, 247), "chroma": (40, 190, 60)}


def disc(backdrop: tuple[int, int, int], slope: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A brown ball with a soft edge on a noisy backdrop of (160, 200) pixels, and its alpha."""
    mask = np.zeros((160, 200), np.uint8)
    cv2.circle(mask, (100, 80), 50, 255, -1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None] / 255
    noise = np.random.default_rng(1).normal(0, 1.5, (160, 200, 1))
    behind = np.array(backdrop) + np.linspace(-slope, slope, 200)[:, None] + noise
    ball = np.array((150, 90, 50)) + np.linspace(-25, 25, 160)[:, None, None]
    return np.clip(alpha * ball + (1 - alpha) * behind, 0, 255).astype(np.uint8), alpha[..., 0]


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_the_settings_offer_every_row() -> None:
    [matte] = [option for option in options(CuttingSettings) if option.name == "matte"]
    assert matte.choices == tuple(MATTES)
    assert get_args(get_type_hints(CuttingSettings)["matte"]) == tuple(MATTES)


@pytest.mark.parametrize("how", MATTES)
def test_what_comes_out_is_a_cutout_or_a_reason(how: str) -> None:
    for colour in KINDS.values():
        try:
            rgba, way = cut_crop(disc(colour)[0], how)
        except NoCutout as reason:
            assert str(reason)
            continue
        assert rgba.shape == (160, 200, 4) and rgba.dtype == np.uint8 and way
        assert (rgba[80, 100, :3] == disc(colour)[0][80, 100]).all() and rgba[80, 100, 3] == 255


@pytest.mark.parametrize(("kind", "way"), [("white", "even backdrop"), ("chroma", "key colour")])
@pytest.mark.parametrize("asked", ["auto", "its own"])
def test_an_even_backdrop_comes_off_with_its_colour(kind: str, way: str, asked: str) -> None:
    picture, alpha = disc(KINDS[kind])
    rgba, found = cut_crop(picture, "auto" if asked == "auto" else kind)
    assert found == way
    assert iou(rgba[..., 3] >= 128, alpha >= 0.5) > 0.97
    assert np.abs(rgba[..., 3] / 255.0 - alpha).mean() < 0.01
    rim = (rgba[..., 3] > 60) & (rgba[..., 3] < 250)
    assert rim.sum() > 50
    away = np.abs(rgba[rim][:, :3].astype(int) - (150, 90, 50)).max(axis=1)
    assert np.median(away) < 45  # the ball's own shades, and not the backdrop's


@given(grey=st.integers(120, 255), slope=st.floats(0, 15))
def test_a_backdrop_may_be_of_any_grey_and_unevenly_lit(grey: int, slope: float) -> None:
    picture, alpha = disc((grey, grey, grey), slope)
    rgba, way = cut_crop(picture)
    assert way == "even backdrop"
    assert iou(rgba[..., 3] >= 128, alpha >= 0.5) > 0.95


def test_white_on_an_object_stays_but_a_key_colour_goes_from_inside_it_too() -> None:
    for kind, hole in (("white", 255), ("chroma", 0)):
        picture, _ = disc(KINDS[kind])
        cv2.circle(picture, (100, 80), 15, KINDS[kind], -1)
        assert cut_crop(picture, kind).rgba[80, 100, 3] == hole


def test_an_object_on_a_photograph_is_grabbed() -> None:
    coarse = np.random.default_rng(4).integers(0, 110, (5, 6, 3), np.uint8)
    scene = cv2.resize(coarse, (200, 160), interpolation=cv2.INTER_CUBIC)
    alpha = disc((0, 0, 0))[1][..., None]
    picture = np.uint8(alpha * (250, 190, 40) + (1 - alpha) * scene)
    rgba, way = cut_crop(picture)
    assert way == "GrabCut"
    assert iou(rgba[..., 3] >= 128, alpha[..., 0] >= 0.5) > 0.95


def test_what_fills_its_picture_is_left_whole() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (160, 200, 3), np.uint8)
    rgba, way = cut_crop(noise)
    assert way == "whole rectangle" and (rgba[..., 3] == 255).all()
    assert (rgba[..., :3] == noise).all()


@pytest.mark.parametrize("how", ["white", "chroma", "grabcut"])
def test_what_has_no_such_backdrop_is_refused(how: str) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (160, 200, 3), np.uint8)
    with pytest.raises(NoCutout):
        cut_crop(noise, how)


def test_an_empty_backdrop_is_no_object() -> None:
    empty = np.full((60, 80, 3), 245, np.uint8)
    with pytest.raises(NoCutout, match="nothing stands out"):
        cut_crop(empty, "white")


def test_real_banknotes_are_kept_whole(shared_data) -> None:
    notes = sorted((shared_data / "currency").glob("*/*.jpg"))
    assert len(notes) == 40
    for note in notes[::3]:
        picture = cv2.cvtColor(cv2.imread(str(note)), cv2.COLOR_BGR2RGB)
        assert cut_crop(picture).how == "whole rectangle", note


def test_real_objects_on_real_photographs_are_found_or_left(shared_data) -> None:
    scores = []
    for number, scene in enumerate(sorted((shared_data / "backgrounds").glob("*.jpg"))[:8]):
        path = ("bus/2010_000573_0", "cat/2010_001070_0", "person/2009_005078_1")[number % 3]
        cutout = cv2.imread(str(shared_data / f"cutouts/{path}.png"), cv2.IMREAD_UNCHANGED)
        alpha = np.pad(cutout[..., 3], 30)[..., None] / 255
        front = np.pad(cutout[..., :3], ((30, 30), (30, 30), (0, 0)))
        behind = cv2.imread(str(scene))[: front.shape[0], : front.shape[1]]
        picture = (alpha * front + (1 - alpha) * behind).astype(np.uint8)
        rgba, way = cut_crop(np.ascontiguousarray(picture[..., ::-1]))
        if way == "GrabCut":
            scores.append(iou(rgba[..., 3] >= 128, alpha[..., 0] >= 0.5))
    assert len(scores) >= 3 and np.median(scores) > 0.9, scores
