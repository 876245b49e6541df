"""CSV files into rows of text that know their line, forgiving about layout, strict about content."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infgen.records.errors import Problem


@dataclass(frozen=True)
class Column:
    """A column that a table may have. `parse` turns a cell's stripped text into a value, or raises
    ValueError with what is wrong and what to do. Empty cells take `default`; a column without one
    (`required`) must be there and filled."""

    name: str
    parse: Callable[[str], Any]
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class Row:
    """A row's parsed values by column name. `broken` names the columns that had no valid value."""

    line: int
    values: dict[str, Any]
    broken: frozenset[str]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def read_rows(
    path: Path, columns: Sequence[Column]
) -> tuple[list[Row], list[Problem], list[Problem]]:
    """Read a CSV file: (rows, problems, warnings).

    Takes what spreadsheets write: BOM, CRLF, blanks after commas, empty columns and lines at the
    end, semicolons or tabs for commas. Every cell is judged, however many are wrong.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return [], [_at(path, f"can't be read: {error.strerror or error}")], []
    except UnicodeDecodeError:
        return [], [_at(path, "isn't UTF-8 text: save it again as 'CSV UTF-8'")], []
    try:
        lines = _split(text)
    except csv.Error as error:
        return [], [_at(path, f"isn't a CSV file: {error}")], []
    if not lines:
        return [], [_at(path, f"is empty: the first line names the columns, {_names(columns)}")], []
    header_line, header = lines[0]
    names = [cell.lower() for cell in header]
    problems, warnings = _judge_header(path, header_line, names, columns)
    if problems:
        return [], problems, warnings
    if len(lines) == 1:
        return [], [_at(path, "has no rows under its column names: add one")], warnings
    rows = []
    for line, cells in lines[1:]:
        row, found = _parse_row(path, line, names, cells, columns)
        rows.append(row)
        problems += found
    return rows, problems, warnings


def _split(text: str) -> list[tuple[int, list[str]]]:
    """Non-blank records as (first line, stripped cells)."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = next((d for d in ",;\t" if d in first), ",")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    records, start = [], 1
    for cells in reader:
        cells = [cell.strip() for cell in cells]
        if any(cells):
            records.append((start, cells))
        start = reader.line_num + 1
    return records


def _judge_header(
    path: Path, line: int, names: list[str], columns: Sequence[Column]
) -> tuple[list[Problem], list[Problem]]:
    known = [column.name for column in columns]
    problems = [
        _at(
            path,
            f"the column '{column.name}' is missing: {_missing_hint(column.name, names, known)}",
            line,
        )
        for column in columns
        if column.required and column.name not in names
    ]
    problems += [
        _at(path, "the column is named twice: remove one", line, name)
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    ]
    warnings = [
        _at(path, f"unknown column, ignored{_did_you_mean(name, known)}", line, name)
        for name in names
        if name and name not in known
    ]
    return problems, warnings


def _parse_row(
    path: Path, line: int, names: list[str], cells: list[str], columns: Sequence[Column]
) -> tuple[Row, list[Problem]]:
    problems = []
    if any(cells[len(names) :]):
        problems.append(
            _at(
                path,
                f"the row has {len(cells)} cells under {len(names)} column names: put text that "
                "holds a comma in double quotes",
                line,
            )
        )
    texts = dict(zip(names, cells, strict=False))
    values, broken = {}, set()
    for column in columns:
        text = texts.get(column.name, "")
        values[column.name] = column.default
        try:
            if text:
                values[column.name] = column.parse(text)
            elif column.required and column.default is None:
                raise ValueError("is empty: fill it in")
        except ValueError as error:
            problems.append(_at(path, str(error), line, column.name))
            broken.add(column.name)
    return Row(line, values, frozenset(broken)), problems


def whole_number(text: str) -> int:
    """A count: 0, 1, 2 ... (also written `2.0`, as spreadsheets do)."""
    value = number(text)
    if value != int(value):
        raise ValueError(f"'{text}' is a fraction: a whole number belongs here")
    if value < 0:
        raise ValueError(f"'{text}' is negative: 0 or more belongs here")
    return int(value)


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        hint = ": write decimals with a point" if "," in text else ""
        raise ValueError(f"'{text}' isn't a number{hint or ': a number belongs here'}") from None
    if not math.isfinite(value):
        raise ValueError(f"'{text}' isn't a finite number: a number belongs here")
    return value


def yes_or_no(text: str) -> bool:
    """yes / no, true / false, 1 / 0."""
    answers = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f"'{text}': write yes or no")
    return answers[text.lower()]


def _missing_hint(name: str, names: list[str], known: list[str]) -> str:
    near = difflib.get_close_matches(name, [n for n in names if n not in known], n=1)
    return f"is it '{near[0]}'? Rename it" if near else "add it to the first line"


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean '{near[0]}'?" if near else f": the columns are {', '.join(known)}"


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _at(path: Path, text: str, line: int = 0, column: str = "") -> Problem:
    return Problem(text, str(path), line, column)
