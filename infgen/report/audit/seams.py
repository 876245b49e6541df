"""The seam probe: can a small classifier tell painted contours from those that nobody painted?

If it can, so can a detector in training, and it will learn to look for traces of painting instead
of objects. Three questions, and one to the probe itself:

    decoys      regions repainted without an object, against untouched places of the same shape
    edges       the same where they end at an edge, against like edges of the same picture: a model
                that is asked for bare scene draws hills and clouds, and where nothing was painted
                these have outlines, too
    contours    objects, against like edges of the same picture; real objects aren't quite like the
                edges around them either, so this is read beside the same figure of real pictures
    self test   rectangles repainted slightly on the very pictures: a probe that doesn't see these
                is blind here, and has nothing to say

A logistic regression on the pieces' features (contours.py), cross-validated with all pictures of a
scene on one side. A contour's score is the mean of its pieces'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import MissingExtra
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.report.audit.contours import (
    DISC,
    RADIUS,
    SIDE,
    Piece,
    Traces,
    describe,
    pieces_of,
    spots,
    tangent,
    traces_of,
)
from infgen.report.audit.findings import Auc, Seams
from infgen.report.audit.places import EdgeSearch, surroundings, untouched

SEES = 0.85  # AUC of the self test from which the probe isn't blind
FEWEST_PICTURES = 8  # of a question that can be answered
PIECES = 12  # of a repainted region's contour
OBJECTS, PIECES_EACH = 6, 8  # of a picture
SMALLEST = 400  # pixels of an object: smaller ones are all edge
RESAMPLES, CONFIDENCE = 300, 95
FOLDS, REPEATS = 8, 5
STRENGTH = 0.01  # inverse of the regression's L2 penalty: features are many, pictures few

BLUR, SHIFT = 0.8, (2.0, 4.0)  # of the self test's seams: pixels, grey levels in each channel


def check_extra() -> None:
    """Raises MissingExtra without scikit-learn."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "looking for seams needs scikit-learn: pip install 'infgen[audit]', or leave it out "
            "with --no-seams"
        ) from None


class Contours:
    """Contours of both kinds, painted and not, as the classifier sees them."""

    def __init__(self) -> None:
        self._features: list[np.ndarray] = []
        self._contour: list[int] = []
        self._painted: list[bool] = []  # by contour, as are these
        self._pictures: list[str] = []
        self._scenes: list[str] = []

    @property
    def pictures(self) -> int:
        return len(set(self._pictures))

    def add(self, pieces: Sequence[np.ndarray], painted: bool, picture: LabelledPicture) -> None:
        """A contour by the features of its pieces, of which there is at least one."""
        self._features += pieces
        self._contour += [len(self._painted)] * len(pieces)
        self._painted.append(painted)
        self._pictures.append(str(picture.path))
        self._scenes.append(picture.scene or str(picture.path))

    def auc(self, rng: np.random.Generator, most_pictures: int = 0) -> Auc | None:
        """The mean of REPEATS cross-validations, with bounds; None with too few pictures or scenes.
        With `most_pictures`, each is on as many pictures, drawn at random."""
        names = np.array(self._pictures)
        most = min(most_pictures or len(names), self.pictures)
        if most < FEWEST_PICTURES or len(set(self._scenes)) < FEWEST_PICTURES:
            return None
        features, painted = np.array(self._features), np.array(self._painted)
        contour, scenes = np.array(self._contour), np.array(self._scenes)
        rounds = []
        for _ in range(REPEATS):
            chosen = np.isin(names, rng.permutation(np.unique(names))[:most])
            pieces = chosen[contour]
            scores = _scores(
                features[pieces], painted[contour[pieces]], scenes[contour[pieces]], rng
            )
            sums = np.bincount(contour[pieces], scores, len(names))
            means = sums[chosen] / np.bincount(contour[pieces], minlength=len(names))[chosen]
            rounds.append(_bounded_auc(painted[chosen], means, names[chosen], rng))
        middle, low, high = np.mean(rounds, axis=0).round(4).tolist()
        return Auc(middle, low, high, most, len(names))


def _scores(
    features: np.ndarray, painted: np.ndarray, scenes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Each piece's log-odds of being painted, (n,), by a classifier that hasn't seen its scene."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = np.zeros(len(painted))
    parts = np.array_split(rng.permutation(np.unique(scenes)), FOLDS)
    for part in parts:
        held_out = np.isin(scenes, part)
        if held_out.any() and len(np.unique(painted[~held_out])) == 2:
            regression = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=300)
            model = make_pipeline(StandardScaler(), regression)
            model.fit(features[~held_out], painted[~held_out])
            scores[held_out] = model.decision_function(features[held_out])
    return scores


def _bounded_auc(
    painted: np.ndarray, scores: np.ndarray, pictures: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float]:
    """The AUC, and its bounds by drawing pictures with replacement."""
    _, owner = np.unique(pictures, return_inverse=True)
    _, rank = np.unique(scores, return_inverse=True)
    count = int(owner.max()) + 1
    drawn = []
    for _ in range(RESAMPLES // REPEATS):
        weights = np.bincount(rng.integers(count, size=count), minlength=count)[owner]
        if len(np.unique(painted[weights > 0])) == 2:
            drawn.append(area_under_curve(painted, rank, weights))
    margin = (100 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, (margin, 100 - margin))
    return area_under_curve(painted, rank, np.ones(len(rank))), float(low), float(high)


def area_under_curve(painted: np.ndarray, rank: np.ndarray, weights: np.ndarray) -> float:
    """How often one of the painted, (n,) bool, has a higher rank, (n,) int from 0, than one of the
    others; equal ranks count half (Hanley & McNeil 1982). It is scikit-learn's roc_auc_score, which
    takes a hundred times as long to look at what it is given."""
    ours = np.bincount(rank, weights * painted)
    others = np.bincount(rank, weights * ~painted)
    below = np.cumsum(others) - others / 2
    return float(ours @ below / (ours.sum() * others.sum()))


# ---- what is looked at ---------------------------------------------------------------------------


class SeamProbe:
    """Gathers contours picture by picture, then judges them all."""

    def __init__(self) -> None:
        self._planted, self._decoys = Contours(), Contours()
        self._decoy_edges, self._objects = Contours(), Contours()

    def add(self, picture: LabelledPicture, pixels: np.ndarray, rng: np.random.Generator) -> None:
        """Look at a picture, (H, W, 3) uint8 RGB. Ones too small for a window tell nothing."""
        if min(picture.size) < 3 * SIDE:
            return
        masks = [_mask(one, picture.size) for one in picture.objects]
        masks = [mask for mask in masks if mask.any()]
        decoys = [decode_rle(rle, picture.size) for rle in picture.decoys]
        self._plant(picture, pixels, rng)
        traces = traces_of(pixels)
        if not masks and not decoys:
            return
        taken = surroundings([*masks, *decoys], RADIUS)
        edges = surroundings(masks, SIDE // 2) if masks else None  # a decoy below one ends there
        for decoy in decoys:
            _compare(self._decoys, picture, traces, decoy, taken, rng, edges)
        search = EdgeSearch(traces, surroundings([*masks, *decoys], RADIUS // 2), rng)
        _hold_beside_edges(self._objects, picture, search, masks, rng)
        edges = surroundings(masks, math.ceil(DISC)) if masks else None
        _hold_beside_edges(self._decoy_edges, picture, search, decoys, rng, edges)

    def _plant(
        self, picture: LabelledPicture, pixels: np.ndarray, rng: np.random.Generator
    ) -> None:
        """The self test's rectangle on a copy of the picture."""
        mask = draw_rectangle(picture.size, rng)
        traces = traces_of(repaint(pixels, mask, rng))
        _compare(self._planted, picture, traces, mask, surroundings([mask], RADIUS), rng)

    def seams(self, reference: SeamProbe | None, rng: np.random.Generator) -> Seams:
        """The verdicts, or why there are none."""
        test = self._planted.auc(rng)
        if test is None:
            return Seams(
                f"{self._planted.pictures} pictures of at least {3 * SIDE} pixels a side are too "
                f"few: it takes {FEWEST_PICTURES} of different scenes"
            )
        if test.auc < SEES:
            return Seams(
                f"rectangles that were repainted to test it are seen with an AUC of {test.auc:.2f} "
                f"only on these {test.pictures} pictures: more of them (--sample) may help",
                test,
            )
        seams = Seams("", test, self._decoys.auc(rng), contours=self._objects.auc(rng))
        seams.decoy_edges = self._decoy_edges.auc(rng)
        if reference is not None and seams.contours is not None:
            most = min(reference._objects.pictures, self._objects.pictures)
            seams.reference = reference._objects.auc(rng, most)
            seams.contours_alike = self._objects.auc(rng, most)
            if seams.reference and seams.contours_alike:
                seams.excess = round(seams.contours_alike.auc - seams.reference.auc, 4)
        return seams

    def add_reference(
        self, picture: LabelledPicture, pixels: np.ndarray, rng: np.random.Generator
    ) -> None:
        """As add, of a picture whose objects are all that matters."""
        masks = [_mask(one, picture.size) for one in picture.objects]
        masks = [mask for mask in masks if mask.any()]
        if masks and min(picture.size) >= 3 * SIDE:
            search = EdgeSearch(traces_of(pixels), surroundings(masks, RADIUS // 2), rng)
            _hold_beside_edges(self._objects, picture, search, masks, rng)


def _mask(one: LabelledObject, size: tuple[int, int]) -> np.ndarray:
    """The label's mask, (H, W) bool; its box where it has none."""
    if one.rle:
        return decode_rle(one.rle, size)
    mask = np.zeros(size[::-1], bool)
    box = one.box.intersect(Box(0, 0, *size))
    if box is not None:
        x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
        mask[y0:y1, x0:x1] = True
    return mask


def _compare(
    contours: Contours,
    picture: LabelledPicture,
    traces: Traces,
    mask: np.ndarray,
    taken: np.ndarray,
    rng: np.random.Generator,
    edges: np.ndarray | None = None,
) -> None:
    """Add a repainted region, and the same shape where nothing was painted. What lies on `edges`,
    (H, W) bool, isn't its own contour."""
    pieces = pieces_of(mask, PIECES)
    if edges is not None:
        pieces = [piece for piece in pieces if not edges[piece.y, piece.x]]
    elsewhere = untouched(pieces, mask, taken, rng) if pieces else []
    if elsewhere:
        contours.add(_described(traces, pieces, steps=True), True, picture)
        contours.add(_described(traces, elsewhere, steps=True), False, picture)


def _hold_beside_edges(
    contours: Contours,
    picture: LabelledPicture,
    search: EdgeSearch,
    masks: Sequence[np.ndarray],
    rng: np.random.Generator,
    edges: np.ndarray | None = None,
) -> None:
    """Add what has these masks, and for each the like edges of its pieces. What lies on `edges`,
    (H, W) bool, isn't its own contour."""
    large = [mask for mask in masks if mask.sum() >= SMALLEST]
    for number in rng.permutation(len(large))[:OBJECTS]:
        mask = large[number]
        found = [
            search.like(x, y, tangent(mask, x, y))
            for x, y in spots(mask, PIECES_EACH)
            if edges is None or not edges[y, x]
        ]
        pairs = [pair for pair in found if pair is not None]
        if pairs:
            ours, theirs = zip(*pairs, strict=True)
            contours.add(_described(search.traces, ours, steps=False), True, picture)
            contours.add(_described(search.traces, theirs, steps=False), False, picture)


def _described(traces: Traces, pieces: Sequence[Piece], steps: bool) -> list[np.ndarray]:
    return [describe(traces, piece, steps) for piece in pieces]


# ---- the self test's seams -----------------------------------------------------------------------


def draw_rectangle(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: a rectangle of a fifth to two fifths of either side, anywhere in the picture."""
    mask = np.zeros(size[::-1], bool)
    width, height = (max(round(side * rng.uniform(0.2, 0.4)), 8) for side in size)
    x, y = (int(rng.integers(side - one)) for side, one in zip(size, (width, height), strict=True))
    mask[y : y + height, x : x + width] = True
    return mask


def repaint(pixels: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of (H, W, 3) uint8 `pixels` in which the pixels of `mask` went through what a VAE does
    to them, and were put back without any care: slightly softer, slightly of another colour."""
    shift = rng.uniform(*SHIFT, 3) * rng.choice((-1, 1), 3)
    painted = cv2.GaussianBlur(pixels, (0, 0), BLUR).astype(np.float32) + shift
    return np.where(mask[..., None], painted.round().clip(0, 255).astype(np.uint8), pixels)
