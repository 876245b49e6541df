"""How close the full grid comes to the cost of merely encoding its files and writing them.

In one run, on the same pictures: the processor time of `infgen run --grid` at 160x160 (JPEG, each
picture with its mask) against that of encoding and writing those very files from memory, as a plain
script does it: one by one, or into archives with Python's zipfile or tarfile. Ratios hold on a busy
machine, where absolute times don't.

    python scripts/bench_grid.py [--placements 20] [--pack zip] [--backgrounds CSV] [--classes CSV]
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from bench_paste import ROOT, Memory

from infgen.batch.layout import MASK_QUALITY
from infgen.batch.store import Store
from infgen.ops.rle import decode_rle
from infgen.records.sample import Entry
from infgen.sources.packs import picture_bytes

SIDE = 160
FLOOR_PICTURES = 2000
FLOOR_ROUNDS = 3  # of which the quickest counts
Write = Callable[[str, memoryview], None]


def run_infgen(arguments: argparse.Namespace, out: Path) -> tuple[float, float, Memory]:
    """(processor seconds of all processes, wall seconds, memory) of one `infgen run --grid`."""
    command = [sys.executable, "-m", "infgen", "run", "--grid",
               "--placements", str(arguments.placements), "--pack", arguments.pack,
               "--backgrounds", arguments.backgrounds, "--classes", arguments.classes,
               "--width", str(SIDE), "--height", str(SIDE), "--val-frac", "0.1",
               "--format", "coco", "--coco-masks", "rle", "--no-report",
               "--out", str(out)]  # fmt: skip
    if arguments.workers:
        command += ["--workers", str(arguments.workers)]
    before, began, memory, stop = os.times(), time.perf_counter(), Memory(), threading.Event()
    process = subprocess.Popen(command, cwd=ROOT)
    follower = threading.Thread(target=memory.follow, args=(process, stop))
    follower.start()
    code = process.wait()
    stop.set()
    follower.join()
    if code:
        raise SystemExit(code)
    after = os.times()
    spent = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return spent, time.perf_counter() - began, memory


class Floor:
    """A sample of a dataset's pictures and masks, in memory."""

    def __init__(self, dataset: Path):
        step = max(sum(1 for _ in Store(dataset).lines()) // FLOOR_PICTURES, 1)
        entries = islice(Store(dataset).entries(), 0, None, step)
        self._held = [self._hold(dataset, entry) for entry in entries]
        cv2.setNumThreads(1)

    @staticmethod
    def _hold(dataset: Path, entry: Entry) -> tuple[str, np.ndarray, int, np.ndarray]:
        data = np.frombuffer(picture_bytes(dataset, entry), np.uint8)
        quality = 90 - (entry.finish.quality_loss if entry.finish else 0)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        for one in entry.objects:
            mask[decode_rle(one.rle, entry.size)] = 255
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert picture is not None
        return entry.stem, picture, quality, mask

    def seconds(self, write: Write) -> float:
        """Processor seconds per picture of encoding it and its mask, and giving both to `write`."""
        began = time.process_time()
        for name, picture, quality, mask in self._held:
            write(f"fg_bg/{name}.jpg", encode(picture, quality))
            write(f"mask/{name}.jpg", encode(mask, MASK_QUALITY))
        return (time.process_time() - began) / len(self._held)


def encode(pixels: np.ndarray, quality: int) -> memoryview:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].data


@contextmanager
def loose(folder: Path) -> Iterator[Write]:
    for name in ("fg_bg", "mask"):
        (folder / name).mkdir(parents=True)
    yield lambda name, data: (folder / name).write_bytes(data) and None


@contextmanager
def zipped(folder: Path) -> Iterator[Write]:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "floor.zip", "w", zipfile.ZIP_STORED) as archive:
        yield archive.writestr


@contextmanager
def tarred(folder: Path) -> Iterator[Write]:
    folder.mkdir(parents=True)
    with tarfile.open(folder / "floor.tar", "w") as archive:

        def write(name: str, data: memoryview) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        yield write


WRITERS = {"none": loose, "zip": zipped, "tar": tarred}


def measure(dataset: Path, pack: str, scratch: Path) -> tuple[float, float]:
    """Processor seconds per picture: (encoding alone, encoding and writing)."""
    floor = Floor(dataset)
    bare, written = [], []
    for number in range(FLOOR_ROUNDS):
        bare.append(floor.seconds(lambda name, data: None))
        with WRITERS[pack](scratch / str(number)) as write:
            written.append(floor.seconds(write))
    return min(bare), min(written)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backgrounds", default=str(ROOT / "prompts/demo/background.csv"))
    parser.add_argument("--classes", default=str(ROOT / "prompts/demo/classes.csv"))
    parser.add_argument("--placements", type=int, default=20)
    parser.add_argument("--pack", choices=WRITERS, default="zip")
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spent, wall, memory = run_infgen(arguments, Path(folder) / "dataset")
        pictures = sum(1 for _ in Store(Path(folder) / "dataset").lines())
        bare, written = measure(Path(folder) / "dataset", arguments.pack, Path(folder) / "floor")
    each = spent / pictures
    print(f"\n{pictures} pictures of {SIDE}x{SIDE} with masks, JPEG, --pack {arguments.pack}")
    print(f"wall clock             {pictures / wall:7.0f} pictures per second, {wall:.1f} s")
    print(f"encoding alone         {1 / bare:7.0f} pictures per core-second")
    print(f"encoding and writing   {1 / written:7.0f} pictures per core-second")
    print(f"infgen                 {1 / each:7.0f} pictures per core-second, everything included")
    print(f"ratio                  {written / each:7.0%} of encoding and writing")
    print(f"                       {bare / each:7.0%} of encoding alone")
    for worker, samples in memory.workers.items():
        half = len(samples) // 2
        if half:
            first, second = max(samples[:half]), max(samples[half:])
            print(f"worker {worker}: memory at most {first:.0f} MB, later {second:.0f} MB")


if __name__ == "__main__":
    main()
