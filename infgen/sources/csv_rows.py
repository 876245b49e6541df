"""CSV files into rows of values that know their line: forgiving about layout, not about content."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infgen.records.errors import Problem

MOST_WORD = 500  # characters of a path, say, that a message quotes whole


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

    Takes what spreadsheets write: BOM, CRLF, blanks around commas, empty columns and lines,
    semicolons or tabs for commas, Excel's `sep=;`. Every cell is judged, however many are wrong.
    """
    try:
        records = _split(_read_text(path))
    except NotATable as error:
        return [], [problem_at(path, str(error), error.line)], []
    if not records:
        text = f"is empty: the first line names the columns, {_names(columns)}"
        return [], [problem_at(path, text)], []
    header_line, header = records[0]
    names = [cell.lower() for cell in header]
    if not {column.name for column in columns}.intersection(names):
        text = (
            "names no column, and the first line has to, with commas, semicolons or tabs between "
            f"them: {_names(columns)}"
        )
        return [], [problem_at(path, text, header_line)], []
    problems, warnings = _judge_header(path, header_line, names, columns)
    if len(records) == 1:
        problems.append(problem_at(path, "has no rows under its column names: add one"))
    warnings += _stray_cells(path, names, records[1:])
    rows = []
    for line, cells in records[1:]:
        if any(cells[len(names) :]):  # all that follows a stray comma stands in the wrong column
            text = (
                f"the row has {len(cells)} cells under {len(names)} column names: put text that "
                "holds a comma in double quotes"
            )
            problems.append(problem_at(path, text, line))
            continue
        row, found = _parse_row(path, line, names, cells, columns)
        rows.append(row)
        problems += found
    return rows, problems, warnings


def read_cells(path: Path) -> list[tuple[int, list[str]]]:
    """The header and the rows of a file: (line, stripped cells) each. Raises NotATable for one that
    read_rows wouldn't take."""
    return _split(_read_text(path))


def problem_at(path: Path, text: str, line: int = 0, column: str = "") -> Problem:
    """A problem in a CSV file, in one line whatever the cells that it quotes hold."""
    words = (word if len(word) <= MOST_WORD else f"{word[:57]}..." for word in text.split())
    line_of_text = " ".join(words).encode(errors="replace").decode()
    return Problem(line_of_text, str(path), line, column)


# ---- text into cells -----------------------------------------------------------------------------


class NotATable(Exception):
    """The file can't be split into cells: what is wrong, and in which line (0: in all of them)."""

    def __init__(self, text: str, line: int = 0):
        super().__init__(text)
        self.line = line


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotATable("is not there: check the path") from None
    except IsADirectoryError:
        raise NotATable("is a folder: give the path of a CSV file") from None
    except (OSError, ValueError) as error:  # ValueError: a path that no disk can hold
        reason = getattr(error, "strerror", None) or error
        raise NotATable(f"can't be read ({reason}): check the path and its permissions") from None
    try:
        text = data.decode().lstrip("\ufeff")  # a BOM, and that of a program that didn't see it
        bad = data.find(b"\0")  # what UTF-16 looks like when it has no mark at its start
    except UnicodeDecodeError as error:
        bad = error.start
    if bad >= 0:
        line = len(re.findall(rb"\r\n?|\n", data[:bad])) + 1
        why = "" if data[bad] else " (it holds NUL characters)"
        raise NotATable(f"isn't UTF-8 text{why}: save the file again as 'CSV UTF-8'", line)
    return text


_SEPARATOR_LINE = re.compile(r"sep=([,;\t])[ ,;\t]*(?=[\r\n])", re.I)  # Excel's own first line


def _split(text: str) -> list[tuple[int, list[str]]]:
    """Non-blank records as (first line, stripped cells)."""
    told = _SEPARATOR_LINE.match(text)
    text = text[told.end() :] if told else text
    header = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    delimiter = told[1] if told else max(",;\t", key=header.count)
    # a quoted cell and the blanks after it, which the csv module doesn't take
    text = re.sub(rf'((?:\A|[\r\n{delimiter}]) *"(?:[^"]|"")*+") *', r"\1", text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    records, start = [], 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                records.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        text = (
            "the double quotes of this row don't pair up: a cell that opens with one ends with "
            "one, and one inside such a cell is written twice"
        )
        if "field limit" in str(error):
            text = (
                f"a cell of this row has more than {csv.field_size_limit():,} characters: shorten "
                "it, or end it with a double quote, if it opens with one"
            )
        raise NotATable(text, start) from None
    return records


# ---- cells into values ---------------------------------------------------------------------------


def _judge_header(
    path: Path, line: int, names: list[str], columns: Sequence[Column]
) -> tuple[list[Problem], list[Problem]]:
    known = [column.name for column in columns]
    unknown = [name for name in dict.fromkeys(names) if name and name not in known]
    problems = [
        problem_at(
            path, f"the column is missing: {_missing_hint(column.name, unknown)}", line, column.name
        )
        for column in columns
        if column.required and column.name not in names
    ]
    problems += [
        problem_at(path, "the column is named twice: remove one", line, name)
        for name, count in Counter(names).items()
        if name in known and count > 1
    ]
    warnings = [
        problem_at(path, f"unknown column, ignored: {_known_hint(name, known)}", line, name)
        for name in unknown
    ]
    return problems, warnings


def _stray_cells(
    path: Path, names: list[str], records: list[tuple[int, list[str]]]
) -> list[Problem]:
    """A warning about the first text that stands under an empty column name."""
    empty = [position for position, name in enumerate(names) if not name]
    for line, cells in records:
        for position in empty:
            if position < len(cells) and cells[position]:
                text = (
                    f"{quoted(cells[position])} stands under no column name and is ignored, as is "
                    "all of its column: name the column, or put text with commas in double quotes"
                )
                return [problem_at(path, text, line)]
    return []


def _parse_row(
    path: Path, line: int, names: list[str], cells: list[str], columns: Sequence[Column]
) -> tuple[Row, list[Problem]]:
    texts = dict(zip(names, cells, strict=False))
    problems, values, broken = [], {}, set()
    for column in columns:
        text = texts.get(column.name, "")
        values[column.name] = column.default
        try:
            if text:
                values[column.name] = column.parse(text)
            elif column.required and column.name not in names:
                broken.add(column.name)  # told once, at the header
            elif column.required and column.default is None:
                raise ValueError("is empty: fill it in")
        except ValueError as error:
            problems.append(problem_at(path, str(error), line, column.name))
            broken.add(column.name)
    return Row(line, values, frozenset(broken)), problems


def _missing_hint(name: str, unknown: list[str]) -> str:
    near = difflib.get_close_matches(name, unknown, n=1)
    return f"is it '{near[0]}'? Rename it" if near else "add it to the first line"


def _known_hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"the columns are {', '.join(known)}"


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)


# ---- what cells hold -----------------------------------------------------------------------------


def quoted(text: str) -> str:
    """A cell as messages show it."""
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}...'"


def whole_number(text: str, most: int = 10_000_000) -> int:
    """A count: 0, 1, 2 ... `most` (also written `2.0`, as spreadsheets do)."""
    value = number(text, "a whole number")
    if value != int(value):
        raise ValueError(f"{quoted(text)} is a fraction: a whole number belongs here")
    if value < 0:
        raise ValueError(f"{quoted(text)} is negative: 0 or more belongs here")
    if value > most:
        raise ValueError(f"{quoted(text)} is too many: {most} is the most")
    return int(value)


def number(text: str, wanted: str = "a number") -> float:
    """A finite number. `wanted` tells what the cell is for."""
    try:
        value = float(text if "_" not in text else "")  # Python would take 1_000
    except ValueError:
        hint = "write decimals with a point, thousands without a mark"
        hint = hint if "," in text else f"{wanted} belongs here"
        raise ValueError(f"{quoted(text)} isn't a number: {hint}") from None
    if not math.isfinite(value):
        raise ValueError(f"{quoted(text)} isn't a finite number: {wanted} belongs here")
    return value


def yes_or_no(text: str) -> bool:
    """yes / no, true / false, 1 / 0."""
    answers = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f"{quoted(text)} isn't an answer: write yes or no")
    return answers[text.lower()]
