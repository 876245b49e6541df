"""A picture's visible masks in one array of numbers, straight from their run lengths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from infgen.records.sample import Entry

# Flat areas shrink more, and sooner, without PNG's filters; older OpenCV doesn't let us say so.
_PNG = (
    [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    if hasattr(cv2, "IMWRITE_PNG_FILTER")
    else []
)


def label_map(entry: Entry, values: Sequence[int]) -> np.ndarray:
    """(H, W) array: `values[i]` where object i of the picture is visible, 0 elsewhere; uint8, or
    uint16 when a value is above 255.

    Every run is filled where it lies: decoding a whole canvas for each object takes six times as
    long. Visible masks never overlap, so the order doesn't matter.
    """
    width, height = entry.size
    dtype: type[np.uint8 | np.uint16] = np.uint8 if max(values, default=0) < 256 else np.uint16
    pixels = np.zeros(width * height, dtype)  # column by column, as COCO counts
    for obj, value in zip(entry.objects, values, strict=True):
        for start, stop in _runs(obj.rle):
            pixels[start:stop] = value
    labels: np.ndarray = cv2.transpose(pixels.reshape(width, height))
    return labels


def encode_png(labels: np.ndarray) -> memoryview:
    """(H, W) uint8 or uint16 `labels` as a greyscale PNG file of the same depth."""
    return cv2.imencode(".png", labels, _PNG)[1].data


def _runs(rle: str) -> Iterable[tuple[int, int]]:
    """(start, stop) of each run of object pixels in COCO's compressed counts.

    The counts are of background and object in turn, background first; from the fourth on they are
    kept as the difference to the one before the last. A character is 48 plus six bits: five of the
    number, lowest first, and a sixth that says that more follow; the last fifth bit is the sign.
    """
    digits = np.frombuffer(rle.encode("ascii"), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(digits & 32 == 0)
    lengths = np.diff(last, prepend=-1)
    first = last - lengths + 1
    shifts = 5 * (np.arange(digits.size) - np.repeat(first, lengths))
    counts = np.add.reduceat((digits & 31) << shifts, first)
    counts -= np.where(digits[last] & 16, 1 << (5 * lengths), 0)
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    edges = np.cumsum(counts).tolist()
    return zip(edges[0::2], edges[1::2], strict=False)  # the background at the end has no stop
