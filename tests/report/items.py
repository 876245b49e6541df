"""Pictures as reports see them, of which there is no file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, Dropped
from infgen.records.sample import Entry, Instance
from infgen.records.verdict import Verdict
from infgen.report.items import Item, Thing, item_of

SIZE = (640, 480)


def thing(class_id: int, *xyxy: float, crowd: bool = False) -> Thing:
    """A box without a mask."""
    box = Box(*map(float, xyxy))
    return Thing(class_id, box, "", round(box.area), crowd)


def foreign(number: int, *things: Thing, split: str = "train", **more: Any) -> Item:
    """A picture that infgen didn't make."""
    return Item(number, split, SIZE, Path("/nowhere"), f"{number}.jpg", tuple(things), **more)


def instance(class_id: int, *xyxy: float, **more: Any) -> Instance:
    box = Box(*map(float, xyxy))
    facts = {"requested": box, "rle": "", "area": round(box.area), "visible_frac": 1.0}
    return Instance(1, class_id, box, **{**facts, "method": "paste", **more})


def made(
    number: int,
    *objects: Instance,
    dropped: tuple[Dropped, ...] = (),
    marked: str = "",
    **more: Any,
) -> Item:
    """A picture of infgen's own."""
    facts = {"split": "train", "size": SIZE, "file": f"{number}.jpg", "bytes": 1} | more
    scene = BackgroundPlan(number, 0, picture="a.jpg")
    entry = Entry(number, background=scene, objects=objects, dropped=dropped, **facts)
    return item_of(entry, Path("/nowhere"), marked)


def tries(*reasons: str) -> tuple[Verdict, ...]:
    return tuple(Verdict(reason) for reason in reasons)
