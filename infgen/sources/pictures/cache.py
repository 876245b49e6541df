"""Decoded pictures kept for the next time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class PictureCache:
    """Decoded pictures, the least recently used ones dropped beyond `max_bytes`.

    A single picture larger than the bound is kept while it is the only one.
    """

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Any], size_of: Callable[[Any], int]) -> Any:
        """The value under `key`, made by `make()` if it isn't held."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        value = make()
        size = size_of(value)
        self._held[key] = (value, size)
        self._bytes += size
        while self._bytes > self.max_bytes and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self._bytes -= freed
        return value
