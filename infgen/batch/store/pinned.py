"""What holds for every later run in a dataset's folder, and in what another one differs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

SHOWN_DIFFERENCES = 8


class Pinned(msgspec.Struct, frozen=True):
    """The `record` table of run.toml: what holds for every later run in the folder.

    `methods` say how each class is painted, by class name, in the order of the rows, and `prompts`
    what it is; `eyes` which models look at it, by role; `fingerprint` is what must not differ;
    `backgrounds_kept` means that every background is kept without its objects.
    """

    infgen: str = ""
    backgrounds_kept: bool = False
    methods: dict[str, str] = {}
    prompts: dict[str, str] = {}
    eyes: dict[str, str] = {}
    fingerprint: dict[str, str] = {}


def told_differences(known: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What differs between two fingerprints, in words, as far as there is room; empty for none."""
    differences = _differences(known, wanted)
    shown = differences[:SHOWN_DIFFERENCES]
    if len(differences) > len(shown):
        shown.append(f"and {len(differences) - len(shown)} more")
    return "; ".join(shown)


def _differences(known: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Sentences for what differs between two fingerprints; hashes aren't shown."""
    differences = []
    for key in dict.fromkeys([*known, *wanted]):
        old, new = known.get(key), wanted.get(key)
        if old == new:
            continue
        if old is None or new is None:
            differences.append(f"{key} is {'new' if old is None else 'gone'}")
        elif len(old) == 64:
            differences.append(f"{key} has changed")
        else:
            differences.append(f"{key} was {old} and is now {new}")
    return differences
