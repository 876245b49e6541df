"""Growing a dataset: parts that are added to it, one by one, and what is there stays as it is.

A dataset that was appended to is made of parts. Each has settings and a fingerprint of its own, its
pictures follow those of the part before, and it knows what these used: see records.past. parts.json
holds what each run made or is to make, so that any of them can be mended, and the last one resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from infgen import __version__
from infgen.batch.depth import facts_of
from infgen.batch.engines import Crew
from infgen.batch.exporting import check_fit, check_masks, check_unmoved
from infgen.batch.fingerprint import class_prints
from infgen.batch.finishing import finish
from infgen.batch.ledger import FILE as LEDGER
from infgen.batch.marks import settle
from infgen.batch.methods import Means
from infgen.batch.painting import make_missing, workers_for
from infgen.batch.past import read_past
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings, fill, flatten, write_toml
from infgen.batch.stock import (
    count_up,
    models_of,
    second_thoughts,
    sources_of,
    upright_of,
    versions,
)
from infgen.batch.store import RECORD, Pinned, Store, append_file, told_differences
from infgen.batch.understanding import (
    OR_APPEND,
    means_for_maps,
    pinned_of,
    told,
    understand,
    with_needed_backgrounds,
)
from infgen.batch.uses import Tally
from infgen.formats import EXPORTS
from infgen.ops.planning import Planner
from infgen.ops.plans import Plans
from infgen.records.errors import FolderBusy, FolderError, InputError, Problem
from infgen.records.manifest import Manifest, Part
from infgen.records.specs import AspectSize, ClassSpec, Request

METHODS = {"paste", "inpaint"}  # of datasets that `run` made


@dataclass(frozen=True)
class Job:
    """What it takes to make a part: it is number `number` of its dataset's `parts`, from 0, as it
    is to stand there. `planner` plans the user's tables as they are, without what was made before;
    `notes` are not the planner's."""

    number: int
    part: Part
    settings: RunSettings
    planner: Plans
    means: Means
    notes: tuple[str, ...]


def grow(settings: RunSettings, store: Store, reporter: Reporter) -> Manifest:
    """Append a part to the store's dataset, or go on with one, or with --append left out mend what
    is there. All parts are made whole, in their order, and the formats cover them all.

    Raises:
        InputError, FolderError: nothing can be appended; nothing was written.
        StorageError: the disk refused; running again goes on.
    """
    seen = store.parts()
    job, parts = (_job if settings.append else _first_job)(settings, store, reporter)
    store.firsts = tuple(part.first for part in parts)
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
        jobs = [_to_mend(store, parts, number, settings, reporter) for number in range(len(parts))
                if number != job.number]  # fmt: skip
        if 0 < job.number < len(seen):
            reporter.say(f"going on with what {append_file(job.number)} began")
        _begin(store, job, parts)
        for one in sorted([job, *filter(None, jobs)], key=lambda one: one.number):
            planner = _planner(one, parts, store)
            if one is job:
                notes = told(planner, job.means, job.notes, reporter)
                part = msgspec.structs.replace(parts[job.number], notes=notes)
                parts = (*parts[: job.number], part, *parts[job.number + 1 :])
                store.write_parts(parts)
            make_missing(store, planner, one.means, one.settings, crew, reporter)
        manifest = _take_stock(store, parts)
        manifest = finish(store, manifest, job.settings, crew, depth, job.planner.canvas, reporter)
    if settings.append:
        store.settle()
    return manifest


def plan_append(settings: RunSettings, store: Store, reporter: Reporter) -> tuple[Plans, Means]:
    """The planner of what --append would add, and what would paint it."""
    job, parts = _job(settings, store, reporter)
    planner = _planner(job, parts, store)
    told(planner, job.means, job.notes, reporter)
    return planner, job.means


# ---- which part it is ----------------------------------------------------------------------------


def _job(settings: RunSettings, store: Store, reporter: Reporter) -> tuple[Job, tuple[Part, ...]]:
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
        job = _understood(settings, parts[:-1], len(parts) - 1, reporter)
        job = _with_formats(job, parts[-1].formats)
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
    parts = parts or (_part_of(manifest, pinned),)
    job = _with_formats(_understood(settings, parts, len(parts), reporter), manifest.formats)
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


def _first_job(
    settings: RunSettings, store: Store, reporter: Reporter
) -> tuple[Job, tuple[Part, ...]]:
    """The first part, for a command without --append, and all parts, that is to be mended.

    Raises:
        FolderError: the dataset was begun otherwise.
    """
    parts = store.parts()
    pinned = store.pinned() or Pinned()
    settings = with_needed_backgrounds(settings, pinned)
    job = _with_formats(_understood(settings, (), 0, reporter), parts[-1].formats)
    store.check(job.part.fingerprint, OR_APPEND)
    if settings.keep_backgrounds:
        parts = tuple(msgspec.structs.replace(part, backgrounds_kept=True) for part in parts)
    return job, (msgspec.structs.replace(job.part, notes=parts[0].notes), *parts[1:])


def _begin(store: Store, job: Job, parts: Sequence[Part]) -> None:
    """Write down what is to be made, before anything is."""
    pinned = pinned_of(job.settings, job.planner, job.means)
    record = write_toml(job.settings, msgspec.to_builtins(pinned))
    if job.number:
        store.begin_part(parts, record)
    else:
        store.begin(record, pinned)


# ---- what is in it -------------------------------------------------------------------------------


def _understood(
    settings: RunSettings, before: Sequence[Part], number: int, reporter: Reporter
) -> Job:
    """The part that settings ask for, after those `before` it.

    Raises:
        InputError: the tables or settings are wrong.
    """
    last = before[-1] if before else None
    if last:
        settings = _as_before(_with_backgrounds(settings, before), last)
    known = last.classes if last else {}
    planner, means, notes = understand(settings, _pinned_by(last), reporter, known)
    pinned = pinned_of(settings, planner, means)
    part = Part(
        first=last.end if last else 0,
        pictures=planner.count,
        classes={**known, **pinned.prompts},
        painted=_painted(
            [spec.name for spec in planner.request.classes if spec.line], pinned, before
        ),
        backgrounds_kept=settings.keep_backgrounds,
        formats=settings.export.format,
        methods=pinned.methods,
        eyes=pinned.eyes,
        fingerprint=pinned.fingerprint,
        settings=flatten(settings),
        models=models_of(means),
        sources=sources_of(planner.request),
        upright=tuple(
            dict.fromkeys((*(last.upright if last else ()), *upright_of(planner.request)))
        ),
    )
    return Job(number, part, settings, planner, means, notes + tuple(_changes(part, last)))


def _pinned_by(part: Part | None) -> Pinned:
    """What a part leaves no choice in."""
    return Pinned(methods=part.methods, eyes=part.eyes) if part else Pinned()


def _painted(names: Sequence[str], pinned: Pinned, before: Sequence[Part]) -> tuple[str, ...]:
    """The classes to paint: all in the table, whose `names` these are, or only those that the
    dataset doesn't have, if there are such and nothing else in the table is new."""
    known: dict[str, object] = {}
    for part in before:
        known |= class_prints(part.fingerprint, part.methods)
    prints = class_prints(pinned.fingerprint, pinned.methods)
    rows = {name: prints[name] for name in names}
    new = tuple(name for name in rows if name not in known)
    as_before = all(known[name] == row for name, row in rows.items() if name in known)
    return new if new and as_before and before else tuple(rows)


def _changes(part: Part, last: Part | None) -> list[str]:
    """Sentences on what isn't as it was in the part before, and may be meant or not."""
    if last is None:
        return []
    notes = []
    old, new = (one.fingerprint.get("the canvas") for one in (last, part))
    if old != new:
        notes.append(f"the new pictures are {new} pixels, those before {old}")
    for name in ("max_uses", "max_background_uses"):
        if most := part.settings.get(name):
            notes.append(f"--{name.replace('_', '-')} {most} counts in the new pictures alone")
    for name in ("coco_masks", "yolo_labels", "first_label"):
        old, new = last.settings.get(name), part.settings.get(name)
        if old != new:
            was, now = ("its default" if one is None else one for one in (old, new))
            notes.append(
                f"--{name.replace('_', '-')} was {was} and is now {now}: all label files are "
                "written so"
            )
    return notes


def _check_formats(job: Job, parts: Sequence[Part], store: Store) -> None:
    """Raise InputError for formats that can't hold what is there, or what is to come."""
    formats = job.settings.export.format
    check_fit(formats, tuple(parts[-1].classes), job.planner)
    check_unmoved(formats, store)
    if manifest := store.manifest():
        check_masks(formats, manifest.unmasked)


def _with_backgrounds(settings: RunSettings, before: Sequence[Part]) -> RunSettings:
    """Backgrounds are kept where they were kept so far.

    Raises:
        InputError: a format needs all of them, and they weren't.
    """
    kept = all(part.backgrounds_kept for part in before)
    needing = [name for name in settings.export.format if EXPORTS[name].needs_background]
    if needing and not kept:
        raise InputError(
            f"--format {', '.join(needing)} needs every picture's background, and those of the "
            "dataset weren't kept: first run the command that made it again, with "
            "--keep-backgrounds"
        )
    return msgspec.structs.replace(settings, keep_backgrounds=settings.keep_backgrounds or kept)


def _as_before(settings: RunSettings, last: Part) -> RunSettings:
    """Pictures are counted where they were counted so far, and labels begin where they did.

    Raises:
        InputError: they are to be counted, and those that are there weren't.
    """
    counted = bool(last.settings.get("statistics"))
    if settings.files.statistics and not counted:
        raise InputError(
            "--statistics: the pictures that the dataset has weren't counted when they were made: "
            "leave it out"
        )
    files = msgspec.structs.replace(settings.files, statistics=counted)
    export = settings.export
    if export.first_label is None:
        first_label = last.settings.get("first_label")
        export = msgspec.structs.replace(export, first_label=first_label)
    return msgspec.structs.replace(settings, files=files, export=export)


def _with_formats(job: Job, formats: Sequence[str]) -> Job:
    """The formats that the dataset has are written, too: they would lack the new pictures."""
    asked = {*job.settings.export.format, *formats}
    names = tuple(name for name in EXPORTS if name in asked)
    export = msgspec.structs.replace(job.settings.export, format=names)
    return Job(
        job.number,
        msgspec.structs.replace(job.part, formats=names),
        msgspec.structs.replace(job.settings, export=export),
        job.planner,
        job.means,
        job.notes,
    )


def _part_of(manifest: Manifest, pinned: Pinned) -> Part:
    """The first part of a dataset that one run made."""
    names = [one.name for one in manifest.classes]
    thoughts = set(second_thoughts(manifest))  # which are had again
    return Part(
        first=0,
        pictures=manifest.pictures + len(manifest.failures),
        classes={name: pinned.prompts.get(name, "") for name in names},
        painted=tuple(names),
        backgrounds_kept=pinned.backgrounds_kept,
        formats=manifest.formats,
        methods=pinned.methods,
        eyes=pinned.eyes,
        fingerprint=pinned.fingerprint,
        settings=manifest.settings,
        models=manifest.models,
        sources=manifest.sources,
        notes=tuple(note for note in manifest.notes if note not in thoughts),
        upright=manifest.upright,
    )


# ---- what is made --------------------------------------------------------------------------------


def _planner(job: Job, parts: Sequence[Part], store: Store) -> Plans:
    """Plans the part's pictures, after all that was made before it."""
    plain = job.planner
    if job.number == 0:
        return plain
    assert isinstance(plain, Planner)  # grids are complete
    request = _arranged(plain.request, job.part)
    return plain.again(request, read_past(store, parts[: job.number]))


def _arranged(request: Request, part: Part) -> Request:
    """The request with the dataset's classes in the order of their ids. Those that aren't painted
    appear never, and have no line."""
    rows = {spec.name: spec for spec in request.classes if spec.name in part.painted}
    classes = (rows.get(name) or _absent(name, prompt) for name, prompt in part.classes.items())
    return _with_classes(request, tuple(classes))


def _with_classes(request: Request, classes: tuple[ClassSpec, ...]) -> Request:
    """The request with these classes, whose positions are other ids.

    Raises:
        InputError: the backgrounds show others, too.
    """
    ids = {spec.name: number for number, spec in enumerate(classes)}
    shown = [request.classes[number].name for number in request.given.class_ids]
    if new := [name for name in shown if name not in ids]:
        raise InputError(f"--background-labels: {', '.join(new)} weren't among its classes before")
    given = tuple(ids[name] for name in shown)
    labels = msgspec.structs.replace(request.given, class_ids=given)
    return Request(request.backgrounds, classes, labels)


def _absent(name: str, prompt: str) -> ClassSpec:
    return ClassSpec(0, name, prompt, appear_range=(0, 0), size=AspectSize((1, 1)))


def _to_mend(
    store: Store, parts: Sequence[Part], number: int, now: RunSettings, reporter: Reporter
) -> Job | None:
    """Another part, to make what it lacks as its own run would; None if it lacks nothing, or only
    pictures that failed, and that can't be tried again.

    Raises:
        FolderError: its pictures are gone, and its tables or their pictures aren't what they were.
    """
    part = parts[number]
    gaps = store.gaps(part.end, part.backgrounds_kept, part.first)
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
    planner, means, notes = understand(settings, _pinned_by(part), reporter, part.classes)
    rows = {spec.name: spec for spec in planner.request.classes}
    classes = tuple(rows[name] for name in part.methods if name in rows)
    request = _with_classes(planner.request, classes)
    assert isinstance(planner, Planner)  # as above
    planner = planner.again(request)
    return Job(number, part, settings, planner, means, notes)


def _take_stock(store: Store, parts: Sequence[Part]) -> Manifest:
    """The manifest of all parts."""
    first, last = parts[0], parts[-1]
    uses = Tally()
    names = tuple(last.classes)
    classes, splits, failures = count_up(store, last.end, names, ("train", "val"), uses.add)
    uses.tell(classes)
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Manifest(
        infgen=__version__,
        pictures=sum(splits.values()),
        splits={name: number for name, number in splits.items() if number},
        classes=classes,
        failures=failures,
        formats=(),
        notes=tuple(notes),
        settings=first.settings,
        models=first.models,
        fingerprint=first.fingerprint,
        sources=first.sources,
        versions=versions(),
        upright=last.upright,
        backgrounds=uses.backgrounds,
        parts=tuple(parts),
    )
