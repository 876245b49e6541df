"""Which boxes of a picture overlap: many pictures at a time, at no more work than pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST_PAIRED = 2000  # objects of one picture


def overlaps(boxes: np.ndarray, pictures: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Pairs of (n, 4) xyxy `boxes` that overlap, of the same of (n,) `pictures`, whose boxes follow
    one another: (one, other, iou), each (k,), the first two positions. Of more than MOST_PAIRED in
    a picture those after are passed over."""
    count = len(pictures)
    _, first, sizes = np.unique(pictures, return_index=True, return_counts=True)
    ends = np.repeat(first + np.minimum(sizes, MOST_PAIRED), sizes)  # of each box's picture
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    one = np.arange(count)
    for step in range(1, int(sizes.max(initial=1))):
        one = one[one + step < ends[one]]
        if not len(one):
            return
        other = one + step
        low = np.maximum(boxes[one, :2], boxes[other, :2])
        high = np.minimum(boxes[one, 2:], boxes[other, 2:])
        common = np.maximum(high - low, 0).prod(axis=1)
        seen = common > 0
        a, b, shared = one[seen], other[seen], common[seen]
        yield a, b, shared / (areas[a] + areas[b] - shared)
