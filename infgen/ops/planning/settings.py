"""What bounds the dice, and how many pictures they are thrown for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from infgen.records.errors import InputError
from infgen.records.specs import Request

Fraction = Annotated[float, Meta(ge=0, le=1)]
MOST_PICTURES = 10_000_000  # of which the dealing alone takes seconds and gigabytes


class PlanSettings(msgspec.Struct, frozen=True):
    """What bounds the dice."""

    seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="the run's seed: same seed, same dataset")
    ] = 0
    images: (
        Annotated[
            int,
            Meta(
                ge=1, description="number of pictures (default: every num_imgs x --per-background)"
            ),
        ]
        | None
    ) = None
    per_background: Annotated[int, Meta(ge=1, description="layouts made on every background")] = 1
    width: (
        Annotated[int, Meta(ge=16, le=16384, description="picture width in pixels (default: 768)")]
        | None
    ) = None
    height: (
        Annotated[int, Meta(ge=16, le=16384, description="picture height in pixels (default: 768)")]
        | None
    ) = None
    val_frac: Annotated[
        float, Meta(ge=0, le=0.9, description="share of the pictures that goes to the val split")
    ] = 0.1
    max_overlap: Annotated[
        Fraction, Meta(description="share of a planned box that later boxes may cover")
    ] = 0.3
    min_visible: Annotated[
        Fraction, Meta(description="no object is painted where less of one would be left to see")
    ] = 0.3
    balance: Annotated[
        bool,
        Meta(
            description="paint more of rare classes and fewer of frequent ones, as many in all, so "
            "that each comes to the same expected number of labels (--background-labels count), "
            "up to its max_appear; min_appear isn't kept to"
        ),
    ] = False
    max_uses: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="pastes of one cutout at the most; they are dealt evenly, and a run "
                "that would need more is refused (decoys, which show none of it, don't count)",
            ),
        ]
        | None
    ) = None
    max_background_uses: (
        Annotated[
            int,
            Meta(ge=1, description="pictures on one background at the most; more are refused"),
        ]
        | None
    ) = None
    decoys: Annotated[
        Fraction,
        Meta(
            description="share of the objects beside which a decoy is painted: background where an "
            "object could be, so that detectors learn objects and not traces of painting"
        ),
    ] = 0.3
    cut_off_frac: Annotated[
        Fraction,
        Meta(
            description="share of the pasted objects that stick out over the border, by a tenth to "
            "six tenths of their box"
        ),
    ] = 0.0
    flip_frac: Annotated[
        Fraction,
        Meta(description="share of backgrounds and cutouts that are mirrored left to right"),
    ] = 0.5
    degrade: Annotated[
        Fraction,
        Meta(
            description="strength of the blur, grain and JPEG loss that all of a finished picture "
            "gets, so that one camera seems to have taken what was painted, too; 0 is off"
        ),
    ] = 0.5


def count_pictures(request: Request, settings: PlanSettings, before: int) -> int:
    """How many pictures are asked for, where there are as many `before` them.

    Raises:
        InputError: none, or more than a dataset may hold.
    """
    in_table = sum(spec.num_imgs for spec in request.backgrounds)
    if in_table == 0:
        raise InputError("every num_imgs is 0: no picture would be made")
    count = settings.images or in_table * settings.per_background
    most = before + max(count, in_table)
    if most > MOST_PICTURES:
        raise InputError(
            f"{most:,} pictures are too many for one dataset: ask for up to "
            f"{MOST_PICTURES:,}, and give further ones another --seed and --out"
        )
    return count
