"""Where else on a picture a contour, or a piece of one, could lie: places to compare it with."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.report.audit.contours import RADIUS, SIDE, Piece, Traces

SMOOTH = 1.5  # pixels: the scale at which edges are compared
SNAP = 3  # pixels by which a label's contour may miss its edge
AS_STEEP = 1.2  # times an edge may be steeper than its like, or less steep
FAINTEST_EDGE = 1.0  # grey levels a pixel: below it there's no edge to compare
LIKEST = 3  # of the places with a like edge, those from which one is drawn: by texture around


def surroundings(masks: Sequence[np.ndarray], reach: int) -> np.ndarray:
    """(H, W) bool: every pixel of `masks` (at least one), and those within `reach` pixels."""
    free = (~np.logical_or.reduce(masks)).astype(np.uint8)
    return cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_5) <= reach


def untouched(
    pieces: Sequence[Piece], mask: np.ndarray, taken: np.ndarray, rng: np.random.Generator
) -> list[Piece]:
    """The `pieces` of (H, W) bool `mask` moved together to a random place that is clear of (H, W)
    bool `taken`. A mask that fits nowhere else goes to pieces: each gets a place of its own. Empty
    if there is no room for these either."""
    box = tight_box(mask)
    assert box is not None
    x0, y0, x1, y1 = map(int, box.xyxy)
    hits = cv2.matchTemplate(
        taken.astype(np.float32), mask[y0:y1, x0:x1].astype(np.float32), cv2.TM_CCORR
    )
    ys, xs = np.nonzero(hits < 0.5)  # a sum of ones, by Fourier transform
    if len(ys):
        pick = rng.integers(len(ys))
        x, y = int(xs[pick]) - x0, int(ys[pick]) - y0
        moved = [piece.at(piece.x + x, piece.y + y) for piece in pieces]
        height, width = taken.shape
        return [
            piece
            for piece in moved
            if RADIUS <= piece.x < width - RADIUS and RADIUS <= piece.y < height - RADIUS
        ]
    ys, xs = np.nonzero(~taken[RADIUS:-RADIUS, RADIUS:-RADIUS])
    if not len(ys):
        return []
    picks = rng.integers(len(ys), size=len(pieces))
    return [
        piece.at(int(xs[pick]) + RADIUS, int(ys[pick]) + RADIUS)
        for piece, pick in zip(pieces, picks, strict=True)
    ]


class EdgeSearch:
    """Finds, for a piece of an object's contour, an edge of the same picture that is like it: of
    the same shape and direction, as steep, in surroundings of the like texture, but no object's.

    Objects have edges all along, and most places of a picture have none: without this, every
    contour, painted or real, would be told from its like by being one.
    """

    def __init__(self, traces: Traces, taken: np.ndarray, rng: np.random.Generator):
        """`taken` is (H, W) bool, where no like may lie."""
        smooth = cv2.GaussianBlur(traces.luma, (0, 0), SMOOTH)
        self._dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
        self._dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
        texture = cv2.boxFilter(traces.layers[0] + traces.layers[3], -1, (SIDE, SIDE))
        self._texture = np.log(_centres(texture) + 1)
        self._free = ~_centres(taken)
        self._rng = rng

    def like(self, piece: Piece) -> tuple[Piece, Piece] | None:
        """The piece, moved onto its edge, and its like; None where it has no edge, or no like."""
        steepness = self._steepness(piece)
        x, y = piece.x - RADIUS, piece.y - RADIUS
        left, top = max(x - SNAP, 0), max(y - SNAP, 0)
        near = steepness[top : y + SNAP + 1, left : x + SNAP + 1]
        row, column = np.unravel_index(int(near.argmax()), near.shape)
        x, y = left + int(column), top + int(row)
        own = float(steepness[y, x])
        if own < FAINTEST_EDGE:
            return None
        summits = cv2.dilate(steepness, np.ones((2 * SNAP + 1,) * 2)) == steepness
        alike = (steepness > own / AS_STEEP) & (steepness < own * AS_STEEP)
        ys, xs = np.nonzero(summits & alike & self._free)
        if not len(ys):
            return None
        unlike = np.abs(self._texture[ys, xs] - self._texture[y, x])
        pick = unlike.argsort()[:LIKEST][self._rng.integers(min(LIKEST, len(ys)))]
        return (
            piece.at(x + RADIUS, y + RADIUS),
            piece.at(int(xs[pick]) + RADIUS, int(ys[pick]) + RADIUS),
        )

    def _steepness(self, piece: Piece) -> np.ndarray:
        """How steep an edge the piece's contour would have with its centre on each pixel that has
        room for it, (H - 2 RADIUS, W - 2 RADIUS) float32, in grey levels a pixel."""
        side = cv2.GaussianBlur(piece.side.astype(np.float32), (0, 0), SMOOTH)
        across, down = cv2.Sobel(side, cv2.CV_32F, 1, 0), cv2.Sobel(side, cv2.CV_32F, 0, 1)
        length = max(float(np.hypot(across, down).sum()), 1e-6)
        along_x = cv2.matchTemplate(self._dx, across, cv2.TM_CCORR)
        along_y = cv2.matchTemplate(self._dy, down, cv2.TM_CCORR)
        return np.abs(along_x + along_y) / length


def _centres(layer: np.ndarray) -> np.ndarray:
    """The pixels of (H, W) around which a window has room."""
    return layer[RADIUS:-RADIUS, RADIUS:-RADIUS]
