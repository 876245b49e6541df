"""How often each of the user's files is used, counted from the records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from infgen.records.manifest import ClassCount, Uses
from infgen.records.sample import Entry


class Tally:
    """Counts cutouts by class, and backgrounds by picture of the dataset."""

    def __init__(self) -> None:
        self._cutouts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._backgrounds = Counter[str]()

    def add(self, entry: Entry) -> None:
        """Count what a picture that didn't fail is made of."""
        if entry.background.picture:
            self._backgrounds[entry.background.picture] += 1
        for one in entry.objects:
            if one.cutout:
                self._cutouts[one.class_id][one.cutout] += 1

    @property
    def backgrounds(self) -> Uses:
        return _uses(self._backgrounds)

    def tell(self, classes: Sequence[ClassCount]) -> None:
        """Write into each class's totals how its cutouts are used."""
        for class_id, one in enumerate(classes):
            one.cutouts = _uses(self._cutouts[class_id])


def _uses(counts: Counter[str]) -> Uses:
    if not counts:
        return Uses()
    name = min(counts, key=lambda name: (-counts[name], name))
    return Uses(len(counts), counts[name], name)
