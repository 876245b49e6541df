"""A dataset's folder: claimed, filled in index order, resumed after any death, finished last.

run.toml             first: the settings, and the fingerprint that a later run must match
images/SPLIT/*       each picture whole or not there
samples-00000.jsonl  a line per picture, after its picture; a file per 1,000 indices
manifest.json        last: while it is missing, the dataset isn't finished
run.log              times, hosts, tracebacks: no part of the dataset
"""

from __future__ import annotations

import json
import os
import socket
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from infgen.records.errors import FolderError, InputError, Problem
from infgen.records.manifest import Manifest
from infgen.records.sample import Entry
from infgen.sources.disk import part_name, storage_error, write_file

PER_FILE = 1000  # pictures a record file covers
RECORD, MANIFEST, LOCK, LOG = "run.toml", "manifest.json", ".lock", "run.log"


class Store:
    """The dataset in `folder`. Nothing is touched until `claim`."""

    def __init__(self, folder: Path):
        self.folder = folder

    # ---- whose folder is it ------------------------------------------------------------------

    def recorded(self) -> dict[str, Any]:
        """The `record` table of the folder's run.toml; empty if infgen hasn't been here.

        Raises:
            FolderError: the folder holds files, and infgen didn't make them.
        """
        try:
            return tomllib.loads((self.folder / RECORD).read_text(encoding="utf-8"))["record"]
        except FileNotFoundError:
            pass
        except NotADirectoryError:
            raise FolderError(f"{self.folder} is not a folder: choose another --out") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
            raise FolderError(f"{self.folder / RECORD} can't be understood ({error}): choose another "
                              "--out") from None  # fmt: skip
        if self.folder.exists():
            if not self.folder.is_dir():
                raise FolderError(f"{self.folder} is not a folder: choose another --out")
            ours = {LOCK, LOG, part_name(self.folder / RECORD).name}
            if {entry.name for entry in self.folder.iterdir()} - ours:
                raise FolderError(
                    f"{self.folder} holds files that infgen didn't make: choose another --out, or "
                    "an empty folder"
                )
        return {}

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder for this process alone.

        Raises:
            FolderError: another run is at work in it, or it can't be made or written.
        """
        lock = self.folder / LOCK
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = FileLock(lock, timeout=0)
            held.acquire()
        except Timeout:
            raise FolderError(
                f"another infgen run is at work in {self.folder}: wait for it or choose another --out"
            ) from None
        except OSError as error:
            raise FolderError(f"can't write in {self.folder} ({error.strerror or error}): choose "
                              "another --out or mend its permissions") from None  # fmt: skip
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            held.release()

    def begin(self, record: bytes, fingerprint: Mapping[str, str]) -> None:
        """Write run.toml, or make sure that the one there was written for the same dataset.

        Raises:
            FolderError: it wasn't; the message names every difference.
        """
        known = self.recorded()
        if not known:
            write_file(self.folder / RECORD, record)
            return
        differences = _differences(known.get("fingerprint", {}), fingerprint)
        if differences:
            raise FolderError(
                f"{self.folder} holds a dataset that was made otherwise: {'; '.join(differences)}: "
                "choose another --out, or give what it was made with"
            )

    # ---- record files ------------------------------------------------------------------------

    def missing(self, count: int, is_kept: Callable[[Entry], bool]) -> list[int]:
        """The indices below `count` that have no good record line yet, in order."""
        missing = []
        for number in range(-(-count // PER_FILE)):
            kept = self._good_lines(number, is_kept)
            missing += [i for i in _indices(number, count) if i not in kept]
        return missing

    def fill(
        self, count: int, is_kept: Callable[[Entry], bool], lines: Iterator[bytes]
    ) -> Iterator[bytes]:
        """Put `lines`, those of `missing` in order, where they belong, and yield each one once it
        is on disk.

        A record file is cut at its first gap and continued from there, line by line: whenever this
        is stopped, what is on disk is a good beginning.
        """
        for number in range(-(-count // PER_FILE)):
            indices = _indices(number, count)
            kept = self._good_lines(number, is_kept)
            if len(kept) == len(indices):
                continue
            path = self._record_file(number)
            prefix = next(i for i in range(len(indices) + 1) if indices.start + i not in kept)
            length = sum(len(kept[indices.start + i]) for i in range(prefix))
            try:
                with path.open("r+b" if path.exists() else "wb") as file:
                    file.truncate(length)
                    file.seek(length)
                    for index in indices[prefix:]:
                        line = kept.get(index)
                        fresh = line is None
                        line = line if line is not None else next(lines)
                        file.write(line)
                        file.flush()
                        if fresh:
                            yield line
                    os.fsync(file.fileno())
            except OSError as error:
                raise storage_error(path, error) from error
        if next(lines, None) is not None:
            raise ValueError("more pictures were made than were missing")

    def lines(self) -> Iterator[bytes]:
        """Every record line, in index order."""
        for path in sorted(self.folder.glob("samples-*.jsonl")):
            with path.open("rb") as file:
                yield from file

    def entries(self) -> Iterator[Entry]:
        """Every record, in index order; failed pictures included."""
        decoder = msgspec.json.Decoder(Entry)
        return (decoder.decode(line) for line in self.lines())

    def _record_file(self, number: int) -> Path:
        return self.folder / f"samples-{number:05d}.jsonl"

    def _good_lines(self, number: int, is_kept: Callable[[Entry], bool]) -> dict[int, bytes]:
        """The whole lines of a record file whose picture is there, by index."""
        try:
            data = self._record_file(number).read_bytes()
        except FileNotFoundError:
            return {}
        good, decoder = {}, msgspec.json.Decoder(Entry)
        for line in data.splitlines(keepends=True):
            try:
                entry = decoder.decode(line)
            except msgspec.DecodeError:
                continue
            whole = line.endswith(b"\n") and not entry.failure
            if whole and self._is_there(entry) and is_kept(entry):
                good[entry.index] = line
        return good

    def _is_there(self, entry: Entry) -> bool:
        try:
            size = (self.folder / entry.file).stat().st_size
            return size == entry.bytes and (
                not entry.background_file or (self.folder / entry.background_file).exists()
            )
        except OSError:
            return False

    # ---- the finish line ---------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """The finished dataset's manifest; None while there is none."""
        try:
            return msgspec.json.decode((self.folder / MANIFEST).read_bytes(), type=Manifest)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise FolderError(f"{self.folder / MANIFEST} can't be understood: {error}") from None

    def reopen(self) -> None:
        """Take the manifest away: the dataset is being worked on again."""
        (self.folder / MANIFEST).unlink(missing_ok=True)

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
        try:
            with (self.folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise storage_error(self.folder / LOG, error) from error


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
    return store, manifest


def _indices(number: int, count: int) -> range:
    return range(number * PER_FILE, min((number + 1) * PER_FILE, count))


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
