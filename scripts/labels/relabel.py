"""What `infgen relabel` finds in published pictures, beside two simpler ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.ops.refit import Found, find_objects
from infgen.records.box import Box
from infgen.sources.pictures import read_any

Finder = Callable[[np.ndarray, np.ndarray], list[Found]]


class Row(NamedTuple):
    """A hand-drawn object: its picture and class, the overlap of what was found for it, how sure
    that was (0: nothing was found), how many objects were found in the picture, and seconds."""

    picture: str
    name: str
    iou: float
    confidence: float
    found: int
    seconds: float


def measure(folder: Path, find: Finder = find_objects) -> list[Row]:
    """What `find` makes of the pictures in `seed_pairs` that have hand-drawn boxes."""
    rows = []
    boxes = json.loads((folder / "boxes.json").read_text())
    for picture, objects in boxes.items():
        if picture == "note":
            continue
        name, number = picture.rsplit("_", 1)
        before, after = (read_any(folder / f"{name}_{kind}_{number}.png") for kind in ("bg", "x"))
        began = time.perf_counter()
        found = find(before, after)
        seconds = time.perf_counter() - began
        truths = [Box(*one["box"]) for one in objects]
        for one, (iou, match_) in zip(objects, match(truths, found), strict=True):
            sure = match_.confidence if match_ else 0.0
            rows.append(Row(picture, one["class"], iou, sure, len(found), seconds))
    return rows


def match(truths: Sequence[Box], found: Sequence[Found]) -> list[tuple[float, Found | None]]:
    """For each true box its overlap with the object that was found for it: the best pairs first,
    none used twice."""
    pairs = sorted(
        ((truth.iou(one.box), i, j) for i, truth in enumerate(truths)
         for j, one in enumerate(found)),
        reverse=True,
    )  # fmt: skip
    answer: dict[int, tuple[float, Found | None]] = {}
    used: set[int] = set()
    for iou, i, j in pairs:
        if i not in answer and j not in used and iou > 0:
            answer[i] = (iou, found[j])
            used.add(j)
    return [answer.get(i, (0.0, None)) for i in range(len(truths))]


def changed_region(before: np.ndarray, after: np.ndarray, bar: float = 12.0) -> list[Found]:
    """The simple way: the box of the largest part that changed by `bar` grey levels or more."""
    change = np.abs(before.astype(float) - after).max(axis=2).astype(np.float32)
    changed = (cv2.GaussianBlur(change, (0, 0), 3) > bar).astype(np.uint8)
    count, labels, parts, _ = cv2.connectedComponentsWithStats(changed)
    if count < 2:
        return []
    mask = labels == 1 + parts[1:, 4].argmax()
    box = tight_box(mask)
    return [Found(mask, box, 1.0)] if box else []


def as_markdown(rows: Sequence[Row], simple: Sequence[Row]) -> str:
    lines = ["| picture | object | IoU | confidence | IoU of the changed region |",
             "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {row.picture} | {row.name} | {row.iou:.2f} | {row.confidence:.2f} | {other.iou:.2f} |"
        for row, other in zip(rows, simple, strict=True)
    ]
    mean, simply = (np.mean([row.iou for row in some]) for some in (rows, simple))
    lines.append(f"| **mean** | | **{mean:.2f}** | | {simply:.2f} |")
    seconds = {row.picture: row.seconds for row in rows}.values()
    lines += [
        "",
        f"{np.mean(list(seconds)):.2f} s a picture. Labels kept, by least confidence:",
        "",
    ]
    lines += ["| least confidence | labels | their mean IoU |", "|---|---|---|"]
    for bar in (0.0, 0.3, 0.4, 0.5, 0.6):
        kept = [row.iou for row in rows if row.confidence >= bar and row.confidence > 0]
        lines.append(f"| {bar} | {len(kept)} | {np.mean(kept) if kept else float('nan'):.2f} |")
    return "\n".join(lines)
