"""SIGtor's lines and masks, as its own loader takes them, and as infgen reads them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from infgen.formats.settings import Dataset
from infgen.formats.sigtor import MOST, check, convert, finish
from infgen.ops.rle import decode_rle
from infgen.records.errors import InputError
from infgen.records.sample import Entry
from infgen.sources.datasets import open_dataset
from tests.formats.scenes import SIZE, write_dataset


def export(dataset: Dataset, entries: list[Entry]) -> Path:
    finish(iter([convert(entry, dataset) for entry in entries]), dataset)
    return dataset.folder / "sigtor"


def as_sigtor_loads(line: str, root: Path) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """The picture of a line, and each object's class and pixels of the mask inside its corners:
    paths from where it is run, the mask by the picture's stem, crops from x1 up to x2."""
    path, *labels = line.split()
    picture = np.asarray(Image.open(root / path))
    mask = Image.open(root / "Datasets/Source/Masks" / f"{Path(path).stem}.png")
    found = []
    for label in labels:
        *corners, number = (int(value) for value in label.split(","))
        found.append((number, np.asarray(mask.crop(tuple(corners)))))
    return picture, found


def test_its_loader_finds_every_object_in_its_corners(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    root = export(dataset, entries)
    for split in ("train", "val"):
        lines = (root / f"Datasets/Source/{split}_annotations.txt").read_text().splitlines()
        mine = [one for one in entries if one.split == split and one.objects]
        assert len(lines) == len(mine)
        for line, entry in zip(lines, mine, strict=True):
            picture, found = as_sigtor_loads(line, root)
            assert picture.shape[1::-1] == SIZE
            assert [number for number, _ in found] == [one.class_id for one in entry.objects]
            for value, ((_, crop), one) in enumerate(zip(found, entry.objects, strict=True), 1):
                assert (crop == value).sum() == one.area
    assert (root / "Datasets/classes.txt").read_text().splitlines() == list(dataset.classes)


@pytest.mark.parametrize("place", [".", "Datasets", "Datasets/Source"])
def test_infgen_reads_it_back(tmp_path: Path, place: str) -> None:
    dataset, entries = write_dataset(tmp_path)
    again = open_dataset(export(dataset, entries) / place)
    assert again.kind == "sigtor" and again.classes == dataset.classes
    by_stem = {one.stem: one for one in entries if one.objects}
    pictures = list(again.pictures())
    assert len(pictures) == len(by_stem)
    for picture in pictures:
        entry = by_stem[picture.path.stem]
        assert (picture.split, picture.size) == (entry.split, SIZE) and not picture.faults
        for one, other in zip(picture.objects, entry.objects, strict=True):
            assert (one.class_id, one.box, one.rle) == (other.class_id, other.box, other.rle)


def test_where_only_boxes_are_known_there_is_no_mask(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    bare = [replace(one, rle="") for one in entries[0].objects]
    root = export(dataset, [replace(entries[0], objects=tuple(bare)), entries[1]])
    assert [path.stem for path in (root / "Datasets/Source/Masks").iterdir()] == [entries[1].stem]
    first, second = open_dataset(root).pictures()
    assert not first.objects[0].rle and decode_rle(second.objects[0].rle, SIZE).any()


def test_blanks_in_names_end_no_path(tmp_path: Path) -> None:
    dataset, entries = write_dataset(tmp_path)
    file = "images/train/a dog.png"
    (tmp_path / file).write_bytes((tmp_path / entries[0].file).read_bytes())
    root = export(dataset, [replace(entries[0], file=file)])
    [line] = (root / "Datasets/Source/train_annotations.txt").read_text().splitlines()
    assert len(line.split()) == 2
    assert (root / line.split()[0]).is_file()


def test_more_objects_than_a_mask_has_values_for_are_refused(tmp_path: Path) -> None:
    check(("cat",), MOST)
    with pytest.raises(InputError, match="255 objects in a picture don't fit"):
        check(("cat",), MOST + 1)
    dataset, entries = write_dataset(tmp_path)
    with pytest.raises(InputError, match=r"00000000\.png: 255 objects"):
        convert(replace(entries[0], objects=entries[0].objects * 255), dataset)
