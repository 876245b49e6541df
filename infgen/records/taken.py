"""What is known of the cutouts that were taken out of the user's own pictures."""

from __future__ import annotations

import msgspec

Extent = tuple[float, float]  # width and height in percent of the picture


class Piece(msgspec.Struct, frozen=True):
    """A cutout of the class `name`. `file` is its path in the folder (POSIX slashes), `sha256` the
    hash of it and of what belongs to it, `how` in a word or two how it was cut out. `members` are
    the classes of the objects in it, by their ids from 1; of a lone object there are none."""

    name: str
    file: str
    sha256: str
    size: tuple[int, int]
    how: str
    extent: Extent
    members: tuple[str, ...] = ()


class Taken(msgspec.Struct, frozen=True):
    """A line of cutouts.jsonl: what became of one picture.

    `picture` is its name, `stem` what its cutouts' names begin with, unlike any other picture's;
    `sha256` hashes its bytes and its labels. `shown` are the extents of all
    that is labelled in it, by class; `left_out` counts by class, and then by the reason, what isn't
    among the `pieces`. `failure` says why nothing could be made of the picture.
    """

    picture: str
    stem: str
    sha256: str
    pieces: tuple[Piece, ...] = ()
    shown: dict[str, list[Extent]] = {}
    left_out: dict[str, dict[str, int]] = {}
    failure: str = ""
