"""A part's tables with the classes that its dataset has, in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from infgen.batch.growing.parts import Job
from infgen.batch.past import read_past
from infgen.batch.store import Store
from infgen.ops.planning import Planner
from infgen.ops.plans import Plans
from infgen.records.errors import InputError
from infgen.records.manifest import Part
from infgen.records.specs import AspectSize, ClassSpec, Request


def planner_of(job: Job, parts: Sequence[Part], store: Store) -> Plans:
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
    return with_classes(request, tuple(classes))


def with_classes(request: Request, classes: tuple[ClassSpec, ...]) -> Request:
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
