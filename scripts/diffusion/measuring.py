"""Ways measured: time, idle time, memory, and the device's own limit."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from diffusion.tables import plans_of
from diffusion.ways import Way
from torch.autograd import DeviceType


@dataclass(frozen=True)
class Case:
    """What is to be measured: a way, the pictures it makes in a repeat (None: two chunks), and the
    FLOPs of a scene and of an object."""

    model: str
    steps: str
    way: str
    build: Callable[[], Way]
    pictures: int | None
    scene_flops: float
    object_flops: float


@dataclass(frozen=True)
class Measured:
    """A way's numbers: what each repeat made, in how many seconds, at what cost."""

    model: str
    steps: str
    way: str
    pictures: int
    scenes: int
    objects: int
    flops: float
    seconds: list[float]
    idle: float | None
    memory_gb: float | None

    def rate(self, count: float) -> float:
        """So many per second, in the median."""
        return count / median(self.seconds)


def measure(case: Case, repeats: int, device: str) -> Measured:
    """Build a way, warm it up, let it make its pictures some times, and clear it away."""
    way = case.build()
    count = case.pictures or 2 * way.chunk
    way.make(min(count, way.chunk))
    forget_peak(device)
    seconds, shares = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        busy = way.make(count)
        seconds.append(time.perf_counter() - began)
        shares.append(1 - busy / seconds[-1])
    memory = peak_gb(device)
    idle = idle_gpu(way, count) if device == "cuda" else median(shares)
    plans = plans_of(way.planner, 0, count)
    scenes = len({plan.background.number for plan in plans})
    objects = sum(len(plan.objects) for plan in plans)
    flops = scenes * case.scene_flops + objects * case.object_flops
    del way
    clear(device)
    name = (case.model, case.steps, case.way)
    return Measured(*name, count, scenes, objects, flops, seconds, idle, memory)


def idle_gpu(way: Way, count: int) -> float | None:
    """The share of the time in which nothing ran on the GPU, in a repeat of its own, as profiling
    slows the launches a little. None: the profiler saw nothing."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        began = time.perf_counter()
        way.make(count)
        wall = time.perf_counter() - began
    # the raw events: the profiler's own list of them would take minutes for millions of kernels
    events = profiler.profiler.kineto_results.events()
    spans = [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in events
        if event.device_type() == DeviceType.CUDA
    ]
    return 1 - covered(spans) / 1e9 / wall if spans else None


def covered(spans: Iterable[tuple[int, int]]) -> int:
    """How much of a line the spans (first, end) cover together."""
    total, done = 0, None
    for first, end in sorted(spans):
        done = first if done is None else max(first, done)
        total += max(end - done, 0)
        done = max(end, done)
    return total


def measure_limit(device: str) -> float:
    """FLOP/s of a large matrix product in bf16: the best of some rounds."""
    side, products = (8192, 20) if device == "cuda" else (1024, 4)
    left, right = (torch.randn(side, side, device=device).to(torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        wait_for(device)
        began = time.perf_counter()
        for _ in range(products):
            left @ right
        wait_for(device)
        best = min(best, time.perf_counter() - began)
    return products * 2 * side**3 / best


def wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def clear(device: str) -> None:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def forget_peak(device: str) -> None:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_gb(device: str) -> float | None:
    """The most memory that was in use: of the GPU, or on Linux the process's own."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    [line] = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9
