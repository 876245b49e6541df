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
    lacking = lacks_for_paste(request, settings)
    if settings.method == "inpaint":
        raise InputError(
            "--method inpaint: this version of infgen has no inpainting yet: use --method paste, "
            "with cutouts for every class"
        )
    if lacking:
        intro = (
            "nothing can be painted: inpainting isn't in this version yet, and copy-paste lacks:"
        )
        raise InputError([Problem(intro), *lacking] if settings.method == "auto" else lacking)
    return tuple(pinned.get(spec.name, "paste") for spec in request.classes)


def lacks_for_paste(request: Request, settings: RunSettings) -> list[Problem]:
    """What copy-paste would need and the tables don't give."""
    backgrounds, classes = str(settings.backgrounds), str(settings.classes)
    scenes = [
        Problem("no pictures: name a file, folder or glob, or write 'plain'", backgrounds, spec.line,
                "images")
        for spec in request.backgrounds
        if spec.num_imgs and not spec.pictures and not spec.plain
    ]  # fmt: skip
    objects = [
        Problem(f"no cutouts for '{spec.name}': name an RGBA file, folder or glob", classes, spec.line,
                "cutouts")
        for spec in request.classes
        if spec.appear_range[1] and not spec.cutouts
    ]  # fmt: skip
    return scenes + objects
