"""Which pictures are shown: spread evenly, with a few of every class, and of every reason why
something was thrown away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from infgen.report.items import Item

EACH = 4  # pictures that show a class, at the least, where there are so many and room for them
REJECTS = 40  # pictures of which something was left out, or tried again, for each reason
WHOLE = 500  # pictures that failed, and that are marked
FAILED, MARKED = "failed", "marked"


class Sample:
    """Chooses `most` of the pictures that are added in order, of which `total` neither failed nor
    are marked."""

    def __init__(self, total: int, most: int):
        self._most, self._each = most, min(EACH, max(most // 10, 1))
        self._seen = 0
        self._even = {rank * total // most for rank in range(most)} if total > most else None
        self._chosen: list[Item] = []
        self._by_class: dict[int, _Thinned] = {}
        self._rejects: dict[Hashable, _Thinned] = {}

    def add(self, item: Item) -> None:
        """Look at a picture. One that failed or is marked is shown among the rejects only."""
        for reason in _reasons(item):
            least = WHOLE if reason in (FAILED, MARKED) else REJECTS
            self._rejects.setdefault(reason, _Thinned(least)).add(item)
        if item.failure or item.marked:
            return
        if self._even is None or self._seen in self._even:
            self._chosen.append(item)
        else:
            for class_id in _classes(item):
                self._by_class.setdefault(class_id, _Thinned(self._each)).add(item)
        self._seen += 1

    def chosen(self) -> list[Item]:
        """The pictures to show, in order."""
        shown = Counter(class_id for item in self._chosen for class_id in _classes(item))
        rare: dict[int, Item] = {}
        for class_id, found in sorted(self._by_class.items()):
            wanted = max(self._each - shown[class_id], 0)
            rare |= {item.number: item for item in found.items(wanted)}
        extra = list(rare.values())[: self._most // 2]
        even = _spread(self._chosen, self._most - len(extra))
        return sorted([*even, *extra], key=lambda item: item.number)

    def rejected(self) -> list[Item]:
        """Pictures that failed, are marked, or lack something that was wanted or tried, in order:
        some for each reason."""
        found = {item.number: item for one in self._rejects.values() for item in one.items()}
        return [found[number] for number in sorted(found)]


class _Thinned:
    """Up to twice `least` things, spread evenly over all that were added: whenever there are more,
    every other one goes, and only every so many is taken from then on."""

    def __init__(self, least: int):
        self._least, self._step, self._seen = least, 1, 0
        self._kept: list[Item] = []

    def add(self, item: Item) -> None:
        if self._seen % self._step == 0:
            self._kept.append(item)
            if len(self._kept) > 2 * self._least:
                self._kept = self._kept[::2]
                self._step *= 2
        self._seen += 1

    def items(self, most: int | None = None) -> list[Item]:
        return _spread(self._kept, self._least if most is None else most)


def _classes(item: Item) -> set[int]:
    return {thing.class_id for thing in item.things}


def _reasons(item: Item) -> Iterable[Hashable]:
    """Why a picture is among the rejects, each reason once."""
    if item.failure:
        return {FAILED}  # these say what went wrong with that very picture
    return {*_left_out(item), *([MARKED] if item.marked else [])}


def _left_out(item: Item) -> Iterator[Hashable]:
    if item.entry is None:
        return
    for gone in (*item.entry.dropped, *item.entry.dropped_decoys):
        yield "dropped", gone.reason
    every = (item.entry.objects, item.entry.dropped, item.entry.decoys)
    for tries in (one.tries for group in every for one in group):
        yield from (("tried", verdict.reason) for verdict in tries if verdict.reason)


def _spread(items: list[Item], most: int) -> list[Item]:
    """`most` of them, or all if they are fewer, evenly spaced from the first on."""
    most = min(most, len(items))
    return [items[number * len(items) // most] for number in range(most)]
