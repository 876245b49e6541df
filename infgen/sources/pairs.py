"""Pictures before and after something was painted into them, from the user's disk into Pairs.

A folder as the Infinite Data Generator leaves it, one set or several:

    bg_<i>.png    <set>_bg_<i>.png    the scene
    <i>_x.png     <set>_x_<i>.png     the same scene with objects
    <i>_y.npy     <set>_y_<i>.npy     bool (H, W, classes): the boxes that were asked for, if known

or a table of any pictures: `before,after[,class,x0,y0,x1,y1]`, a row for each object, paths
relative to the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from infgen.records.box import Box
from infgen.records.errors import InputError, Problem
from infgen.records.pairs import Pair, Pairs, Wanted
from infgen.records.specs import Picture
from infgen.sources.csv_rows import Column, Row, number, problem_at, quoted, read_rows
from infgen.sources.names import folded
from infgen.sources.pictures import (
    PICTURE_ENDINGS,
    check_picture,
    check_upright,
    quiet_pillow,
    short_name,
)
from infgen.sources.tables import read_class_names, read_label

UNKNOWN = "object"  # the class of what nobody has named
CORNERS = ("x0", "y0", "x1", "y1")

PAIR_COLUMNS = (
    Column("before", str, required=True),
    Column("after", str, required=True),
    Column("class", read_label, ""),
    *(Column(name, number) for name in CORNERS),
)

_ENDINGS = "|".join(ending[1:] for ending in PICTURE_ENDINGS)
_BEFORE = re.compile(rf"(?:(?P<set>.+)_)?bg_(?P<number>\d+)\.(?:{_ENDINGS})", re.I)
_AFTER = re.compile(rf"(?:(?P<set>.+)_x_(?P<number>\d+)|(?P<bare>\d+)_x)\.(?:{_ENDINGS})", re.I)
_ASKED = re.compile(r"(?:(?P<set>.+)_y_(?P<number>\d+)|(?P<bare>\d+)_y)\.npy", re.I)

Key = tuple[str, str]  # a file's set ("" for none), and its number in it


def read_pairs(source: Path, classes: Path | None = None) -> tuple[Pairs, list[Problem]]:
    """Read and check the pairs that `source`, a folder or a CSV file, holds: (pairs, warnings).

    `classes` is a classes.csv whose rows name the classes, in the order of their ids.

    Raises:
        InputError: with every problem of all files at once.
    """
    names, problems = read_class_names(classes) if classes else ([], [])
    reader = _read_folder if source.is_dir() else _read_table
    drafts, found, warnings, names = reader(source, names)
    problems += found
    with quiet_pillow(), ThreadPoolExecutor() as pool:  # decoding is most of the work
        judged = list(pool.map(_judge, drafts))
    problems += [problem for faults in judged for problem in faults]
    if problems:
        raise InputError(sorted(problems, key=lambda problem: problem.line))
    pairs = [
        Pair(stem, draft.before, draft.after, tuple(draft.wanted))
        for draft, stem in zip(drafts, _stems(drafts), strict=True)
        if draft.before and draft.after
    ]
    return Pairs(tuple(pairs), tuple(names)), warnings


@dataclass
class _Draft:
    """A pair that hasn't been looked at. `place` is where problems are told, without their text;
    the boxes in `lines` came from these lines of it."""

    folder: Path
    place: Problem
    before_path: Path
    after_path: Path
    wanted: list[Wanted] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    asked_size: tuple[int, int] | None = None
    before: Picture | None = None
    after: Picture | None = None

    def problem(self, text: str, line: int = 0, column: str = "") -> Problem:
        return problem_at(Path(self.place.file), text, line or self.place.line, column)


def _judge(draft: _Draft) -> list[Problem]:
    """Decode both pictures, and hold them and the boxes against each other."""
    problems = []
    for side, check in (("before", check_picture), ("after", check_upright)):
        path: Path = getattr(draft, f"{side}_path")
        name = short_name(path, draft.folder)
        try:
            setattr(draft, side, check(path, name))
        except ValueError as error:
            problems.append(draft.problem(f"{name}: {error}", column=side))
    if not draft.before or not draft.after:
        return problems
    (width, height), other = draft.after.size, draft.before.size
    if (width, height) != other:
        text = (
            f"the picture is {width} x {height} and the one before, {draft.before.name}, is "
            f"{other[0]} x {other[1]}: give the two that belong together"
        )
        return [draft.problem(text, column="after")]
    if draft.asked_size and draft.asked_size != (width, height):
        text = (
            f"its .npy file is for pictures of {draft.asked_size[0]} x {draft.asked_size[1]}, and "
            f"this one is {width} x {height}: give the file that belongs to it, or remove it"
        )
        return [draft.problem(text)]
    return [
        draft.problem(
            f"the box reaches beyond the picture, which is {width} x {height}: mend it",
            line,
            next(c for c, edge, most in zip(CORNERS, box.xyxy, (width, height) * 2, strict=True)
                 if not 0 <= edge <= most),
        )
        for box, line in zip((one.box for one in draft.wanted), draft.lines, strict=False)
        if box and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)
    ]  # fmt: skip


def _stems(drafts: Sequence[_Draft]) -> list[str]:
    """The pictures' own names, made different where a disk, or a list of labels, would mix them up:
    by the folder's name, or else by a number."""
    taken: set[str] = set()
    stems = []
    for draft in drafts:
        path = draft.after_path
        choices = [path.stem, f"{path.parent.name}_{path.stem}"]
        choices += [f"{path.stem}-{number}" for number in range(2, len(drafts) + 2)]
        stem = next(one for one in choices if folded(one) not in taken)
        taken.add(folded(stem))
        stems.append(stem)
    return stems


Reading = tuple[list[_Draft], list[Problem], list[Problem], list[str]]
"""The drafts, the problems, the warnings, and the class names."""


# ---- a folder ------------------------------------------------------------------------------------


def _read_folder(folder: Path, names: list[str]) -> Reading:
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=_naturally)
    befores, afters, asked = (_by_key(files, kind) for kind in (_BEFORE, _AFTER, _ASKED))
    problems = [_twice(paths) for paths in befores.values() if len(paths) > 1]
    problems += [_twice(paths) for paths in asked.values() if len(paths) > 1]
    lonely = [path for key, paths in befores.items() if key not in afters for path in paths]
    warnings = [Problem("no picture belongs to it: it is passed over", str(p)) for p in lonely]
    drafts = []
    for key, paths in afters.items():
        for path in paths:
            if key in befores:
                place = Problem("", str(path))
                drafts.append(_Draft(folder, place, befores[key][0], path))
            else:
                missing = f"{key[0]}_bg_{key[1]}.png" if key[0] else f"bg_{key[1]}.png"
                text = f"there is no {missing} beside it: add it, or remove this one"
                problems.append(Problem(text, str(path)))
    if not afters:
        text = (
            "holds no pairs: bg_<i>.png with <i>_x.png, or <set>_bg_<i>.png with <set>_x_<i>.png, "
            "or give a CSV file with the columns before and after"
        )
        problems.append(Problem(text, str(folder)))
    asked = {key: paths for key, paths in asked.items() if key in afters}
    arrays, found = _read_all_asked({key: paths[0] for key, paths in asked.items()})
    problems += found
    names = names or _listed_names(folder)
    classes = list(names)
    for key, array in arrays.items():
        own = names[: array.channels] or _channel_names(key[0], array.channels)
        if len(own) < array.channels:
            text = (
                f"has {array.channels} channels, and there are names for {len(names)} classes: "
                "give the classes.csv that it was made with"
            )
            problems.append(Problem(text, str(asked[key][0])))
            continue
        classes += [name for name in own if name not in classes]
        for draft in drafts:
            if _key(_AFTER, draft.after_path) == key:
                draft.asked_size = array.size
                draft.wanted = [Wanted(classes.index(own[c]), box) for c, box in array.boxes]
    classes = _name_the_rest(drafts, classes)
    return drafts, problems, warnings, classes


def _naturally(path: Path) -> list[str | int]:
    """As people sort: 2 before 10."""
    parts: list[str | int] = []
    for text, digits in re.findall(r"(\D*)(\d*)", path.name):
        parts += [text, int(digits or -1)]
    return parts


def _key(kind: re.Pattern[str], path: Path) -> Key | None:
    match = kind.fullmatch(path.name)
    if match is None:
        return None
    groups = match.groupdict()
    return groups["set"] or "", groups["number"] or groups["bare"]


def _by_key(files: Iterable[Path], kind: re.Pattern[str]) -> dict[Key, list[Path]]:
    found: dict[Key, list[Path]] = {}
    for path in files:
        if (key := _key(kind, path)) is not None:
            found.setdefault(key, []).append(path)
    return found


def _twice(paths: Sequence[Path]) -> Problem:
    text = f"{paths[1].name} has the same number: which one is it? Remove the other"
    return Problem(text, str(paths[0]))


class _Asked(NamedTuple):
    """What an .npy file asks for: the pictures' (width, height), the number of channels, and boxes
    with their channels."""

    size: tuple[int, int]
    channels: int
    boxes: list[tuple[int, Box]]


def _read_all_asked(paths: dict[Key, Path]) -> tuple[dict[Key, _Asked], list[Problem]]:
    arrays, problems = {}, []
    for key, path in paths.items():
        try:
            arrays[key] = _read_asked(path)
        except ValueError as error:
            problems.append(Problem(str(error), str(path)))
    return arrays, problems


def _read_asked(path: Path) -> _Asked:
    """A box for each connected part of each channel: boxes that touch can't be told apart."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "it isn't an array that numpy has saved"
        raise ValueError(f"can't be read ({reason}): replace or remove it") from None
    is_array = isinstance(array, np.ndarray)
    if not is_array or array.ndim not in (2, 3) or array.dtype.kind not in "bui" or not array.size:
        held = f"{array.dtype} of shape {array.shape}" if is_array else "several arrays"
        raise ValueError(
            f"holds {held}: bool of shape (height, width, classes) belongs there: replace or "
            "remove it"
        )
    planes = (array if array.ndim == 3 else array[..., None]) != 0
    boxes = []
    for channel in range(planes.shape[2]):
        plane = np.ascontiguousarray(planes[..., channel]).view(np.uint8)
        _, _, parts, _ = cv2.connectedComponentsWithStats(plane, connectivity=8)
        for x, y, width, height, _ in parts[1:].tolist():
            boxes.append((channel, Box(x, y, x + width, y + height)))
    return _Asked((planes.shape[1], planes.shape[0]), planes.shape[2], boxes)


def _listed_names(folder: Path) -> list[str]:
    """The names that infgen's own npy format leaves beside its arrays."""
    try:
        text = (folder / "classes.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _channel_names(set_name: str, count: int) -> list[str]:
    if set_name and count == 1:
        return [set_name]
    return [f"{set_name or 'class'}_{channel}" for channel in range(count)]


def _name_the_rest(drafts: Sequence[_Draft], classes: list[str]) -> list[str]:
    """Give pictures of which nothing is known the only class there is, or one for the unknown."""
    nameless = [draft for draft in drafts if not draft.wanted and draft.asked_size is None]
    if not nameless:
        return classes
    if len(classes) != 1 or any(draft.asked_size for draft in drafts):
        classes = classes if UNKNOWN in classes else [*classes, UNKNOWN]
    name = UNKNOWN if UNKNOWN in classes else classes[0]
    for draft in nameless:
        draft.wanted = [Wanted(classes.index(name))]
    return classes


# ---- a table -------------------------------------------------------------------------------------


def _read_table(path: Path, names: list[str]) -> Reading:
    rows, problems, warnings = read_rows(path, PAIR_COLUMNS)
    classes = list(names) or list(dict.fromkeys(row["class"] for row in rows if row["class"]))
    if any(not row["class"] for row in rows) and UNKNOWN not in classes and len(names) != 1:
        classes.append(UNKNOWN)
    drafts: dict[Path, _Draft] = {}
    for row in rows:
        if not row.broken.isdisjoint(("before", "after")):
            continue
        before, after = (path.parent / row[side] for side in ("before", "after"))
        draft = drafts.setdefault(
            after, _Draft(path.parent, Problem("", str(path), row.line), before, after)
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
    return list(drafts.values()), problems + (warnings if problems else []), warnings, classes


def _judge_row(
    row: Row, draft: _Draft, before: Path, classes: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a row beside the others of its picture: (column, text)."""
    if before != draft.before_path:
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


def _judge_mixture(draft: _Draft) -> list[Problem]:
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
