"""The verb `audit`: a dataset read once for its labels, once for its pictures, and judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from infgen import __version__
from infgen.batch.reporter import Reporter, Silent
from infgen.ops.seeds import stream
from infgen.records.errors import InputError, Problem
from infgen.records.labelled import Fault, LabelledPicture
from infgen.report.audit.agreement import ESTIMATES, AgreementTally, Estimate
from infgen.report.audit.duplicates import MOST_COMPARED, SIDE, TwinSearch
from infgen.report.audit.facts import LabelTally
from infgen.report.audit.findings import Audit, Seams
from infgen.report.audit.limits import read_limits
from infgen.report.audit.seams import FEWEST_PICTURES, SeamProbe, check_extra
from infgen.report.audit.settings import AuditSettings
from infgen.report.audit.summary import summary_of
from infgen.sources.datasets import LabelledDataset, open_dataset
from infgen.sources.datasets.common import BAD_PICTURE, WRONG_SIZE
from infgen.sources.disk import write_file
from infgen.sources.pictures import read_any, read_thumbnail

JSON, MARKDOWN = "audit.json", "audit.md"


def audit(
    place: Path,
    settings: AuditSettings,
    reporter: Reporter | None = None,
    second_opinion: Estimate | None = None,
) -> Audit:
    """Audit the dataset at `place` and write audit.json and audit.md into `settings.out`.

    `second_opinion` takes the place of `settings.estimate`: a segmenter, or an oracle.

    Raises:
        InputError: there is no dataset that can be read, or a limit can't be understood.
        MissingExtra: seams are asked for, and scikit-learn isn't installed.
        StorageError: the findings can't be written.
    """
    wanted = read_limits(settings.fail_on)
    if settings.seams:
        check_extra()
    dataset = open_dataset(place)
    if not dataset.count:
        raise InputError(Problem("the dataset has no pictures", str(place)))
    reference = open_dataset(settings.reference) if settings.reference else None
    estimate = second_opinion or ESTIMATES.get(settings.estimate)
    found = _look(dataset, reference, settings, estimate, reporter or Silent())
    found.limits = [limit.judge(found) for limit in wanted]
    text = json.dumps(msgspec.to_builtins(found), indent=1, ensure_ascii=False)
    write_file(settings.out / JSON, text.encode() + b"\n")
    write_file(settings.out / MARKDOWN, summary_of(found).encode())
    return found


def _look(
    dataset: LabelledDataset,
    reference: LabelledDataset | None,
    settings: AuditSettings,
    estimate: Estimate | None,
    reporter: Reporter,
) -> Audit:
    labels, twins = LabelTally(dataset.classes), TwinSearch()
    for fault in dataset.faults:
        labels.faults.add(fault)
    compared = _drawn(dataset.count, MOST_COMPARED, settings.seed, "compared")
    chosen = _drawn(dataset.count, settings.sample, settings.seed, "probed")
    sample: list[LabelledPicture] = []
    for rank, picture in _counted("labels", dataset, reporter):
        labels.add(picture)
        if rank in compared:
            _compare(picture, twins, labels)
        if rank in chosen:
            sample.append(picture)
    agreement = AgreementTally(estimate, dataset.classes) if estimate else None
    probe = SeamProbe() if settings.seams else None
    probed = 0
    reporter.start("probed", len(sample))
    for number, picture in enumerate(sample):
        pixels = _pixels(picture)
        reporter.advance()
        if pixels is None:
            continue
        probed += 1
        if agreement:
            agreement.add(picture, pixels)
        if probe:
            probe.add(picture, pixels, stream(settings.seed, number, "seams"))
    reporter.stop()
    real = _real_contours(reference, settings, reporter) if reference and probe else None
    seams = probe.seams(real, stream(settings.seed, 0, "verdict")) if probe else None
    return Audit(
        infgen=__version__,
        dataset=str(dataset.place),
        kind=dataset.kind,
        settings={
            name: str(value) if isinstance(value, Path) else value
            for name, value in msgspec.structs.asdict(settings).items()
        },
        probed=probed,
        labels=labels.facts(),
        leakage=twins.leakage(),
        agreement=agreement.agreement() if agreement else None,
        seams=seams,
        limits=[],
        notes=[*_notes(dataset, settings), *_unanswered(seams, dataset, settings)],
    )


def _drawn(count: int, most: int, seed: int, purpose: str) -> frozenset[int]:
    """`most` of the numbers 0..count - 1, at random, or all of them."""
    if count <= most:
        return frozenset(range(count))
    picks = stream(seed, 0, purpose).choice(count, size=most, replace=False)
    return frozenset(picks.tolist())


def _counted(
    what: str, dataset: LabelledDataset, reporter: Reporter
) -> Iterator[tuple[int, LabelledPicture]]:
    reporter.start(what, dataset.count)
    try:
        for rank, picture in enumerate(dataset.pictures()):
            yield rank, picture
            reporter.advance()
    finally:
        reporter.stop()


def _compare(picture: LabelledPicture, twins: TwinSearch, labels: LabelTally) -> None:
    """A picture's thumbnail for the search, and what is wrong with its file."""
    try:
        thumbnail, size = read_thumbnail(picture.path, SIDE)
    except ValueError as error:
        if not picture.faults:  # told already
            labels.faults.add(Fault(BAD_PICTURE, str(error)), picture.path.name)
        return
    twins.add(picture, thumbnail)
    if size != picture.size:
        text = f"{size[0]} x {size[1]} pixels, where its labels count {picture.size}"
        labels.faults.add(Fault(WRONG_SIZE, text), picture.path.name)


def _pixels(picture: LabelledPicture) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB; None for what was told as a fault before."""
    try:
        pixels = read_any(picture.path)
    except ValueError:
        return None
    return pixels if pixels.shape[1::-1] == picture.size else None


def _real_contours(
    reference: LabelledDataset, settings: AuditSettings, reporter: Reporter
) -> SeamProbe:
    """The object contours of the reference's sample."""
    probe = SeamProbe()
    chosen = _drawn(reference.count, settings.sample, settings.seed, "reference")
    for rank, picture in _counted("reference", reference, reporter):
        pixels = _pixels(picture) if rank in chosen else None
        if pixels is not None:
            probe.add_reference(picture, pixels, stream(settings.seed, rank, "reference"))
    return probe


def _notes(dataset: LabelledDataset, settings: AuditSettings) -> list[str]:
    notes = []
    if dataset.count > MOST_COMPARED:
        notes.append(f"twins were looked for among {MOST_COMPARED:,} pictures, drawn at random")
    if settings.seams and dataset.kind != "infgen":
        notes.append("decoys are known of infgen's own datasets only")
    if settings.seams and settings.reference is None:
        notes.append("object contours say little without --reference, a dataset of real pictures")
    return notes


def _unanswered(
    seams: Seams | None, dataset: LabelledDataset, settings: AuditSettings
) -> Iterator[str]:
    """Why a probe that sees has no verdict on some of what it was asked."""
    if seams is None or seams.blind:
        return
    asked = {"objects with edges in the sample": seams.contours}
    if dataset.kind == "infgen":
        asked["decoys in the sample"] = seams.decoys
        asked["decoys with edges in the sample"] = seams.decoy_edges
    if settings.reference and seams.contours:
        asked["objects with edges in --reference"] = seams.reference
    for what, verdict in asked.items():
        if verdict is None:
            yield f"too few pictures show {what}: it takes {FEWEST_PICTURES} of different scenes"
