"""Small inputs made on the spot, infgen as a user starts it, and datasets compared file by file."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

import cv2
import msgspec
import numpy as np
import pytest

from infgen.records.manifest import Manifest
from infgen.report import sheet
from infgen.ui.cli import main

ROOT = Path(__file__).parents[1]
SHEET = 640  # pixels, the width of the contact sheets that runs draw in tests
DEADLINE = 60.0  # seconds that anything observable may take on a busy machine

CLASSES_HEADER = (
    "prompt,min_appear,max_appear,aspect_ratio_min,aspect_ratio_max,"
    "width_min,height_min,width_max,height_max,name,cutouts"
)


def draw_sheets(width: int, patch: pytest.MonkeyPatch) -> None:
    """Have contact sheets drawn so many pixels wide."""
    for room in (sheet.grid, sheet.legend, sheet.marks, sheet.page):
        patch.setattr(room, "WIDTH", width)


@dataclass(frozen=True)
class Tables:
    """The two CSV files, with the pictures that they name beside them."""

    backgrounds: Path
    classes: Path

    def settings(self, **more: Any) -> dict[str, Any]:
        """Keyword arguments of `infgen.run`: a small canvas, no report, and what is given."""
        small = {"width": 96, "height": 80, "images": 12, "workers": 1, "report": False}
        return {"backgrounds": self.backgrounds, "classes": self.classes, **small, **more}

    def options(self, **more: Any) -> list[str]:
        """The same as command-line options."""
        return options_of(self.settings(**more))


def options_of(settings: dict[str, Any]) -> list[str]:
    """Settings as command-line options."""
    texts = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            texts.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            texts += [f"--{flag}", str(value)]
    return texts


def make_tables(folder: Path, scenes: int = 6, names: Iterable[str] = ("coin", "note")) -> Tables:
    """Backgrounds of 120 x 90, three cutouts for each class, and the tables that name them."""
    for number in range(scenes):
        save(folder / f"scenes/scene_{number}.jpg", draw_scene(number))
    rows = []
    for class_id, name in enumerate(names):
        for number in range(3):
            save(folder / f"cutouts/{class_id}/{number}.png", draw_cutout(class_id, number))
        quoted = name.replace('"', '""')
        rows.append(f'a thing,0,3,,,15%,15%,40%,40%,"{quoted}",cutouts/{class_id}')
    tables = Tables(folder / "background.csv", folder / "classes.csv")
    tables.backgrounds.write_text("prompt,num_imgs,images\na desk,,scenes\n")
    tables.classes.write_text("\n".join([CLASSES_HEADER, *rows, ""]))
    return tables


def copy_made(made: Path, folder: Path) -> Path:
    """Copy tables and datasets to another folder, as if they had been made there."""
    shutil.copytree(made, folder, dirs_exist_ok=True)
    for record in (*folder.rglob("run.toml"), *folder.rglob("manifest.json")):
        record.write_text(record.read_text().replace(str(made), str(folder)))
    return folder


def draw_scene(number: int) -> np.ndarray:
    """(90, 120, 3) uint8 BGR: soft colours, different for each number."""
    coarse = np.random.default_rng(number).integers(40, 216, (3, 4, 3), np.uint8)
    return cv2.resize(coarse, (120, 90), interpolation=cv2.INTER_CUBIC)


def draw_cutout(class_id: int, number: int) -> np.ndarray:
    """(40, 48, 4) uint8 BGRA: a ring for even classes, a tilted bar for odd ones."""
    colour = np.random.default_rng([class_id, number]).integers(0, 256, 3).tolist()
    picture = np.zeros((40, 48, 4), np.uint8)
    if class_id % 2:
        ends = (6, 30 - number % 3), (42, 10 + number % 3)
        cv2.line(picture, *ends, (*colour, 255), 9, cv2.LINE_AA)
    else:
        cv2.circle(picture, (24, 20), 14 + number % 3, (*colour, 255), 6, cv2.LINE_AA)
    return picture


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def empty_manifest(**more: Any) -> Manifest:
    """A manifest of nothing, whatever its fields are, but for those that are given."""
    nothing: dict[str, Any] = {
        field.name: (get_origin(field.type) or field.type)()
        for field in msgspec.structs.fields(Manifest)
    }
    return Manifest(**nothing | more)


# ---- infgen as a user starts it ------------------------------------------------------------------


def start(*arguments: object, **popen: Any) -> subprocess.Popen[str]:
    """`python -m infgen ...`, under way."""
    command = [sys.executable, "-m", "infgen", *map(str, arguments)]
    popen = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
    return subprocess.Popen(command, text=True, **popen)


def infgen_command(*arguments: object, **popen: Any) -> subprocess.CompletedProcess[str]:
    """`python -m infgen ...`, finished."""
    process = start(*arguments, **popen)
    out, err = process.communicate(timeout=DEADLINE)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def infgen_here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The same command in this process, which is quicker: how it ends, and what it says."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    command = list(map(str, arguments))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(command)
        except SystemExit as end:  # how argparse refuses
            code = end.code if isinstance(end.code, int) else 1
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(command, code, *said)


# ---- what is on disk, what is running ------------------------------------------------------------


def snapshot(folder: Path, *but: str) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, with its bytes; run.log is passed over."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("run.log", *but)
    }


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """The names of files that aren't the same in two snapshots."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def wait_until(happened: Callable[[], Any], what: str, process: Any = None) -> Any:
    """Look until `happened()` gives something true, and give it back. It is an error if that takes
    too long, or if `process` ends before."""
    until = time.monotonic() + DEADLINE
    while not (seen := happened()):
        assert time.monotonic() < until, f"waited in vain until {what}"
        if process is not None and process.poll() is not None and not happened():
            raise AssertionError(f"ended with {process.returncode} before {what}")
        time.sleep(0.0005)
    return seen


def processes_with(token: str) -> list[int]:
    """The ids of living processes whose environment, as they were started, holds `token`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if token.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found
