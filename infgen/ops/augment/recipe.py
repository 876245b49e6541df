"""Recipes: which augmentations are drawn, how often and how strongly. Presets are recipes, too."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.presets import PRESETS
from infgen.ops.augment.rows import Range, Value
from infgen.ops.augment.warp import FILLS
from infgen.records.errors import InputError, Problem
from infgen.records.plan import Change

USUAL_PROBABILITY, USUAL_FILL = 0.5, "nearest"


class AugmentSettings(msgspec.Struct, frozen=True):
    """What else happens to objects and pictures."""

    augment: Annotated[
        str,
        Meta(
            description="changes to pasted objects and whole pictures, with their labels: "
            f"{', '.join(PRESETS)}, or your own TOML file"
        ),
    ] = "none"


class Step(msgspec.Struct, frozen=True):
    """A row of AUGMENTS that is drawn with a `probability`, its values from `ranges` by key."""

    name: str
    probability: float
    ranges: dict[str, Range] = {}


class Recipe(msgspec.Struct, frozen=True):
    """What may happen to every pasted object, and to every whole picture; `fill` is what appears
    beyond the edges of pictures that are moved. Steps are in the order of AUGMENTS."""

    objects: tuple[Step, ...] = ()
    pictures: tuple[Step, ...] = ()
    fill: str = USUAL_FILL

    def for_object(self, rng: np.random.Generator) -> tuple[Change, ...]:
        """What happens to an object."""
        return tuple(_drawn(rng, self.objects, ""))

    def for_picture(self, rng: np.random.Generator) -> tuple[Change, ...]:
        """What happens to a picture."""
        return tuple(_drawn(rng, self.pictures, self.fill))


def _drawn(rng: np.random.Generator, steps: Sequence[Step], fill: str) -> Iterator[Change]:
    """Each step takes its dice whether or not it happens: what is drawn after it stays the same."""
    for step in steps:
        row, happens = AUGMENTS[step.name], float(rng.random()) < step.probability
        values = row.draw(rng, step.ranges)
        if happens:
            yield Change(step.name, values, fill if row.matrix else "")


# ---- understood ----------------------------------------------------------------------------------

Wrong = tuple[str, str]  # the key, with dots, and what is wrong there

MOST_ZOOM = 1  # of an object: it fills its box then


def recipe_of(tables: Mapping[str, Any], file: str = "") -> Recipe:
    """The recipe in the plain tables of a TOML file.

    Raises:
        InputError: with everything that is wrong in it, and where.
    """
    wrong = list(_unknown(tables, ("objects", "pictures"), "table", ""))
    for name in ("objects", "pictures"):
        wrong += _wrong_table(name, tables.get(name, {}))
    if wrong:
        raise InputError([Problem(text, file, column=key) for key, text in wrong])
    pictures = tables.get("pictures", {})
    return Recipe(
        _steps(tables.get("objects", {})), _steps(pictures), pictures.get("fill", USUAL_FILL)
    )


def _steps(table: Mapping[str, Any]) -> tuple[Step, ...]:
    steps = []
    for name in (name for name in AUGMENTS if name in table):
        keys = dict(table[name])
        probability = float(keys.pop("probability", USUAL_PROBABILITY))
        ranges = {key: (float(low), float(high)) for key, (low, high) in sorted(keys.items())}
        steps.append(Step(name, probability, ranges))
    return tuple(steps)


def _wrong_table(table: str, rows: Any) -> Iterator[Wrong]:
    if not isinstance(rows, Mapping):
        yield table, f"isn't a table: head it with [{table}]"
        return
    whole = table == "pictures"
    known = [name for name, row in AUGMENTS.items() if whole or row.objects]
    if whole and rows.get("fill", USUAL_FILL) not in tuple(FILLS):  # it may be no string
        yield "pictures.fill", f"there is no fill '{rows['fill']}': take one of {', '.join(FILLS)}"
    for name, keys in rows.items():
        key = f"{table}.{name}"
        if name == "fill":
            if not whole:
                yield key, "what is beyond an object is its scene: leave it out"
        elif name in AUGMENTS and name not in known:
            yield (
                key,
                "only whole pictures have it (an object's place and size are its box's): "
                "move it to [pictures]",
            )
        elif name not in known:
            yield from _unknown({name: None}, known, "augmentation", f"{table}.")
        elif not isinstance(keys, Mapping):
            yield key, f"needs settings in braces: {name} = {{probability = 0.5}}"
        else:
            yield from _wrong_row(key, keys, AUGMENTS[name].ranges, whole)


def _wrong_row(
    place: str, keys: Mapping[str, Any], known: Mapping[str, Value], whole: bool
) -> Iterator[Wrong]:
    yield from _unknown(keys, ("probability", *known), "setting", f"{place}.")
    probability = keys.get("probability", USUAL_PROBABILITY)
    if not _is_number(probability) or not 0 <= probability <= 1:
        yield f"{place}.probability", f"'{probability}' won't do: it takes a number from 0 to 1"
    for name in (name for name in known if name in keys):
        low, high = known[name].bounds
        if name == "factor" and place.endswith(".zoom") and not whole:
            high = MOST_ZOOM
        given = keys[name]
        if not _is_range(given) or not low <= given[0] <= given[1] <= high:
            text = f"'{given}' won't do: it takes two numbers from {low:g} to {high:g}, the lower"
            yield f"{place}.{name}", f"{text} one first, as in [{low:g}, {high:g}]"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))


def _unknown(
    given: Mapping[str, Any], known: Sequence[str], thing: str, place: str
) -> Iterator[Wrong]:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            yield f"{place}{name}", f"there is no {thing} '{name}' here: {hint}"
