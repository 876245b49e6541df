"""What was thought of a painted object, and what was seen that has no label."""

from __future__ import annotations

import msgspec

from infgen.records.box import Box


class Verdict(msgspec.Struct, frozen=True):
    """A try at an object: why it wasn't used (empty: it was), and what was measured of it
    (ops/judging names the measures)."""

    reason: str = ""
    measures: dict[str, float] = {}


class Sighting(msgspec.Struct, frozen=True):
    """A thing of a class, found by a detector in a background: what a label is missing for. `score`
    is 0..1, `box` in pixels of the picture."""

    class_id: int
    score: float
    box: Box
