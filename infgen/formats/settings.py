"""What an export is asked for, and what every exporter is handed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class ExportSettings(msgspec.Struct, frozen=True):
    """Which formats are written, and how."""

    format: Annotated[
        tuple[str, ...], Meta(description="label formats to write, separated by commas")
    ] = ("coco", "yolo")
    coco_masks: Annotated[
        Literal["polygon", "rle"],
        Meta(description="how COCO files hold masks; some readers refuse rle"),
    ] = "polygon"
    yolo_labels: Annotated[
        Literal["segment", "detect"],
        Meta(description="YOLO label rows: polygons (serve both trainings), or boxes only"),
    ] = "segment"
    first_label: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=100_000,
                description="the first class's label in coco, yolo and idg (default: coco 1, "
                "others 0); yolo names those before it unused_0 and so on",
            ),
        ]
        | None
    ) = None
    crop_backgrounds: Annotated[
        bool, Meta(description="classification crops show what is around the object; else grey")
    ] = True


@dataclass(frozen=True)
class Dataset:
    """A dataset as exporters see it: its folder, its class names in id order, the splits that hold
    pictures (train first), and the settings. `unmasked` is the number of its labels that are boxes
    without masks; `painted` is false where the pictures are somebody else's. The first
    `known_classes` were there before the last run."""

    folder: Path
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    settings: ExportSettings
    unmasked: int = 0
    painted: bool = True
    known_classes: int = 0
