"""Warnings about plans: each appears exactly when it should, and names the remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from infgen.ops.concerns import CONCERNS, Model, concerns_of
from infgen.ops.outlook import ClassOutlook, Outlook, look_ahead
from infgen.records.specs import RangeSize
from tests.asked import a_class, background, percent, pictures, planner

SD = Model(512, 8)


def a_look(name: str = "coin", objects: int = 50, **more: Any) -> ClassOutlook:
    """A class of ordinary boxes: 60 x 40, none of them overlapping."""
    values: dict[str, Any] = {
        "files": 4,
        "pictures": Counter(train=objects - objects // 5, val=objects // 5),
        "objects": objects,
        "widths": [60.0] * objects,
        "heights": [40.0] * objects,
        "cutouts": Counter({f"{name}{n}": objects // 4 for n in range(4)}),
    }
    return ClassOutlook(name, **values | more)


def an_outlook(*classes: ClassOutlook, **more: Any) -> Outlook:
    values: dict[str, Any] = {
        "canvas": (400, 300),
        "total": 100,
        "method": "paste",
        "classes": [*classes] or [a_look(), a_look("note")],
        "files": 10,
        "seen": 100,
        "counts": Counter({1: 100}),
        "splits": Counter(train=80, val=20),
        "scenes": Counter({f"scene{n}": 10 for n in range(10)}),
    }
    return Outlook(**values | more)


def boxes(small: int, large: int, side: float = 7.0) -> dict[str, Any]:
    return {"widths": [side] * small + [60.0] * large, "heights": [40.0] * (small + large)}


# By concern: an outlook that raises it, what its sentence says, and the nearest one that doesn't.
Case = tuple[Callable[[], Outlook], str, Callable[[], Outlook]]
CASES: dict[str, Case] = {
    "never": (
        lambda: an_outlook(a_look(), a_look("note", 0, homeless=9)),
        "'note' never fits: none of 9",
        lambda: an_outlook(a_look(), a_look("note", 0, wanted=False)),
    ),
    "dropped": (
        lambda: an_outlook(a_look(), a_look("note", 40, homeless=41)),
        "'note' mostly finds no room: 41 of 81",
        lambda: an_outlook(a_look(), a_look("note", 40, homeless=40)),
    ),
    "overlapping": (
        lambda: an_outlook(a_look(overlapping=51), a_look("note")),
        "51 % of them share",
        lambda: an_outlook(a_look(overlapping=50), a_look("note")),
    ),
    "lopsided": (
        lambda: an_outlook(a_look(objects=90), a_look("note", 10)),
        "90 % of all objects are 'coin'",
        lambda: an_outlook(a_look(objects=89), a_look("note", 11)),
    ),
    "empty": (
        lambda: an_outlook(counts=Counter({0: 51, 2: 49})),
        "51 % of the pictures show no object",
        lambda: an_outlook(counts=Counter({0: 50, 2: 50})),
    ),
    "specks": (
        lambda: an_outlook(a_look(), a_look("note", **boxes(14, 36))),
        "'note' is tiny: 28 % of its boxes",
        lambda: an_outlook(a_look(), a_look("note", **boxes(12, 38))),
    ),
    "unpaintable": (
        lambda: an_outlook(a_look(), a_look("note", **boxes(26, 24, 1.9)), seen=100),
        "'note' is too small for the model: 52 %",
        lambda: an_outlook(a_look(), a_look("note", **boxes(12, 38, 1.9))),
    ),
    "few_cutouts": (
        lambda: an_outlook(total=10_000),
        "'coin' (4, each about 1,200 times)",
        lambda: an_outlook(total=800),
    ),
    "few_scenes": (
        lambda: an_outlook(a_look(files=0, cutouts=Counter()), total=1010),
        "10 backgrounds for 1,010 pictures: each is used about 101 times",
        lambda: an_outlook(a_look(files=0, cutouts=Counter()), total=1000),
    ),
    "val": (
        lambda: an_outlook(a_look(), a_look("note", pictures=Counter(train=50))),
        "no picture of val shows note",
        lambda: an_outlook(
            a_look(), a_look("note", pictures=Counter(train=50)), splits=Counter(train=81, val=19)
        ),
    ),
}  # fmt: skip


def test_every_concern_has_a_case() -> None:
    assert CASES.keys() == CONCERNS.keys()


@pytest.mark.parametrize("name", CONCERNS)
def test_a_concern_appears_exactly_when_it_should(name: str) -> None:
    raised, words, fine = CASES[name]
    check = CONCERNS[name]
    [text] = check(raised(), SD)
    assert words in text and text in concerns_of(raised(), SD)
    assert list(check(fine(), SD)) == []


def test_ordinary_plans_raise_none() -> None:
    assert concerns_of(an_outlook(), SD) == [] and concerns_of(an_outlook()) == []
    source = planner(
        background(60, *pictures(12)), (a_class("coin"), a_class("note")), val_frac=0.2
    )
    assert concerns_of(look_ahead(source, map(source.plan, source.indices))) == []


def test_of_many_classes_the_first_are_named() -> None:
    texts = concerns_of(an_outlook(*(a_look(f"c{n}", **boxes(60, 0), files=0) for n in range(300))))
    assert len(texts) == 11 and "'c0' is tiny" in texts[0]
    assert texts[-1] == "the same holds of 290 more of the classes"
    often = an_outlook(*(a_look(f"c{n}", files=1) for n in range(30)), total=10_000)
    [text] = [text for text in concerns_of(often) if "few cutouts" in text]
    assert "'c9'" in text and "'c10'" not in text and " and 20 more: " in text


def test_grids_use_every_file_often_on_purpose() -> None:
    assert concerns_of(an_outlook(total=10_000, gridded=True)) == []


def test_a_class_that_is_never_drawn_is_told_apart() -> None:
    [text] = concerns_of(an_outlook(a_look(), a_look("note", 0), a_look("other")))
    assert text.startswith("'note' never appears in 100 plans")


def test_pasted_things_may_be_small_for_a_model() -> None:
    outlook = CASES["unpaintable"][0]()
    assert not any("for the model" in text for text in concerns_of(outlook, None))


def test_real_plans_that_cannot_fit_say_so() -> None:
    huge = a_class("hall", (3, 3), size=RangeSize(percent(90, 95), percent(90, 95)))
    source = planner(
        background(20, *pictures(12)), (huge, a_class("coin", (1, 2))), max_overlap=0.1
    )
    texts = concerns_of(look_ahead(source, map(source.plan, source.indices)))
    assert any("'hall' mostly finds no room" in text for text in texts)
