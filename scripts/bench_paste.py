"""How close copy-paste comes to the cost of merely encoding its files.

In one run, on the same pictures: the processor time of `infgen run` at 640x480 (JPEG quality 90 and
a mask PNG for each picture) against that of encoding and writing those very files from memory.
Ratios hold on a busy machine, where absolute times don't.

    python scripts/bench_paste.py [--images 1000] [--backgrounds CSV] [--classes CSV]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIZE = ("--width", "640", "--height", "480")
FLOOR_PICTURES = 200


@dataclass
class Memory:
    """Resident memory of a process's children in MB, sampled over time: a list per worker."""

    workers: dict[int, list[float]] = field(default_factory=dict)

    def sample(self, parent: int) -> None:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            for child in children:
                pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
                megabytes = pages * os.sysconf("SC_PAGESIZE") / 1e6
                self.workers.setdefault(int(child), []).append(megabytes)
        except (OSError, ValueError):
            pass

    def follow(self, process: subprocess.Popen[bytes], stop: threading.Event) -> None:
        while not stop.wait(0.25):
            self.sample(process.pid)


def run_infgen(arguments: argparse.Namespace, out: Path) -> tuple[float, float, Memory]:
    """(processor seconds of all processes, wall seconds, memory) of one `infgen run`."""
    command = [sys.executable, "-m", "infgen", "run", "--backgrounds", arguments.backgrounds,
               "--classes", arguments.classes, "--images", str(arguments.images), *SIZE,
               "--format", "masks", "--no-report", "--out", str(out)]  # fmt: skip
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


def encode_only(dataset: Path, scratch: Path) -> float:
    """Processor seconds per picture of encoding and writing a sample of the dataset's files."""
    pictures = sorted(dataset.glob("images/*/*.jpg"))[:FLOOR_PICTURES]
    decoded = [
        (cv2.imread(str(path)), cv2.imread(str(mask_of(dataset, path)), cv2.IMREAD_UNCHANGED))
        for path in pictures
    ]
    cv2.setNumThreads(1)
    scratch.mkdir()
    began = time.process_time()
    for number, (picture, mask) in enumerate(decoded):
        write(scratch / f"{number}.jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        write(scratch / f"{number}.png", mask, [])
    return (time.process_time() - began) / len(decoded)


def write(path: Path, pixels: np.ndarray, options: list[int]) -> None:
    path.write_bytes(cv2.imencode(path.suffix, pixels, options)[1].data)


def mask_of(dataset: Path, picture: Path) -> Path:
    return dataset / "masks" / picture.parent.name / f"{picture.stem}.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backgrounds", default=str(ROOT / "prompts/demo/background.csv"))
    parser.add_argument("--classes", default=str(ROOT / "prompts/demo/classes.csv"))
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spent, wall, memory = run_infgen(arguments, Path(folder) / "dataset")
        floor = encode_only(Path(folder) / "dataset", Path(folder) / "floor")
    each = spent / arguments.images
    print(f"\n{arguments.images} pictures of 640x480, JPEG q90 + mask PNG, {wall:.1f} s wall")
    print(f"encoding alone   {1 / floor:7.0f} pictures per core-second")
    print(f"infgen           {1 / each:7.0f} pictures per core-second, everything included")
    print(f"ratio            {floor / each:7.0%} of the floor")
    for worker, samples in memory.workers.items():
        half = len(samples) // 2
        if half:
            first, second = max(samples[:half]), max(samples[half:])
            print(f"worker {worker}: memory at most {first:.0f} MB, later {second:.0f} MB")


if __name__ == "__main__":
    main()
