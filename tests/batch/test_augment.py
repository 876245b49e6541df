"""Augmentation in a run: in the plan, in the records, part of what a dataset is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import infgen
from infgen.batch.settings import flatten, make_settings, read_toml, write_toml
from infgen.batch.store import Store
from infgen.ops.augment.presets import PRESETS
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.errors import FolderError, InputError
from tests.making import Tables, differing, infgen_here, snapshot

RECIPE = """\
[objects]
rotate = {probability = 1, degrees = [20, 40]}

[pictures]
fill = "reflect"
mirror = {probability = 1}
rotate = {probability = 0.5, degrees = [-20, 20]}
noise = {}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "look.toml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "none"])
def test_every_preset_makes_a_dataset_with_tight_labels(
    preset: str, tables: Tables, tmp_path: Path
) -> None:
    manifest = infgen.run(**tables.settings(out=tmp_path / "set", augment=preset))
    assert manifest.pictures == 12 and not manifest.failures
    entries = list(Store(tmp_path / "set").entries())
    assert any(entry.changes for entry in entries)
    objects = [one for entry in entries for one in entry.objects]
    assert any(one.look.changes for one in objects) == ("objects" in PRESETS[preset])
    for one in objects:
        mask = decode_rle(one.rle, (96, 80))
        assert tight_box(mask) == one.box and mask.sum() == one.area
    for entry in entries:
        times = np.zeros((80, 96), int)
        for one in entry.objects:
            times += decode_rle(one.rle, (96, 80))
        assert times.max() <= 1


def test_it_changes_no_layout_and_is_all_in_the_plan(tables: Tables, recipe: Path) -> None:
    bare = list(infgen.plan(**tables.settings()))
    plans = list(infgen.plan(**tables.settings(augment=str(recipe))))
    for plain, plan in zip(bare, plans, strict=True):
        assert [one.box for one in plan.objects] == [one.box for one in plain.objects]
        assert [one.cutout for one in plan.objects] == [one.cutout for one in plain.objects]
        assert plan.background == plain.background and plan.finish == plain.finish
        assert not plain.changes and plan.changes[0].name == "mirror"
        for one in (*plan.objects, *plan.decoys):
            [turn] = one.look.changes
            assert 20 <= turn.values["degrees"] <= 40
    turns = [one.look.changes[0].values["degrees"] for plan in plans for one in plan.objects]
    assert len(set(turns)) > 5


def test_any_number_of_workers_makes_the_same_bytes(
    tables: Tables, recipe: Path, tmp_path: Path
) -> None:
    for workers in (1, 3):
        out = tmp_path / f"by-{workers}"
        settings = tables.settings(augment=str(recipe), out=out, images=30)
        infgen.run(**settings | {"workers": workers})
    one, other = (snapshot(tmp_path / f"by-{workers}") for workers in (1, 3))
    assert len(one) > 30 and differing(one, other) == []


def test_the_content_of_the_file_counts_not_its_place(
    tables: Tables, recipe: Path, tmp_path: Path
) -> None:
    settings = tables.settings(out=tmp_path / "set")
    infgen.run(**settings, augment=str(recipe))
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text("# said otherwise\n" + RECIPE.replace("[20, 40]", "[20.0, 40.0]"))
    infgen.run(**settings, augment=str(elsewhere))
    elsewhere.write_text(RECIPE.replace("40", "41"))
    for other in (str(elsewhere), "light", "none"):
        with pytest.raises(FolderError, match=r"--augment (has changed|is gone)"):
            infgen.run(**settings, augment=other)


def test_the_record_of_a_run_finds_the_recipe_again(
    tables: Tables, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    infgen.run(**tables.settings(out=tmp_path / "set", augment="./look.toml"))
    monkeypatch.chdir("/")
    infgen.run(config=tmp_path / "set/run.toml", out=tmp_path / "again")
    assert differing(snapshot(tmp_path / "set"), snapshot(tmp_path / "again")) == []


def test_a_config_names_recipes_beside_itself(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('augment = "look.toml"\nimages = 3\n')
    assert read_toml(config)["augment"] == str(tmp_path / "look.toml")
    config.write_text('augment = "light"\n')
    assert read_toml(config)["augment"] == "light"
    config.write_bytes(write_toml(make_settings({"augment": "strong"}), {}))
    assert read_toml(config)["augment"] == "strong"
    flat = flatten(make_settings({"augment": "look.toml"}))
    assert Path(str(flat["augment"])).is_absolute()


def test_the_formats_that_pair_pictures_with_backgrounds_are_refused(
    tables: Tables, recipe: Path, tmp_path: Path
) -> None:
    settings = tables.settings(out=tmp_path / "set", augment=str(recipe))
    with pytest.raises(InputError, match=r"without \[pictures\]"):
        infgen.run(**settings, format="npy")
    assert not (tmp_path / "set").exists()
    infgen.run(**settings, keep_backgrounds=True)
    with pytest.raises(InputError, match=r"without \[pictures\]"):
        infgen.export(tmp_path / "set", "npy")


@pytest.mark.parametrize(
    ("augment", "told"),
    [
        ("stong", "did you mean strong?"),
        ("xyz", "The presets are none, light, strong, keras"),
        ("gone.toml", "gone.toml: can't be read"),
    ],
)
def test_a_recipe_that_is_not_there(tables: Tables, augment: str, told: str) -> None:
    done = infgen_here("run", *tables.options(augment=augment))
    assert done.returncode == 2 and told in done.stderr


def test_mistakes_in_a_file_are_told_at_once_with_their_place(tables: Tables, recipe: Path) -> None:
    recipe.write_text("[objects]\nblurr = {}\n[pictures]\nhue = {degrees = [5]}\n")
    done = infgen_here("run", *tables.options(augment=recipe))
    assert done.returncode == 2
    assert f"{recipe}: objects.blurr: there is no augmentation 'blurr'" in done.stderr
    assert "did you mean 'blur'?" in done.stderr
    assert f"{recipe}: pictures.hue.degrees: '[5]' won't do" in done.stderr
    recipe.write_text("[objects\n")
    done = infgen_here("plan", *tables.options(augment=recipe))
    assert done.returncode == 2 and "isn't TOML" in done.stderr
