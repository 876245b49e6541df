"""Augmentation recipes: presets by name, or the user's own TOML files."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path

from infgen.ops.augment.presets import PRESETS
from infgen.ops.augment.recipe import Recipe, recipe_of
from infgen.records.errors import InputError, Problem

ENDING = ".toml"


def is_recipe_file(text: str) -> bool:
    """Whether --augment names a file rather than a preset."""
    return text not in PRESETS and (text.endswith(ENDING) or "/" in text or "\\" in text)


def recipe_path(text: str) -> Path:
    """The path of a recipe file, from the user's home where it says so."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a home that nobody knows: taken as it is, it isn't there
        return Path(text)


def read_recipe(text: str) -> Recipe:
    """The recipe of a preset's name, or in a file.

    Raises:
        InputError: there is none, or it has mistakes: all of them are named.
    """
    if text in PRESETS:
        return recipe_of(PRESETS[text])
    if not is_recipe_file(text):
        near = difflib.get_close_matches(text, PRESETS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(
            f"--augment: there is no preset '{text}': {hint}The presets are {', '.join(PRESETS)}, "
            f"and a file's name ends in {ENDING}"
        )
    try:
        tables = tomllib.loads(recipe_path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(Problem(f"can't be read: {error.strerror or error}", text)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(Problem(f"isn't TOML: {error}", text)) from None
    return recipe_of(tables, text)
