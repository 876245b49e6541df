"""classes.csv, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from infgen.records.errors import Problem
from infgen.records.specs import ClassSpec, Picture
from infgen.sources.csv_rows import Row, problem_at, quoted, read_rows
from infgen.sources.names import folded
from infgen.sources.pictures import check_cutout
from infgen.sources.tables.checker import PictureChecker
from infgen.sources.tables.columns import CLASS_COLUMNS
from infgen.sources.tables.faults import Fault, with_clues
from infgen.sources.tables.labels import name_classes
from infgen.sources.tables.sizes import judge_order, judge_room, read_size


def specs_of_classes(
    path: Path,
    canvas: tuple[int, int],
    checker: PictureChecker,
    known: Mapping[str, str] | None = None,
) -> tuple[list[ClassSpec], list[Problem], list[Problem]]:
    """The objects of classes.csv, as far as they are sound: (specs, problems, warnings)."""
    rows, problems, warnings = read_rows(path, CLASS_COLUMNS)
    names, name_problems, name_warnings = name_classes(path, rows, known or {})
    problems += name_problems
    by_name = {folded(name): name for name in (*names, *(known or {}))}
    specs = []
    for row, name in zip(rows, names, strict=True):
        spec, faults = _read_class(row, name, path.parent, canvas, checker)
        problems += [problem_at(path, text, row.line, column) for column, text in faults]
        if spec:
            named, faults = _know_members(spec, by_name)
            problems += [problem_at(path, text, row.line, column) for column, text in faults]
            specs.append(named)
    return specs, with_clues(problems, warnings), warnings + name_warnings


def _know_members(spec: ClassSpec, by_name: Mapping[str, str]) -> tuple[ClassSpec, list[Fault]]:
    """The class with those in its groups as they are called in the table, which has `by_name` its
    names by what is compared of them, and who isn't in it."""
    unknown = Counter(
        (name, one.name)
        for one in spec.cutouts
        for name in one.members
        if folded(name) not in by_name
    )
    faults = [
        ("cutouts", f"{file}: what is beside it names the class {quoted(name)}, which no row here "
         "has: add a row for it (its max_appear may be 0), or mend the file")
        for name, file in unknown
    ]  # fmt: skip
    if faults or not any(one.members for one in spec.cutouts):
        return spec, faults
    cutouts = tuple(
        replace(one, members=tuple(by_name[folded(name)] for name in one.members))
        for one in spec.cutouts
    )
    return replace(spec, cutouts=cutouts), []


def _read_class(
    row: Row, name: str, folder: Path, canvas: tuple[int, int], checker: PictureChecker
) -> tuple[ClassSpec | None, list[Fault]]:
    size, faults = read_size(row, canvas)
    if size:
        faults += judge_room(row, size, canvas)
    faults += judge_order(row, ("min_appear", "max_appear"), ("x_min", "x_max"), ("y_min", "y_max"))
    cutouts: tuple[Picture, ...] = ()
    if row["cutouts"]:
        cutouts, texts = checker.check(row["cutouts"], folder, check_cutout)
        faults += [("cutouts", text) for text in texts]
    if size is None or faults or row.broken:
        return None, faults
    spec = ClassSpec(
        line=row.line,
        name=name,
        prompt=row["prompt"],
        appear_range=(row["min_appear"], row["max_appear"]),
        size=size,
        negative_prompt=row["negative_prompt"],
        cutouts=cutouts,
        mirror=row["mirror"],
        x_range=(row["x_min"], row["x_max"]),
        y_range=(row["y_min"], row["y_max"]),
        weight=row["weight"],
    )
    return spec, []
