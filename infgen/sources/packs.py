"""Archives of pictures: written in one go, alike every time, and read from without unpacking.

Files are stored as they are: JPEG and PNG are compressed already. No time and no owner gets in, so
that the same files make the same archive.
"""

from __future__ import annotations

import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from os import SEEK_CUR
from pathlib import Path
from typing import Protocol

from infgen.records.sample import Entry
from infgen.sources.disk import streamed_file

Data = bytes | memoryview
Add = Callable[[str, Data], int]


class _Archive(Protocol):
    def __init__(self, write: Callable[[bytes], object]): ...

    def add(self, name: str, data: Data) -> int: ...

    def close(self) -> None: ...


@contextmanager
def packed_file(path: Path, kind: str) -> Iterator[Add]:
    """A function that adds a file to the archive at `path` and tells where its bytes begin; `kind`
    is a row of PACKS. The archive gets its name only when the block ends well, and is whole then.

    Raises StorageError as sources.disk.streamed_file does.
    """
    with streamed_file(path) as write:
        archive = PACKS[kind](write)
        yield archive.add
        archive.close()


def picture_bytes(folder: Path, entry: Entry) -> bytes:
    """The picture's file in the dataset at `folder`, packed or not. Raises OSError."""
    if not entry.pack:
        return (folder / entry.file).read_bytes()
    with (folder / entry.pack).open("rb") as file:
        file.seek(entry.at)
        return file.read(entry.bytes)


def archive_of(path: Path) -> Path | None:
    """The archive that a path leads into, as packs/batch1.zip/images/train/00000000.jpg does."""
    archives = (one for one in path.parents if one.suffix[1:] in PACKS and one.is_file())
    return next(archives, None)


def file_bytes(path: Path) -> bytes:
    """A file, which may be in an archive. Raises OSError."""
    archive = archive_of(path)
    if archive is None:
        return path.read_bytes()
    at, size = _place(archive, path)
    with archive.open("rb") as file, _undamaged(archive):
        file.seek(at)
        if archive.suffix == ".zip":
            *_, name, more = _LOCAL.unpack(file.read(_LOCAL.size))
            file.seek(name + more, SEEK_CUR)
        return file.read(size)


def file_length(path: Path) -> int:
    """How many bytes a file has, which may be in an archive. Raises OSError."""
    archive = archive_of(path)
    return path.stat().st_size if archive is None else _place(archive, path)[1]


def files_in(archive: Path) -> list[Path]:
    """The paths that lead to the files in an archive. Raises OSError."""
    return [archive / name for name in _places(archive, archive.stat().st_mtime_ns)]


def _place(archive: Path, path: Path) -> tuple[int, int]:
    """A row of _places. Raises OSError."""
    places = _places(archive, archive.stat().st_mtime_ns)
    name = path.relative_to(archive).as_posix()
    if name not in places:
        raise OSError(f"{archive} doesn't hold {name}")
    return places[name]


@lru_cache(maxsize=32)  # backgrounds are drawn from all of them; a thousand files take 0.2 MB
def _places(archive: Path, changed: int) -> dict[str, tuple[int, int]]:
    """Where the files in an archive begin (in a zip: their headers), and their bytes, by name.

    Raises:
        OSError: it is damaged, or somebody else's and compressed.
    """
    with _undamaged(archive):
        if archive.suffix == ".tar":
            with tarfile.open(archive, "r:") as tar:
                return _places_in(tar)
        with zipfile.ZipFile(archive) as packed:
            files = [one for one in packed.infolist() if not one.is_dir()]
        if any(one.compress_type or one.flag_bits & _LOCKED for one in files):
            raise OSError(f"{archive} is compressed, or encrypted: unpack it")
        return {_inside(one.filename): (one.header_offset, one.file_size) for one in files}


def _places_in(tar: tarfile.TarFile) -> dict[str, tuple[int, int]]:
    places: dict[str, tuple[int, int]] = {}
    for one in tar:
        if one.isreg():
            places[_inside(one.name)] = one.offset_data, one.size
        elif one.islnk() and (place := places.get(_inside(one.linkname))):
            places[_inside(one.name)] = place  # a further name of a file before it
    return places


def _inside(name: str) -> str:
    """A file's name as a path into its archive ends: ./a, /a and ../a are a there."""
    return posixpath.normpath(f"/{name}").lstrip("/")


@contextmanager
def _undamaged(archive: Path) -> Iterator[None]:
    """A block that reads an archive: what it can't be read for becomes an OSError."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, struct.error, ValueError, RuntimeError) as error:
        raise OSError(f"{archive} is damaged: {error}") from error


# ---- zip -----------------------------------------------------------------------------------------

MOST_ENTRIES, MOST_BYTES = 0xFFFF, 0xFFFFFFFF  # for more the format has further fields (zip64)
_LOCAL, _ENTRY = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I")
_END, _END64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q")
_LOCATOR, _FAR = struct.Struct("<4sIQI"), struct.Struct("<2HQ")
_PLAIN, _LARGE = 20, 45  # the version that a reader must understand
_MADE_ON_UNIX = 3 << 8 | _LARGE
_DAY, _TIME = 33, 0  # 1980-01-01, the first there is
_LOCKED, _UTF8 = 1, 1 << 11
_MODE = 0o100644 << 16  # a file that all may read


class _Zip:
    """As PKWARE's APPNOTE.TXT 6.3.10 describes it, without compression; each file up to 4 GiB."""

    def __init__(self, write: Callable[[bytes], object]):
        self._write, self._at, self._count = write, 0, 0
        self._directory: list[bytes] = []

    def add(self, name: str, data: Data) -> int:
        path, size, check = name.encode(), len(data), zlib.crc32(data)
        facts = (_UTF8, 0, _TIME, _DAY, check, size, size, len(path))
        head = _LOCAL.pack(b"PK\3\4", _PLAIN, *facts, 0) + path
        far = _FAR.pack(1, 8, self._at) if self._at >= MOST_BYTES else b""
        needed, place = (_LARGE, MOST_BYTES) if far else (_PLAIN, self._at)
        tail = (len(far), 0, 0, 0, _MODE, place)
        self._directory.append(
            _ENTRY.pack(b"PK\1\2", _MADE_ON_UNIX, needed, *facts, *tail) + path + far
        )
        begin = self._at + len(head)
        self._write(head + data)
        self._at = begin + size
        return begin

    def close(self) -> None:
        """Write the directory, and where it is."""
        count, begin, directory = len(self._directory), self._at, b"".join(self._directory)
        self._write(directory)
        if count >= MOST_ENTRIES or begin + len(directory) >= MOST_BYTES:
            facts = (44, _LARGE, _LARGE, 0, 0, count, count, len(directory), begin)
            self._write(_END64.pack(b"PK\6\6", *facts))
            self._write(_LOCATOR.pack(b"PK\6\7", 0, begin + len(directory), 1))
        count = min(count, MOST_ENTRIES)
        size, begin = min(len(directory), MOST_BYTES), min(begin, MOST_BYTES)
        self._write(_END.pack(b"PK\5\6", 0, 0, count, count, size, begin, 0))


# ---- tar -----------------------------------------------------------------------------------------


class _Tar:
    """As POSIX describes it (ustar)."""

    def __init__(self, write: Callable[[bytes], object]):
        self._write, self._at = write, 0

    def add(self, name: str, data: Data) -> int:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        begin = self._at + tarfile.BLOCKSIZE
        padding = -len(data) % tarfile.BLOCKSIZE
        self._write(b"".join((info.tobuf(tarfile.USTAR_FORMAT), data, bytes(padding))))
        self._at = begin + len(data) + padding
        return begin

    def close(self) -> None:
        """Two empty blocks, and on to a whole record."""
        self._write(bytes(-(self._at + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE))
        self._write(bytes(2 * tarfile.BLOCKSIZE))


PACKS: dict[str, type[_Archive]] = {"zip": _Zip, "tar": _Tar}
