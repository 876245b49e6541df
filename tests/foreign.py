"""Datasets that infgen didn't make: COCO files of any labels, with small pictures beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from tests.making import save


@dataclass(frozen=True)
class Label:
    """A box, or a mask, (H, W) bool, with the box around it."""

    class_id: int
    box: Box
    mask: np.ndarray | None = None
    crowd: bool = False


def masked(class_id: int, mask: np.ndarray, crowd: bool = False) -> Label:
    box = tight_box(mask)
    assert box is not None
    return Label(class_id, box, mask, crowd)


@dataclass(frozen=True)
class Shot:
    """A picture: `name` its file's, `seed` of its pixels."""

    name: str
    size: tuple[int, int]
    labels: Sequence[Label] = ()
    seed: int = 0


def write_foreign(
    folder: Path,
    shots: Sequence[Shot],
    split: str = "train",
    classes: Sequence[str] = ("cat", "dog"),
) -> Path:
    """A COCO dataset of these pictures, its ids odd on purpose. Gives its index file."""
    images, labels = [], []
    for number, shot in enumerate(shots, 5):
        pixels = np.random.default_rng(shot.seed).integers(0, 256, (*shot.size[::-1], 3), np.uint8)
        save(folder / "images" / split / shot.name, pixels)
        width, height = shot.size
        images.append({"id": number, "file_name": shot.name, "width": width, "height": height})
        for one in shot.labels:
            labels.append(
                {"id": len(labels) + 1, "image_id": number, "category_id": 3 * one.class_id + 7,
                 "bbox": one.box.as_coco(), "area": 1, "iscrowd": int(one.crowd)}
            )  # fmt: skip
            if one.mask is not None:
                rle = {"size": [height, width], "counts": encode_rle(one.mask)}
                labels[-1]["segmentation"] = rle
    named = [{"id": 3 * number + 7, "name": name} for number, name in enumerate(classes)]
    path = folder / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": labels, "categories": named}))
    return path
