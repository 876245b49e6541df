"""Text on pictures in the one font that Pillow carries: alike on every machine."""

from __future__ import annotations

import functools
import math
import unicodedata
from bisect import bisect_right
from math import inf

from PIL import ImageDraw, ImageFont

from infgen.report.colours import Colour


@functools.cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries, of Latin letters only: the same on every machine."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels all have FreeType
    return font


def write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    colour: Colour,
    most: float = inf,
    anchor: str = "lm",
) -> None:
    """Write one line at `place`, its middle left by default, in no more than `most` pixels."""
    pen.text(place, cut(_plain(text), size, most), fill=colour, font=font_of(size), anchor=anchor)


def cut(text: str, size: int, most: float) -> str:
    """As much of `text` as fits into `most` pixels, with an ellipsis if that isn't all."""
    font = font_of(size)
    if font.getlength(text) <= most:
        return text
    fits = bisect_right(
        range(len(text)), most, key=lambda n: math.ceil(font.getlength(text[:n] + "…"))
    )
    return text[: max(fits - 1, 0)].rstrip() + "…"


def readable(name: str, class_id: int) -> str:
    """A class's name in the letters that the font has, or its number if it has none of them."""
    text = _plain(name)
    return text if any(_has_glyph(letter) for letter in text) else f"class {class_id}"


def _plain(text: str) -> str:
    """Accents off where the font lacks the letter; every kind of space and control as one space."""
    letters = [
        letter if _has_glyph(letter) else unicodedata.normalize("NFKD", letter)
        for letter in "".join(c if c.isprintable() else " " for c in text)
    ]
    return " ".join("".join(c for c in "".join(letters) if not unicodedata.combining(c)).split())


@functools.cache
def _has_glyph(letter: str) -> bool:
    font = font_of(16)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
