"""What every run ends with, once its pictures are there."""

from __future__ import annotations

from functools import partial

import msgspec

from infgen.batch.depth import facts_of, write_depths
from infgen.batch.engines import Crew
from infgen.batch.exporting import write_formats
from infgen.batch.painting import open_eyes
from infgen.batch.preview import preview_made
from infgen.batch.report import report_made
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings
from infgen.batch.statistics import write_statistics
from infgen.batch.stock import second_thoughts
from infgen.batch.store import Store
from infgen.models.eye_choice import ResolvedEyes
from infgen.records.manifest import Manifest


def finish(
    store: Store,
    manifest: Manifest,
    settings: RunSettings,
    crew: Crew,
    depth: ResolvedEyes | None,
    canvas: tuple[int, int],
    reporter: Reporter,
) -> Manifest:
    """Say what is odd about what was made, draw the sheet, the depth maps by that model, count the
    pixels of pictures of `canvas` = (width, height), write the formats, the manifest, and a report
    on it all."""
    thoughts = tuple(second_thoughts(manifest))
    for note in thoughts:
        reporter.warn(note)
    manifest = msgspec.structs.replace(manifest, notes=(*manifest.notes, *thoughts))
    preview_made(store, manifest)
    if depth:
        opened = partial(open_eyes, depth)
        write_depths(store, settings, manifest.pictures, depth, opened, reporter)
    if facts := facts_of(store):
        models = manifest.models | {"depth": msgspec.to_builtins(facts)}
        manifest = msgspec.structs.replace(manifest, models=models)
    if settings.files.statistics or settings.grid.grid:
        write_statistics(store, canvas)
    manifest = write_formats(store, manifest, settings.export, crew, reporter)
    store.log("finished", pictures=manifest.pictures, failed=len(manifest.failures))
    report_made(store, manifest, settings.report, reporter)
    return manifest
