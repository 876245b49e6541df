"""What each verb may be told: its own settings, and the slices of the stages it goes through."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from infgen.batch.packing import PackSettings
from infgen.formats.settings import ExportSettings
from infgen.models.settings import DepthSettings, ModelSettings, SegmenterName, VerifySettings
from infgen.ops.augment.recipe import AugmentSettings
from infgen.ops.grid import GridSettings
from infgen.ops.looks import LookSettings
from infgen.ops.planning import PlanSettings
from infgen.ops.refit import MIN_CONFIDENCE
from infgen.report.settings import ReportSettings
from infgen.stages.cutting import CuttingSettings
from infgen.stages.inpaint import InpaintSettings

DEFAULT_CANVAS = 768  # pixels a side for pasting, where the settings leave it open


class PictureSettings(msgspec.Struct, frozen=True):
    """How pictures are kept."""

    image_format: Annotated[
        Literal["jpg", "png"], Meta(description="file format of the pictures")
    ] = "jpg"
    jpeg_quality: Annotated[int, Meta(ge=1, le=100, description="quality of jpg pictures")] = 90


Workers = Annotated[int, Meta(ge=1, le=1024, description="processes (default: one per core)")]
MaxFailures = Annotated[int, Meta(ge=0, description="failed pictures that still count as success")]


class RunSettings(msgspec.Struct, frozen=True):
    """All that `infgen run` may be told. The nested structs are the stages' own slices."""

    backgrounds: Annotated[Path, Meta(description="background.csv: the scenes")] | None = None
    classes: Annotated[Path, Meta(description="classes.csv: the objects")] | None = None
    out: Annotated[Path, Meta(description="folder of the dataset")] = Path("dataset")
    append: Annotated[
        bool, Meta(description="add pictures, or classes, to the finished dataset in --out")
    ] = False
    method: Annotated[
        Literal["auto", "inpaint", "paste"],
        Meta(description="how objects are painted; auto: inpaint on a GPU, else paste"),
    ] = "auto"
    background_labels: (
        Annotated[
            Path,
            Meta(
                description="labelled dataset (COCO, YOLO, VOC, SIGtor, infgen) that pictures of "
                "background.csv belong to: their labels are kept, cut back to what stays visible"
            ),
        ]
        | None
    ) = None
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    keep_backgrounds: Annotated[
        bool, Meta(description="keep every background without its objects, as PNG")
    ] = False
    plan: PlanSettings = PlanSettings()
    grid: GridSettings = GridSettings()
    look: LookSettings = LookSettings()
    augment: AugmentSettings = AugmentSettings()
    inpaint: InpaintSettings = InpaintSettings()
    model: ModelSettings = ModelSettings()
    verify: VerifySettings = VerifySettings()
    pictures: PictureSettings = PictureSettings()
    depth: DepthSettings = DepthSettings()
    files: PackSettings = PackSettings()
    export: ExportSettings = ExportSettings()
    report: ReportSettings = ReportSettings()

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that change a plan or a pixel, by name: part of a run's fingerprint."""
        slices = (self.plan, self.look, self.pictures)
        values = {k: v for part in slices for k, v in msgspec.to_builtins(part).items()}
        del values["max_background_uses"]  # it refuses a run, or changes nothing
        return values


class RelabelSettings(msgspec.Struct, frozen=True):
    """All that `infgen relabel` may be told."""

    pairs: (
        Annotated[Path, Meta(description="folder of pairs, or a CSV file that names them")] | None
    ) = None
    classes: (
        Annotated[Path, Meta(description="classes.csv: what the channels of .npy files show")]
        | None
    ) = None
    out: Annotated[Path, Meta(description="folder of the dataset")] = Path("dataset")
    min_confidence: Annotated[
        float,
        Meta(ge=0, le=1, description="labels less certain than this are left out and counted"),
    ] = MIN_CONFIDENCE
    segmenter: SegmenterName | None = None
    val_frac: Annotated[
        float, Meta(ge=0, le=0.9, description="share of val, split by background")
    ] = 0.0
    seed: Annotated[int, Meta(ge=0, description="what is random follows from it")] = 0
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    keep_backgrounds: Annotated[bool, Meta(description="keep the pictures before, too")] = False
    export: ExportSettings = ExportSettings()
    report: ReportSettings = ReportSettings()


class BankSettings(msgspec.Struct, frozen=True):
    """All that `infgen bank` may be told."""

    classes: Annotated[Path, Meta(description="classes.csv: the objects")] | None = None
    out: Annotated[Path, Meta(description="folder of the cutouts")] = Path("bank")
    per_class: Annotated[
        int, Meta(ge=1, le=100_000, description="good cutouts of each class; more add to a bank")
    ] = 20
    attempts: Annotated[
        int,
        Meta(ge=1, le=100, description="tries for each cutout, all in all, before a class is left"),
    ] = 4
    seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="the bank's seed: same seed, same cutouts")
    ] = 0
    width: Annotated[
        int,
        Meta(ge=16, le=16384, description="width of the pictures to come, for sizes in percent"),
    ] = DEFAULT_CANVAS
    height: Annotated[int, Meta(ge=16, le=16384, description="and their height")] = DEFAULT_CANVAS
    max_failures: Annotated[
        int,
        Meta(ge=0, description="failed tries that still count as success"),
    ] = 0
    model: ModelSettings = ModelSettings()


class MergeSettings(msgspec.Struct, frozen=True):
    """All that `infgen convert` and `infgen merge` may be told."""

    datasets: Annotated[
        tuple[Path, ...], Meta(description="folders or index files of the datasets")
    ] = ()
    out: Annotated[Path, Meta(description="folder of the dataset")] = Path("dataset")
    map: (
        Annotated[Path, Meta(description="CSV file of what classes become: dataset,class,becomes")]
        | None
    ) = None
    names: (
        Annotated[Path, Meta(description="text file of class names, for a dataset without")] | None
    ) = None
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    export: ExportSettings = ExportSettings()
    report: ReportSettings = ReportSettings()

    @property
    def keep_backgrounds(self) -> bool:
        """There are none."""
        return False


class CutoutsSettings(msgspec.Struct, frozen=True):
    """All that `infgen cutouts` may be told."""

    source: (
        Annotated[
            Path,
            Meta(description="a folder with a folder of pictures for each class, or a dataset"),
        ]
        | None
    ) = None
    out: Annotated[Path, Meta(description="folder of the cutouts")] = Path("cutouts")
    segmenter: SegmenterName | None = None
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    cutting: CuttingSettings = CuttingSettings()
