"""Parts that were made before, made whole where pictures of theirs are gone."""

from __future__ import annotations

from collections.abc import Sequence

from infgen.batch.growing.classes import with_classes
from infgen.batch.growing.parts import Job, pinned_by
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings, fill
from infgen.batch.store import RECORD, Store, append_file, told_differences
from infgen.batch.understanding import pinned_of, understand
from infgen.ops.planning import Planner
from infgen.records.errors import FolderError, InputError
from infgen.records.manifest import Part


def to_mend(
    store: Store, parts: Sequence[Part], number: int, now: RunSettings, reporter: Reporter
) -> Job | None:
    """Another part, to make what it lacks as its own run would; None if it lacks nothing, or only
    pictures that failed, and that can't be tried again.

    Raises:
        FolderError: its pictures are gone, and its tables or their pictures aren't what they were.
    """
    part = parts[number]
    gaps = store.records.gaps(part.end, part.backgrounds_kept, part.first)
    if not gaps:
        return None
    values = part.settings | {"out": store.folder, "keep_backgrounds": part.backgrounds_kept}
    settings = fill(RunSettings, {"workers": now.workers} | values)
    lacking, gone = "", [index for index, failure in gaps.items() if not failure]
    try:
        job = _again(settings, part, number, reporter)
        lacking = told_differences(
            part.fingerprint, pinned_of(settings, job.planner, job.means).fingerprint
        )
    except InputError as error:
        lacking = str(error)
    if not lacking:
        return job
    if gone:
        file = RECORD if number == 0 else append_file(number)
        raise FolderError(
            f"{store.folder}: {len(gone)} pictures or records are gone (picture {gone[0]}, ...) "
            f"and can't be made again, for {file} isn't what it was: {lacking}: put back either"
        )
    reporter.warn(f"{len(gaps)} pictures that failed before aren't tried again: {lacking}")
    return None


def _again(settings: RunSettings, part: Part, number: int, reporter: Reporter) -> Job:
    """A part as its own run planned it. Classes that have been added to its table since are passed
    over.

    Raises:
        InputError: its tables can't be read any more.
    """
    planner, means, notes = understand(settings, pinned_by(part), reporter, part.classes)
    rows = {spec.name: spec for spec in planner.request.classes}
    classes = tuple(rows[name] for name in part.methods if name in rows)
    request = with_classes(planner.request, classes)
    assert isinstance(planner, Planner)  # grids are complete
    planner = planner.again(request)
    return Job(number, part, settings, planner, means, notes)
