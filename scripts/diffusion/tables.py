"""What is to be made: tables, settings, plans."""

from __future__ import annotations

from pathlib import Path

from infgen.batch.settings import RunSettings
from infgen.models.settings import ModelSettings
from infgen.ops.planning import PlanSettings
from infgen.ops.plans import Plans
from infgen.records.plan import ImagePlan
from infgen.stages.inpaint import InpaintSettings

PLANNED = 10_000  # pictures, more than any repeat makes


def write_tables(folder: Path, objects: int) -> None:
    """Two CSVs: scenes with so many objects each, in words that the tiny model knows."""
    scenes = ("a savannah with acacia trees", "a misty forest", "snowy mountains", "hills at night")
    lines = [f"a photo of {scene},{PLANNED // len(scenes)},blurry" for scene in scenes]
    head = "prompt,num_imgs,negative_prompt"
    (folder / "background.csv").write_text("\n".join([head, *lines]) + "\n")
    half = objects // 2
    things = (("a red ball", objects - half), ("a pink ring", half))
    lines = [f"a photo of {thing},{count},{count},0.9,1.1,blurry" for thing, count in things]
    head = "prompt,min_appear,max_appear,aspect_ratio_min,aspect_ratio_max,negative_prompt"
    (folder / "classes.csv").write_text("\n".join([head, *lines]) + "\n")


def settings_of(
    folder: Path, model: ModelSettings, layouts: int, canvas: int | None = None, attempts: int = 2
) -> RunSettings:
    """A run over the tables in `folder`, into `folder`; `canvas` None: the model's native size."""
    return RunSettings(
        backgrounds=folder / "background.csv",
        classes=folder / "classes.csv",
        out=folder / "dataset",
        method="inpaint",
        plan=PlanSettings(
            images=PLANNED, per_background=layouts, width=canvas, height=canvas, val_frac=0
        ),
        inpaint=InpaintSettings(attempts=attempts),
        model=model,
    )


def plans_of(planner: Plans, first: int, end: int) -> list[ImagePlan]:
    return [planner.plan(index) for index in range(first, end)]
