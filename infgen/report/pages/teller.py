"""What pages know of pictures and objects, as plain data: what filters look at, and the rest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infgen.records.box import Box
from infgen.records.manifest import Manifest
from infgen.records.plan import Dropped
from infgen.records.sample import Decoy, Entry, Instance
from infgen.records.verdict import Verdict
from infgen.report.contents import Contents
from infgen.report.items import Item, Thing
from infgen.report.pages.words import (
    LABEL,
    OUT,
    PAINTED,
    Facts,
    box_told,
    change_told,
    edges_of,
    finish_facts,
    look_facts,
    scene_facts,
)

FIRST, LATER, DROPPED, DECOY = "first", "later", "dropped", "decoy"
SIGHTED, MARKED = "sighted", "marked"
VERDICTS = (FIRST, LATER, DROPPED, DECOY, SIGHTED, MARKED)  # of pictures; filters.js has the words


class Teller:
    """Tells of the pictures of one dataset."""

    def __init__(self, contents: Contents):
        self._contents = contents
        self._parts = [] if contents.manifest is None else contents.manifest.parts
        self._firsts = [part.first for part in self._parts]

    # ---- what filters look at ----------------------------------------------------------------

    def summary(self, item: Item, rejects: bool) -> dict[str, Any]:
        """A picture's `objects` as [class id, method, area, tries, score], its `verdicts` and the
        `reasons` for which something of it was thrown away."""
        entry, verdicts = item.entry, set[str]()
        for thing in item.things:
            if thing.made and thing.made.tries:
                verdicts.add(FIRST if len(thing.made.tries) == 1 else LATER)
        if entry and entry.dropped:
            verdicts.add(DROPPED)
        if entry and entry.dropped_decoys:
            verdicts.add(DECOY)
        if entry and entry.sighted:
            verdicts.add(SIGHTED)
        if item.marked:
            verdicts.add(MARKED)
        objects = _rejected(item) if rejects else [_row(thing) for thing in item.things]
        told: dict[str, Any] = {"objects": objects}
        if verdicts:
            told["verdicts"] = [verdict for verdict in VERDICTS if verdict in verdicts]
        if rejects:
            told["reasons"] = sorted(set(_reasons(item)))
        flags = {
            "masks": any(thing.rle for thing in item.things),
            "decoys": bool(entry and entry.decoys),
            "out": bool(_left_out(item)),
        }
        return told | _filled(flags | {"marked": item.marked})

    # ---- what is drawn and told of a picture -------------------------------------------------

    def details(self, item: Item) -> dict[str, Any]:
        """All that a page can say of a picture. What is empty is left out."""
        told: dict[str, Any] = {
            "file": item.file if item.entry is None or not item.packed else _inside(item.entry),
            "things": [self._thing(thing, item) for thing in item.things],
        }
        if item.entry is not None:
            told |= _filled(self._made(item.entry))
        return told

    def _thing(self, thing: Thing, item: Item) -> dict[str, Any]:
        told = {
            "class": thing.class_id,
            "box": edges_of(thing.box),
            "rle": thing.rle,
            "area": thing.area,
            "crowd": thing.crowd,
        }
        if thing.made is not None:
            made = thing.made
            told |= {
                "visible": made.visible_frac,
                "method": made.method,
                "score": made.score,
                "requested": edges_of(made.requested) if made.requested else None,
                "tries": _tries(made.tries),
                "facts": self._origin(made, item.number),
            }
        return _filled(told)

    def _origin(self, made: Instance, number: int) -> Facts:
        """What an object was made from."""
        facts: Facts = []
        if made.method == "inpaint":
            prompts = self._contents.prompts
            prompt = prompts[made.class_id] if made.class_id < len(prompts) else ""
            facts += [("prompt", prompt), ("model", self._model(number))]
            facts += [("seed", str(made.seed))] if made.seed else []
        if made.cutout:
            facts.append(("cutout", made.cutout + (", mirrored" if made.mirror else "")))
        if made.requested:
            facts.append(("asked for", box_told(made.requested)))
            facts.append(("overlap with it", f"{made.requested.iou(made.box):.2f} (IoU)"))
        if made.method in PAINTED:
            facts += look_facts(made.look)
        return [fact for fact in facts if fact[1]]

    def _model(self, number: int) -> str:
        """The model that painted objects of a picture."""
        manifest: Manifest | None = self._contents.manifest
        if manifest is None:
            return ""
        part = bisect_right(self._firsts, number) - 1
        models = self._parts[part].models if part >= 0 else manifest.models
        return str(models.get("inpaint", {}).get("model", ""))

    def _made(self, entry: Entry) -> dict[str, Any]:
        return {
            "scene": scene_facts(entry.background),
            "changes": [change_told(change) for change in entry.changes],
            "finish": finish_facts(entry.finish),
            "dropped": [_dropped(one) for one in entry.dropped],
            "droppedDecoys": [_dropped(one) for one in entry.dropped_decoys],
            "decoys": [_decoy(one) for one in entry.decoys],
            "sighted": [
                {"class": one.class_id, "score": one.score, "box": edges_of(one.box)}
                for one in entry.sighted
            ],
        }


def _row(thing: Thing) -> list[Any]:
    made = thing.made
    if made is None:
        return [thing.class_id, LABEL, thing.area, 0]
    row = [thing.class_id, made.method, thing.area, len(made.tries)]
    return row if made.score is None else [*row, made.score]


def _rejected(item: Item) -> list[list[Any]]:
    """What was left out of a picture or tried again, as in `summary`; all of a marked one."""
    if item.marked:
        return [_row(thing) for thing in item.things]
    return [_row(one) for one in _retried(item)] + [
        [one.class_id, OUT, round(one.box.area) if one.box else None, len(one.tries)]
        for one in _dropped_of(item)
    ]


def _retried(item: Item) -> list[Thing]:
    return [one for one in item.things if one.made and len(one.made.tries) > 1]


def _dropped_of(item: Item) -> tuple[Dropped, ...]:
    return (*item.entry.dropped, *item.entry.dropped_decoys) if item.entry else ()


def _left_out(item: Item) -> list[Box]:
    """Where something was asked for and isn't, or not at once."""
    boxes = [one.made.requested for one in _retried(item) if one.made]
    return [box for box in (*boxes, *(one.box for one in _dropped_of(item))) if box]


def _reasons(item: Item) -> Iterable[str]:
    if item.marked:
        yield item.marked
    for thing in item.things:
        if thing.made:
            yield from (one.reason for one in thing.made.tries if one.reason)
    for dropped in _dropped_of(item):
        yield dropped.reason
        yield from (one.reason for one in dropped.tries if one.reason)


def _inside(entry: Entry) -> str:
    return f"{entry.file} in {entry.pack}"


def _filled(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty: nothing, no text, no list. A 0 stays."""
    return {key: value for key, value in told.items() if value or type(value) in (int, float)}


def _tries(tries: Sequence[Verdict]) -> list[tuple[str, dict[str, float]]]:
    return [(one.reason, one.measures) for one in tries]


def _dropped(one: Dropped) -> dict[str, Any]:
    box = edges_of(one.box) if one.box else None
    told = {"reason": one.reason, "box": box, "tries": _tries(one.tries)}
    return {"class": one.class_id} | _filled(told)


def _decoy(one: Decoy) -> dict[str, Any]:
    told = {"rle": one.rle, "method": one.method, "tries": _tries(one.tries)}
    return {"box": edges_of(one.box)} | _filled(told)
