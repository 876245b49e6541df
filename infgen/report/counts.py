"""Numbers of things, in words."""

from __future__ import annotations


def count_of(number: int, thing: str) -> str:
    """ "1 picture", "2,000 pictures", "3 classes"."""
    ending = "" if number == 1 else "es" if thing.endswith("s") else "s"
    return f"{number:,} {thing}{ending}"
