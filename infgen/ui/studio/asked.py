"""What somebody asks of the studio into the settings of a run: the same names as the command
line's, and no path that leads out of the workspace."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from infgen.batch.settings import MODELS, Option, RunSettings, make_settings, options
from infgen.models.hub import is_path
from infgen.models.presets import PRESETS
from infgen.records.errors import InputError, Problem
from infgen.sources.disk import write_file
from infgen.sources.recipes import is_recipe_file
from infgen.ui.studio.workspace import Workspace

SET_HERE = ("backgrounds", "classes", "out")  # by the studio, as they are paths
KNOWN = {option.name: option for option in options() if option.name not in SET_HERE}


def settings_of(workspace: Workspace, name: str, asked: Mapping[str, Any]) -> RunSettings:
    """The settings for the dataset `name`, as the command line would have them. What is None or
    empty keeps its default.

    Raises:
        InputError: a setting is unknown or doesn't fit, or it or a table leads out of the
            workspace.
    """
    return make_settings(_values(workspace, workspace.dataset(name), asked))


def write_run(workspace: Workspace, name: str, asked: Mapping[str, Any], file: Path) -> Path:
    """Write down in `file` what is asked for the dataset `name`, for `infgen run --config`.

    Raises:
        InputError: as settings_of.
    """
    values = _values(workspace, workspace.dataset(name), asked)
    make_settings(values)
    plain = {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}
    given = {key: value for key, value in asked.items() if value is not None}
    text = f"# Made by infgen's studio. The same: infgen run --config {file.name}\n"
    write_file(file, (text + tomli_w.dumps({**plain, "record": {"asked": given}})).encode())
    return file


def read_asked(workspace: Workspace, name: str) -> dict[str, Any]:
    """What was asked for the dataset `name` before; nothing if it wasn't.

    Raises:
        InputError: the file isn't as the studio wrote it.
    """
    file = workspace.run_file(name)
    try:
        asked = tomllib.loads(file.read_text(encoding="utf-8"))["record"]["asked"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(Problem("isn't as the studio wrote it: delete it", str(file))) from None
    return dict(asked)


def _values(workspace: Workspace, out: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for key, value in asked.items():
        if key in SET_HERE:
            problems.append(Problem(f"'{key}' is set by the studio: leave it out"))
        elif value not in (None, "", [], ()):
            try:
                values[key] = _confined(workspace, KNOWN.get(key), value)
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    workspace.check_cells()
    root = workspace.root
    return values | {"backgrounds": root / "background.csv", "classes": root / "classes.csv",
                     "out": out}  # fmt: skip


def _confined(workspace: Workspace, option: Option | None, value: Any) -> Any:
    """A setting's value, paths in it absolute.

    Raises:
        InputError: it names what isn't in the workspace. (Models may also be presets, and hub ids.)
    """
    if option is None or not isinstance(value, str):
        return value
    own_model = option.name in MODELS and value not in PRESETS
    if own_model and ((workspace.root / value).exists() or is_path(value)):
        return str(workspace.inside(value, option.flag))
    if option.kind is Path or (option.name == "augment" and is_recipe_file(value)):
        return str(workspace.inside(value, option.flag))
    return value
