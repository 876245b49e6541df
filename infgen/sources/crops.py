"""A folder for each class, with pictures of its objects: the class is the folder's name."""

from __future__ import annotations

from pathlib import Path

import msgspec

from infgen.records.errors import InputError, Problem
from infgen.sources.names import folded
from infgen.sources.pictures import find_pictures, short_name
from infgen.sources.tables import read_label


class Crop(msgspec.Struct, frozen=True):
    """A picture of one object. `name` is its path inside the folder of all (POSIX slashes)."""

    path: Path
    name: str
    class_name: str


def read_crops(folder: Path) -> tuple[list[Crop], list[str]]:
    """Every picture in the class folders of `folder`, sorted, and sentences about what is passed
    over. A folder without class folders is one itself.

    Raises:
        InputError: there are no pictures, or two folders' names are one class.
    """
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir() and _is_shown(path))
    except OSError as error:
        raise InputError(Problem(f"can't be read: {error.strerror}", str(folder))) from None
    loose = _pictures_in(folder)
    by_folder = {path: _pictures_in(path) for path in below}
    notes = [f"{path} holds no pictures" for path, found in by_folder.items() if not found]
    by_folder = {path: found for path, found in by_folder.items() if found}
    if not by_folder:
        by_folder, notes = ({folder: loose} if loose else {}), []
    elif loose:
        notes.append(f"{len(loose)} pictures lie in {folder} itself, in no class's folder")
    if not by_folder:
        text = "holds neither a dataset nor pictures in a folder for each class: check the path"
        raise InputError(Problem(text, str(folder)))
    names = _class_names(list(by_folder))
    crops = [
        Crop(path, short_name(path, folder), names[place])
        for place, found in by_folder.items()
        for path in found
    ]
    return crops, [f"passed over: {note}" for note in notes]


def _is_shown(path: Path) -> bool:
    return not path.name.startswith((".", "__"))


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return find_pictures(str(folder.absolute()), folder)
    except ValueError:  # there are none
        return []


def _class_names(folders: list[Path]) -> dict[Path, str]:
    names: dict[Path, str] = {}
    seen: dict[str, Path] = {}
    problems = []
    for path in folders:
        try:
            name = names[path] = read_label(path.absolute().name)
            name.encode()
        except ValueError as error:
            problems.append(Problem(f"can't name a class: {error}", str(path)))
            continue
        other = seen.setdefault(folded(name), path)
        if other != path:
            text = f"its name is the class of {other.name}, too: rename one of them, or join them"
            problems.append(Problem(text, str(path)))
    if problems:
        raise InputError(problems)
    return names
