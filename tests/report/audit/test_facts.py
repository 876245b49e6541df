"""Label statistics: every fault is seen when it is there, and none where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.report.audit.facts import LabelTally
from infgen.report.audit.findings import SHOWN, LabelFacts
from tests.labelled import SIZE, picture_of


def facts_of(*pictures: LabelledPicture) -> LabelFacts:
    tally = LabelTally(("cat", "dog"))
    for picture in pictures:
        tally.add(picture)
    return tally.facts()


def masked(box: tuple[int, int, int, int], given: tuple[float, ...], **fields: Any) -> LabelFacts:
    """The facts of one object whose mask fills `box` and whose box is `given`."""
    mask = np.zeros(SIZE[::-1], bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    one = LabelledObject(0, Box(*given), encode_rle(mask), **fields)
    return facts_of(picture_of(objects=(one,)))


def test_clean_labels_have_no_faults() -> None:
    facts = facts_of(
        picture_of("a", (10, 10, 50, 60), (70, 10, 110, 60)), picture_of("b", split="val")
    )
    assert facts.faults == {} and facts.examples == {}
    assert facts.pictures == {"train": 1, "val": 1}
    assert (facts.objects, facts.negatives, facts.tiny, facts.huge, facts.cut) == (2, 1, 0, 0, 0)
    assert facts.area == pytest.approx((2000 / 19200,) * 3, abs=1e-4)
    assert facts.empty_classes == ["dog"] and facts.imbalance == 1
    assert masked((10, 20, 40, 60), (10, 20, 40, 60)).faults == {}
    assert masked((10, 20, 40, 60), (9, 19.2, 41, 61)).faults == {}


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((10, 10, 17, 60), "tiny"),
        ((1, 1, 159, 118), "huge"),
        ((0, 10, 50, 60), "cut"),
        ((100, 10, 160, 60), "cut"),
        ((10, 80, 50, 119.6), "cut"),
    ],
)
def test_shares_count_what_they_say(box: tuple[float, ...], share: str) -> None:
    facts = facts_of(picture_of("a", box, (60, 30, 90, 60)))
    shares = {name: getattr(facts, name) for name in ("tiny", "huge", "cut")}
    assert shares == {"tiny": 0, "huge": 0, "cut": 0} | {share: 0.5}
    assert not facts.faults


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (facts_of(picture_of("a", (-3, 10, 50, 60))), "box leaves its picture"),
        (facts_of(picture_of("a", (100, 10, 170, 60))), "box leaves its picture"),
        (masked((10, 20, 40, 60), (10, 20, 48, 60)), "box doesn't fit its mask"),
        (masked((10, 20, 40, 60), (2, 20, 40, 60)), "box doesn't fit its mask"),
        (masked((0, 0, 0, 0), (10, 20, 40, 60)), "empty mask"),
        (facts_of(picture_of("a", (10, 10, 50, 60), (10, 10, 50, 61))), "object labelled twice"),
    ],
)
def test_each_fault_is_seen(facts: LabelFacts, kind: str) -> None:
    assert facts.faults == {kind: 1}
    assert facts.examples[kind][0].startswith("a")


def test_a_crowds_mask_may_differ_from_its_box() -> None:
    assert masked((10, 20, 40, 60), (2, 20, 40, 60), crowd=True).faults == {}


def test_two_classes_may_share_a_box() -> None:
    objects = (LabelledObject(0, Box(10, 10, 50, 60)), LabelledObject(1, Box(10, 10, 50, 60)))
    assert facts_of(picture_of(objects=objects)).faults == {}


def test_many_faults_are_counted_and_a_few_named() -> None:
    fault = Fault("empty box", "label 3")
    facts = facts_of(*(picture_of(f"{n}", faults=(fault,)) for n in range(SHOWN + 5)))
    assert facts.faults == {"empty box": SHOWN + 5}
    assert len(facts.examples["empty box"]) == SHOWN
    assert facts.negatives == 0  # pictures whose labels couldn't be read are no negatives


def test_balance_and_splits() -> None:
    objects = tuple(LabelledObject(n == 0, Box(10 * n + 5, 10, 10 * n + 14, 30)) for n in range(9))
    facts = facts_of(picture_of(objects=objects), picture_of(objects=objects[:1], split="val"))
    cat, dog = facts.classes
    assert (cat.objects, cat.images, dog.objects, dog.images) == (8, 1, 2, 2)
    assert dog.by_split == {"train": 1, "val": 1}
    assert facts.imbalance == 4 and facts.empty_classes == []
