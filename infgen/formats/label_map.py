"""A picture's visible masks in one array of numbers, straight from their run lengths."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.rle import runs_of
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
    long. Visible masks of what infgen painted never overlap; where others' do, the last object has
    the pixels.
    """
    width, height = entry.size
    dtype: type[np.uint8 | np.uint16] = np.uint8 if max(values, default=0) < 256 else np.uint16
    pixels = np.zeros(width * height, dtype)  # column by column, as COCO counts
    for obj, value in zip(entry.objects, values, strict=True):
        for start, stop in runs_of(obj.rle):
            pixels[start:stop] = value
    labels: np.ndarray = cv2.transpose(pixels.reshape(width, height))
    return labels


def encode_png(labels: np.ndarray) -> memoryview:
    """(H, W) uint8 or uint16 `labels` as a greyscale PNG file of the same depth."""
    return cv2.imencode(".png", labels, _PNG)[1].data
