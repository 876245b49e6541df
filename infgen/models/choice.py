"""What the settings came to: which weights do which half of the work, on which device.

Imports no torch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infgen.models.files import CARD
from infgen.models.hub import Found
from infgen.models.presets import Preset
from infgen.models.settings import ModelSettings
from infgen.records.errors import Problem

SAMPLE_BYTES, SAMPLES = 2**16, 128  # of a file of weights: 8 MB in all, read in no time


@dataclass(frozen=True)
class Half:
    """One half of the work (scenes, or objects) and the model that does it.

    `row` holds the numbers that count, from the preset, the model's folder and the settings;
    `found` says where the weights are. `vae` takes the place of the model's own and `lora` is added
    to its denoiser. `shares`: only the denoiser is its own, the rest is the scenes half's.
    `guessed`: nobody says how many steps and how much guidance this model wants.
    """

    row: Preset
    found: Found
    dtype: str
    shares: bool = False
    vae: Found | None = None
    lora: Found | None = None
    guessed: bool = False

    @property
    def source(self) -> str:
        """The hub id or folder."""
        return self.found.need.source

    @property
    def name(self) -> str:
        """The same for people and records: a hub id with its revision, or the folder's own name."""
        return name_of(self.found)

    @cached_property
    def weights(self) -> str:
        """Of a folder, a short digest of its weights."""
        return weights_of(self.found)

    @property
    def parts(self) -> list[Found]:
        """Everything that has to be on this disk."""
        return [part for part in (self.found, self.vae, self.lora) if part]


def name_of(found: Found) -> str:
    """A model for people and records: a hub id with its revision, or the folder's own name."""
    source, revision = found.need.source, found.revision
    if found.where == "folder":
        return Path(source).name
    return f"{source}@{revision[:8]}" if revision else source


def weights_of(found: Found) -> str:
    """Of a folder, a short digest of what is loaded from it, so that other weights under the same
    name are noticed; a hub id's revision says as much."""
    if found.where != "folder" or found.problem:
        return ""
    digest = hashlib.sha256()
    for name in sorted(set(found.files) - {CARD}):
        digest.update(name.encode())
        _digest_of(found.folder / name, digest)
    return digest.hexdigest()[:12]


def _digest_of(path: Path, digest: Any) -> None:
    """Feed a digest with a file's size and what it holds: all of a small one; of a large one
    samples from end to end, as training changes weights everywhere, but not always the first."""
    size = path.stat().st_size
    digest.update(f" {size} ".encode())
    starts = [*range(0, size, SAMPLE_BYTES)]
    if len(starts) > SAMPLES:
        starts = [(size - SAMPLE_BYTES) * n // (SAMPLES - 1) for n in range(SAMPLES)]
    with path.open("rb") as file:
        for start in starts:
            file.seek(start)
            digest.update(file.read(SAMPLE_BYTES))


@dataclass(frozen=True)
class Resolved:
    """The answer of `resolve`. Without problems both halves are there, and `load` can be tried;
    where one model does both, `inpaint` is `scenes`. `missing` names packages to install."""

    settings: ModelSettings
    device: str = "cpu"
    scenes: Half | None = None
    inpaint: Half | None = None
    licences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def halves(self) -> tuple[Half, ...]:
        """The different ones."""
        both = (self.scenes,) if self.inpaint is self.scenes else (self.scenes, self.inpaint)
        return tuple(half for half in both if half)

    @property
    def names(self) -> tuple[str, ...]:
        """The models, with revisions."""
        return tuple(half.name for half in self.halves)

    @property
    def download_bytes(self) -> int:
        """What has to be fetched from the hub first."""
        return sum({part.need: part.size for half in self.halves for part in half.parts}.values())

    @property
    def record(self) -> dict[str, Any]:
        """What changes a pixel and is of the model, as plain values for a run's record."""
        halves = {"scenes": self.scenes, "inpaint": self.inpaint}
        return {
            role: {
                "model": half.name,
                "weights": half.weights,
                "extras": [f"{part.need.source}@{part.revision}" for part in half.parts[1:]],
                "steps": half.row.steps,
                "guidance": half.row.guidance,
                "guidance_end": self.settings.guidance_end,
                "strength": half.row.strength,
                "dtype": half.dtype,
            }
            for role, half in halves.items()
            if half
        } | {"licences": list(self.licences)}
