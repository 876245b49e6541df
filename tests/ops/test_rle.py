"""Run lengths against pycocotools, on random masks and on those at every border."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from infgen.ops.masks import tight_box
from infgen.ops.rle import (
    counts_of,
    decode_rle,
    decode_window,
    encode_rle,
    encode_window,
    runs_of,
)

masks = st.tuples(st.integers(1, 24), st.integers(1, 24)).flatmap(lambda shape: arrays(bool, shape))


def by_pycocotools(mask: np.ndarray) -> str:
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()


@given(masks)
def test_whole_masks_are_encoded_as_pycocotools_does(mask: np.ndarray) -> None:
    assert encode_rle(mask) == by_pycocotools(mask)
    assert np.array_equal(decode_rle(encode_rle(mask), mask.shape[::-1]), mask)


@given(masks, *[st.integers(0, 9)] * 4)
def test_a_window_is_encoded_as_the_canvas_that_holds_it(
    mask: np.ndarray, left: int, top: int, right: int, bottom: int
) -> None:
    canvas = np.pad(mask, ((top, bottom), (left, right)))
    assert encode_window(mask, left, top, canvas.shape[::-1]) == by_pycocotools(canvas)


@given(masks)
def test_the_window_of_the_tight_box_comes_back(mask: np.ndarray) -> None:
    box = tight_box(mask)
    if box is None:
        return
    x0, y0, x1, y1 = map(int, box.xyxy)
    assert np.array_equal(
        decode_window(by_pycocotools(mask), box, mask.shape[::-1]), mask[y0:y1, x0:x1]
    )


@given(masks)
def test_runs_are_the_object_pixels_column_by_column(mask: np.ndarray) -> None:
    flat = np.zeros(mask.size, bool)
    for start, stop in runs_of(by_pycocotools(mask)):
        assert start < stop
        flat[start:stop] = True
    assert np.array_equal(flat, mask.T.ravel())


@given(masks)
def test_plain_counts_are_what_pycocotools_packs(mask: np.ndarray) -> None:
    counts = counts_of(by_pycocotools(mask), mask.shape[::-1])
    packed = coco_mask.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape)
    assert sum(counts) == mask.size and packed["counts"].decode() == by_pycocotools(mask)


@pytest.mark.parametrize("fill", [False, True])
def test_flat_masks(fill: bool) -> None:
    mask = np.full((480, 640), fill)
    assert encode_rle(mask) == by_pycocotools(mask)
    assert runs_of(encode_rle(mask)) == ([(0, 480 * 640)] if fill else [])
