"""Whole pictures changed, with their labels: one move for all that moves, then colours.

Nothing that can be seen goes without a label, and nothing that can't be seen has one. So a move
that would leave a sliver of an object, less of it than a given share, is made milder until it
doesn't: by half, to a quarter, or not at all. What leaves the picture as a whole is gone.

And a fill shows nothing that no label would be true of: where `nearest` would draw an object out
into streaks, or `reflect` mirror one that isn't to be mirrored, that picture's is `constant`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.geometry import area_scale, rounded
from infgen.ops.augment.warp import USUAL, Warp
from infgen.ops.rle import decode_window
from infgen.records.box import Box
from infgen.records.plan import Change

MILDER = (1.0, 0.5, 0.25, 0.0)  # parts of a move that are tried
MOST_LABELS = 65535  # that a map of 16 bits tells apart


@dataclass(frozen=True)
class Piece:
    """What is seen of label number `of`: `mask` is (h, w) bool, its corner at (x, y). After a
    change `share` is how much of it is left, 0..1, and a `copy` is there because the fill repeats
    the picture."""

    of: int
    x: int
    y: int
    mask: np.ndarray
    share: float = 1.0
    copy: bool = False

    @property
    def box(self) -> Box:
        """Tight around the mask."""
        height, width = self.mask.shape
        return Box(self.x, self.y, self.x + width, self.y + height)


@dataclass(frozen=True)
class Changed:
    """A picture after its changes, `changes` as they were made in the end. `pieces` are in the
    order of their labels, copies last."""

    picture: np.ndarray
    pieces: tuple[Piece, ...]
    changes: tuple[Change, ...]


def piece_of(number: int, rle: str, box: Box, size: tuple[int, int]) -> Piece:
    """The mask of a label with this tight `box`, in a picture of `size` = (width, height); where
    there is none (`rle` is empty), all of the box, to whole pixels and one at least."""
    if rle:
        return Piece(number, int(box.x0), int(box.y0), decode_window(rle, box, size))
    x0, y0 = (min(round(edge), side - 1) for edge, side in zip((box.x0, box.y0), size, strict=True))
    height, width = max(round(box.y1) - y0, 1), max(round(box.x1) - x0, 1)
    return Piece(number, x0, y0, np.ones((height, width), bool))


def change_picture(
    picture: np.ndarray,
    pieces: Sequence[Piece],
    changes: Sequence[Change],
    min_visible: float,
    upright: Collection[int] = (),
) -> Changed:
    """An (H, W, 3) uint8 RGB picture, changed, as a copy of the same size, and what is then seen of
    each of `pieces`, which may overlap: of any of them the share `min_visible`, or nothing. Labels
    whose numbers are in `upright` aren't to be mirrored.

    The pixels of masks are those whose centre comes from a pixel of the mask.
    """
    size = (picture.shape[1], picture.shape[0])
    left: tuple[Piece, ...] = tuple(pieces)
    made = tuple(changes)
    if all(AUGMENTS[one.name].paint for one in changes):
        return Changed(paint(picture.copy(), made), left, made)
    for part in MILDER:
        made = tuple(_milder(changes, part))
        warp = Warp(matrix_of(made, size), size, _fill(made))
        left = _left(pieces, made, warp, size)
        if _shows_untrue(pieces, left, warp, upright, size):
            made = tuple(map(_plainly_filled, made))
            warp = Warp(warp.matrix, size)
            left = _left(pieces, made, warp, size)
        if all(one.share >= min_visible for one in left):
            break
    return Changed(paint(warp.picture(picture), made), left, made)


def paint(picture: np.ndarray, changes: Sequence[Change]) -> np.ndarray:
    """A copy of (H, W, 3) uint8 RGB with other colours, and holes hidden."""
    for one in changes:
        row = AUGMENTS[one.name]
        if row.paint is not None:
            picture = row.paint(picture, **one.values)
    for rows, columns, level in holes(changes, (picture.shape[1], picture.shape[0])):
        picture = picture.copy()
        picture[rows, columns] = level
    return picture


def matrix_of(changes: Sequence[Change], size: tuple[int, int]) -> np.ndarray:
    """All that moves, in order, as one (3, 3) matrix."""
    matrix = np.eye(3)
    for one in changes:
        make = AUGMENTS[one.name].matrix
        if make is not None:
            matrix = make(size, **one.values) @ matrix
    return rounded(matrix)


def holes(changes: Sequence[Change], size: tuple[int, int]) -> Iterator[tuple[slice, slice, int]]:
    """The rows and columns that are hidden, and by which grey."""
    for one in changes:
        make = AUGMENTS[one.name].hole
        if make is not None:
            yield *make(size, **one.values), int(one.values["level"])


def _fill(changes: Sequence[Change]) -> str:
    return next((one.fill for one in changes if one.fill), USUAL)


def _plainly_filled(change: Change) -> Change:
    return msgspec.structs.replace(change, fill=USUAL) if change.fill else change


def _shows_untrue(
    pieces: Sequence[Piece],
    left: Sequence[Piece],
    warp: Warp,
    upright: Collection[int],
    size: tuple[int, int],
) -> bool:
    """Whether the fill shows what no label would be true of."""
    if warp.fill == "reflect":
        return any(one.copy and one.of in upright for one in left)
    return warp.fill == "nearest" and any(map(warp.streaks, _layers(pieces, size)))


def _milder(changes: Sequence[Change], part: float) -> Iterator[Change]:
    """The changes, with `part` (0..1) of each that moves or hides. (Mirroring loses nothing.)"""
    for one in changes:
        row = AUGMENTS[one.name]
        if part == 1 or row.paint is not None or not row.values:
            yield one
        elif part:
            yield Change(one.name, row.milder(one.values, part), one.fill)


# ---- labels --------------------------------------------------------------------------------------


def moved_pieces(
    pieces: Sequence[Piece], changes: Sequence[Change], size: tuple[int, int]
) -> tuple[Piece, ...]:
    """What is seen of the pieces after the moves and holes among the changes: in order, copies
    last."""
    return _left(pieces, changes, Warp(matrix_of(changes, size), size, _fill(changes)), size)


def _left(
    pieces: Sequence[Piece], changes: Sequence[Change], warp: Warp, size: tuple[int, int]
) -> tuple[Piece, ...]:
    moved = _moved(pieces, changes, warp, size)
    return tuple(sorted(moved, key=lambda one: (one.copy, one.of, one.y, one.x)))


def _moved(
    pieces: Sequence[Piece], changes: Sequence[Change], warp: Warp, size: tuple[int, int]
) -> Iterator[Piece]:
    wholes = [int(np.count_nonzero(piece.mask)) * area_scale(warp.matrix) for piece in pieces]
    for ids in _layers(pieces, size):
        found = warp.nearest(ids)
        for rows, columns, _ in holes(changes, size):
            found[rows, columns] = 0
        pixels = np.flatnonzero(found)
        numbers, tiles = found.ravel()[pixels] - 1, warp.tiles(pixels)
        for number, tile, part in _groups(numbers, tiles):
            whole, before = wholes[number], pieces[number]
            rows_of, columns_of = np.divmod(pixels[part], size[0])
            x, y = int(columns_of.min()), int(rows_of.min())
            mask = np.zeros((int(rows_of.max()) - y + 1, int(columns_of.max()) - x + 1), bool)
            mask[rows_of - y, columns_of - x] = True
            yield Piece(before.of, x, y, mask, min(part.size / whole, 1.0), tile != 0)


def _groups(numbers: np.ndarray, tiles: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Where (n,) `numbers` and `tiles` are the same: the number, the tile, and the places."""
    order = np.lexsort((numbers, tiles)) if tiles.any() else np.argsort(numbers, kind="stable")
    numbers, tiles = numbers[order], tiles[order]
    changes = np.flatnonzero((np.diff(numbers) != 0) | (np.diff(tiles) != 0)) + 1
    starts = [0, *changes.tolist()] if order.size else []
    for start, part in zip(starts, np.split(order, changes), strict=False):
        yield int(numbers[start]), int(tiles[start]), part


def _layers(pieces: Sequence[Piece], size: tuple[int, int]) -> list[np.ndarray]:
    """Maps, (H, W) uint16, in which the pixels of piece number n are n + 1; several where pieces
    overlap."""
    assert len(pieces) <= MOST_LABELS
    layers: list[np.ndarray] = []
    for number, piece in enumerate(pieces, 1):
        height, width = piece.mask.shape
        window = np.s_[piece.y : piece.y + height, piece.x : piece.x + width]
        layer = next((one for one in layers if not one[window][piece.mask].any()), None)
        if layer is None:
            layer = np.zeros(size[::-1], np.uint16)
            layers.append(layer)
        layer[window][piece.mask] = number
    return layers
