"""Datasets with awkward objects, built from masks: what every exporter must carry unharmed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from infgen.formats.settings import Dataset, ExportSettings
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle, encode_rle
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan
from infgen.records.sample import Entry, Instance

SIZE = (97, 61)  # width, height: odd and unequal, so that a swapped axis shows


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def awkward_masks() -> dict[str, np.ndarray]:
    """(H, W) bool masks by name; each is one object."""
    width, height = SIZE
    ring = rectangle(20, 10, 60, 50) & ~rectangle(30, 20, 50, 40)
    two_holes = rectangle(5, 5, 45, 35) & ~rectangle(10, 10, 20, 20) & ~rectangle(25, 12, 40, 30)
    disc = np.zeros((height, width), np.uint8)
    cv2.circle(disc, (48, 30), 17, 1, -1)
    diagonal = np.zeros((height, width), bool)
    diagonal[[10, 11, 12], [10, 11, 12]] = True  # pixels that touch at corners only
    return {
        "corner": rectangle(0, 0, 9, 7),
        "far_corner": rectangle(width - 9, height - 7, width, height),
        "whole_canvas": rectangle(0, 0, width, height),
        "one_pixel": rectangle(40, 20, 41, 21),
        "last_pixel": rectangle(width - 1, height - 1, width, height),
        "one_wide": rectangle(33, 4, 34, 55),
        "one_high": rectangle(3, 30, 90, 31),
        "hole": ring,
        "two_holes": two_holes,
        "hole_on_corner": rectangle(0, 0, 30, 30)
        & ~rectangle(5, 5, 10, 10)
        & ~rectangle(10, 10, 15, 15),
        "two_parts": rectangle(5, 5, 20, 20) | rectangle(60, 30, 80, 50),
        "part_in_hole": ring | rectangle(36, 26, 44, 34),
        "touching_corners": diagonal,
        "disc": disc.astype(bool),
        "occluded": disc.astype(bool) & ~rectangle(40, 0, 52, height),
    }


def instance(number: int, class_id: int, mask: np.ndarray) -> Instance:
    box = tight_box(mask)
    assert box is not None
    requested = Box(box.x0 - 0.25, box.y0 - 0.25, box.x1 + 0.25, box.y1 + 0.25)
    return Instance(
        id=number,
        class_id=class_id,
        box=box,
        requested=requested,
        rle=encode_rle(mask),
        area=int(mask.sum()),
        visible_frac=1.0,
        method="paste",
    )


def write_dataset(folder: Path, **settings: object) -> tuple[Dataset, list[Entry]]:
    """One picture per awkward mask, one with several objects, one without any; two splits, three
    classes of which the last has no object. Pictures and kept backgrounds are on disk."""
    rng = np.random.default_rng(0)
    disjoint = [rectangle(0, 0, 10, 10), rectangle(10, 0, 20, 10), rectangle(50, 40, 97, 61)]
    pictures = [[mask] for mask in awkward_masks().values()] + [disjoint, []]
    entries = []
    for index, masks in enumerate(pictures):
        split = "val" if index % 4 == 3 else "train"
        file, background = f"images/{split}/{index:08d}.png", f"backgrounds/{index:08d}.png"
        pixels = rng.integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
        for name in (file, background):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / name), pixels)
        entries.append(
            Entry(
                index=index,
                split=split,
                size=SIZE,
                file=file,
                bytes=(folder / file).stat().st_size,
                background=BackgroundPlan(number=index, row=0),
                background_file=background,
                objects=tuple(instance(n + 1, n % 2, mask) for n, mask in enumerate(masks)),
            )
        )
    dataset = Dataset(
        folder=folder,
        classes=("coin", 'bank note: 5 "euro"', "unused"),
        splits=("train", "val"),
        settings=ExportSettings(**settings),  # type: ignore[arg-type]
    )
    return dataset, entries


def label_map(entry: Entry) -> np.ndarray:
    """(H, W) int: instance ids as the record holds them."""
    labels = np.zeros(entry.size[::-1], np.int32)
    for obj in entry.objects:
        labels[decode_rle(obj.rle, entry.size)] = obj.id
    return labels
