"""Limits by name, and findings in words."""

from __future__ import annotations

import msgspec
import pytest

from infgen.records.errors import InputError
from infgen.report.audit.findings import Agreement, Auc, Audit, Leakage, Seams
from infgen.report.audit.limits import FIGURES, read_limits
from infgen.report.audit.summary import summary_of
from tests.report.audit.test_facts import facts_of, picture_of

BOX = (10, 10, 50, 60)


def audit_of(**more: object) -> Audit:
    found = {
        "infgen": "1",
        "dataset": "d",
        "kind": "coco",
        "settings": {"seed": 0},
        "probed": 3,
        "labels": facts_of(picture_of("a", BOX, BOX)),
        "leakage": Leakage(3, 1, 0, 0, 2, ["b is a"]),
        "agreement": Agreement("grabcut", "masks", 4, 0.75, 0.5, 0.8, ["a: cat"]),
        "seams": Seams(
            "",
            Auc(0.99, 0.98, 1, 9, 18),
            Auc(0.61, 0.5, 0.7, 9, 18),
            Auc(0.52, 0.4, 0.6, 9, 18),
            Auc(0.7, 0.6, 0.8, 9, 18),
            Auc(0.7, 0.6, 0.8, 9, 18),
            Auc(0.6, 0.5, 0.7, 9, 18),
            0.1,
        ),
        "limits": [],
        "notes": ["a note"],
    }
    return Audit(**found | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found", "crossed"),
    [
        ("seam>0.6", 0.61, True),
        ("seam > 0.62", 0.61, False),
        ("decoy_edges>0.5", 0.52, True),
        ("contours>0.75", 0.7, False),
        ("excess>0.05", 0.1, True),
        ("leakage>0", 0, False),
        ("duplicates>0", 1, True),
        ("faults>0", 1, True),
        ("iou_p50<0.9", 0.8, True),
        ("iou_p10<0.4", 0.5, False),
        ("presence<0.8", 0.75, True),
        ("empty_classes>0", 1, True),
        ("imbalance>1e1", 1, False),
        ("tiny>0", 0, False),
        ("huge>0", 0, False),
        ("cut>0", 0, False),
    ],
)
def test_each_figure_can_cross_its_limit(text: str, found: float, crossed: bool) -> None:
    [limit] = read_limits([text])
    judged = limit.judge(audit_of())
    assert (judged.found, judged.crossed) == (found, crossed)


def test_every_figure_has_been_tried() -> None:
    marks = test_each_figure_can_cross_its_limit.pytestmark  # type: ignore[attr-defined]
    tried = {text.split(">")[0].split("<")[0].strip() for text, *_ in marks[0].args[1]}
    assert tried == set(FIGURES)


def test_a_figure_that_is_not_known_crosses_every_limit() -> None:
    blind = audit_of(seams=Seams("too few"), agreement=None)
    for text in ("seam>0.6", "excess>9", "contours<0", "iou_p50<0"):
        [limit] = read_limits([text])
        judged = limit.judge(blind)
        assert judged.found is None and judged.crossed


def test_limits_that_cannot_be_understood_are_all_named() -> None:
    with pytest.raises(InputError) as error:
        read_limits(["seem>0.6", "seam", "seam>high", "seam>=0.6", "leakage>0"])
    assert len(error.value.problems) == 4
    assert "the figures are seam, " in str(error.value.problems[0])


def test_the_summary_says_it_all() -> None:
    audit = audit_of()
    audit.limits = [limit.judge(audit) for limit in read_limits(["seam>0.6", "leakage>0"])]
    text = summary_of(audit)
    for part in (
        "FAILED: seam>0.6: it is 0.61",
        "passed: leakage>0: it is 0",
        "| cat | 1 | 2 |",
        "object labelled twice: 1, such as a: ",
        "- b is a",
        "P10 0.50, P50 0.80",
        "decoys against like edges: AUC 0.520",
        "an excess of +0.100",
        "- a note",
    ):
        assert part in text
    blind = summary_of(audit_of(seams=Seams("3 pictures are too few"), agreement=None))
    assert "the probe is blind here: 3 pictures are too few" in blind
    assert "excess" not in blind and "second opinion" not in blind


def test_findings_come_back_from_json() -> None:
    audit = audit_of()
    assert msgspec.json.decode(msgspec.json.encode(audit), type=Audit) == audit
