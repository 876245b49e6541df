"""Moves: labels go where pixels go, boxes stay tight, and what isn't there isn't labelled."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from infgen.ops.augment.geometry import area_scale, inverse, moved
from infgen.ops.augment.picture import change_picture, matrix_of
from infgen.ops.augment.warp import Warp
from infgen.ops.masks import tight_box
from infgen.records.plan import Change
from tests.ops.augment.drawing import (
    SIZE,
    drawn,
    full,
    moves,
    painted,
    piece_of,
    polygons,
    scenery,
    seeds,
)

RIM = 0.6  # pixels to a pixel of outline in which two ways to paint the same may differ


def changed(picture, pieces, changes):
    """Whatever little is left of them."""
    return change_picture(picture, pieces, changes, min_visible=0)


def length(mask):
    """How many pixels of a mask, (H, W) bool, lie on its outline."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.count_nonzero(mask) - np.count_nonzero(inner)


# ---- against outlines moved as points ------------------------------------------------------------


@settings(max_examples=40)
@given(polygons(), moves(fills=("constant", "nearest")))
def test_a_mask_follows_its_outline(polygon, changes):
    matrix = matrix_of(changes, SIZE)
    wanted = painted(moved(polygon, matrix))
    assume(np.count_nonzero(wanted) > 400)
    [piece] = changed(scenery(), [piece_of(painted(polygon))], changes).pieces
    assert np.count_nonzero(full(piece) != wanted) <= RIM * length(wanted)
    box, whole = tight_box(full(piece)).xyxy, tight_box(wanted).xyxy
    assert np.abs(np.subtract(box, whole)).max() <= 3  # a pointed corner may end between pixels


@settings(max_examples=40)
@given(polygons(), moves())
def test_areas_grow_as_the_matrix_says(polygon, changes):
    matrix = matrix_of(changes, SIZE)
    outline = moved(polygon, matrix)
    assume((outline > 1).all() and (outline < np.array(SIZE) - 1).all())
    mask = painted(polygon)
    own = [p for p in changed(scenery(), [piece_of(mask)], changes).pieces if not p.copy]
    grown = np.count_nonzero(mask) * area_scale(matrix)
    rim = RIM * length(mask) * max(area_scale(matrix), 1)
    assert np.count_nonzero(own[0].mask) == pytest.approx(grown, rel=0.05, abs=rim)


@settings(max_examples=40)
@given(polygons(), moves())
def test_boxes_are_tight_and_pieces_lie_inside(polygon, changes):
    for piece in changed(scenery(), [piece_of(painted(polygon))], changes).pieces:
        height, width = piece.mask.shape
        assert tight_box(piece.mask).xyxy == (0, 0, width, height)
        assert piece.x >= 0 and piece.x + width <= SIZE[0]
        assert piece.y >= 0 and piece.y + height <= SIZE[1]
        assert 0 < piece.share <= 1


def zoomed(fill, *factors):
    return [Change("zoom", {"factor": one, "stretch": other}, fill) for one, other in factors]


REFLECTED = np.array([(87.22022589, 58.90422576), (50.66063895, 89), (37.51223426, 73.09797578),
                      (26.59271674, 43.77956918), (44.65977094, 27.40063238),
                      (67.03030892, 47.2990051)])  # fmt: skip
REPEATED = np.array([(87.64546073, 78.72635522), (51.02597308, 89), (31.58956398, 55.39531744),
                     (62.16007537, 24.30828089)])  # fmt: skip


@settings(max_examples=40)
@given(polygons(), moves())
@example(REFLECTED, zoomed("reflect", (0.9982, 0.9081), (0.9512, 1.0901)))  # tips at the border
@example(REPEATED, zoomed("wrap", (0.9637, 0.954), (0.9637, 0.954)))
def test_labels_lie_on_the_pixels_of_their_object(polygon, changes):
    """The object is white in a black picture: what is well inside a label is white, what is well
    outside all of them is black, or less than half of it white: the tip of a reflection. Along the
    picture's border there may be reflections that are too thin to hold a pixel's centre: they have
    no label, and of their pixels hardly one is half white."""
    mask = painted(polygon)
    picture = np.where(mask[..., None], np.uint8(255), np.uint8(0)).repeat(3, axis=2)
    done = changed(picture, [piece_of(picture[..., 0] > 0)], changes)
    labelled = np.zeros(SIZE[::-1], bool)
    for piece in done.pieces:
        assert not (labelled & full(piece)).any()
        labelled |= full(piece)
    inside = cv2.erode(labelled.astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0
    around = cv2.dilate(labelled.astype(np.uint8), np.ones((5, 5))) > 0
    assert (done.picture[inside] == 255).all()
    border = np.ones(labelled.shape, bool)
    border[2:-2, 2:-2] = False
    assert (done.picture[~around & ~border] < 128).all()
    assert np.count_nonzero(done.picture[~around & border][:, 0] >= 128) <= 4
    far = cv2.dilate(labelled.astype(np.uint8), np.ones((13, 13))) == 0
    assert (done.picture[far & ~border] == 0).all()


@settings(max_examples=40)
@given(polygons(), polygons(), moves())
def test_overlapping_labels_move_as_each_by_itself(one, other, changes):
    pieces = [piece_of(painted(one), 0), piece_of(painted(other), 1)]
    together = changed(scenery(), pieces, changes).pieces
    apart = [p for piece in pieces for p in changed(scenery(), [piece], changes).pieces]
    apart = sorted(apart, key=lambda p: (p.copy, p.of, p.y, p.x))
    assert [(p.of, p.copy) for p in together] == [(p.of, p.copy) for p in apart]
    for here, there in zip(together, apart, strict=True):
        assert (full(here) == full(there)).all()


# ---- what is exact -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mirror", "flip"])
def test_mirroring_is_exact_and_twice_is_nothing(name):
    mask = painted(np.array([(20, 10), (70, 30), (30, 60)], float))
    once = change_picture(scenery(), [piece_of(mask)], [Change(name)], 1)
    turned = np.s_[:, ::-1] if name == "mirror" else np.s_[::-1]
    assert (once.picture == scenery()[turned]).all()
    assert (full(once.pieces[0]) == mask[turned]).all()
    twice = change_picture(scenery(), [piece_of(mask)], [Change(name), Change(name)], 1)
    assert (twice.picture == scenery()).all() and (full(twice.pieces[0]) == mask).all()


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_quarter_turns_of_squares_are_exact(turns):
    picture = scenery((64, 64))
    turned = change_picture(picture, [], [Change("rotate", {"degrees": 90.0 * turns})], 1)
    assert (turned.picture == np.rot90(picture, -turns)).all()


def test_shifts_are_of_whole_pixels():
    change = Change("shift", {"x": 0.1, "y": -0.2}, "wrap")  # of 120 x 90
    rolled = change_picture(scenery(), [], [change], 1)
    assert (rolled.picture == np.roll(scenery(), (-18, 12), axis=(0, 1))).all()


@settings(max_examples=40)
@given(moves())
def test_the_way_back_undoes_the_way(changes):
    matrix = matrix_of(changes, SIZE)
    assert np.abs(inverse(matrix) @ matrix - np.eye(3)).max() < 1e-5


@settings(max_examples=40)
@given(moves(), st.sampled_from(["constant", "nearest", "reflect", "wrap"]))
def test_pixels_are_those_of_whole_number_arithmetic(changes, fill):
    """So that no processor can have others: weights of 1/1024, rounded half up."""
    picture, warp = scenery(), Warp(matrix_of(changes, SIZE), SIZE, fill)
    x, y = (side.astype(int) for side in warp._sources)
    (left, right), (top, bottom) = (x >> 5, x & 31), (y >> 5, y & 31)
    total = np.zeros(picture.shape, int)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (right if dx else 32 - right) * (bottom if dy else 32 - bottom)
        total += weight[..., None] * looked_up(picture, left + dx, top + dy, fill)
    assert (warp.picture(picture) == (total + 512) >> 10).all()


def looked_up(picture, x, y, fill):
    (width, height) = SIZE
    if fill == "constant":
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return picture[y.clip(0, height - 1), x.clip(0, width - 1)] * inside[..., None].astype(int)
    if fill == "nearest":
        return picture[y.clip(0, height - 1), x.clip(0, width - 1)].astype(int)
    if fill == "wrap":
        return picture[y % height, x % width].astype(int)
    x, y = x % (2 * width), y % (2 * height)
    return picture[np.minimum(y, 2 * height - 1 - y), np.minimum(x, 2 * width - 1 - x)].astype(int)


def test_places_too_far_for_the_maps_are_beyond_the_edge_all_the_same():
    far = np.array([(1, 0, -70_000), (0, 1, 0), (0, 0, 1)], float)
    picture = Warp(far, SIZE, "nearest").picture(scenery())
    assert (picture == scenery()[:, -1:]).all()
    assert not Warp(far, SIZE, "nearest").nearest(np.ones(SIZE[::-1], np.uint16)).any()


# ---- what is left of objects ---------------------------------------------------------------------


def block(x0, y0, x1, y1, of=0):
    mask = np.zeros(SIZE[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return piece_of(mask, of)


def test_a_move_that_would_leave_a_sliver_is_made_milder():
    change = Change("shift", {"x": 0.5, "y": 0.0}, "constant")  # 60 pixels
    right_of_the_middle = block(55, 10, 85, 40)  # 5 of its 30 columns would be left
    done = change_picture(scenery(), [right_of_the_middle], [change], 0.3)
    assert done.changes == (Change("shift", {"x": 0.25, "y": 0.0}, "constant"),)
    [piece] = done.pieces
    assert (piece.x, piece.mask.shape, piece.share) == (85, (30, 30), 1)
    assert (done.picture[:, 30:] == scenery()[:, :90]).all()


def test_what_leaves_the_picture_is_gone_and_the_move_stays():
    change = Change("shift", {"x": 0.5, "y": 0.0}, "constant")
    done = change_picture(scenery(), [block(90, 10, 110, 40), block(0, 0, 9, 9, 1)], [change], 1)
    assert done.changes == (change,) and [piece.of for piece in done.pieces] == [1]


def test_a_move_that_can_only_do_harm_is_left_out_but_mirroring_stays():
    everywhere = [block(x, 0, x + 10, 90, n) for n, x in enumerate(range(0, 120, 10))]
    changes = [Change("mirror"), Change("shift", {"x": 0.23, "y": 0.0}), drawn("hue", 1)]
    done = change_picture(scenery(), everywhere, changes, 1)
    assert done.changes == (changes[0], changes[2]) and len(done.pieces) == 12


def test_hiding_is_made_milder_too_and_masks_lose_what_is_hidden():
    change = Change("cutout", {"share": 0.25, "stretch": 1, "x": 0, "y": 0, "level": 7})
    done = change_picture(scenery(), [block(0, 0, 60, 50)], [change], 0.2)
    assert done.changes[0].values["share"] == 0.125
    [piece] = done.pieces
    hidden = (done.picture == 7).all(axis=2)
    assert not (full(piece) & hidden).any()
    assert np.count_nonzero(piece.mask) == 3000 - np.count_nonzero(hidden)


@settings(max_examples=40)
@given(polygons(), moves(), st.sampled_from([0.2, 0.5, 1]), seeds)
def test_of_every_object_enough_is_left_or_nothing(polygon, changes, min_visible, seed):
    changes = [*changes, drawn("cutout", seed)]
    done = change_picture(scenery(), [piece_of(painted(polygon))], changes, min_visible)
    assert all(piece.share >= min_visible for piece in done.pieces)
    again = change_picture(scenery(), [piece_of(painted(polygon))], done.changes, 0)
    assert (again.picture == done.picture).all()  # what is recorded is what was done


@pytest.mark.parametrize("fill", ["reflect", "wrap"])
def test_what_a_fill_repeats_is_labelled_as_another_object(fill):
    change = Change("shift", {"x": 0.5, "y": 0.0}, fill)  # 60 pixels to the right
    done = change_picture(scenery(), [block(20, 10, 40, 40)], [change], 0.3)
    copies = [piece for piece in done.pieces if piece.copy]
    assert [piece.x for piece in done.pieces if not piece.copy] == [80]
    assert [piece.x for piece in copies] == ([20] if fill == "reflect" else [])
    if fill == "wrap":
        wrapped = change_picture(scenery(), [block(80, 10, 100, 40)], [change], 0.3)
        assert [(piece.x, piece.copy) for piece in wrapped.pieces] == [(20, True)]


@pytest.mark.parametrize("fill", ["nearest", "reflect"])
def test_what_would_be_drawn_out_or_mirrored_wrongly_is_not_repeated(fill):
    """Black is beyond the edge where the fill would show an untrue object, and the fill elsewhere:
    at another edge, or where the object may be mirrored."""
    changes = [Change("shift", {"x": 0.5, "y": 0.0}, fill), drawn("hue", 1)]  # 60 pixels
    plain = (Change("shift", {"x": 0.5, "y": 0.0}, "constant"), changes[1])
    done = change_picture(scenery(), [block(0, 10, 30, 40, 7)], changes, 0.3, {7})
    [piece] = done.pieces
    assert (piece.x, piece.mask.shape) == (60, (30, 30)) and done.changes == plain
    assert (done.picture[:, :60] == change_picture(scenery(), [], plain, 1).picture[:, :60]).all()
    harmless = {"nearest": block(1, 10, 30, 40, 7), "reflect": block(0, 10, 30, 40, 6)}[fill]
    for one in (harmless, block(65, 10, 90, 40, 7)):  # the second leaves at the other edge
        assert change_picture(scenery(), [one], changes, 0, {7}).changes == tuple(changes)
