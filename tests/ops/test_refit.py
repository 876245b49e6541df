"""What appeared between two pictures: found where it is, alone and in company, and not invented."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infgen.ops.masks import tight_box
from infgen.ops.refit import MIN_CONFIDENCE, Found, find_objects, find_requested
from infgen.records.box import Box
from tests.painted import BLUE, RED, Painted, paint, scene

LONE = ((Box(80, 60, 160, 150), RED),)
APART = ((Box(20, 90, 90, 170), RED), (Box(150, 40, 220, 120), BLUE))
CLOSE = ((Box(40, 60, 110, 150), RED), (Box(122, 70, 190, 150), BLUE))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def same(one: list[Found], other: list[Found]) -> bool:
    return len(one) == len(other) and all(
        a.box == b.box and a.confidence == b.confidence and np.array_equal(a.mask, b.mask)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("seed", range(4))
def test_one_object_in_a_repainted_box_of_scene(seed: int) -> None:
    painted = paint(seed, LONE)
    [found] = find_objects(painted.before, painted.after)
    assert overlap(found.mask, painted.masks[0]) > 0.8
    assert found.box.iou(painted.boxes[0]) > 0.8
    assert found.confidence >= MIN_CONFIDENCE


@pytest.mark.parametrize("objects", [APART, CLOSE])
@pytest.mark.parametrize("seed", [0, 1])
def test_two_objects_are_two(seed: int, objects: tuple) -> None:
    painted = paint(seed, objects)
    found = find_objects(painted.before, painted.after)
    assert len(found) == 2
    for truth in painted.boxes:
        assert max(truth.iou(one.box) for one in found) > 0.7


def test_nothing_is_found_where_nothing_was_painted() -> None:
    before = scene(3)
    soft = cv2.GaussianBlur(before, (0, 0), 0.7)
    assert find_objects(before, before) == []
    assert find_objects(before, soft) == []
    assert find_requested(before, soft, [Box(10, 10, 60, 60)]) == [None]


def test_a_repainted_background_alone_makes_nobody_sure() -> None:
    painted = paint(5, LONE)
    shown = painted.masks[0]
    other = (scene(1005) * 0.96 + 4).astype(np.uint8)
    after = np.where(shown[..., None], other, painted.after)
    sure = [one.confidence for one in find_objects(painted.before, after)]
    [object_] = find_objects(painted.before, painted.after)
    assert max(sure, default=0) < object_.confidence


def test_the_surest_comes_first_and_masks_share_no_pixel() -> None:
    painted = paint(2, CLOSE)
    found = find_objects(painted.before, painted.after)
    assert [one.confidence for one in found] == sorted(
        (one.confidence for one in found), reverse=True
    )
    assert sum(one.mask.astype(int) for one in found).max() == 1


def test_each_request_gets_its_own_object() -> None:
    painted = paint(4, APART)
    wanted = [Box(0, 0, 30, 30), *(box for box, _ in APART[::-1])]
    nothing, blue, red = find_requested(painted.before, painted.after, wanted)
    assert nothing is None
    assert blue is not None and blue.box.iou(painted.boxes[1]) > 0.75
    assert red is not None and red.box.iou(painted.boxes[0]) > 0.75


def test_a_request_says_that_it_is_one_object() -> None:
    """Two blobs in one requested box are parts of what was asked for there."""
    painted = paint(1, CLOSE)
    [found] = find_requested(painted.before, painted.after, [Box(36, 56, 194, 154)])
    whole = tight_box(painted.masks[0] | painted.masks[1])
    assert found is not None and whole is not None and found.box.iou(whole) > 0.7


@pytest.mark.parametrize("scale", [0.5, 2.0, 4.0])
def test_size_of_the_picture_does_not_matter(scale: float) -> None:
    painted = paint(0, LONE)
    before, after = (
        cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for one in (painted.before, painted.after)
    )
    found = find_objects(before, after)[0]
    assert found.mask.shape == after.shape[:2]
    assert found.box.iou(Box(*(edge * scale for edge in painted.boxes[0].xyxy))) > 0.75


def test_equal_pictures_give_equal_objects_on_any_thread() -> None:
    painted = paint(6, CLOSE)
    first = find_objects(painted.before, painted.after)
    results: list[list[Found]] = []

    def work(seed: int) -> None:
        cv2.setRNGSeed(seed)
        np.random.default_rng(seed).random()
        results.append(find_objects(painted.before, painted.after))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and all(same(first, one) for one in results)


def test_what_belongs_together_must_have_one_size() -> None:
    with pytest.raises(ValueError, match="no pair"):
        find_objects(scene(0), scene(0, (100, 100)))


@pytest.mark.parametrize("size", [(8, 8), (300, 20), (20, 300), (1, 1)])
def test_odd_pictures_do_no_harm(size: tuple[int, int]) -> None:
    width, height = size
    before = np.zeros((height, width, 3), np.uint8)
    after = np.full_like(before, 200)
    for found in (find_objects(before, after), find_requested(before, after, [Box(0, 0, *size)])):
        assert all(one is None or one.mask.shape == (height, width) for one in found)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 500),
    x=st.integers(0, 140),
    y=st.integers(0, 110),
    width=st.integers(40, 100),
    height=st.integers(40, 90),
)
def test_what_is_found_holds_together(seed: int, x: int, y: int, width: int, height: int) -> None:
    painted: Painted = paint(seed, ((Box(x, y, x + width, y + height), RED),))
    for one in find_objects(painted.before, painted.after):
        assert one.mask.shape == (200, 240) and one.mask.dtype == bool
        assert one.box == tight_box(one.mask)
        assert 0 <= one.confidence <= 1
        assert np.abs(painted.after.astype(int) - painted.before)[one.mask].max() > 0
