"""The columns of classes.csv, and what their cells hold."""

from __future__ import annotations

import unicodedata

from infgen.records.specs import Length
from infgen.sources.csv_rows import Column, number, quoted, whole_number, yes_or_no
from infgen.sources.names import folded

MOST_OBJECTS = 65_535  # of a class in a picture: what a 16-bit instance mask can number
MOST_WEIGHT = 1000


def _appearances(text: str) -> int:
    return whole_number(text, MOST_OBJECTS)


def _lengths(text: str) -> tuple[Length, ...]:
    """A size, or one for each level: `100|190|360`."""
    parts = [part.strip() for part in text.split("|")]
    if not all(parts):
        raise ValueError(f"{quoted(text)} leaves a level empty: give a size on each side of '|'")
    return tuple(map(_length, parts))


def _length(text: str) -> Length:
    wanted = "a size in pixels or percent (25%)"
    percent = text.endswith("%")
    value = number(text.removesuffix("%").strip(), wanted)
    if value <= 0:
        raise ValueError(f"{quoted(text)} isn't above 0: {wanted} belongs here")
    return Length(value, percent)


def _ratio(text: str) -> float:
    wanted = "width divided by height"
    value = number(text, wanted)
    if value <= 0:
        raise ValueError(f"{quoted(text)} isn't above 0: {wanted} belongs here")
    return value


def _fraction(text: str) -> float:
    wanted = "a fraction of the canvas (0.25 for 25%)"
    value = number(text, wanted)
    if not 0 <= value <= 1:
        raise ValueError(f"{quoted(text)} isn't between 0 and 1: {wanted} belongs here")
    return value


def _weight(text: str) -> float:
    wanted = "how many times as often the class appears"
    value = number(text, wanted)
    if not 0 <= value <= MOST_WEIGHT:
        raise ValueError(
            f"{quoted(text)} isn't between 0 and {MOST_WEIGHT}: {wanted} belongs here (0: never)"
        )
    return value


def read_label(text: str) -> str:
    """A class name from a cell, in one line. Raises ValueError for what can't be seen."""
    name = " ".join(text.split())
    if any(unicodedata.category(letter) == "Cc" for letter in name) or not folded(name):
        raise ValueError(f"{text!a} holds characters that can't be seen: type the name again")
    return name


RATIO_COLUMNS = ("aspect_ratio_min", "aspect_ratio_max")
LENGTH_COLUMNS = ("width_min", "height_min", "width_max", "height_max")
CLASS_COLUMNS = (
    Column("prompt", str, "", required=True),
    Column("min_appear", _appearances, required=True),
    Column("max_appear", _appearances, required=True),
    *(Column(name, _ratio) for name in RATIO_COLUMNS),
    *(Column(name, _lengths) for name in LENGTH_COLUMNS),
    Column("name", read_label, ""),
    Column("cutouts", str, ""),
    Column("negative_prompt", str, ""),
    Column("mirror", yes_or_no, True),
    Column("x_min", _fraction, 0.0),
    Column("x_max", _fraction, 1.0),
    Column("y_min", _fraction, 0.0),
    Column("y_max", _fraction, 1.0),
    Column("weight", _weight, 1.0),
)
