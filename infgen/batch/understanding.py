"""From settings to what will be made and with what, before anything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from infgen import __version__
from infgen.batch.depth import bits_of, check_maps, find_depth
from infgen.batch.fingerprint import fingerprint_of
from infgen.batch.kinds import check_kind, pasting
from infgen.batch.methods import Means, check_means, choose_means
from infgen.batch.nearness import nearness_of
from infgen.batch.painting import open_eyes
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RelabelSettings, RunSettings
from infgen.batch.stock import names_of
from infgen.batch.store import Pinned, Store
from infgen.formats import EXPORTS
from infgen.models.eye_choice import ResolvedEyes
from infgen.models.verdict import canvas_warning
from infgen.ops.augment.recipe import Recipe
from infgen.ops.grid import GridPlanner
from infgen.ops.planning import Planner
from infgen.ops.plans import Plans
from infgen.records.errors import InputError, Problem
from infgen.records.specs import Request
from infgen.sources.given import with_labels
from infgen.sources.recipes import read_recipe
from infgen.sources.tables import read_request

Asked = TypeVar("Asked", RunSettings, RelabelSettings)

OR_APPEND = "; to add to it instead, give --append"


def prepare(
    settings: RunSettings, pinned: Pinned, reporter: Reporter
) -> tuple[Plans, Means, tuple[str, ...]]:
    """Read the tables, choose the means, throw the first dice: (planner, means, notes). Tells of
    them."""
    planner, means, notes = understand(settings, pinned, reporter)
    return planner, means, told(planner, means, notes, reporter)


def told(
    planner: Plans, means: Means, notes: tuple[str, ...], reporter: Reporter
) -> tuple[str, ...]:
    """Say what will be made and with what; gives all notes, the planner's too."""
    notes = (*notes, *planner.notes)
    for note in notes:
        reporter.warn(note)
    painted = [spec.name for spec in planner.request.classes if spec.line]
    reporter.say(f"{means.method}: {', '.join(painted)}")
    if means.model:
        reporter.say(f"on {means.model.device}: {'; '.join(means.licences)}")
    return notes


def understand(
    settings: RunSettings,
    pinned: Pinned,
    reporter: Reporter,
    known: Mapping[str, str] | None = None,
) -> tuple[Plans, Means, tuple[str, ...]]:
    """Read the tables and choose the means: (planner, means, notes, but for the planner's). `known`
    is as in read_request.

    Raises:
        InputError: the tables or settings are wrong, or can't be carried out.
    """
    backgrounds, classes = _tables(settings)
    if settings.grid.grid:
        settings = pasting(settings)
    means = choose_means(settings, pinned.methods)
    canvas = (settings.plan.width or means.native, settings.plan.height or means.native)
    recipe = read_recipe(settings.augment.augment)
    request, warnings = read_request(backgrounds, classes, canvas, known)
    labelled: list[str] = []
    if settings.background_labels is not None:
        request, labelled = with_labels(request, settings.background_labels)
    means = check_means(means, request, settings, pinned)
    check_kind(settings, means, request)
    nearness: dict[str, np.ndarray] = {}
    if settings.depth.depth_scale:
        depth = find_depth(settings, reporter)
        means = replace(means, depth=depth)
        opened = partial(open_eyes, depth)
        nearness = nearness_of(request, Store(settings.out), depth, opened, reporter)
    planner = _planner(settings, request, means, canvas, nearness, recipe)
    notes = (*map(str, warnings), *labelled, *means.notes)
    generated = any(
        row.num_imgs and not row.pictures and not row.plain for row in request.backgrounds
    )
    if means.model and means.model.scenes and generated:
        notes += tuple(filter(None, [canvas_warning(means.model.scenes, canvas)]))
    if generated and settings.depth.depth_scale:
        notes += ("--depth-scale: the depth of scenes that are yet to be painted isn't known, so "
                  "that sizes on them don't go by it",)  # fmt: skip
    if means.method == "inpaint":
        unused = [spec.name for spec in request.classes if spec.cutouts]
        if unused:
            notes += (f"cutouts of {', '.join(unused)} aren't used: --method paste pastes them",)
    return planner, means, notes


def _planner(
    settings: RunSettings,
    request: Request,
    means: Means,
    canvas: tuple[int, int],
    nearness: Mapping[str, np.ndarray],
    recipe: Recipe,
) -> Plans:
    if settings.grid.grid:
        return GridPlanner(request, settings.plan, settings.grid, canvas, settings.look, nearness)
    methods = (means.method,) * len(request.classes)
    return Planner(request, settings.plan, methods, canvas, settings.look, nearness, recipe)


def _tables(settings: RunSettings) -> tuple[Path, Path]:
    problems = [
        Problem(f"--{name} is missing: give the path of {file}")
        for name, file in (("backgrounds", "background.csv"), ("classes", "classes.csv"))
        if getattr(settings, name) is None
    ]
    if problems or settings.backgrounds is None or settings.classes is None:
        raise InputError(problems)
    return settings.backgrounds, settings.classes


def means_for_maps(settings: RunSettings, store: Store, reporter: Reporter) -> ResolvedEyes | None:
    """The model for depth maps, if there are to be any."""
    if settings.depth.depth:
        found = find_depth(settings, reporter)
        check_maps(store, found, bits_of(settings))
        return found
    if settings.depth.depth_model and not settings.depth.depth_scale:
        reporter.warn("--depth-model does nothing without --depth or --depth-scale")
    return None


def pinned_of(settings: RunSettings, planner: Plans, means: Means) -> Pinned:
    """What a later run must match."""
    names = names_of(planner.request)
    return Pinned(
        infgen=__version__,
        backgrounds_kept=settings.keep_backgrounds,
        methods=dict(zip(names, planner.methods, strict=True)),
        prompts={spec.name: spec.prompt for spec in planner.request.classes},
        eyes=means.eyes.pins if means.eyes else {},
        fingerprint=fingerprint_of(settings, planner, means),
    )


def with_needed_backgrounds(settings: Asked, pinned: Pinned) -> Asked:
    """Backgrounds are kept if a format needs them, and where they have been kept so far."""
    needed = any(EXPORTS[name].needs_background for name in settings.export.format)
    needed |= pinned.backgrounds_kept
    return msgspec.structs.replace(settings, keep_backgrounds=True) if needed else settings
