"""The judge of labels on things that the tiny checkpoint painted, and how far it can be trusted.

It knows every thing by its colour and its silhouette (tiny_world), and infgen knows nothing of it.
How often it errs is measured on pictures whose labels are true because infgen pasted the drawings
itself, blurred, grained and encoded like any other picture; and on the same labels spoiled on
purpose.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import tiny_world

import infgen
from infgen.batch.store import Store
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.box import Box

TABLES = Path(__file__).resolve().parents[1] / "prompts" / "tiny"
AIR = 2  # pixels around a label's mask
GREY = 150  # in which the oracle sees no thing
SHAPE = 0.6  # IoU of silhouettes, seen and drawn: less is a smear of the right colour
FITS = 0.5  # IoU of the label's mask with the thing's pixels
OTHER = 0.2  # of the thing's pixels, in another thing's colour and inside the silhouette
BEYOND = 0.15  # of the thing's pixels, outside the label


class Held(NamedTuple):
    """A label of a tiny dataset: its class, whether the oracle agrees, and the IoU of its mask with
    the oracle's pixels."""

    name: str
    holds: bool
    mask: float


def judged_label(shown: np.ndarray, name: str, mask: np.ndarray, box: Box) -> Held:
    """A label holds if the oracle sees the thing in it, in its colour and silhouette, where the
    mask says, all of it, and nothing else of a size that counts. It is shown what the mask covers,
    with a little air: beside it may stand other things, which have labels of their own."""
    x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
    part = np.s_[max(y0 - AIR, 0) : y1 + AIR, max(x0 - AIR, 0) : x1 + AIR]
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * AIR + 1,) * 2, np.uint8)) != 0
    seen = np.where(near[..., None], shown, np.uint8(GREY))[part]
    seen = np.ascontiguousarray(seen)
    found = tiny_world.look(seen, name)
    if found is None:
        return Held(name, False, 0.0)
    pixels, label = tiny_world.spot(seen, name, found.box), mask[part]
    fits = float(np.count_nonzero(label & pixels) / np.count_nonzero(label | pixels))
    holds = (
        tiny_world.likeness(seen, name, found.box, _cut_sides(box, mask)) >= SHAPE
        and fits >= FITS
        and _others(seen, name, found) < OTHER * found.pixels
        and _beyond(shown, name, near) < BEYOND
    )
    return Held(name, holds, fits)


def _cut_sides(box: Box, mask: np.ndarray) -> list[str]:
    """The picture's sides that a label lies on: the thing may go on there."""
    height, width = mask.shape
    near = {"left": box.x0, "top": box.y0, "right": width - box.x1, "bottom": height - box.y1}
    return [side for side, gap in near.items() if gap <= 1]


def _others(seen: np.ndarray, name: str, found: tiny_world.Finding) -> int:
    """Pixels of the largest other thing inside the silhouette: in a ring's hole, or between legs,
    anything may stand."""
    x0, y0, x1, y1 = found.box
    inside = tiny_world.spot(seen, name, found.box)
    inside[y0:y1, x0:x1] |= tiny_world.solid(name, x1 - x0, y1 - y0)
    only = np.where(inside[..., None], seen, np.uint8(GREY))
    others = [tiny_world.look(only, other) for other in tiny_world.THINGS if other != name]
    return max((other.pixels for other in others if other), default=0)


def _beyond(shown: np.ndarray, name: str, near: np.ndarray) -> float:
    """The share of the thing, as far as its colour goes on in one piece, that isn't `near` the
    label: there is no other thing of its class in the picture."""
    _, parts = cv2.connectedComponents(tiny_world.colour_mask(shown, name).astype(np.uint8))
    whole = np.isin(parts, np.setdiff1d(parts[near], [0]))
    return np.count_nonzero(whole & ~near) / max(np.count_nonzero(whole), 1)


# ---- the judge judged ----------------------------------------------------------------------------

SCENES_EACH, DRAWINGS_EACH = 5, 8
LONGEST = 56  # pixels of a drawing's longer side
SPOILED = ("true", "another thing's name", "half painted", "beside it", "far too large", "a smear")


def agreed(images: int = 120, seed: int = 0) -> dict[str, float]:
    """The share of labels that the judge says hold, by what was done to them (SPOILED)."""
    holds: dict[str, list[bool]] = {what: [] for what in SPOILED}
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        dataset = _drawn_dataset(Path(folder), images, seed)
        names = things_of(dataset)
        for entry in Store(dataset).entries():
            picture = cv2.imread(str(dataset / entry.file))
            assert picture is not None
            shown = picture[..., ::-1]
            for label in entry.objects:
                if label.visible_frac == 1.0:
                    mask = decode_rle(label.rle, entry.size)
                    for what, case in _cases(shown, names[label.class_id], mask, label.box, rng):
                        holds[what].append(judged_label(*case).holds)
    return {what: float(np.mean(each)) for what, each in holds.items()}


def things_of(dataset: Path) -> list[str]:
    """The thing that each class of a dataset is, by class id."""
    manifest = Store(dataset).manifest()
    assert manifest is not None
    names = [one.name for one in manifest.classes]
    return [next(thing for thing in tiny_world.THINGS if name in thing) for name in names]


def _drawn_dataset(folder: Path, images: int, seed: int) -> Path:
    """Drawings pasted by infgen, in sizes and places as the tiny checkpoint is asked for."""
    rng = np.random.default_rng(seed)
    for scene in tiny_world.SCENES:
        for number in range(SCENES_EACH):
            _save(folder / f"scenes/{scene}_{number}.png", tiny_world.draw_scene(scene, rng))
    with (TABLES / "classes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        thing = next(one for one in tiny_world.THINGS.values() if row["name"] in one.name)
        row["cutouts"] = f"cutouts/{row['name']}"
        for number in range(DRAWINGS_EACH):
            aspect = thing.aspect * float(np.exp(rng.uniform(-0.2, 0.2)))
            size = round(LONGEST * min(1, aspect)), round(LONGEST / max(1, aspect))
            _save(folder / row["cutouts"] / f"{number}.png", tiny_world.cutout(thing, size, rng))
    with (folder / "classes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "background.csv").write_text("prompt,num_imgs,images\na scene,,scenes\n")
    infgen.run(
        backgrounds=folder / "background.csv",
        classes=folder / "classes.csv",
        out=folder / "dataset",
        method="paste",
        images=images,
        width=tiny_world.SIZE,
        height=tiny_world.SIZE,
        seed=seed,
    )
    return folder / "dataset"


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    swapped = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, swapped))


Case = tuple[np.ndarray, str, np.ndarray, Box]


def _cases(
    shown: np.ndarray, name: str, mask: np.ndarray, box: Box, rng: np.random.Generator
) -> Iterator[tuple[str, Case]]:
    """A true label, as it is and spoiled in each way."""
    x0, y0, x1, y1 = (int(edge) for edge in box.xyxy)
    around = np.median(shown[~mask], axis=0).astype(np.uint8)
    yield "true", (shown, name, mask, box)
    others = [other for other in tiny_world.THINGS if other != name]
    yield "another thing's name", (shown, others[rng.integers(len(others))], mask, box)
    half = mask.copy()
    half[:, : (x0 + x1) // 2] = False
    yield "half painted", (np.where(half[..., None], around, shown), name, mask, box)
    away = round(0.4 * (x1 - x0))
    away = away if x1 + away <= mask.shape[1] else -away
    yield "beside it", (shown, name, np.roll(mask, away, axis=1), box.shift(away, 0))
    reach = 2 * ((x1 - x0) // 4) + 1
    large = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)) != 0
    yield "far too large", (shown, name, large, _tight(large))
    corners = np.stack([rng.integers(x0, x1, 3), rng.integers(y0, y1, 3)], axis=1)
    blot = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), corners.astype(np.int32), 1)
    blot = cv2.dilate(blot, np.ones((3, 3), np.uint8)) != 0
    smeared = np.where(mask[..., None], around, shown)
    smeared[blot] = tiny_world.THINGS[name].colour
    yield "a smear", (smeared, name, blot, _tight(blot))


def _tight(mask: np.ndarray) -> Box:
    box = tight_box(mask)
    assert box is not None
    return box
