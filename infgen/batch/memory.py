"""The main memory that a run takes, from its tables and settings: what its processes have at their
peaks (resident, with the libraries that they share counted in each), added up.

By pictures of 160 to 4096 pixels, pasted by one or two workers, and by the tiny checkpoint on a
CPU, it was 0.87 to 1.2 of what runs took, and once, of 4000 pixels, 1.5 (Linux, Python 3.11).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from infgen.ops.framing import MOST_SCALED
from infgen.ops.plans import Plans
from infgen.records.specs import Picture
from infgen.stages.backgrounds import CACHE_BYTES as SCENE_BYTES
from infgen.stages.paste.cutouts import CACHE_BYTES as CUTOUT_BYTES

LEAD_BYTES = 150_000_000  # the process that has the workers, and writes formats and report
WORKER_BYTES = 95_000_000  # another, before its first picture
TORCH_BYTES = 350_000_000  # more, where a model is: for what runs it
MEMBERSHIP, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
IN_WORK = 4  # canvases that a process works on at a time, as painted, masked, encoded


def memory_of(planner: Plans, workers: int, model: float | None = None) -> int:
    """Bytes of main memory that a run takes with so many `workers`. A `model` that paints, or that
    estimates depth, has so many bytes of it beside the rest."""
    own = held_bytes(planner)
    crew = workers * (WORKER_BYTES + own) if workers > 1 else own
    work = IN_WORK * _bytes_of(planner.canvas)
    return round(LEAD_BYTES + work + crew + (0 if model is None else TORCH_BYTES + model))


def held_bytes(planner: Plans) -> int:
    """What one that pastes holds of pictures: the user's, as far as they are kept, the largest of
    them as it is read, and those that it works on."""
    request, canvas = planner.request, planner.canvas
    scenes = [one for row in request.backgrounds if row.num_imgs for one in row.pictures]
    cutouts = [one for spec in request.classes if spec.appear_range[1] for one in spec.cutouts]
    known = {one.sha256: _scene_bytes(one, canvas) for one in scenes}
    pasted = {one.sha256: _cutout_bytes(one, canvas) for one in cutouts}
    largest = max((_bytes_of(one.size) for one in (*scenes, *cutouts)), default=0)
    kept = min(sum(known.values()), SCENE_BYTES) + min(sum(pasted.values()), CUTOUT_BYTES)
    return kept + 2 * largest + IN_WORK * _bytes_of(canvas)


def _scene_bytes(picture: Picture, canvas: tuple[int, int]) -> int:
    """A background as it is kept: scaled so that it covers the canvas, if that isn't huge."""
    scale = max(side / own for side, own in zip(canvas, picture.size, strict=True))
    scaled = math.prod(picture.size) * scale**2
    return 3 * round(scaled) if scaled <= MOST_SCALED else _bytes_of(picture.size)


def _cutout_bytes(picture: Picture, canvas: tuple[int, int]) -> int:
    """A cutout with transparency, and its halvings, which are a third of it."""
    return 4 * min(math.prod(picture.size), 4 * math.prod(canvas)) * 4 // 3


def _bytes_of(size: tuple[int, int]) -> int:
    """RGB."""
    return 3 * math.prod(size)


def memory_of_machine() -> int:
    """The main memory that there is for this process, in bytes: the machine's, or less where a
    container, or a job of a cluster, has a limit; 0 where nothing says."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        whole = 0
    return min((size for size in (whole, *_limits()) if size > 0), default=0)


def _limits() -> Iterator[int]:
    """The limits of the control groups that this process is in, and of those around them, version 1
    or 2 (proc_pid_cgroup(5)). Inside a container the paths may be the machine's: what can be seen
    there then is the container's own group, where the machine has the top one."""
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        top, file = GROUPS, "memory.max"
        if "memory" in controllers.split(","):
            top, file = GROUPS / "memory", "memory.limit_in_bytes"  # unlimited: a huge number
        group = top / path.lstrip("/")
        for one in (group, *group.parents):
            with suppress(OSError, ValueError):  # it isn't seen from here, or "max"
                yield int((one / file).read_text())
