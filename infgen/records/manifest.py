"""The last file of a run: what was asked, made, left out, and with what."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec


class Uses(msgspec.Struct, frozen=True):
    """How many of the user's files are used, and which of them `most` times."""

    files: int = 0
    most: int = 0
    most_used: str = ""


class ClassCount(msgspec.Struct):
    """Totals of one class: pictures that show it, objects, dropped objects by reason, the tries at
    any that weren't used by reason, how often a detector saw one in a bare background, how many of
    the objects have a box without a mask, and how many a background has brought along; the uses of
    its `cutouts`; and the decoys of its size that were left out, by reason. `ways` counts cutouts
    by how they were cut out."""

    name: str
    images: int = 0
    objects: int = 0
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    sighted: int = 0
    unmasked: int = 0
    given: int = 0
    cutouts: Uses = Uses()
    ways: dict[str, int] = msgspec.field(default_factory=dict)
    dropped_decoys: dict[str, int] = msgspec.field(default_factory=dict)


class Failure(msgspec.Struct, frozen=True):
    """A picture that couldn't be made."""

    index: int
    reason: str


class Part(msgspec.Struct, frozen=True):
    """What one run made, or is making, of a dataset that was appended to: the `pictures` from index
    `first` on. `classes` are all that the dataset has with this part, in the order of their ids,
    with their prompts; `painted` are those that this run paints, and `upright` those of all that
    aren't to be mirrored. `formats` are to be there when it
    ends; the rest is as in Manifest and in run.toml."""

    first: int
    pictures: int
    classes: dict[str, str]
    painted: tuple[str, ...]
    backgrounds_kept: bool
    formats: tuple[str, ...]
    methods: dict[str, str]
    fingerprint: dict[str, str]
    settings: dict[str, Any]
    models: dict[str, Any]
    sources: dict[str, dict[str, str]]
    eyes: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    upright: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The index after its last picture."""
        return self.first + self.pictures


class Origin(msgspec.Struct, frozen=True):
    """A dataset of which `pictures` were taken as they are, under the `name` that the records know
    it by; `kind` is a key of READERS. Of one that infgen made it is also known how many objects
    came about by which of `methods`, what is behind them (`scenes`, in pictures), and, as in
    Manifest, the `models` of each of its runs, the `sources` of all, and its own `origins`."""

    name: str
    kind: str
    pictures: int
    methods: dict[str, int] = {}
    scenes: dict[str, int] = {}
    models: tuple[dict[str, Any], ...] = ()
    sources: dict[str, dict[str, str]] = {}
    origins: tuple[Origin, ...] = ()

    @property
    def drawn(self) -> bool:
        """Whether infgen made all of its pictures."""
        if self.origins:
            return all(one.drawn for one in self.origins)
        return bool(self.methods) and not {"relabel", "convert"} & self.methods.keys()


class Manifest(msgspec.Struct, frozen=True):
    """manifest.json. `splits` counts pictures by split, `fingerprint` is what another run must
    match to go on in the same folder, `models` are the diffusion models with their licences,
    `sources` hashes every picture file used, `notes` are the warnings that the user was given.
    `painted` is false where the pictures are somebody else's, taken as they were. `upright` are the
    classes that aren't to be mirrored, as the table says, or those behind its pictures do.
    `backgrounds` are the uses of the user's pictures, by picture of the dataset. `marked` of the
    pictures were found bad and are kept out of the formats; the other numbers count them. `written`
    holds, by format, the settings that it was written with, where these aren't those in `settings`.
    `origins` are the datasets that a merge has taken it from.

    Where a dataset was appended to, `parts` says what each run made, the first one too, and
    `settings`, `models`, `fingerprint` and `sources` are those of the first."""

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
    painted: bool = True
    upright: tuple[str, ...] = ()
    backgrounds: Uses = Uses()
    parts: tuple[Part, ...] = ()
    marked: int = 0
    written: dict[str, dict[str, Any]] = {}
    origins: tuple[Origin, ...] = ()

    @property
    def all_models(self) -> tuple[dict[str, Any], ...]:
        """The models of every run that made a part of it."""
        return (self.models, *(part.models for part in self.parts))

    @property
    def all_sources(self) -> dict[str, dict[str, str]]:
        """The hashes of the files that all of these runs used, by what they are."""
        found: dict[str, dict[str, str]] = {}
        for one in (self.sources, *(part.sources for part in self.parts)):
            for what, files in one.items():
                found.setdefault(what, {}).update(files)
        return found

    @property
    def unmasked(self) -> int:
        """Objects that have a box without a mask."""
        return sum(one.unmasked for one in self.classes)

    def _repr_html_(self) -> str:
        """What a notebook shows of it: its classes with their counts."""
        splits = ", ".join(f"{count} {name}" for name, count in self.splits.items())
        failed = f", {len(self.failures)} failed" if self.failures else ""
        head = "".join(f"<th>{title}</th>" for title in ("class", "images", "objects", "left out"))
        rows = "".join(
            f"<tr><td>{escape(one.name)}</td><td>{one.images}</td><td>{one.objects}</td>"
            f"<td>{', '.join(f'{n} {why}' for why, n in sorted(one.dropped.items()))}</td></tr>"
            for one in self.classes
        )
        return (
            f"<p>{self.pictures} pictures ({splits}{failed})</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
