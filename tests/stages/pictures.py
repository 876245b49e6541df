"""Pictures on disk for the stages, and plans that use them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.records.specs import Picture


def saved(folder: Path, name: str, pixels: np.ndarray) -> Picture:
    """Write (H, W, 3 or 4) uint8 as PNG and describe it as the CSV reader would."""
    path = folder / name
    Image.fromarray(pixels).save(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Picture(name, path, sha256, (pixels.shape[1], pixels.shape[0]))


def by_name(*files: Picture) -> dict[str, Picture]:
    return {file.name: file for file in files}


def thing(cutout: str, *xyxy: float, mirror: bool = False, class_id: int = 0) -> ObjectPlan:
    return ObjectPlan(class_id, Box(*xyxy), "paste", cutout, mirror)


def image_plan(size: tuple[int, int], *things: ObjectPlan, **fields: Any) -> ImagePlan:
    """A plan of `size` = (width, height), on a plain background unless another is given."""
    background = fields.pop("background", BackgroundPlan(number=0, row=0, plain="plain"))
    return ImagePlan(0, "train", size, background, things, **fields)
