"""bank.jsonl: a line for each try at a cutout, added to as they are made, in order in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from infgen.records.cutout import GOOD, TAKEN_OUT, Cutout
from infgen.sources.disk import told, write_file

FILE = "bank.jsonl"


class Ledger:
    """The tries of the bank in `folder`, which this process has claimed.

    A file is written before its line, so that a good line without its file means that somebody has
    taken the cutout out: it isn't made again. Broken lines, and those of tries that failed or left
    an empty file, are passed over, and their tries made again.
    """

    def __init__(self, folder: Path):
        self._folder, self._path = folder, folder / FILE
        self._tries: dict[str, dict[int, Cutout]] = {}
        for one in self._read():
            self._tries.setdefault(one.name, {})[one.number] = one
        self._file: IO[bytes] | None = None

    def _read(self) -> Iterator[Cutout]:
        with told(self._path):
            lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for line in lines:
            try:
                one = msgspec.json.decode(line, type=Cutout)
            except msgspec.DecodeError:
                continue
            if one.failed:
                continue
            path = self._folder / one.file
            if one.verdict == GOOD and not path.is_file():
                one = msgspec.structs.replace(one, verdict=TAKEN_OUT)
            elif one.verdict == GOOD and path.stat().st_size == 0:
                continue
            yield one

    def all(self) -> list[Cutout]:
        """Every try, by class and number."""
        return [tries[n] for _, tries in sorted(self._tries.items()) for n in sorted(tries)]

    def good(self, name: str) -> list[Cutout]:
        """The cutouts of a class that are there, by number."""
        tries = self._tries.get(name, {})
        return [tries[number] for number in sorted(tries) if tries[number].verdict == GOOD]

    def missing(self, name: str, wanted: int, most: int) -> list[int]:
        """The tries to make next, so that the class may have `wanted` good ones: as many as it
        lacks, the lowest numbers first, none from `most` on. Whatever an earlier run was stopped
        at, these are tries that one without a stop would have made, too."""
        lacking = wanted - len(self.good(name))
        open_ones = (n for n in range(most) if n not in self._tries.get(name, {}))
        return [number for number, _ in zip(open_ones, range(lacking), strict=False)]

    def verdicts(self, name: str) -> Mapping[str, int]:
        """How often each verdict was given for a class."""
        return Counter(one.verdict for one in self._tries.get(name, {}).values())

    @contextmanager
    def open(self) -> Iterator[None]:
        """For as long as tries are added: what isn't a good line leaves the file first."""
        self.close()
        with told(self._path):
            self._file = self._path.open("ab")
        try:
            yield
        finally:
            self._file.close()
            self._file = None

    def add(self, one: Cutout) -> None:
        """Note a try that was made."""
        assert self._file is not None
        self._tries.setdefault(one.name, {})[one.number] = one
        with told(self._path):
            self._file.write(msgspec.json.encode(one) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Leave the file in order."""
        write_file(self._path, b"".join(msgspec.json.encode(one) + b"\n" for one in self.all()))
