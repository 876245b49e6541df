"""Judges painted objects before they are labelled, and outlines them. It decides nothing else: who
asks has the attempts.

The change map always looks (ops/appearance, ops/judging). Where there are eyes (models/eyes), a
detector looks for the class among the others, a segmenter draws the outline, a scorer compares
names; and backgrounds and decoys are searched for things that would lack a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infgen.ops.appearance import outline, refined
from infgen.ops.judging import (
    GROUND_RULES,
    NOTHING,
    RULES,
    Rule,
    judge,
    likeness,
    measure,
    measure_ground,
    thumbnail,
)
from infgen.ops.masks import same_thing, tight_box
from infgen.records.box import Box
from infgen.records.verdict import Sighting, Verdict

if TYPE_CHECKING:
    from infgen.models.detections import Detection
    from infgen.models.eyes import Eyes

ANOTHER = 0.5  # of the best detection's score: what reaches it is another object of the class
SIGHTED = 0.35  # a detector's score from which a thing is there for certain
_AIR = 0.1  # of an object's sides: what a scorer sees around it


@dataclass(frozen=True)
class Trial:
    """An object that was painted for a class: the crop `before` and `after`, (S, S, 3) uint8 RGB of
    matched colours; where the model painted, (S, S) bool made of cells of `cell` pixels; the box it
    was to fill, in crop pixels; and thumbnails of the class's objects that the picture has."""

    class_id: int
    before: np.ndarray
    after: np.ndarray
    denoise: np.ndarray
    cell: int
    asked: Box
    earlier: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Judged:
    """What came of a trial: the object's outline, (S, S) bool, and the verdict on it."""

    mask: np.ndarray
    verdict: Verdict


class Verify:
    """Judges, for classes of these `names`, with whatever `eyes` there are. Without `strict` it
    only outlines: all that appeared is fine. `rules` are the bars."""

    def __init__(
        self,
        names: Sequence[str] = (),
        eyes: Eyes | None = None,
        strict: bool = True,
        rules: Sequence[Rule] = RULES,
    ):
        self._names, self._strict, self._rules = list(names), strict, rules
        self._detector = eyes.detector if eyes else None
        self._segmenter = eyes.segmenter if eyes else None
        self._scorer = eyes.scorer if eyes else None

    def __call__(self, trials: Sequence[Trial]) -> list[Judged]:
        """Judge trials, each by itself, in order."""
        if not trials:
            return []
        changed = [self.outlined(one) for one in trials]
        seen: list[list[Detection]] = [[] for _ in trials]
        if self._detector:
            found = self._detector.detect(
                [one.after for one in trials], [self._words(one.class_id) for one in trials]
            )
            seen = [
                [hit for hit in hits if hit.label == 0 and _is_in(one.denoise, hit.box)]
                for one, hits in zip(trials, found, strict=True)
            ]
        masks = self._segmented(trials, changed.copy(), seen)
        measures = [self._measures(*one) for one in zip(trials, masks, seen, strict=True)]
        self._score(trials, masks, measures)
        verdicts = [Verdict(self._reason(numbers), numbers) for numbers in measures]
        for number, one in enumerate(trials):
            if masks[number] is changed[number] and not verdicts[number].reason:
                # bars are for outlines by change, which show what went wrong; labels fit closer
                masks[number] = refined(masks[number], one.before, one.after, one.denoise, one.cell)
        return [Judged(*one) for one in zip(masks, verdicts, strict=True)]

    def outlined(self, trial: Trial) -> np.ndarray:
        """What appeared, by the change alone: (S, S) bool."""
        return outline(trial.before, trial.after, trial.denoise, trial.cell)

    def ground(self, trials: Sequence[Trial]) -> list[Judged]:
        """Judge decoys, each by itself, in order: whether there is nothing but background. The mask
        is all that was painted."""
        sighted = self.sighted([one.after for one in trials], [one.denoise for one in trials])
        judged = []
        for one, sightings in zip(trials, sighted, strict=True):
            measures = measure_ground(one.before, one.after, one.denoise)
            reason = judge(measures, GROUND_RULES) if self._strict else ""
            verdict = Verdict("shows an object" if sightings else reason, measures)
            judged.append(Judged(one.denoise, verdict))
        return judged

    def sighted(
        self, pictures: Sequence[np.ndarray], within: Sequence[np.ndarray] | None = None
    ) -> list[tuple[Sighting, ...]]:
        """What of the classes is to be seen in pictures, (H, W, 3) uint8 RGB, that were made to
        show none; if given, in the masks `within`, (H, W) bool. Nothing, without a detector."""
        if self._detector is None or not pictures:
            return [() for _ in pictures]
        found = self._detector.detect(pictures, [self._names] * len(pictures))
        return [
            tuple(
                Sighting(hit.label, round(hit.score, 4), hit.box)
                for hit in hits
                if hit.score >= SIGHTED and (within is None or _is_in(within[number], hit.box))
            )
            for number, hits in enumerate(found)
        ]

    def _words(self, class_id: int) -> list[str]:
        """The class and its distractors."""
        name = self._names[class_id]
        return [name, *(other for other in self._names if other != name)]

    def _segmented(
        self,
        trials: Sequence[Trial],
        masks: list[np.ndarray],
        seen: Sequence[Sequence[Detection]],
    ) -> list[np.ndarray]:
        """The outlines by the segmenter, as far as it has something to go by (the best detection,
        else the outline by change) and doesn't see quite another thing than changed."""
        if self._segmenter is None:
            return masks
        boxes = [hits[0].box if hits else tight_box(mask)
                 for hits, mask in zip(seen, masks, strict=True)]  # fmt: skip
        asked = [number for number, box in enumerate(boxes) if box is not None]
        if not asked:
            return masks
        drawn = self._segmenter.segment(
            [trials[number].after for number in asked],
            [box for box in boxes if box is not None],
        )
        for number, mask in zip(asked, drawn, strict=True):
            inside = mask & trials[number].denoise
            if not masks[number].any() or same_thing(masks[number], inside):
                masks[number] = inside
        return masks

    def _measures(
        self, trial: Trial, mask: np.ndarray, hits: Sequence[Detection]
    ) -> dict[str, float]:
        box = tight_box(mask)
        if box is None:
            return {}
        if not self._strict:
            return {"fill": round(float(np.count_nonzero(mask) / trial.asked.area), 4)}
        numbers = measure(trial.before, trial.after, trial.denoise, mask, trial.asked)
        if trial.earlier:
            look = thumbnail(trial.after, box)
            numbers["likeness"] = round(likeness(look, trial.earlier), 4)
        if self._detector:
            numbers["detection"] = round(hits[0].score, 4) if hits else 0.0
            if hits:
                numbers["detection_overlap"] = round(hits[0].box.iou(trial.asked), 4)
                least = ANOTHER * hits[0].score
                numbers["detections"] = sum(hit.score >= least for hit in hits)
        return numbers

    def _score(
        self,
        trials: Sequence[Trial],
        masks: Sequence[np.ndarray],
        measures: Sequence[dict[str, float]],
    ) -> None:
        """How much better the class's name fits than the best of the others', and than it fitted
        the same place before: the bar is another for each class and place, as scores of names
        differ by more than good and bad objects do."""
        boxes = [tight_box(mask) for mask in masks]
        asked = [number for number, box in enumerate(boxes) if box is not None]
        if self._scorer is None or not self._strict or not asked:
            return
        parts = [_around(picture, boxes[number])
                 for number in asked
                 for picture in (trials[number].after, trials[number].before)]  # fmt: skip
        words = [[f"a photo of {word}" for word in self._words(trials[number].class_id)]
                 for number in asked for _ in range(2)]  # fmt: skip
        scores = self._scorer.score(parts, words)
        for number, now, then in zip(asked, scores[::2], scores[1::2], strict=True):
            rivals = [*now[1:].tolist(), float(then[0])]
            lead = float(now[0]) - max(rivals)
            if np.isfinite(lead):  # records hold numbers only; broken weights say nothing
                measures[number]["score"] = round(float(now[0]), 4)
                measures[number]["lead"] = round(lead, 4)

    def _reason(self, measures: dict[str, float]) -> str:
        if not measures:
            return NOTHING
        return judge(measures, self._rules) if self._strict else ""


def _is_in(mask: np.ndarray, box: Box) -> bool:
    """Whether the middle of a box lies in (H, W) bool `mask`."""
    x, y = box.center
    height, width = mask.shape
    return bool(mask[min(int(y), height - 1), min(int(x), width - 1)])


def _around(picture: np.ndarray, box: Box | None) -> np.ndarray:
    """The part of (H, W, 3) `picture` that a box shows, with a little air."""
    assert box is not None
    height, width = picture.shape[:2]
    air_x, air_y = _AIR * box.width, _AIR * box.height
    x0, y0 = max(int(box.x0 - air_x), 0), max(int(box.y0 - air_y), 0)
    x1, y1 = min(int(box.x1 + air_x) + 1, width), min(int(box.y1 + air_y) + 1, height)
    return np.ascontiguousarray(picture[y0:y1, x0:x1])
