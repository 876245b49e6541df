"""background.csv and classes.csv into a Request, or into every mistake that they hold."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from infgen.ops.boxes import smallest_size
from infgen.records.errors import InputError, Problem
from infgen.records.specs import (
    AspectSize,
    BackgroundSpec,
    ClassSpec,
    Length,
    LevelSize,
    Picture,
    RangeSize,
    Request,
)
from infgen.sources.csv_rows import (
    Column,
    Row,
    number,
    problem_at,
    quoted,
    read_cells,
    read_rows,
    whole_number,
    yes_or_no,
)
from infgen.sources.names import folded, names_from_prompts
from infgen.sources.pictures import (
    check_cutout,
    check_picture,
    find_pictures,
    quiet_pillow,
    short_name,
)

Size = AspectSize | RangeSize | LevelSize
Fault = tuple[str, str]  # a column, and what is wrong with a row's cell in it
Judge = Callable[[Path, str], Picture]
Answer = tuple[tuple[Picture, ...], tuple[str, ...]]  # pictures, and what is wrong with others

MOST_OBJECTS = 65_535  # of a class in a picture: what a 16-bit instance mask can number
MOST_WEIGHT = 1000
PLAIN_KINDS = ("plain", "plain:colour", "plain:gradient", "plain:noise")


def read_request(
    backgrounds: Path,
    classes: Path,
    canvas: tuple[int, int],
    known: Mapping[str, str] | None = None,
) -> tuple[Request, list[Problem]]:
    """Read and check both tables and every picture they name: (request, warnings).

    `canvas` is the final pictures' (width, height), against which sizes are checked. `known` are
    the classes, with their prompts, of a dataset that is added to: rows without a name that have
    such a prompt are these classes.

    Raises:
        InputError: with every problem of both files at once, in file order.
    """
    with quiet_pillow(), ThreadPoolExecutor() as pool:  # decoding is most of the work
        checker = _PictureChecker(pool)
        scenes, scene_problems, scene_warnings = _read_backgrounds(backgrounds, checker)
        objects, class_problems, class_warnings = _read_classes(classes, canvas, checker, known)
    problems = scene_problems + class_problems
    if problems:
        raise InputError(problems)
    return Request(tuple(scenes), tuple(objects)), scene_warnings + class_warnings


def read_classes(path: Path, canvas: tuple[int, int]) -> tuple[list[ClassSpec], list[Problem]]:
    """Read and check classes.csv alone: (classes, warnings); `canvas` as in read_request.

    Raises:
        InputError: with every problem at once, in file order.
    """
    with quiet_pillow(), ThreadPoolExecutor() as pool:
        specs, problems, warnings = _read_classes(path, canvas, _PictureChecker(pool))
    if problems:
        raise InputError(problems)
    return specs, warnings


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


def _with_clues(problems: list[Problem], warnings: list[Problem]) -> list[Problem]:
    """A file's problems by line, and among them what was odd about its layout: a column whose name
    was mistyped looks like one that is empty."""
    return sorted(problems + warnings, key=lambda problem: problem.line) if problems else []


class _PictureChecker:
    """Checks the files that cells name, each once, several at a time."""

    def __init__(self, pool: ThreadPoolExecutor):
        self._pool = pool
        self._answers: dict[tuple[str, Path, Judge], Answer] = {}
        self._known: dict[tuple[Path, Judge], Picture | ValueError] = {}

    def check(self, cell: str, folder: Path, judge: Judge) -> Answer:
        """The pictures a cell names, and what is wrong with it or with any of them."""
        key = (cell, folder, judge)
        if key not in self._answers:
            self._answers[key] = self._check(*key)
        return self._answers[key]

    def _check(self, cell: str, folder: Path, judge: Judge) -> Answer:
        try:
            paths = find_pictures(cell, folder)
        except ValueError as error:
            return (), (str(error),)
        fresh = [path for path in paths if (path, judge) not in self._known]
        results = self._pool.map(lambda p: _try(judge, p, short_name(p, folder)), fresh)
        self._known.update({(p, judge): r for p, r in zip(fresh, results, strict=True)})
        found = [self._known[path, judge] for path in paths]
        faults = (
            f"{short_name(path, folder)}: {result}"
            for path, result in zip(paths, found, strict=True)
            if isinstance(result, ValueError)
        )
        return tuple(p for p in found if isinstance(p, Picture)), tuple(faults)


def _try(judge: Judge, path: Path, name: str) -> Picture | ValueError:
    try:
        name.encode()
        return judge(path, name)
    except UnicodeEncodeError:
        return ValueError("the file's name isn't UTF-8, so no record can hold it: rename the file")
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
        spec, faults = _read_background(row, path.parent, checker)
        problems += [problem_at(path, text, row.line, column) for column, text in faults]
        specs.append(spec)
    if rows and not problems and all(row["num_imgs"] == 0 for row in rows):
        text = "every row has 0, so no picture would be made: raise one"
        problems.append(problem_at(path, text, rows[0].line, "num_imgs"))
    return specs, _with_clues(problems, warnings), warnings


def _read_background(
    row: Row, folder: Path, checker: _PictureChecker
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


# ---- classes.csv ---------------------------------------------------------------------------------


def _appearances(text: str) -> int:
    return whole_number(text, MOST_OBJECTS)


def _lengths(text: str) -> tuple[Length, ...]:
    """A size, or one for each level: `100|190|360`."""
    parts = [part.strip() for part in text.split("|")]
    if not all(parts):
        raise ValueError(f"{quoted(text)} leaves a level empty: give a size on each side of '|'")
    return tuple(map(_length, parts))


def _length(text: str) -> Length:
    wanted = "a size in pixels or percent (25%)"
    percent = text.endswith("%")
    value = number(text.removesuffix("%").strip(), wanted)
    if value <= 0:
        raise ValueError(f"{quoted(text)} isn't above 0: {wanted} belongs here")
    return Length(value, percent)


def _ratio(text: str) -> float:
    wanted = "width divided by height"
    value = number(text, wanted)
    if value <= 0:
        raise ValueError(f"{quoted(text)} isn't above 0: {wanted} belongs here")
    return value


def _fraction(text: str) -> float:
    wanted = "a fraction of the canvas (0.25 for 25%)"
    value = number(text, wanted)
    if not 0 <= value <= 1:
        raise ValueError(f"{quoted(text)} isn't between 0 and 1: {wanted} belongs here")
    return value


def _weight(text: str) -> float:
    wanted = "how many times as often the class appears"
    value = number(text, wanted)
    if not 0 <= value <= MOST_WEIGHT:
        raise ValueError(
            f"{quoted(text)} isn't between 0 and {MOST_WEIGHT}: {wanted} belongs here (0: never)"
        )
    return value


def read_label(text: str) -> str:
    """A class name from a cell, in one line. Raises ValueError for what can't be seen."""
    name = " ".join(text.split())
    if any(unicodedata.category(letter) == "Cc" for letter in name) or not folded(name):
        raise ValueError(f"{text!a} holds characters that can't be seen: type the name again")
    return name


RATIO_COLUMNS = ("aspect_ratio_min", "aspect_ratio_max")
LENGTH_COLUMNS = ("width_min", "height_min", "width_max", "height_max")

CLASS_COLUMNS = (
    Column("prompt", str, "", required=True),
    Column("min_appear", _appearances, required=True),
    Column("max_appear", _appearances, required=True),
    *(Column(name, _ratio) for name in RATIO_COLUMNS),
    *(Column(name, _lengths) for name in LENGTH_COLUMNS),
    Column("name", read_label, ""),
    Column("cutouts", str, ""),
    Column("negative_prompt", str, ""),
    Column("mirror", yes_or_no, True),
    Column("x_min", _fraction, 0.0),
    Column("x_max", _fraction, 1.0),
    Column("y_min", _fraction, 0.0),
    Column("y_max", _fraction, 1.0),
    Column("weight", _weight, 1.0),
)


def _read_classes(
    path: Path,
    canvas: tuple[int, int],
    checker: _PictureChecker,
    known: Mapping[str, str] | None = None,
) -> tuple[list[ClassSpec], list[Problem], list[Problem]]:
    rows, problems, warnings = read_rows(path, CLASS_COLUMNS)
    names, name_problems, name_warnings = _name_classes(path, rows, known or {})
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
    return specs, _with_clues(problems, warnings), warnings + name_warnings


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
    row: Row, name: str, folder: Path, canvas: tuple[int, int], checker: _PictureChecker
) -> tuple[ClassSpec | None, list[Fault]]:
    size, faults = _read_size(row, canvas)
    if size:
        faults += _judge_room(row, size, canvas)
    faults += _judge_order(
        row, ("min_appear", "max_appear"), ("x_min", "x_max"), ("y_min", "y_max")
    )
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


def _judge_order(row: Row, *pairs: tuple[str, str]) -> list[Fault]:
    """Every `_min` column that lies above its `_max`."""
    return [
        (low, f"{row[low]:.15g} is larger than {high} ({row[high]:.15g}): swap or mend them")
        for low, high in pairs
        if row[low] is not None and row[high] is not None and row[low] > row[high]
    ]


# ---- the names of the classes --------------------------------------------------------------------


def _name_classes(
    path: Path, rows: Sequence[Row], known: Mapping[str, str]
) -> tuple[list[str], list[Problem], list[Problem]]:
    """The label of every row: its `name`, that of a `known` class with its prompt, or one made from
    its prompt."""
    problems = []
    seen: dict[str, int] = {}
    alike = {folded(name): name for name in known}
    for row in rows:
        name = folded(row["name"])
        if name in seen:
            text = f"'{row['name']}' is also the class of line {seen[name]}: give each its own name"
            problems.append(problem_at(path, text, row.line, "name"))
        elif name:
            seen[name] = row.line
        if row["name"] and alike.get(name, row["name"]) != row["name"]:
            text = f"'{row['name']}' is '{alike[name]}' in the dataset: write it as it is there"
            problems.append(problem_at(path, text, row.line, "name"))
        if not row["name"] and not row["prompt"] and row.broken.isdisjoint(("name", "prompt")):
            text = "is empty, and so is name: fill in one of them"
            problems.append(problem_at(path, text, row.line, "prompt"))
    unnamed = [row for row in rows if not row["name"]]
    made = _made_names(
        [row["prompt"] for row in unnamed], [row["name"] for row in rows if row["name"]], known
    )
    by_line = {row.line: name for row, name in zip(unnamed, made, strict=True)}
    names = [row["name"] or by_line[row.line] for row in rows]
    return names, problems, _repeated_prompts(path, unnamed, made)


def _made_names(
    prompts: Sequence[str], given: Sequence[str], known: Mapping[str, str]
) -> list[str]:
    """Names for prompts: of the `known` classes that have them, as far as these aren't `given`, or
    new ones, unlike all others and told apart from all prompts."""
    kept: dict[str, list[str]] = {}
    for name, prompt in known.items():
        if name not in given:
            kept.setdefault(prompt, []).append(name)
    others = [prompt for prompt in known.values() if prompt and prompt not in prompts]
    made = names_from_prompts([*prompts, *others], taken=[*given, *known])
    return [
        kept[prompt].pop(0) if kept.get(prompt) else name
        for prompt, name in zip(prompts, made, strict=False)
    ]


def _repeated_prompts(path: Path, rows: Sequence[Row], names: Sequence[str]) -> list[Problem]:
    """A warning for every row that repeats a prompt without a name to tell them apart."""
    warnings = []
    seen: dict[str, int] = {}
    for row, name in zip(rows, names, strict=True):
        first = seen.setdefault(row["prompt"], row.line)
        if first != row.line:
            text = (
                f"the same prompt as in line {first}: it becomes a class of its own, '{name}'; "
                "give names to choose others"
            )
            warnings.append(problem_at(path, text, row.line, "prompt"))
    return warnings


def read_class_names(path: Path) -> tuple[list[str], list[Problem]]:
    """The classes' names, by class id, and what is wrong with them; all else in the table is passed
    over."""
    columns = [column for column in CLASS_COLUMNS if column.name in ("prompt", "name")]
    rows, problems, _ = read_rows(path, columns)
    names, name_problems, _ = _name_classes(path, rows, {})
    return names, problems + name_problems


# ---- sizes and places ----------------------------------------------------------------------------


def _read_size(row: Row, canvas: tuple[int, int]) -> tuple[Size | None, list[Fault]]:
    """The size that a row's columns make together, or what is wrong with them."""
    ratios = [name for name in RATIO_COLUMNS if row[name] is not None or name in row.broken]
    lengths = [name for name in LENGTH_COLUMNS if row[name] is not None or name in row.broken]
    faults = _judge_style(ratios, lengths)
    faults += _judge_order(row, RATIO_COLUMNS)
    faults += _judge_levels(row) or _judge_lengths(row, canvas)
    if faults or row.broken.intersection(ratios + lengths) or not ratios + lengths:
        return None, faults
    if ratios:
        return AspectSize((row["aspect_ratio_min"], row["aspect_ratio_max"])), []
    levels = tuple(
        RangeSize((level["width_min"], level["width_max"]),
                  (level["height_min"], level["height_max"]))
        for level in _levels(row)
    )  # fmt: skip
    return levels[0] if len(levels) == 1 else LevelSize(levels), []


def _levels(row: Row) -> list[dict[str, Any]]:
    """The lengths of each level by column, None where a cell holds none. A single length counts for
    every level."""
    cells = {name: row[name] or (None,) for name in LENGTH_COLUMNS}
    count = max(map(len, cells.values()))
    return [
        {name: cell[level if len(cell) > 1 else 0] for name, cell in cells.items()}
        for level in range(count)
    ]


def _judge_levels(row: Row) -> list[Fault]:
    """Whether the lists of levels, where there are any, are of one length."""
    counts = {name: len(row[name]) for name in LENGTH_COLUMNS if row[name] and len(row[name]) > 1}
    first = next(iter(counts), "")
    return [
        (name, f"has {count} levels, and {first} has {counts[first]}: give as many in every list")
        for name, count in counts.items()
        if count != counts[first]
    ]


def _judge_style(ratios: list[str], lengths: list[str]) -> list[Fault]:
    """Whether the filled columns are all of one style: by aspect ratio, or by width and height."""
    if ratios and lengths:
        text = (
            f"both {', '.join(ratios)} and {', '.join(lengths)} are filled: keep the aspect ratio "
            "or the widths and heights, and empty the others"
        )
        return [(ratios[0], text)]
    if not ratios and not lengths:
        text = "the row has no size: fill in both aspect ratios, or all four widths and heights"
        return [(RATIO_COLUMNS[0], text)]
    given = ratios or lengths
    missing = [n for n in (RATIO_COLUMNS if ratios else LENGTH_COLUMNS) if n not in given]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        text = (
            f"{' and '.join(missing)} {verb} empty beside {', '.join(given)}: fill in all of them"
        )
        return [(missing[0], text)]
    return []


def _judge_lengths(row: Row, canvas: tuple[int, int]) -> list[Fault]:
    """Lengths beyond the canvas, and those of a level that lie above its `_max`."""
    faults = (fault for level in _levels(row) for fault in _judge_level(level, canvas))
    return list(dict.fromkeys(faults))


def _judge_level(level: Mapping[str, Length | None], canvas: tuple[int, int]) -> list[Fault]:
    faults = []
    for axis, side in (("width", canvas[0]), ("height", canvas[1])):
        low_name, high_name = f"{axis}_min", f"{axis}_max"
        low, high = level[low_name], level[high_name]
        for name, length in ((low_name, low), (high_name, high)):
            if length and length.pixels(side) > side:
                remedy = "it to 100% or less" if length.percent else f"it or raise --{axis}"
                text = f"{length} is larger than the image {axis} ({side}): lower {remedy}"
                faults.append((name, text))
        if low and high and low.pixels(side) > high.pixels(side):
            faults.append(
                (low_name, f"{low} is larger than {high_name} ({high}): swap or mend them")
            )
    return faults


def _judge_room(row: Row, size: Size, canvas: tuple[int, int]) -> list[Fault]:
    """Sizes below a pixel, and placement ranges in which not even the smallest box fits, of all or
    of one of the levels."""
    levels = size.levels if isinstance(size, LevelSize) else (size,)
    faults = (fault for level in levels for fault in _judge_room_of(row, level, canvas))
    return list(dict.fromkeys(faults))


def _judge_room_of(row: Row, size: AspectSize | RangeSize, canvas: tuple[int, int]) -> list[Fault]:
    faults = []
    by_ratio = isinstance(size, AspectSize)
    axes = (
        ("x", "aspect_ratio_min: raise it" if by_ratio else "width_min: raise it"),
        ("y", "aspect_ratio_max: lower it" if by_ratio else "height_min: raise it"),
    )
    for (axis, culprit), least, side in zip(axes, smallest_size(size, canvas), canvas, strict=True):
        if least < 1:
            column, remedy = culprit.split(": ")
            what = "narrow" if axis == "x" else "flat"
            text = (
                f"boxes could be so {what} that they cover no pixel of a canvas of "
                f"{canvas[0]} x {canvas[1]}: {remedy}"
            )
            faults.append((column, text))
        low, high, margin = row[f"{axis}_min"], row[f"{axis}_max"], least / 2 / side
        if low <= high and (high < margin - 1e-9 or low > 1 - margin + 1e-9):
            text = (
                f"centres from {low:g} to {high:g} leave no room for even the smallest box "
                f"({least:.0f} of {side} pixels): widen {axis}_min and {axis}_max"
            )
            faults.append((f"{axis}_min", text))
    return faults
