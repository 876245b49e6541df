"""An audit in words: Markdown that reads well as plain text too."""

from __future__ import annotations

from collections.abc import Iterator

from infgen.report.audit.findings import Agreement, Auc, Audit, LabelFacts, Leakage, Seams

MOST_CLASSES = 40


def summary_of(audit: Audit) -> str:
    """audit.md, and what the terminal shows."""
    return "\n".join(_lines(audit)) + "\n"


def _lines(audit: Audit) -> Iterator[str]:
    yield f"# Audit of {audit.dataset}"
    yield ""
    pictures = ", ".join(f"{count:,} {split}" for split, count in audit.labels.pictures.items())
    yield (
        f"{audit.kind}: {pictures or 'no pictures'}; {audit.labels.objects:,} objects, "
        f"{audit.labels.negatives:,} pictures without any. The pixels of {audit.probed} pictures "
        f"were probed (seed {audit.settings['seed']}); everything else is of all."
    )
    for limit in audit.limits:
        found = "can't be told" if limit.found is None else f"is {limit.found:g}"
        yield ""
        yield f"{'FAILED' if limit.crossed else 'passed'}: {limit.limit}: it {found}"
    yield from _labels(audit.labels)
    yield from _leakage(audit.leakage)
    if audit.agreement:
        yield from _agreement(audit.agreement)
    if audit.seams:
        yield from _seams(audit.seams)
    if audit.notes:
        yield from ("", "## Notes", "")
        yield from (f"- {note}" for note in audit.notes)


def _labels(facts: LabelFacts) -> Iterator[str]:
    yield from ("", "## Labels", "")
    yield from ("| class | images | objects | median area |", "|---|---|---|---|")
    for one in facts.classes[:MOST_CLASSES]:
        area = "-" if one.median_area is None else f"{one.median_area:.2%}"
        name = one.name.replace("|", "\\|")
        yield f"| {name} | {one.images:,} | {one.objects:,} | {area} |"
    if len(facts.classes) > MOST_CLASSES:
        yield f"| and {len(facts.classes) - MOST_CLASSES} more in audit.json | | | |"
    yield ""
    shares = f"{facts.tiny:.1%} tiny, {facts.huge:.1%} huge, {facts.cut:.1%} at the border"
    yield f"- {facts.with_mask:,} with a mask, {facts.crowds:,} crowds; {shares}"
    if facts.imbalance is not None:
        yield f"- the largest class has {facts.imbalance:g} times the objects of the smallest"
    if facts.empty_classes:
        yield f"- without objects: {', '.join(facts.empty_classes)}"
    if not facts.faults:
        yield "- nothing is wrong with any label by itself"
    for kind, count in sorted(facts.faults.items(), key=lambda item: -item[1]):
        yield f"- {kind}: {count:,}, such as {facts.examples[kind][0]}"


def _leakage(leakage: Leakage) -> Iterator[str]:
    yield from ("", "## Twins", "")
    yield (
        f"- of {leakage.compared:,} pictures compared, {leakage.leaked:,} have a twin or a "
        f"background in another split, {leakage.duplicates:,} a twin in any"
    )
    if leakage.shared_cutouts:
        yield f"- {leakage.shared_cutouts:,} cutouts serve several splits"
    yield from (f"- {text}" for text in leakage.examples[:5])


def _agreement(agreement: Agreement) -> Iterator[str]:
    yield from ("", f"## A second opinion ({agreement.estimate})", "")
    yield f"- it finds something for {agreement.presence:.1%} of {agreement.objects:,} labels"
    if agreement.iou_p50 is not None:
        yield (
            f"- IoU of {agreement.of}: P10 {agreement.iou_p10:.2f}, P50 {agreement.iou_p50:.2f}; "
            "least for:"
        )
    yield from (f"  - {text}" for text in agreement.worst[:5])


def _seams(seams: Seams) -> Iterator[str]:
    yield from ("", "## Seams", "")
    if seams.blind:
        yield f"- no verdict, the probe is blind here: {seams.blind}"
        return
    yield f"- the probe sees: {_auc(seams.self_test)} on seams planted to test it"
    if seams.decoys:
        yield f"- decoys against untouched places: {_auc(seams.decoys)}; 0.5 is nothing to see"
    if seams.decoy_edges:
        yield (
            f"- decoys against like edges: {_auc(seams.decoy_edges)}; what a model draws into them "
            "has outlines of its own, as untouched places mostly haven't"
        )
    if seams.contours:
        yield f"- objects against like edges: {_auc(seams.contours)}"
    if seams.excess is not None:
        yield (
            f"- on as many pictures as the reference has: {_auc(seams.contours_alike)}, the "
            f"reference's real objects {_auc(seams.reference)}: an excess of {seams.excess:+.3f}"
        )


def _auc(found: Auc | None) -> str:
    if found is None:
        return "-"
    return f"AUC {found.auc:.3f} ({found.low:.3f} to {found.high:.3f})"
