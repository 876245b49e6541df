"""Pictures that are marked as bad: where they lie, and how a marking that was killed is ended.

marks.json                 index -> reason: who reads the dataset passes these pictures over
marked/images/SPLIT/*      the pictures themselves, out of the folders that trainers list
.marking                   what is to be marked

.marking is written first and goes last. Whatever is done in between can be done again, and whoever
next claims the folder to change it does: `settle` brings pictures, records and marks.json in line,
and exporting.write_formats what is made of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from infgen.batch.store import Store, index_of
from infgen.records.errors import FolderError
from infgen.records.sample import Entry
from infgen.sources.disk import remove_file, told, write_file
from infgen.sources.marks import read_marks, write_marks

__all__ = ["read_marks"]

FOLDER, JOURNAL = "marked/", ".marking"
MOVED = "images/"  # what lies elsewhere (a grid's files, archives) stays where it is


class Marking(msgspec.Struct, frozen=True):
    """The marks that a dataset is to have, all of them."""

    marks: dict[int, str]


def begin(store: Store, marking: Marking) -> None:
    """Write down what is to be done, and do it, but for the formats."""
    write_file(store.folder / JOURNAL, msgspec.json.encode(marking))
    settle(store)


def under_way(folder: Path) -> Marking | None:
    """The marking that was begun, if it hasn't come to its end.

    Raises:
        FolderError: what is written of it isn't as infgen wrote it.
    """
    path = folder / JOURNAL
    try:
        return msgspec.json.decode(path.read_bytes(), type=Marking)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise FolderError(
            f"{path} isn't as infgen wrote it ({error}): delete it, mark again, and export again"
        ) from None


def settle(store: Store) -> None:
    """Bring pictures, records and marks.json in line with the marking under way, if there is one.
    Until all are, marks.json names the pictures that were marked, too."""
    marking = under_way(store.folder)
    if marking is None:
        return
    before = read_marks(store.folder)
    write_marks(store.folder, before | marking.marks)
    put_away(store, before.keys() - marking.marks.keys(), marked=False)
    put_away(store, marking.marks)
    write_marks(store.folder, marking.marks)


def put_away(store: Store, indices: Collection[int], marked: bool = True) -> None:
    """Move the files of these pictures to where they belong if they are `marked`, or if they
    aren't, unless they are there."""
    if indices:
        store.records.rename(indices, lambda entry: _moved(entry, marked, store.folder))
    if indices and not marked:
        top = store.folder / FOLDER
        for empty in (*top.glob("*/*"), *top.glob("*"), top):
            with suppress(OSError):  # it isn't empty, or no folder
                empty.rmdir()


def keep_apart(store: Store, marks: Collection[int]) -> bool:
    """Have the files of the pictures with these marks in marked/, and no others there: somebody may
    have deleted marks.json, or put back another. Gives whether some came back."""
    put_away(store, marks)
    away = b'"file":"' + FOLDER.encode()
    there = {index_of(line) for line in store.lines() if away in line}
    put_away(store, there.difference(marks), marked=False)
    return not there.issubset(marks)


def end(folder: Path) -> None:
    """The last thing that is done: the formats are there."""
    with told(folder / JOURNAL):
        (folder / JOURNAL).unlink(missing_ok=True)


def _moved(entry: Entry, marked: bool, folder: Path) -> str:
    """The path of a picture's file, which has been put where it belongs."""
    home = entry.file.removeprefix(FOLDER)
    if entry.pack or not home.startswith(MOVED):
        return entry.file
    file, other = (FOLDER + home, home) if marked else (home, FOLDER + home)
    with told(folder / file):
        if (folder / other).exists():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / other).replace(folder / file)
    remove_file(folder / other)  # its folder, that is, where it was the last one
    return file


def kept_lines(store: Store) -> Iterator[bytes]:
    """The record lines of the pictures to train on: neither failed nor marked."""
    marks = read_marks(store.folder)
    lines = (line for line in store.lines() if b'"failure":""' in line)
    return (line for line in lines if not marks or index_of(line) not in marks)


def marked_entries(store: Store) -> Iterator[Entry]:
    """The records of the pictures that are marked."""
    marks = read_marks(store.folder)
    for line in store.lines() if marks else ():
        if index_of(line) in marks:
            entry = msgspec.json.decode(line, type=Entry)
            if not entry.failure:
                yield entry
