"""Recipes: what is drawn, and what is wrong with those that can't be understood."""

from __future__ import annotations

import numpy as np
import pytest

from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.presets import PRESETS
from infgen.ops.augment.recipe import Recipe, Step, recipe_of
from infgen.records.errors import InputError


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_understood_and_draws(name):
    recipe, rng = recipe_of(PRESETS[name]), np.random.default_rng(1)
    drawn = [(recipe.for_object(rng), recipe.for_picture(rng)) for _ in range(100)]
    seen = {change.name for pair in drawn for changes in pair for change in changes}
    assert seen == {step.name for step in (*recipe.objects, *recipe.pictures)}
    assert bool(seen) == (name != "none")
    order = list(AUGMENTS)
    for pair in drawn:
        for changes in pair:
            places = [order.index(change.name) for change in changes]
            assert places == sorted(places)


def test_the_probability_is_how_often_and_nothing_else_depends_on_it():
    often = Recipe(pictures=(Step("hue", 0.8), Step("rotate", 1)), fill="wrap")
    seldom = Recipe(pictures=(Step("hue", 0.2), Step("rotate", 1)), fill="wrap")
    one, other = ([recipe.for_picture(np.random.default_rng(n)) for n in range(500)]
                  for recipe in (often, seldom))  # fmt: skip
    assert [changes[-1] for changes in one] == [changes[-1] for changes in other]
    assert all(changes[-1].fill == "wrap" for changes in one)
    assert all(change.fill == "" for changes in one for change in changes[:-1])
    assert sum(len(changes) == 2 for changes in one) == pytest.approx(400, abs=30)
    assert sum(len(changes) == 2 for changes in other) == pytest.approx(100, abs=30)


def test_what_is_no_table_is_told():
    with pytest.raises(InputError, match=r"objects: isn't a table: head it with \[objects\]"):
        recipe_of({"objects": 5})


def test_a_recipe_says_everything_that_is_wrong_with_it_and_where():
    tables = {
        "object": {},
        "objects": {"rotat": {}, "crop": {}, "fill": "wrap", "zoom": {"factor": [0.5, 2]}},
        "pictures": {
            "fill": "mirror",
            "rotate": {"degrees": [20, -20], "probability": 2, "degree": 3},
            "hue": True,
            "jpeg": {"quality": 40},
            "blur": {"sigma": ["a", 1]},
        },
    }
    with pytest.raises(InputError) as raised:
        recipe_of(tables, "mine.toml")
    told = [(problem.column, problem.text) for problem in raised.value.problems]
    assert {problem.file for problem in raised.value.problems} == {"mine.toml"}
    texts = dict(told)
    assert len(told) == len(texts) == 12
    assert "did you mean 'objects'?" in texts["object"]
    assert "did you mean 'rotate'?" in texts["objects.rotat"]
    assert "[pictures]" in texts["objects.crop"]
    assert "leave it out" in texts["objects.fill"]
    assert "from 0.25 to 1" in texts["objects.zoom.factor"]
    assert "constant, nearest, reflect, wrap" in texts["pictures.fill"]
    assert "lower one first" in texts["pictures.rotate.degrees"]
    assert "from 0 to 1" in texts["pictures.rotate.probability"]
    assert "did you mean 'degrees'?" in texts["pictures.rotate.degree"]
    assert "in braces" in texts["pictures.hue"]
    assert {"pictures.jpeg.quality", "pictures.blur.sigma"} <= set(texts)


@pytest.mark.parametrize("fill", [["wrap"], {"wrap": 1}, 3])
def test_a_fill_that_is_no_name_is_told(fill):
    with pytest.raises(InputError, match=r"pictures.fill: there is no fill .*: take one of const"):
        recipe_of({"pictures": {"fill": fill}}, "mine.toml")
