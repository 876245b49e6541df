"""Labels against a second opinion: is the object there, and does the label fit it?

Any function can be the second opinion (ESTIMATES holds those that need no weights; a segmenter that
wasn't used to make the labels is a better one). What it says is only as good as itself: read the
figures beside those of labels that are known to be true.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.report.audit.findings import SHOWN, Agreement

# An estimate gets (H, W, 3) uint8 RGB, a label's box inside it and its class's name; it gives the
# object's (H, W) bool mask, or None where there is nothing to be seen.
Estimate = Callable[[np.ndarray, Box, str], np.ndarray | None]

SMALLEST = 12  # pixels: of smaller objects GrabCut tells nothing
WORKING_SIDE = 128  # pixels of the window's longer side at which GrabCut works
ROUNDS = 3
MARGIN = 0.35  # of the box's sides, around it
LEAST_SHARE = 0.08  # of the box: less is no object
LEAST_CONTRAST = 0.3  # of the colours inside that don't occur around


def grabcut(picture: np.ndarray, box: Box, name: str) -> np.ndarray | None:
    """The object in and around `box` by its colours alone (Rother et al., "GrabCut", 2004).

    The window's border is background, a third of the way into the box is object, the rest is
    weighed. None if too little is left or if its colours are those of the surroundings: that is no
    proof that nothing is there, but much of it in a dataset means a lot.
    """
    height, width = picture.shape[:2]
    across, down = MARGIN * box.width, MARGIN * box.height
    x0, y0 = max(int(box.x0 - across), 0), max(int(box.y0 - down), 0)
    x1, y1 = min(int(box.x1 + across) + 1, width), min(int(box.y1 + down) + 1, height)
    scale = min(WORKING_SIDE / max(x1 - x0, y1 - y0), 1.0)
    size = (max(round((x1 - x0) * scale), 8), max(round((y1 - y0) * scale), 8))
    crop = cv2.resize(picture[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    inner = _scaled(box.shift(-x0, -y0), size[0] / (x1 - x0), size[1] / (y1 - y0))
    guess = np.full(size[::-1], cv2.GC_PR_BGD, np.uint8)
    guess[[0, -1]] = guess[:, [0, -1]] = cv2.GC_BGD
    guess[_slices(inner, 0)] = cv2.GC_PR_FGD
    guess[_slices(inner, 1 / 3)] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # OpenCV's own k-means starts from it
    models = np.zeros((2, 1, 65))
    cv2.grabCut(crop, guess, (0, 0, 1, 1), models[0], models[1], ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)
    if found.sum() < LEAST_SHARE * inner.area or _contrast(crop, found) < LEAST_CONTRAST:
        return None
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = cv2.resize(found.astype(np.float32), (x1 - x0, y1 - y0)) >= 0.5
    return mask


def _scaled(box: Box, x: float, y: float) -> Box:
    return Box(box.x0 * x, box.y0 * y, box.x1 * x, box.y1 * y)


def _slices(box: Box, inset: float) -> tuple[slice, slice]:
    """The box's rows and columns without the share `inset` of its sides all around."""
    x, y = inset * box.width, inset * box.height
    return (
        slice(max(int(box.y0 + y), 1), max(int(box.y1 - y), int(box.y0 + y) + 1)),
        slice(max(int(box.x0 + x), 1), max(int(box.x1 - x), int(box.x0 + x) + 1)),
    )


def _contrast(crop: np.ndarray, found: np.ndarray) -> float:
    """The share of the found pixels' colours, in coarse bins, that the rest hasn't got."""
    if found.all():
        return 0.0
    bins = (crop >> 5).astype(np.int64) @ np.array((64, 8, 1))
    inside, outside = (np.bincount(bins[part], minlength=512) for part in (found, ~found))
    return 1 - float(np.minimum(inside / inside.sum(), outside / outside.sum()).sum())


class AgreementTally:
    """Holds labels against an estimate, picture by picture."""

    def __init__(self, estimate: Estimate, classes: tuple[str, ...]):
        self._estimate, self._classes = estimate, classes
        self._found: list[tuple[float, str]] = []  # IoU, which label
        self._asked = 0
        self._masks = 0

    def add(self, picture: LabelledPicture, pixels: np.ndarray, most: int = 4) -> None:
        """Ask about the picture's first `most` labels that are large enough to tell."""
        whole = Box(0, 0, *picture.size)
        asked = 0
        for one in picture.objects:
            box = one.box.intersect(whole)
            if one.crowd or box is None or min(box.width, box.height) < SMALLEST:
                continue
            if asked == most:
                return
            asked += 1
            self._ask(one, box, picture, pixels)

    def _ask(
        self, one: LabelledObject, box: Box, picture: LabelledPicture, pixels: np.ndarray
    ) -> None:
        name = self._classes[one.class_id]
        self._asked += 1
        self._masks += bool(one.rle)
        mask = self._estimate(pixels, box, name)
        if mask is None:
            return
        if one.rle:
            label = decode_rle(one.rle, picture.size)
            iou = float((label & mask).sum() / max((label | mask).sum(), 1))
        else:
            tight = tight_box(mask)
            iou = tight.iou(box) if tight else 0.0
        where = ", ".join(f"{value:.0f}" for value in box.xyxy)
        self._found.append((iou, f"{picture.path.name}: {name} at {where} (IoU {iou:.2f})"))

    def agreement(self) -> Agreement | None:
        """The figures; None if there was nothing to ask about."""
        if not self._asked:
            return None
        low = middle = None
        if self._found:
            low, middle = np.quantile([iou for iou, _ in self._found], (0.1, 0.5)).round(4).tolist()
        return Agreement(
            estimate=getattr(self._estimate, "__name__", type(self._estimate).__name__),
            of="masks" if self._masks else "boxes",
            objects=self._asked,
            presence=round(len(self._found) / self._asked, 4),
            iou_p10=low,
            iou_p50=middle,
            worst=[text for _, text in sorted(self._found)[:SHOWN]],
        )


ESTIMATES: dict[str, Estimate] = {"grabcut": grabcut}
