"""The last file of a run: what was asked, made, left out, and with what."""

from __future__ import annotations

from typing import Any

import msgspec


class ClassCount(msgspec.Struct):
    """Totals of one class: pictures that show it, objects, dropped objects by reason, the tries at
    any that weren't used by reason, how often a detector saw one in a bare background, and the
    decoys of its size that were left out, by reason."""

    name: str
    images: int = 0
    objects: int = 0
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    sighted: int = 0
    dropped_decoys: dict[str, int] = msgspec.field(default_factory=dict)


class Failure(msgspec.Struct, frozen=True):
    """A picture that couldn't be made."""

    index: int
    reason: str


class Manifest(msgspec.Struct, frozen=True):
    """manifest.json. `splits` counts pictures by split, `fingerprint` is what another run must
    match to go on in the same folder, `models` are the diffusion models with their licences,
    `sources` hashes every picture file used, `notes` are the warnings that the user was given."""

    infgen: str
    pictures: int
    splits: dict[str, int]
    classes: tuple[ClassCount, ...]
    failures: tuple[Failure, ...]
    formats: tuple[str, ...]
    notes: tuple[str, ...]
    settings: dict[str, Any]
    models: dict[str, Any]
    fingerprint: dict[str, str]
    sources: dict[str, dict[str, str]]
    versions: dict[str, str]
