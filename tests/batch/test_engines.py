"""Work spread over processes: order kept, deaths survived, errors told, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infgen.batch.engines import AHEAD, Crew, usable_cores
from infgen.records.errors import InfgenError, InputError, WorkerDied
from tests.batch import jobs
from tests.making import ROOT, processes_with, wait_until

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


# ---- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_results_come_in_the_items_order(workers: int, count: int) -> None:
    with Crew(workers) as crew:
        assert list(crew.map(jobs.square, range(count))) == [n * n for n in range(count)]


def test_a_slow_item_holds_up_neither_the_others_nor_the_order(tmp_path: Path) -> None:
    job = jobs.FirstWaits(tmp_path / "5 was here")
    with Crew(2) as crew:  # in one process, item 0 would wait for item 5 in vain
        assert list(crew.map(job, range(8), chunk=1)) == list(range(8))


def test_one_worker_is_this_very_process_and_takes_one_item_at_a_time() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(5):
            taken.append(number)
            yield number

    with Crew(1) as crew:
        results = crew.map(jobs.process_id, items())
        assert next(results) == os.getpid()
        assert taken == [0]


def test_workers_are_other_processes_as_many_as_asked(tmp_path: Path) -> None:
    with Crew(3) as crew:
        processes = set(crew.map(jobs.process_id, range(300), chunk=1))
    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 3


def test_thousands_of_tiny_items() -> None:
    with Crew(2) as crew:
        assert sum(crew.map(jobs.square, range(20_000))) == sum(n * n for n in range(20_000))


def test_items_and_results_of_many_megabytes_block_nothing() -> None:
    items = [bytes([number]) + bytes(5_000_000) for number in range(12)]
    with Crew(2) as crew:
        for item, result in zip(items, crew.map(jobs.reverse, items, chunk=3), strict=True):
            assert result == item[::-1]


def test_what_libraries_print_does_not_come_between(capfd: pytest.CaptureFixture[str]) -> None:
    with Crew(2) as crew:
        assert list(crew.map(jobs.print_and_return, range(40))) == list(range(40))
    seen = capfd.readouterr()
    assert seen.out == ""
    assert "in C, without a line end" in seen.err and "a library talks" in seen.err


def test_noise_before_the_worker_is_ready_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os; os.write(1, b'infgen worker: rea'); os.write(1, b'welcome to this machine')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Crew(2) as crew:
        assert list(crew.map(jobs.square, range(20))) == [n * n for n in range(20)]


def test_items_are_taken_only_a_bounded_way_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield number

    with Crew(2) as crew:
        results = crew.map(jobs.square, items(), chunk=4)
        for _ in range(10):
            next(results)
        threading.Event().wait(0.3)  # time in which an unbounded crew would take thousands
        assert taken <= (10 // 4 + 1 + AHEAD * 2 + 2 + 1) * 4


# ---- state, and several maps ---------------------------------------------------------------------


def test_a_function_keeps_its_state_in_each_worker_until_the_next_map() -> None:
    with Crew(2) as crew:
        first = list(crew.map(jobs.Counts(), range(50), chunk=3))
        second = list(crew.map(jobs.Counts(), range(50), chunk=3))
    for seen in (first, second):
        highest: dict[int, int] = {}
        for process, count in seen:
            highest[process] = max(count, highest.get(process, 0))
        assert sum(highest.values()) == 50  # counted on within each process, from 0 in each map
    assert len({process for process, _ in first + second}) <= 2  # the same processes


def test_two_maps_may_be_read_by_turns() -> None:
    with Crew(2) as crew:
        pairs = zip(
            crew.map(jobs.square, range(60)), crew.map(jobs.Deadly(-1, "kill"), range(60)),
            strict=True,
        )  # fmt: skip
        assert list(pairs) == [(n * n, n) for n in range(60)]


# ---- deaths --------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("kill", "killed"),
        ("segfault", "SIGSEGV"),
        ("exit", "exit code 7"),
        ("sys_exit", "exit code 9"),
    ],
)
def test_only_the_item_that_kills_its_worker_is_lost(way: str, told: str) -> None:
    with Crew(2) as crew:
        results = list(crew.map(jobs.Deadly(13, way), range(40)))
    [death] = [result for result in results if isinstance(result, WorkerDied)]
    assert told in str(death)
    assert results.index(death) == 13
    assert results[:13] + results[14:] == [*range(13), *range(14, 40)]


@posix
def test_an_item_is_tried_again_when_its_worker_was_killed_from_outside(tmp_path: Path) -> None:
    with Crew(2) as crew:
        assert list(crew.map(jobs.DiesOnce(13, tmp_path / "mark"), range(40))) == list(range(40))


@posix
def test_every_item_may_be_deadly() -> None:
    job = jobs.Deadly(0, "exit")
    with Crew(2) as crew:
        results = list(crew.map(job, [0, 0, 0, 1, 0], chunk=2))
    assert [isinstance(result, WorkerDied) for result in results] == [True, True, True, False, True]


def test_workers_that_cannot_be_started_are_told_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cv2.py").write_text("raise SystemExit(5)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with Crew(2) as crew, pytest.raises(InfgenError, match=r"exit code 5.*--workers 1"):
        list(crew.map(jobs.square, range(10)))


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_function_arrives_after_the_results_before_it(workers: int) -> None:
    got = []
    with Crew(workers) as crew, pytest.raises(KeyError, match="item 13") as raised:
        for result in crew.map(jobs.Raises(13), range(1000), chunk=5):
            got.append(result)
    assert got == list(range(13))
    if workers > 1:  # the place in the worker is not lost
        assert "jobs.py" in "".join(raised.value.__notes__)


def test_an_error_of_ours_arrives_whole() -> None:
    with Crew(2) as crew, pytest.raises(InputError) as raised:
        list(crew.map(jobs.Raises(3, "ours"), range(9)))
    assert str(raised.value) == "a.csv:1: one\nb.csv:2: two"
    assert [problem.line for problem in raised.value.problems] == [1, 2]


def test_an_error_that_cannot_be_sent_arrives_as_text() -> None:
    with Crew(2) as crew, pytest.raises(RuntimeError, match="_NotToBeSent"):
        list(crew.map(jobs.Raises(3, "unsendable"), range(9)))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_items_arrives_after_the_results_before_it(workers: int) -> None:
    def items() -> Iterator[int]:
        yield from range(11)
        raise OSError("the list is torn")

    got = []
    with Crew(workers) as crew, pytest.raises(OSError, match="the list is torn"):
        for result in crew.map(jobs.square, items(), chunk=4):
            got.append(result)
    assert got == [n * n for n in range(11)]


@pytest.mark.parametrize(
    ("function", "items"),
    [
        (jobs.give_a_lock, [1, 2]),
        (jobs.square, [1, threading.Lock()]),
        (jobs.FromNowhere(), [1, 2]),
    ],
    ids=["result", "item", "function"],
)
def test_what_cannot_be_sent_is_an_error_not_a_dead_worker(
    function: Callable[[Any], Any], items: list[Any]
) -> None:
    with Crew(2) as crew, pytest.raises((TypeError, ModuleNotFoundError)) as raised:
        list(crew.map(function, items))
    assert "lock" in str(raised.value) or "of_mine" in str(raised.value)


# ---- the end -------------------------------------------------------------------------------------


def test_leaving_the_crew_ends_its_processes() -> None:
    with Crew(2) as crew:
        processes = set(crew.map(jobs.process_id, range(40)))
        assert all(map(is_alive, processes))
    assert not any(map(is_alive, processes))


def test_an_abandoned_map_leaves_no_process_even_at_work(tmp_path: Path) -> None:
    def read() -> None:
        with pytest.raises(InfgenError, match="stopped"):
            next(results)

    with Crew(3) as crew:
        results = crew.map(jobs.Forever(tmp_path, busy=False), range(100), chunk=1)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        wait_until(lambda: len(list(tmp_path.iterdir())) == 3, "all three are at work")
    assert not any(is_alive(int(path.name)) for path in tmp_path.iterdir())
    reader.join(10)
    assert not reader.is_alive()


def test_a_map_that_nobody_reads_on_leaves_no_thread() -> None:
    before = threading.active_count()
    with Crew(2) as crew:
        results = crew.map(jobs.square, range(10_000))
        next(results)
        assert threading.active_count() > before
    wait_until(lambda: threading.active_count() <= before, "the threads have ended")


def test_closing_a_map_early_stops_the_crew() -> None:
    with Crew(2) as crew:
        results = crew.map(jobs.process_id, range(10_000))
        processes = {next(results) for _ in range(30)}
        results.close()  # type: ignore[attr-defined]
        assert not any(map(is_alive, processes))
        with pytest.raises(InfgenError, match="stopped"):
            list(crew.map(jobs.square, range(10)))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="lists processes in /proc")
@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "busy"])
def test_no_worker_outlives_a_killed_parent(busy: bool, tmp_path: Path) -> None:
    token = f"INFGEN_TEST={tmp_path}"
    name, _, value = token.partition("=")
    script = (
        "import sys\nfrom pathlib import Path\nfrom infgen.batch.engines import Crew\n"
        "from tests.batch.jobs import Forever\n"
        "list(Crew(3).map(Forever(Path(sys.argv[1]), bool(int(sys.argv[2]))), range(99), chunk=1))"
    )
    (tmp_path / "marks").mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "marks"), str(int(busy))],
        cwd=ROOT,
        env=os.environ | {name: value},
    )
    try:
        wait_until(lambda: len(list((tmp_path / "marks").iterdir())) == 3, "work began", parent)
        assert len(processes_with(token)) == 4
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not processes_with(token), "all workers are gone")


def test_usable_cores_are_at_least_one_and_no_more_than_there_are() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
