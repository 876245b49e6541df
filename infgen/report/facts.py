"""What stands in words in a report: facts, warnings, and all that was thrown away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infgen.models.known_eyes import EYES
from infgen.records.manifest import Manifest, Origin
from infgen.report.figures import Figures

Reject = tuple[str, str, str, int]  # class (or WHOLE), what, reason, how many

LEFT_OUT, TRIED = "object left out", "try not used"
NO_REASON = "no reason given"
DECOY, FAILED, MARKED = "decoy left out", "picture not made", "picture marked as bad"
FAULTY = "label or picture that can't be used"
WHOLE = "(whole picture)"
WAYS = {  # in which objects came into their pictures: an Instance's methods, in words
    "paste": "pasted",
    "inpaint": "inpainted",
    "given": "in the background",
    "relabel": "found",
    "convert": "labelled, of another dataset",
}
DOMINANT = 0.9  # share of all objects


def facts_of(figures: Figures, manifest: Manifest | None, shown: int) -> list[tuple[str, str]]:
    """Short lines for the head of the page; `shown` pictures are in the gallery."""
    total = figures.counted
    splits = ", ".join(f"{count:,} {split}" for split, count in figures.pictures.items())
    sizes = [f"{size} ({count:,})" for size, count in list(figures.sizes.items())[:3]]
    more = figures.other_sizes + sum(list(figures.sizes.values())[3:])
    facts = [
        ("pictures", f"{total:,} ({splits})" if len(figures.pictures) > 1 else f"{total:,}"),
        ("objects", f"{figures.objects:,}"),
        ("classes", f"{len(figures.classes):,}"),
        ("picture size", ", ".join([*sizes, *([f"others ({more:,})"] if more else [])]) or "-"),
        ("without objects", f"{figures.negatives:,}"),
        ("shown here", f"all {total:,} pictures" if shown >= total else
         f"{shown:,} of {total:,}, spread evenly, rare classes added"),
        ("format", "infgen's own" if manifest else figures.kind),
    ]  # fmt: skip
    if figures.failed:
        facts.append(("failed or unreadable", f"{figures.failed:,}"))
    if figures.marked:
        facts.append(("marked as bad, and not counted", f"{figures.marked:,}"))
    if manifest:
        if manifest.origins:
            names = (f"{one.name} ({one.kind})" for one in manifest.origins)
            facts.append(("taken from", ", ".join(names)))
        methods = sorted({name for one in figures.classes for name in one.methods})
        facts.append(("methods", ", ".join(methods) or "-"))
        facts.append(("labels in", ", ".join(manifest.formats) or "-"))
        facts.append(("made by", f"infgen {manifest.infgen}"))
        facts += [("model", text) for text in licences_of(manifest)]
    return facts


def notes_of(figures: Figures, manifest: Manifest | None) -> list[str]:
    """Sentences worth a warning: those of the run, and what the figures show."""
    notes = run_notes(manifest) if manifest else []
    names = [one.name or f"class {class_id}" for class_id, one in enumerate(figures.classes)]
    empty = [name for name, one in zip(names, figures.classes, strict=True) if not one.total]
    if empty and figures.objects:
        told = ", ".join(empty[:10]) + (f" and {len(empty) - 10:,} more" if empty[10:] else "")
        notes.append(f"no picture shows an object of {told}")
    totals = figures.totals
    if len(totals) > 1 and max(totals) > DOMINANT * figures.objects:
        part, largest = max(totals) / figures.objects, names[totals.index(max(totals))]
        notes.append(f"{part:.0%} of the objects are of one class, {largest}")
    if figures.failed and not manifest:
        notes.append(f"{figures.failed:,} of the pictures that are listed can't be found or read: "
                     "they and their labels aren't counted")  # fmt: skip
    if figures.looks and figures.looks.unreadable:
        read = figures.looks.pictures + figures.looks.unreadable
        notes.append(f"of {read:,} pictures whose pixels were looked at, "
                     f"{figures.looks.unreadable:,} can't be read: they and their labels are "
                     "counted all the same")  # fmt: skip
    return list(dict.fromkeys(notes))


def run_notes(manifest: Manifest) -> list[str]:
    """The notes of the run; where several made the dataset, each with the run that it is of."""
    runs: dict[str, list[str]] = {}
    for number, part in enumerate(manifest.parts, 1):
        for note in part.notes:
            runs.setdefault(note, []).append(str(number))
    return [
        f"run{'s' if len(runs[note]) > 1 else ''} {', '.join(runs[note])}: {note}"
        if note in runs
        else note
        for note in manifest.notes
    ]


def rejects_of(
    manifest: Manifest | None, marks: Mapping[int, str], faults: Mapping[str, int]
) -> list[Reject]:
    """All that was thrown away: of infgen's datasets by their manifest and `marks`, of others the
    `faults` by kind."""
    rows = [("(any)", FAULTY, kind, count) for kind, count in faults.items()]
    reasons = Counter(why or NO_REASON for why in marks.values())
    rows += [(WHOLE, MARKED, why, count) for why, count in reasons.most_common()]
    return [*rows, *(_thrown_away(manifest) if manifest else ())]


def _thrown_away(manifest: Manifest) -> Iterator[Reject]:
    failures = Counter(failure.reason for failure in manifest.failures)
    yield from ((WHOLE, FAILED, reason, count) for reason, count in failures.most_common())
    for one in manifest.classes:
        for what, reasons in (
            (LEFT_OUT, one.dropped),
            (TRIED, one.rejected),
            (DECOY, one.dropped_decoys),
        ):
            yield from ((one.name, what, why, count) for why, count in sorted(reasons.items()))


def licences_of(manifest: Manifest) -> list[str]:
    """A line for each model that took part, with its licence as far as it is known."""
    return _licences([*manifest.all_models, *_models_behind(manifest.origins)])


def licences_behind(origin: Origin) -> list[str]:
    """The same for the models behind a dataset that pictures were taken from, but for those behind
    its own origins."""
    return _licences(origin.models)


def _licences(all_models: Iterable[Mapping[str, Any]]) -> list[str]:
    found: list[str] = []
    for models in all_models:
        found += models.get("licences", [])
        found += _eyes(models.get("eyes", {}))
        found += [models["depth"]["licence"]] if "depth" in models else []
    return list(dict.fromkeys(found))


def _models_behind(origins: Iterable[Origin]) -> Iterator[Mapping[str, Any]]:
    for one in origins:
        yield from one.models
        yield from _models_behind(one.origins)


def _eyes(eyes: Mapping[str, Any]) -> Iterable[str]:
    known = {row.id: row.licence for rows in EYES.values() for row in rows.values()}
    for role, eye in eyes.items():
        source = str(eye["model"]).partition("@")[0]
        yield f"{source}: {known.get(source, 'see its model card')} ({role})"
