"""Pictures that come into a workspace, and archives that go out of it."""

from __future__ import annotations

import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from infgen.batch.store import MANIFEST
from infgen.records.errors import InputError, Problem
from infgen.records.specs import Picture
from infgen.sources.disk import part_name, told, write_file
from infgen.sources.pictures import PICTURE_ENDINGS, check_cutout, check_picture, quiet_pillow
from infgen.ui.studio.workspace import TABLES, Workspace, checked_name, is_name

MOST_FILES = 500  # that are uploaded at a time
FREE = 10**9  # bytes of the disk that are for others
SHA = 64  # letters of the folder that Gradio puts an upload into

KINDS: dict[str, Callable[[Path, str], Picture]] = {
    "backgrounds": check_picture,
    "cutouts": check_cutout,
}
"""The folders for uploads, and what judges a file that goes there."""


def keep(workspace: Workspace, files: Sequence[Path], kind: str, folder: str) -> str:
    """Take uploaded pictures into a folder, and return what a table's cell says of it.

    Raises:
        InputError: a file wasn't uploaded; or with each one that is no picture, or would take
            another one's place. Then none is taken.
    """
    if kind not in KINDS:
        raise InputError(f"'{kind}' is no kind of pictures: it is one of {', '.join(KINDS)}")
    goal = workspace.inside(f"{kind}/{checked_name(folder, 'the folder')}", "the folder")
    if len(files) > MOST_FILES:
        raise InputError(f"{len(files)} files at once are too many: {MOST_FILES} is the most")
    if not all(file.resolve().is_relative_to(workspace.uploads) for file in files):
        raise InputError("files: only those may be named that were uploaded")
    files = list(dict.fromkeys(files))
    problems = [problem for file in files for problem in _judge(file, kind, goal)]
    names = Counter(file.name for file in files)
    problems += [
        Problem("two different pictures have this name: rename one", name)
        for name, count in names.items()
        if count > 1
    ]
    if problems or not files:
        raise InputError(problems or "no file was given")
    for file in files:
        write_file(goal / file.name, file.read_bytes())
        file.unlink()  # it counts once, see no_room
    return goal.relative_to(workspace.root).as_posix()


def archive(workspace: Workspace, name: str) -> Path:
    """A ZIP of the dataset of this name (empty: of the two tables), its files as they are.

    Raises:
        InputError: there is no such dataset.
        StorageError: there is no room for it.
    """
    if name:
        folder = workspace.made(name)
        files = [path for path in sorted(folder.rglob("*")) if _is_ours(workspace, path)]
    else:
        folder = workspace.root
        files = [path for path in (folder / table for table in TABLES) if path.is_file()]
    goal = workspace.uploads / "archives" / f"{name or 'tables'}.zip"
    part = part_name(goal)
    with told(goal):
        goal.parent.mkdir(exist_ok=True)
        free, size = shutil.disk_usage(goal.parent).free, sum(p.stat().st_size for p in files)
        if size > free:
            raise InputError(f"the archive takes {size / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB "
                             "are free: make room, or copy the folder")  # fmt: skip
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as pack:
            for path in files:
                pack.write(path, Path(name, path.relative_to(folder)))
        part.replace(goal)
    return goal


def no_room(workspace: Workspace, size: int) -> str:
    """Why uploads of so many bytes more can't be taken; empty if they can."""
    waiting = (path for path in workspace.uploads.glob("*/*") if len(path.parent.name) == SHA)
    kept = (path for kind in KINDS for path in (workspace.root / kind).rglob("*"))
    there = sum(map(_bytes, (*waiting, *kept)))
    most = workspace.uploads_gb
    if there + size > most * 1e9:
        return (f"uploaded pictures would take {(there + size) / 1e9:,.2f} GB, and {most:,g} GB is "
                "the most: delete some of backgrounds/ or cutouts/, or serve with more "
                "--uploads-gb")  # fmt: skip
    free = shutil.disk_usage(workspace.root).free
    if size + FREE > free:
        return (f"the disk has {free / 1e9:,.1f} GB left, of which uploads don't take the last "
                f"{FREE / 1e9:g}: make room")  # fmt: skip
    return ""


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # it was taken away just now
        return 0


def size_of(workspace: Workspace, name: str) -> tuple[int, int]:
    """How many files a finished dataset has, and their bytes; counted again when what is written
    last was written anew."""
    folder = workspace.made(name)
    last = (folder / MANIFEST, folder / "report" / "index.html")
    return _size(workspace, folder, tuple(p.stat().st_mtime_ns for p in last if p.exists()))


@lru_cache(maxsize=64)
def _size(workspace: Workspace, folder: Path, written: tuple[int, ...]) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in folder.rglob("*") if _is_ours(workspace, path)]
    return len(sizes), sum(sizes)


def _is_ours(workspace: Workspace, path: Path) -> bool:
    hidden = path.name.startswith(".")
    return not hidden and not path.is_symlink() and path.is_file() and workspace.holds(path)


def folders(workspace: Workspace) -> list[tuple[str, int]]:
    """The folders of pictures, as cells name them, with the number of files in each."""
    found = (path for kind in KINDS for path in sorted(workspace.root.glob(f"{kind}/*")))
    return [
        (path.relative_to(workspace.root).as_posix(), sum(1 for _ in path.iterdir()))
        for path in found
        if path.is_dir() and workspace.holds(path)
    ]


def _judge(file: Path, kind: str, goal: Path) -> Iterator[Problem]:
    """What speaks against taking a file into the folder `goal`."""
    name = file.name
    if not is_name(name) or file.suffix.lower() not in PICTURE_ENDINGS:
        yield Problem(f"isn't the name of a picture ({', '.join(PICTURE_ENDINGS)})", name)
        return
    try:
        with quiet_pillow():
            KINDS[kind](file, name)
    except ValueError as error:
        yield Problem(str(error), name)
        return
    there = goal / name
    if there.exists() and there.read_bytes() != file.read_bytes():
        yield Problem(f"another picture of this name is in {goal.name} already: rename it", name)
