"""Picture files found by what a CSV cell says."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from infgen.sources import sidecars
from infgen.sources.packs import PACKS, files_in

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def find_pictures(cell: str, folder: Path) -> list[Path]:
    """The picture files that a CSV cell names: a file, a folder, a glob, or archives or a folder in
    them (packs/*.zip/images/train), relative to `folder`.

    Sorted by name, so that every machine sees the same order; hidden files, and the ids beside
    cutouts of several objects, are passed over.

    Raises:
        ValueError: nothing is there; the text says what was looked for and what to do.
    """
    try:
        return _find(cell, folder)
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(
            f"'{cell}' can't be read ({reason}): check the path and its permissions"
        ) from None


def _find(cell: str, folder: Path) -> list[Path]:
    wanted = _expanded(cell)
    if "\\" in cell and not (folder / wanted).exists():
        wanted = _expanded(cell.replace("\\", "/"))  # written on Windows
    if packed := [path for path in _packed(wanted, folder) if _is_named_so(path)]:
        return sorted(packed, key=Path.as_posix)
    path = folder / wanted
    if path.is_file() and path.suffix[1:] not in PACKS:
        return [path]
    if path.exists():
        found = list(path.iterdir()) if path.is_dir() else []
        lacking = f"'{cell}' holds no picture"
    elif glob.has_magic(str(wanted)):
        matches = glob.glob(str(wanted), root_dir=folder, recursive=True)  # noqa: PTH207 (no `**`)
        found = [folder / match for match in matches]
        lacking = f"no picture matches '{cell}'"
    else:
        raise ValueError(f"'{cell}' is not there: paths are relative to the CSV, here {folder}")
    pictures = sorted({p for p in found if _is_picture(p)}, key=Path.as_posix)
    if pictures:
        return pictures
    kinds = ", ".join(PICTURE_ENDINGS)
    deeper = "**" not in cell and any(p.is_dir() for p in found)
    remedy = f"for what lies deeper write '{wanted.as_posix()}/**'" if deeper else "mend the path"
    raise ValueError(f"{lacking} ({kinds}): add some, or {remedy}")


def _packed(wanted: Path, folder: Path) -> list[Path]:
    """What is in the archives that a path leads into, or in the folder of theirs that it names."""
    parts = wanted.parts
    ends = [number for number, part in enumerate(parts, 1) if Path(part).suffix[1:] in PACKS]
    if not ends:
        return []
    named, inside = Path(*parts[: ends[0]]), parts[ends[0] :]
    packs = [folder / named]
    if not packs[0].exists():
        packs = [folder / match for match in glob.glob(str(named), root_dir=folder)]  # noqa: PTH207
    return [
        path
        for pack in packs
        if pack.is_file()
        for path in files_in(pack)
        if path.is_relative_to(pack.joinpath(*inside))
    ]


def _expanded(cell: str) -> Path:
    try:
        return Path(cell).expanduser()
    except RuntimeError:
        raise ValueError(f"'{cell}' names a home folder that isn't known: write it out") from None


def _is_picture(path: Path) -> bool:
    return _is_named_so(path) and path.is_file()


def _is_named_so(path: Path) -> bool:
    passed_over = path.name.startswith(".") or sidecars.is_ids(path)
    return path.suffix.lower() in PICTURE_ENDINGS and not passed_over


def short_name(path: Path, folder: Path) -> str:
    """The name of a picture in plans and records: its path relative to its CSV's folder."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of a Windows machine
        return path.absolute().as_posix()
