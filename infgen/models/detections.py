"""What a detector finds, and how its many guesses become few. Imports no torch."""

from __future__ import annotations

import msgspec
import numpy as np

from infgen.records.box import Box

LEAST_SCORE = 0.05  # less is noise: the caller's own limit lies above
SAME_IOU = 0.5  # boxes that overlap more show the same thing
LEAST_SIDE = 1  # pixel
MOST = 100  # detections of a picture


class Detection(msgspec.Struct, frozen=True):
    """One thing that was found: what it looks most like, by its position in the `texts` that were
    asked for, how certainly (0..1), and where (pixels of the given picture, inside it)."""

    label: int
    score: float
    box: Box


def best_detections(
    boxes: np.ndarray, scores: np.ndarray, size: tuple[int, int]
) -> list[Detection]:
    """Of a detector's guesses those that count, best score first.

    `boxes` are (N, 4) float xyxy in pixels, `scores` (N, texts) float 0..1, `size` is (width,
    height) of the picture. Each box gets the text that fits it best (the earlier of equals). What
    overlaps a better box by more than SAME_IOU is the same thing seen twice, whatever its label:
    so where a distractor fits a thing better than the class does, only the distractor is left.
    Boxes are cut to the picture; what isn't finite or has next to no area in it is left out.
    """
    if scores.size == 0:
        return []
    labels, best = scores.argmax(1), scores.max(1)
    boxes = boxes.clip(0, [*size, *size]).astype(float)
    sides = boxes[:, 2:] - boxes[:, :2]
    counts = (sides >= LEAST_SIDE).all(1) & (best >= LEAST_SCORE)  # false for what isn't a number
    order = np.flatnonzero(counts)
    order = order[np.argsort(-best[order], kind="stable")]
    chosen: list[int] = []
    while len(order) and len(chosen) < MOST:
        first, order = order[0], order[1:]
        chosen.append(int(first))
        order = order[_ious(boxes[first], boxes[order]) <= SAME_IOU]
    return [
        Detection(int(labels[one]), float(best[one]), Box(*boxes[one].tolist())) for one in chosen
    ]


def _ious(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box, (4,), with others, (N, 4)."""
    common = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = common.clip(0).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared)
