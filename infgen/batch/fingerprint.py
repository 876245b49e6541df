"""What makes two runs the same: everything that changes a plan or a pixel, and nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from infgen.batch.methods import Means
from infgen.batch.settings import RunSettings
from infgen.ops.planning import Planner
from infgen.records.specs import BackgroundSpec, ClassSpec

RECIPE = "3"  # raised when plans or pixels come out otherwise for the same settings


def fingerprint_of(settings: RunSettings, planner: Planner, means: Means) -> dict[str, str]:
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
        f"--{name.replace('_', '-')}": str(value)
        for name, value in settings.decisive.items()
        if name not in ("width", "height", "images")
    }
    for number, scene in enumerate(planner.request.backgrounds, 1):
        prints |= _row_prints(f"row {number} of --backgrounds", scene, "pictures")
    for number, spec in enumerate(planner.request.classes, 1):
        prints |= _row_prints(f"row {number} of --classes", spec, "cutouts")
        prints[f"the method of '{spec.name}'"] = planner.methods[number - 1]
    if means.method == "inpaint":
        prints |= {
            f"--{name.replace('_', '-')}": str(value)
            for name, value in msgspec.structs.asdict(settings.inpaint).items()
        }
    if means.model:
        prints["--safety-checker"] = str(settings.model.safety_checker)
    record = means.model.record if means.model else {}
    for role in record.keys() & {"scenes", "inpaint"}:
        facts = {name: value for name, value in record[role].items() if name != "dtype"}
        prints |= {f"the {name} of the {role} model": str(v) for name, v in facts.items()}
    return prints


def _row_prints(place: str, row: BackgroundSpec | ClassSpec, files: str) -> dict[str, str]:
    """Hashes of a table row's cells, without its line number, and of the pictures it names."""
    cells = msgspec.to_builtins(row, enc_hook=str)
    del cells["line"]
    pictures = [picture["sha256"] for picture in cells.pop(files)]
    prints = {place: _hash(cells)}
    if pictures:
        prints[f"the {files} of {place}"] = _hash(pictures)
    return prints


def _hash(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
