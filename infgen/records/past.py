"""What a dataset holds already when more is planned for it."""

from __future__ import annotations

import msgspec


class Past(msgspec.Struct, frozen=True):
    """What was made before. New pictures count from `first_index` on, and new backgrounds from
    `first_background`; `has_val` says whether there is a val split. The rest is by files' hashes:
    the split of each background that was used, and of each cutout."""

    first_index: int = 0
    first_background: int = 0
    has_val: bool = False
    splits: dict[str, str] = {}
    cutouts: dict[str, str] = {}
