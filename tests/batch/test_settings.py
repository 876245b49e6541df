"""Settings: declared once, checked wherever they come from, saved and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from infgen.batch.settings import (
    NOT_RECORDED,
    Option,
    RunSettings,
    flatten,
    make_settings,
    options,
    read_toml,
    write_toml,
)
from infgen.records.errors import InputError

OPTIONS = list(options())


def fields(struct: type[msgspec.Struct]) -> list[str]:
    """The names of all settings, the slices' own in place of the slices."""
    names = []
    for field in msgspec.structs.fields(struct):
        is_slice = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        names += fields(field.type) if is_slice else [field.name]
    return names


def values_of(option: Option) -> st.SearchStrategy[Any]:
    """Every value that an option takes."""
    kinds = [msgspec.inspect.type_info(option.type)]
    if isinstance(kinds[0], msgspec.inspect.UnionType):
        kinds = list(kinds[0].types)
    return st.one_of([_values_of_kind(kind) for kind in kinds])


def _values_of_kind(kind: Any) -> st.SearchStrategy[Any]:
    inspect = msgspec.inspect
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.NoneType):
        return st.none()
    if isinstance(kind, inspect.BoolType):
        return st.booleans()
    if isinstance(kind, inspect.IntType):
        return st.integers(kind.ge, 2**63 - 1 if kind.le is None else kind.le)
    if isinstance(kind, inspect.FloatType):
        return st.floats(kind.ge, kind.le)
    if isinstance(kind, inspect.LiteralType):
        return st.sampled_from(kind.values)
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    if isinstance(kind, inspect.StrType):
        return text
    if isinstance(kind, inspect.StrType):
        return text
    if isinstance(kind, inspect.VarTupleType):
        return st.lists(text).map(tuple)
    assert kind.cls is Path
    return text.map(lambda name: Path("/somewhere") / name.lstrip("/"))


some_settings = st.fixed_dictionaries({}, optional={o.name: values_of(o) for o in OPTIONS})


def test_every_field_of_every_slice_is_exactly_one_option() -> None:
    names = [option.name for option in OPTIONS]
    assert sorted(names) == sorted(fields(RunSettings))
    assert len(set(names)) == len(names) >= 20


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_explains_itself_and_its_default_is_good(option: Option) -> None:
    assert len(option.help) > 10
    assert not option.help.endswith(".")
    assert option.takes
    assert make_settings({option.name: option.default}) == RunSettings()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=some_settings)
def test_settings_survive_the_file(tmp_path: Path, values: dict[str, Any]) -> None:
    given = make_settings(values)
    path = tmp_path / "run.toml"
    path.write_bytes(write_toml(given, {"infgen": "0", "methods": {"a": "paste"}}))
    again = make_settings(read_toml(path))
    defaults = {name: getattr(RunSettings(), name) for name in NOT_RECORDED}
    recorded = msgspec.structs.replace(given, **defaults)
    assert flatten(again) == flatten(recorded)
    assert again.decisive == recorded.decisive
    assert again.export == recorded.export


@given(values=some_settings)
def test_text_and_values_give_the_same_settings(values: dict[str, Any]) -> None:
    plain = {k: v for k, v in values.items() if v is not None and not isinstance(v, tuple | Path)}
    assert make_settings({k: str(v) for k, v in plain.items()}) == make_settings(plain)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("imges", "did you mean 'images'?"),
        ("per_backgrounds", "did you mean 'per_background'?"),
        ("max-overlap", "did you mean 'max_overlap'?"),
        ("xyz", "the settings are backgrounds, classes, out"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(InputError) as raised:
        make_settings({name: 1})
    assert f"there is no setting '{name}': {hint}" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("images", "many", "a whole number of at least 1"),
        ("images", 0, "a whole number of at least 1"),
        ("images", 1.5, "a whole number of at least 1"),
        ("width", "15", "a whole number from 16 to 16384"),
        ("width", True, "a whole number from 16 to 16384"),
        ("val_frac", "0.95", "a number from 0 to 0.9"),
        ("val_frac", "nan", "a number from 0 to 0.9"),
        ("max_overlap", float("inf"), "a number from 0 to 1"),
        ("method", "Paste", "one of auto, inpaint, paste"),
        ("image_format", "gif", "one of jpg, png"),
        ("keep_backgrounds", "maybe", "true or false"),
        ("backgrounds", 3, "a path"),
        ("format", [1, 2], "names separated by commas"),
        ("out", None, "a path"),
    ],
)
def test_a_value_that_will_not_do_is_told_with_what_will(name: str, value: Any, takes: str) -> None:
    with pytest.raises(InputError) as raised:
        make_settings({name: value})
    flag = "--" + name.replace("_", "-")
    assert str(raised.value) == f"{flag}: '{value}' won't do: it takes {takes}"


@pytest.mark.parametrize("text", [".2", "0.2", "+0.2", "2e-1", " .2 "])
def test_numbers_are_read_however_they_are_written(text: str) -> None:
    assert make_settings({"decoys": text}).plan.decoys == 0.2


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as raised:
        make_settings({"seeds": 1, "width": "wide", "images": 5, "jpeg_quality": 101})
    assert len(raised.value.problems) == 3


def test_names_are_split_at_commas() -> None:
    assert make_settings({"format": " coco, yolo,,voc "}).export.format == ("coco", "yolo", "voc")
    assert make_settings({"format": ["coco"]}).export.format == ("coco",)
    assert make_settings({"format": ""}).export.format == ()


def test_a_home_folder_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert make_settings({"out": "~/data"}).out == tmp_path / "data"
    config = tmp_path / "deep" / "mine.toml"
    config.parent.mkdir()
    config.write_text('backgrounds = "~/a.csv"\nclasses = "b.csv"\n')
    read = make_settings(read_toml(config))
    assert read.backgrounds == tmp_path / "a.csv"
    assert read.classes == config.parent / "b.csv"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, "can't be read: No such file"),
        (b"width = ", "isn't TOML"),
        (b'name = "\xff"', "isn't TOML"),
    ],
)
def test_a_config_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, data: bytes | None, told: str
) -> None:
    path = tmp_path / "mine.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=told) as raised:
        read_toml(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_what_belongs_to_the_machine_is_not_recorded() -> None:
    flat = flatten(make_settings({"out": "/data", "workers": 3, "seed": 4}))
    assert flat["seed"] == 4
    assert not {"out", "workers"} & set(flat)


def test_a_model_s_folder_is_recorded_wherever_the_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert flatten(make_settings({"model": "./mine"}))["model"] == str(tmp_path / "mine")
    for name in ("tiny", "owner/name"):
        assert flatten(make_settings({"model": name}))["model"] == name
