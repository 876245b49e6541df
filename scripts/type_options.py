"""Write infgen/ui/options.py: every verb's options with their types, for editors and type checkers.

    python scripts/type_options.py

A setting is declared once, in its struct; what this writes follows from there and from the verbs in
infgen/ui/verbs.py. A test holds the file against it.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from infgen.batch.settings import Option
from infgen.ui import verbs
from infgen.ui.wording import help_of

FILE = Path(verbs.__file__).with_name("options.py")
HEAD = '''\
"""The verbs' options as type checkers and editors see them. Written by scripts/type_options.py from
the settings: change those, and run it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict
'''


def options_file() -> str:
    """All of it, as Python. Options that several verbs share, slice by slice, are written once."""
    wanted = taken_by_name()
    shared = shared_slices(wanted)
    parts = [HEAD]
    for group, members in shared.items():
        parts.append(typed_dict(f"{group.capitalize()}Slice", [], members))
    for name, taken in wanted.items():
        bases = [group for group, members in shared.items() if set(members) <= set(taken)]
        rest = [option for option in taken if option.group not in bases]
        parts.append(typed_dict(name, [f"{base.capitalize()}Slice" for base in bases], rest))
    return "\n\n".join(parts)


def taken_by_name() -> dict[str, tuple[Option, ...]]:
    """The options of every TypedDict that a verb's `**settings: Unpack[...]` names."""
    named: dict[str, tuple[Option, ...]] = {}
    for verb, taken in verbs.TAKEN.items():
        [name] = re.findall(
            r"Unpack\[(\w+)\]", inspect.get_annotations(getattr(verbs, verb))["settings"]
        )
        if named.setdefault(name, taken) != taken:
            raise ValueError(f"{verb} takes other options than those in {name}: give it its own")
    return named


def shared_slices(wanted: dict[str, tuple[Option, ...]]) -> dict[str, tuple[Option, ...]]:
    """The slices that are the same wherever they are found, by group."""
    found: dict[str, set[tuple[Option, ...]]] = {}
    for taken in wanted.values():
        for group in dict.fromkeys(option.group for option in taken if option.group != "run"):
            members = tuple(option for option in taken if option.group == group)
            found.setdefault(group, set()).add(members)
    return {group: max(variants, key=len) for group, variants in found.items()}


def typed_dict(name: str, bases: list[str], members: Any) -> str:
    arguments = [*(bases or ["TypedDict"]), "total=False"]
    lines = [f"class {name}({', '.join(arguments)}):"]
    if len(lines[0]) > 100:
        lines = [f"class {name}(", *(f"    {one}," for one in arguments), "):"]
    for option in members:
        lines.append(f"    {option.name}: {type_text(option.type)}")
        lines += docstring(help_of(option))
    return "\n".join(lines if members else [*lines, "    pass"]) + "\n"


def docstring(text: str) -> Iterator[str]:
    """An editor shows it for the name above it."""
    quoted = text.replace("\\", "\\\\")
    yield from textwrap.wrap(
        f'"""{quoted}"""',
        96,
        initial_indent=" " * 4,
        subsequent_indent=" " * 4,
        break_on_hyphens=False,
    )


def type_text(kind: Any) -> str:
    """What a type checker is to let through: paths as text, and several names in one, too."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_text(inner[0])
    if origin in (Union, UnionType):
        return " | ".join(type_text(one) for one in inner)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inner))}]".replace("'", '"')
    if origin is tuple:
        return f"str | Sequence[{type_text(inner[0])}]"
    if kind is NoneType:
        return "None"
    return "str | Path" if kind is Path else kind.__name__


if __name__ == "__main__":
    FILE.write_text(options_file(), encoding="utf-8")
