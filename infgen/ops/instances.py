"""Which label a value of an instance mask belongs to, as in Pascal VOC's SegmentationObject."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infgen.ops.masks import tight_box
from infgen.records.box import Box

BACKGROUND, VOID = 0, 255  # VOC's void: the rim around every object, which is nobody's
FITS = 0.3  # from this score on a mask is of a box: annotators draw the two apart


def colour_map() -> np.ndarray:
    """VOC's palette, (256, 3) uint8 RGB: the bits of the index, dealt out to red, green and blue in
    turn, lowest first, become the channels' bits, highest first."""
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((index >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


def values_of_colours(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB `pixels` of a mask that was saved in colours as (H, W) int32 values:
    places in VOC's palette, and from 256 on for colours that it hasn't got."""
    palette = {tuple(colour): value for value, colour in enumerate(colour_map().tolist())}
    packed = pixels.astype(np.int32) @ np.array((1 << 16, 1 << 8, 1), np.int32)
    found, places = np.unique(packed, return_inverse=True)
    values, further = [], 256
    for colour in found.tolist():
        value = palette.get((colour >> 16, colour >> 8 & 255, colour & 255), further)
        further += value == further
        values.append(value)
    return np.array(values, np.int32)[places.reshape(packed.shape)]


def match_instances(values: np.ndarray, boxes: Sequence[Box]) -> tuple[list[int], list[int]]:
    """For each box the one of (H, W) int `values` whose pixels it is drawn around, 0 for none, and
    the values that are left over.

    Values that fit in the order of the boxes, as Pascal VOC numbers them, are taken so; else the
    best fit comes first. A value belongs to one box at most.
    """
    numbers = np.bincount(values.ravel())
    numbers[[value for value in (BACKGROUND, VOID) if value < numbers.size]] = 0
    known = np.flatnonzero(numbers).tolist()
    scores = {
        (place, value): score
        for place, box in enumerate(boxes)
        for value, score in _scores(values, box, numbers).items()
        if score >= FITS
    }
    taken = [0] * len(boxes)
    in_order = list(enumerate(known))
    if len(known) == len(boxes) and all(pair in scores for pair in in_order):
        return known, []
    for place, value in sorted(scores, key=lambda pair: -scores[pair]):
        if not taken[place] and value not in taken:
            taken[place] = value
    return taken, [value for value in known if value not in taken]


def _scores(values: np.ndarray, box: Box, numbers: np.ndarray) -> dict[int, float]:
    """How well the values inside a box fit it, 0..1: the share of their pixels that is inside,
    times the IoU of the box and the one around these. A few stray pixels elsewhere count little."""
    height, width = values.shape
    x0, y0 = max(round(box.x0), 0), max(round(box.y0), 0)
    x1, y1 = min(round(box.x1), width), min(round(box.y1), height)
    if x1 <= x0 or y1 <= y0:
        return {}
    crop = values[y0:y1, x0:x1]
    scores = {}
    for value in np.unique(crop).tolist():
        inside = crop == value
        around = tight_box(inside) if numbers[value] else None
        if around is not None:
            share = float(np.count_nonzero(inside) / numbers[value])
            scores[value] = share * around.shift(x0, y0).iou(box)
    return scores
