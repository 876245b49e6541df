"""background.csv, row by row."""

from __future__ import annotations

from pathlib import Path

from infgen.records.errors import Problem
from infgen.records.specs import BackgroundSpec, Picture
from infgen.sources.csv_rows import Column, Row, problem_at, quoted, read_rows, whole_number
from infgen.sources.pictures import check_picture
from infgen.sources.tables.checker import PictureChecker
from infgen.sources.tables.faults import Fault, with_clues

PLAIN_KINDS = ("plain", "plain:colour", "plain:gradient", "plain:noise")
BACKGROUND_COLUMNS = (
    Column("prompt", str, "", required=True),
    Column("num_imgs", whole_number, required=True, default=-1),
    Column("images", str, ""),
    Column("negative_prompt", str, ""),
)


def specs_of_backgrounds(
    path: Path, checker: PictureChecker
) -> tuple[list[BackgroundSpec], list[Problem], list[Problem]]:
    """The scenes of background.csv: (specs, problems, warnings)."""
    rows, problems, warnings = read_rows(path, BACKGROUND_COLUMNS)
    specs = []
    for row in rows:
        spec, faults = _read_background(row, path.parent, checker)
        problems += [problem_at(path, text, row.line, column) for column, text in faults]
        specs.append(spec)
    if rows and not problems and all(row["num_imgs"] == 0 for row in rows):
        text = "every row has 0, so no picture would be made: raise one"
        problems.append(problem_at(path, text, rows[0].line, "num_imgs"))
    return specs, with_clues(problems, warnings), warnings


def _read_background(
    row: Row, folder: Path, checker: PictureChecker
) -> tuple[BackgroundSpec, list[Fault]]:
    cell, count, sound = row["images"], row["num_imgs"], row.broken.isdisjoint
    kind = "".join(cell.lower().split())
    plain = kind if kind in PLAIN_KINDS else ""
    pictures: tuple[Picture, ...] = ()
    faults = []
    if kind.startswith("plain:") and not plain:
        kinds = ", ".join(PLAIN_KINDS)
        faults.append(("images", f"there is no {quoted(cell)}: the plain kinds are {kinds}"))
    elif cell and not plain:
        pictures, texts = checker.check(cell, folder, check_picture)
        faults += [("images", text) for text in texts]
    elif not cell and not row["prompt"] and sound(("prompt", "images")):
        faults.append(("prompt", "is empty, and so is images: fill in one of them"))
    if count < 0 and (plain or not cell) and sound(("num_imgs", "images")):
        what = "plain backgrounds to draw" if plain else "scenes to make"
        faults.append(("num_imgs", f"is empty: say how many {what}"))
    spec = BackgroundSpec(
        line=row.line,
        prompt=row["prompt"],
        num_imgs=count if count >= 0 else len(pictures),
        negative_prompt=row["negative_prompt"],
        pictures=pictures,
        plain=plain,
    )
    return spec, faults
