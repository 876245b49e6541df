"""The verb `report`, and the end of every run: a dataset counted, drawn, and laid out in pages.

DATASET/README.md        the dataset card, unless somebody has written one: then report/card.md
DATASET/report/          index.html and its pages; figures.json: everything that was counted

Neither decides anything: the report tells of the run's throughput, too, and so isn't the same from
run to run; the card is.
"""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from infgen.batch.again import commands_of
from infgen.batch.audit import JSON as AUDIT
from infgen.batch.marks import read_marks
from infgen.batch.owed import owed
from infgen.batch.preview import spread
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.statistics import read_statistics
from infgen.batch.stock import prompts_of
from infgen.batch.store import LOG, RECORD, Store, open_finished
from infgen.formats import EXPORTS
from infgen.ops.rle import rle_area
from infgen.records.box import Box
from infgen.records.errors import (
    FolderBusy,
    FolderError,
    InfgenError,
    InputError,
    Problem,
    StorageError,
)
from infgen.records.labelled import Fault, LabelledObject, LabelledPicture
from infgen.records.manifest import Manifest
from infgen.report.audit.findings import Audit
from infgen.report.card import MARKER, card_of
from infgen.report.charts import draw_charts
from infgen.report.colours import own_colours
from infgen.report.contents import Contents
from infgen.report.facts import NO_REASON, facts_of, notes_of, rejects_of
from infgen.report.figures import Channels, Figures, FigureTally, LooksTally, Round, rounds_of
from infgen.report.items import Item, item_of, items_of
from infgen.report.sample import Sample
from infgen.report.settings import ReportSettings
from infgen.sources.datasets import LabelledDataset, open_dataset
from infgen.sources.disk import told, write_file

FOLDER, FOREIGN_FOLDER = "report", "infgen-report"
FIGURES, CARD, SPARE_CARD = "figures.json", "README.md", "card.md"
INDEX = "index.html"  # what write_pages writes last
BEYOND = "label outside its picture"
LOOKED_AT = 200  # pictures whose pixels are read, where the records don't hold their sums


def report(
    place: Path, out: Path | None = None, gallery: int = 2000, reporter: Reporter | None = None
) -> Path:
    """Write a report on the dataset at `place`, infgen's or not, into `out` and return the path of
    its first page. By default that is the dataset's folder `report` if infgen made the dataset,
    which gets its card, too; else `infgen-report` in the current folder.

    Raises:
        InputError: there is no dataset that can be read, or a run hasn't finished it.
        FolderError: the folder for the report holds something else.
        FolderBusy: a run is at work in the dataset.
        StorageError: it can't be written.
    """
    reporter = reporter or Silent()
    if not (place / RECORD).exists():
        return _report_foreign(place, out or Path(FOREIGN_FOLDER), gallery, reporter)
    store, _ = open_finished(place)
    with ExitStack() as stack:
        try:
            stack.enter_context(store.claimed())
        except FolderBusy:
            raise
        except (FolderError, StorageError):
            if out is None:
                raise
            reporter.warn(f"{place} can't be locked, as nothing can be written there: if a run is "
                          "at work in it, report again when it has ended")  # fmt: skip
        _, manifest = open_finished(place)  # as it is now that nobody else is at work
        return _report_own(store, manifest, out, gallery, reporter)


def report_made(
    store: Store, manifest: Manifest, settings: ReportSettings, reporter: Reporter
) -> None:
    """The report that every run leaves in its dataset, unless it isn't wanted. The dataset is
    finished, and whatever goes wrong here leaves it so: it is told, and logged."""
    folder = store.folder
    if not settings.report:
        if (folder / FOLDER / FIGURES).exists():
            reporter.warn(f"{folder / FOLDER} and the card are of the dataset as it was before: "
                          f"infgen report {folder} writes them anew")  # fmt: skip
        return
    try:
        _report_own(store, manifest, None, settings.gallery, reporter)
    except Exception as error:
        why = str(error) if isinstance(error, InfgenError) else f"{type(error).__name__}: {error}"
        with suppress(InfgenError):
            store.log("report failed", reason=why, traceback=traceback.format_exc())
        reporter.warn(f"the dataset is finished, but its report is not: {why}: "
                      f"infgen report {folder} writes it")  # fmt: skip


def report_again(store: Store, manifest: Manifest, reporter: Reporter) -> None:
    """Write the report anew, if there is one: the dataset has changed."""
    if (store.folder / FOLDER / FIGURES).exists():
        gallery = manifest.settings.get("gallery", ReportSettings().gallery)
        report_made(store, manifest, ReportSettings(gallery=gallery), reporter)


def _report_own(
    store: Store, manifest: Manifest, out: Path | None, gallery: int, reporter: Reporter
) -> Path:
    """Into the dataset itself, or into `out`: then nothing in the dataset is touched."""
    folder = out or store.folder / FOLDER
    _check_folder(folder)
    marks = read_marks(store.folder)
    classes = tuple(one.name for one in manifest.classes)
    look = _Look(classes, "infgen", manifest.pictures - len(marks), gallery)
    look.at(_items(store, marks), manifest.pictures + len(manifest.failures), reporter)
    figures = look.figures(_channels(store.folder), _rounds(store.folder))
    prompts = prompts_of(store, manifest)
    contents = Contents(
        title=f"Dataset {store.folder.resolve().name}",
        classes=classes,
        pictures=figures.counted,
        facts=facts_of(figures, manifest, len(look.sample.chosen())),
        notes=notes_of(figures, manifest),
        charts=draw_charts(figures),
        rejects=rejects_of(manifest, marks, {}),
        manifest=manifest,
        prompts=tuple(prompts.get(name, "") for name in classes),
        colours=own_colours(figures.totals),
    )
    path = _write(folder, figures, contents, look.sample)
    formats = {name: row.help for name, row in EXPORTS.items()}
    again = list(commands_of(store, manifest, marks))
    found, unfinished = _audit(store.folder), owed(store.folder)
    card = card_of(manifest, figures, prompts, marks, formats, again, found, unfinished)
    _write_card(card, folder, None if out else store.folder, reporter)
    return path


def _report_foreign(place: Path, folder: Path, gallery: int, reporter: Reporter) -> Path:
    dataset = open_dataset(place)
    if not dataset.count:
        raise InputError(Problem("the dataset has no pictures", str(place)))
    _check_folder(folder)
    faults = _Faults(dataset.faults)
    base = place if place.is_dir() else place.parent
    look = _Look(dataset.classes, dataset.kind, dataset.count, gallery)
    look.at(items_of(_watched(dataset, faults), base), dataset.count, reporter)
    figures = look.figures({}, [])
    contents = Contents(
        title=f"Dataset {place.resolve().name}",
        classes=dataset.classes,
        pictures=figures.counted,
        facts=facts_of(figures, None, len(look.sample.chosen())),
        notes=notes_of(figures, None),
        charts=draw_charts(figures),
        rejects=rejects_of(None, {}, faults.told()),
        colours=own_colours(figures.totals),
    )
    return _write(folder, figures, contents, look.sample)


# ---- what is looked at ---------------------------------------------------------------------------


class _Look:
    """One look at every picture: it is counted, and maybe shown, and maybe its pixels are read.
    There are `total` pictures that can be."""

    def __init__(self, classes: Sequence[str], kind: str, total: int, gallery: int):
        self.sample = Sample(total, gallery)
        self._tally, self._looks = FigureTally(classes, kind), LooksTally()
        self._probed = frozenset(spread(total, LOOKED_AT))
        self._rank = 0

    def at(self, items: Iterator[Item], count: int, reporter: Reporter) -> None:
        """Look at these, of which there are `count`."""
        reporter.start("report", count)
        try:
            for item in items:
                self._tally.add(item)
                self.sample.add(item)
                if not (item.failure or item.marked):
                    self._see(item)
                    self._rank += 1
                reporter.advance()
        finally:
            reporter.stop()

    def _see(self, item: Item) -> None:
        entry = item.entry
        if entry is not None and entry.sums:
            self._looks.add(item.size[0] * item.size[1], entry.sums, entry.squares)
        elif self._rank in self._probed:
            self._looks.read(item)

    def figures(self, channels: Mapping[str, Channels], rounds: Sequence[Round]) -> Figures:
        return self._tally.figures(self._looks.looks(self._rank), channels, rounds)


def _items(store: Store, marks: Mapping[int, str]) -> Iterator[Item]:
    for entry in store.entries():
        marked = (marks[entry.index] or NO_REASON) if entry.index in marks else ""
        yield item_of(entry, store.folder, marked)


class _Faults:
    """What is wrong with labels and pictures, counted by kind, each with its first example."""

    def __init__(self, faults: Iterable[Fault]):
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self.add(faults)

    def add(self, faults: Iterable[Fault], place: str = "") -> None:
        """Count faults of the picture called `place`."""
        for fault in faults:
            self._counts[fault.kind] += 1
            self._first.setdefault(fault.kind, f"{place}: {fault.text}" if place else fault.text)

    def told(self) -> dict[str, int]:
        """Each kind with its example, and how often there is one."""
        return {f"{kind} ({self._first[kind]})": n for kind, n in self._counts.items()}


def _watched(dataset: LabelledDataset, faults: _Faults) -> Iterator[LabelledPicture]:
    """Its pictures with the labels that lie in them; what is wrong with the others is counted."""
    for picture in dataset.pictures():
        faults.add(picture.faults, picture.path.name)
        beyond = [one for one in picture.objects if _is_beyond(one, picture.size)]
        corners = (", ".join(f"{edge:g}" for edge in one.box.xyxy) for one in beyond)
        faults.add((Fault(BEYOND, f"a box at {edges}") for edges in corners), picture.path.name)
        objects = tuple(one for one in picture.objects if one not in beyond)
        yield msgspec.structs.replace(picture, objects=objects)


def _is_beyond(one: LabelledObject, size: tuple[int, int]) -> bool:
    """Whether a picture of that (width, height), where it is known, shows nothing of an object."""
    if min(size) < 1 or (one.rle and rle_area(one.rle, size)):
        return False
    return one.box.intersect(Box(0, 0, *size)) is None


def _channels(folder: Path) -> dict[str, Channels]:
    counted = read_statistics(folder)
    folders = counted.folders if counted else {}
    return {name: Channels(one.mean, one.std) for name, one in folders.items() if one.mean}


def _rounds(folder: Path) -> list[Round]:
    try:
        with (folder / LOG).open("rb") as lines:
            return rounds_of(lines)
    except OSError:
        return []


def _audit(folder: Path) -> Audit | None:
    """The audit in the dataset's folder, if there is one that can be read."""
    for path in (folder / AUDIT, folder / "audit" / AUDIT):
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(path.read_bytes(), type=Audit)
    return None


# ---- what is written -----------------------------------------------------------------------------


class _Sign(msgspec.Struct):
    """Of figures.json, what tells that infgen wrote it."""

    infgen: str
    per_picture: list[int]


def _check_folder(folder: Path) -> None:
    """Raise FolderError for a folder with anything else than a report in it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a folder: choose another --out")
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    with suppress(OSError, msgspec.DecodeError):
        msgspec.json.decode((folder / FIGURES).read_bytes(), type=_Sign)
        return
    if found:
        names = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise FolderError(f"{folder} holds files that infgen didn't make ({names}): choose another "
                          "--out, or an empty folder")  # fmt: skip


def _write(folder: Path, figures: Figures, contents: Contents, sample: Sample) -> Path:
    """figures.json, by which the folder is known for a report, and then the pages. The first of
    them is the last that is written: while there is none, the report isn't whole."""
    from infgen.report.pages import write_pages  # and with it jinja2

    with told(folder / INDEX):
        (folder / INDEX).unlink(missing_ok=True)
    text = json.dumps(msgspec.to_builtins(figures), ensure_ascii=False)
    data = text.encode(errors="replace")  # a split's name, which is a file's, may be half a letter
    write_file(folder / FIGURES, data + b"\n")
    return write_pages(folder, contents, sample.chosen(), sample.rejected())


def _write_card(card: str, report: Path, dataset: Path | None, reporter: Reporter) -> None:
    """The card in the dataset's folder; beside the report where it isn't infgen's to write."""
    spare = report / SPARE_CARD
    if dataset and _may_write(dataset / CARD):
        write_file(dataset / CARD, card.encode())
        with told(spare):
            spare.unlink(missing_ok=True)
        return
    write_file(spare, card.encode())
    if dataset:
        reporter.warn(f"{dataset / CARD} isn't infgen's and stays as it is: the dataset card is "
                      f"{spare}")  # fmt: skip


def _may_write(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as lines:
            return lines.readline().rstrip("\n") == MARKER
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False
