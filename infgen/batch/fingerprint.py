"""What makes two runs the same: everything that changes a plan or a pixel, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from infgen.batch.methods import Means
from infgen.batch.settings import RunSettings
from infgen.models.choice import Resolved
from infgen.models.eye_choice import ResolvedEyes
from infgen.ops.plans import Plans
from infgen.records.specs import BackgroundSpec, ClassSpec, Request

RECIPE = "8"  # raised when plans or pixels come out otherwise for the same settings


def fingerprint_of(settings: RunSettings, planner: Plans, means: Means) -> dict[str, str]:
    """What another run must share to go on in the same folder, by names that make sense to a user.

    Rows are hashed as they were understood, and pictures by their bytes: where the files lie, and
    how the tables are laid out, doesn't count.
    """
    prints = {
        "infgen's recipe": RECIPE,
        "the canvas": "{} x {}".format(*planner.canvas),
        "the number of pictures": str(planner.count),
    }
    prints |= {
        f"--{name.replace('_', '-')}": ", ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in settings.decisive.items()
        if name not in ("width", "height", "images")
    }
    prints |= _kept_prints(settings)
    if planner.recipe.objects or planner.recipe.pictures:
        prints["--augment"] = hash_of(msgspec.to_builtins(planner.recipe))
    for number, scene in enumerate(planner.request.backgrounds, 1):
        prints |= _row_prints(f"row {number} of --backgrounds", scene, "pictures")
    for number, spec in enumerate(planner.request.classes, 1):
        prints |= _row_prints(f"row {number} of --classes", spec, "cutouts")
        prints[f"the method of '{spec.name}'"] = planner.methods[number - 1]
    if planner.labels:
        prints["the labels of the backgrounds"] = _labels_print(planner.request)
    if means.method == "inpaint":
        prints |= {
            f"--{name.replace('_', '-')}": str(value)
            for name, value in msgspec.structs.asdict(settings.inpaint).items()
        }
        prints["--verify"] = "off" if settings.verify.verify == "off" else "on"
    if means.depth:
        prints |= {"--depth-scale": "True"} | eye_prints(means.depth)
    if means.eyes:
        prints |= eye_prints(means.eyes)
    return prints | (model_prints(means.model) if means.model else {})


def _kept_prints(settings: RunSettings) -> dict[str, str]:
    """How pictures are combined and kept, as far as it isn't as it mostly is."""
    grid, files = settings.grid, settings.files
    prints: dict[str, str] = {}
    if grid.grid:
        prints |= {"--grid": "on", "--placements": str(grid.placements)}
    if files.pack != "none":
        prints |= {"--pack": files.pack, "--pack-size": str(files.pack_size)}
    if files.statistics and not grid.grid:
        prints["--statistics"] = "on"
    return prints


def eye_prints(eyes: ResolvedEyes) -> dict[str, str]:
    """What of the models that look at pictures changes a label."""
    return {
        f"the {name} of the {role}": str(value)
        for role, eye in eyes.record.items()
        for name, value in eye.items()
        if name != "dtype"
    }


def model_prints(model: Resolved) -> dict[str, str]:
    """What of a model changes a pixel."""
    prints = {"--safety-checker": str(model.settings.safety_checker)}
    record = model.record
    for role in (role for role in ("scenes", "inpaint") if role in record):
        facts = {name: value for name, value in record[role].items() if name != "dtype"}
        prints |= {f"the {name} of the {role} model": str(v) for name, v in facts.items()}
    return prints


def _row_prints(place: str, row: BackgroundSpec | ClassSpec, files: str) -> dict[str, str]:
    """Hashes of a table row's cells, without its line number, and of the pictures it names."""
    cells = msgspec.to_builtins(row, enc_hook=str)
    del cells["line"]
    pictures = [picture["sha256"] for picture in cells.pop(files)]
    prints = {place: hash_of(cells)}
    if pictures:
        prints[f"the {files} of {place}"] = hash_of(pictures)
    return prints


def _labels_print(request: Request) -> str:
    """A hash of the labels that background pictures bring along, wherever these lie."""
    digest = hashlib.sha256(msgspec.json.encode(request.given.class_ids))
    for picture in (picture for row in request.backgrounds for picture in row.pictures):
        labels = request.given.packed.get(picture.name, b"")
        digest.update(hashlib.sha256(picture.sha256.encode() + labels).digest())
    return digest.hexdigest()


def class_prints(fingerprint: Mapping[str, str], names: Iterable[str]) -> dict[str, list[str]]:
    """What a fingerprint says of each class's row, for the classes `names` in the order of the
    rows."""
    places = {name: f"row {number} of --classes" for number, name in enumerate(names, 1)}
    return {
        name: [fingerprint.get(place, ""), fingerprint.get(f"the cutouts of {place}", "")]
        for name, place in places.items()
    }


def hash_of(value: Any) -> str:
    """A hash of plain values, whatever the order of their keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
