"""What was asked: the rows of the two CSV files, validated, with the pictures they name."""

from __future__ import annotations

from pathlib import Path

import msgspec

from infgen.records.labelled import Given


class Length(msgspec.Struct, frozen=True):
    """A size as written in classes.csv: canvas pixels, or a percentage of the canvas's side."""

    value: float
    percent: bool = False

    def pixels(self, side: int) -> float:
        """Pixels on a canvas whose matching side is `side` pixels long."""
        return self.value * side / 100 if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.percent else f"{self.value:g}"


class AspectSize(msgspec.Struct, frozen=True, tag="aspect_ratio"):
    """Box size by width / height ratio; the longer side is 1/4 to 1/2 of the canvas's shorter."""

    ratio_range: tuple[float, float]


class RangeSize(msgspec.Struct, frozen=True, tag="width_height"):
    """Box size by independent ranges of width and height."""

    width_range: tuple[Length, Length]
    height_range: tuple[Length, Length]


class LevelSize(msgspec.Struct, frozen=True, tag="levels"):
    """Box size by two or more ranges, of which every object draws one."""

    levels: tuple[RangeSize, ...]


class Picture(msgspec.Struct, frozen=True):
    """A picture file on the user's disk, as it was when the run began.

    `name` is its path relative to the CSV that names it (POSIX slashes), the same on every machine;
    `sha256` is the hash of the file's bytes; `size` is (width, height) in pixels, after EXIF
    rotation. Of a cutout that shows several objects, `members` are their classes, by their ids
    (from 1) in the PNG beside it; the hash covers what is beside it, too.
    """

    name: str
    path: Path
    sha256: str
    size: tuple[int, int]
    members: tuple[str, ...] = ()


class BackgroundSpec(msgspec.Struct, frozen=True):
    """A row of background.csv. `pictures` (the user's files) and `plain` (a kind drawn by infgen)
    exclude each other; with neither, the scene must be generated from `prompt`."""

    line: int
    prompt: str
    num_imgs: int
    negative_prompt: str = ""
    pictures: tuple[Picture, ...] = ()
    plain: str = ""


class ClassSpec(msgspec.Struct, frozen=True):
    """A row of classes.csv. `appear_range` counts objects per picture, both ends included, and
    `weight` multiplies how many are expected (ops/balance); `x_range` and `y_range` bound the box's
    centre as fractions of the canvas."""

    line: int
    name: str
    prompt: str
    appear_range: tuple[int, int]
    size: AspectSize | RangeSize | LevelSize
    negative_prompt: str = ""
    cutouts: tuple[Picture, ...] = ()
    mirror: bool = True
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)
    weight: float = 1.0


class Request(msgspec.Struct, frozen=True):
    """Both tables together: what the user asked for. Class ids are positions in `classes`, of which
    those behind the table's are only to be seen in the backgrounds, as their `given` labels say."""

    backgrounds: tuple[BackgroundSpec, ...]
    classes: tuple[ClassSpec, ...]
    given: Given = Given()
