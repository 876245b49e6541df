"""A look before and after: contact sheets of what is planned, and of what was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np

from infgen.batch.encoding import encode_picture
from infgen.batch.marks import kept_lines, marked_entries
from infgen.batch.store import Store, open_finished
from infgen.ops.plans import Plans
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import InputError, PictureError
from infgen.records.manifest import Manifest
from infgen.records.plan import ImagePlan
from infgen.records.sample import Entry, Instance
from infgen.report.counts import count_of
from infgen.report.sheet import Mark, Tile, checkers, draw_sheet, shrink
from infgen.sources.disk import write_file
from infgen.sources.packs import picture_bytes
from infgen.stages.backgrounds import Backgrounds

if TYPE_CHECKING:
    from infgen.batch.samples import Painted

TILES, MOST_TILES = 24, 500
FILE = "preview.png"
PLAN_FILE = "infgen-preview.png"  # in the user's own folder: a name that isn't theirs


def preview_dataset(folder: Path, file: Path | None = None, count: int = TILES) -> Path:
    """Draw `count` pictures of a finished dataset into `file` (default: preview.png in `folder`)
    and return its path.

    Raises:
        InputError: there is no finished dataset, or `count` or `file` won't do.
        StorageError: the file can't be written.
    """
    check_request(file, count)
    store, manifest = open_finished(folder)
    return _write(file or folder / FILE, sheet_of(store, manifest, count))


def preview_plan(planner: Plans, file: Path | None = None, count: int = TILES) -> Path:
    """Draw `count` plans into `file` (default: infgen-preview.png in the current folder) and return
    its path. Scenes that are yet to be generated are checkered.

    Raises:
        InputError: `count` or `file` won't do.
        StorageError: the file can't be written.
    """
    check_request(file, count)
    request = planner.request
    plans = [planner.plan(planner.indices[rank]) for rank in spread(planner.count, count)]
    tiles = planned_tiles(planner, plans)
    sheet = draw_sheet(
        tiles,
        [spec.name for spec in request.classes],
        f"Plan: {count_of(planner.count, 'picture')} of {planner.canvas[0]} x {planner.canvas[1]}, "
        f"{count_of(len(request.classes), 'class')}",
        f"Planned boxes, nothing is painted yet. {_shown(len(tiles), planner.count)}",
    )
    return _write(file or Path(PLAN_FILE), sheet)


def preview_made(store: Store, manifest: Manifest) -> None:
    """The contact sheet that every run leaves in its dataset."""
    _write(store.folder / FILE, sheet_of(store, manifest))


def sheet_of(store: Store, manifest: Manifest, count: int = TILES) -> np.ndarray:
    """The contact sheet of the store's pictures, (H, W, 3) uint8 RGB, whether or not the dataset is
    finished; `manifest` gives the totals, of which what is marked is taken off. The folder's name
    isn't on it: the same dataset elsewhere has the same sheet."""
    marked = list(marked_entries(store))
    total = manifest.pictures - len(marked)
    tiles = [tile_of(entry, store.folder) for entry in _chosen(store, spread(total, count))]
    objects = sum(one.objects for one in manifest.classes)
    objects -= sum(len(entry.objects) for entry in marked)
    bad = f" {len(marked):,} more marked as bad." if marked else ""
    failed = f" {len(manifest.failures):,} failed." if manifest.failures else ""
    left = Counter(manifest.splits) - Counter(entry.split for entry in marked)
    splits = ", ".join(f"{left[name]} {name}" for name in manifest.splits)
    return draw_sheet(
        tiles,
        [one.name for one in manifest.classes],
        f"Dataset: {count_of(total, 'picture')} ({splits}), {count_of(objects, 'object')}, "
        f"{count_of(len(manifest.classes), 'class')}",
        f"Boxes and masks as labelled. {_shown(len(tiles), total)}{bad}{failed}",
    )


# ---- which pictures ------------------------------------------------------------------------------


def spread(total: int, count: int) -> list[int]:
    """`count` of the numbers 0..total - 1, or all if they are fewer, evenly spaced from 0 on."""
    count = min(count, total)
    return [number * total // count for number in range(count)]


def _chosen(store: Store, ranks: Iterable[int]) -> Iterator[Entry]:
    """The records of these ranks among the pictures that neither failed nor are marked. Of all
    others not more than a line is held at a time, and none is decoded."""
    wanted = set(ranks)
    for rank, line in enumerate(kept_lines(store)):
        if rank in wanted:
            yield msgspec.json.decode(line, type=Entry)


# ---- their tiles ---------------------------------------------------------------------------------


def tile_of(entry: Entry, folder: Path) -> Tile:
    """A picture of the dataset in `folder`, with its labels as marks."""
    try:
        return tile_with(entry, _read(folder, entry))
    except PictureError as error:
        return tile_with(entry, None, str(error))


def tile_with(entry: Entry, pixels: np.ndarray | None, note: str = "") -> Tile:
    """A picture of these pixels, (H, W, 3) uint8 RGB, with its labels as marks; without any, `note`
    says why."""
    caption = _caption(entry.index, entry.split, len(entry.objects))
    if pixels is None:
        return Tile(entry.size, None, (), caption, note)
    marks = tuple(_mark(instance, entry.size) for instance in entry.objects)
    return Tile(entry.size, shrink(pixels), marks, caption)


def _mark(instance: Instance, size: tuple[int, int]) -> Mark:
    if not instance.rle:
        return Mark(instance.class_id, instance.box)
    x0, y0, x1, y1 = (int(edge) for edge in instance.box.xyxy)
    mask = decode_rle(instance.rle, size)[y0:y1, x0:x1]
    return Mark(instance.class_id, instance.box, shrink(mask.astype(np.uint8)) != 0)


def _read(folder: Path, entry: Entry) -> np.ndarray:
    """The picture as (H, W, 3) uint8 RGB. Raises PictureError if it is gone or broken."""
    name = PurePosixPath(entry.file).name
    try:
        data = np.frombuffer(picture_bytes(folder, entry), np.uint8)
    except OSError as error:
        raise PictureError(f"{name}: {error.strerror or error}") from error
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None:
        raise PictureError(f"{name}: not a picture that can be read")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def planned_tiles(planner: Plans, plans: Iterable[ImagePlan]) -> list[Tile]:
    """The planned boxes over their backgrounds, or over checkers where these are yet to be made."""
    backgrounds = backgrounds_of(planner)
    return [_planned_tile(plan, planner, backgrounds) for plan in plans]


def backgrounds_of(planner: Plans) -> Backgrounds:
    """What makes the backgrounds that need no model."""
    rows = planner.request.backgrounds
    return Backgrounds({picture.name: picture for spec in rows for picture in spec.pictures})


def painted_tile(sample: Painted) -> Tile:
    """A picture that was made in memory, with its labels."""
    plan = sample.plan
    caption = _caption(plan.index, plan.split, len(sample.instances))
    if sample.pixels is None:
        return Tile(plan.size, None, (), caption, sample.failure)
    marks = tuple(Mark(one.class_id, one.box) for one in sample.instances)
    return Tile(plan.size, shrink(sample.pixels), marks, caption)


def _planned_tile(plan: ImagePlan, planner: Plans, backgrounds: Backgrounds) -> Tile:
    caption = _caption(plan.index, plan.split, len(plan.objects))
    marks = tuple(Mark(there.class_id, there.box) for there in plan.given)
    canvas_box = Box(0, 0, *plan.size)
    boxes = ((one.class_id, one.box.intersect(canvas_box)) for one in plan.objects)
    marks += tuple(Mark(class_id, box) for class_id, box in boxes if box)
    if not plan.background.picture and not plan.background.plain:
        prompt = planner.request.backgrounds[plan.background.row].prompt
        return Tile(plan.size, checkers(plan.size), marks, f"{caption} · {prompt}")
    [canvas] = backgrounds.make([plan])
    if isinstance(canvas, PictureError):
        return Tile(plan.size, None, (), caption, str(canvas))
    return Tile(plan.size, shrink(canvas), marks, caption)


def cutout_tile(path: Path, caption: str) -> Tile:
    """A cutout's file on checkers."""
    data = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        return Tile((1, 1), None, (), caption, "not a cutout that can be read")
    rgba = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    size = rgba.shape[1], rgba.shape[0]
    share = rgba[..., 3:] / 255
    behind = cv2.resize(checkers(size), size)
    shown = np.rint(share * rgba[..., :3] + (1 - share) * behind).astype(np.uint8)
    return Tile(size, shown, (), caption)


# ---- words and files -----------------------------------------------------------------------------


def _caption(index: int, split: str, objects: int) -> str:
    return f"{index} · {split} · {count_of(objects, 'object')}"


def _shown(shown: int, total: int) -> str:
    if shown == total:
        return ""
    return f"Shown: {shown} of {total:,}, spread evenly."


def check_request(file: Path | None, count: int, endings: Sequence[str] = (".png",)) -> None:
    """Raise InputError for a number of tiles, or a file, that won't do."""
    if not 1 <= count <= MOST_TILES:
        raise InputError(
            f"--count: '{count}' won't do: it takes a whole number from 1 to {MOST_TILES}"
        )
    if file is not None and file.suffix.lower() not in endings:
        ends = " or ".join(endings)
        raise InputError(f"--file: '{file}' won't do: it takes a path that ends in {ends}")


def _write(file: Path, sheet: np.ndarray) -> Path:
    write_file(file, encode_picture(sheet, "png").data)
    return file
