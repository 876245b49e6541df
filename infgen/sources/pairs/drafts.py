"""Pairs that were named and haven't been looked at, and what is wrong with them when they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infgen.records.errors import Problem
from infgen.records.pairs import Wanted
from infgen.records.specs import Picture
from infgen.sources.csv_rows import problem_at
from infgen.sources.names import folded
from infgen.sources.pictures import check_picture, check_upright, short_name

UNKNOWN = "object"  # the class of what nobody has named
CORNERS = ("x0", "y0", "x1", "y1")


@dataclass
class Draft:
    """A pair that hasn't been looked at. `place` is where problems are told, without their text;
    the boxes in `lines` came from these lines of it."""

    folder: Path
    place: Problem
    before_path: Path
    after_path: Path
    wanted: list[Wanted] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    asked_size: tuple[int, int] | None = None
    before: Picture | None = None
    after: Picture | None = None

    def problem(self, text: str, line: int = 0, column: str = "") -> Problem:
        return problem_at(Path(self.place.file), text, line or self.place.line, column)


def judge(draft: Draft) -> list[Problem]:
    """Decode both pictures, and hold them and the boxes against each other."""
    problems = []
    for side, check in (("before", check_picture), ("after", check_upright)):
        path: Path = getattr(draft, f"{side}_path")
        name = short_name(path, draft.folder)
        try:
            setattr(draft, side, check(path, name))
        except ValueError as error:
            problems.append(draft.problem(f"{name}: {error}", column=side))
    if not draft.before or not draft.after:
        return problems
    (width, height), other = draft.after.size, draft.before.size
    if (width, height) != other:
        text = (
            f"the picture is {width} x {height} and the one before, {draft.before.name}, is "
            f"{other[0]} x {other[1]}: give the two that belong together"
        )
        return [draft.problem(text, column="after")]
    if draft.asked_size and draft.asked_size != (width, height):
        text = (
            f"its .npy file is for pictures of {draft.asked_size[0]} x {draft.asked_size[1]}, and "
            f"this one is {width} x {height}: give the file that belongs to it, or remove it"
        )
        return [draft.problem(text)]
    return [
        draft.problem(
            f"the box reaches beyond the picture, which is {width} x {height}: mend it",
            line,
            next(c for c, edge, most in zip(CORNERS, box.xyxy, (width, height) * 2, strict=True)
                 if not 0 <= edge <= most),
        )
        for box, line in zip((one.box for one in draft.wanted), draft.lines, strict=False)
        if box and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)
    ]  # fmt: skip


def stems_of(drafts: Sequence[Draft]) -> list[str]:
    """The pictures' own names, made different where a disk, or a list of labels, would mix them up:
    by the folder's name, or else by a number."""
    taken: set[str] = set()
    stems = []
    for draft in drafts:
        path = draft.after_path
        choices = [path.stem, f"{path.parent.name}_{path.stem}"]
        choices += [f"{path.stem}-{number}" for number in range(2, len(drafts) + 2)]
        stem = next(one for one in choices if folded(one) not in taken)
        taken.add(folded(stem))
        stems.append(stem)
    return stems


Reading = tuple[list[Draft], list[Problem], list[Problem], list[str]]
"""The drafts, the problems, the warnings, and the class names."""
