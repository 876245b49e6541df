"""The words in which pages tell how a picture and its objects came about."""

from __future__ import annotations

from infgen.ops.judging import GROUND_RULES, RULES
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, Change, Finish, Look
from infgen.report.facts import WAYS

Facts = list[tuple[str, str]]


def edges_of(box: Box) -> list[float]:
    """A box's edges, as short as they can be written."""
    rounded = [round(edge, 2) for edge in box.xyxy]
    return [int(edge) if edge == int(edge) else edge for edge in rounded]


def box_told(box: Box) -> str:
    x0, y0, x1, y1 = (f"{edge:g}" for edge in edges_of(box))
    return f"{x0}, {y0} – {x1}, {y1}"


def scene_facts(scene: BackgroundPlan) -> Facts:
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


def look_facts(look: Look) -> Facts:
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
    return facts + [("changed", change_told(change)) for change in look.changes]


def finish_facts(finish: Finish | None) -> Facts:
    """What the whole picture went through last."""
    if finish is None:
        return []
    facts = [
        ("blur", finish.blur, f"{finish.blur:.3g} px (standard deviation)"),
        ("grain", finish.grain, f"{finish.grain:.3g} grey levels"),
        ("JPEG quality", finish.quality_loss, f"{finish.quality_loss} below the set one"),
    ]
    return [(name, told) for name, value, told in facts if value]


def change_told(change: Change) -> str:
    values = ", ".join(f"{name} {value:.3g}" for name, value in change.values.items())
    told = change.name.replace("_", " ") + (f" ({values})" if values else "")
    return told + (f", filled: {change.fill}" if change.fill else "")


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
METHODS = {LABEL: "labelled", OUT: "left out", **WAYS}

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
