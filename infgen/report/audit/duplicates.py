"""Pictures that are the same but for encoding, scale or little more, and what they leak.

Every picture becomes a thumbnail of SIDE x SIDE grey values, freed of brightness and contrast. All
pairs are compared, in blocks: the work grows with the square of their number, and takes one or two
minutes for MOST_COMPARED on one core, at 256 bytes a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from infgen.records.labelled import LabelledPicture
from infgen.report.audit.findings import SHOWN, Leakage

SIDE = 16
MOST_COMPARED = 100_000
ALIKE = 0.995  # correlation of two thumbnails from which pictures are near-duplicates
FLAT = 1.0  # grey levels of contrast below which there is nothing to compare
_BLOCK = 2048


class TwinSearch:
    """Collects thumbnails and provenance, then tells which pictures are (nearly) the same."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._splits: list[str] = []
        self._thumbnails: list[np.ndarray] = []
        self._scenes: dict[str, dict[str, None]] = {}
        self._cutouts: dict[str, set[str]] = {}
        self._of_scene: list[str] = []

    def add(self, picture: LabelledPicture, thumbnail: np.ndarray) -> None:
        """Take a picture in; `thumbnail` is (SIDE, SIDE) uint8."""
        self._names.append(f"{picture.split}/{picture.path.name}")
        self._splits.append(picture.split)
        self._thumbnails.append(thumbnail)
        self._of_scene.append(picture.scene)
        if picture.scene:
            self._scenes.setdefault(picture.scene, {})[picture.split] = None
        for cutout in picture.cutouts:
            self._cutouts.setdefault(cutout, set()).add(picture.split)

    def leakage(self) -> Leakage:
        """Compare all of them. A picture's twin is the first one that is like it."""
        order = {split: number for number, split in enumerate(dict.fromkeys(self._splits))}
        twin: dict[int, int] = {}
        leaked: dict[int, str] = {}
        for first, second in _alike(self._thumbnails):
            twin.setdefault(second, first)
            if order[self._splits[first]] != order[self._splits[second]]:
                leaked.setdefault(second, f"{self._names[second]} is {self._names[first]}")
        for number, scene in enumerate(self._of_scene):
            where = list(self._scenes.get(scene, ()))
            if len(where) > 1 and self._splits[number] != where[0]:
                text = f"{self._names[number]} has the background {scene}, as {where[0]} has"
                leaked.setdefault(number, text)
        within = [
            f"{self._names[one]} is {self._names[other]}"
            for one, other in twin.items()
            if one not in leaked
        ]
        return Leakage(
            compared=len(self._names),
            duplicates=len(twin),
            leaked=len(leaked),
            shared_scenes=sum(len(splits) > 1 for splits in self._scenes.values()),
            shared_cutouts=sum(len(splits) > 1 for splits in self._cutouts.values()),
            examples=[*list(leaked.values())[:SHOWN], *within[:SHOWN]],
        )


def _alike(thumbnails: Iterable[np.ndarray]) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) of thumbnails that are alike, in no promised order of the earlier."""
    stack = np.array(list(thumbnails), np.uint8).reshape(-1, SIDE * SIDE)
    for start in range(0, len(stack), _BLOCK):
        here = _normed(stack[start : start + _BLOCK])
        for other in range(0, start + 1, _BLOCK):
            likeness = here @ _normed(stack[other : other + _BLOCK]).T
            later, earlier = np.nonzero(likeness > ALIKE)
            later, earlier = later + start, earlier + other
            keep = earlier < later
            yield from zip(earlier[keep].tolist(), later[keep].tolist(), strict=True)


def _normed(block: np.ndarray) -> np.ndarray:
    """(n, SIDE²) as float32 without mean, of length 1; flat ones become 0, like nothing else."""
    values = block.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    values[values.std(axis=1) < FLAT] = 0
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1)
