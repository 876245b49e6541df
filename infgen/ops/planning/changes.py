"""What the recipe of augmentations makes of objects and of whole pictures."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from infgen.ops.augment import TURN_OVER
from infgen.ops.planning.asked import Asked
from infgen.ops.seeds import stream
from infgen.records.plan import Change, GivenPlan, ObjectPlan


def changes_of_picture(
    asked: Asked, index: int, objects: Sequence[ObjectPlan | GivenPlan]
) -> tuple[Change, ...]:
    """What happens to the whole picture, which isn't turned over with what mustn't be."""
    if not asked.recipe.pictures:
        return ()
    changes = asked.recipe.for_picture(stream(asked.settings.seed, index, "changes"))
    return _allowed(asked, changes, [one.class_id for one in objects])


def with_changes(
    asked: Asked, objects: tuple[ObjectPlan, ...], index: int, purpose: str
) -> tuple[ObjectPlan, ...]:
    """The objects, the pasted ones with what happens to their cutouts. Their dice are their own: no
    recipe changes a layout."""
    if not asked.recipe.objects:
        return objects
    rng, replace = stream(asked.settings.seed, index, purpose), msgspec.structs.replace
    return tuple(
        replace(one, look=replace(one.look, changes=_allowed(asked, changes, [one.class_id])))
        if one.cutout
        else one
        for one, changes in ((one, asked.recipe.for_object(rng)) for one in objects)
    )


def _allowed(
    asked: Asked, changes: tuple[Change, ...], class_ids: Sequence[int]
) -> tuple[Change, ...]:
    """The changes that objects of these classes may go through."""
    if all(asked.request.classes[class_id].mirror for class_id in class_ids):
        return changes
    return tuple(one for one in changes if one.name not in TURN_OVER)
