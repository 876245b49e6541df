"""What a run will take on this machine, from what a few of its pictures take: time, disk, memory.

Where pictures are pasted, some are made in memory, timed and weighed, and so are their labels in
every format asked for, and their depth maps. A diffusion model is timed only where that is quick:
else its steps are counted, and no time is made up.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infgen.batch.encoding import encode_picture
from infgen.batch.made import as_line
from infgen.batch.memory import memory_of, memory_of_machine
from infgen.batch.methods import Means
from infgen.batch.painting import workers_for
from infgen.batch.preview import backgrounds_of
from infgen.batch.samples import Painted
from infgen.batch.settings import RunSettings
from infgen.batch.weighing import Trial, weigh_formats
from infgen.models.eye_choice import ResolvedEyes
from infgen.ops.outlook import Outlook
from infgen.ops.plans import Plans

CHEAP_TFLOP = {"cpu": 1.0}  # of a sample of pictures, which then takes seconds
CHEAP_ON_GPU = 1000.0
SHARED_CORES = 0.8  # of a worker's speed that is left beside others


@dataclass(frozen=True)
class Work:
    """What a diffusion model has to do: `scenes` and `tries` (at objects and decoys, of which some
    may be repeated up to `attempts` times) in so many denoising `steps` all in all, on `device`, in
    `tflop` of work; it takes about `memory_gb` there, with what looks at what it paints. `models`
    are its names, `download` bytes are to be fetched first."""

    models: tuple[str, ...]
    device: str
    scenes: int
    tries: int
    attempts: int
    steps: int
    tflop: float
    memory_gb: float
    download: int


@dataclass(frozen=True)
class Estimate:
    """What a run comes to. `seconds` and `disk` (bytes) are None where nothing could be timed or
    weighed; `memory` is main memory, in bytes, of all processes together, `free` what the disk has
    left. `timed` pictures were made, and `formats` holds the bytes of each format's files, and of
    the depth maps as "depth"; `lacks` says what isn't in `seconds` and `disk`, if anything."""

    pictures: int
    objects: int
    workers: int
    timed: int
    seconds: float | None
    disk: int | None
    pictures_bytes: int
    formats: dict[str, int]
    memory: int
    free: int
    work: Work | None = None
    lacks: str = ""

    @property
    def concerns(self) -> list[str]:
        """Sentences on what the machine, or its container, hasn't got."""
        found = []
        if self.disk is not None and self.disk > self.free:
            found.append(
                f"the disk has {in_bytes(self.free)} left, and the dataset takes about "
                f"{in_bytes(self.disk)}: free some space, or give another --out"
            )
        if (there := memory_of_machine()) and self.memory > there:
            found.append(
                f"the run takes about {in_bytes(self.memory)} of memory, and {in_bytes(there)} are "
                f"there: give {'a smaller --model' if self.work else 'fewer --workers'}"
            )
        return found


def work_of(means: Means, outlook: Outlook, settings: RunSettings) -> Work | None:
    """What there is to do for the model; None without one."""
    model = means.model
    if model is None:
        return None
    scenes = -(-outlook.scaled(outlook.generated) // outlook.layouts)
    tries = outlook.scaled(outlook.planned + outlook.decoys) if means.method == "inpaint" else 0
    steps, tflop = 0, 0.0
    for half, number, whole in ((model.scenes, scenes, True), (model.inpaint, tries, False)):
        if half:
            row = half.row
            own = number * max(int(row.steps * (1 if whole else row.strength)), 1)
            steps += own
            tflop += own * row.tflop * (1 + settings.model.guidance_end * (row.guidance > 1))
    looking = means.eyes or ResolvedEyes(settings.verify)
    return Work(
        model.names,
        model.device,
        scenes,
        tries,
        settings.inpaint.attempts,
        steps,
        tflop,
        max(half.row.memory_gb for half in model.halves) + looking.memory_gb,
        model.download_bytes + looking.download_bytes,
    )


def is_cheap(work: Work | None, pictures: int, total: int) -> bool:
    """Whether so many of all pictures can be made just to see how long they take."""
    if work is None:
        return True
    if work.download:
        return False
    most = CHEAP_TFLOP.get(work.device, CHEAP_ON_GPU)
    return work.tflop * pictures / max(total, 1) <= most


def estimate(
    planner: Plans,
    settings: RunSettings,
    outlook: Outlook,
    work: Work | None,
    samples: Sequence[Painted],
    depth: ResolvedEyes | None = None,
    trial: Trial | None = None,
) -> Estimate:
    """What the run comes to; `samples` are pictures of it, maybe none. `depth` is the model that
    estimates depth, if one does; some of its maps were made in a `trial`, if that could be."""
    made = [sample for sample in samples if not sample.failure]
    crew = workers_for(settings.workers, planner.count)
    workers = 1 if work else crew
    seconds = disk = None
    pictures = 0
    formats: dict[str, int] = {}
    if made:
        each = planner.count / len(made)
        own = sum(len(data) for sample in made for data in sample.files.values())
        lines = sum(len(as_line(sample.entry)) for sample in made)
        sizes, labelling = weigh_formats(made, planner, settings)
        backgrounds = _bare_bytes(made, planner, settings) / planner.layouts
        pictures = round(each * own)
        formats = {name: round(each * size) for name, size in sizes.items()}
        disk = round(each * (own + lines + backgrounds)) + sum(formats.values())
        at_once = 1 + (workers - 1) * SHARED_CORES
        seconds = planner.count * (_pace(made, bool(work)) + labelling / len(made)) / at_once
    if trial and disk is not None and seconds is not None:
        formats["depth"] = round(planner.count * trial.bytes / trial.pictures)
        disk += formats["depth"]
        seconds += planner.count * trial.seconds / trial.pictures
    return Estimate(
        planner.count,
        outlook.scaled(outlook.objects),
        workers,
        len(made),
        seconds,
        disk,
        pictures,
        formats,
        memory_of(planner, crew, _model_bytes(work, depth)),
        shutil.disk_usage(_nearest(settings.out)).free,
        work,
        "the depth maps" if settings.depth.depth and not trial else "",
    )


def _model_bytes(work: Work | None, depth: ResolvedEyes | None) -> float | None:
    """Main memory of the models' weights, which aren't there at the same time; None without any."""
    found = [(work.device, work.memory_gb)] if work else []
    found += [(depth.device, depth.memory_gb)] if depth else []
    return max((1e9 * size * (device == "cpu") for device, size in found), default=None)


def _pace(made: Sequence[Painted], together: bool) -> float:
    """Seconds for a picture. Where they aren't made `together`, the first one opens what the others
    find open, and the median passes over what else the machine was busy with."""
    if together:
        return sum(sample.seconds for sample in made) / len(made)
    return statistics.median(sample.seconds for sample in (made[1:] or made))


def _bare_bytes(made: Sequence[Painted], planner: Plans, settings: RunSettings) -> int:
    """The bytes of the pictures' backgrounds, where these are to be kept. Of one that a model
    paints they are about those of the picture as PNG."""
    if not settings.keep_backgrounds:
        return 0
    total = 0
    for sample in made:
        scene = sample.plan.background
        bare = None
        if scene.picture or scene.plain:
            [bare] = backgrounds_of(planner).make([sample.plan])
        shown = bare if isinstance(bare, np.ndarray) else sample.pixels
        assert shown is not None
        total += encode_picture(shown, "png").nbytes
    return total


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.exists())


def in_bytes(number: int) -> str:
    """2,340,000 is 2.3 MB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"
