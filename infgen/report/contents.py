"""What a report holds, before it is a page: charts, and the facts that stand above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infgen.records.manifest import Manifest
from infgen.report.colours import Colour


@dataclass(frozen=True)
class Chart:
    """A figure of the report: its picture as inline SVG (letters and lines in `currentColor`, so
    that light and dark pages can show it), and the same numbers as a table, for who can't see it.
    `key` is its anchor in the page, `caption` says in a sentence what it shows."""

    key: str
    title: str
    caption: str
    svg: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Contents:
    """All of a report but its pictures. `classes` are names by class id, `facts` short lines of
    (name, value) for the head of the page, `notes` whole sentences worth a warning, `rejects` rows
    of (class, what, reason, how many) for all that was thrown away or marked, `pictures` how many
    the dataset has. `prompts` are what a model was asked to paint, by class id, where that is
    known; `manifest` is there for infgen's own datasets. `colours` are those of the classes, where
    they aren't the usual ones."""

    title: str
    classes: tuple[str, ...]
    pictures: int
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    charts: Sequence[Chart]
    rejects: Sequence[tuple[str, str, str, int]]
    manifest: Manifest | None = None
    prompts: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
