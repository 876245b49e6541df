"""The figures of an audit by name, and the limits that --fail-on sets on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infgen.records.errors import InputError, Problem
from infgen.report.audit.findings import Audit, Limit


@dataclass(frozen=True)
class Figure:
    """A row of FIGURES. `of` gives the figure, None where it couldn't be found out."""

    help: str
    of: Callable[[Audit], float | None]


def _seam(audit: Audit, name: str) -> float | None:
    verdict = getattr(audit.seams, name, None)
    return None if verdict is None else verdict.auc


def _agreed(audit: Audit, name: str) -> float | None:
    value: float | None = getattr(audit.agreement, name, None)
    return value


FIGURES: dict[str, Figure] = {
    "seam": Figure("AUC of decoys against untouched places", lambda a: _seam(a, "decoys")),
    "decoy_edges": Figure("AUC of decoys against like edges", lambda a: _seam(a, "decoy_edges")),
    "contours": Figure("AUC of objects against like edges", lambda a: _seam(a, "contours")),
    "excess": Figure(
        "by how much that AUC exceeds the reference's",
        lambda a: a.seams.excess if a.seams else None,
    ),
    "leakage": Figure("pictures with a twin in another split", lambda a: a.leakage.leaked),
    "duplicates": Figure("pictures with a twin in any split", lambda a: a.leakage.duplicates),
    "faults": Figure("things wrong with labels", lambda a: sum(a.labels.faults.values())),
    "tiny": Figure("share of objects below 8 pixels", lambda a: a.labels.tiny),
    "huge": Figure("share of objects over 0.9 of the picture", lambda a: a.labels.huge),
    "cut": Figure("share of objects at the border", lambda a: a.labels.cut),
    "imbalance": Figure("largest class over smallest", lambda a: a.labels.imbalance),
    "empty_classes": Figure("classes without objects", lambda a: len(a.labels.empty_classes)),
    "presence": Figure("share that the estimate finds", lambda a: _agreed(a, "presence")),
    "iou_p10": Figure("IoU with the estimate, P10", lambda a: _agreed(a, "iou_p10")),
    "iou_p50": Figure("IoU with the estimate, P50", lambda a: _agreed(a, "iou_p50")),
}

_LIMIT = re.compile(r"\s*(\w+)\s*([<>])\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class Wanted:
    """A limit as it was given: what would cross it."""

    text: str
    figure: str
    above: bool
    bound: float

    def judge(self, audit: Audit) -> Limit:
        """A figure that couldn't be found out crosses every limit: a gate that doesn't see stays
        shut."""
        found = FIGURES[self.figure].of(audit)
        if found is None:
            return Limit(self.text, None, True)
        return Limit(self.text, found, found > self.bound if self.above else found < self.bound)


def read_limits(texts: Sequence[str]) -> list[Wanted]:
    """Limits such as `seam>0.6`.

    Raises:
        InputError: with every one that can't be understood.
    """
    wanted, problems = [], []
    for text in texts:
        try:
            wanted.append(_read(text))
        except ValueError as error:
            problems.append(Problem(f"--fail-on: '{text}' won't do: {error}"))
    if problems:
        raise InputError(problems)
    return wanted


def _read(text: str) -> Wanted:
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ValueError("it takes a figure, < or >, and a number, as in seam>0.6")
    name, sign, bound = match.groups()
    if name not in FIGURES:
        raise ValueError(f"the figures are {', '.join(FIGURES)}")
    try:
        return Wanted(text.strip(), name, sign == ">", float(bound))
    except ValueError:
        raise ValueError(f"'{bound}' isn't a number") from None
