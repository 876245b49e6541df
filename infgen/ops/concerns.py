"""What is worth a second thought in a plan: sentences, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from infgen.ops.outlook import Outlook
from infgen.ops.windows import context_window
from infgen.records.box import Box

MOST = 0.9  # of all objects in one class
DROPPED = 0.5  # of a class's objects without room
OVERLAPPING = 0.5  # of all boxes
EMPTY = 0.5  # of the pictures
USES = 100  # of one file, on average
SPECK = 8  # pixels of a box's shorter side, below which there is little to learn from
CELLS = 2  # of latents on a box's shorter side, below which a model has nothing to paint with
SMALL = 0.25  # of a class's boxes
ENOUGH_VAL = 20  # pictures in val, from which on every class should be seen there
MOST_TOLD = 10  # classes of which the same is said


@dataclass(frozen=True)
class Model:
    """What paints objects, as far as sizes go: see ops.windows.context_window."""

    native: int
    cell: int


def concerns_of(outlook: Outlook, model: Model | None = None) -> list[str]:
    """All that there is to say; `model` is the one that paints the objects, if one does."""
    return [text for check in CONCERNS.values() for text in _first([*check(outlook, model)])]


def _first(texts: Sequence[str]) -> Iterator[str]:
    """The first sentences of one kind, and one on how many classes more they hold of."""
    yield from texts[:MOST_TOLD]
    if left := texts[MOST_TOLD:]:
        yield f"the same holds of {len(left):,} more of the classes"


def _never(outlook: Outlook, model: Model | None) -> Iterator[str]:
    for one in outlook.classes:
        if one.objects or not one.wanted:
            continue
        if one.homeless:
            yield (
                f"'{one.name}' never fits: none of {one.homeless} finds room: make it smaller, "
                "widen where it may be, or ask for fewer objects beside it"
            )
        else:
            yield (
                f"'{one.name}' never appears in {outlook.seen:,} plans: raise its max_appear, or "
                "make more pictures"
            )


def _dropped(outlook: Outlook, model: Model | None) -> Iterator[str]:
    for one in outlook.classes:
        wanted = len(one.widths) + one.homeless
        if one.objects and one.homeless > DROPPED * wanted:
            yield (
                f"'{one.name}' mostly finds no room: {one.homeless} of {wanted} are left out: make "
                "it smaller, widen where it may be, or ask for fewer objects"
            )


def _overlapping(outlook: Outlook, model: Model | None) -> Iterator[str]:
    number = sum(one.overlapping for one in outlook.classes)
    if number > OVERLAPPING * outlook.planned:
        yield (
            f"boxes mostly overlap: {_share(number, outlook.planned)} of them share more than a "
            "fifth of their area with another: make objects smaller or fewer, or lower "
            "--max-overlap"
        )


def _lopsided(outlook: Outlook, model: Model | None) -> Iterator[str]:
    wanted = [one for one in outlook.classes if one.wanted or one.given]
    most = max(wanted, key=lambda one: one.objects, default=None)
    if most and len(wanted) > 1 and most.objects >= MOST * outlook.objects > 0:
        yield (
            f"{_share(most.objects, outlook.objects)} of all objects are '{most.name}': raise what "
            "the other rows' max_appear allows, or give --balance"
        )


def _empty(outlook: Outlook, model: Model | None) -> Iterator[str]:
    if outlook.counts[0] > EMPTY * outlook.seen:
        yield (
            f"{_share(outlook.counts[0], outlook.seen)} of the pictures show no object: raise "
            "min_appear, unless that many are to be without"
        )


def _specks(outlook: Outlook, model: Model | None) -> Iterator[str]:
    for one in outlook.classes:
        sides = [min(pair) for pair in zip(one.widths, one.heights, strict=True)]
        small = sum(side < SPECK for side in sides)
        if small > SMALL * len(sides):
            yield (
                f"'{one.name}' is tiny: {_share(small, len(sides))} of its boxes are narrower than "
                f"{SPECK} pixels: ask for larger ones, or larger pictures"
            )


def _unpaintable(outlook: Outlook, model: Model | None) -> Iterator[str]:
    if model is None:
        return
    for one in outlook.classes:
        small = sum(_too_small(size, outlook.canvas, model)
                    for size in zip(one.widths, one.heights, strict=True))  # fmt: skip
        if small > SMALL * len(one.widths):
            yield (
                f"'{one.name}' is too small for the model: {_share(small, len(one.widths))} of its "
                f"boxes come to less than {CELLS} cells of {model.cell} pixels as the model sees "
                "them: ask for larger or less slender ones, or paste them"
            )


def _too_small(box: tuple[float, float], canvas: tuple[int, int], model: Model) -> bool:
    width, height = (min(side, most) for side, most in zip(box, canvas, strict=True))
    scale = context_window(Box(0, 0, width, height), canvas, model.native, model.cell).scale
    return min(width, height) * scale < CELLS * model.cell


def _few_cutouts(outlook: Outlook, model: Model | None) -> Iterator[str]:
    often = []
    for one in outlook.classes:
        pastes = outlook.scaled(one.cutouts.total())
        if one.files and pastes > USES * one.files and not outlook.gridded:
            often.append(f"'{one.name}' ({one.files:,}, each about {pastes // one.files:,} times)")
    if often:
        yield (
            f"few cutouts for so many pastes: {_listed(often)}: a detector may learn them by "
            "heart; more of them make a better dataset"
        )


def _few_scenes(outlook: Outlook, model: Model | None) -> Iterator[str]:
    pictures = outlook.scaled(outlook.scenes.total())
    if outlook.files and pictures > USES * outlook.files and not outlook.gridded:
        yield (
            f"{_files(outlook.files, 'background')} for {pictures:,} pictures: each is used about "
            f"{pictures // outlook.files:,} times: more of them make a better dataset"
        )


def _val(outlook: Outlook, model: Model | None) -> Iterator[str]:
    if outlook.splits["val"] < ENOUGH_VAL:
        return
    unseen = [one.name for one in outlook.classes if one.objects and not one.pictures["val"]]
    if unseen:
        yield f"no picture of val shows {_listed(unseen)}: what is learned of it can't be measured"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_TOLD:,} more" if names[MOST_TOLD:] else ""
    return ", ".join(names[:MOST_TOLD]) + more


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.0f} %"


def _files(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


CONCERNS: dict[str, Callable[[Outlook, Model | None], Iterator[str]]] = {
    "never": _never,
    "dropped": _dropped,
    "overlapping": _overlapping,
    "lopsided": _lopsided,
    "empty": _empty,
    "specks": _specks,
    "unpaintable": _unpaintable,
    "few_cutouts": _few_cutouts,
    "few_scenes": _few_scenes,
    "val": _val,
}
