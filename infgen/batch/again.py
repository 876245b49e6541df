"""The commands that make a dataset once more, for its card."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import asdict, replace

from infgen.batch.owed import settings_in, settings_of
from infgen.batch.store import RECORD, Store, append_file
from infgen.formats import EXPORTS
from infgen.formats.settings import ExportSettings
from infgen.records.manifest import Manifest

TO = "again"  # the folder
MOST_NUMBERS = 60  # and ranges, of marked pictures


def commands_of(store: Store, manifest: Manifest, marks: Mapping[int, str]) -> Iterator[str]:
    """What its runs were begun with, one after the other, then the formats that were exported
    later or otherwise, and the marks."""
    files = [RECORD, *(append_file(number) for number in range(1, len(manifest.parts)))]
    texts = {file: (store.folder / file).read_text(encoding="utf-8") for file in files}
    yield f"{texts[RECORD].splitlines()[0].rpartition(': ')[2]} --out {TO}"
    yield from (f"python -m infgen run --config {file} --out {TO}" for file in files[1:])
    first, last = (settings_in(tomllib.loads(texts[file]), file) for file in (RECORD, files[-1]))
    for name in manifest.formats:
        how = settings_of(manifest, name)
        if name not in last.format or how != replace(last, format=how.format):
            options = _options(name, how, first.first_label)
            yield " ".join([f"python -m infgen export {TO} --format {name}", *options])
    yield from _markings(marks)


def _options(name: str, how: ExportSettings, begun: int | None) -> Iterator[str]:
    """What `export` has to be told to write a format as it was written: labels begin where the
    first run's do (`begun`), unless it is told where."""
    default = EXPORTS[name].first_label
    if default is None or (how.first_label is None and begun is not None):
        how = replace(how, first_label=default)
    untold = replace(ExportSettings(), first_label=begun)
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
