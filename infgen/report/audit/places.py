"""Where else on a picture a contour, or a piece of one, could lie: places to compare it with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.report.audit.contours import DIRECTIONS, RADIUS, SIDE, STRAIGHT, Piece, Traces

SMOOTH = 1.5  # pixels: the scale at which edges are compared
LENGTH = 8  # pixels to either side along which an edge goes straight
MOST_ASKEW = 0.3  # tangent of the angle by which an edge may miss its direction
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
    """Finds, for a spot on an object's contour, an edge of the same picture that is like it: in the
    same direction, as steep, in surroundings of the like texture, but no object's.

    Objects have edges all along, and most places of a picture have none: without this, every
    contour, painted or real, would be told from its like by being one. Both edges are found in the
    same way, as summits of steepness along straight lines: how exactly a label follows its object
    doesn't tell them apart.
    """

    def __init__(self, traces: Traces, taken: np.ndarray, rng: np.random.Generator):
        """`taken` is (H, W) bool, where no like may lie."""
        self.traces = traces
        smooth = cv2.GaussianBlur(traces.luma, (0, 0), SMOOTH)
        self._dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
        self._dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
        texture = cv2.boxFilter(traces.layers[0] + traces.layers[3], -1, (SIDE, SIDE))
        self._texture = np.log(texture + 1)
        self._free = np.zeros(taken.shape, bool)
        _centres(self._free)[:] = ~_centres(taken)
        self._rng = rng
        self._steepness: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def like(self, x: int, y: int, direction: int) -> tuple[Piece, Piece] | None:
        """The edge next to a spot, and its like, both with straight bands; None where there is no
        edge, or no like. `direction` is as in contours.tangent."""
        steepness, summits = self._along(direction % (DIRECTIONS // 2))
        rows = slice(max(y - SNAP, RADIUS), min(y + SNAP + 1, len(steepness) - RADIUS))
        columns = slice(max(x - SNAP, RADIUS), min(x + SNAP + 1, steepness.shape[1] - RADIUS))
        near = np.where(summits[rows, columns], steepness[rows, columns], 0)
        own = float(near.max(initial=0))
        if own < FAINTEST_EDGE:
            return None
        row, column = np.unravel_index(int(near.argmax()), near.shape)
        x, y = columns.start + int(column), rows.start + int(row)
        alike = (steepness > own / AS_STEEP) & (steepness < own * AS_STEEP)
        ys, xs = np.nonzero(summits & alike & self._free)
        if not len(ys):
            return None
        unlike = np.abs(self._texture[ys, xs] - self._texture[y, x])
        pick = unlike.argsort()[:LIKEST][self._rng.integers(min(LIKEST, len(ys)))]
        bands = STRAIGHT[direction]
        return Piece(x, y, bands), Piece(int(xs[pick]), int(ys[pick]), bands)

    def _along(self, direction: int) -> tuple[np.ndarray, np.ndarray]:
        """How steep an edge across a direction each pixel lies on, (H, W) float32 in grey levels a
        pixel, and (H, W) bool where it is steepest around."""
        if direction not in self._steepness:
            angle = 2 * math.pi * direction / DIRECTIONS
            across, down = (cv2.filter2D(d, -1, _line(direction)) for d in (self._dx, self._dy))
            steepness = np.abs(across * math.cos(angle) + down * math.sin(angle))
            askew = np.abs(down * math.cos(angle) - across * math.sin(angle))
            summits = cv2.dilate(steepness, np.ones((2 * SNAP + 1,) * 2)) == steepness
            self._steepness[direction] = steepness, summits & (askew < MOST_ASKEW * steepness)
        return self._steepness[direction]


def _line(direction: int) -> np.ndarray:
    """Weights along the line across a direction, (2 LENGTH + 1, 2 LENGTH + 1) float32."""
    angle = 2 * math.pi * direction / DIRECTIONS
    down, across = np.mgrid[-LENGTH : LENGTH + 1, -LENGTH : LENGTH + 1]
    off = across * math.cos(angle) + down * math.sin(angle)
    along = across * math.sin(angle) - down * math.cos(angle)
    weights = np.exp(-(off**2) / 0.5) * np.exp(-(along**2) / (2 * (LENGTH / 2) ** 2))
    return (weights / weights.sum()).astype(np.float32)


def _centres(layer: np.ndarray) -> np.ndarray:
    """The pixels of (H, W) around which a window has room."""
    return layer[RADIUS:-RADIUS, RADIUS:-RADIUS]
