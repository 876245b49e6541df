"""What a part is: what its settings ask for, and what the parts before it leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from infgen.batch.fingerprint import class_prints
from infgen.batch.methods import Means
from infgen.batch.reporter import Reporter
from infgen.batch.settings import RunSettings, flatten
from infgen.batch.stock import models_of, second_thoughts, sources_of, upright_of
from infgen.batch.store import Pinned
from infgen.batch.understanding import pinned_of, understand
from infgen.formats import EXPORTS
from infgen.ops.plans import Plans
from infgen.records.errors import InputError
from infgen.records.manifest import Manifest, Part


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


def understood(settings: RunSettings, before: Sequence[Part], reporter: Reporter) -> Job:
    """The part that settings ask for, after those `before` it.

    Raises:
        InputError: the tables or settings are wrong.
    """
    last = before[-1] if before else None
    if last:
        settings = _as_before(_with_backgrounds(settings, before), last)
    known = last.classes if last else {}
    planner, means, notes = understand(settings, pinned_by(last), reporter, known)
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
    notes += tuple(_changes(part, last))
    return Job(len(before), part, settings, planner, means, notes)


def pinned_by(part: Part | None) -> Pinned:
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
                f"--{name.replace('_', '-')} was {was} and is now {now}: the formats that "
                "are asked for are written so"
            )
    return notes


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


def with_formats(job: Job, formats: Sequence[str]) -> Job:
    """The formats that the dataset has are written, too: they would lack the new pictures."""
    asked = {*job.settings.export.format, *formats}
    names = tuple(name for name in EXPORTS if name in asked)
    export = msgspec.structs.replace(job.settings.export, format=names)
    part = msgspec.structs.replace(job.part, formats=names)
    return replace(job, part=part, settings=msgspec.structs.replace(job.settings, export=export))


def part_of(manifest: Manifest, pinned: Pinned) -> Part:
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
