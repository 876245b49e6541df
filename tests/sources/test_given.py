"""Which background pictures are a dataset's, and what their labels become."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import infgen.sources.given
from infgen.ops.given import Labels
from infgen.records.errors import InputError
from infgen.records.plan import BackgroundPlan
from infgen.records.specs import Picture, Request
from infgen.sources.datasets import open_dataset
from infgen.sources.given import with_labels
from infgen.sources.pictures import picture_size
from tests.asked import a_class, background
from tests.labelled import SIZE, write_coco, write_yolo


def picture(path: Path, name: str = "") -> Picture:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Picture(name or path.name, path, sha256, picture_size(path))


def request(*pictures: Picture, names: tuple[str, ...] = ("cow", "Dog")) -> Request:
    return Request((background(3, *pictures),), tuple(a_class(name) for name in names))


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Three pictures with a cat each, the first one a dog, too."""
    folder = tmp_path / "coco"
    index = write_coco(folder)
    file = json.loads(index.read_text())
    more = {"id": 9, "image_id": 1, "category_id": 9, "bbox": [50, 50, 20, 20], "iscrowd": 0}
    file["annotations"].append(more)
    index.write_text(json.dumps(file))
    return folder


def counts(labels: Labels, name: str) -> Counter[int]:
    """How many objects of each class a picture brings along."""
    return Counter(one.class_id for one in labels.planned(BackgroundPlan(0, 0, name, SIZE), SIZE))


def own(folder: Path) -> list[Picture]:
    return [picture(path) for path in sorted((folder / "images/train").iterdir())]


def test_labels_come_along_and_classes_without_a_row_follow(coco: Path) -> None:
    asked, notes = with_labels(request(*own(coco)), coco)
    assert [spec.name for spec in asked.classes] == ["cow", "Dog", "cat"]
    assert asked.classes[2].appear_range == (0, 0) and not asked.classes[2].cutouts
    labels = Labels(asked.given)
    assert counts(labels, "train_1.png") == {1: 1, 2: 1}  # the dog's name has another case
    assert counts(labels, "train_2.png") == counts(labels, "train_3.png") == {2: 1}
    assert (asked.given.most, asked.given.unmasked) == (2, 1)
    assert "cat (2)" in notes[0] and "1 labels of the backgrounds are boxes" in notes[1]
    assert len(notes) == 2


def test_of_what_infgen_made_is_known_what_is_not_to_be_mirrored(
    coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = replace(open_dataset(coco), upright=("cat",))
    monkeypatch.setattr(infgen.sources.given, "open_dataset", lambda place: told)
    asked, _ = with_labels(request(*own(coco)), coco)
    assert [spec.mirror for spec in asked.classes] == [True, True, False]


def test_classes_that_are_seen_nowhere_do_not_follow(coco: Path) -> None:
    asked, notes = with_labels(request(own(coco)[1], names=("cat",)), coco)
    assert [spec.name for spec in asked.classes] == ["cat"] and notes == []


def test_a_copy_elsewhere_is_found_by_its_content(coco: Path, tmp_path: Path) -> None:
    copies = []
    for number in (1, 2):
        shutil.copy(coco / "images/train/train_1.png", tmp_path / f"copy{number}.png")
        copies.append(picture(tmp_path / f"copy{number}.png"))
    asked, notes = with_labels(request(*copies, own(coco)[2]), coco)
    notes = [note for note in notes if "background pictures aren't in" in note]
    labels = Labels(asked.given)
    assert counts(labels, "copy1.png") == counts(labels, "copy2.png") == {1: 1, 2: 1}
    both, _ = with_labels(request(copies[0], own(coco)[0]), coco)  # one by path, one by content
    assert counts(Labels(both.given), "copy1.png") == counts(Labels(both.given), "train_1.png")
    assert not notes


def test_pictures_that_are_not_in_the_dataset_are_told(coco: Path, tmp_path: Path) -> None:
    yolo = write_yolo(tmp_path / "yolo")
    strange = picture(yolo.parent / "images/train/a.png", "strange.png")
    asked, notes = with_labels(request(*own(coco), strange), coco)
    assert counts(Labels(asked.given), "strange.png") == {}
    assert any("1 of 4 background pictures" in note and "strange.png" in note for note in notes)
    with pytest.raises(InputError, match="none of the 1 background pictures is in"):
        with_labels(request(strange), coco)
    with pytest.raises(InputError, match="names none"):
        with_labels(Request((background(2, plain="plain"),), ()), coco)


def test_labels_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    write_coco(tmp_path, bbox=[10, 20, 0, 40])
    _, notes = with_labels(request(*own(tmp_path)), tmp_path)
    assert any("1 empty box" in note for note in notes)


def test_labels_of_another_size_than_the_picture_are_refused(coco: Path) -> None:
    index = coco / "annotations/instances_train.json"
    file = json.loads(index.read_text())
    for image in file["images"][:2]:
        image["width"], image["height"] = image["height"], image["width"]
    index.write_text(json.dumps(file))
    with pytest.raises(InputError) as error:
        with_labels(request(*own(coco)), coco)
    lines = str(error.value).splitlines()
    assert len(lines) == 2 and "train_1.png" in lines[0]
    assert "for 120 x 160 pixels, and it has 160 x 120" in lines[0]
