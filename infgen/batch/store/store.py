"""A dataset's folder: claimed, and finished last."""

from __future__ import annotations

import errno
import json
import socket
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from infgen.batch.ledger import FILE as LEDGER
from infgen.batch.owed import as_written, owe
from infgen.batch.register import FILE as REGISTER
from infgen.batch.store.pinned import Pinned, told_differences
from infgen.batch.store.records import Records
from infgen.records.errors import FolderBusy, FolderError, InfgenError, InputError, Problem
from infgen.records.manifest import Manifest, Part
from infgen.records.sample import Entry
from infgen.sources.disk import (
    leftovers_cleared,
    part_name,
    storage_error,
    told,
    write_file,
)

RECORD, MANIFEST, LOCK, LOG = "run.toml", "manifest.json", ".lock", "run.log"
PARTS, APPENDING = "parts.json", ".appending"
DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class Store:
    """The dataset in `folder`, with its `records`. Nothing is touched until `claimed`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.records = Records(folder, self.reopen)

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
        """Hold the folder for this process alone. What was left half written by those before it is
        gone in the end.

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
            with leftovers_cleared(self.folder, (RECORD, LOCK)):
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
        """Whether the run that appended last was stopped before anybody knew of its end."""
        return (self.folder / APPENDING).exists()

    def settle(self) -> None:
        """Leave no trace of having appended but what was made: the last thing that is done, when
        the user knows of it, for until then the same command goes on instead of appending again."""
        path = self.folder / APPENDING
        with told(path):
            path.unlink(missing_ok=True)

    # ---- what is in it -----------------------------------------------------------------------

    def lines(self) -> Iterator[bytes]:
        """Every record line, in index order."""
        return self.records.lines()

    def entries(self) -> Iterator[Entry]:
        """Every record, in index order; failed pictures included.

        Raises:
            FolderError: one isn't as infgen wrote it.
        """
        return self.records.entries()

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


def _cant_claim(folder: Path, error: OSError) -> InfgenError:
    if error.errno in DISK_TROUBLE:
        return storage_error(folder, error)
    return FolderError(
        f"can't write in {folder} ({error.strerror or error}): choose another --out or mend its "
        "permissions"
    )
