"""Short ways to ask for something: specs as the tables would make them, without any file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from infgen.ops.planning import Planner, PlanSettings
from infgen.records.specs import (
    AspectSize,
    BackgroundSpec,
    ClassSpec,
    Length,
    Picture,
    RangeSize,
    Request,
)


def picture(name: str, content: str = "", size: tuple[int, int] = (400, 300)) -> Picture:
    """A picture file that isn't there; equal `content` (default: the name) makes equal hashes."""
    sha256 = hashlib.sha256((content or name).encode()).hexdigest()
    return Picture(name, Path("/nowhere") / name, sha256, size)


def pictures(count: int, prefix: str = "file") -> tuple[Picture, ...]:
    return tuple(picture(f"{prefix}{number}.png") for number in range(count))


def background(num_imgs: int = 1, *files: Picture, **fields: Any) -> BackgroundSpec:
    return BackgroundSpec(line=2, prompt="a scene", num_imgs=num_imgs, pictures=files, **fields)


def pixels(low: float, high: float) -> tuple[Length, Length]:
    return Length(low), Length(high)


def percent(low: float, high: float) -> tuple[Length, Length]:
    return Length(low, True), Length(high, True)


def a_class(name: str = "coin", appear: tuple[int, int] = (1, 3), **fields: Any) -> ClassSpec:
    fields = {"size": RangeSize(percent(5, 20), percent(5, 20)), "cutouts": pictures(2)} | fields
    return ClassSpec(line=2, name=name, prompt=name, appear_range=appear, **fields)


def aspect(low: float, high: float) -> AspectSize:
    return AspectSize((low, high))


def planner(
    backgrounds: tuple[BackgroundSpec, ...] | BackgroundSpec,
    classes: tuple[ClassSpec, ...] | ClassSpec = (),
    canvas: tuple[int, int] = (320, 240),
    method: str = "paste",
    **settings: Any,
) -> Planner:
    backgrounds = (backgrounds,) if isinstance(backgrounds, BackgroundSpec) else backgrounds
    classes = (classes,) if isinstance(classes, ClassSpec) else classes
    request = Request(backgrounds, classes)
    return Planner(request, PlanSettings(**settings), (method,) * len(classes), canvas)
