"""A user's folder with two tables and pictures in it, for tests to spoil."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infgen.records.errors import InputError, Problem
from infgen.records.specs import BackgroundSpec, ClassSpec, Request
from infgen.sources.tables import read_request

Cells = dict[str, str]

CANVAS = (768, 512)  # of different sides: what is judged by the wrong one shows

SCENE_COLUMNS = ("prompt", "num_imgs", "images", "negative_prompt")
RATIOS = ("aspect_ratio_min", "aspect_ratio_max")
LENGTHS = ("width_min", "height_min", "width_max", "height_max")
PLACES = ("x_min", "x_max", "y_min", "y_max")
OPTIONAL = ("name", "cutouts", "negative_prompt", "mirror", *PLACES, "weight")
CLASS_COLUMNS = ("prompt", "min_appear", "max_appear", *RATIOS, *LENGTHS, *OPTIONAL)

SCENE = {"prompt": "a sandy desert, at noon", "num_imgs": "4"}
BY_RATIO = {
    "prompt": "a zebra",
    "min_appear": "0",
    "max_appear": "3",
    "aspect_ratio_min": "0.5",
    "aspect_ratio_max": "2",
}
BY_LENGTH = {
    "prompt": "a lion",
    "min_appear": "1",
    "max_appear": "2",
    "width_min": "40",
    "height_min": "10%",
    "width_max": "50%",
    "height_max": "300",
}
NO_SIZE = dict.fromkeys(RATIOS + LENGTHS, "")


def table(rows: Sequence[Cells], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_scenes(folder: Path, *rows: Cells) -> Path:
    path = folder / "background.csv"
    path.write_text(table(rows or [SCENE], SCENE_COLUMNS), "utf-8")
    return path


def write_classes(folder: Path, *rows: Cells) -> Path:
    path = folder / "classes.csv"
    path.write_text(table(rows or [BY_RATIO], CLASS_COLUMNS), "utf-8")
    return path


def read(folder: Path, canvas: tuple[int, int] = CANVAS) -> tuple[Request, list[Problem]]:
    """The request of the folder's two tables, and the warnings. Missing tables are good ones."""
    scenes, classes = folder / "background.csv", folder / "classes.csv"
    scenes = scenes if scenes.exists() else write_scenes(folder)
    classes = classes if classes.exists() else write_classes(folder)
    return read_request(scenes, classes, canvas)


def scenes_of(folder: Path, *rows: Cells) -> tuple[BackgroundSpec, ...]:
    write_scenes(folder, *rows)
    return read(folder)[0].backgrounds


def classes_of(folder: Path, *rows: Cells) -> tuple[ClassSpec, ...]:
    write_classes(folder, *rows)
    return read(folder)[0].classes


def problems_in(folder: Path, canvas: tuple[int, int] = CANVAS) -> list[Problem]:
    """What is wrong with the folder's two tables. Reading them must write nothing anywhere."""
    with pytest.raises(InputError) as caught:
        read(folder, canvas)
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError):
        read(folder, canvas)
    assert sorted(folder.rglob("*")) == before
    problems = list(caught.value.problems)
    assert str(caught.value).splitlines() == [str(problem) for problem in problems]
    assert all(Path(problem.file).parent == folder and problem.text for problem in problems)
    return problems


def the_problem(folder: Path, canvas: tuple[int, int] = CANVAS) -> tuple[str, str]:
    """The only problem of the folder's tables: (`file:line: column`, text)."""
    (problem,) = problems_in(folder, canvas)
    return place(problem), problem.text


def place(problem: Problem) -> str:
    line = f":{problem.line}" if problem.line else ""
    return f"{Path(problem.file).name}{line}" + (f": {problem.column}" if problem.column else "")


# ---- pictures ------------------------------------------------------------------------------------


def noise(width: int = 40, height: int = 30, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Pixels that no two pictures share: (H, W, channels) uint8."""
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path: Path, pixels: np.ndarray | Image.Image | None = None, **options: Any) -> Path:
    """Save a picture, by default of noise, in the format that its path's ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = (
        pixels
        if isinstance(pixels, Image.Image)
        else Image.fromarray(noise() if pixels is None else pixels)
    )
    image.save(path, **options)
    return path


def save_cutout(path: Path, alpha: int | np.ndarray = 255) -> Path:
    pixels = noise(channels=4)
    pixels[..., 3] = alpha
    return save(path, pixels)
