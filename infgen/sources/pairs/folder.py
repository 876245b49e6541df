"""A folder of pairs, told apart by their files' names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infgen.records.errors import Problem
from infgen.records.pairs import Wanted
from infgen.sources.pairs.arrays import Key, read_all_asked
from infgen.sources.pairs.drafts import UNKNOWN, Draft, Reading
from infgen.sources.pictures import PICTURE_ENDINGS

_ENDINGS = "|".join(ending[1:] for ending in PICTURE_ENDINGS)
_BEFORE = re.compile(rf"(?:(?P<set>.+)_)?bg_(?P<number>\d+)\.(?:{_ENDINGS})", re.I)
_AFTER = re.compile(rf"(?:(?P<set>.+)_x_(?P<number>\d+)|(?P<bare>\d+)_x)\.(?:{_ENDINGS})", re.I)
_ASKED = re.compile(r"(?:(?P<set>.+)_y_(?P<number>\d+)|(?P<bare>\d+)_y)\.npy", re.I)


def read_folder(folder: Path, names: list[str]) -> Reading:
    """The pairs of a folder; `names` are the classes', where they are known."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=_naturally)
    befores, afters, asked = (_by_key(files, kind) for kind in (_BEFORE, _AFTER, _ASKED))
    problems = [_twice(paths) for paths in befores.values() if len(paths) > 1]
    problems += [_twice(paths) for paths in asked.values() if len(paths) > 1]
    lonely = [path for key, paths in befores.items() if key not in afters for path in paths]
    warnings = [Problem("no picture belongs to it: it is passed over", str(p)) for p in lonely]
    drafts, lacking = _paired(folder, befores, afters)
    first = {key: paths[0] for key, paths in asked.items() if key in afters}
    classes, faults = _ask(drafts, first, names or _listed_names(folder))
    return drafts, problems + lacking + faults, warnings, _name_the_rest(drafts, classes)


def _paired(
    folder: Path, befores: Mapping[Key, list[Path]], afters: Mapping[Key, list[Path]]
) -> tuple[list[Draft], list[Problem]]:
    """Every picture after with the one before, and what is lacking."""
    drafts, problems = [], []
    for key, paths in afters.items():
        for path in paths:
            if key in befores:
                place = Problem("", str(path))
                drafts.append(Draft(folder, place, befores[key][0], path))
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
    return drafts, problems


def _ask(
    drafts: Sequence[Draft], asked: Mapping[Key, Path], names: list[str]
) -> tuple[list[str], list[Problem]]:
    """Give the drafts the boxes that were `asked` for; gives all classes, and what is wrong."""
    arrays, problems = read_all_asked(asked)
    classes = list(names)
    for key, array in arrays.items():
        own = names[: array.channels] or _channel_names(key[0], array.channels)
        if len(own) < array.channels:
            text = (
                f"has {array.channels} channels, and there are names for {len(names)} classes: "
                "give the classes.csv that it was made with"
            )
            problems.append(Problem(text, str(asked[key])))
            continue
        classes += [name for name in own if name not in classes]
        for draft in drafts:
            if _key(_AFTER, draft.after_path) == key:
                draft.asked_size = array.size
                draft.wanted = [Wanted(classes.index(own[c]), box) for c, box in array.boxes]
    return classes, problems


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


def _name_the_rest(drafts: Sequence[Draft], classes: list[str]) -> list[str]:
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
