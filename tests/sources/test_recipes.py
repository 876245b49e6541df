"""Recipes by name, and from the user's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from infgen.ops.augment.presets import PRESETS
from infgen.ops.augment.recipe import Recipe, Step, recipe_of
from infgen.records.errors import InputError
from infgen.sources.recipes import is_recipe_file, read_recipe


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_found_by_name(name: str) -> None:
    assert read_recipe(name) == recipe_of(PRESETS[name]) and not is_recipe_file(name)
    assert (read_recipe(name) == Recipe()) == (name == "none")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[pictures]\nfill = 'wrap'\nhue = {degrees = [-5, 5], probability = 1}\n")
    step = Step("hue", 1.0, {"degrees": (-5.0, 5.0)})
    assert read_recipe(str(path)) == Recipe(pictures=(step,), fill="wrap")


@pytest.mark.parametrize("content", ["[pictures\n", "hue = \xff"])
def test_what_is_not_toml_is_told_with_its_path(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"mine\.toml: isn't TOML"):
        read_recipe(str(path))


def test_what_is_not_there_is_told_by_what_it_looks_like(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean light"):
        read_recipe("lihgt")
    with pytest.raises(InputError, match=r"gone\.toml: can't be read: No such file"):
        read_recipe(str(tmp_path / "gone.toml"))
