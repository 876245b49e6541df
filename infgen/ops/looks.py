"""How objects go into their scenes: what may be drawn, and the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.blends import BLENDS
from infgen.ops.harmonize import HARMONIZE
from infgen.ops.mattes import FEATHERS
from infgen.ops.seeds import pick_by, stream
from infgen.ops.shadows import SHADOWS
from infgen.records.errors import InputError, Problem
from infgen.records.plan import Look, Shadow

ANY = "random"  # of blends: all there are
DISTANCE = (0.03, 0.12)  # of the object's longer side: how far below it a drop shadow falls
BLUR, DARKNESS = (0.01, 0.04), (0.25, 0.6)


class LookSettings(msgspec.Struct, frozen=True):
    """How pasted objects go into their scenes."""

    blend: Annotated[
        tuple[str, ...],
        Meta(
            description="how pasted objects go over into the scene; each draws one of those named: "
            f"{', '.join(BLENDS)}, or {ANY}: all of them"
        ),
    ] = ("alpha", "choke", "feather", "gaussian")
    harmonize: Annotated[
        tuple[str, ...],
        Meta(
            description="how pasted objects are brought nearer to the scene's colours; each draws "
            f"one of those named: {', '.join(HARMONIZE)}"
        ),
    ] = ("none",)
    shadow_frac: Annotated[
        float, Meta(ge=0, le=1, description="share of pasted objects that throw a shadow")
    ] = 0.0


def check_looks(settings: LookSettings) -> None:
    """Raise InputError for names that aren't in the tables."""
    problems = [
        *_unknown("--blend", "blend", settings.blend, (*BLENDS, ANY)),
        *_unknown("--harmonize", "way to harmonize", settings.harmonize, tuple(HARMONIZE)),
    ]
    if problems:
        raise InputError(problems)


def _unknown(flag: str, what: str, names: Sequence[str], known: Sequence[str]) -> list[Problem]:
    unknown = [name for name in names if name not in known]
    if names and not unknown:
        return []
    lacking = ", ".join(unknown) or "without a name"
    return [Problem(f"{flag}: there is no {what} {lacking}: choose from {', '.join(known)}")]


def draw_light(seed: int, index: int) -> float:
    """By how much shadows of a picture lean to the right (or, below 0, to the left) for each pixel
    that they fall: all of a picture's are in the same light."""
    return round(2 * stream(seed, index, "light").random() - 1, 3)


def draw_look(
    rng: np.random.Generator, settings: LookSettings, method: str, light: float = 0.0
) -> Look:
    """The look of an object that is painted by `method`, in a picture's `light`. It takes as many
    dice, whatever they decide."""
    blend, harmonize, throws, kind, distance, blur, darkness = rng.random(7).tolist()
    if method != "paste":
        return Look(blend=_one(tuple(FEATHERS), blend))
    names = tuple(BLENDS) if ANY in settings.blend else settings.blend
    shadow = None
    if throws < settings.shadow_frac:
        name = _one(tuple(SHADOWS), kind)
        drop = _within(DISTANCE, distance) * SHADOWS[name].falls
        shadow = Shadow(
            kind=name,
            offset=(round(light * drop, 4), round(drop, 4)),
            blur=round(_within(BLUR, blur), 4),
            darkness=round(_within(DARKNESS, darkness), 3),
        )
    return Look(_one(names, blend), _one(settings.harmonize, harmonize), shadow)


def _one(names: Sequence[str], die: float) -> str:
    return names[pick_by(die, len(names))]


def _within(bounds: tuple[float, float], die: float) -> float:
    return bounds[0] + die * (bounds[1] - bounds[0])
