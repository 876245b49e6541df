"""cutouts.jsonl: a line for each picture that cutouts were taken from, in order in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from infgen.records.taken import Piece, Taken
from infgen.sources.disk import told, write_file

FILE = "cutouts.jsonl"


class _Tables(msgspec.Struct, forbid_unknown_fields=True):
    """The last line: the hashes of the tables as infgen wrote them, by name."""

    tables: dict[str, str]


class Register:
    """The lines of the cutouts in `folder`, which this process has claimed. `tables` are the hashes
    of the tables as they were last written.

    Files are written before the line that names them, so that one that isn't there was taken out by
    somebody: it isn't made again. Broken lines are passed over.
    """

    def __init__(self, folder: Path):
        self._folder, self._path = folder, folder / FILE
        self.tables: dict[str, str] = {}
        self._lines = {one.picture: one for one in self._read()}
        self._file: IO[bytes] | None = None

    def _read(self) -> Iterator[Taken]:
        with told(self._path):
            lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for line in lines:
            with suppress(msgspec.DecodeError):
                self.tables = msgspec.json.decode(line, type=_Tables).tables
                continue
            with suppress(msgspec.DecodeError):
                yield msgspec.json.decode(line, type=Taken)

    def known(self, picture: str) -> Taken | None:
        """What became of a picture when it was last looked at; None if it never was."""
        return self._lines.get(picture)

    def all(self) -> list[Taken]:
        """Every line, by the pictures' names."""
        return [self._lines[name] for name in sorted(self._lines)]

    def pieces(self) -> list[Piece]:
        """The cutouts that are there."""
        found = (piece for one in self.all() for piece in one.pieces)
        return [piece for piece in found if (self._folder / piece.file).is_file()]

    @contextmanager
    def open(self) -> Iterator[None]:
        """For as long as lines are added: what isn't a good line leaves the file first."""
        self.close()
        with told(self._path):
            self._file = self._path.open("ab")
        try:
            yield
        finally:
            self._file.close()
            self._file = None

    def add(self, one: Taken) -> None:
        """Note what became of a picture."""
        assert self._file is not None
        self._lines[one.picture] = one
        with told(self._path):
            self._file.write(msgspec.json.encode(one) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Leave the file in order."""
        lines = [msgspec.json.encode(one) for one in (*self.all(), _Tables(self.tables))]
        write_file(self._path, b"".join(line + b"\n" for line in lines))
