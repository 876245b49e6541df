"""Which part of a dataset a command makes: a new one, or one that was begun."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from infgen.batch.growing.parts import Job, part_of, understood, with_formats
from infgen.batch.ledger import FILE as LEDGER
from infgen.batch.owed import owed
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings
from infgen.batch.store import Pinned, Store, append_file, told_differences
from infgen.batch.understanding import OR_APPEND, with_needed_backgrounds
from infgen.records.errors import FolderError, InputError, Problem
from infgen.records.manifest import Manifest, Part

METHODS = {"paste", "inpaint"}  # of datasets that `run` made


def job_of(settings: RunSettings, store: Store, reporter: Reporter) -> tuple[Job, tuple[Part, ...]]:
    """The part that this command makes, and all parts with it: the last one, if that was begun with
    the same command and stopped, or left pictures out; else a new one.

    Raises:
        InputError, FolderError: there is nothing to append to, or something unfinished.
    """
    pinned, manifest, parts = store.pinned(), store.manifest(), store.parts()
    _check_ground(settings, store, pinned, manifest, parts)
    assert pinned is not None
    unfinished = parts and (manifest is None or len(manifest.parts) < len(parts))
    if len(parts) > 1 and (unfinished or _may_go_on(store, manifest, parts[-1])):
        job = understood(settings, parts[:-1], reporter)
        job = with_formats(job, parts[-1].formats)
        differences = told_differences(parts[-1].fingerprint, job.part.fingerprint)
        if not differences:
            return job, (*parts[:-1], job.part)
        if unfinished:
            file = store.folder / append_file(len(parts) - 1)
            raise FolderError(
                f"{store.folder}: what was appended last isn't finished, and was begun otherwise: "
                f"{differences}: first give what it was begun with (--config {file})"
            )
    assert manifest is not None
    parts = parts or (part_of(manifest, pinned),)
    formats = (*manifest.formats, *owed(store.folder))
    job = with_formats(understood(settings, parts, reporter), formats)
    return job, (*parts, job.part)


def _check_ground(
    settings: RunSettings,
    store: Store,
    pinned: Pinned | None,
    manifest: Manifest | None,
    parts: Sequence[Part],
) -> None:
    """Raise an error where nothing can be appended to."""
    folder = store.folder
    if pinned is None:
        raise InputError(Problem("--append: there is no dataset here: make one without it",
                                 str(folder)))  # fmt: skip
    if (folder / LEDGER).exists():
        raise InputError(Problem("--append: this is a bank of cutouts, which a larger --per-class "
                                 "adds to", str(folder)))  # fmt: skip
    made_with = manifest.settings if manifest else {}
    if settings.grid.grid or settings.files.pack != "none" or made_with.get("grid") or (
        made_with.get("pack", "none") != "none"
    ):  # fmt: skip
        raise InputError(Problem("--append: grids are complete, and archives closed: make another "
                                 "dataset, and merge them", str(folder)))  # fmt: skip
    if not METHODS.issuperset(pinned.methods.values()):
        raise InputError(Problem("--append: this dataset wasn't made by infgen run, and nothing "
                                 "else can be appended to", str(folder)))  # fmt: skip
    if manifest is None and not parts:
        raise FolderError(
            f"{folder}: its run hasn't finished: first run the command that began it again, "
            "without --append"
        )


def _may_go_on(store: Store, manifest: Manifest | None, last: Part) -> bool:
    """Whether the same command as the last one isn't another of its kind: that was killed after its
    work was done, or some of its pictures failed."""
    failures = manifest.failures if manifest else ()
    return store.was_appending() or any(failure.index >= last.first for failure in failures)


def first_job(
    settings: RunSettings, store: Store, reporter: Reporter
) -> tuple[Job, tuple[Part, ...]]:
    """The first part, for a command without --append, and all parts, that is to be mended.

    Raises:
        FolderError: the dataset was begun otherwise.
    """
    parts = store.parts()
    pinned = store.pinned() or Pinned()
    settings = with_needed_backgrounds(settings, pinned)
    job = with_formats(understood(settings, (), reporter), parts[-1].formats)
    store.check(job.part.fingerprint, OR_APPEND)
    if settings.keep_backgrounds:
        parts = tuple(msgspec.structs.replace(part, backgrounds_kept=True) for part in parts)
    return job, (msgspec.structs.replace(job.part, notes=parts[0].notes), *parts[1:])
