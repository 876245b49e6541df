"""What a verb made and what it left out, per class, and where everything is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from shlex import quote

from rich.table import Table
from rich.text import Text

from infgen.batch.preview import FILE as SHEET
from infgen.batch.report import FOLDER as REPORT
from infgen.batch.report import INDEX
from infgen.batch.statistics import FILE as STATISTICS
from infgen.batch.statistics import Statistics
from infgen.records.manifest import Manifest, Uses
from infgen.report.settings import ReportSettings
from infgen.ui.terminal.streams import PlainConsole, table_of, written_out

SHOWN_FAILURES = 10


def print_summary(manifest: Manifest, folder: Path) -> None:
    """The end of a run: per class what was made and what was left out, and where everything is."""
    table = table_of("class", "images", "objects", "dropped")
    tried = any(one.rejected for one in manifest.classes)
    if tried:
        table.add_column("tries not used")
    pasted = any(one.cutouts.files for one in manifest.classes)
    if pasted:
        table.add_column("most used cutout")
    for column in table.columns[3:]:
        column.justify = "left"
    for one in manifest.classes:
        why = [_counted(one.dropped), *([_counted(one.rejected)] if tried else [])]
        objects = f"{one.objects} ({one.given} given)" if one.given else str(one.objects)
        used = [_most_used(one.cutouts)] if pasted else []
        table.add_row(Text(one.name), str(one.images), objects, *why, *used)
    splits = ", ".join(f"{count} {name}" for name, count in manifest.splits.items())
    with written_out():
        console = PlainConsole(sys.stdout)
        console.print(table)
        console.print(f"{manifest.pictures} pictures ({splits}) in {folder}", soft_wrap=True)
        if manifest.backgrounds.files:
            text = f"most used background: {_most_used(manifest.backgrounds)}"
            console.print(text, soft_wrap=True)
        if manifest.marked:
            text = f"{manifest.marked} of them are marked as bad, and kept out of the formats"
            console.print(text, soft_wrap=True)
        for line in (*_decoys(manifest), *_failures(manifest)):
            console.print(line, soft_wrap=True)
        console.print(f"a look at them: {folder / SHEET}", soft_wrap=True)


def print_report(settings: ReportSettings, folder: Path) -> None:
    """Where the report is that a run has just written, if it has: its last line."""
    path = folder / REPORT / INDEX
    if settings.report and path.exists():
        with written_out():
            print(f"all of it in a browser: {path}")


def print_statistics(counted: Statistics, folder: Path) -> None:
    """Files, sizes, and the pixels' mean and deviation, folder by folder."""
    table = table_of("folder", "files", "MB", "mean", "std")
    for name, one in counted.folders.items():
        table.add_row(
            Text(name),
            f"{one.files:,}",
            f"{one.bytes / 1e6:,.1f}",
            _values(one.mean),
            _values(one.std),
        )
    packs = counted.packs
    with written_out():
        console = PlainConsole(sys.stdout)
        console.print(table)
        if packs.files:
            console.print(f"all in {packs.files:,} archives of {packs.bytes / 1e6:,.1f} MB")
        console.print(f"in numbers: {folder / STATISTICS}", soft_wrap=True)


def _values(channels: Sequence[float]) -> str:
    return " ".join(f"{value:.4f}" for value in channels) or "-"


def _most_used(uses: Uses) -> Text:
    """A file, how often it is used, and of how many it is one."""
    name = PurePosixPath(uses.most_used).name
    return Text(f"{uses.most} x {name} (of {uses.files})" if uses.files else "-")


def _decoys(manifest: Manifest) -> Iterator[str]:
    """What wasn't kept of places without labels."""
    reasons: Counter[str] = Counter()
    for one in manifest.classes:
        reasons.update(one.dropped_decoys)
    if reasons:
        yield f"decoys left out: {_counted(reasons)}"


def _counted(reasons: Mapping[str, int]) -> Text:
    return Text(", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "-")


def print_bank(manifest: Manifest, folder: Path) -> None:
    """The end of a bank: per class the cutouts and why tries gave none, and how to use it."""
    table = table_of("class", "cutouts", "tries", "not good enough")
    table.columns[-1].justify = "left"
    for one in manifest.classes:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(one.dropped.items()))
        tries = one.objects + sum(one.dropped.values())
        table.add_row(Text(one.name), str(one.objects), str(tries), Text(reasons or "-"))
    _print_gained(table, manifest, folder, "...")


def print_cutouts(manifest: Manifest, folder: Path) -> None:
    """The end of `cutouts`: per class how many, how they were cut out, what was left out and why,
    and how to use them."""
    table = table_of("class", "cutouts", "cut out by", "left out")
    for column in table.columns[2:]:
        column.justify = "left"
    for one in manifest.classes:
        table.add_row(Text(one.name), str(one.objects), _counted(one.ways), _counted(one.dropped))
    own = folder / "background.csv"
    source = str(manifest.settings.get("source", "..."))
    labelled = f"{quote(str(own))} --background-labels {quote(source)}"
    scenes = labelled if own.exists() else "..."
    _print_gained(table, manifest, folder, scenes)


def _print_gained(table: Table, manifest: Manifest, folder: Path, scenes: str) -> None:
    """The cutouts of a bank, or of `cutouts`, and how to use them before these scenes."""
    with written_out():
        console = PlainConsole(sys.stdout)
        console.print(table)
        console.print(f"{manifest.pictures} cutouts in {folder}", soft_wrap=True)
        for line in _failures(manifest):
            console.print(line, soft_wrap=True)
        console.print(f"a look at them: {folder / SHEET}", soft_wrap=True)
        console.print(
            "pictures of them: infgen run --method paste "
            f"--classes {quote(str(folder / 'classes.csv'))} --backgrounds {scenes}",
            soft_wrap=True,
        )


def _failures(manifest: Manifest) -> Iterator[str]:
    if manifest.failures:
        yield f"{len(manifest.failures)} failed; run the same command to try them again:"
    for failure in manifest.failures[:SHOWN_FAILURES]:
        yield f"  {failure.index}: {failure.reason}"
    if len(manifest.failures) > SHOWN_FAILURES:
        yield "  ... all of them are in manifest.json"
