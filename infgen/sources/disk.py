"""The one way infgen writes a file: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infgen.records.errors import StorageError

BUFFER = 2**18  # bytes that wait for the disk together
PART = ".infgen"  # what nobody else's hidden files end in


def part_name(path: Path) -> Path:
    """Where a file is written before it gets its name. The same for every try, so that a run that
    was killed leaves nothing that its successor doesn't overwrite, if it writes that file."""
    return path.with_name(f".{path.name}{PART}")


@contextmanager
def leftovers_cleared(folder: Path, foreign: Collection[str]) -> Iterator[None]:
    """For who has a folder to himself: a block at whose end, if that is a good one, nothing is left
    in it, and below, of files that were being written when it began, but those that have been
    touched since. Folders that hold a file of a name in `foreign` are somebody else's."""
    left = {part: _touched(part) for part in _parts_in(folder, foreign)}
    yield
    for part, touched in left.items():
        if touched and touched == _touched(part):
            with suppress(OSError):  # it does no harm
                part.unlink()


def _parts_in(folder: Path, foreign: Collection[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        if Path(place) != folder and not set(files).isdisjoint(foreign):
            folders.clear()
            continue
        yield from (Path(place, name) for name in files
                    if name.startswith(".") and name.endswith(PART))  # fmt: skip


def _touched(part: Path) -> int:
    """When a file was last written, in nanoseconds; 0 if it isn't there."""
    try:
        return part.lstat().st_mtime_ns
    except OSError:
        return 0


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` under a temporary name, then rename: readers see all of it or nothing.

    Makes the folder if needed. Raises StorageError with one sentence (disk full, no permission).
    """
    part = part_name(path)
    with told(path):
        try:
            try:
                part.write_bytes(data)
            except FileNotFoundError:  # asking first would cost a system call for every picture
                path.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(data)
            part.replace(path)
        except OSError:
            with suppress(OSError):  # a full disk has better use for the room
                part.unlink()
            raise


@contextmanager
def streamed_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that adds to the file, which gets its name only when the block ends well.

    The function and the end of the block raise StorageError; what else the block raises is its own.
    """
    part = part_name(path)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("wb", BUFFER)

    def write(data: bytes) -> None:
        with told(path):
            file.write(data)

    try:
        yield write
        with told(path):
            file.close()
            part.replace(path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            file.close()
        with suppress(OSError):  # a full disk has better use for the room
            part.unlink()
        raise


def link_file(source: Path, path: Path) -> None:
    """Make `path` the same file as `source`: a hard link, or a copy where links aren't possible.

    Raises StorageError.
    """
    if not source.exists():
        raise StorageError(f"{source} is gone: run the command that made it again")
    part = part_name(path)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        part.replace(path)
        part.unlink(missing_ok=True)  # renaming one link of a file onto another does nothing


def remove_file(path: Path) -> None:
    """Remove a file that infgen wrote, if it is there, and its folder if nothing else is in it.

    Raises StorageError.
    """
    with told(path):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # it isn't empty, or not there
        path.parent.rmdir()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """A block that touches `path`: what the system refuses becomes a StorageError."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """The sentence for a write that failed."""
    return StorageError(
        f"can't write {path}: {error.strerror or error}: free some space or mend the folder, "
        "then run the same command again: it goes on where it stopped"
    )
