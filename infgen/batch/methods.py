"""How each class is painted: resolved once, said, and pinned in the run's record."""

from __future__ import annotations

from collections.abc import Mapping

from infgen.batch.settings import RunSettings
from infgen.records.errors import InputError, Problem
from infgen.records.specs import Request

DEFAULT_CANVAS = 768  # pixels a side where the settings leave it open


def canvas_size(settings: RunSettings) -> tuple[int, int]:
    """The pictures' (width, height) in pixels."""
    return (settings.plan.width or DEFAULT_CANVAS, settings.plan.height or DEFAULT_CANVAS)


def choose_methods(
    request: Request, settings: RunSettings, pinned: Mapping[str, str]
) -> tuple[str, ...]:
    """The method of every class, in id order. What an earlier run in the folder has `pinned` (by
    class name) is obeyed as long as the settings don't ask for another.

    Raises:
        InputError: the method can't be used; everything that it lacks is named at once.
    """
    asked = settings.method
    if asked == "inpaint":
        raise InputError(
            "--method inpaint: this version of infgen has no inpainting yet: use --method paste, "
            "with cutouts for every class"
        )
    if lacking := lacks_for_paste(request, settings):
        intro = (
            "nothing can be painted: inpainting isn't in this version yet, and copy-paste lacks:"
        )
        raise InputError([Problem(intro), *lacking] if asked == "auto" else lacking)
    methods = tuple(
        pinned.get(spec.name, "paste") if asked == "auto" else asked for spec in request.classes
    )
    if unknown := sorted(set(methods) - {"paste"}):
        raise InputError(
            f"{settings.out} was begun with {', '.join(unknown)}, which this version of infgen "
            "doesn't have: choose another --out, or go on with the version that began it"
        )
    return methods


def lacks_for_paste(request: Request, settings: RunSettings) -> list[Problem]:
    """What copy-paste would need and the tables don't give."""
    no_pictures = "no pictures: name a file, folder or glob, or write 'plain'"
    scenes = [
        Problem(no_pictures, str(settings.backgrounds), spec.line, "images")
        for spec in request.backgrounds
        if spec.num_imgs and not spec.pictures and not spec.plain
    ]
    no_cutouts = "no cutouts for '{}': name an RGBA file, folder or glob"
    objects = [
        Problem(no_cutouts.format(spec.name), str(settings.classes), spec.line, "cutouts")
        for spec in request.classes
        if spec.appear_range[1] and not spec.cutouts
    ]
    return scenes + objects
