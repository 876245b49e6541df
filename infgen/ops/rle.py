"""Masks as COCO's compressed run lengths, and back, without touching pixels that don't matter.

COCO counts pixels column by column. The compressed text holds runs of background and object in
turn, background first; from the fourth on each as the difference to the one before the last. A
character is 48 plus six bits: five of the number, lowest first, and a sixth that says that more
follow; the last fifth bit is the sign (cocodataset/cocoapi, maskApi.c).
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from infgen.records.box import Box


def encode_rle(mask: np.ndarray) -> str:
    """The run lengths of (H, W) bool or uint8 `mask`, as text for JSON."""
    return encode_window(mask, 0, 0, (mask.shape[1], mask.shape[0]))


def encode_window(mask: np.ndarray, x: int, y: int, size: tuple[int, int]) -> str:
    """As encode_rle for a canvas of `size` = (width, height) that holds nothing but the (h, w)
    `mask`, whose upper left corner is at (x, y)."""
    (rows, columns), (width, height) = mask.shape, size
    seen = mask if mask.dtype == bool else mask != 0
    flat = np.zeros(1 + columns * (rows + 1), np.uint8)  # background before all, and a row of it
    by_column = flat[1:].reshape(columns, rows + 1)  # that ends every column
    by_column[:, :rows] = cv2.transpose(seen.view(np.uint8))
    edges = (flat[1:] != flat[:-1]).nonzero()[0]
    edges += edges // (rows + 1) * (height - rows - 1) + (x * height + y)
    if rows == height:  # a run may go on from one column's end at the next one's beginning
        seams = np.flatnonzero(edges[1:-1:2] == edges[2::2])
        edges = np.delete(edges, np.concatenate([2 * seams + 1, 2 * seams + 2]))
    bounds = np.zeros(edges.size + 2, np.int64)
    bounds[1:-1], bounds[-1] = edges, width * height
    counts = bounds[1:] - bounds[:-1]
    if counts[-1] == 0:
        counts = counts[:-1]
    # pycocotools has the encoder, but takes only Python's own numbers.
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return rle["counts"].decode("ascii")


def lengths_of(rle: str) -> np.ndarray:
    """How long the runs are, of background and object in turn: (n,) int64."""
    digits = np.frombuffer(rle.encode("ascii"), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(digits & 32 == 0)
    lengths = np.diff(last, prepend=-1)
    first = last - lengths + 1
    shifts = 5 * (np.arange(digits.size) - np.repeat(first, lengths))
    counts = np.add.reduceat((digits & 31) << shifts, first)
    counts -= np.where(digits[last] & 16, 1 << (5 * lengths), 0)
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts


def runs_of(rle: str) -> list[tuple[int, int]]:
    """(start, stop) of each run of object pixels, counted column by column."""
    edges = np.cumsum(lengths_of(rle)).tolist()
    return list(zip(edges[0::2], edges[1::2], strict=False))  # background at the end has no stop


def rle_extent(rle: str, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The xyxy of a mask's tight box, without unpacking it; all 0 when it has no pixels."""
    x, y, width, height = coco_mask.toBbox({"size": [size[1], size[0]], "counts": rle}).tolist()
    return int(x), int(y), int(x + width), int(y + height)


def counts_of(rle: str, size: tuple[int, int]) -> list[int]:
    """The run lengths of background and object in turn as plain numbers; `size` is (width,
    height)."""
    edges = [0, *(edge for run in runs_of(rle) for edge in run), size[0] * size[1]]
    counts = [after - before for before, after in pairwise(edges)]
    return counts if counts[-1] else counts[:-1]


def rle_area(rle: str, size: tuple[int, int]) -> int:
    """Pixels of a mask, without unpacking it."""
    return int(coco_mask.area({"size": [size[1], size[0]], "counts": rle}))


def decode_rle(rle: str, size: tuple[int, int]) -> np.ndarray:
    """The (H, W) bool mask of `encode_rle`'s text; `size` is (width, height)."""
    width, height = size
    by_column = coco_mask.decode({"size": [height, width], "counts": rle})
    return cv2.transpose(by_column.T).view(bool)


def decode_window(rle: str, box: Box, size: tuple[int, int]) -> np.ndarray:
    """The part of the mask inside its own tight `box`: (box height, box width) bool."""
    x0, y0, x1, y1 = map(int, box.xyxy)
    height = size[1]
    strip = np.zeros((x1 - x0) * height, np.uint8)
    for start, stop in runs_of(rle):
        strip[start - x0 * height : stop - x0 * height] = 1
    return cv2.transpose(strip.reshape(x1 - x0, height)[:, y0:y1]).view(bool)
