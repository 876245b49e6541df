"""Pictures with their labels drawn: of a run before it begins, while it goes on and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from infgen.batch.encoding import encode_picture
from infgen.batch.preview import spread, tile_of, tile_with
from infgen.batch.reporter import Reporter
from infgen.batch.runner import plan_with_means
from infgen.batch.samples import paint_samples
from infgen.batch.settings import RunSettings
from infgen.batch.store import Store
from infgen.records.sample import Entry
from infgen.report.sheet import draw_sheet, draw_tile
from infgen.sources.disk import write_file

TAIL = 2**20  # bytes at the end of a record file in which the newest pictures are looked for
QUALITY = 85


def preview_samples(settings: RunSettings, file: Path, count: int, reporter: Reporter) -> Path:
    """Paint `count` pictures of the run that `settings` ask for, draw them with their labels into
    the PNG `file`, and return its path.

    Raises:
        InputError: the tables or settings are wrong.
        StorageError: the file can't be written.
    """
    planner, means = plan_with_means(settings, reporter)
    indices = [planner.indices[rank] for rank in spread(planner.count, count)]
    reporter.start("samples", len(indices))
    tiles = []
    for one in paint_samples(planner, means, settings, indices, reporter):
        tiles.append(tile_with(one.entry, one.pixels, one.failure))
        reporter.advance(bool(one.failure))
    reporter.stop()
    names = [spec.name for spec in planner.request.classes]
    title = f"Painted: {len(tiles)} of {planner.count:,} pictures"
    sheet = draw_sheet(tiles, names, title, "As the run will paint and label them.")
    write_file(file, encode_picture(sheet, "png").data)
    return file


def class_names(folder: Path) -> list[str]:
    """The names of a dataset's classes, by class id, whether or not it is finished.

    Raises:
        FolderError: the folder isn't a dataset of infgen's, or isn't as infgen wrote it.
    """
    store = Store(folder)
    if manifest := store.manifest():
        return [one.name for one in manifest.classes]
    if parts := store.parts():
        return list(parts[-1].classes)
    pinned = store.pinned()
    return list(pinned.methods) if pinned else []


def newest(folder: Path, count: int) -> list[Entry]:
    """The last `count` pictures that were made, the newest first."""
    found: list[Entry] = []
    for path in sorted(folder.glob("samples-*.jsonl"), reverse=True):
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL, 0))
            lines = file.read().splitlines(keepends=True)
        found += islice(_good(reversed(lines)), count - len(found))
        if len(found) == count:
            break
    return found


def count_pictures(folder: Path) -> int:
    """How many pictures have been made so far, failed ones left out."""
    return sum(b'"failure":""' in line for line in Store(folder).lines())


def some(folder: Path, first: int, count: int) -> list[Entry]:
    """`count` pictures from the one of rank `first` on, failed ones left out. Of those before them
    not more than a line is held at a time, and none is decoded."""
    lines = (line for line in Store(folder).lines() if b'"failure":""' in line)
    return list(_good(islice(lines, first, first + count)))


def _good(lines: Iterator[bytes]) -> Iterator[Entry]:
    """The pictures of whole lines; the last may still be being written, the first is cut off."""
    decoder = msgspec.json.Decoder(Entry)
    for line in lines:
        try:
            entry = decoder.decode(line)
        except msgspec.DecodeError:
            continue
        if not entry.failure:
            yield entry


def drawn(folder: Path, entry: Entry, names: list[str], side: int) -> bytes:
    """A picture with its labels over it, its longer side `side` pixels, as JPEG. One that can't be
    read is a grey field that says why."""
    most = max((one.class_id for one in entry.objects), default=-1)
    names = [*names, *(f"class {number}" for number in range(len(names), most + 1))]
    pixels = draw_tile(tile_of(entry, folder), names, side)
    return bytes(encode_picture(pixels, "jpg", QUALITY).data)
