"""The record files of a dataset: in index order, whole, and gone on with after any death."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count, groupby, pairwise
from pathlib import Path

import msgspec

from infgen.records.errors import FolderError
from infgen.records.sample import Entry
from infgen.sources.disk import told, write_file

PER_FILE = 1000  # pictures a record file covers


class Records:
    """The record files in `folder`. `firsts` are the first indices of the dataset's parts: each has
    record files of its own, so that those before it stay as they are. `reopen` takes the manifest
    away, before anything is changed that it speaks of."""

    def __init__(self, folder: Path, reopen: Callable[[], None]):
        self._folder, self._reopen = folder, reopen
        self.firsts: tuple[int, ...] = (0,)

    def gaps(self, total: int, backgrounds_kept: bool = False, first: int = 0) -> dict[int, str]:
        """The indices from `first` to before `total` without a good line, as for `mend`, each with
        the failure that its line tells of, if it does. Changes nothing."""
        gaps: dict[int, str] = {}
        for path, indices in self._shelves(first, total):
            data = _read(path)
            good = {index for index, _ in self._good_lines(data, backgrounds_kept)}
            failures = {entry.index: entry.failure for entry in _entries(data)}
            gaps |= {index: failures.get(index, "") for index in indices if index not in good}
        return gaps

    def mend(self, total: int, backgrounds_kept: bool = False, first: int = 0) -> list[int]:
        """Take out of the record files whatever isn't a good line, and return the indices from
        `first` to before `total` that have none, in order. With anything to mend or to make the
        manifest goes first.

        A line is good if it is whole, once, in order, and its picture is on disk; with
        `backgrounds_kept` its background too.
        """
        missing = []
        for path, indices in self._shelves(first, total):
            data = _read(path)
            good = {
                index: line
                for index, line in self._good_lines(data, backgrounds_kept)
                if index in indices
            }
            missing += [index for index in indices if index not in good]
            mended = b"".join(good[index] for index in sorted(good))
            if mended != data:
                self._reopen()
                write_file(path, mended)
        if missing:
            self._reopen()
        return missing

    @contextmanager
    def taken_out(self, indices: Collection[int]) -> Iterator[Iterator[bytes]]:
        """Remove the lines of these indices, which are to be written again, and give them, in
        order. Until they are wanted they are on disk, in a file that ends with this process."""
        if not indices:
            yield iter(())
            return
        with told(self._folder):
            aside = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed below)
        try:
            for number in sorted(set(map(self._number, indices))):
                path = self._record_file(number)
                left: list[bytes] = []
                taken: list[bytes] = []
                for line in _read(path).splitlines(keepends=True):
                    (taken if index_of(line) in indices else left).append(line)
                with told(self._folder):
                    aside.writelines(taken)
                    aside.flush()
                write_file(path, b"".join(left))
            aside.seek(0)
            yield aside
        finally:
            with suppress(OSError):  # what couldn't be written has been told already
                aside.close()

    def rename(self, indices: Collection[int], name: Callable[[Entry], str]) -> None:
        """Write another path of the picture, which `name` gives, into the lines of these indices;
        all else in them, and the lines of pictures that failed, stays as it is."""
        for path in sorted(self._folder.glob("samples-*.jsonl")):
            data = _read(path)
            lines = data.splitlines(keepends=True)
            for rank, line in enumerate(lines):
                with suppress(msgspec.DecodeError):  # it will be mended
                    if index_of(line) in indices and b'"failure":""' in line:
                        entry = msgspec.json.decode(line, type=Entry)
                        old, new = (b'"file":' + msgspec.json.encode(file)
                                    for file in (entry.file, name(entry)))  # fmt: skip
                        lines[rank] = line.replace(old, new, 1)
            if b"".join(lines) != data:
                write_file(path, b"".join(lines))

    def fill(self, missing: Sequence[int], lines: Iterator[bytes]) -> None:
        """Put `lines`, those of the `missing` indices that `mend` gave, where they belong.

        A record file is cut at its first gap and continued from there, line by line: whenever this
        is stopped, what is on disk is a good beginning.
        """
        for number, group in groupby(missing, self._number):
            self._fill_file(self._record_file(number), list(group), lines)
        if next(lines, None) is not None:
            raise ValueError("more pictures were made than were missing")

    def _fill_file(self, path: Path, missing: Sequence[int], lines: Iterator[bytes]) -> None:
        there = {index_of(line): line for line in _read(path).splitlines(keepends=True)}
        before = sum(len(line) for index, line in there.items() if index < missing[0])
        after = sorted({*missing, *(index for index in there if index > missing[0])})
        with told(path):
            file = path.open("r+b" if path.exists() else "wb")
            file.truncate(before)
            file.seek(before)
        try:
            for index in after:
                line = there.get(index) or next(lines)
                with told(path):
                    file.write(line)
                    file.flush()
            with told(path):
                os.fsync(file.fileno())
        finally:
            with suppress(OSError):  # what couldn't be written has been told already
                file.close()

    def lines(self) -> Iterator[bytes]:
        """Every record line, in index order."""
        for number in count():
            try:
                file = self._record_file(number).open("rb")
            except FileNotFoundError:
                return
            with file:
                yield from file

    def entries(self) -> Iterator[Entry]:
        """Every record, in index order; failed pictures included.

        Raises:
            FolderError: one isn't as infgen wrote it.
        """
        decoder = msgspec.json.Decoder(Entry)
        for number, line in enumerate(self.lines(), 1):
            try:
                entry = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise _broken(f"{self._folder}: record {number:,}", error) from None
            yield entry

    def _shelves(self, first: int, total: int) -> Iterator[tuple[Path, range]]:
        """The record files for the indices from `first` to before `total`, and which of these
        belong into each."""
        index = first
        while index < total:
            number, part = self._number(index), bisect_right(self.firsts, index)
            end = index + PER_FILE - (index - self.firsts[part - 1]) % PER_FILE
            end = min(end, total, *self.firsts[part : part + 1])
            yield self._record_file(number), range(index, end)
            index = end

    def _number(self, index: int) -> int:
        """The number of the record file that an index belongs into."""
        part = bisect_right(self.firsts, index)
        before = (-(-(end - first) // PER_FILE) for first, end in pairwise(self.firsts[:part]))
        return sum(before) + (index - self.firsts[part - 1]) // PER_FILE

    def _record_file(self, number: int) -> Path:
        return self._folder / f"samples-{number:05d}.jsonl"

    def _good_lines(self, data: bytes, backgrounds_kept: bool) -> Iterator[tuple[int, bytes]]:
        """The good lines of a record file, with their indices."""
        decoder = msgspec.json.Decoder(Entry)
        for line in data.splitlines(keepends=True):
            try:
                entry = decoder.decode(line)
            except msgspec.DecodeError:
                continue
            whole = line.endswith(b"\n") and not entry.failure
            enough = entry.background_file or not backgrounds_kept
            if whole and enough and self._is_there(entry):
                yield entry.index, line

    def _is_there(self, entry: Entry) -> bool:
        try:
            kept = entry.background_file
            return self._is_whole(entry) and (not kept or (self._folder / kept).stat().st_size > 0)
        except OSError:
            return False

    def _is_whole(self, entry: Entry) -> bool:
        """Whether a picture's files are as long as they should be, or the archive as it must at
        least be: that was whole when it got its name."""
        if entry.pack:
            return (self._folder / entry.pack).stat().st_size >= entry.at + entry.bytes
        files = {entry.file: entry.bytes, **entry.beside}
        return all((self._folder / file).stat().st_size == size for file, size in files.items())


def index_of(line: bytes) -> int:
    """The index of a record's line, of which nothing else is decoded.

    Raises:
        FolderError: it isn't as infgen wrote it.
    """
    try:
        return msgspec.json.decode(line, type=_Index).index
    except msgspec.DecodeError as error:
        raise _broken("the dataset: a record", error) from None


def _broken(what: str, error: msgspec.DecodeError) -> FolderError:
    return FolderError(
        f"{what} in its samples-*.jsonl isn't as infgen wrote it ({error}): run the command that "
        "made the dataset again: it makes that picture anew"
    )


class _Index(msgspec.Struct):
    index: int


def _entries(data: bytes) -> Iterator[Entry]:
    """The records of a file's lines, as far as they can be read."""
    decoder = msgspec.json.Decoder(Entry)
    for line in data.splitlines():
        with suppress(msgspec.DecodeError):
            yield decoder.decode(line)


def _read(path: Path) -> bytes:
    with told(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
