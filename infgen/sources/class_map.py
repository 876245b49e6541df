"""The classes of several datasets in one list: by their names, or as a table says.

dataset,class,becomes
,Dog,dog                renamed wherever it is
bccd,Platelets,         left out of one dataset
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infgen.records.errors import InputError, Problem
from infgen.sources.csv_rows import Column, Row, problem_at, quoted, read_cells, read_rows
from infgen.sources.names import folded
from infgen.sources.tables import read_label

COLUMNS = (
    Column("dataset", str, ""),
    Column("class", str, required=True),
    Column("becomes", read_label, ""),
)


@dataclass(frozen=True)
class ClassMap:
    """`names` are the classes of the whole, by id; `ids[d][c]` is the id that class c of dataset d
    has in it, None where it is left out."""

    names: tuple[str, ...]
    ids: tuple[tuple[int | None, ...], ...]

    @property
    def doubtful(self) -> Iterator[tuple[str, str]]:
        """Pairs of names that differ by nothing but their case."""
        seen: dict[str, str] = {}
        for name in self.names:
            other = seen.setdefault(folded(name), name)
            if other != name:
                yield other, name


def map_classes(datasets: Sequence[tuple[str, Sequence[str]]], table: Path | None) -> ClassMap:
    """The classes of `datasets`, each its name and its classes, in one list: those of the first in
    their order, then whatever else the next ones have. Equal names are one class.

    Raises:
        InputError: with every row of the table that can't be followed, or nothing would be left.
    """
    rules = _read(table, datasets) if table else {}
    names: dict[str, int] = {}
    ids = []
    for dataset, classes in datasets:
        wanted = [rules.get((dataset, one), rules.get(("", one), one)) for one in classes]
        ids.append(tuple(names.setdefault(one, len(names)) if one else None for one in wanted))
    if table and not names:
        raise InputError(Problem("leaves no class at all: fill in some `becomes`", str(table)))
    return ClassMap(tuple(names), tuple(ids))


def _read(table: Path, datasets: Sequence[tuple[str, Sequence[str]]]) -> dict[tuple[str, str], str]:
    """What classes become, by dataset ("" for all) and class."""
    rows, problems, _ = read_rows(table, COLUMNS)
    if not problems and "becomes" not in [cell.lower() for cell in read_cells(table)[0][1]]:
        text = "the column is missing: add it; where it is empty, the class is left out"
        problems.append(problem_at(table, text, 1, "becomes"))
    known = dict(datasets)
    rules: dict[tuple[str, str], str] = {}
    for row in rows:
        if "class" in row.broken:
            continue
        fault = _judge(row, known)
        key = (row["dataset"], row["class"])
        if fault is None and key in rules:
            fault = ("class", f"{quoted(key[1])} has a row already: remove one")
        if fault is not None:
            problems.append(problem_at(table, fault[1], row.line, fault[0]))
        rules[key] = row["becomes"]
    if problems:
        raise InputError(sorted(problems, key=lambda problem: problem.line))
    return rules


def _judge(row: Row, known: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """The column of a row that speaks of something that isn't there, and what is wrong."""
    dataset, name = row["dataset"], row["class"]
    if dataset and dataset not in known:
        return "dataset", f"there is no {quoted(dataset)}: they are {', '.join(known)}"
    classes = known[dataset] if dataset else [one for some in known.values() for one in some]
    if name in classes:
        return None
    near = difflib.get_close_matches(name, classes, n=1)
    hint = f"did you mean {quoted(near[0])}?" if near else f"they are {', '.join(classes)}"
    return "class", f"there is no {quoted(name)}: {hint}"
