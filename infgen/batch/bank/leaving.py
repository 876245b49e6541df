"""What is left in a bank's folder for people, and for run to paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from infgen import __version__
from infgen.batch.bank.easel import folders_of
from infgen.batch.encoding import encode_picture
from infgen.batch.ledger import Ledger
from infgen.batch.preview import FILE as SHEET
from infgen.batch.preview import cutout_tile, spread
from infgen.batch.reporter import Reporter
from infgen.batch.settings import BankSettings, flatten
from infgen.batch.stock import versions
from infgen.models.choice import Resolved
from infgen.records.cutout import GOOD
from infgen.records.manifest import ClassCount, Failure, Manifest
from infgen.records.specs import ClassSpec
from infgen.report.sheet import draw_sheet
from infgen.sources.disk import write_file
from infgen.sources.tables import with_cutouts

TABLE, TABLE_BEFORE = "classes.csv", "classes.before.csv"
TILES = 48  # cutouts on the contact sheet


def shortfalls(
    ledger: Ledger, specs: Sequence[ClassSpec], settings: BankSettings, reporter: Reporter
) -> Iterator[str]:
    """A sentence for each class that has too few cutouts after all tries."""
    for spec in specs:
        verdicts = ledger.verdicts(spec.name)
        good, tries = verdicts.get(GOOD, 0), sum(verdicts.values())
        if good < settings.per_class:
            note = (
                f"{spec.name}: {good} of {settings.per_class} cutouts after {tries} tries: look at "
                "them, and mend its prompt or raise --attempts"
            )
            reporter.warn(note)
            yield note


def take_stock(
    ledger: Ledger,
    specs: Sequence[ClassSpec],
    settings: BankSettings,
    model: Resolved,
    fingerprint: Mapping[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """The manifest of what is there: of cutouts instead of pictures, so without splits."""
    classes = []
    for spec in specs:
        reasons = dict(sorted(ledger.verdicts(spec.name).items()))
        good = reasons.pop(GOOD, 0)
        classes.append(ClassCount(spec.name, good, good, reasons))
    return Manifest(
        infgen=__version__,
        pictures=sum(one.objects for one in classes),
        splits={},
        classes=tuple(classes),
        failures=tuple(Failure(one.number, f"{one.name}: {one.verdict}")
                       for one in ledger.all() if one.failed),
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models=model.record,
        fingerprint=dict(fingerprint),
        sources={},
        versions=versions(),
    )  # fmt: skip


def write_table(
    ledger: Ledger,
    specs: Sequence[ClassSpec],
    source: Path,
    folder: Path,
    reporter: Reporter,
) -> None:
    """The user's own rows, with the folder of cutouts in each: what run --method paste takes. A
    table that says otherwise may have been edited since, and is kept beside it."""
    folders = folders_of(specs)
    cells = {spec.line: folders[spec.name] for spec in specs if ledger.good(spec.name)}
    path, data = folder / TABLE, with_cutouts(source, cells)
    before = path.read_bytes() if path.exists() else data
    if before != data:
        write_file(folder / TABLE_BEFORE, before)
        reporter.warn(
            f"{path} is written anew from {source}; what it held is in {TABLE_BEFORE} beside it"
        )
    write_file(path, data)


def write_sheet(
    ledger: Ledger, specs: Sequence[ClassSpec], manifest: Manifest, folder: Path
) -> None:
    """Cutouts of all classes on checkers, to look at."""
    each = max(TILES // len(specs), 1)
    good = [ledger.good(spec.name) for spec in specs]
    shown = [cutouts[rank] for cutouts in good for rank in spread(len(cutouts), each)][:TILES]
    sheet = draw_sheet(
        [cutout_tile(folder / one.file, f"{one.name} · {one.number}") for one in shown],
        (),
        f"Bank: {manifest.pictures:,} cutouts, {len(specs)} classes",
        f"Shown: {len(shown)}. What isn't good enough may be deleted: the same command then makes "
        "others.",
    )
    write_file(folder / SHEET, encode_picture(sheet, "png").data)
