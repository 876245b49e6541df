"""A dataset's folder: claimed, filled in index order, resumed after any death, finished last.

run.toml             first: the settings, and the fingerprint that a later run must match
parts.json           what each run made or is to make, where the dataset was appended to
append-0001.toml     the settings of what was appended, and its record
images/SPLIT/*       each picture whole or not there (or in packs/*: each archive)
samples-00000.jsonl  a line per picture, after its picture; a file per 1,000 indices of a part
marks.json           the pictures that are to be kept out of the formats (see batch.marks)
.formats             the formats that are to be written anew (see batch.owed)
manifest.json        last: while it is missing, the dataset isn't finished
README.md, report/*  what people look at, written after all (see batch.report)
run.log              times, hosts, tracebacks: no part of the dataset
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count, groupby, pairwise
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from infgen.batch.ledger import FILE as LEDGER
from infgen.batch.owed import as_written, owe
from infgen.batch.register import FILE as REGISTER
from infgen.records.errors import FolderBusy, FolderError, InfgenError, InputError, Problem
from infgen.records.manifest import Manifest, Part
from infgen.records.sample import Entry
from infgen.sources.disk import part_name, storage_error, told, write_file

PER_FILE = 1000  # pictures a record file covers
RECORD, MANIFEST, LOCK, LOG = "run.toml", "manifest.json", ".lock", "run.log"
PARTS, APPENDING = "parts.json", ".appending"
SHOWN_DIFFERENCES = 8
DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class Pinned(msgspec.Struct, frozen=True):
    """The `record` table of run.toml: what holds for every later run in the folder.

    `methods` say how each class is painted, by class name, in the order of the rows, and `prompts`
    what it is; `eyes` which models look at it, by role; `fingerprint` is what must not differ;
    `backgrounds_kept` means that every background is kept without its objects.
    """

    infgen: str = ""
    backgrounds_kept: bool = False
    methods: dict[str, str] = {}
    prompts: dict[str, str] = {}
    eyes: dict[str, str] = {}
    fingerprint: dict[str, str] = {}


class Store:
    """The dataset in `folder`. Nothing is touched until `claimed`. `firsts` are the first indices
    of its parts: each has record files of its own, so that those before it stay as they are."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.firsts: tuple[int, ...] = (0,)

    # ---- whose folder is it ------------------------------------------------------------------

    def pinned(self) -> Pinned | None:
        """What run.toml holds; None if infgen hasn't been here.

        Raises:
            FolderError: the folder holds files, and infgen didn't make them.
        """
        path = self.folder / RECORD
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")).get("record")
            return msgspec.convert(table, Pinned)
        except FileNotFoundError:
            self._refuse_foreign()
            return None
        except NotADirectoryError:
            raise FolderError(f"{self.folder} is not a folder: choose another --out") from None
        except OSError as error:
            raise FolderError(f"{path} can't be read ({error.strerror or error}): choose another "
                              "--out or mend its permissions") from None  # fmt: skip
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError):
            raise FolderError(f"{path} isn't as infgen wrote it: choose another --out") from None

    def _refuse_foreign(self) -> None:
        """Raise FolderError if there is anything here but what a run leaves before its run.toml."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise FolderError(f"{self.folder} is not a folder: choose another --out")
        ours = {LOCK, part_name(self.folder / RECORD).name}
        found = sorted({entry.name for entry in self.folder.iterdir()} - ours)
        if found:
            names = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            raise FolderError(
                f"{self.folder} holds files that infgen didn't make ({names}): choose another "
                "--out, or an empty folder"
            )

    def parts(self) -> tuple[Part, ...]:
        """What each run made of a dataset that was appended to; none if it wasn't.

        Raises:
            FolderError: parts.json isn't as infgen wrote it.
        """
        path = self.folder / PARTS
        try:
            return msgspec.json.decode(path.read_bytes(), type=tuple[Part, ...])
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise FolderError(f"{path} isn't as infgen wrote it ({error}): put back a copy of it, "
                              "or choose another --out") from None  # fmt: skip

    def check(self, fingerprint: Mapping[str, str], or_else: str = "") -> None:
        """Make sure that what is here, if anything, was made for the same dataset. `or_else` is a
        further remedy.

        Raises:
            FolderError: it wasn't; the message names every difference.
        """
        pinned = self.pinned()
        differences = told_differences(pinned.fingerprint, fingerprint) if pinned else ""
        if differences:
            raise FolderError(
                f"{self.folder} holds a dataset that was made otherwise: {differences}: "
                f"choose another --out, or give what it was made with{or_else}"
            )

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder for this process alone.

        Raises:
            FolderBusy: another run is at work in it.
            FolderError: it can't be made or written.
            StorageError: the disk is full or broken.
        """
        lock = FileLock(self.folder / LOCK, timeout=0.3)  # a run may be just about to end
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise FolderBusy(
                f"another infgen run is at work in {self.folder}: wait for it or choose another "
                "--out"
            ) from None
        except OSError as error:
            raise _cant_claim(self.folder, error) from None
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that is open; it does no harm there
                (self.folder / LOCK).unlink()  # while it is held: nobody can have got it meanwhile
            lock.release()

    def begin(self, record: bytes, pinned: Pinned) -> None:
        """Write run.toml, unless the one there pins the same.

        Raises:
            FolderError: it was written for another dataset.
        """
        self.check(pinned.fingerprint)
        known = self.pinned()
        if not known or known.backgrounds_kept != pinned.backgrounds_kept:
            write_file(self.folder / RECORD, record)

    def begin_part(self, parts: Sequence[Part], record: bytes) -> None:
        """Write what the parts are, the last of which is to be made, and its run's `record`."""
        write_file(self.folder / append_file(len(parts) - 1), record)
        self.write_parts(parts)
        write_file(self.folder / APPENDING, b"")

    def write_parts(self, parts: Sequence[Part]) -> None:
        """Write what the parts are."""
        write_file(self.folder / PARTS, msgspec.json.encode(parts) + b"\n")

    def was_appending(self) -> bool:
        """Whether the run that appended last was stopped before its very end."""
        return (self.folder / APPENDING).exists()

    def settle(self) -> None:
        """Leave no trace of having appended but what was made: the last thing that a run does, for
        without it the same command goes on instead of appending again."""
        path = self.folder / APPENDING
        with told(path):
            path.unlink(missing_ok=True)

    # ---- record files ------------------------------------------------------------------------

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
                self.reopen()
                write_file(path, mended)
        if missing:
            self.reopen()
        return missing

    def take_out(self, indices: Collection[int]) -> None:
        """Remove the lines of these indices, which are to be made again."""
        for number in sorted({index // PER_FILE for index in indices}):
            path = self._record_file(number)
            data = _read(path)
            lines = data.splitlines(keepends=True)
            left = b"".join(line for line in lines if index_of(line) not in indices)
            if left != data:
                write_file(path, left)

    def rename(self, indices: Collection[int], name: Callable[[Entry], str]) -> None:
        """Write another path of the picture, which `name` gives, into the lines of these indices;
        all else in them, and the lines of pictures that failed, stays as it is."""
        for path in sorted(self.folder.glob("samples-*.jsonl")):
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
                raise FolderError(
                    f"{self.folder}: record {number:,} in its samples-*.jsonl isn't as infgen "
                    f"wrote it ({error}): run the command that made the dataset again: it makes "
                    "that picture anew"
                ) from None
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
        return self.folder / f"samples-{number:05d}.jsonl"

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
            return self._is_whole(entry) and (not kept or (self.folder / kept).stat().st_size > 0)
        except OSError:
            return False

    def _is_whole(self, entry: Entry) -> bool:
        """Whether a picture's files are as long as they should be, or the archive as it must at
        least be: that was whole when it got its name."""
        if entry.pack:
            return (self.folder / entry.pack).stat().st_size >= entry.at + entry.bytes
        files = {entry.file: entry.bytes, **entry.beside}
        return all((self.folder / file).stat().st_size == size for file, size in files.items())

    # ---- the finish line ---------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """The finished dataset's manifest; None while there is none."""
        path = self.folder / MANIFEST
        try:
            return msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise FolderError(
                f"{path} can't be understood ({error}): delete it and run again"
            ) from None

    def reopen(self) -> None:
        """Take the manifest away: the dataset is being worked on again. The formats that it lists
        are to be written anew."""
        path = self.folder / MANIFEST
        with suppress(FolderError):  # nobody can know what a broken one has listed
            if manifest := self.manifest():
                owe(self.folder, as_written(manifest))
        with told(path):
            path.unlink(missing_ok=True)

    def finish(self, manifest: Manifest) -> None:
        """Write classes.txt, and then the manifest, last of all."""
        names = "".join(f"{one.name}\n" for one in manifest.classes)
        write_file(self.folder / "classes.txt", names.encode())
        text = json.dumps(msgspec.to_builtins(manifest), indent=1, ensure_ascii=False)
        write_file(self.folder / MANIFEST, text.encode() + b"\n")

    def log(self, event: str, **facts: Any) -> None:
        """Add a line to run.log: what isn't the same from run to run."""
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "host": socket.gethostname(),
                "event": event, **facts}  # fmt: skip
        path = self.folder / LOG
        with told(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def open_finished(folder: Path) -> tuple[Store, Manifest]:
    """A finished dataset, to export or to look at.

    Raises:
        InputError: there is none, or its run hasn't finished.
    """
    store = Store(folder)
    manifest = store.manifest()
    if manifest is None:
        state = (
            "its run hasn't finished: run the same command again first"
            if (folder / RECORD).exists()
            else "there is no infgen dataset here (no manifest.json)"
        )
        raise InputError(Problem(state, str(folder)))
    if (folder / LEDGER).exists() or (folder / REGISTER).exists():
        text = "this is a bank of cutouts, and no dataset: run --method paste makes one of them"
        raise InputError(Problem(text, str(folder)))
    return store, manifest


def append_file(number: int) -> str:
    """The name of the file that holds the settings of a part, from 1 on."""
    return f"append-{number:04d}.toml"


def told_differences(known: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What differs between two fingerprints, in words, as far as there is room; empty for none."""
    differences = _differences(known, wanted)
    shown = differences[:SHOWN_DIFFERENCES]
    if len(differences) > len(shown):
        shown.append(f"and {len(differences) - len(shown)} more")
    return "; ".join(shown)


def _entries(data: bytes) -> Iterator[Entry]:
    """The records of a file's lines, as far as they can be read."""
    decoder = msgspec.json.Decoder(Entry)
    for line in data.splitlines():
        with suppress(msgspec.DecodeError):
            yield decoder.decode(line)


def index_of(line: bytes) -> int:
    """The index of a record's line, of which nothing else is decoded."""
    return msgspec.json.decode(line, type=_Index).index


class _Index(msgspec.Struct):
    index: int


def _read(path: Path) -> bytes:
    with told(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""


def _cant_claim(folder: Path, error: OSError) -> InfgenError:
    if error.errno in DISK_TROUBLE:
        return storage_error(folder, error)
    return FolderError(
        f"can't write in {folder} ({error.strerror or error}): choose another --out or mend its "
        "permissions"
    )


def _differences(known: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Sentences for what differs between two fingerprints; hashes aren't shown."""
    differences = []
    for key in dict.fromkeys([*known, *wanted]):
        old, new = known.get(key), wanted.get(key)
        if old == new:
            continue
        if old is None or new is None:
            differences.append(f"{key} is {'new' if old is None else 'gone'}")
        elif len(old) == 64:
            differences.append(f"{key} has changed")
        else:
            differences.append(f"{key} was {old} and is now {new}")
    return differences
