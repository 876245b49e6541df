"""What an object bank knows of each of its cutouts."""

from __future__ import annotations

import msgspec

GOOD, TAKEN_OUT = "good", "taken out by hand"


class Cutout(msgspec.Struct, frozen=True):
    """A line of bank.jsonl: one try at an object of the class `name`, the `number`th from 0.

    It was painted with `prompt`, `negative_prompt` and `seed` by `model` (with its revision), on
    the plain backdrop that belongs to its number. `verdict` is GOOD, or says why there is no
    cutout; `failed` tries met an error and are made again. Of a good one `file` is the path in the
    bank (POSIX slashes), `bytes` and `sha256` are the file's, and `size` is (width, height).
    """

    name: str
    number: int
    prompt: str
    negative_prompt: str
    seed: int
    model: str
    verdict: str
    failed: bool = False
    file: str = ""
    bytes: int = 0
    sha256: str = ""
    size: tuple[int, int] | None = None
