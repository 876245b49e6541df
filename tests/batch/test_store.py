"""The dataset's folder: whose it is, and record files that come out whole whatever happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from infgen.batch.fingerprint import model_prints
from infgen.batch.store import Pinned, Store, open_finished, records
from infgen.records.errors import FolderError, InputError, StorageError
from infgen.records.plan import BackgroundPlan
from infgen.records.sample import Entry
from infgen.sources.disk import part_name
from tests.making import empty_manifest

PER_FILE = 10


@pytest.fixture(autouse=True)
def small_record_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PER_FILE", PER_FILE)


def line(index: int, failure: str = "", background: str = "") -> bytes:
    file = "" if failure else f"images/train/{index:08d}.jpg"
    entry = Entry(
        index=index,
        split="train",
        size=(8, 8),
        file=file,
        bytes=0 if failure else 3,
        background=BackgroundPlan(number=index, row=0),
        background_file=background,
        failure=failure,
    )
    return msgspec.json.encode(entry) + b"\n"


def paint(store: Store, index: int) -> bytes:
    """Put a picture on disk as a worker would; gives its line."""
    path = store.folder / f"images/train/{index:08d}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"jpg")
    return line(index)


def painted(store: Store, indices: Iterable[int]) -> Iterator[bytes]:
    return (paint(store, index) for index in indices)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "dataset"
    folder.mkdir()
    return Store(folder)


@pytest.fixture
def full(store: Store) -> Store:
    store.records.fill(list(range(25)), painted(store, range(25)))
    return store


def record_files(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.glob("samples-*")}


# ---- record files --------------------------------------------------------------------------------


def test_lines_lie_in_files_of_a_fixed_range(full: Store) -> None:
    files = record_files(full)
    assert sorted(files) == ["samples-00000.jsonl", "samples-00001.jsonl", "samples-00002.jsonl"]
    assert files["samples-00002.jsonl"] == b"".join(map(line, range(20, 25)))
    assert [entry.index for entry in full.entries()] == list(range(25))


def test_what_is_whole_is_neither_missing_nor_touched(full: Store) -> None:
    before = {path: path.stat().st_mtime_ns for path in full.folder.rglob("*")}
    assert full.records.mend(25) == []
    assert {path: path.stat().st_mtime_ns for path in full.folder.rglob("*")} == before


def spoil(store: Store, how: str) -> None:
    path = store.folder / "samples-00001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "torn last line":
        lines[-1] = lines[-1][:40]
    elif how == "no line end":
        lines[-1] = lines[-1].rstrip(b"\n")
    elif how == "garbage in the middle":
        lines[4] = b"\0\xff{garbage\n"
    elif how == "garbage added":
        lines.append(b"null\n")
    elif how == "a line too many":
        lines.insert(7, lines[2])
    elif how == "out of order":
        lines[2], lines[3] = lines[3], lines[2]
    elif how == "a line missing in the middle":
        del lines[4]
    elif how == "the line of another file":
        lines[5] = line(3)
    elif how == "empty":
        lines = []
    elif how == "a failure":
        lines[6] = line(16, failure="the cutout is gone")
    elif how == "a picture gone":
        (store.folder / "images/train/00000012.jpg").unlink()
    elif how == "a picture cut short":
        (store.folder / "images/train/00000012.jpg").write_bytes(b"jp")
    elif how == "the file gone":
        path.unlink()
        return
    path.write_bytes(b"".join(lines))


SPOILT = {
    "torn last line": [19],
    "no line end": [19],
    "garbage in the middle": [14],
    "garbage added": [],
    "a line too many": [],
    "out of order": [],
    "a line missing in the middle": [14],
    "the line of another file": [15],
    "empty": list(range(10, 20)),
    "a failure": [16],
    "a picture gone": [12],
    "a picture cut short": [12],
    "the file gone": list(range(10, 20)),
}


@pytest.mark.parametrize(("how", "expected"), SPOILT.items())
def test_whatever_is_spoilt_is_mended(full: Store, how: str, expected: list[int]) -> None:
    before = record_files(full)
    spoil(full, how)
    missing = full.records.mend(25)
    assert missing == expected
    full.records.fill(missing, painted(full, missing))
    assert record_files(full) == before
    assert full.records.mend(25) == []


def test_several_gaps_in_several_files_are_filled_in_order(full: Store) -> None:
    before = record_files(full)
    gone = [0, 3, 9, 10, 17, 24]
    for index in gone:
        (full.folder / f"images/train/{index:08d}.jpg").unlink()
    assert full.records.mend(25) == gone
    full.records.fill(gone, painted(full, gone))
    assert record_files(full) == before


def test_pictures_that_come_back_before_their_turn_put_nothing_out_of_step(full: Store) -> None:
    """Workers are ahead of the record: what they remade is on disk before its line is written."""
    before = record_files(full)
    gone = [2, 15, 18, 22]
    for index in gone:
        (full.folder / f"images/train/{index:08d}.jpg").unlink()
    missing = full.records.mend(25)
    lines = list(painted(full, missing))  # all of them, before the first is written
    full.records.fill(missing, iter(lines))
    assert record_files(full) == before


@pytest.mark.parametrize("after", range(6))
def test_stopped_while_filling_what_is_there_is_a_good_beginning(full: Store, after: int) -> None:
    before = record_files(full)
    gone = [3, 5, 11, 12, 21, 24]
    for index in gone:
        (full.folder / f"images/train/{index:08d}.jpg").unlink()

    def interrupted() -> Iterator[bytes]:
        yield from painted(full, full_gone[:after])
        raise KeyboardInterrupt

    full_gone = full.records.mend(25)
    with pytest.raises(KeyboardInterrupt):
        full.records.fill(full_gone, interrupted())
    for path in full.folder.glob("samples-*"):
        assert all(map(msgspec.json.decode, path.read_bytes().splitlines()))
    left = full.records.mend(25)
    assert set(gone[after:]) <= set(left)
    full.records.fill(left, painted(full, left))
    assert record_files(full) == before


def test_more_lines_than_gaps_are_a_bug_not_a_dataset(full: Store) -> None:
    (full.folder / "images/train/00000012.jpg").unlink()
    missing = full.records.mend(25)
    with pytest.raises(ValueError, match="more pictures"):
        full.records.fill(missing, painted(full, [12, 13]))


def test_a_picture_whose_background_is_wanted_and_not_there_is_missing(store: Store) -> None:
    (store.folder / "backgrounds").mkdir()
    kept = store.folder / "backgrounds/00000000.png"
    kept.write_bytes(b"a picture")

    def lines() -> Iterator[bytes]:
        for index in range(3):
            paint(store, index)
            yield line(index, background="backgrounds/00000000.png" if index < 2 else "")

    store.records.fill([0, 1, 2], lines())
    assert store.records.mend(3) == []
    assert store.records.mend(3, backgrounds_kept=True) == [2]
    kept.unlink()
    assert store.records.mend(3) == [0, 1, 2]


def test_work_to_do_takes_the_manifest_away_and_none_leaves_it(full: Store) -> None:
    manifest = full.folder / "manifest.json"
    manifest.write_text("{}")
    assert full.records.mend(25) == []
    assert manifest.exists()
    spoil(full, "out of order")
    assert full.records.mend(25) == []
    assert not manifest.exists()
    manifest.write_text("{}")
    assert full.records.mend(26) == [25]
    assert not manifest.exists()


def test_files_of_the_user_beside_the_records_are_not_read(full: Store) -> None:
    (full.folder / "samples-old.jsonl").write_bytes(b"not ours\n")
    (full.folder / "samples-00009.jsonl").write_bytes(b"nor this\n")
    assert len(list(full.entries())) == 25


def test_a_disk_that_refuses_a_record_is_told(store: Store) -> None:
    (store.folder / "samples-00000.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"samples-00000.jsonl: Is a directory"):
        store.records.fill([0], painted(store, [0]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_disk_too_full_to_take_lines_out_is_told_and_they_stay(
    full: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = record_files(full)
    crowded = Path("/dev/full").open("wb")  # noqa: SIM115 (what is tested closes it)
    monkeypatch.setattr(records.tempfile, "TemporaryFile", lambda dir: crowded)
    with pytest.raises(StorageError, match="No space left"), full.records.taken_out({1, 12}):
        raise AssertionError("there is nothing to give")
    assert record_files(full) == before


def test_each_part_has_record_files_of_its_own(store: Store) -> None:
    store.records.firsts = (0, 13, 16, 36)
    store.records.fill(list(range(40)), painted(store, range(40)))
    files = sorted(record_files(store).items())
    assert [len(data.splitlines()) for _, data in files] == [10, 3, 3, 10, 10, 4]
    assert [entry.index for entry in store.entries()] == list(range(40))
    before = record_files(store)
    assert store.records.mend(40) == store.records.mend(36, first=16) == []
    assert store.records.gaps(40) == {}
    for index in (12, 13, 20, 39):
        (store.folder / f"images/train/{index:08d}.jpg").unlink()
    assert store.records.gaps(36, first=16) == {20: ""}
    assert list(store.records.gaps(40)) == [12, 13, 20, 39]
    assert record_files(store) == before
    assert store.records.mend(36, first=16) == [20]
    assert store.records.mend(40) == [12, 13, 20, 39]
    store.records.fill([12, 13, 20, 39], painted(store, [12, 13, 20, 39]))
    assert record_files(store) == before


def test_gaps_tell_why_a_picture_failed(store: Store) -> None:
    lines = paint(store, 0), line(1, failure="no room"), paint(store, 2)
    store.records.fill([0, 1, 2], iter(lines))
    (store.folder / "images/train/00000002.jpg").unlink()
    assert store.records.gaps(4) == {1: "no room", 2: "", 3: ""}


def test_parts_that_infgen_did_not_write_are_refused(store: Store) -> None:
    assert store.parts() == ()
    (store.folder / "parts.json").write_text('[{"first": 0}]')
    with pytest.raises(FolderError, match=r"parts.json isn't as infgen wrote it"):
        store.parts()


# ---- whose folder --------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_or_empty_is_free(tmp_path: Path) -> None:
    assert Store(tmp_path / "new").pinned() is None
    assert not (tmp_path / "new").exists()
    assert Store(tmp_path).pinned() is None


@pytest.mark.parametrize("left", [".lock", part_name(Path("run.toml")).name])
def test_what_a_run_leaves_before_its_run_toml_is_ours(store: Store, left: str) -> None:
    (store.folder / left).touch()
    assert store.pinned() is None


def test_a_foreign_folder_is_refused_and_its_files_are_named(store: Store) -> None:
    for number in range(5):
        (store.folder / f"photo_{number}.jpg").touch()
    with pytest.raises(FolderError, match=r"photo_0.jpg, photo_1.jpg, photo_2.jpg, \.\.\."):
        store.pinned()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seed = 3",
        "record = 7",
        "[record]\nmethods = 3",
        "[record]\nfingerprint = {seed = 0}",
        "not toml",
        "\0",
    ],
)
def test_a_run_toml_of_something_else_is_refused(store: Store, text: str) -> None:
    (store.folder / "run.toml").write_text(text)
    with pytest.raises(FolderError, match=r"isn't as infgen wrote it.*choose another --out"):
        store.pinned()


@pytest.mark.parametrize("below", ["", "/dataset"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="is not a folder"):
        Store(Path(f"{tmp_path}/file{below}")).pinned()


def test_one_run_at_a_time_and_no_lock_is_left(store: Store) -> None:
    with store.claimed():
        assert (store.folder / ".lock").exists()
        with pytest.raises(FolderError, match="another infgen run is at work"), store.claimed():
            raise AssertionError("claimed twice")
    assert list(store.folder.iterdir()) == []
    with pytest.raises(KeyError), store.claimed():
        raise KeyError
    assert list(store.folder.iterdir()) == []
    with store.claimed():
        pass


def test_the_lock_of_a_killed_run_is_no_obstacle(store: Store) -> None:
    (store.folder / ".lock").touch()
    with store.claimed():
        pass
    assert list(store.folder.iterdir()) == []


def test_differences_are_named_and_hashes_are_not_shown(store: Store) -> None:
    old = {"--seed": "0", "row 1 of --classes": "a" * 64, "row 2 of --classes": "b" * 64}
    new = {"--seed": "7", "row 1 of --classes": "c" * 64, "row 3 of --classes": "d" * 64}
    text = b'[record]\ninfgen = "0.1"\n[record.fingerprint]\n'
    text += "".join(f'"{key}" = "{value}"\n' for key, value in old.items()).encode()
    store.begin(text, Pinned(fingerprint=old))
    store.check(old)
    with pytest.raises(FolderError) as raised:
        store.check(new)
    told = str(raised.value)
    assert "--seed was 0 and is now 7; row 1 of --classes has changed" in told
    assert "row 2 of --classes is gone; row 3 of --classes is new" in told
    assert "aaa" not in told and "ccc" not in told
    with pytest.raises(FolderError, match="and 93 more"):
        store.check({f"row {number}": "x" for number in range(98)})


def test_what_is_not_a_finished_dataset_is_told_apart(tmp_path: Path, full: Store) -> None:
    with pytest.raises(InputError, match="no infgen dataset here"):
        open_finished(tmp_path / "nowhere")
    (full.folder / "run.toml").touch()
    with pytest.raises(InputError, match="hasn't finished: run the same command again"):
        open_finished(full.folder)
    (full.folder / "manifest.json").write_text('{"half')
    with pytest.raises(FolderError, match=r"manifest.json can't be understood"):
        open_finished(full.folder)


def test_finishing_writes_the_names_and_then_the_manifest(store: Store) -> None:
    manifest = empty_manifest(formats=("coco",))
    store.finish(manifest)
    names, last = (store.folder / name for name in ("classes.txt", "manifest.json"))
    assert names.stat().st_mtime_ns <= last.stat().st_mtime_ns
    assert open_finished(store.folder)[1] == manifest


def test_a_record_that_somebody_broke_is_one_sentence(store: Store) -> None:
    store.records.fill(range(3), painted(store, range(3)))
    path = store.folder / "samples-00000.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"index":1', b'{"index":"'))
    with pytest.raises(FolderError, match=r"record 2 .* isn't as infgen wrote it"):
        list(store.entries())


def test_a_fingerprint_names_the_models_in_one_order() -> None:
    """Or run.toml would be another one each time."""
    record = {role: {"model": role, "dtype": "x"} for role in ("inpaint", "scenes")}
    settings = SimpleNamespace(safety_checker=False)
    prints = model_prints(SimpleNamespace(record=record, settings=settings))  # type: ignore[arg-type]
    assert list(prints) == [
        "--safety-checker", "the model of the scenes model", "the model of the inpaint model"
    ]  # fmt: skip
