"""Small labelled datasets in the usual formats, with any fault wanted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from infgen.records.box import Box
from infgen.records.labelled import LabelledObject, LabelledPicture
from tests.making import save

SIZE = (160, 120)


def scene(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) uint8: shapes of plain colours as a camera might see them, soft and with grain all
    over."""
    return scene_with_thing(seed, size)[0]


def scene_with_thing(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """The scene, and (H, W) bool what can be seen of one of its shapes."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.integers(40, 216, (5, 7, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    thing = np.zeros((height, width), np.uint8)
    for number in range(24):
        centre = tuple(int(v) for v in rng.integers((width, height)))
        axes = tuple(int(v) for v in rng.integers(8, 40, 2))
        colour = rng.integers(20, 236, 3).tolist()
        outline = (centre, axes, float(rng.uniform(0, 180)), 0, 360)
        cv2.ellipse(picture, *outline, colour, cv2.FILLED)
        cv2.ellipse(thing, *outline, int(number == 12), cv2.FILLED)  # a later one covers it
    soft = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    noisy = soft + cv2.GaussianBlur(rng.normal(0, 12, soft.shape), (0, 0), 0.6)
    return noisy.round().clip(0, 255).astype(np.uint8), thing.astype(bool)


def picture_of(name: str = "a.png", *boxes: Sequence[float], **fields: Any) -> LabelledPicture:
    """A picture's labels, all of class 0."""
    objects = tuple(LabelledObject(0, Box(*box)) for box in boxes)
    fields = {"split": "train", "size": SIZE, "objects": objects} | fields
    return LabelledPicture(Path(name), **fields)


def write_coco(folder: Path, split: str = "train", count: int = 3, **change: Any) -> Path:
    """A dataset as infgen's exporter lays it out: one box and polygon a picture. `change` replaces
    keys of the first annotation; `images`, `annotations`, `categories` whole lists."""
    images, annotations = [], []
    for number in range(1, count + 1):
        name = f"{split}_{number}.png"
        save(folder / "images" / split / name, scene(number + 100 * len(split)))
        images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 7,
                "bbox": [10, 20, 30, 40],
                "segmentation": [[10, 20, 40, 20, 40, 60, 10, 60]],
                "area": 1200,
                "iscrowd": 0,
            }
        )
    index: dict[str, Any] = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
    }
    for key, value in change.items():
        if key in index:
            index[key] = value
        else:
            annotations[0][key] = value
    path = folder / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(index))
    return path


def write_yolo(folder: Path, rows: str = "0 0.5 0.5 0.25 0.5\n", yaml: str = "") -> Path:
    """Two pictures for each of two splits; `rows` is the first one's label file."""
    for number, split in enumerate(("train", "val")):
        for name in ("a", "b"):
            save(folder / "images" / split / f"{name}.png", scene(10 * number + ord(name)))
            label = folder / "labels" / split / f"{name}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            first = (split, name) == ("train", "a")
            label.write_text(rows if first else "1 0.5 0.5 0.25 0.5\n")
    path = folder / "data.yaml"
    path.write_text(
        yaml or "train: images/train\nval: images/val\nnc: 2\nnames: {0: cat, 1: dog}\n"
    )
    return path
