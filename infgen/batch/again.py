"""The commands that make a dataset once more, for its card."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import asdict, replace

from infgen.batch.owed import settings_in, settings_of
from infgen.batch.store import RECORD, Store, append_file
from infgen.formats.settings import ExportSettings
from infgen.records.manifest import Manifest

TO = "again"  # the folder
MOST_NUMBERS = 60  # and ranges, of marked pictures


def commands_of(store: Store, manifest: Manifest, marks: Mapping[int, str]) -> Iterator[str]:
    """What its runs were begun with, one after the other, then the formats that were exported
    later or otherwise, and the marks."""
    first = (store.folder / RECORD).read_text(encoding="utf-8").partition("\n")[0]
    yield f"{first.rpartition(': ')[2]} --out {TO}"
    files = [append_file(number) for number in range(1, len(manifest.parts))]
    yield from (f"python -m infgen run --config {file} --out {TO}" for file in files)
    last = [RECORD, *files][-1]
    recorded = tomllib.loads((store.folder / last).read_text(encoding="utf-8"))
    run = settings_in(recorded, last)
    for name in manifest.formats:
        how = settings_of(manifest, name)
        if name not in run.format or how != replace(run, format=how.format):
            options = _options(manifest, how)
            yield " ".join([f"python -m infgen export {TO} --format {name}", *options])
    yield from _markings(marks)


def _options(manifest: Manifest, how: ExportSettings) -> Iterator[str]:
    """What `export` has to be told to write a format as it was written."""
    untold = replace(ExportSettings(), first_label=settings_of(manifest).first_label)
    for field, value in asdict(how).items():
        if field != "format" and value not in (None, getattr(untold, field)):
            flag = field.replace("_", "-")
            yield f"--no-{flag}" if value is False else f"--{flag} {value}"


def _markings(marks: Mapping[int, str]) -> Iterator[str]:
    """What marks the same pictures, a command for each reason."""
    reasons: dict[str, list[int]] = {}
    for index, why in sorted(marks.items()):
        reasons.setdefault(" ".join(why.split()), []).append(index)
    numbers = {why: _ranges(indices) for why, indices in reasons.items()}
    if sum(map(len, numbers.values())) > MOST_NUMBERS:
        yield f"# and infgen mark {TO} with the {len(marks):,} pictures in marks.json"
        return
    for why, ranges in numbers.items():
        reason = f" --reason={shlex.quote(why)}" if why else ""  # one may begin with a dash
        yield f"python -m infgen mark {TO} {' '.join(ranges)}{reason}"


def _ranges(indices: Sequence[int]) -> list[str]:
    """Ascending numbers as the verb mark takes them: 3, 5-8."""
    found: list[list[int]] = []
    for index in indices:
        if found and found[-1][1] == index - 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return [f"{low}" if low == high else f"{low}-{high}" for low, high in found]
