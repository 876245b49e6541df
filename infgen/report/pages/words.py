"""What is known of pictures and objects, as plain data and in the words in which pages tell it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infgen.ops.judging import GROUND_RULES, RULES
from infgen.records.box import Box
from infgen.records.manifest import Manifest
from infgen.records.plan import BackgroundPlan, Change, Dropped, Finish, Look
from infgen.records.sample import Decoy, Entry, Instance
from infgen.records.verdict import Verdict
from infgen.report.contents import Contents
from infgen.report.items import Item, Thing

Facts = list[tuple[str, str]]


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
        flags = {"decoys": bool(entry and entry.decoys), "out": bool(_left_out(item))}
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
            "box": _edges(thing.box),
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
                "requested": _edges(made.requested) if made.requested else None,
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
            facts.append(("asked for", _box_told(made.requested)))
            facts.append(("overlap with it", f"{made.requested.iou(made.box):.2f} (IoU)"))
        if made.method in PAINTED:
            facts += _look_facts(made.look)
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
            "scene": _scene_facts(entry.background),
            "changes": [_change_told(change) for change in entry.changes],
            "finish": _finish_facts(entry.finish),
            "dropped": [_dropped(one) for one in entry.dropped],
            "droppedDecoys": [_dropped(one) for one in entry.dropped_decoys],
            "decoys": [_decoy(one) for one in entry.decoys],
            "sighted": [
                {"class": one.class_id, "score": one.score, "box": _edges(one.box)}
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
        [one.class_id, OUT, round(one.box.area) if one.box else 0, len(one.tries)]
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


def _edges(box: Box) -> list[float]:
    """A box's edges, as short as they can be written."""
    rounded = [round(edge, 2) for edge in box.xyxy]
    return [int(edge) if edge == int(edge) else edge for edge in rounded]


def _box_told(box: Box) -> str:
    x0, y0, x1, y1 = (f"{edge:g}" for edge in _edges(box))
    return f"{x0}, {y0} to {x1}, {y1}"


def _filled(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty: nothing, no text, no list. A 0 stays."""
    return {key: value for key, value in told.items() if value or type(value) in (int, float)}


def _tries(tries: Sequence[Verdict]) -> list[tuple[str, dict[str, float]]]:
    return [(one.reason, one.measures) for one in tries]


def _dropped(one: Dropped) -> dict[str, Any]:
    box = _edges(one.box) if one.box else None
    told = {"reason": one.reason, "box": box, "tries": _tries(one.tries)}
    return {"class": one.class_id} | _filled(told)


def _decoy(one: Decoy) -> dict[str, Any]:
    told = {"rle": one.rle, "method": one.method, "tries": _tries(one.tries)}
    return {"box": _edges(one.box)} | _filled(told)


# ---- words ---------------------------------------------------------------------------------------


def _scene_facts(scene: BackgroundPlan) -> Facts:
    """Where a picture's background comes from."""
    facts = [("prompt", scene.prompt), ("not", scene.negative_prompt), ("picture", scene.picture)]
    facts += [("drawn", scene.plain)]
    if scene.picture and any(scene.scaled_size):
        width, height = scene.scaled_size
        facts.append(("scaled to", f"{width} × {height} px"))
        facts.append(("cut out at", f"{scene.offset[0]}, {scene.offset[1]}"))
        facts.append(("mirrored", "yes" if scene.flip else "no"))
    if scene.prompt or scene.plain:
        facts.append(("seed", str(scene.seed)))
    if any(value for _, value in facts):
        facts.append(("background", f"no. {scene.number}"))
    return [fact for fact in facts if fact[1]]


def _look_facts(look: Look) -> Facts:
    facts: Facts = [("blend", look.blend)]
    if look.harmonize != "none":
        facts.append(("colours", f"harmonized: {look.harmonize}"))
    if look.shadow is not None:
        shadow = look.shadow
        x, y = shadow.offset
        facts.append(
            (
                "shadow",
                f"{shadow.kind}, falls {x:.2f}, {y:.2f}, blur {shadow.blur:.2f} (of its longer "
                f"side), darkness {shadow.darkness:.2f}",
            )
        )
    return facts + [("changed", _change_told(change)) for change in look.changes]


def _finish_facts(finish: Finish | None) -> Facts:
    """What the whole picture went through last."""
    if finish is None:
        return []
    facts = [
        ("blur", finish.blur, f"{finish.blur:.3g} px (standard deviation)"),
        ("grain", finish.grain, f"{finish.grain:.3g} grey levels"),
        ("JPEG quality", finish.quality_loss, f"{finish.quality_loss} below the set one"),
    ]
    return [(name, told) for name, value, told in facts if value]


def _change_told(change: Change) -> str:
    values = ", ".join(f"{name} {value:.3g}" for name, value in change.values.items())
    told = change.name.replace("_", " ") + (f" ({values})" if values else "")
    return told + (f", filled: {change.fill}" if change.fill else "")


def count_of(number: int, thing: str) -> str:
    """ "1 picture", "2,000 pictures"."""
    ending = "" if number == 1 else "es" if thing.endswith("s") else "s"
    return f"{number:,} {thing}{ending}"


def measures_told() -> dict[str, tuple[str, float | None, float | None]]:
    """Each measure of a verdict in words, and the bars below and above which a try isn't used."""
    bars = {rule.measure: (rule.least, rule.most) for rule in (*RULES, *GROUND_RULES)}
    told = {}
    for name, words in MEASURES.items():
        least, most = bars.get(name, (float("-inf"), float("inf")))
        told[name] = (
            words,
            None if least == float("-inf") else least,
            None if most == float("inf") else most,
        )
    return told


PAINTED = ("paste", "inpaint")
LABEL, OUT = "label", "out"
METHODS = {
    LABEL: "labelled",
    OUT: "left out",
    "paste": "pasted",
    "inpaint": "inpainted",
    "given": "in the background",
    "relabel": "found",
    "convert": "labelled, of another dataset",
}

FIRST, LATER, DROPPED, DECOY = "first", "later", "dropped", "decoy"
SIGHTED, MARKED = "sighted", "marked"
VERDICTS = (FIRST, LATER, DROPPED, DECOY, SIGHTED, MARKED)

MEASURES = {  # of ops/judging, in words that need no key
    "fill": "its area, of the box asked for",
    "one_colour": "share of it in one flat colour",
    "roughness": "roughness (white noise: 1)",
    "contrast": "change, against that around it",
    "overlap": "overlap with the box asked for (IoU)",
    "cut_off": "stretch of its outline that is cut off",
    "rival": "second largest part, of the largest",
    "likeness": "likeness to another one in the picture",
    "detection": "detector's score",
    "detection_overlap": "overlap with what was detected (IoU)",
    "detections": "times detected",
    "lead": "lead over other words for it",
    "news": "largest new thing, of what was painted",
}
