"""From settings to a painter: the one place where weights are loaded.

`resolve` and `check` (from resolve.py) say beforehand what `load` will do. torch and diffusers are
imported only inside `load`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from infgen.models import hub
from infgen.models.choice import Resolved
from infgen.models.prompts import Prompt
from infgen.models.resolve import check, resolve
from infgen.models.settings import ModelSettings
from infgen.records.errors import InfgenError, InputError, MissingExtra

if TYPE_CHECKING:
    from infgen.models.painter import Painter

__all__ = ["Resolved", "check", "load", "resolve"]

one_at_a_time = threading.Lock()
"""For loading: diffusers and transformers change the state of the process meanwhile."""


def load(
    what: ModelSettings | Resolved,
    pictures: int = 0,
    prompts: Iterable[Prompt] = (),
    tell: Callable[[str], object] = warnings.warn,
) -> Painter:
    """Load what the settings name, or what they have been resolved to, onto its device.

    `pictures` is how many pictures, scenes and objects together, the whole job will ask for (not
    what is left of it, so that a resumed job computes alike); a long job is compiled. `prompts` are
    those that are known beforehand: they are encoded before anything else takes room on the device,
    and the text encoders are put aside. (With offloading that waits for `Painter.prepare`.) `tell`
    hears, from whichever thread, what goes wrong later and can be lived with.

    Raises:
        MissingExtra: torch or a package beside it isn't installed.
        InputError: anything else that `check` finds, or a failed download.
        DeviceFull: there is too little memory.
    """
    resolved = what if isinstance(what, Resolved) else resolve(what)
    if resolved.missing:
        raise MissingExtra("\n".join(str(problem) for problem in resolved.problems))
    if resolved.problems:
        raise InputError(resolved.problems)
    folders = {part.need: hub.fetch(part) for half in resolved.halves for part in half.parts}
    from infgen.models.assembly import assemble
    from infgen.models.placing import memory_or_sentence

    try:
        with one_at_a_time, memory_or_sentence():
            return assemble(resolved, folders, pictures, tuple(prompts), tell)
    except InfgenError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        names = " and ".join(resolved.names)
        raise InputError(
            f"--model: {names} can't be loaded, its files may be damaged or incomplete ({reason})"
        ) from error
