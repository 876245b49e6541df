"""What an audit finds: the keys of audit.json, in its order.

Shares are fractions 0..1. What couldn't be found out is null, and `notes` say why.
"""

from __future__ import annotations

import msgspec

from infgen.records.labelled import Fault

SHOWN = 10  # examples of each kind of fault


class ClassFacts(msgspec.Struct):
    """A class: pictures that show it, its objects, these by split, and its median box area as a
    share of the picture (null without objects)."""

    name: str
    images: int = 0
    objects: int = 0
    by_split: dict[str, int] = msgspec.field(default_factory=dict)
    median_area: float | None = None


class LabelFacts(msgspec.Struct):
    """Counts over all labels.

    `pictures` by split, `negatives` (pictures without objects), `objects`, `crowds`, `with_mask`.
    `imbalance` is the largest class's objects over the smallest's that has any, `empty_classes` the
    names of those that have none. `area` is P10, P50, P90 of box area as a share of the picture.
    `tiny`, `huge`, `cut` are shares of objects: a side below 8 pixels; more than 0.9 of the
    picture; at the picture's border. `faults` counts what is wrong by kind, `examples` names the
    first of each kind.
    """

    pictures: dict[str, int]
    negatives: int
    objects: int
    crowds: int
    with_mask: int
    classes: list[ClassFacts]
    imbalance: float | None
    empty_classes: list[str]
    area: tuple[float, float, float] | None
    tiny: float
    huge: float
    cut: float
    faults: dict[str, int]
    examples: dict[str, list[str]]


class Leakage(msgspec.Struct):
    """Pictures that are (nearly) the same.

    Of `compared` pictures: `duplicates` are those that have an earlier twin, in whatever split;
    `leaked` those whose twin is in an earlier split, or whose background (`shared_scenes`, known of
    infgen's datasets only) also serves one. `shared_cutouts` counts cutouts of several splits.
    `examples` names pairs.
    """

    compared: int
    duplicates: int
    leaked: int
    shared_scenes: int
    shared_cutouts: int
    examples: list[str]


class Auc(msgspec.Struct):
    """How well a contour can be told from its like elsewhere on the same picture: 0.5 not at all, 1
    always. `low` and `high` bound 95 % of bootstraps by picture."""

    auc: float
    low: float
    high: float
    pictures: int
    contours: int


class Seams(msgspec.Struct):
    """What the seam probe sees.

    `self_test`: rectangles repainted slightly on the dataset's own pictures, against untouched
    places; below 0.85 the probe is `blind` here, and that says why (else it's empty): nothing else
    in this section is a verdict then, and is null. `decoys`: repainted regions without an object
    against untouched places of the same shape; `decoy_edges`: the same, where they end at an edge,
    against like edges of the same picture. `contours`: objects against like edges;
    `contours_alike`: on as many pictures as the reference has; `reference`: the reference's real
    objects; `excess`: the difference of these two.
    """

    blind: str
    self_test: Auc | None = None
    decoys: Auc | None = None
    decoy_edges: Auc | None = None
    contours: Auc | None = None
    contours_alike: Auc | None = None
    reference: Auc | None = None
    excess: float | None = None


class Agreement(msgspec.Struct):
    """Labels against a second opinion, `estimate`, on `objects` of the sample.

    `presence` is the share where it finds anything in the box's place; of these, `iou_p10` and
    `iou_p50` are quantiles of the mask IoU (`of` "masks") or the box IoU (`of` "boxes"). `worst`
    names the labels that agree least.
    """

    estimate: str
    of: str
    objects: int
    presence: float
    iou_p10: float | None
    iou_p50: float | None
    worst: list[str]


class Limit(msgspec.Struct):
    """A limit of --fail-on, what was found (null: nothing could be, which crosses it too)."""

    limit: str
    found: float | None
    crossed: bool


class Audit(msgspec.Struct):
    """audit.json: which dataset, how it was looked at, what was found, and the limits."""

    infgen: str
    dataset: str
    kind: str
    settings: dict[str, object]
    probed: int
    labels: LabelFacts
    leakage: Leakage
    agreement: Agreement | None
    seams: Seams | None
    limits: list[Limit]
    notes: list[str]


class Faults:
    """A tally of faults by kind, with the first few of each kind by name."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}

    def add(self, fault: Fault, place: str = "") -> None:
        """Count one; `place` names its picture."""
        self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
        shown = self.examples.setdefault(fault.kind, [])
        if len(shown) < SHOWN:
            shown.append(f"{place}: {fault.text}" if place else fault.text)
