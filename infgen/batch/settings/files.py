"""Settings as plain values, and as TOML: the record of a run, and what --config reads."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from infgen.batch.settings.options import Option, options
from infgen.batch.settings.verbs import RunSettings
from infgen.models.hub import is_path
from infgen.models.presets import PRESETS
from infgen.records.errors import InputError, Problem
from infgen.sources.recipes import is_recipe_file, recipe_path

# names, or folders
MODELS = ("model", "inpaint_model", "detector", "segmenter", "scorer", "depth_model")
NOT_RECORDED = ("out", "workers")  # of the machine, not of the dataset


def flatten(settings: msgspec.Struct) -> dict[str, Any]:
    """Settings by flat name, as plain values for TOML and JSON; paths absolute, None left out."""
    flat = {}
    for option in options(type(settings)):
        holder = settings if option.group == "run" else getattr(settings, option.group)
        value = getattr(holder, option.name)
        if value is not None and option.name not in NOT_RECORDED:
            flat[option.name] = _plain(_own_path(option, value) or value)
    return flat


def _own_path(option: Option, value: Any) -> Path | None:
    """The path that a name means, where it is one of something that the user has."""
    if option.name == "augment":
        return recipe_path(value) if is_recipe_file(value) else None
    own_folder = option.name in MODELS and value not in PRESETS and is_path(value)
    return Path(value).expanduser() if own_folder else None


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.resolve())
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def write_toml(
    settings: msgspec.Struct,
    record: Mapping[str, Any],
    verb: str = "run",
) -> bytes:
    """The file that `--config` reads, with the run's `record` as a table that it passes over."""
    text = f"# Made by infgen. The same again: python -m infgen {verb} --config run.toml\n"
    return (text + tomli_w.dumps(flatten(settings) | {"record": dict(record)})).encode()


def read_toml(path: Path, of: type[msgspec.Struct] = RunSettings) -> dict[str, Any]:
    """Flat settings from a --config file; its relative paths are relative to itself.

    Raises:
        InputError: the file can't be read, or isn't TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(Problem(f"can't be read: {error.strerror or error}", str(path))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(Problem(f"isn't TOML: {error}", str(path))) from None
    values.pop("record", None)
    for option in options(of):
        value = values.get(option.name)
        if not isinstance(value, str):
            continue
        if option.kind is Path or (option.name == "augment" and is_recipe_file(value)):
            given = Path(value)
            values[option.name] = str(given if given.parts[:1] == ("~",) else path.parent / given)
    return values
