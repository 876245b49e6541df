"""The verb mark: pictures that somebody found bad are kept out of all that is trained on."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from infgen.batch.engines import Crew
from infgen.batch.exporting import write_formats
from infgen.batch.marks import Marking, begin, read_marks, settle
from infgen.batch.owed import as_written, owe
from infgen.batch.painting import workers_for
from infgen.batch.report import report_again
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.store import Store, open_finished
from infgen.formats.settings import ExportSettings
from infgen.records.errors import InputError
from infgen.records.manifest import Manifest

TOLD = 8  # numbers in a sentence
MOST = 10_000_000  # pictures in a range
DIGITS = 18  # of a number


def mark(
    folder: Path,
    pictures: Sequence[int],
    reason: str = "",
    undo: bool = False,
    workers: int | None = None,
    reporter: Reporter | None = None,
) -> Manifest:
    """Mark pictures of a finished dataset as bad, by index, or take their marks away (`undo`), and
    write the formats that it has anew. The pictures stay, in marked/. Killed, it is ended by the
    next command that changes the dataset.

    Raises:
        InputError: there is no finished dataset, it has no such pictures, or would have none left.
        StorageError: the disk refused; marking again goes on.
    """
    reporter = reporter or Silent()
    pictures, reason = _named(pictures), _said(reason)
    store, _ = open_finished(folder)
    with store.claimed():
        settle(store)
        _, manifest = open_finished(folder)  # as it is now that nobody else is at work
        marks = read_marks(folder)
        splits = _splits(store)
        _check(pictures, splits, marks, undo)
        named = dict.fromkeys(pictures, reason)
        if undo:
            marks = {index: why for index, why in marks.items() if index not in named}
        else:
            marks |= named
        if not splits.keys() - marks.keys():
            raise InputError("no picture would be left: mark fewer")
        for split in _emptied(splits, marks):
            reporter.warn(f"no picture of {split} is left: all are marked")
        owe(folder, as_written(manifest))
        begin(store, Marking(dict(sorted(marks.items()))))
        with Crew(workers_for(workers, manifest.pictures)) as crew:
            manifest = write_formats(store, manifest, ExportSettings(format=()), crew, reporter)
        report_again(store, manifest, reporter)
        return manifest


def indices_of(texts: Sequence[str]) -> list[int]:
    """The numbers and ranges (`15-20`, both ends in it) that a user wrote.

    Raises:
        InputError: some aren't any.
    """
    indices: dict[int, None] = {}
    wrong = []
    for text in (part for one in texts for part in one.split(",") if part.strip()):
        first, dash, last = text.strip().partition("-")
        whole = first.isdecimal() and (last.isdecimal() if dash else not last)
        short = whole and max(len(first), len(last)) <= DIGITS
        numbers = range(int(first), int(last or first) + 1) if short else range(0)
        if 0 < len(numbers) <= MOST:
            indices |= dict.fromkeys(numbers)
        else:
            wrong.append(text.strip())
    if wrong:
        raise InputError(
            f"{', '.join(map(repr, wrong))} won't do: pictures are named by their numbers, as in "
            "12 15-20"
        )
    return list(indices)


def _named(pictures: Sequence[int]) -> list[int]:
    """The numbers as Python's own. Raises InputError if they aren't any."""
    try:
        return [operator.index(one) for one in pictures]
    except TypeError:
        raise InputError(
            f"{pictures!r} won't do: give a list of whole numbers, as [12, 15]"
        ) from None


def _said(reason: str) -> str:
    """The reason as it can be written. Raises InputError if it isn't a text."""
    if not isinstance(reason, str):
        raise InputError(f"reason: {reason!r} won't do: it takes a text")
    return reason.encode(errors="replace").decode()  # a shell may have handed on half a letter


def _splits(store: Store) -> dict[int, str]:
    """The split of every picture that didn't fail, by index."""
    return {entry.index: entry.split for entry in store.entries() if not entry.failure}


def _check(
    pictures: Sequence[int], splits: Mapping[int, str], marks: Mapping[int, str], undo: bool
) -> None:
    """Raise InputError for pictures that aren't there, or not to be marked; names all of them."""
    if not pictures:
        raise InputError("no pictures are named: give their numbers, as in 12 15-20")
    known = splits.keys() | marks.keys() if undo else splits.keys()
    unknown = sorted(set(pictures) - known)
    if unknown:
        more = f" and {len(unknown) - TOLD:,} more" if len(unknown) > TOLD else ""
        shown = ", ".join(map(str, unknown[:TOLD])) + more
        raise InputError(
            f"there is no picture {shown}: numbers are those of the files (00000012.jpg is 12), "
            "without pictures that failed; nothing was marked"
        )


def _emptied(splits: Mapping[int, str], marks: Mapping[int, str]) -> Iterator[str]:
    """The splits of which all pictures are marked."""
    left = Counter(split for index, split in splits.items() if index not in marks)
    return (split for split in dict.fromkeys(splits.values()) if not left[split])
