"""What a dataset holds, counted from its records, and what is odd about it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from infgen import __version__
from infgen.batch.methods import Means
from infgen.batch.settings import RunSettings, flatten
from infgen.batch.store import Store
from infgen.batch.uses import Tally
from infgen.ops.plans import Plans
from infgen.records.errors import StorageError
from infgen.records.manifest import ClassCount, Failure, Manifest, Part
from infgen.records.sample import Entry
from infgen.records.specs import Request


def take_stock(
    store: Store,
    planner: Plans,
    means: Means,
    settings: RunSettings,
    fingerprint: dict[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """The manifest of what is there."""
    request, uses = planner.request, Tally()
    classes, splits, failures = count_up(
        store, planner.count, names_of(request), planner.splits, uses.add
    )
    uses.tell(classes)
    return Manifest(
        infgen=__version__,
        pictures=sum(splits.values()),
        splits=splits,
        classes=classes,
        failures=failures,
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models=models_of(means),
        fingerprint=fingerprint,
        sources=sources_of(request),
        versions=versions(),
        upright=upright_of(request),
        backgrounds=uses.backgrounds,
    )


def upright_of(request: Request) -> tuple[str, ...]:
    """The classes that aren't to be mirrored."""
    return tuple(spec.name for spec in request.classes if not spec.mirror)


def models_of(means: Means) -> dict[str, Any]:
    """The models that take part, for the manifest."""
    eyes = {"eyes": means.eyes.record} if means.eyes and means.eyes.record else {}
    return (means.model.record if means.model else {}) | eyes


def sources_of(request: Request) -> dict[str, dict[str, str]]:
    """The hashes of the user's pictures by their names."""
    return {
        "backgrounds": {p.name: p.sha256 for s in request.backgrounds for p in s.pictures},
        "cutouts": {p.name: p.sha256 for s in request.classes for p in s.cutouts},
    }


def take_stock_of_parts(store: Store, parts: Sequence[Part]) -> Manifest:
    """The manifest of a dataset that was appended to."""
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


def count_up(
    store: Store,
    total: int,
    names: Sequence[str],
    split_names: Sequence[str],
    also: Callable[[Entry], None] = lambda entry: None,
) -> tuple[tuple[ClassCount, ...], dict[str, int], tuple[Failure, ...]]:
    """What the records hold: the totals of each class, the pictures of each split, the failures.
    `also` gets to see every record of a picture that didn't fail.

    Raises:
        StorageError: that is other than `total` pictures.
    """
    classes = tuple(ClassCount(name) for name in names)
    splits = dict.fromkeys(split_names, 0)
    failures = []
    scene = -1
    for entry in store.entries():
        if entry.failure:
            failures.append(Failure(entry.index, entry.failure))
            continue
        also(entry)
        splits[entry.split] += 1
        _count(entry, classes)
        if entry.background.number != scene:  # else the layout before showed the same
            for sighting in entry.sighted:
                classes[sighting.class_id].sighted += 1
        scene = entry.background.number
    if sum(splits.values()) + len(failures) != total:
        raise StorageError(
            f"{store.folder} doesn't hold what was written into it: let nothing else change the "
            "folder, and run the same command again"
        )
    return classes, splits, tuple(failures)


def _count(entry: Entry, classes: Sequence[ClassCount]) -> None:
    """Add what a picture holds, and what was left out of it, to its classes."""
    for class_id in {instance.class_id for instance in entry.objects}:
        classes[class_id].images += 1
    for instance in entry.objects:
        classes[instance.class_id].objects += 1
        classes[instance.class_id].given += instance.method == "given"
        classes[instance.class_id].unmasked += not (instance.rle or instance.crowd)
    for dropped in entry.dropped:
        _add(classes[dropped.class_id].dropped, dropped.reason)
    for dropped in entry.dropped_decoys:
        _add(classes[dropped.class_id].dropped_decoys, dropped.reason)
    tries = [(one.class_id, one.tries) for one in entry.objects]
    tries += [(one.class_id, one.tries) for one in entry.dropped]
    for class_id, verdicts in tries:
        for reason in (verdict.reason for verdict in verdicts if verdict.reason):
            _add(classes[class_id].rejected, reason)


def _add(reasons: dict[str, int], reason: str) -> None:
    reasons[reason] = reasons.get(reason, 0) + 1


def versions() -> dict[str, str]:
    """Of what pixels and records are made with."""
    return {
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "python": platform.python_version(),
    }


def second_thoughts(manifest: Manifest) -> Iterator[str]:
    """Sentences where a model painted little of what it was asked for, or scenes show more."""
    left_out: Counter[str] = Counter()
    for one in manifest.classes:
        left_out.update({why: n for why, n in one.dropped.items() if why in one.rejected})
    missed = left_out.total()
    asked = missed + sum(one.objects for one in manifest.classes)
    if missed > asked / 2:
        [(reason, _)] = left_out.most_common(1)
        yield (
            f"{missed} of {asked} objects were painted and left out, most as '{reason}': look at "
            "the pictures; wrong weights, --steps or prompts may be why (--verify off labels "
            "whatever appears)"
        )
    sighted = ", ".join(f"{one.name} ({one.sighted})" for one in manifest.classes if one.sighted)
    if sighted:
        yield (
            f"the detector sees things in bare backgrounds, which have no labels: {sighted}; the "
            "records say where ('sighted'), and prompts or pictures without them help"
        )


def prompts_of(store: Store, manifest: Manifest) -> dict[str, str]:
    """What each class of a dataset is, by its name."""
    pinned = store.pinned()
    prompts = dict(pinned.prompts) if pinned else {}
    for part in manifest.parts:
        prompts |= part.classes
    return prompts


def names_of(request: Request) -> tuple[str, ...]:
    return tuple(spec.name for spec in request.classes)
