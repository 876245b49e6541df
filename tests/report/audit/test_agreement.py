"""The second opinion: true labels agree with it, shifted ones less, absent objects are missed."""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.report.audit.agreement import AgreementTally, grabcut
from infgen.report.audit.findings import Agreement
from tests.labelled import picture_of

SIZE = (320, 240)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A grainy picture with one ellipse of another colour, and its mask."""
    rng = np.random.default_rng(seed)
    picture = np.full((*SIZE[::-1], 3), rng.integers(30, 90, 3), np.uint8)
    mask = np.zeros(SIZE[::-1], np.uint8)
    centre = (int(rng.integers(90, 230)), int(rng.integers(80, 160)))
    axes = (int(rng.integers(25, 55)), int(rng.integers(25, 50)))
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, cv2.FILLED)
    picture[mask > 0] = rng.integers(150, 230, 3)
    noise = rng.normal(0, 5, picture.shape)
    return (picture + noise).round().clip(0, 255).astype(np.uint8), mask.astype(bool)


def held_against(
    shift: int = 0, absent: bool = False, masks: bool = True, count: int = 12
) -> Agreement:
    """Labels of drawn pictures, shifted, or of objects that aren't there."""
    tally = AgreementTally(grabcut, ("thing",))
    for seed in range(count):
        pixels, mask = drawn(seed)
        if absent:
            rng = np.random.default_rng(seed)
            pixels = np.clip(rng.normal(90, 9, pixels.shape), 0, 255).astype(np.uint8)
        label = np.roll(mask, shift, axis=1)
        box = tight_box(label)
        assert box is not None
        one = LabelledObject(0, box, encode_rle(label) if masks else "")
        tally.add(picture_of(f"{seed}.png", size=SIZE, objects=(one,)), pixels)
    found = tally.agreement()
    assert found is not None and found.objects == count
    return found


def test_true_labels_agree() -> None:
    for masks in (True, False):
        found = held_against(masks=masks)
        assert found.of == ("masks" if masks else "boxes")
        assert found.presence == 1
        assert found.iou_p10 is not None and found.iou_p10 > 0.9


def test_shifted_labels_agree_less() -> None:
    for masks in (True, False):
        found = held_against(shift=25, masks=masks)
        assert found.iou_p50 is not None and found.iou_p50 < 0.7
        assert "thing at" in found.worst[0]


def test_what_is_not_there_is_mostly_not_found() -> None:
    assert held_against(absent=True).presence < 0.5


def test_any_function_can_be_asked_and_only_about_labels_that_it_can_tell_of() -> None:
    asked = []

    def nothing(pixels: np.ndarray, box: Box, name: str) -> None:
        asked.append((box, name))

    objects = (
        LabelledObject(1, Box(-5, 10, 40, 50)),
        LabelledObject(0, Box(60, 10, 68, 50)),  # too thin
        LabelledObject(0, Box(60, 60, 90, 90), crowd=True),
        LabelledObject(0, Box(400, 10, 480, 50)),  # outside
    )
    tally = AgreementTally(nothing, ("cat", "dog"))
    tally.add(picture_of(size=SIZE, objects=objects), np.zeros((*SIZE[::-1], 3), np.uint8))
    assert asked == [(Box(0, 10, 40, 50), "dog")]
    found = tally.agreement()
    assert found is not None
    assert (found.estimate, found.presence, found.iou_p50) == ("nothing", 0, None)


def test_no_labels_no_figures() -> None:
    tally = AgreementTally(grabcut, ("cat",))
    tally.add(LabelledPicture(picture_of().path, "train", SIZE), drawn(0)[0])
    assert tally.agreement() is None
