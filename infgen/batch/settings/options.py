"""Settings one by one: what each is called, takes and says, and values made into them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from infgen.batch.settings.verbs import RunSettings
from infgen.records.errors import InputError, Problem

Settings = TypeVar("Settings", bound=msgspec.Struct)
FLAGS = {"source": ("--from",), "out": ("--out", "-o")}  # `from` is a word of Python's own


@dataclass(frozen=True)
class Option:
    """A setting as the command line sees it. `group` is the slice it belongs to ("run" for none),
    `kind` its type without None, `choices` the values it may take (none: any), `takes` the same in
    words."""

    name: str
    group: str
    type: Any
    kind: type
    choices: tuple[str, ...]
    takes: str
    default: Any
    help: str

    @property
    def flags(self) -> tuple[str, ...]:
        return FLAGS.get(self.name, ("--" + self.name.replace("_", "-"),))

    @property
    def flag(self) -> str:
        return self.flags[0]


@cache  # reading the types of so many takes milliseconds
def options(of: type[msgspec.Struct] = RunSettings) -> tuple[Option, ...]:
    """Every setting of a verb's struct, in the order of the help page."""
    found = []
    for field in msgspec.structs.fields(of):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += [_option(inner, field.name) for inner in msgspec.structs.fields(field.type)]
        else:
            found.append(_option(field, "run"))
    return tuple(found)


def _option(field: msgspec.structs.FieldInfo, group: str) -> Option:
    kind, choices, metas = field.type, (), []
    while (origin := get_origin(kind)) in (Annotated, Union, UnionType):
        if origin is Annotated:
            kind, *metas = get_args(kind)
        else:
            kind = next(arg for arg in get_args(kind) if arg is not NoneType)
    if origin is Literal:
        kind, choices = str, get_args(kind)
    kind = origin if origin is tuple else kind
    takes = "one of " + ", ".join(choices) if choices else _in_words(kind, metas)
    help_text = next((meta.description for meta in metas if meta.description), "")
    return Option(field.name, group, field.type, kind, choices, takes, field.default, help_text)


def _in_words(kind: type, metas: list[Meta]) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path",
             tuple: "names separated by commas"}.get(kind, "text")  # fmt: skip
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if low is None:
        return words
    return f"{words} of at least {low}" if high is None else f"{words} from {low} to {high}"


def make_settings(values: Mapping[str, Any]) -> RunSettings:
    """The settings of `run` and its kin, as `fill` makes them."""
    return fill(RunSettings, values)


def fill(of: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Settings from flat names and values (text or typed); names left out keep their defaults.

    Raises:
        InputError: with every unknown name and every value that doesn't fit.
    """
    known = {option.name: option for option in options(of)}
    problems: list[Problem] = []
    groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        option = known.get(name)
        if option is None:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the settings are {', '.join(known)}"
            problems.append(Problem(f"there is no setting '{name}': {hint}"))
            continue
        try:
            converted = _convert(option, value)
        except ValueError as error:
            problems.append(Problem(str(error)))
            continue
        groups.setdefault(option.group, {})[name] = converted
    if problems:
        raise InputError(problems)
    top = groups.pop("run", {})
    default = of()
    return of(
        **top,
        **{group: msgspec.structs.replace(getattr(default, group), **inner)
           for group, inner in groups.items()},
    )  # fmt: skip


def _convert(option: Option, value: Any) -> Any:
    if option.kind is tuple and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        # msgspec reads JSON's numbers, and .5 is none of them
        read = float(value) if option.kind is float and isinstance(value, str) else value
        return msgspec.convert(read, option.type, strict=False, dec_hook=_as_path)
    except (ValueError, TypeError, RuntimeError):  # RuntimeError: ~ without a home
        raise ValueError(f"{option.flag}: '{value}' won't do: it takes {option.takes}") from None


def _as_path(kind: type, raw: Any) -> Any:
    return kind(raw).expanduser()
