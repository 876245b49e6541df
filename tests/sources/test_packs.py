"""Archives, as Python's own readers see them."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from infgen.records.plan import BackgroundPlan
from infgen.records.sample import Entry
from infgen.sources.packs import (
    MOST_BYTES,
    MOST_ENTRIES,
    PACKS,
    _Zip,
    file_bytes,
    files_in,
    packed_file,
    picture_bytes,
)

FILES = {
    "fg_bg_jpg/1.jpg": b"\xff\xd8 one",
    "mask_jpg/größe 1.jpg": b"",
    "fg_bg_jpg/2.jpg": bytes(range(256)) * 40,
}


def pack(path: Path, kind: str, files: dict[str, bytes]) -> dict[str, int]:
    with packed_file(path, kind) as add:
        return {name: add(name, memoryview(data)) for name, data in files.items()}


def unpacked(path: Path) -> dict[str, bytes]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as archive:
        members = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        return {name: file.read() for name, file in members.items() if file}


@pytest.mark.parametrize("kind", PACKS)
@pytest.mark.parametrize("files", [FILES, {}])
def test_readers_find_what_was_added(tmp_path: Path, kind: str, files: dict[str, bytes]) -> None:
    path = tmp_path / f"deeper/pack.{kind}"
    places = pack(path, kind, files)
    assert unpacked(path) == files
    raw = path.read_bytes()
    for name, data in files.items():
        assert raw[places[name] : places[name] + len(data)] == data


@pytest.mark.parametrize("kind", PACKS)
def test_the_same_files_make_the_same_archive(tmp_path: Path, kind: str) -> None:
    pack(tmp_path / "one", kind, FILES)
    pack(tmp_path / "other", kind, FILES)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("kind", PACKS)
def test_an_archive_is_there_as_a_whole_or_not_at_all(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pack"
    with pytest.raises(KeyError), packed_file(path, kind) as add:
        add("a", memoryview(b"1"))
        raise KeyError
    assert not path.exists()
    pack(path, kind, FILES)
    with pytest.raises(KeyError), packed_file(path, kind) as add:
        raise KeyError
    assert path.stat().st_size > 10_000


def test_a_zip_may_hold_more_files_than_the_old_format_counts(tmp_path: Path) -> None:
    files = {f"{number}": b"%d" % number for number in range(MOST_ENTRIES + 7)}
    pack(tmp_path / "pack.zip", "zip", files)
    assert unpacked(tmp_path / "pack.zip") == files


def test_a_zip_may_be_larger_than_the_old_format_measures(tmp_path: Path) -> None:
    """Beyond 4 GiB of nothing, which takes no room on most disks."""
    path = tmp_path / "pack.zip"
    with path.open("wb") as file:
        archive = _Zip(file.write)
        archive.add("near", memoryview(b"before"))
        archive._at = file.seek(MOST_BYTES + 5)
        place = archive.add("far", memoryview(b"behind"))
        archive.close()
    assert place > MOST_BYTES
    assert unpacked(path) == {"near": b"before", "far": b"behind"}


@pytest.mark.parametrize("kind", PACKS)
def test_a_picture_is_read_where_its_record_says(tmp_path: Path, kind: str) -> None:
    places = pack(tmp_path / f"pack.{kind}", kind, FILES)
    (tmp_path / "loose.jpg").write_bytes(b"loose")
    fields = {"index": 0, "split": "train", "size": (4, 4), "background": BackgroundPlan(0, 0)}
    for name, data in FILES.items():
        entry = Entry(**fields, file=name, bytes=len(data), pack=f"pack.{kind}", at=places[name])
        assert picture_bytes(tmp_path, entry) == data
    assert picture_bytes(tmp_path, Entry(**fields, file="loose.jpg", bytes=5)) == b"loose"


@pytest.mark.parametrize("kind", PACKS)
def test_a_path_leads_into_an_archive(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"pack.{kind}"
    pack(path, kind, FILES)
    assert {name: file_bytes(path / name) for name in FILES} == FILES
    with pytest.raises(OSError, match=r"pack\.\w+ doesn't hold fg_bg_jpg/9\.jpg$"):
        file_bytes(path / "fg_bg_jpg/9.jpg")
    for damage in (b"", b"nothing of the kind" * 999, path.read_bytes()[:5000]):
        path.write_bytes(damage)
        with pytest.raises(OSError, match=r"pack\.\w+ is damaged: [^\n]+$"):
            file_bytes(path / "fg_bg_jpg/2.jpg")


def test_other_peoples_archives_are_read_unless_they_are_compressed(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(path, "w", method) as archive, archive.open("a.jpg", "w") as file:
            file.write(b"a" * 99)
        if method == zipfile.ZIP_STORED:
            assert file_bytes(path / "a.jpg") == b"a" * 99
            locked = bytearray(path.read_bytes())
            locked[locked.index(b"PK\1\2") + 8] |= 1  # its flags
            (tmp_path / "locked.zip").write_bytes(locked)
    for name in ("pack.zip", "locked.zip"):
        with pytest.raises(OSError, match=r"is compressed, or encrypted: unpack it"):
            file_bytes(tmp_path / name / "a.jpg")


def test_names_in_other_peoples_archives_lead_nowhere_else(tmp_path: Path) -> None:
    """As tar writes a folder's (./a), and as nobody should."""
    path = tmp_path / "pack.zip"
    pack(path, "zip", {"./a": b"1", "/b": b"2", "../../c/../d": b"3", "e/": b""})
    assert {one: file_bytes(one) for one in files_in(path)} == {
        path / "a": b"1",
        path / "b": b"2",
        path / "d": b"3",
    }


def test_further_names_of_a_file_in_a_tar_are_that_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "folder" / name).mkdir(parents=True)
    (tmp_path / "folder/a/1.jpg").write_bytes(b"one")
    (tmp_path / "folder/b/1.jpg").hardlink_to(tmp_path / "folder/a/1.jpg")
    (tmp_path / "folder/b/2.jpg").symlink_to("1.jpg")
    path = tmp_path / "pack.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "folder", ".")
    assert {one: file_bytes(one) for one in files_in(path)} == {
        path / "a/1.jpg": b"one",
        path / "b/1.jpg": b"one",
    }


@pytest.mark.parametrize(
    ("signature", "offset", "value"),
    [(b"PK\1\2", 6, 255), (b"PK\1\2", 46, 0xFF), (b"PK\1\2", 44, 0x10)],
    ids=["a later version", "a name that isn't UTF-8", "a header that isn't there"],
)
def test_a_zip_with_one_wrong_byte_is_damaged(
    tmp_path: Path, signature: bytes, offset: int, value: int
) -> None:
    path = tmp_path / "pack.zip"
    pack(path, "zip", {"ä.jpg": b"one"})
    data = bytearray(path.read_bytes())
    data[data.index(signature) + offset] = value
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"pack\.zip is damaged: [^\n]+$"):
        file_bytes(path / "ä.jpg")
