"""Masks as boxes and polygons. Pure functions.

A mask is (H, W) bool or uint8, nonzero where the object is. Polygons are (n, 2) float64 x, y on
pixel *edges* (the pixel in row 0, column 0 is the square 0..1), closed without repeating the first
point. A contour through pixel centres, as cv2.findContours gives, loses half a pixel all around.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from infgen.records.box import Box

SAME = 0.3  # IoU of two outlines from which they are of one thing


def same_thing(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two outlines, (H, W) bool, are of one thing, well or badly drawn."""
    either = int(np.count_nonzero(one | other))
    return either > 0 and bool(np.count_nonzero(one & other) >= SAME * either)


def tight_box(mask: np.ndarray) -> Box | None:
    """The smallest box that holds every pixel of (H, W) `mask`; None when it has none."""
    seen = mask if mask.dtype == bool else mask != 0
    x, y, width, height = cv2.boundingRect(seen.view(np.uint8))
    return Box(x, y, x + width, y + height) if width else None


def polygons(mask: np.ndarray) -> list[np.ndarray]:
    """One polygon for each 4-connected part of (H, W) `mask`, its holes joined to it.

    Holes hang on zero-width bridges (there and back along one line) inside the object. They cover
    no area, so filling by the even-odd rule, as pycocotools does, gives back the mask exactly.
    Pixels that touch at a corner only are separate parts. An empty mask has no polygons.
    """
    return [_join(rings, _bridges([_edges(ring) for ring in rings])) for rings in _parts(mask, 0.0)]


def joined_polygon(mask: np.ndarray, inset: float = 0.0) -> np.ndarray:
    """All parts and holes of (H, W) `mask` in one polygon, for formats with one outline an object.

    `inset` (pixels, below 0.5) moves every edge towards the object's inside, so that every corner
    lies in a pixel of the object: readers that truncate corners to whole pixels and paint outlines
    inclusively (cv2.fillPoly) then paint these pixels, not their right and lower neighbours.

    Bridges between parts lie on background, where such readers paint one pixel wide lines. They are
    the shortest that connect all parts; filling by the even-odd rule they cover nothing and the
    mask comes back exactly. An empty mask gives shape (0, 2).
    """
    parts = _parts(mask, inset)
    if not parts:
        return np.zeros((0, 2))
    edges = [[_edges(ring) for ring in rings] for rings in parts]
    bridges = _bridges([np.concatenate(part) for part in edges])
    first = 0
    for part in edges:
        bridges += [(first + here, first + there) for here, there in _bridges(part)]
        first += sum(len(ring) for ring in part)
    return _join([ring for rings in parts for ring in rings], bridges)


def _parts(mask: np.ndarray, inset: float) -> list[list[np.ndarray]]:
    """The rings of each part: its outline, then its holes. Works on the tight crop, however large
    the canvas."""
    box = tight_box(mask)
    if box is None:
        return []
    x0, y0, x1, y1 = (int(edge) for edge in box.xyxy)
    crop = (mask[y0:y1, x0:x1] != 0).view(np.uint8)
    rings = _rings(crop)
    parts: dict[int, list[np.ndarray]] = {}
    for ring, part in zip(rings, _part_of(rings, crop), strict=True):
        parts.setdefault(part, []).append(_shrink(ring, inset) + np.array((x0, y0)))
    return list(parts.values())


# Corners at a lattice point, by the object pixels around it (1 upper left, 2 upper right, 4 lower
# left, 8 lower right): a straight edge has none, two pixels that touch diagonally have two.
_CORNERS = np.zeros(256, np.uint8)
_CORNERS[[1, 2, 4, 8, 7, 11, 13, 14]] = 1
_CORNERS[[6, 9]] = 2


def _rings(crop: np.ndarray) -> list[np.ndarray]:
    """The closed boundaries of (h, w) uint8 0/1 `crop` as (n, 2) int corners, sorted by the first
    one, which is the left one of the top. The object lies on the right hand of the way.

    On every lattice row the corners pair up into horizontal edges, and on every lattice column into
    vertical ones. Linking both gives the rings; no pixel is walked.
    """
    padded = np.pad(crop, 1)
    sides = padded[:, :-1] + 2 * padded[:, 1:]
    around = sides[:-1] + 4 * sides[1:]
    corners = cv2.LUT(around, _CORNERS).ravel()
    places = np.flatnonzero(corners != 0)
    places = np.repeat(places, corners[places].astype(np.intp))
    around = around.ravel()[places]
    y, x = np.divmod(places, crop.shape[1] + 1)

    following = np.empty(len(places), np.intp)
    left, right = np.arange(0, len(places), 2), np.arange(1, len(places), 2)
    _link(following, left, right, around[left] & 8 != 0)  # object below: to the right
    # Of two corners in one place, the one whose edge goes left comes first on the row. On the
    # column it's the one whose edge goes up: the same if the upper pixel is the left one (9).
    second = np.diff(places, prepend=-1) == 0
    by_column = np.lexsort((second ^ (around == 6), y, x))
    top, bottom = by_column[0::2], by_column[1::2]
    _link(following, top, bottom, around[top] & 4 != 0)  # object on the left: downwards
    return [np.stack((x[ring], y[ring]), axis=1) for ring in _cycles(following.tolist())]


def _link(following: np.ndarray, a: np.ndarray, b: np.ndarray, forward: np.ndarray) -> None:
    """Note in `following` that b comes after a where `forward`, and a after b elsewhere."""
    following[np.where(forward, a, b)] = np.where(forward, b, a)


def _cycles(following: list[int]) -> list[list[int]]:
    """The cycles of a permutation, each from its smallest member."""
    following = following.copy()
    cycles = []
    for start in range(len(following)):
        cycle, at = [], start
        while following[at] >= 0:
            cycle.append(at)
            following[at], at = -1, following[at]
        if cycle:
            cycles.append(cycle)
    return cycles


def _part_of(rings: list[np.ndarray], crop: np.ndarray) -> list[int]:
    """For each ring, the number of the 4-connected part whose boundary it is."""
    if len(rings) == 1:
        return [0]
    _, labels = cv2.connectedComponents(crop, connectivity=4)
    # Outlines leave their first corner to the right, with the object below that edge; holes leave
    # it downwards, with the object above their top edge.
    starts = np.array([ring[:2] for ring in rings])
    x, y = starts[:, 0, 0], starts[:, 0, 1]
    is_hole = starts[:, 1, 0] == x
    parts: list[int] = labels[y - is_hole, x].tolist()
    return parts


def _shrink(ring: np.ndarray, inset: float) -> np.ndarray:
    """(n, 2) `ring` with every edge moved by `inset` pixels to its right, where the object is."""
    ahead = np.sign(np.roll(ring, -1, axis=0) - ring)
    turn = ahead + np.roll(ahead, 1, axis=0)  # one of the two is horizontal, the other vertical
    return ring + inset * np.stack((-turn[:, 1], turn[:, 0]), axis=1)


def _edges(ring: np.ndarray) -> np.ndarray:
    """The edges of (n, 2) `ring`, level or upright: (n, 2, 2) as [edge][x, y][lower, upper]."""
    return np.sort(np.stack((ring, np.roll(ring, -1, axis=0)), axis=2), axis=2)


def _bridges(groups: list[np.ndarray]) -> list[tuple[int, int]]:
    """The shortest links that connect all groups of edges (Prim's minimum spanning tree).

    Each group is (n, 2, 2) as from `_edges`; a bridge is the numbers of two edges, counted through
    all groups. Time grows with the square of the number of edges.
    """
    if len(groups) == 1:
        return []
    edges = np.concatenate(groups).astype(np.float32)
    owner = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    gap, partner = np.full(len(edges), np.inf, np.float32), np.zeros(len(edges), np.intp)
    bridges: list[tuple[int, int]] = []
    added, outside = 0, np.arange(len(edges))
    while (outside := outside[owner[outside] != added]).size:
        members = np.flatnonzero(owner == added)
        nearest, distance = _nearest(edges[outside], edges[members])
        closer = distance < gap[outside]
        gap[outside[closer]] = distance[closer]
        partner[outside[closer]] = members[nearest[closer]]
        edge = int(outside[gap[outside].argmin()])
        bridges.append((edge, int(partner[edge])))
        added = int(owner[edge])
    return bridges


def _nearest(edges: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of (n, 2, 2) `edges` the number of the nearest parallel one of (m, 2, 2) `others`,
    and the squared distance.

    Parallel ones are enough to find the nearest points of two rings: one of these is a corner, and
    there an edge of either direction ends.
    """
    nearest, distance = np.empty(len(edges), np.intp), np.empty(len(edges), np.float32)
    for along, across in ((0, 1), (1, 0)):
        ours = np.flatnonzero(edges[:, across, 0] == edges[:, across, 1])
        theirs = np.flatnonzero(others[:, across, 0] == others[:, across, 1])
        low, high = others[theirs, along].T
        level = others[theirs, across, 0]
        for rows in np.array_split(ours, len(ours) // 64 + 1):  # small enough for the cache
            mine = edges[rows, :, :, None]
            gap = np.maximum(low - mine[:, along, 1], mine[:, along, 0] - high)
            squared = np.square(np.maximum(gap, 0)) + np.square(level - mine[:, across, 0])
            nearest[rows] = theirs[squared.argmin(axis=1)]
            distance[rows] = squared.min(axis=1)
    return nearest, distance


def _join(rings: list[np.ndarray], bridges: list[tuple[int, int]]) -> np.ndarray:
    """One (n, 2) polygon that walks all `rings`, crossing each of `bridges` there and back."""
    if len(rings) == 1:
        return rings[0]
    low, high = np.moveaxis(np.concatenate([_edges(ring) for ring in rings]), 2, 0)
    points = np.concatenate(rings).tolist()
    following: list[int] = []
    for ring in rings:
        first = len(following)
        following += [*range(first + 1, first + len(ring)), first]

    exits: dict[int, list[tuple[float, int]]] = {}  # by edge: how far along it, and which point
    for here, there in bridges:
        # the closest points of two parallel edges: on the stretch they share, or facing ends
        reach = np.maximum(low[here], low[there])
        ends = np.minimum(reach, (high[here], high[there])).tolist()
        # a pair of points at either end: leave by the first, come back to the second
        for edge, end, far_side in zip((here, there), ends, (3, -1), strict=True):
            exits.setdefault(edge, []).append((math.dist(points[edge], end), len(points)))
            points += [end, end]
            following += [len(following) + far_side, -1]
    for edge, stops in exits.items():
        at, last = edge, following[edge]
        for _, leave in sorted(stops):
            following[at], at = leave, leave + 1
        following[at] = last

    polygon = np.array(points)[_cycles(following)[0]]
    return polygon[(polygon != np.roll(polygon, 1, axis=0)).any(axis=1)]
