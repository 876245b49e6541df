"""What the user is told about a plan: what was asked for and can't be had, or does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from infgen.ops.looks import LookSettings
from infgen.ops.planning.asked import Asked
from infgen.ops.planning.scenes import Scenes

MOST_NAMED = 10  # classes in a sentence


def notes_on(
    asked: Asked, scenes: Scenes, pools: Sequence[Mapping[str, tuple[int, ...]]]
) -> Iterator[str]:
    """Sentences on a run's `scenes`, and on `pools[c]`, the cutouts of class c by split."""
    if "inpaint" in asked.methods:
        yield from _on_pasting(asked)
    if scenes.again:
        yield (
            f"the backgrounds have run out: {scenes.again} of {scenes.dealt} show a picture "
            "that others show, too; name more of them for new ones"
        )
    if asked.settings.val_frac:
        yield from _on_splits(asked, scenes, pools)


def _on_pasting(asked: Asked) -> Iterator[str]:
    """What was asked for and does nothing, as objects are inpainted."""
    settings = asked.settings
    if settings.cut_off_frac:
        yield "--cut-off-frac is for pasted objects: inpainted ones stay inside the picture"
    if asked.looks != LookSettings():
        yield (
            "--blend, --harmonize and --shadow-frac are for pasted objects: a model paints the "
            "light and the shadows of its own"
        )
    if asked.recipe.objects:
        yield (
            "--augment: its [objects] are for pasted objects: inpainted ones change with their "
            "whole picture only"
        )
    if settings.max_uses and "paste" not in asked.methods:
        yield "--max-uses is for cutouts: nothing is pasted"


def _on_splits(
    asked: Asked, scenes: Scenes, pools: Sequence[Mapping[str, tuple[int, ...]]]
) -> Iterator[str]:
    """Where train and val aren't as far apart, or as large, as was asked for."""
    val_frac = asked.settings.val_frac
    if not scenes.val and not asked.past.has_val:
        yield (
            "there is a single background, and splits never share one: every picture is in "
            "train, and val points there too; add backgrounds for a true validation split"
        )
        return
    share = sum(scenes.uses[key] for key in scenes.val) / scenes.uses.total()
    if abs(share - val_frac) > max(0.02, val_frac / 4):
        new = "new " if asked.past.first_index else ""
        yield (
            f"val holds {share:.0%} of the {new}pictures instead of {val_frac:.0%}: splits "
            f"never share a background, and the {len(scenes.uses)} there are can't be divided "
            "closer"
        )
    both = [
        spec.name
        for spec, method, pool in zip(asked.request.classes, asked.methods, pools, strict=True)
        if method == "paste" and spec.appear_range[1] and set(pool["train"]) & {*pool["val"]}
    ]
    if both:
        more = f" and {len(both) - MOST_NAMED:,} more" if both[MOST_NAMED:] else ""
        yield (
            f"train and val use the same cutouts of {', '.join(both[:MOST_NAMED])}{more}: too "
            "few to keep them apart"
        )
