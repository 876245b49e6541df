"""The one way infgen writes a file: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infgen.records.errors import StorageError

BUFFER = 2**18  # bytes that wait for the disk together


def part_name(path: Path) -> Path:
    """Where a file is written before it gets its name. The same for every try, so that a run that
    was killed leaves nothing that its successor doesn't overwrite."""
    return path.with_name(f".{path.name}.part")


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
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            file.close()
        raise
    with told(path):
        file.close()
        part.replace(path)


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
