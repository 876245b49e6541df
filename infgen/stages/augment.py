"""The last stage of a picture: its planned changes, which all its labels follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.geometry import box_moved
from infgen.ops.augment.picture import Piece, change_picture, matrix_of, moved_pieces, piece_of
from infgen.ops.rle import encode_window
from infgen.records.plan import Change, Dropped, ImagePlan
from infgen.records.sample import Decoy, Instance, Sample

GONE = "moved out of the picture"


def augment(
    sample: Sample, plan: ImagePlan, min_visible: float, upright: Collection[int] = ()
) -> Sample:
    """The sample after the plan's changes, on a canvas of the same size. Objects of the classes
    `upright`, by their ids, aren't to be mirrored, which the plan has seen to but for its fill.

    A move that would leave less than `min_visible` of what is seen of an object is made milder
    (ops.augment.picture), so every object that can be seen keeps its label; one that leaves the
    picture as a whole is listed as dropped. What a fill repeats is labelled as another object,
    which nobody requested. Decoys follow, however little of them is left.
    """
    pieces = [piece_of(n, one.rle, one.box, plan.size) for n, one in enumerate(sample.instances)]
    fixed = {n for n, one in enumerate(sample.instances) if one.class_id in upright}
    done = change_picture(sample.canvas, pieces, plan.changes, min_visible, fixed)
    if all(AUGMENTS[one.name].paint for one in done.changes):  # boxes keep their fractions
        return replace(sample, canvas=done.picture, changes=done.changes)
    matrix = matrix_of(done.changes, plan.size)
    instances = [
        _instance(number, sample.instances[piece.of], piece, matrix, plan.size)
        for number, piece in enumerate(done.pieces, 1)
    ]
    kept = {piece.of for piece in done.pieces}
    gone = [
        Dropped(one.class_id, GONE, one.requested)
        for number, one in enumerate(sample.instances)
        if number not in kept
    ]
    return replace(
        sample,
        canvas=done.picture,
        instances=tuple(instances),
        dropped=(*sample.dropped, *gone),
        decoys=_decoys(sample.decoys, done.changes, plan.size),
        covered=None,
        changes=done.changes,
    )


def _instance(
    number: int, before: Instance, piece: Piece, matrix: np.ndarray, size: tuple[int, int]
) -> Instance:
    """The label of what is seen of it now."""
    asked = None if piece.copy or before.requested is None else before.requested
    return msgspec.structs.replace(
        before,
        id=number,
        box=piece.box,
        requested=asked and box_moved(asked, matrix, size),
        rle=encode_window(piece.mask, piece.x, piece.y, size) if before.rle else "",
        area=int(np.count_nonzero(piece.mask)) if before.rle else round(piece.box.area),
        visible_frac=round(before.visible_frac * piece.share, 4),
    )


def _decoys(
    decoys: Sequence[Decoy], changes: Sequence[Change], size: tuple[int, int]
) -> tuple[Decoy, ...]:
    pieces = [piece_of(number, one.rle, one.box, size) for number, one in enumerate(decoys)]
    return tuple(
        msgspec.structs.replace(
            decoys[piece.of],
            box=piece.box,
            rle=encode_window(piece.mask, piece.x, piece.y, size),
        )
        for piece in moved_pieces(pieces, changes, size)
    )
