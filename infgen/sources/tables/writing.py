"""Tables as infgen writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infgen.sources.csv_rows import Column, read_cells


def with_cutouts(path: Path, cells: Mapping[int, str]) -> bytes:
    """classes.csv as it is, but for the layout and the column `cutouts`, which holds what `cells`
    say by line. It is one that read_classes has taken."""
    (_, header), *rows = read_cells(path)
    names = [name.lower() for name in header]
    if "cutouts" not in names:
        names, header = [*names, "cutouts"], [*header, "cutouts"]
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    for line, row in rows:
        row = [*row, *[""] * (len(header) - len(row))][: len(header)]
        row[names.index("cutouts")] = cells.get(line, "")
        table.writerow(row)
    return text.getvalue().encode()


def write_table(columns: Sequence[Column], rows: Iterable[Mapping[str, str]]) -> bytes:
    """A table of these columns; cells that a row doesn't have are empty."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [one.name for one in columns], restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()
