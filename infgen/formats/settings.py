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


@dataclass(frozen=True)
class Dataset:
    """A dataset as exporters see it: its folder, its class names in id order, the splits that hold
    pictures (train first), and the settings. `unmasked` is the number of its labels that are boxes
    without masks; `painted` is false where the pictures are somebody else's."""

    folder: Path
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    settings: ExportSettings
    unmasked: int = 0
    painted: bool = True
