"""Files are written whole or not at all, and what the disk refuses is told in a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from infgen.records.errors import StorageError
from infgen.sources import disk
from infgen.sources.disk import (
    PART,
    leftovers_cleared,
    link_file,
    part_name,
    streamed_file,
    write_file,
)


def files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def refuse(*args: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "b" / "c.txt", b"one")
    write_file(tmp_path / "a" / "b" / "c.txt", memoryview(b"two"))
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"two"
    assert files_in(tmp_path) == ["a/b/c.txt"]


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    part_name(path).write_bytes(b"half of a much longer text")
    write_file(path, b"one")
    assert path.read_bytes() == b"one" and files_in(tmp_path) == ["a.txt"]


def test_of_half_files_only_those_that_nobody_works_on_go_and_only_in_the_end(
    tmp_path: Path,
) -> None:
    dead, living, young = (tmp_path / f"a/.{name}.txt{PART}" for name in ("dead", "alive", "young"))
    theirs = [tmp_path / f"a/theirs/.x{PART}", tmp_path / "a/.x.part", tmp_path / f"a/x{PART}"]
    for path in (dead, living, *theirs, tmp_path / "a/theirs/sign", tmp_path / "sign"):
        write_file(path, b"half")
    with pytest.raises(ZeroDivisionError), leftovers_cleared(tmp_path, ("sign",)):
        _ = 1 // 0
    with leftovers_cleared(tmp_path, ("sign",)):
        os.utime(living, (1, 1))
        young.write_bytes(b"half")
        assert dead.exists()
    assert [path.exists() for path in (dead, living, young, *theirs)] == [False, *[True] * 5]


def test_readers_never_see_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_file(path, b"old")
    seen = []
    replace = Path.replace

    def watched(part: Path, target: Path) -> Path:
        seen.append((target.read_bytes(), part.read_bytes(), part.parent == target.parent))
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_file(path, b"new")
    with streamed_file(path) as write:
        write(b"new")
        assert path.read_bytes() == b"new"
        write(b"er")
    assert seen == [(b"old", b"new", True), (b"new", b"newer", True)]
    assert path.read_bytes() == b"newer"


def test_a_full_disk_is_told_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_file(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", refuse)
        with pytest.raises(StorageError) as caught:
            write_file(path, b"new")
    told = str(caught.value)
    assert told.startswith(f"can't write {path}: No space left on device: ")
    assert "free some space" in told and "run the same command again" in told
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("how", ["write", "stream", "link"])
def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path, how: str) -> None:
    (tmp_path / "a").write_bytes(b"")
    path = tmp_path / "a" / "b.txt"
    with pytest.raises(StorageError, match=r"can't write .*b\.txt: "):
        if how == "write":
            write_file(path, b"")
        elif how == "link":
            link_file(tmp_path / "a", path)
        else:
            with streamed_file(path):
                pytest.fail("the block must not begin")


def test_a_streamed_file_appears_only_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "made" / "a.txt"
    with pytest.raises(ZeroDivisionError), streamed_file(path) as write:
        write(b"half")
        _ = 1 // 0
    assert files_in(tmp_path) == []
    with streamed_file(path) as write:
        write(b"wh")
        write(b"ole")
    assert path.read_bytes() == b"whole" and files_in(tmp_path) == ["made/a.txt"]


def test_a_disk_that_fills_up_in_a_stream_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "a.txt"
    for size in (2**20, 1):  # the last is still in the buffer when the block ends
        part_name(path).symlink_to("/dev/full")
        with pytest.raises(StorageError, match="No space left"), streamed_file(path) as write:
            write(b"x" * size)
        assert list(tmp_path.iterdir()) == []


def test_a_link_takes_no_room(tmp_path: Path) -> None:
    source, path = tmp_path / "a.txt", tmp_path / "deep" / "b.txt"
    write_file(source, b"one")
    for _ in range(2):  # also when it is there already
        link_file(source, path)
        assert path.samefile(source)
        assert files_in(tmp_path) == ["a.txt", "deep/b.txt"]


def test_a_link_replaces_what_is_there(tmp_path: Path) -> None:
    source, path = tmp_path / "a.txt", tmp_path / "b.txt"
    write_file(source, b"one")
    write_file(path, b"other")
    link_file(source, path)
    assert path.read_bytes() == b"one"


def test_where_links_are_impossible_the_file_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path = tmp_path / "a.txt", tmp_path / "b.txt"
    write_file(source, b"one")
    monkeypatch.setattr(disk.os, "link", refuse)
    link_file(source, path)
    assert path.read_bytes() == b"one" and not path.samefile(source)
    assert files_in(tmp_path) == ["a.txt", "b.txt"]


def test_a_killed_link_is_mended_by_the_next(tmp_path: Path) -> None:
    source, path = tmp_path / "a.txt", tmp_path / "b.txt"
    write_file(source, b"one")
    part_name(path).write_bytes(b"half of a copy")
    link_file(source, path)
    assert path.read_bytes() == b"one" and files_in(tmp_path) == ["a.txt", "b.txt"]
