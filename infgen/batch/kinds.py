"""What goes together: grids, archives, models and formats; told before any work starts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from infgen.batch.methods import Means, lacks_pictures
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings
from infgen.formats import EXPORTS, Export
from infgen.formats.settings import ExportSettings
from infgen.records.errors import InputError, Problem
from infgen.records.specs import Request


def pasting(settings: RunSettings) -> RunSettings:
    """The settings of a grid, which is always pasted.

    Raises:
        InputError: they ask for a model to paint it, or for more objects than the one it shows.
    """
    if settings.background_labels:
        raise InputError("--grid shows one object a picture: leave --background-labels out")
    if settings.augment.augment != "none":
        raise InputError("--grid shows cutouts and backgrounds as they are: leave --augment out")
    if settings.method == "inpaint" or settings.model.model or settings.model.inpaint_model:
        raise InputError("--grid pastes cutouts: leave --method inpaint and --model out")
    return msgspec.structs.replace(settings, method="paste")


def check_kind(settings: RunSettings, means: Means, request: Request) -> None:
    """Raise InputError for a grid or for archives where a model would have to paint."""
    if means.model is None:
        return
    if settings.grid.grid:
        raise InputError(lacks_pictures(request, settings))
    if settings.files.pack != "none":
        raise InputError("--pack is for pasted pictures: leave it out where a model paints")


def with_fitting_formats(settings: RunSettings, reporter: Reporter) -> RunSettings:
    """Of the formats that a run has without being told, those that its folders allow. The same
    ones, where they were asked for, aren't that very tuple: check_folders refuses them."""
    usual = ExportSettings().format
    if settings.export.format is not usual:
        return settings
    packed, gridded = settings.files.pack != "none", settings.grid.grid
    unfit = [
        name
        for name in usual
        if (packed and not EXPORTS[name].from_records) or (gridded and EXPORTS[name].beside_images)
    ]
    if unfit:
        reporter.say(f"--format {', '.join(unfit)} is left out: it needs pictures in images/")
    fitting = tuple(name for name in usual if name not in unfit)
    export = msgspec.structs.replace(settings.export, format=fitting)
    return msgspec.structs.replace(settings, export=export)


def check_folders(formats: Collection[str], settings: dict[str, Any]) -> None:
    """Raise InputError for formats that can't be made of a dataset with these `settings` (by flat
    name), because of where its pictures are."""
    packed = settings.get("pack", "none") != "none"
    problems = []
    for name in formats:
        if packed and not EXPORTS[name].from_records:
            text = "needs the pictures as files, and --pack puts them into archives"
        elif settings.get("grid") and EXPORTS[name].beside_images:
            text = "looks for pictures in images/, and --grid has folders of its own"
        else:
            continue
        others = ", ".join(name for name, row in EXPORTS.items() if _fits(row, packed))
        problems.append(Problem(f"--format {name} {text}: here, it can be {others}"))
    if problems:
        raise InputError(problems)


def _fits(row: Export, packed: bool) -> bool:
    return row.from_records if packed else not row.beside_images
