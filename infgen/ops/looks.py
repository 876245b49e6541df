"""How objects go into their scenes: what may be drawn, and the drawing."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.blend import BLENDS
from infgen.ops.mattes import FEATHERS
from infgen.records.errors import InputError
from infgen.records.plan import Look


class LookSettings(msgspec.Struct, frozen=True):
    """How pasted objects go into their scenes."""

    blend: Annotated[
        tuple[str, ...],
        Meta(description=f"edges of pasted objects, of which each draws one: {', '.join(BLENDS)}"),
    ] = tuple(BLENDS)


def check_looks(settings: LookSettings) -> None:
    """Raise InputError for names that aren't in BLENDS."""
    unknown = [name for name in settings.blend if name not in BLENDS]
    if unknown or not settings.blend:
        raise InputError(
            f"--blend: there is no blend {', '.join(unknown) or 'without a name'}: the blends are "
            f"{', '.join(BLENDS)}"
        )


def draw_look(rng: np.random.Generator, settings: LookSettings, method: str) -> Look:
    """The look of an object that is painted by `method`."""
    names = settings.blend if method == "paste" else tuple(FEATHERS)
    return Look(blend=names[int(rng.random() * len(names))])
