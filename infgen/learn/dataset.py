"""Datasets as training reads them: picture by picture, augmented on the way, files untouched."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TypedDict

import msgspec
import numpy as np

from infgen.ops.augment import AUGMENTS, TURN_OVER
from infgen.ops.augment.picture import Piece, change_picture, piece_of
from infgen.ops.augment.recipe import Recipe
from infgen.ops.seeds import stream
from infgen.records.box import Box
from infgen.records.errors import InputError, PictureError, Problem
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.sources.datasets import open_dataset
from infgen.sources.datasets.common import BAD_PICTURE, MISSING_PICTURE, rle_box
from infgen.sources.pictures import read_any
from infgen.sources.recipes import read_recipe

UNREADABLE = (BAD_PICTURE, MISSING_PICTURE)


class Item(TypedDict):
    """A picture and its labels. `image` is (H, W, 3) uint8 RGB, `boxes` (N, 4) float32 xyxy in
    pixels, on pixel edges, `labels` (N,) int64 class ids, `masks` (N, H, W) bool, or None where
    only the boxes are known."""

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray | None
    path: str


class Batch(TypedDict):
    """Several items, each key a list."""

    image: list[np.ndarray]
    boxes: list[np.ndarray]
    labels: list[np.ndarray]
    masks: list[np.ndarray | None]
    path: list[str]


class _Row(msgspec.Struct, array_like=True, gc=False):
    """What is held of a picture, packed: about 3 kB for nine detailed masks, no pixels."""

    path: str
    size: tuple[int, int]
    objects: tuple[LabelledObject, ...]


class Dataset:
    """A map-style dataset: any that infgen can open, for torch's DataLoader or without torch.

    `augment` is a preset's name, the path of a recipe, a Recipe, or None; of a recipe its
    [pictures] count, as its [objects] are for pasting. What is drawn for an item depends on `seed`,
    on the epoch (set_epoch) and on its index, and on nothing else. Moves that would leave less than
    `min_visible` of an object are made milder, so that nothing visible goes without its label.

    Pictures that show a class which isn't to be mirrored are neither mirrored nor flipped. What
    infgen made, or merged with that, knows these classes by its tables; other formats don't:
    `no_mirror` names them, or more of them.

    `classes` are the class names by id. Crowds are left out, as are pictures that aren't there or
    can't be read; `faults` counts these, and labels that can't be used, by what is wrong with them.

    Raises:
        InputError: it can't be opened, has nothing in this `split` (None: all of them), or the
            recipe is wrong, or `no_mirror` names no class.
    """

    def __init__(
        self,
        folder: str | Path,
        augment: str | Path | Recipe | None = None,
        split: str | None = "train",
        seed: int = 0,
        min_visible: float = 0.3,
        no_mirror: Collection[str] = (),
    ):
        self._recipe = _recipe_of(augment)
        self._seed, self._epoch, self._min_visible = seed, 0, min_visible
        opened = open_dataset(Path(folder))
        self.classes = opened.classes
        self._upright = frozenset(_ids_of({*opened.upright, *no_mirror}, opened.classes))
        self.faults: Counter[str] = Counter(fault.kind for fault in opened.faults)
        rows, ends, splits = bytearray(), [0], set()
        for picture in opened.pictures():
            splits.add(picture.split)
            if split in (None, picture.split) and self._usable(picture):
                rows += zlib.compress(msgspec.msgpack.encode(_row_of(picture)), 1)
                ends.append(len(rows))
        self._rows, self._ends = bytes(rows), np.array(ends)
        if len(self) == 0:
            text = f"no picture of split '{split}' is there (of all: {', '.join(sorted(splits))})"
            raise InputError(Problem(text, str(folder)))

    def _usable(self, picture: LabelledPicture) -> bool:
        kinds = [fault.kind for fault in picture.faults]
        self.faults.update(kinds)
        return not any(kind in UNREADABLE for kind in kinds)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def set_epoch(self, epoch: int) -> None:
        """Draw other augmentations from now on. Workers of a DataLoader get to know as they start:
        with `persistent_workers` they don't."""
        self._epoch = epoch

    def __getitem__(self, index: int) -> Item:
        """The item at `index`, from 0, or from the end where it is negative.

        Raises:
            PictureError: its file is gone, broken, or of another size than its labels say.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no item {index}: the dataset has {len(self)}")
        index = int(index) % len(self)
        row = self._row(index)
        picture = _read(row)
        pieces = [piece_of(n, one.rle, one.box, row.size) for n, one in enumerate(row.objects)]
        upright = {n for n, one in enumerate(row.objects) if one.class_id in self._upright}
        changes = self._recipe.for_picture(stream(self._seed, index, f"epoch {self._epoch}"))
        if upright:
            changes = tuple(one for one in changes if one.name not in TURN_OVER)
        done = change_picture(picture, pieces, changes, self._min_visible, upright)
        if any(AUGMENTS[one.name].paint is None for one in done.changes):
            boxes = [piece.box for piece in done.pieces]
        else:
            boxes = [row.objects[piece.of].box for piece in done.pieces]
        known = all(one.rle for one in row.objects)
        return Item(
            image=done.picture,
            boxes=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
            labels=np.array([row.objects[piece.of].class_id for piece in done.pieces], np.int64),
            masks=_masks(done.pieces, row.size) if known else None,
            path=row.path,
        )

    def _row(self, index: int) -> _Row:
        start, end = self._ends[index : index + 2].tolist()
        return msgspec.msgpack.decode(zlib.decompress(self._rows[start:end]), type=_Row)

    @staticmethod
    def collate(items: Sequence[Item]) -> Batch:
        """Items in one, for a DataLoader's `collate_fn`. Nothing is stacked: pictures may have
        different sizes, and have different numbers of objects."""
        return Batch(
            image=[item["image"] for item in items],
            boxes=[item["boxes"] for item in items],
            labels=[item["labels"] for item in items],
            masks=[item["masks"] for item in items],
            path=[item["path"] for item in items],
        )


def _recipe_of(augment: str | Path | Recipe | None) -> Recipe:
    if isinstance(augment, Recipe):
        recipe = augment
    else:
        recipe = Recipe() if augment is None else read_recipe(str(augment))
    if recipe.objects and not recipe.pictures:
        raise InputError(
            f"augment: '{augment}' has nothing for whole pictures, and its [objects] are for "
            "pasting: give it a table [pictures]"
        )
    return recipe


def _ids_of(names: Collection[str], classes: Sequence[str]) -> Iterator[int]:
    """The ids of these classes."""
    for name in sorted(names):
        if name not in classes:
            known = ", ".join(classes)
            raise InputError(f"no_mirror: there is no class '{name}': take some of {known}")
        yield classes.index(name)


def _row_of(picture: LabelledPicture) -> _Row:
    """The picture with labels whose boxes are tight around their masks, or at least inside."""
    objects = []
    for one in picture.objects:
        inside = Box(0, 0, *picture.size)
        box = rle_box(one.rle, picture.size) if one.rle else one.box.intersect(inside)
        if box is not None and not one.crowd:
            objects.append(LabelledObject(one.class_id, box, one.rle))
    return _Row(str(picture.path), picture.size, tuple(objects))


def _read(row: _Row) -> np.ndarray:
    path = Path(row.path)
    try:
        picture = read_any(path)
    except ValueError as error:
        raise PictureError(f"{path}: {error}") from None
    if picture.shape[1::-1] != row.size:
        width, height = row.size
        raise PictureError(
            f"{path}: it has {picture.shape[1]} x {picture.shape[0]} pixels, and its labels are "
            f"for {width} x {height}: mend one of them"
        )
    return picture


def _masks(pieces: Sequence[Piece], size: tuple[int, int]) -> np.ndarray:
    """(N, H, W) bool."""
    masks = np.zeros((len(pieces), *size[::-1]), bool)
    for mask, piece in zip(masks, pieces, strict=True):
        height, width = piece.mask.shape
        mask[piece.y : piece.y + height, piece.x : piece.x + width] = piece.mask
    return masks
