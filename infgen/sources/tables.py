"""background.csv and classes.csv into a Request, or into every mistake that they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

from infgen.ops.boxes import size_ranges, smallest_size
from infgen.records.errors import InputError, Problem
from infgen.records.specs import (
    AspectSize,
    BackgroundSpec,
    ClassSpec,
    Length,
    Picture,
    RangeSize,
    Request,
)
from infgen.sources.csv_rows import Column, Row, number, read_rows, whole_number, yes_or_no
from infgen.sources.names import names_from_prompts
from infgen.sources.pictures import check_cutout, check_picture, find_pictures, short_name

PLAIN_KINDS = ("plain", "plain:colour", "plain:gradient", "plain:noise")


def read_request(
    backgrounds: Path, classes: Path, canvas: tuple[int, int]
) -> tuple[Request, list[Problem]]:
    """Read and check both tables and every picture they name: (request, warnings).

    `canvas` is the final pictures' (width, height), against which sizes are checked.

    Raises:
        InputError: with every problem of both files at once, in file order.
    """
    with ThreadPoolExecutor() as pool:  # decoding is most of the work, and leaves the lock
        checker = _PictureChecker(pool)
        scenes, scene_problems, scene_warnings = _read_backgrounds(backgrounds, checker)
        objects, class_problems, class_warnings = _read_classes(classes, canvas, checker)
    problems = scene_problems + class_problems
    if problems:
        raise InputError(problems)
    return Request(tuple(scenes), tuple(objects)), scene_warnings + class_warnings


class _PictureChecker:
    """Checks the files that cells name, each once, several at a time."""

    def __init__(self, pool: ThreadPoolExecutor):
        self._pool = pool
        self._known: dict[tuple[Path, Callable], Picture | ValueError] = {}

    def check(
        self, cell: str, folder: Path, judge: Callable[[Path, str], Picture]
    ) -> tuple[tuple[Picture, ...], list[str]]:
        """The pictures a cell names, and what is wrong with it or with any of them."""
        try:
            paths = find_pictures(cell, folder)
        except (ValueError, OSError) as error:
            return (), [str(error)]
        fresh = [path for path in paths if (path, judge) not in self._known]
        results = self._pool.map(lambda p: _try(judge, p, short_name(p, folder)), fresh)
        self._known.update({(p, judge): r for p, r in zip(fresh, results, strict=True)})
        found = [self._known[path, judge] for path in paths]
        faults = [
            f"{short_name(path, folder)}: {result}"
            for path, result in zip(paths, found, strict=True)
            if isinstance(result, ValueError)
        ]
        return tuple(p for p in found if isinstance(p, Picture)), faults


def _try(judge: Callable[[Path, str], Picture], path: Path, name: str) -> Picture | ValueError:
    try:
        return judge(path, name)
    except ValueError as error:
        return error


# ---- background.csv ------------------------------------------------------------------------------

BACKGROUND_COLUMNS = (
    Column("prompt", str, "", required=True),
    Column("num_imgs", whole_number, required=True, default=-1),
    Column("images", str, ""),
    Column("negative_prompt", str, ""),
)


def _read_backgrounds(
    path: Path, checker: _PictureChecker
) -> tuple[list[BackgroundSpec], list[Problem], list[Problem]]:
    rows, problems, warnings = read_rows(path, BACKGROUND_COLUMNS)
    specs = []
    for row in rows:
        cell, count = row["images"], row["num_imgs"]
        plain = cell.lower() if cell.lower() in PLAIN_KINDS else ""
        pictures: tuple[Picture, ...] = ()
        faults = []
        if cell and not plain:
            pictures, texts = checker.check(cell, path.parent, check_picture)
            faults += [("images", text) for text in texts]
        elif not cell and not row["prompt"]:
            faults.append(("prompt", "is empty, and so is images: fill in one of them"))
        if count < 0 and not cell and "num_imgs" not in row.broken:
            faults.append(("num_imgs", "is empty: say how many scenes to make"))
        elif count < 0 and plain:
            faults.append(("num_imgs", "is empty: say how many plain backgrounds to draw"))
        problems += [Problem(text, str(path), row.line, column) for column, text in faults]
        specs.append(
            BackgroundSpec(
                line=row.line,
                prompt=row["prompt"],
                num_imgs=count if count >= 0 else len(pictures),
                negative_prompt=row["negative_prompt"],
                pictures=pictures,
                plain=plain,
            )
        )
    if rows and not problems and not any(spec.num_imgs for spec in specs):
        problems.append(Problem("every num_imgs is 0: no picture would be made", str(path)))
    return specs, sorted(problems, key=lambda p: p.line), warnings


# ---- classes.csv ---------------------------------------------------------------------------------


def _length(text: str) -> Length:
    percent = text.endswith("%")
    value = number(text.removesuffix("%").strip())
    if value <= 0:
        raise ValueError(f"'{text}' isn't above 0: a size in pixels or percent (25%) belongs here")
    return Length(value, percent)


def _ratio(text: str) -> float:
    value = number(text)
    if value <= 0:
        raise ValueError(f"'{text}' isn't above 0: width divided by height belongs here")
    return value


def _fraction(text: str) -> float:
    value = number(text)
    if not 0 <= value <= 1:
        raise ValueError(f"'{text}' isn't between 0 and 1: a fraction of the canvas belongs here")
    return value


RATIO_COLUMNS = ("aspect_ratio_min", "aspect_ratio_max")
LENGTH_COLUMNS = ("width_min", "height_min", "width_max", "height_max")

CLASS_COLUMNS = (
    Column("prompt", str, "", required=True),
    Column("min_appear", whole_number, required=True),
    Column("max_appear", whole_number, required=True),
    *(Column(name, _ratio) for name in RATIO_COLUMNS),
    *(Column(name, _length) for name in LENGTH_COLUMNS),
    Column("name", str, ""),
    Column("cutouts", str, ""),
    Column("negative_prompt", str, ""),
    Column("mirror", yes_or_no, True),
    Column("x_min", _fraction, 0.0),
    Column("x_max", _fraction, 1.0),
    Column("y_min", _fraction, 0.0),
    Column("y_max", _fraction, 1.0),
)


def _read_classes(
    path: Path, canvas: tuple[int, int], checker: _PictureChecker
) -> tuple[list[ClassSpec], list[Problem], list[Problem]]:
    rows, problems, warnings = read_rows(path, CLASS_COLUMNS)
    names, name_problems, name_warnings = _name_classes(path, rows)
    problems, warnings = problems + name_problems, warnings + name_warnings
    specs = []
    for row, name in zip(rows, names, strict=True):
        cutouts: tuple[Picture, ...] = ()
        faults = _judge_order(row) + _judge_size(row, canvas)
        if row["cutouts"]:
            cutouts, texts = checker.check(row["cutouts"], path.parent, check_cutout)
            faults += [("cutouts", text) for text in texts]
        problems += [Problem(text, str(path), row.line, column) for column, text in faults]
        if faults or row.broken:
            continue
        spec = ClassSpec(
            line=row.line,
            name=name,
            prompt=row["prompt"],
            appear_range=(row["min_appear"], row["max_appear"]),
            size=_size(row),
            negative_prompt=row["negative_prompt"],
            cutouts=cutouts,
            mirror=row["mirror"],
            x_range=(row["x_min"], row["x_max"]),
            y_range=(row["y_min"], row["y_max"]),
        )
        problems += [
            Problem(text, str(path), row.line, column)
            for column, text in _judge_place(spec, canvas)
        ]
        specs.append(spec)
    return specs, sorted(problems, key=lambda p: p.line), warnings


def _name_classes(
    path: Path, rows: Sequence[Row]
) -> tuple[list[str], list[Problem], list[Problem]]:
    """The label of every row: its `name`, or one made from its prompt."""
    problems, warnings = [], []
    seen: dict[str, int] = {}
    for row in rows:
        name = row["name"].casefold()
        if name in seen:
            text = f"'{row['name']}' is also the class of line {seen[name]}: give each its own name"
            problems.append(Problem(text, str(path), row.line, "name"))
        elif name:
            seen[name] = row.line
        if not row["name"] and not row["prompt"]:
            text = "is empty, and so is name: fill in one of them"
            problems.append(Problem(text, str(path), row.line, "prompt"))
    unnamed = [row for row in rows if not row["name"]]
    made = names_from_prompts(
        [row["prompt"] for row in unnamed], taken=[row["name"] for row in rows if row["name"]]
    )
    prompts: dict[str, int] = {}
    for row, name in zip(unnamed, made, strict=True):
        if row["prompt"] and row["prompt"] in prompts:
            text = (
                f"the same prompt as in line {prompts[row['prompt']]}: it becomes a class of its "
                f"own, '{name}'; give names to choose others"
            )
            warnings.append(Problem(text, str(path), row.line, "prompt"))
        prompts.setdefault(row["prompt"], row.line)
    by_line = dict(zip((row.line for row in unnamed), made, strict=True))
    return [row["name"] or by_line[row.line] for row in rows], problems, warnings


def _judge_order(row: Row) -> list[tuple[str, str]]:
    """Every `_min` column that lies above its `_max`."""
    pairs = [("min_appear", "max_appear"), RATIO_COLUMNS, ("x_min", "x_max"), ("y_min", "y_max")]
    return [
        (low, f"{row[low]:g} is larger than {high} ({row[high]:g}): swap or mend them")
        for low, high in pairs
        if row[low] is not None and row[high] is not None and row[low] > row[high]
    ]


def _judge_size(row: Row, canvas: tuple[int, int]) -> list[tuple[str, str]]:
    """What is wrong with a row's size columns; empty when they make one size."""
    ratios = [name for name in RATIO_COLUMNS if row[name] is not None or name in row.broken]
    lengths = [name for name in LENGTH_COLUMNS if row[name] is not None or name in row.broken]
    if ratios and lengths:
        text = (
            f"both {', '.join(ratios)} and {', '.join(lengths)} are filled: keep the aspect ratio "
            "or the widths and heights, and empty the others"
        )
        return [(ratios[0], text)]
    if not ratios and not lengths:
        text = "the row has no size: fill in both aspect ratios, or all four widths and heights"
        return [(RATIO_COLUMNS[0], text)]
    wanted = RATIO_COLUMNS if ratios else LENGTH_COLUMNS
    missing = [name for name in wanted if name not in (ratios or lengths)]
    if missing:
        given = ", ".join(ratios or lengths)
        return [(missing[0], f"{' and '.join(missing)} empty beside {given}: fill in all of them")]
    if lengths:
        return _judge_lengths(row, canvas)
    return []


def _judge_lengths(row: Row, canvas: tuple[int, int]) -> list[tuple[str, str]]:
    faults = []
    for axis, side in (("width", canvas[0]), ("height", canvas[1])):
        names = (f"{axis}_min", f"{axis}_max")
        lengths = {name: row[name] for name in names if row[name] is not None}
        for name, length in lengths.items():
            if length.pixels(side) > side:
                text = (
                    f"{name} ({length}) is larger than the image {axis} ({side}): lower it or "
                    f"raise --{axis}"
                )
                faults.append((name, text))
        for low, high in pairwise(lengths.values()):
            if low.pixels(side) > high.pixels(side):
                faults.append(
                    (names[0], f"{low} is larger than {names[1]} ({high}): swap or mend them")
                )
    return faults


def _size(row: Row) -> AspectSize | RangeSize:
    if row["aspect_ratio_min"] is not None:
        return AspectSize((row["aspect_ratio_min"], row["aspect_ratio_max"]))
    return RangeSize((row["width_min"], row["width_max"]), (row["height_min"], row["height_max"]))


def _judge_place(spec: ClassSpec, canvas: tuple[int, int]) -> list[tuple[str, str]]:
    """Sizes below a pixel, and placement ranges in which not even the smallest box fits."""
    faults = []
    ranges = size_ranges(spec.size, canvas)
    size_column = RATIO_COLUMNS[0] if isinstance(spec.size, AspectSize) else "width_min"
    if min(low for low, _ in ranges) < 1:
        text = (
            f"boxes could be less than a pixel on a canvas of {canvas[0]} x {canvas[1]}: raise it"
        )
        faults.append((size_column, text))
    axes = (("x", spec.x_range), ("y", spec.y_range))
    for (axis, (low, high)), least, side in zip(
        axes, smallest_size(spec.size, canvas), canvas, strict=True
    ):
        margin = least / 2 / side
        if high < margin or low > 1 - margin:
            text = (
                f"centres from {low:g} to {high:g} leave no room for even the smallest box "
                f"({least:.0f} of {side} pixels): widen {axis}_min and {axis}_max"
            )
            faults.append((f"{axis}_min", text))
    return faults
