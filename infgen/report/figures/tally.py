"""Counts over all pictures and objects of a dataset, picture by picture, in any order.

Objects wait in a plain buffer until there are enough of them to count at once: that is what makes
100,000 pictures a matter of seconds, and keeps memory the same however many there are.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from infgen import __version__
from infgen.records.plan import BackgroundPlan
from infgen.records.sample import Entry
from infgen.report.figures.bins import (
    ASPECTS,
    BINS,
    GRID,
    MEDIUM,
    MOST_COUNTED,
    SHARES,
    SMALL,
    bins_of,
    counted,
)
from infgen.report.figures.findings import Channels, ClassFigures, Figures, Looks, Round
from infgen.report.figures.pairs import MOST_PAIRED, overlaps
from infgen.report.items import Item, Thing

TOGETHER = 20_000  # objects that are counted at once
SHOWN_SIZES = 20
SIZES = ("small", "medium", "large")
PAINTED = ("paste", "inpaint")  # methods by which infgen knows what became of an object
UNKNOWN = -1.0  # how much of an object is visible

Words = list[Counter[str]]  # by class id


class FigureTally:
    """Counts Items of a dataset with these `classes` (names by class id); `kind` as in READERS."""

    def __init__(self, classes: Sequence[str], kind: str):
        self._names, self._kind = tuple(classes), kind
        self._buffer = array("d")
        self._pictures: Counter[str] = Counter()
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._per_picture = [0] * (MOST_COUNTED + 2)
        self._failed = self._marked = self._decoys = self._not_paired = 0
        self._ious = np.zeros(len(SHARES) - 1, np.int64)
        self._flags = dict.fromkeys(FLAGS, np.zeros(len(self._names), np.int64))
        self._tables = {name: self._table(columns) for name, columns in TABLES.items()}
        self._by_split: dict[str, np.ndarray] = {}  # of each class its pictures and objects
        self._words: dict[str, Words] = {name: [Counter() for _ in classes] for name in WORDS}
        self._judged = [0] * len(self._names)
        self._scenes: Counter[str] = Counter()
        self._prompts: Counter[str] = Counter()

    def _table(self, columns: int) -> np.ndarray:
        return np.zeros((len(self._names), columns), np.int64)

    def add(self, item: Item) -> None:
        """Count a picture. Of one that failed or is marked only that is counted, and what of it
        was thrown away."""
        if item.entry is not None:
            self._add_thrown_away(item.entry)
        if item.failure or item.marked:
            self._failed += bool(item.failure)
            self._marked += not item.failure
            return
        if item.entry is not None:
            self._add_made(item.entry)
        self._by_split.setdefault(item.split, self._table(2))
        split = list(self._by_split).index(item.split)
        number = self._pictures.total()
        self._pictures[item.split] += 1
        self._sizes[item.size] += 1
        self._per_picture[min(len(item.things), MOST_COUNTED + 1)] += 1
        self._not_paired += len(item.things) > MOST_PAIRED
        for thing in item.things:
            self._buffer.extend((number, split, *_row(thing, item.size)))
        if len(self._buffer) >= TOGETHER * len(COLUMNS):
            self._count()

    def _add_thrown_away(self, entry: Entry) -> None:
        for gone in entry.dropped:
            self._words["dropped"][gone.class_id][gone.reason] += 1
        tried = chain(
            ((one.class_id, one.tries) for one in entry.objects),
            ((gone.class_id, gone.tries) for gone in entry.dropped),
        )
        for class_id, tries in tried:
            for verdict in tries:
                if verdict.reason:
                    self._words["rejected"][class_id][verdict.reason] += 1

    def _add_made(self, entry: Entry) -> None:
        self._decoys += len(entry.decoys)
        self._add_scene(entry.background)
        for one in entry.objects:
            self._judged[one.class_id] += bool(one.tries)
            self._words["methods"][one.class_id][one.method] += 1
            if one.method in PAINTED:
                self._words["blends"][one.class_id][one.look.blend] += 1

    def _add_scene(self, scene: BackgroundPlan) -> None:
        if not (scene.picture or scene.plain):
            self._prompts[scene.prompt] += 1
        self._scenes[scene.kind] += 1

    # ---- the buffer ------------------------------------------------------------------------------

    def _count(self) -> None:
        """Count the objects that wait."""
        if not self._buffer:
            return
        rows = np.frombuffer(self._buffer, np.float64).reshape(-1, len(COLUMNS))
        column = dict(zip(COLUMNS, rows.T, strict=True))
        class_ids, pictures, splits = (
            column[name].astype(np.int64) for name in ("class_id", "picture", "split")
        )
        self._count_splits(splits, pictures, class_ids)
        crowd = column["crowd"] == 1
        self._flag("crowds", class_ids[crowd])
        self._flag("boxes_only", class_ids[column["unmasked"] == 1])
        self._count_shapes(class_ids[~crowd], rows[~crowd])
        self._count_pairs(class_ids[~crowd], pictures[~crowd], rows[~crowd])
        self._buffer = array("d")

    def _flag(self, name: str, class_ids: np.ndarray) -> None:
        found = np.bincount(class_ids, minlength=len(self._names))
        self._flags[name] = self._flags[name] + found

    def _count_splits(
        self, splits: np.ndarray, pictures: np.ndarray, class_ids: np.ndarray
    ) -> None:
        classes = len(self._names)
        _, first = np.unique(pictures * classes + class_ids, return_index=True)  # of each picture
        for number, table in enumerate(self._by_split.values()):
            table[:, 0] += np.bincount(class_ids[first][splits[first] == number], minlength=classes)
            table[:, 1] += np.bincount(class_ids[splits == number], minlength=classes)

    def _count_shapes(self, class_ids: np.ndarray, rows: np.ndarray) -> None:
        column = dict(zip(COLUMNS, rows.T, strict=True))
        widths, heights = column["x1"] - column["x0"], column["y1"] - column["y0"]
        for name, values in (
            ("widths", widths),
            ("heights", heights),
            ("areas", column["area"]),
            ("aspects", widths / heights),
        ):
            self._add(name, class_ids, bins_of(values, BINS[name]))
        self._add("sizes", class_ids, np.searchsorted((SMALL, MEDIUM), column["area"], "right"))
        known = column["visible"] != UNKNOWN
        self._add("visible", class_ids[known], bins_of(column["visible"][known], SHARES))
        across = (column["x0"] + column["x1"]) / 2 / column["width"]
        down = (column["y0"] + column["y1"]) / 2 / column["height"]
        cells = [np.clip(GRID * part, 0, GRID - 1).astype(np.int64) for part in (across, down)]
        self._add("centres", class_ids, cells[1] * GRID + cells[0])

    def _add(self, name: str, class_ids: np.ndarray, places: np.ndarray) -> None:
        self._tables[name] += counted(class_ids, places, (len(self._names), TABLES[name]))

    def _count_pairs(self, class_ids: np.ndarray, pictures: np.ndarray, rows: np.ndarray) -> None:
        overlapping = np.zeros(len(rows), bool)
        for one, other, iou in overlaps(rows[:, 3:7], pictures):
            overlapping[one] = overlapping[other] = True
            self._ious += np.bincount(bins_of(iou, SHARES), minlength=len(self._ious))
        self._flag("overlapping", class_ids[overlapping])

    # ---- what came of it -------------------------------------------------------------------------

    def figures(
        self,
        looks: Looks | None = None,
        channels: Mapping[str, Channels] | None = None,
        rounds: Sequence[Round] = (),
    ) -> Figures:
        """All that was counted, with what was found out otherwise."""
        self._count()
        sizes = sorted(self._sizes.items(), key=lambda one: (-one[1], one[0]))
        return Figures(
            infgen=__version__,
            kind=self._kind,
            pictures=_ordered(self._pictures),
            objects=sum(int(table[:, 1].sum()) for table in self._by_split.values()),
            negatives=self._per_picture[0],
            failed=self._failed,
            marked=self._marked,
            decoys=self._decoys,
            scenes=_ordered(self._scenes),
            prompts=_ordered(self._prompts),
            sizes={f"{w} x {h}": count for (w, h), count in sizes[:SHOWN_SIZES]},
            other_sizes=sum(count for _, count in sizes[SHOWN_SIZES:]),
            per_picture=list(self._per_picture),
            pairs=int(self._ious.sum()),
            ious=self._ious.tolist(),
            not_paired=self._not_paired,
            classes=[self._class(class_id) for class_id in range(len(self._names))],
            looks=looks,
            channels=dict(channels or {}),
            rounds=list(rounds),
            bins=BINS,
        )

    def _class(self, class_id: int) -> ClassFigures:
        facts: dict[str, Any] = {
            name: table[class_id].tolist() for name, table in self._tables.items()
        }
        facts |= {name: _ordered(found[class_id]) for name, found in self._words.items()}
        facts |= {name: int(counts[class_id]) for name, counts in self._flags.items()}
        centres = facts.pop("centres")
        sizes = dict(zip(SIZES, facts.pop("sizes"), strict=True))
        shown = {name: table[class_id].tolist() for name, table in self._by_split.items()}
        return ClassFigures(
            name=self._names[class_id],
            images=_ordered({split: counts[0] for split, counts in shown.items()}),
            objects=_ordered({split: counts[1] for split, counts in shown.items()}),
            sizes=sizes,
            centres=[centres[row * GRID : (row + 1) * GRID] for row in range(GRID)],
            judged=self._judged[class_id],
            **facts,
        )


def _row(thing: Thing, size: tuple[int, int]) -> tuple[float, ...]:
    """Of COLUMNS all but the first two."""
    made = thing.made
    known = made is not None and (made.method in PAINTED or made.method == "given")
    visible = made.visible_frac if made is not None and known else UNKNOWN
    unmasked = not thing.rle and not thing.crowd
    return (thing.class_id, *thing.box.xyxy, *size, thing.area, thing.crowd, unmasked, visible)


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Splits, methods, reasons in an order that doesn't depend on which came first."""
    return {name: counts[name] for name in in_order(counts)}


def in_order(splits: Iterable[str]) -> list[str]:
    """train, val, test, and then all others by name."""
    known = ("train", "val", "test")
    return sorted(splits, key=lambda name: (known.index(name) if name in known else 3, name))


COLUMNS = ("picture", "split", "class_id", "x0", "y0", "x1", "y1", "width", "height", "area",
           "crowd", "unmasked", "visible")  # fmt: skip
FLAGS = ("crowds", "boxes_only", "overlapping")
WORDS = ("methods", "blends", "rejected", "dropped")
TABLES = {name: len(BINS[name]) - 1 for name in ("widths", "heights", "areas", "visible")} | {
    "aspects": len(ASPECTS) - 1,
    "sizes": len(SIZES),
    "centres": GRID * GRID,
}
