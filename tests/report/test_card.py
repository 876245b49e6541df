"""The dataset card: what is in it is known, and what isn't known isn't in it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from infgen.records.manifest import ClassCount, Failure, Manifest, Origin, Part
from infgen.records.plan import Dropped
from infgen.report.audit.findings import Audit, LabelFacts, Leakage, Limit
from infgen.report.card import MARKER, card_of
from infgen.report.facts import facts_of, licences_of, notes_of, rejects_of
from infgen.report.figures import Figures, FigureTally
from tests.making import empty_manifest
from tests.report.items import foreign, instance, made, thing

FORMATS = {"coco": "annotations/instances_<split>.json", "yolo": "labels/<split>/*.txt"}


def figures_of(names: tuple[str, ...] = ("cat", "dog")) -> Figures:
    tally = FigureTally(names, "infgen")
    tally.add(made(0, instance(0, 0, 0, 50, 40), instance(1, 9, 9, 30, 30)))
    tally.add(made(1, instance(0, 0, 0, 50, 40), split="val"))
    tally.add(made(2, dropped=(Dropped(1, "no room"),)))
    return tally.figures()


def manifest_of(**more: Any) -> Manifest:
    classes = (ClassCount("cat", 2, 2), ClassCount("dog", 1, 1, {"no room": 1}, {"cut off": 3}))
    return empty_manifest(**{"infgen": "1.2.3", "pictures": 3, "classes": classes, **more})


def card(manifest: Manifest, figures: Figures | None = None, **more: Any) -> str:
    facts: dict[str, Any] = {"prompts": {"cat": "a cat"}, "marks": {}, "formats": FORMATS,
                             "again": ["python -m infgen run --config run.toml"]}  # fmt: skip
    return card_of(manifest, figures or figures_of(), **facts | more)


def test_it_begins_with_infgens_mark_and_says_what_is_there() -> None:
    text = card(manifest_of(painted=True, formats=("coco", "yolo"), notes=("mind *this*",),
                            settings={"seed": 7, "backgrounds": "/home/me/background.csv"},
                            sources={"cutouts": {"a.png": "11", "b.png": "11"}}))  # fmt: skip
    assert text.splitlines()[0] == MARKER
    assert "3 pictures (2 train, 1 val) of 640 x 480 pixels with 3 labelled objects" in text
    assert "1 of the pictures show none." in text and "infgen 1.2.3" in text
    assert "| 0 | cat | a cat | 2 | 1 | 1 |" in text and "| 1 | dog | - | 1 | 1 | 0 |" in text
    assert "- cutouts: 2 files, 1 different by SHA-256" in text
    assert "| dog | object left out | no room | 1 |" in text
    assert "| dog | try not used | cut off | 3 |" in text
    assert r"- mind \*this\*" in text and "- seed: 7" in text
    assert "- coco: annotations/instances\\_&lt;split&gt;.json" in text
    assert "python -m infgen run --config run.toml" in text
    assert "/home" not in text
    assert "- models: none" in text


def test_nothing_is_made_up() -> None:
    text = card(manifest_of(), audit=None)
    assert not re.search(r"\b(20\d\d|licensed|author|created by|copyright)\b", text, re.I)
    assert "licence" in text  # that none is given, and nothing else
    assert "## Audit" not in text and "## Notes" not in text


def test_pictures_of_others_are_not_called_synthetic() -> None:
    tally = FigureTally(("cat",), "infgen")
    tally.add(made(0, instance(0, 0, 0, 5, 5, method="convert")))
    taken = card(manifest_of(painted=False), tally.figures())
    assert "# Pictures with labels" in taken and "painted into" not in taken
    assert "isn't known here" in taken and "- models: none by infgen" in taken
    assert "1 picture (1 train)" in taken and "1 labelled object of 1 class." in taken
    assert "1 of the labels are boxes without a mask" in taken
    tally = FigureTally(("cat",), "infgen")
    tally.add(made(0, instance(0, 0, 0, 5, 5, method="relabel", rle="01")))
    relabelled = card(manifest_of(painted=True), tally.figures())
    assert "# Pictures with labels" in relabelled and "painted into" not in relabelled


def test_models_are_named_with_their_licences_once() -> None:
    models = {"scenes": {"model": "a/b@1"}, "licences": ["a/b: OpenRAIL"],
              "eyes": {"detector": {"model": "google/owlv2-base-patch16-ensemble@123"},
                       "segmenter": {"model": "mine"}},
              "depth": {"model": "d", "licence": "d/e: Apache-2.0"}}  # fmt: skip
    again = msgspec.convert(
        {"first": 0, "pictures": 1, "classes": {}, "painted": [], "backgrounds_kept": False,
         "formats": [], "methods": {}, "fingerprint": {}, "settings": {}, "sources": {},
         "models": {"licences": ["a/b: OpenRAIL", "f/g: MIT"]}}, Part)  # fmt: skip
    found = licences_of(manifest_of(models=models, parts=(again,)))
    assert found == ["a/b: OpenRAIL", "google/owlv2-base-patch16-ensemble: Apache-2.0 (detector)",
                     "mine: see its model card (segmenter)", "d/e: Apache-2.0",
                     "f/g: MIT"]  # fmt: skip
    assert "  - f/g: MIT" in card(manifest_of(models=models, parts=(again,)))


def test_pictures_taken_from_infgens_own_datasets_are_told_as_these_were_made() -> None:
    made = Origin("a_b", "infgen", 3, {"inpaint": 4, "given": 1}, {"plain": 3},
                  ({"licences": ["f/g: MIT"]}, {"licences": ["f/g: MIT"]}),
                  {"cutouts": {"a": "1", "b": "1"}})  # fmt: skip
    text = card(
        manifest_of(painted=False, origins=(made, msgspec.structs.replace(made, models=())))
    )
    assert "# Synthetic pictures with labels" in text and "isn't known" not in text
    told = r"- a\_b (made with infgen), 3 pictures: objects: 1 in the background, 4 inpainted"
    assert text.count(f"{told}; scenes: 3 plain") == 2
    assert text.count("  - model f/g: MIT") == text.count("  - no model") == 1
    assert r"- cutouts of a\_b: 2 files, 1 different by SHA-256" in text
    old = card(manifest_of(painted=False, origins=(Origin("c", "infgen", 3, {"convert": 4}),)))
    assert "# Pictures with labels" in old and "isn't known here" in old


def test_names_mean_nothing_in_markdown() -> None:
    odd = "a|b <script>`*_[x](http://e.vil)\nc"
    tally = FigureTally((odd,), "infgen")
    tally.add(made(0, instance(0, 0, 0, 5, 5)))
    [row] = [line for line in card(manifest_of(), tally.figures()).splitlines() if "script" in line]
    assert "<script>" not in row and "](" not in row.replace("\\](", "") and r"a\|b" in row


def test_all_that_was_thrown_away_is_listed() -> None:
    failures = (Failure(4, "disk"), Failure(5, "disk"), Failure(6, "odd"))
    rows = rejects_of(manifest_of(failures=failures), {1: "ugly", 2: "ugly", 3: ""}, {})
    whole = "(whole picture)"
    assert (whole, "picture marked as bad", "ugly", 2) in rows
    assert (whole, "picture marked as bad", "no reason given", 1) in rows
    assert (whole, "picture not made", "disk", 2) in rows
    assert ("dog", "try not used", "cut off", 3) in rows
    assert sum(row[3] for row in rows) == 3 + 3 + 1 + 3
    assert rejects_of(None, {}, {"empty box": 4}) == [
        ("(any)", "label or picture that can't be used", "empty box", 4)
    ]


def test_what_is_odd_is_noted() -> None:
    tally = FigureTally(("cat", "dog", "owl"), "coco")
    for number in range(20):
        tally.add(foreign(number, thing(0, 0, 0, 5, 5)))
    tally.add(foreign(20, thing(1, 0, 0, 5, 5)))
    tally.add(foreign(21, failure="gone"))
    notes = notes_of(tally.figures(), None)
    assert notes == [
        "no picture shows an object of owl",
        "95% of the objects are of one class, cat",
        "1 of the pictures that are listed can't be found or read: they and their labels aren't "
        "counted",
    ]
    facts = dict(facts_of(tally.figures(), None, 5))
    assert facts["pictures"] == "21" and facts["format"] == "coco"
    assert facts["shown here"].startswith("5 of 21, spread evenly")


def audit_of(objects: int) -> Audit:
    labels = LabelFacts({"train": 2, "val": 1}, 1, objects, 0, 0, [], None, [], None, 0, 0, 0,
                        {"empty box": 2}, {})  # fmt: skip
    limit = Limit("faults>0", 2, True)
    leakage = Leakage(3, 1, 0, 0, 0, [])
    return Audit("1", "x", "infgen", {}, 3, labels, leakage, None, None, [limit], [])


def test_an_audit_is_told_if_it_is_of_this_very_state() -> None:
    text = card(manifest_of(), audit=audit_of(3))
    assert "- faulty labels: 2 empty box" in text and "1 have an earlier twin" in text
    assert "- limit faults&gt;0: crossed" in text
    stale = card(manifest_of(), audit=audit_of(4))
    assert "another state of the dataset" in stale and "empty box" not in stale
