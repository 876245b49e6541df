"""Stopped at any moment in any way, and run again: the dataset is the one of an undisturbed run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import infgen
from infgen.sources.disk import part_name
from tests.making import (
    ROOT,
    Tables,
    differing,
    infgen_command,
    make_tables,
    processes_with,
    snapshot,
    start,
    wait_until,
)

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="wants Linux")

MANY = 180  # pictures of the runs that are killed from outside: enough to be caught at work


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in settings.items()}


# ---- killed before every single thing that is done to the disk -----------------------------------


def deaths(tmp_path: Path, begin: Path | None, first: int, step: int, **more: Any) -> list[dict]:
    """Die at every `step`th operation from `first` on; each time, run again and compare."""
    tables = make_tables(tmp_path / "input")
    settings = plain(tables.settings(**{"images": 3, "val_frac": 0.3} | more))
    infgen.run(**settings, out=tmp_path / "undisturbed")
    if begin is not None:
        damage(tmp_path / "undisturbed", begin)
    job = tmp_path / "job.json"
    job.write_text(
        json.dumps(
            {
                "settings": settings,
                "work": str(tmp_path),
                "undisturbed": str(tmp_path / "undisturbed"),
                "begin": None if begin is None else str(begin),
                "first": first,
                "step": step,
            }
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.batch.die_everywhere", str(job)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def damage(finished: Path, folder: Path) -> None:
    """A copy of a dataset with a torn record, a picture gone and the manifest still there."""
    shutil.copytree(finished, folder)
    records = folder / "samples-00000.jsonl"
    records.write_bytes(records.read_bytes()[:-30])
    next((folder / "images/train").glob("*")).unlink()


@pytest.mark.parametrize("first", [1, 2])
def test_killed_before_any_change_on_disk(tmp_path: Path, first: int) -> None:
    seen = deaths(tmp_path, None, first, 2)
    assert len(seen) >= 20
    assert [death for death in seen if death["differing"]] == []
    words = " ".join(death["operation"] for death in seen)
    for name in ("run.toml", "images/train/.0", "labels/", "manifest.json"):
        assert name in words


@pytest.mark.parametrize("first", [1, 4])
def test_killed_while_mending_a_damaged_dataset(tmp_path: Path, first: int) -> None:
    seen = deaths(tmp_path, tmp_path / "damaged", first, 6)
    assert len(seen) >= 4
    assert [death for death in seen if death["differing"]] == []


def test_killed_while_writing_every_format(tmp_path: Path) -> None:
    seen = deaths(tmp_path, None, 20, 17, images=2, format="coco,yolo,voc,masks,hf,npy")
    assert len(seen) >= 4
    assert [death for death in seen if death["differing"]] == []


def test_the_parent_of_workers_killed_at_its_own_changes(tmp_path: Path) -> None:
    seen = deaths(tmp_path, None, 8, 6, images=20, workers=2)
    assert len(seen) >= 2
    assert [death for death in seen if death["differing"]] == []


# ---- killed from outside, workers and all --------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("many")
    tables = make_tables(folder / "input")
    done = infgen_command("run", *tables.options(images=MANY, out=folder / "undisturbed"))
    assert done.returncode == 0, done.stderr
    return tables, snapshot(folder / "undisturbed")


@pytest.fixture
def many(
    made: tuple[Tables, dict[str, bytes]], whole_sheets: None
) -> tuple[Tables, dict[str, bytes]]:
    """Tables, and the files of an undisturbed run of MANY pictures."""
    return made


def lines(out: Path) -> int:
    """Complete record lines on disk."""
    path = out / "samples-00000.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def files(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


MOMENTS: dict[str, Callable[[Path], Any]] = {
    "the settings are there": lambda out: (out / "run.toml").exists(),
    "the first picture": lambda out: files(out / "images/train") > 0,
    "the first record": lambda out: lines(out) > 0,
    "half of the records": lambda out: lines(out) > MANY // 2,
    "all records": lambda out: lines(out) == MANY,
    "COCO has begun": lambda out: files(out / "annotations") > 0,
    "YOLO has begun": lambda out: files(out / "labels/train") > 5,
    "the last file but the manifest": lambda out: (out / "classes.txt").exists(),
}


@pytest.mark.parametrize(
    ("workers", "moment"),
    [(n, name) for number, name in enumerate(MOMENTS) for n in sorted({2, 1 + number % 3})],
)
def test_killed_as_soon_as_something_is_seen(
    many: tuple[Tables, dict[str, bytes]], tmp_path: Path, workers: int, moment: str
) -> None:
    tables, undisturbed = many
    out = tmp_path / "dataset"
    command = ["run", *tables.options(images=MANY, workers=workers, out=out)]
    token = str(tmp_path / "token")
    process = start(*command, env=os.environ | {"INFGEN_TEST": token})
    wait_until(lambda: MOMENTS[moment](out), moment, process)
    process.kill()
    process.communicate()
    wait_until(lambda: not processes_with(token), "no worker is left")
    infgen.run(**tables.settings(images=MANY, out=out))  # by one alone: of as many, see below
    assert not differing(snapshot(out), undisturbed)


def test_run_again_at_once_while_the_dead_runs_workers_may_still_be_there(
    many: tuple[Tables, dict[str, bytes]], tmp_path: Path
) -> None:
    tables, undisturbed = many
    out = tmp_path / "dataset"
    settings = tables.settings(images=MANY, out=out)
    for records in (10, 60, 110):
        process = start("run", *tables.options(images=MANY, workers=3, out=out))
        wait_until(lambda count=records: lines(out) > count, f"{records} records", process)
        process.kill()
        process.communicate()
    infgen.run(**settings)
    assert not differing(snapshot(out), undisturbed)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_it_says_how_to_go_on_and_does(
    many: tuple[Tables, dict[str, bytes]],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
    workers: int,
) -> None:
    tables, undisturbed = many
    out, token = tmp_path / "dataset", str(tmp_path / "token")
    command = ["run", *tables.options(images=MANY, workers=workers, out=out)]
    process = start(*command, env=os.environ | {"INFGEN_TEST": token})
    wait_until(lambda: lines(out) > 20, "some records", process)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert f"stopped: what was made is safe in {out}; run the same command to go on" in err
    assert "Traceback" not in err and "Exception ignored" not in err
    assert not processes_with(token)
    assert not (out / ".lock").exists() and not (out / "manifest.json").exists()
    there = lines(out)
    assert 20 < there < MANY

    again = infgen_command(*command)
    assert again.returncode == 0
    kept = int(again.stderr.split(f" of {MANY} pictures are there already")[0].split()[-1])
    assert 20 < kept <= there
    assert not differing(snapshot(out), undisturbed)


# ---- damaged from outside ------------------------------------------------------------------------


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "a torn last line": lambda out: cut_short(out / "samples-00000.jsonl"),
    "a line of garbage": lambda out: (out / "samples-00000.jsonl").open("ab").write(b"\0x{\n"),
    "a record gone": lambda out: (out / "samples-00000.jsonl").write_bytes(
        b"".join((out / "samples-00000.jsonl").read_bytes().splitlines(keepends=True)[:4])
        + b"".join((out / "samples-00000.jsonl").read_bytes().splitlines(keepends=True)[5:])
    ),
    "all records gone": lambda out: (out / "samples-00000.jsonl").unlink(),
    "a picture gone": lambda out: next((out / "images/train").iterdir()).unlink(),
    "a picture cut short": lambda out: cut_short(next((out / "images/train").iterdir())),
    "all pictures gone": lambda out: shutil.rmtree(out / "images"),
    "labels gone": lambda out: shutil.rmtree(out / "labels"),
    "annotations torn": lambda out: cut_short(out / "annotations/instances_train.json"),
    "the manifest gone": lambda out: (out / "manifest.json").unlink(),
    "leftovers of a write": lambda out: (
        part_name(out / "images/train/00000000.jpg").touch()
        or part_name(out / "labels/train/of_another_try.txt").touch()
        or next((out / "images/train").glob("00000000*"), out / "classes.txt").unlink()
    ),
}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings of a small dataset, which is there; don't change what is in it."""
    folder = tmp_path_factory.mktemp("few")
    tables = make_tables(folder / "input")
    settings = tables.settings(out=folder / "dataset", images=12, val_frac=0.3, seed=1)
    infgen.run(**settings)
    return settings


@pytest.mark.parametrize("how", DAMAGE)
def test_run_again_mends(few: dict[str, Any], tmp_path: Path, how: str) -> None:
    undisturbed = snapshot(few["out"])
    out = Path(shutil.copytree(few["out"], tmp_path / "dataset"))
    DAMAGE[how](out)
    assert differing(snapshot(out), undisturbed)
    infgen.run(**few | {"out": out})
    assert not differing(snapshot(out), undisturbed)


def test_pictures_lost_from_many_record_files_are_remade_by_several_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers are ahead of the record files that are being mended."""
    monkeypatch.setattr("infgen.batch.store.records.PER_FILE", 10)
    tables = make_tables(tmp_path / "input")
    out = tmp_path / "dataset"
    settings = tables.settings(out=out, images=100, workers=3, format="masks")
    infgen.run(**settings)
    undisturbed = snapshot(out)
    for picture in list(out.glob("images/*/*"))[::7]:
        picture.unlink()
    infgen.run(**settings)
    assert not differing(snapshot(out), undisturbed)


# ---- the disk ------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here (that takes root)")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(("size", "workers"), [("20k", 1), ("300k", 2), ("700k", 1)])
def test_a_full_disk_is_one_sentence_and_with_room_the_same_command_ends(
    many: tuple[Tables, dict[str, bytes]], tmp_path: Path, size: str, workers: int
) -> None:
    tables, undisturbed = many
    disk = tmp_path / "disk"
    command = ["run", *tables.options(images=MANY, workers=workers, out=disk / "dataset")]
    with small_disk(disk, size):
        for _ in range(2):  # the second time, not even the lock may fit
            full = infgen_command(*command)
            assert full.returncode == 4
            [error] = [line for line in full.stderr.splitlines() if "error" in line.lower()]
            assert error.startswith("error: can't write") and "No space left" in error
            assert "run the same command again" in error
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        assert infgen_command(*command).returncode == 0
        assert not differing(snapshot(disk / "dataset"), undisturbed)


def test_a_file_that_may_not_grow_is_one_sentence_too(
    many: tuple[Tables, dict[str, bytes]], tmp_path: Path
) -> None:
    """As on a full disk, where nothing can be mounted: the records hit the process's limit."""
    tables, undisturbed = many
    out = tmp_path / "dataset"
    command = ["run", *tables.options(images=MANY, workers=2, out=out)]
    limit = 40_000

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    stopped = infgen_command(*command, preexec_fn=limited)
    assert stopped.returncode == 4
    assert "samples-00000.jsonl: File too large" in stopped.stderr
    assert (out / "samples-00000.jsonl").stat().st_size <= limit
    assert infgen_command(*command).returncode == 0
    assert not differing(snapshot(out), undisturbed)
