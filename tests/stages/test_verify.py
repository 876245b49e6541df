"""Judging painted objects: by the change alone, and with eyes whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from infgen.models.detections import Detection
from infgen.models.eyes import Eyes
from infgen.models.prompts import Prompt, Rejected
from infgen.ops.judging import NOTHING, RULES, thumbnail
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, ImagePlan
from infgen.stages.backgrounds import Backgrounds
from infgen.stages.inpaint import Inpaint, InpaintSettings
from infgen.stages.verify import SIGHTED, Trial, Verify
from tests.ops.test_judging import ASKED, disc, room, shaded
from tests.stages.test_inpaint import SIZE, Discs, plan, scene, thing

NAMES = ["ball", "cube", "star"]
BALL = Box(56, 56, 136, 136)


class FixedDetector:
    """Finds the same in every picture, and keeps what it was asked for."""

    def __init__(self, *found: Detection):
        self.found, self.asked = list(found), []

    def detect(self, pictures, texts: Sequence[Sequence[str]]) -> list[list[Detection]]:
        self.asked += [list(words) for words in texts]
        return [self.found for _ in pictures]


class FixedSegmenter:
    def __init__(self, mask: np.ndarray):
        self.mask, self.boxes = mask, []

    def segment(self, pictures, boxes):
        self.boxes += boxes
        return [self.mask for _ in pictures]


class FixedScorer:
    """Gives the pictures it is shown, after and before in turn, these scores."""

    def __init__(self, after: Sequence[float], before: Sequence[float]):
        self.after, self.before = after, before

    def score(self, pictures, texts):
        assert len(pictures) % 2 == 0 and texts[0][0] == "a photo of ball"
        answers = [np.array(self.after, np.float32), np.array(self.before, np.float32)]
        return answers * (len(pictures) // 2)


def trial(mask=None, class_id=0, **more):
    before, after = shaded(disc() if mask is None else mask)
    return Trial(class_id, before, after, room(), 8, ASKED, **more)


def reason(verify, one=None):
    [judged] = verify([one or trial()])
    return judged.verdict.reason


def test_a_good_object_is_accepted_outlined_and_measured():
    [judged] = Verify(NAMES)([trial()])
    both, either = (judged.mask & disc()).sum(), (judged.mask | disc()).sum()
    assert judged.verdict.reason == "" and both / either > 0.9
    measured = judged.verdict.measures
    assert {rule.measure for rule in RULES} - measured.keys() == {
        "likeness", "detection", "detection_overlap", "detections", "lead",
    }  # fmt: skip
    assert all(isinstance(value, float) for value in measured.values())


def test_nothing_is_nothing_strict_or_not():
    before, _ = shaded(disc())
    nothing = Trial(0, before, before, room(), 8, ASKED)
    assert reason(Verify(NAMES), nothing) == NOTHING
    assert reason(Verify(NAMES, strict=False), nothing) == NOTHING


def test_whoever_does_not_judge_labels_whatever_appears():
    small = trial(disc(radius=14))
    assert reason(Verify(NAMES), small) == "too little appeared"
    assert reason(Verify(NAMES, strict=False), small) == ""


def test_trials_do_not_depend_on_each_other():
    trials = [trial(), trial(disc(radius=14)), trial(disc(70, 96, 20) | disc(122, 96, 20))]
    verify = Verify(NAMES)
    together = [one.verdict for one in verify(trials)]
    assert together == [verify([one])[0].verdict for one in trials]
    assert verify([]) == []
    assert Verify(NAMES, Eyes(detector=FixedDetector()))([]) == []


def test_the_same_again_in_one_picture_is_noticed():
    verify = Verify(NAMES)
    one = trial()
    [first] = verify([one])
    look = thumbnail(one.after, tight_box(first.mask))
    assert reason(verify, trial(earlier=(look,))).startswith("like another")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Detection(0, 0.6, BALL)], ""),
        ([], "not detected"),
        ([Detection(0, 0.07, BALL)], "not detected"),
        ([Detection(1, 0.9, BALL)], "not detected"),  # it looks more like another class
        ([Detection(0, 0.6, Box(50, 50, 80, 80))], "detected elsewhere"),
        ([Detection(0, 0.6, Box(150, 4, 190, 40))], "not detected"),  # it stands beside the mask
        (
            [Detection(0, 0.6, BALL), Detection(0, 0.5, Box(56, 56, 90, 136))],
            "detected several times",
        ),
        ([Detection(0, 0.6, BALL), Detection(0, 0.1, Box(56, 56, 90, 136))], ""),
    ],
)
def test_what_a_detector_says_counts(found, expected):
    detector = FixedDetector(*found)
    assert reason(Verify(NAMES, Eyes(detector=detector))) == expected
    assert detector.asked == [["ball", "cube", "star"]]


def test_the_class_comes_before_its_distractors():
    detector = FixedDetector(Detection(0, 0.6, BALL))
    Verify(NAMES, Eyes(detector=detector))([trial(class_id=2)])
    assert detector.asked == [["star", "ball", "cube"]]


def test_a_segmenter_draws_the_outline_within_what_was_painted():
    drawn = np.zeros((192, 192), bool)
    drawn[60:190, 60:132] = True
    segmenter = FixedSegmenter(drawn)
    eyes = Eyes(detector=FixedDetector(Detection(0, 0.6, BALL)), segmenter=segmenter)
    [judged] = Verify(NAMES, eyes)([trial()])
    assert np.array_equal(judged.mask, drawn & room())
    assert segmenter.boxes == [BALL]
    alone = FixedSegmenter(drawn)
    Verify(NAMES, Eyes(segmenter=alone))([trial()])
    assert alone.boxes[0].iou(BALL) > 0.8  # by the change, where nothing was detected


def test_a_segmenter_that_sees_nothing_or_another_thing_is_not_followed():
    corner = np.zeros((192, 192), bool)
    corner[44:60, 44:60] = True
    [by_change] = Verify(NAMES)([trial()])
    for drawn in (np.zeros((192, 192), bool), corner):
        [judged] = Verify(NAMES, Eyes(segmenter=FixedSegmenter(drawn)))([trial()])
        assert np.array_equal(judged.mask, by_change.mask)


def test_scores_that_are_no_numbers_say_nothing():
    nan = (float("nan"),) * 3
    [judged] = Verify(NAMES, Eyes(scorer=FixedScorer(nan, nan)))([trial()])
    assert judged.verdict.reason == "" and "lead" not in judged.verdict.measures


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        ((0.30, 0.10, 0.05), (0.02, 0.1, 0.0), ""),
        ((0.10, 0.30, 0.05), (0.02, 0.1, 0.0), "looks more like something else"),
        ((0.04, 0.01, 0.01), (0.09, 0.0, 0.0), "looks more like something else"),
        ((0.02, 0.01, 0.01), (0.01, 0.0, 0.0), ""),  # low scores are fine where all are low
    ],
)
def test_a_name_has_to_fit_better_than_others_and_than_before(after, before, expected):
    eyes = Eyes(scorer=FixedScorer(after, before))
    [judged] = Verify(NAMES, eyes)([trial()])
    assert judged.verdict.reason == expected
    assert judged.verdict.measures["score"] == pytest.approx(after[0])


def test_sightings_are_certain_and_in_their_place():
    found = [Detection(1, SIGHTED + 0.1, BALL), Detection(2, SIGHTED - 0.1, BALL)]
    verify = Verify(NAMES, Eyes(detector=FixedDetector(*found)))
    picture = np.zeros((192, 192, 3), np.uint8)
    [[one]] = verify.sighted([picture])
    assert (one.class_id, one.box) == (1, BALL)
    elsewhere = np.zeros((192, 192), bool)
    elsewhere[:40] = True
    assert verify.sighted([picture], [elsewhere]) == [()]
    assert Verify(NAMES).sighted([picture]) == [()]


# ---- in the stages -------------------------------------------------------------------------------


def test_every_try_is_recorded_and_the_next_has_more_room():
    rooms: list[int] = []

    class Watched(Discs):
        def inpaint(self, pictures, masks, prompts, seeds):
            rooms.extend(int(mask.sum()) for mask in masks)
            return super().inpaint(pictures, masks, prompts, seeds)

    painter = Watched("nothing", "disc")
    stage = Inpaint(painter, InpaintSettings(3), 0.3)
    [sample] = stage.paint([scene()], [plan(thing(Box(100, 80, 180, 160)))])
    [label] = sample.instances
    assert [one.reason for one in label.tries] == [NOTHING, ""]
    assert label.tries[1].measures["overlap"] > 0.3
    assert rooms[1] > rooms[0]
    [left_out] = Inpaint(Watched("nothing", "speck", "rejected"), InpaintSettings(3), 0.3).paint(
        [scene()], [plan(thing(Box(100, 80, 180, 160)))]
    )
    [dropped] = left_out.dropped
    assert [one.reason for one in dropped.tries] == [
        NOTHING, "too little appeared", "the picture is black",
    ]  # fmt: skip
    assert dropped.reason == "the picture is black"
    assert np.array_equal(left_out.canvas, scene())


def test_an_object_that_fails_leaves_the_earlier_ones_as_they_are():
    boxes = [Box(40, 60, 120, 140), Box(180, 60, 260, 140)]
    objects = [thing(box, number) for number, box in enumerate(boxes)]
    alone = Inpaint(Discs(), InpaintSettings(1), 0.3).paint([scene()], [plan(objects[0])])
    both = Inpaint(Discs("disc", "speck"), InpaintSettings(1), 0.3).paint(
        [scene()], [plan(*objects)]
    )
    assert np.array_equal(alone[0].canvas, both[0].canvas)
    assert alone[0].instances == both[0].instances


def test_a_decoy_that_shows_a_thing_is_not_kept():
    detector = FixedDetector(Detection(0, 0.9, Box(40, 40, 90, 90)))
    decoyed = msgspec.structs.replace(plan(), decoys=(thing(Box(100, 80, 180, 160)),))
    for eyes, kept in ((None, 1), (Eyes(detector=detector), 0)):
        painter = Discs("nothing", "nothing")
        stage = Inpaint(painter, InpaintSettings(2), 0.3, Verify(NAMES, eyes))
        [sample] = stage.paint([scene()], [decoyed])
        assert len(sample.decoys) == kept and len(sample.dropped_decoys) == 1 - kept
        if not kept:
            assert sample.dropped_decoys[0].reason == "shows an object"
            assert np.array_equal(sample.canvas, scene())


def test_what_was_asked_for_is_where_the_label_says():
    [sample] = Inpaint(Discs(), InpaintSettings(), 0.3).paint(
        [scene()], [plan(thing(Box(100, 80, 180, 160)))]
    )
    [label] = sample.instances
    mask = decode_rle(label.rle, SIZE)
    changed = (np.abs(sample.canvas.astype(int) - scene()) > 60).any(axis=2)
    assert (mask & changed).sum() / (mask | changed).sum() > 0.85


class Scenes:
    """Paints plain scenes whose brightness is the number of the try."""

    def __init__(self):
        self.asked = 0

    def scenes(self, prompts: Sequence[Prompt], size, seeds):
        self.asked += len(prompts)
        return [np.full((*size[::-1], 3), self.asked, np.uint8) for _ in prompts]


def test_a_scene_that_shows_a_class_is_painted_again_and_what_remains_is_told():
    class Look:
        """Sees something in every scene up to a brightness."""

        def __init__(self, until: int):
            self.until = until
            self.seen = Verify(NAMES, Eyes(detector=FixedDetector(Detection(1, 0.9, BALL))))

        def __call__(self, pictures):
            everything = self.seen.sighted(pictures)
            return [
                found if picture.max() <= self.until else ()
                for picture, found in zip(pictures, everything, strict=True)
            ]

    wanted = ImagePlan(0, "train", SIZE, BackgroundPlan(0, 0, prompt="a meadow", seed=3), ())
    for until, brightness, sighted in ((0, 1, 0), (1, 2, 0), (9, 3, 1)):
        backgrounds = Backgrounds({}, Scenes(), look=Look(until))
        [canvas] = backgrounds.make([wanted])
        assert canvas.max() == brightness
        assert len(backgrounds.sighted(wanted)) == sighted
    backgrounds = Backgrounds({}, look=Look(255))
    cut = BackgroundPlan(0, 0, plain="plain:colour", seed=1)
    shown = ImagePlan(0, "train", SIZE, cut, ())
    backgrounds.make([shown])
    assert [one.class_id for one in backgrounds.sighted(shown)] == [1]


def test_a_scene_that_shows_a_class_is_better_than_none():
    class OnceOnly(Scenes):
        def scenes(self, prompts, size, seeds):
            made = super().scenes(prompts, size, seeds)
            return made if self.asked == 1 else [Rejected("it is black") for _ in made]

    sees = Verify(NAMES, Eyes(detector=FixedDetector(Detection(1, 0.9, BALL))))
    wanted = ImagePlan(0, "train", SIZE, BackgroundPlan(0, 0, prompt="a meadow", seed=3), ())
    backgrounds = Backgrounds({}, OnceOnly(), look=sees.sighted)
    [canvas] = backgrounds.make([wanted])
    assert isinstance(canvas, np.ndarray) and canvas.max() == 1
    assert [one.class_id for one in backgrounds.sighted(wanted)] == [1]


def test_no_scene_is_used_that_nobody_could_look_at():
    sees = Verify(NAMES, Eyes(detector=FixedDetector(Detection(1, 0.9, BALL))))
    failures = [RuntimeError("a detector's bad day")]

    def look(pictures):
        if failures:
            raise failures.pop()
        return sees.sighted(pictures)

    wanted = ImagePlan(0, "train", SIZE, BackgroundPlan(0, 0, prompt="a meadow", seed=3), ())
    backgrounds = Backgrounds({}, Scenes(), look=look)
    with pytest.raises(RuntimeError):
        backgrounds.make([wanted])
    backgrounds.make([wanted])
    assert [one.class_id for one in backgrounds.sighted(wanted)] == [1]
