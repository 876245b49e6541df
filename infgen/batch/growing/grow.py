"""The story of --append: which part it is, and all of them made whole, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from infgen.batch.depth import facts_of
from infgen.batch.engines import Crew
from infgen.batch.exporting import check_fit, check_masks, check_unmoved
from infgen.batch.finishing import finish
from infgen.batch.growing.classes import planner_of
from infgen.batch.growing.jobs import first_job, job_of
from infgen.batch.growing.mending import to_mend
from infgen.batch.growing.parts import Job
from infgen.batch.marks import settle
from infgen.batch.methods import Means
from infgen.batch.owed import owed
from infgen.batch.painting import make_missing, workers_for
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings, write_toml
from infgen.batch.stock import take_stock_of_parts
from infgen.batch.store import Store, append_file
from infgen.batch.understanding import means_for_maps, pinned_of, told
from infgen.ops.plans import Plans
from infgen.records.errors import FolderBusy
from infgen.records.manifest import Manifest, Part


def grow(settings: RunSettings, store: Store, reporter: Reporter) -> Manifest:
    """Append a part to the store's dataset, or go on with one, or with --append left out mend what
    is there. All parts are made whole, in their order, and the formats cover them all.

    Raises:
        InputError, FolderError: nothing can be appended; nothing was written.
        StorageError: the disk refused; running again goes on.
    """
    seen = store.parts()
    job, parts = (job_of if settings.append else first_job)(settings, store, reporter)
    store.records.firsts = tuple(part.first for part in parts)
    _check_formats(job, parts, store)
    depth = means_for_maps(settings, store, reporter)
    if settings.append and depth is None and facts_of(store):
        reporter.warn("the new pictures get no depth maps, which the others have: the command that "
                      "made the dataset, with --depth, makes them")  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(store.claimed())
        if store.parts() != seen:
            raise FolderBusy(f"{store.folder} was just appended to: run the same command again")
        settle(store)
        crew = stack.enter_context(Crew(workers_for(settings.workers, job.part.pictures)))
        jobs = [to_mend(store, parts, number, settings, reporter) for number in range(len(parts))
                if number != job.number]  # fmt: skip
        if 0 < job.number < len(seen):
            reporter.say(f"going on with what {append_file(job.number)} began")
        _begin(store, job, parts)
        for one in sorted([job, *filter(None, jobs)], key=lambda one: one.number):
            planner = planner_of(one, parts, store)
            if one is job:
                notes = told(planner, job.means, job.notes, reporter)
                part = msgspec.structs.replace(parts[job.number], notes=notes)
                parts = (*parts[: job.number], part, *parts[job.number + 1 :])
                store.write_parts(parts)
            make_missing(store, planner, one.means, one.settings, crew, reporter)
        manifest = take_stock_of_parts(store, parts)
        now = _asking(job.settings, settings.export.format, store)
        return finish(store, manifest, now, crew, depth, job.planner.canvas, reporter)


def _asking(settings: RunSettings, asked: Sequence[str], store: Store) -> RunSettings:
    """Settings without those formats that nobody asks for, and that the dataset has, and so keeps
    or gets anew as they were."""
    manifest = store.manifest()
    known = {*owed(store.folder), *(manifest.formats if manifest else ())}.difference(asked)
    names = tuple(name for name in settings.export.format if name not in known)
    export = msgspec.structs.replace(settings.export, format=names)
    return msgspec.structs.replace(settings, export=export)


def plan_append(settings: RunSettings, store: Store, reporter: Reporter) -> tuple[Plans, Means]:
    """The planner of what --append would add, and what would paint it."""
    job, parts = job_of(settings, store, reporter)
    planner = planner_of(job, parts, store)
    told(planner, job.means, job.notes, reporter)
    return planner, job.means


def _begin(store: Store, job: Job, parts: Sequence[Part]) -> None:
    """Write down what is to be made, before anything is."""
    pinned = pinned_of(job.settings, job.planner, job.means)
    record = write_toml(job.settings, msgspec.to_builtins(pinned))
    if job.number:
        store.begin_part(parts, record)
    else:
        store.begin(record, pinned)


def _check_formats(job: Job, parts: Sequence[Part], store: Store) -> None:
    """Raise InputError for formats that can't hold what is there, or what is to come."""
    formats = job.settings.export.format
    check_fit(formats, tuple(parts[-1].classes), job.planner)
    check_unmoved(formats, store)
    if manifest := store.manifest():
        check_masks(formats, manifest.unmasked)
