"""The inpainting stage, with a stand-in for the model that paints discs: what it paints is known,
so what the stage makes of it can be judged to the pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import msgspec
import numpy as np
import pytest

from infgen.models.prompts import Prompt, Rejected
from infgen.ops.given import WOULD_HIDE, Labels, Standing, pack
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.ops.seeds import stream
from infgen.ops.shapes import draw_shape
from infgen.records.box import Box
from infgen.records.labelled import Given, LabelledObject
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.stages.inpaint import Inpaint, InpaintSettings, Scene, finished

SIZE = (320, 240)
RED, GREEN = (220, 30, 40), (30, 220, 40)


class Discs:
    """Paints a disc in the middle of the mask, shifts all colours as a VAE does, and keeps count of
    what it was asked. `answers` says what the n-th call gives for every picture instead."""

    native_size, cell = 128, 8

    def __init__(self, *answers: str):
        self.calls: list[list[str]] = []
        self.seeds: list[list[int]] = []
        self._answers = list(answers)

    def inpaint(
        self,
        pictures: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
    ) -> list[np.ndarray | Rejected]:
        self.calls.append([prompt.text for prompt in prompts])
        self.seeds.append(list(seeds))
        answer = self._answers.pop(0) if self._answers else "disc"
        if answer == "rejected":
            return [Rejected("the picture is black") for _ in pictures]
        painted = []
        for picture, mask in zip(pictures, masks, strict=True):
            assert picture.shape == (128, 128, 3) and mask.shape == (128, 128)
            result = cv2.add(picture, np.array([5, 4, 3, 0], np.float64))
            if answer == "paler":
                result[mask] += 20
            if answer in ("disc", "green disc", "speck"):
                radius = 12 if answer == "speck" else 30
                rows, columns = np.nonzero(mask)
                middle = (int(columns.mean()), int(rows.mean()))
                colour = GREEN if answer == "green disc" else RED
                for step in range(radius):  # lit from within: nothing real is of one colour
                    light = tuple(min(value - 10 + step * 45 // radius, 255) for value in colour)
                    cv2.circle(result, middle, radius - step, light, -1)
            painted.append(result)
        return painted


def scene(seed: int = 0) -> np.ndarray:
    grain = stream(seed, 0, "test scene").integers(90, 130, (24, 32, 3)).astype(np.uint8)
    return cv2.resize(grain, SIZE, interpolation=cv2.INTER_CUBIC)


def thing(box: Box, number: int = 0) -> ObjectPlan:
    shape = draw_shape(stream(number, 0, "test shape"))
    return ObjectPlan(
        number, box, "inpaint", prompt=f"disc {number}", seed=100 + number, shape=shape
    )


def plan(*objects: ObjectPlan) -> ImagePlan:
    return ImagePlan(0, "train", SIZE, BackgroundPlan(0, 0), objects)


def paint(painter: Discs, plans: list[ImagePlan], attempts: int = 2) -> tuple[list, list]:
    canvases = [scene(number) for number in range(len(plans))]
    stage = Inpaint(painter, InpaintSettings(attempts), 0.3)  # type: ignore[arg-type]
    return stage.paint(canvases, plans), canvases


def test_the_label_is_the_object_and_not_the_box() -> None:
    [sample], _ = paint(Discs(), [plan(thing(Box(100, 80, 180, 160)))])
    [found] = sample.instances
    mask = decode_rle(found.rle, SIZE)
    red = (np.abs(sample.canvas.astype(int) - RED) < 40).all(axis=2)
    assert np.count_nonzero(mask & red) / np.count_nonzero(mask | red) > 0.9
    assert found.area == mask.sum()
    assert found.box.iou(Box(100, 80, 180, 160)) > 0.5
    assert found.requested == Box(100, 80, 180, 160)


def test_pixels_that_were_not_painted_keep_every_bit() -> None:
    box = Box(100, 80, 180, 160)
    [sample], _ = paint(Discs(), [plan(thing(box))])
    touched = (sample.canvas != scene(0)).any(axis=2)
    assert touched[100:140, 120:160].any()
    margin = 40
    touched[80 - margin : 160 + margin, 100 - margin : 180 + margin] = False
    assert not touched.any()


def test_no_colour_step_is_left_around_the_object() -> None:
    """The model brightens everything by 3 to 5; outside of the disc that is taken out again."""
    [sample], _ = paint(Discs(), [plan(thing(Box(100, 80, 180, 160)))])
    [found] = sample.instances
    mask = decode_rle(found.rle, SIZE).astype(np.uint8)
    near = cv2.dilate(mask, np.ones((13, 13))) - cv2.dilate(mask, np.ones((7, 7)))
    step = sample.canvas.astype(float) - scene(0)
    assert np.abs(step[near == 1].mean(axis=0)).max() < 1.5


def test_the_kth_objects_of_all_pictures_are_one_batch() -> None:
    boxes = [Box(20, 20, 90, 90), Box(200, 120, 280, 200)]
    painter = Discs()
    samples, _ = paint(
        painter,
        [plan(thing(boxes[0], 0), thing(boxes[1], 1)), plan(thing(boxes[1], 2)), plan()],
    )
    assert painter.calls == [["disc 0", "disc 2"], ["disc 1"]]
    assert [len(sample.instances) for sample in samples] == [2, 1, 0]
    assert np.array_equal(samples[2].canvas, scene(2))


def test_what_is_painted_later_is_taken_from_the_earlier_label() -> None:
    lower, upper = Box(80, 80, 160, 160), Box(120, 80, 200, 160)
    [sample], _ = paint(Discs(), [plan(thing(lower, 0), thing(upper, 1))])
    below, above = (decode_rle(found.rle, SIZE) for found in sample.instances)
    assert not (below & above).any()
    assert sample.instances[0].visible_frac < 0.9
    assert sample.instances[1].visible_frac == 1.0


def test_what_would_hide_an_earlier_object_is_left_out() -> None:
    """An object can't be taken back once it is painted, so the later one gives way."""
    box = Box(80, 80, 160, 160)
    painter = Discs("disc", "green disc", "green disc")
    [sample], _ = paint(painter, [plan(thing(box, 0), thing(box, 1))])
    [alone], _ = paint(Discs(), [plan(thing(box, 0))])
    assert [dropped.reason for dropped in sample.dropped] == ["would hide another"]
    assert sample.instances == alone.instances
    assert np.array_equal(sample.canvas, alone.canvas)


def test_a_rejected_object_is_tried_again_with_another_seed() -> None:
    painter = Discs("rejected", "disc")
    [sample], _ = paint(painter, [plan(thing(Box(100, 80, 180, 160)))])
    assert len(sample.instances) == 1 and not sample.dropped
    assert painter.seeds[0] == [100] and painter.seeds[1] != [100]
    assert sample.instances[0].seed == painter.seeds[1][0]  # what it was made from is on record


@pytest.mark.parametrize(
    ("answer", "reason"), [("rejected", "the picture is black"), ("nothing", "nothing appeared")]
)
def test_what_never_comes_out_is_left_out_without_a_trace(answer: str, reason: str) -> None:
    painter = Discs(*[answer] * 3)
    [sample], _ = paint(painter, [plan(thing(Box(100, 80, 180, 160)))], attempts=3)
    assert len(painter.calls) == 3
    assert not sample.instances
    assert [dropped.reason for dropped in sample.dropped] == [reason]
    assert np.array_equal(sample.canvas, scene(0))


@pytest.mark.parametrize(
    "box", [Box(0, 0, 60, 60), Box(250, 170, 320, 240), Box(0, 90, 70, 170), Box(5, 5, 315, 235)]
)
def test_boxes_at_every_border_are_painted(box: Box) -> None:
    [sample], _ = paint(Discs(), [plan(thing(box))])
    [found] = sample.instances
    assert box.intersect(found.box) is not None


def test_a_decoy_is_painted_as_objects_are_and_gets_no_label() -> None:
    decoy = thing(Box(200, 100, 260, 160), 5)
    both = msgspec.structs.replace(plan(thing(Box(40, 40, 120, 120))), decoys=(decoy,))
    painter = Discs("nothing", "disc")
    [sample], _ = paint(painter, [both])
    assert painter.calls == [["disc 5"], ["disc 0"]]  # before all objects, and once
    [found] = sample.decoys
    assert len(sample.instances) == 1 and not sample.dropped and not sample.dropped_decoys
    mask = decode_rle(found.rle, SIZE)
    assert mask.any() and [one.reason for one in found.tries] == [""]
    assert not (mask & decode_rle(sample.instances[0].rle, SIZE)).any()


def test_a_decoy_in_another_shade_shows_no_border() -> None:
    decoy = thing(Box(200, 100, 260, 160), 5)
    [sample], _ = paint(Discs("paler"), [msgspec.structs.replace(plan(), decoys=(decoy,))])
    [found] = sample.decoys
    mask = decode_rle(found.rle, SIZE)
    change = sample.canvas[mask].astype(int) - scene(0)[mask]
    assert change.any() and abs(change.mean()) < 2  # it was 20


def test_a_decoy_in_which_a_thing_appears_is_tried_again_and_then_left_out() -> None:
    decoy = thing(Box(200, 100, 260, 160), 5)
    alone = msgspec.structs.replace(plan(), decoys=(decoy,))
    [sample], _ = paint(Discs("disc", "nothing"), [alone])
    [found] = sample.decoys
    assert [one.reason for one in found.tries] == ["shows something new", ""]
    [sample], _ = paint(Discs("disc", "disc"), [alone])
    assert not sample.decoys and not sample.dropped
    [dropped] = sample.dropped_decoys
    assert dropped.reason == "shows something new" and dropped.box == decoy.box
    assert len(dropped.tries) == 2 and dropped.tries[0].measures["news"] > 0.1
    assert np.array_equal(sample.canvas, scene(0))


def test_what_is_painted_over_a_decoy_is_none_of_it() -> None:
    decoy, over = thing(Box(100, 80, 180, 160), 5), thing(Box(140, 80, 220, 160))
    alone = msgspec.structs.replace(plan(), decoys=(decoy,))
    [sample], _ = paint(Discs("nothing"), [alone])
    whole = decode_rle(sample.decoys[0].rle, SIZE)
    both = msgspec.structs.replace(plan(over), decoys=(decoy,))
    [sample], _ = paint(Discs("nothing", "disc"), [both])
    [found], [label] = sample.decoys, sample.instances
    left, disc = decode_rle(found.rle, SIZE), decode_rle(label.rle, SIZE)
    assert (whole & disc).any() and left.any()
    assert not (left & disc).any() and not (left & ~whole).any()
    assert found.box == tight_box(left)


def test_a_decoy_that_never_comes_out_is_none() -> None:
    both = msgspec.structs.replace(plan(), decoys=(thing(Box(200, 100, 260, 160), 5),))
    [sample], _ = paint(Discs("rejected", "rejected"), [both])
    assert not sample.decoys and not sample.dropped
    assert [one.reason for one in sample.dropped_decoys] == ["the picture is black"]
    assert np.array_equal(sample.canvas, scene(0))


def test_a_smudge_is_no_object() -> None:
    painter = Discs("speck", "disc")
    [sample], _ = paint(painter, [plan(thing(Box(100, 80, 180, 160)))])
    assert len(painter.calls) == 2 and len(sample.instances) == 1
    [sample], _ = paint(Discs("speck", "speck"), [plan(thing(Box(100, 80, 180, 160)))])
    assert [dropped.reason for dropped in sample.dropped] == ["too little appeared"]
    assert np.array_equal(sample.canvas, scene(0))


# ---- objects that the background shows -----------------------------------------------------------


def standing(*boxes: Box) -> list[Standing]:
    objects = [LabelledObject(0, box) for box in boxes]
    labels = Labels(Given((7,), {"a.png": pack(SIZE, objects)}))
    return labels.standing(BackgroundPlan(0, 0, "a.png", SIZE), SIZE)


def painted_over(given: list[Standing], *objects: ObjectPlan, decoys=(), min_visible=0.3):
    """The finished sample of a scene in which there is something already."""
    wanted = msgspec.structs.replace(plan(*objects), decoys=decoys)
    made = Scene(wanted, scene(0), given=given)
    painter = Discs(*["nothing"] * len(decoys))
    stage = Inpaint(painter, InpaintSettings(1), min_visible)  # type: ignore[arg-type]
    while not made.done:
        stage.advance([made])
    return finished(made)


def test_given_objects_lie_below_and_are_cut_back() -> None:
    given = standing(Box(60, 60, 140, 180), Box(200, 10, 300, 60))
    sample = painted_over(given, thing(Box(100, 80, 180, 160)))
    assert [(one.id, one.class_id, one.method) for one in sample.instances] == [
        (1, 7, "given"), (2, 7, "given"), (3, 0, "inpaint")
    ]  # fmt: skip
    by_area = sorted(sample.instances[:2], key=lambda one: one.box.y0)
    assert by_area[0].box == Box(200, 10, 300, 60) and by_area[0].visible_frac == 1
    assert 0.5 < by_area[1].visible_frac < 1


def test_nothing_is_painted_that_would_hide_a_given_object() -> None:
    given = standing(Box(125, 105, 155, 135))
    sample = painted_over(given, thing(Box(100, 80, 180, 160)))
    assert [one.method for one in sample.instances] == ["given"]
    assert [one.reason for one in sample.dropped] == [WOULD_HIDE]
    assert (sample.canvas == scene(0)).all()


def test_no_decoy_is_painted_on_a_given_object() -> None:
    decoy = thing(Box(100, 80, 180, 160))
    assert painted_over(standing(Box(250, 200, 300, 230)), decoys=(decoy,)).decoys
    sample = painted_over(standing(Box(125, 105, 155, 135)), decoys=(decoy,))
    assert not sample.decoys and (sample.canvas == scene(0)).all()
