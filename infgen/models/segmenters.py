"""Segmenters that outline the thing in a box: SAM, slimmed SAMs, and SAM 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from infgen.models.frames import Look, colours, fitted, padded, shape_to
from infgen.models.turns import Turns
from infgen.records.box import Box


class Request(NamedTuple):
    """A picture and the box of the thing in it."""

    picture: np.ndarray
    box: Box


class SamSegmenter:
    """SAM or SAM 2: `segment` as eyes.Segmenter says. SAM sees pictures in their own shape, filled
    up to a square; SAM 2 (`stretches`) as a square whatever their shape."""

    def __init__(self, model: Any, look: Look, turns: Turns, stretches: bool):
        self._model, self._look, self._turns, self._stretches = model, look, turns, stretches

    def segment(self, pictures: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[np.ndarray]:
        requests = [Request(*pair) for pair in zip(pictures, boxes, strict=True)]
        return self._turns.work(requests, self._outline)

    def _outline(self, requests: Sequence[Request]) -> list[np.ndarray]:
        device, side = self._turns.device, self._look.longest
        shapes = [self._shape(request.picture) for request in requests]
        seen = [
            fitted(colours(request.picture, device), shape, self._look)
            for request, shape in zip(requests, shapes, strict=True)
        ]
        where = [box_in(request, shape) for request, shape in zip(requests, shapes, strict=True)]
        answer = self._model(
            pixel_values=torch.cat([padded(one, side, 0.0) for one in seen]).to(device),
            input_boxes=torch.tensor(where, device=device)[:, None],
            multimask_output=True,
        )
        return [
            best_mask(masks, ious, side, shape, request.picture.shape[:2])
            for masks, ious, shape, request in zip(
                answer.pred_masks[:, 0], answer.iou_scores[:, 0], shapes, requests, strict=True
            )
        ]

    def _shape(self, picture: np.ndarray) -> tuple[int, int]:
        """(height, width) of what is seen of a picture inside the square."""
        side = self._look.longest
        return (side, side) if self._stretches else shape_to(picture.shape[:2], side)


def box_in(request: Request, shape: tuple[int, int]) -> list[float]:
    """The box, xyxy, in its picture resized to `shape` = (height, width)."""
    down, across = (new / old for new, old in zip(shape, request.picture.shape, strict=False))
    box = request.box
    return [box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down]


def best_mask(
    masks: torch.Tensor,
    ious: torch.Tensor,
    side: int,
    seen: tuple[int, int],
    shape: tuple[int, int],
) -> np.ndarray:
    """(H, W) bool of `shape`: of (M, h, w) logits over the model's square of `side` pixels the mask
    of the largest of (M,) `ious`. The picture is the first `seen` = (height, width) of the
    square."""
    best = masks[int(ious.argmax())][None, None].float()
    if seen != (side, side):
        best = functional.interpolate(best, (side, side), mode="bilinear", align_corners=False)
        best = best[..., : seen[0], : seen[1]]
    best = functional.interpolate(best, shape, mode="bilinear", align_corners=False)
    outline: np.ndarray = (best[0, 0] > 0).cpu().numpy()
    return outline
