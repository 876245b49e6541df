"""A table of pairs, a row for each object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import normpath
from pathlib import Path

from infgen.records.box import Box
from infgen.records.errors import Problem
from infgen.records.pairs import Wanted
from infgen.sources.csv_rows import Column, Row, number, problem_at, quoted, read_rows
from infgen.sources.pairs.drafts import CORNERS, UNKNOWN, Draft, Reading
from infgen.sources.tables import read_label

PAIR_COLUMNS = (
    Column("before", str, required=True),
    Column("after", str, required=True),
    Column("class", read_label, ""),
    *(Column(name, number) for name in CORNERS),
)


def read_table(path: Path, names: list[str]) -> Reading:
    """The pairs of a CSV file; `names` are the classes', where they are known."""
    rows, problems, warnings = read_rows(path, PAIR_COLUMNS)
    classes = list(names) or list(dict.fromkeys(row["class"] for row in rows if row["class"]))
    if any(not row["class"] for row in rows) and UNKNOWN not in classes and len(names) != 1:
        classes.append(UNKNOWN)
    drafts: dict[Path, Draft] = {}
    for row in rows:
        if not row.broken.isdisjoint(("before", "after")):
            continue
        before, after = (path.parent / row[side] for side in ("before", "after"))
        draft = drafts.setdefault(
            _place(after), Draft(path.parent, Problem("", str(path), row.line), before, after)
        )
        for column, text in _judge_row(row, draft, before, classes):
            problems.append(problem_at(path, text, row.line, column))
        box, faults = _box_of(row)
        problems += [problem_at(path, text, row.line, column) for column, text in faults]
        name = row["class"] or (UNKNOWN if UNKNOWN in classes else classes[0])
        if name in classes and not faults:
            draft.wanted.append(Wanted(classes.index(name), box))
            draft.lines.append(row.line)
    for draft in drafts.values():
        problems += _judge_mixture(draft)
    return list(drafts.values()), problems, warnings, classes


def _place(path: Path) -> Path:
    """The same for a picture however its path is spelt."""
    return Path(normpath(path.absolute()))


def _judge_row(
    row: Row, draft: Draft, before: Path, classes: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a row beside the others of its picture: (column, text)."""
    if _place(before) != _place(draft.before_path):
        text = (
            f"{quoted(row['before'])} isn't what line {draft.place.line} gives for the same "
            "picture: a picture has one before"
        )
        yield "before", text
    if row["class"] and row["class"] not in classes:
        text = f"{quoted(row['class'])} isn't in --classes, which names {', '.join(classes)}"
        yield "class", f"{text}: mend it, or add it there"


def _box_of(row: Row) -> tuple[Box | None, list[tuple[str, str]]]:
    """A row's box, and what is wrong with it: (column, text)."""
    if not row.broken.isdisjoint(CORNERS):
        return None, []
    edges = [row[name] for name in CORNERS]
    empty = [name for name, edge in zip(CORNERS, edges, strict=True) if edge is None]
    if len(empty) == len(CORNERS):
        return None, []
    if empty:
        text = f"is empty beside the others of {', '.join(CORNERS)}: fill in all four, or none"
        return None, [(empty[0], text)]
    faults = [
        (high, f"{row[high]:g} isn't above {low} ({row[low]:g}): swap or mend them")
        for low, high in (("x0", "x1"), ("y0", "y1"))
        if row[high] <= row[low]
    ]
    return (None, faults) if faults else (Box(*edges), [])


def _judge_mixture(draft: Draft) -> list[Problem]:
    """Rows of one picture must all have boxes, unless one class is all there is to know."""
    boxed = sum(one.box is not None for one in draft.wanted)
    if boxed == len(draft.wanted) or (
        not boxed and len({one.class_id for one in draft.wanted}) == 1
    ):
        return []
    line = next(
        line for one, line in zip(draft.wanted, draft.lines, strict=True) if one.box is None
    )
    text = (
        "is empty, and the picture has rows with another class, or with boxes: which object is "
        "which can't be told: give every row of this picture its box"
    )
    return [draft.problem(text, line, "x0")]
