"""The verbs run and plan. Each is a short story over the floors below."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from infgen.batch.engines import Crew
from infgen.batch.exporting import check_fit, check_formats
from infgen.batch.finishing import finish
from infgen.batch.growing import grow, plan_append
from infgen.batch.kinds import check_folders, with_fitting_formats
from infgen.batch.methods import Means
from infgen.batch.painting import make_missing, workers_for
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import RunSettings, flatten, write_toml
from infgen.batch.stock import names_of, take_stock
from infgen.batch.store import Pinned, Store
from infgen.batch.understanding import (
    OR_APPEND,
    means_for_maps,
    pinned_of,
    prepare,
    with_needed_backgrounds,
)
from infgen.ops.plans import Plans
from infgen.records.manifest import Manifest


def run(settings: RunSettings, reporter: Reporter | None = None) -> Manifest:
    """Make the dataset that `settings` ask for, or go on where an earlier try stopped. Call `ended`
    when the user knows what came of it.

    Raises:
        InputError: the tables or settings are wrong; nothing was written.
        FolderError: the output folder holds something else.
        StorageError: the disk refused; running again goes on.
    """
    reporter = reporter or Silent()
    settings = with_fitting_formats(settings, reporter)
    check_formats(settings.export.format)
    check_folders(settings.export.format, flatten(settings))
    store = Store(settings.out)
    if settings.append or store.parts():
        return grow(settings, store, reporter)
    pinned = store.pinned() or Pinned()
    settings = with_needed_backgrounds(settings, pinned)
    planner, means, notes = prepare(settings, pinned, reporter)
    check_fit(settings.export.format, names_of(planner.request), planner)
    pinned = pinned_of(settings, planner, means)
    store.check(pinned.fingerprint, OR_APPEND)
    depth = means_for_maps(settings, store, reporter)
    with ExitStack() as stack:
        stack.enter_context(store.claimed())
        store.begin(write_toml(settings, msgspec.to_builtins(pinned)), pinned)
        crew = stack.enter_context(Crew(workers_for(settings.workers, planner.count)))
        make_missing(store, planner, means, settings, crew, reporter)
        manifest = take_stock(store, planner, means, settings, pinned.fingerprint, notes)
        return finish(store, manifest, settings, crew, depth, planner.canvas, reporter)


def ended(settings: RunSettings) -> None:
    """Whoever asked for a run knows how it ended: the same again is another one, if it appends.

    Raises:
        StorageError: the disk refused.
    """
    if settings.append:
        Store(settings.out).settle()


def plan(settings: RunSettings, reporter: Reporter | None = None) -> Plans:
    """The planner of a run: plans by index, without a pixel being made or a file written."""
    return plan_with_means(settings, reporter)[0]


def plan_with_means(settings: RunSettings, reporter: Reporter | None = None) -> tuple[Plans, Means]:
    """The planner of a run, and what would paint its pictures."""
    reporter = reporter or Silent()
    if settings.append:
        return plan_append(settings, Store(settings.out), reporter)
    planner, means, _ = prepare(settings, Pinned(), reporter)
    return planner, means
