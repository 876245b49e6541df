"""The page that shows a plan before anything is paid for: one file, without scripts or requests."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from infgen.report.colours import Colour, contrast
from infgen.report.contents import Chart
from infgen.report.sheet import Tile

SIDE, QUALITY = 480, 82  # of pictures on the page: pixels of the longer side, JPEG


@dataclass(frozen=True)
class PlanContents:
    """What the page says. `facts` and `estimate` are rows of (what, how much), `concerns` whole
    sentences, `basis` says what the numbers were counted in. `planned` are pictures with planned
    boxes; `pairs` are some of them beside the same ones painted. `rows` tell of each class, under
    `header`, and `colours` are the classes' own."""

    title: str
    classes: Sequence[str]
    colours: Sequence[Colour]
    facts: Sequence[tuple[str, str]]
    estimate: Sequence[tuple[str, str]]
    concerns: Sequence[str]
    basis: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    charts: Sequence[Chart]
    planned: Sequence[Tile]
    pairs: Sequence[tuple[Tile, Tile]]


@dataclass(frozen=True)
class _Box:
    """A rectangle over a picture, in its pixels."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    name: str


@dataclass(frozen=True)
class _Figure:
    """A tile as the template shows it."""

    width: int
    height: int
    image: str
    boxes: Sequence[_Box]
    caption: str
    note: str
    label: str


def plan_page(contents: PlanContents) -> bytes:
    """The page, as UTF-8."""
    import jinja2

    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    names = list(contents.classes)
    colours = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in contents.colours]
    inks = ["#fff" if contrast(colour)[0] else "#000" for colour in contents.colours]
    values: dict[str, Any] = {
        "page": contents,
        "style": (here / "page.css").read_text(encoding="utf-8"),
        "legend": list(zip(names, colours, inks, strict=True)),
        "planned": [_figure(tile, names, colours) for tile in contents.planned],
        "pairs": [[_figure(tile, names, colours) for tile in pair] for pair in contents.pairs],
    }
    return environment.get_template("page.html.jinja").render(values).encode()


def _figure(tile: Tile, names: Sequence[str], colours: Sequence[str]) -> _Figure:
    boxes = [
        _Box(*mark.box.as_coco(), colours[mark.class_id], names[mark.class_id])
        for mark in tile.marks
    ]
    shown = ", ".join(box.name for box in boxes) or "no object"
    image = "" if tile.picture is None else _data_uri(tile.picture)
    return _Figure(*tile.size, image, boxes, tile.caption, tile.note, f"{tile.caption}: {shown}")


def _data_uri(picture: np.ndarray) -> str:
    """(H, W, 3) uint8 RGB as a JPEG within the page."""
    scale = min(SIDE / max(picture.shape[:2]), 1)
    if scale < 1:
        size = tuple(max(round(side * scale), 1) for side in picture.shape[1::-1])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
