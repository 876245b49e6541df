"""How a verb tells the options that it takes as keywords: in its signature and its docstring."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Collection
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from infgen.batch.settings import Option, options
from infgen.ui.wording import GROUPS, help_of

Verb = TypeVar("Verb", bound=Callable[..., Any])

TAKEN: dict[str, tuple[Option, ...]] = {}
"""The options that each verb takes as keywords."""


def takes(
    of: type[msgspec.Struct], only: Collection[str] = (), but: Collection[str] = ()
) -> Callable[[Verb], Verb]:
    """Let a verb's signature and docstring tell its options: those of the struct `of` (`only` these
    of them, or all `but` these) that aren't arguments of its own already."""

    def told(verb: Verb) -> Verb:
        own = inspect.signature(verb).parameters
        taken = tuple(
            one
            for one in options(of)
            if (not only or one.name in only) and one.name not in (*own, *but)
        )
        TAKEN[verb.__name__] = taken
        verb.__doc__ = f"{inspect.getdoc(verb)}\n\n{_listed(taken)}"
        verb.__signature__ = _signature(own, taken)  # type: ignore[attr-defined]
        return verb

    return told


def _listed(taken: Collection[Option]) -> str:
    lines = ["Options, all of them keywords:"]
    several = len({option.group for option in taken}) > 1
    for group, members in groupby(taken, lambda option: option.group):
        lines += ["", f"  {GROUPS[group]}"] if several else []
        for option in members:
            default = f" (default: {option.default})" if option.kind is bool else ""
            text = f"{option.name}: {help_of(option)}{default}"
            lines += textwrap.wrap(
                text, 96, initial_indent=" " * 4, subsequent_indent=" " * 8, break_on_hyphens=False
            )
    return "\n".join(lines)


def _signature(own: Any, taken: Collection[Option]) -> inspect.Signature:
    """The verb's own arguments, and its options between those that need no name and the others."""
    shown = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=str(option.default) if isinstance(option.default, Path) else option.default,
        )
        for option in taken
    ]
    own = [one for one in own.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    named = [one for one in own if one.kind is inspect.Parameter.KEYWORD_ONLY]
    return inspect.Signature([*(one for one in own if one not in named), *shown, *named])
