"""What `infgen relabel` is given: pictures before and after something was painted into them."""

from __future__ import annotations

import msgspec

from infgen.records.box import Box
from infgen.records.specs import Picture


class Wanted(msgspec.Struct, frozen=True):
    """An object that was to be painted: its class id, and the box it was to fill, if that is known.
    Without a box it says no more than that the picture holds objects of this class."""

    class_id: int
    box: Box | None = None


class Pair(msgspec.Struct, frozen=True):
    """A picture before and after, of equal size. `stem` is the picture's name in the dataset, the
    input's own without its ending, unlike any other's. Either all of `wanted` have boxes, or none
    has one and all are of one class. Nothing wanted: nothing was painted."""

    stem: str
    before: Picture
    after: Picture
    wanted: tuple[Wanted, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes that were asked for; none if they aren't known."""
        return tuple(one.box for one in self.wanted if one.box is not None)


class Pairs(msgspec.Struct, frozen=True):
    """All pairs in order, the class names by class id, and those that aren't to be mirrored."""

    pairs: tuple[Pair, ...]
    classes: tuple[str, ...]
    upright: tuple[str, ...] = ()
