"""Anybody's datasets brought together, all but their pixels: what there is to take, and to say."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import msgspec

from infgen.batch.engines import Crew
from infgen.batch.painting import CHUNK
from infgen.batch.reporter import Reporter
from infgen.batch.settings import MergeSettings
from infgen.records.errors import InputError, Problem, WorkerDied
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.records.specs import Picture
from infgen.sources.class_map import ClassMap
from infgen.sources.datasets import LabelledDataset, open_dataset
from infgen.sources.datasets.common import BAD_ROW, masks_overlap
from infgen.sources.names import folded
from infgen.sources.pictures import check_picture, quiet_pillow, short_name

FAULTS = "faults.txt"
INDICES = "annotations"  # a folder that isn't what a dataset is called by
SPLITS = {"train": ("train",), "val": ("val",), "test": ("test",)}  # by words in their names
TOLD = 3  # examples in a note
MOST_BYTES = 220  # of a name without ending: disks take 255, and half files and formats add to it


class Item(msgspec.Struct, frozen=True):
    """A picture on its way into the dataset: where it comes from (`name` in the records, `source`
    the number of its dataset, `path`), where it goes (`split`, `file`), and its labels, with the
    class ids of the whole: packed, as those of all pictures are in memory. `scene` is the index of
    the first picture with the same bytes, `failure` says why it can't be taken."""

    index: int
    source: int
    name: str
    path: Path
    split: str
    file: str
    size: tuple[int, int]
    labels: bytes
    sha256: str
    scene: int
    failure: str

    @property
    def objects(self) -> tuple[LabelledObject, ...]:
        """The labels."""
        return _unpack(self.labels)


_unpack = msgspec.msgpack.Decoder(tuple[LabelledObject, ...]).decode


class Source(msgspec.Struct, frozen=True):
    """A dataset that was opened, and the name by which users know it."""

    name: str
    dataset: LabelledDataset


# ---- opened --------------------------------------------------------------------------------------


def open_sources(settings: MergeSettings) -> list[Source]:
    """The datasets, opened, with a name each: their folders', numbered where they are equal."""
    if not settings.datasets:
        raise InputError("nothing to merge: name the datasets' folders or index files")
    opened: list[LabelledDataset] = []
    problems: list[Problem] = []
    for place in settings.datasets:
        try:
            opened.append(open_dataset(place))
        except InputError as error:
            problems += error.problems
    problems += [
        Problem("the dataset has no pictures", str(one.place)) for one in opened if not one.count
    ]
    if problems:
        raise InputError(problems)
    if settings.names:
        if len(opened) != 1:
            raise InputError("--names is for one dataset: of several, --map renames classes")
        opened = [_renamed(opened[0], settings.names)]
    numbers: Counter[str] = Counter()
    sources = []
    for dataset in opened:
        folder = _folder(dataset.place.resolve())
        name = (folder.parent if folder.name == INDICES else folder).name
        numbers[name] += 1
        sources.append(Source(f"{name}-{numbers[name]}" if numbers[name] > 1 else name, dataset))
    return sources


def _renamed(dataset: LabelledDataset, names: Path) -> LabelledDataset:
    """The dataset with the class names of a text file, a line each."""
    try:
        rows = names.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            Problem(f"can't be read as a list of names: {error}", str(names))
        ) from None
    classes = tuple(row.strip() for row in rows if row.strip())
    if len(classes) < len(dataset.classes):
        text = f"names {len(classes)} classes, and the dataset has {len(dataset.classes)}"
        raise InputError(Problem(text, str(names)))
    return replace(dataset, classes=classes)


# ---- read ----------------------------------------------------------------------------------------


class Gathering:
    """Everything of the datasets but pixels, and what there is to say of it. Of `sources` each that
    was read is let go of: its index files may be most of what is in memory."""

    def __init__(self, sources: list[Source], classes: ClassMap, reporter: Reporter):
        self._sources, self._classes, self._reporter = sources, classes, reporter
        self._renamed: list[str] = []
        self._left_out: Counter[str] = Counter()
        self._splits: dict[str, str] = {}
        self._kinds: Counter[str] = Counter()
        self.methods: list[Counter[str]] = [Counter() for _ in sources]  # of each source's objects
        self.scenes: list[Counter[str]] = [Counter() for _ in sources]  # behind its pictures
        self.faults: list[str] = []
        self.labels = hashlib.sha256()  # of all, in order

    def items(self, crew: Crew) -> list[Item]:
        """Every picture of every dataset, in order."""
        read = list(self._labels())
        stems = _Stems()
        first: dict[str, int] = {}
        items: list[Item] = []
        looks = crew.map(look, (picture.path for _, picture, _ in read), CHUNK)
        checked = self._counted(looks, len(read))
        for (number, picture, labels), found in zip(read, checked, strict=True):
            source, path = self._sources[number], picture.path
            name = short_name(path, _folder(source.dataset.place))
            if len(self._sources) > 1:
                name = f"{source.name}/{name}"
            stem = stems.unique(path, source.name)
            if stem != path.stem:
                self._renamed.append(f"{name} is {stem}{path.suffix}")
            split = self._splits.setdefault(picture.split, split_of(picture.split))
            sha256 = found.sha256 if isinstance(found, Picture) else ""
            items.append(
                Item(
                    index=len(items),
                    source=number,
                    name=name,
                    path=path,
                    split=split,
                    file=f"images/{split}/{stem}{path.suffix}",
                    size=picture.size,
                    labels=labels,
                    sha256=sha256,
                    scene=first.setdefault(sha256, len(items)) if sha256 else len(items),
                    failure=_failure(picture, found),
                )
            )
        return items

    def _labels(self) -> Iterator[tuple[int, LabelledPicture, bytes]]:
        """Each picture with its dataset's number, and its labels with the class ids of the whole,
        packed; its faults only where they have left none of its labels."""
        total = sum(source.dataset.count for source in self._sources)
        self._reporter.start("labels", total)
        try:
            for number, source in enumerate(self._sources):
                ids = self._classes.ids[number]
                for fault in source.dataset.faults:
                    self._note_fault(fault.kind, fault.text)
                for picture in source.dataset.pictures():
                    for fault in picture.faults:
                        self._note_fault(fault.kind, f"{picture.path.name}: {fault.text}")
                    self.scenes[number].update([picture.scene_kind] if picture.scene_kind else [])
                    objects = []
                    for one, method in zip_longest(picture.objects, picture.methods):
                        class_id = ids[one.class_id]
                        if class_id is None:
                            self._left_out[source.dataset.classes[one.class_id]] += 1
                        else:
                            objects.append(msgspec.structs.replace(one, class_id=class_id))
                            self.methods[number].update([method] if method else [])
                    self.labels.update(msgspec.json.encode(objects))
                    faults = () if picture.objects else picture.faults
                    bare = LabelledPicture(picture.path, picture.split, picture.size, (), faults)
                    yield number, bare, msgspec.msgpack.encode(objects)
                    self._reporter.advance()
                read = replace(source.dataset, pictures=_let_go)
                self._sources[number] = Source(source.name, read)
        finally:
            self._reporter.stop()

    def _note_fault(self, kind: str, text: str) -> None:
        self._kinds[kind] += 1
        self.faults.append(f"{kind}: {' '.join(text.split())}")

    def _counted(
        self, looks: Iterator[Picture | str | WorkerDied], total: int
    ) -> Iterator[Picture | str]:
        self._reporter.start("checked", total)
        try:
            for found in looks:
                yield str(found) if isinstance(found, WorkerDied) else found
                self._reporter.advance()
        finally:
            self._reporter.stop()

    def notes(self, items: Sequence[Item]) -> Iterator[str]:
        """Sentences for what the user should know before it is done."""
        for kind, count in self._kinds.items():
            example = next(line for line in self.faults if line.startswith(f"{kind}: "))
            yield f"{count} x {example} ({FAULTS} lists all)"
        for name, count in self._left_out.items():
            yield f"{count:,} labels of '{name}' are left out, as --map says"
        for one, other in self._classes.doubtful:
            yield f"'{one}' and '{other}' stay two classes: --map can make them one"
        odd = {name: split for name, split in self._splits.items() if name != split}
        if odd:
            yield "splits: " + ", ".join(f"'{name}' is {split}" for name, split in odd.items())
        if self._renamed:
            shown = "; ".join(self._renamed[:TOLD])
            yield f"{len(self._renamed)} pictures of equal or long names got others: {shown}"
        yield from _twins(items)
        yield from _mixed(items)


def _let_go() -> Iterator[LabelledPicture]:
    """The pictures of a dataset that isn't in memory any more."""
    raise RuntimeError("its labels were read before")


def look(path: Path) -> Picture | str:
    """A picture's hash and upright size, after a decoding that finds out if it is whole; or why it
    can't be taken."""
    try:
        with quiet_pillow():
            return check_picture(path, path.name)
    except ValueError as error:
        return str(error)


def split_of(name: str) -> str:
    """train, val or test, by what a split's name begins with or has after a `_`, `-` or `.`;
    train for whatever else."""
    words = name.lower().replace("-", "_").replace(".", "_").split("_")
    for split, beginnings in SPLITS.items():
        if any(word.startswith(beginnings) for word in words):
            return split
    return "train"


class _Stems:
    """Names for pictures, without ending, that no disk and no list of labels mixes up: formats that
    put all pictures into one folder, or a text file beside each, need them different everywhere."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def unique(self, path: Path, source: str) -> str:
        """The file's own; else with its folder's or its dataset's name before it; else numbered.
        Cut off where it is too long."""
        stem = _cut(path.stem)
        for choice in map(_cut, (stem, f"{path.parent.name}_{stem}", f"{source}_{stem}")):
            if folded(choice) not in self._taken:
                break
        else:
            choice = stem
            while folded(choice) in self._taken:
                self._numbers[stem] += 1
                choice = f"{stem}-{self._numbers[stem] + 1}"
        self._taken.add(folded(choice))
        return choice


def _cut(stem: str) -> str:
    data = os.fsencode(stem)
    return stem if len(data) <= MOST_BYTES else data[:MOST_BYTES].decode(errors="ignore")


def _folder(place: Path) -> Path:
    return place if place.is_dir() else place.parent


def _failure(picture: LabelledPicture, found: Picture | str) -> str:
    """Why a picture can't be taken; empty if it can."""
    if isinstance(found, str):
        return f"{picture.path}: {found}"
    unread = [fault.text for fault in picture.faults if fault.kind == BAD_ROW]
    if unread:
        return f"{picture.path}: no label of it can be read: {unread[0]}"
    if picture.size != found.size:
        labels, pixels = ("{} x {}".format(*size) for size in (picture.size, found.size))
        return f"{picture.path}: its labels are for {labels} pixels, and it has {pixels}"
    return ""


def _twins(items: Sequence[Item]) -> Iterator[str]:
    """Sentences for pictures that are there more than once."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        groups.setdefault(item.scene, []).append(item)
    twins = [group for group in groups.values() if len(group) > 1]
    for leak, text in ((True, "in more than one split: what is learned there is known before"),
                       (False, "more than once in a split")):  # fmt: skip
        some = [group for group in twins if (len({item.split for item in group}) > 1) == leak]
        if some:
            shown = "; ".join(map(_equal_names, some[:TOLD]))
            yield f"{len(some)} pictures are {text} ({shown})"


def _equal_names(group: Sequence[Item]) -> str:
    names = " = ".join(item.name for item in group[:TOLD])
    return names + (f" and {len(group) - TOLD:,} more" if len(group) > TOLD else "")


def _mixed(items: Sequence[Item]) -> Iterator[str]:
    """Sentences for labels that not every format takes as they are."""
    labels = crowds = boxes = shared = 0
    for item in items:
        objects = () if item.failure else item.objects
        labels += len(objects)
        crowds += sum(one.crowd for one in objects)
        boxes += sum(not (one.rle or one.crowd) for one in objects)
        masks = [one.rle for one in objects if one.rle and not one.crowd]
        shared += masks_overlap(masks, item.size)
    if crowds:
        yield f"{crowds:,} labels are crowds, which only coco holds: other formats leave them out"
    if shared:
        yield (
            f"masks overlap in {shared:,} pictures: where formats hold them as pictures (all but "
            "coco and yolo), the last label has the pixels"
        )
    if 0 < boxes < labels - crowds:
        yield (
            f"{boxes:,} of {labels:,} labels are boxes without a mask: YOLO's rows are all "
            "boxes therefore, and formats of masks can't be written"
        )
