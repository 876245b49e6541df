"""voc: read back with supervision, xml.etree, Pillow, and by datumaro's rules for labelmap.txt."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
import supervision as sv
from msgspec.structs import replace
from PIL import Image

from infgen.formats import voc
from infgen.records.box import Box
from infgen.records.errors import InputError
from tests.formats.scenes import SIZE, instance, label_map, rectangle, write_dataset


@pytest.fixture
def exported(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    voc.finish(iter([voc.convert(entry, dataset) for entry in entries]), dataset)
    return tmp_path / voc.FOLDER, dataset, entries


def objects_of(root, entry):
    return ElementTree.parse(root / f"Annotations/{entry.stem}.xml").getroot().findall("object")


def test_supervision_reads_the_boxes_and_classes(exported):
    root, _, entries = exported
    read = sv.DetectionDataset.from_pascal_voc(
        images_directory_path=str(root / "JPEGImages"),
        annotations_directory_path=str(root / "Annotations"),
    )
    by_stem = {path.rsplit("/", 1)[1]: labels for path, labels in read.annotations.items()}
    assert len(by_stem) == len(entries)
    names = ("coin", 'bank note_ 5 "euro"')
    for entry in entries:
        labels = by_stem[f"{entry.stem}.png"]
        boxes = np.array([obj.box.xyxy for obj in entry.objects]).reshape(-1, 4)
        np.testing.assert_array_equal(labels.xyxy, boxes)
        found = [read.classes[class_id] for class_id in labels.class_id]
        assert found == [names[obj.class_id] for obj in entry.objects]


def test_annotation_of_one_pixel(exported):
    root, _, entries = exported
    entry = next(e for e in entries if e.objects and e.objects[0].box == Box(40, 20, 41, 21))
    annotation = ElementTree.parse(root / f"Annotations/{entry.stem}.xml").getroot()
    texts = {element.tag: (element.text or "").strip() for element in annotation.iter()}
    assert texts == {
        "annotation": "", "object": "", "size": "", "bndbox": "",
        "folder": "VOC2012", "filename": f"{entry.stem}.png", "segmented": "1",
        "width": "97", "height": "61", "depth": "3",
        "name": "coin", "pose": "Unspecified", "truncated": "0", "occluded": "0", "difficult": "0",
        "xmin": "41", "ymin": "21", "xmax": "41", "ymax": "21",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("box", "visible_frac", "truncated", "occluded"),
    [
        ((10, 10, 20, 20), 1.0, 0, 0),
        ((10, 10, 20, 20), 0.94, 0, 1),
        ((10, 10, 20, 20), 0.79, 1, 1),
        ((0, 10, 20, 20), 1.0, 1, 0),
        ((10, 0, 20, 20), 1.0, 1, 0),
        ((10, 10, SIZE[0], 20), 1.0, 1, 0),
        ((10, 10, 20, SIZE[1]), 1.0, 1, 0),
        ((1, 1, SIZE[0] - 1, SIZE[1] - 1), 1.0, 0, 0),
    ],
)
def test_truncated_and_occluded(tmp_path, box, visible_frac, truncated, occluded):
    dataset, entries = write_dataset(tmp_path)
    obj = replace(instance(1, 0, rectangle(*box)), visible_frac=visible_frac)
    voc.convert(replace(entries[0], objects=(obj,)), dataset)
    (element,) = objects_of(tmp_path / voc.FOLDER, entries[0])
    assert (element.findtext("truncated"), element.findtext("occluded")) == (
        str(truncated),
        str(occluded),
    )


def test_masks_are_palette_pictures_of_class_and_position(exported):
    root, _, entries = exported
    for entry in entries:
        labels = label_map(entry)
        classes = np.array([0, *(obj.class_id + 1 for obj in entry.objects)])[labels]
        for folder, expected in (("SegmentationObject", labels), ("SegmentationClass", classes)):
            with Image.open(root / folder / f"{entry.stem}.png") as image:
                assert image.mode == "P"
                np.testing.assert_array_equal(np.asarray(image), expected)
                palette = np.array(image.getpalette()).reshape(-1, 3)
            np.testing.assert_array_equal(palette, voc.colour_map())


def test_objects_are_numbered_by_their_place_in_the_xml(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    entry = next(entry for entry in entries if len(entry.objects) == 3)
    entry = replace(entry, objects=tuple(replace(obj, id=obj.id * 100) for obj in entry.objects))
    voc.convert(entry, dataset)
    root = tmp_path / voc.FOLDER
    with Image.open(root / f"SegmentationObject/{entry.stem}.png") as image:
        labels = np.asarray(image)
    for number, element in enumerate(objects_of(root, entry), start=1):
        rows, columns = np.nonzero(labels == number)
        bounds = (columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1)
        assert bounds == tuple(int(corner.text) for corner in element.find("bndbox"))


def test_colours_are_those_of_the_development_kit():
    """From its published list of classes: background, aeroplane, bicycle, cat, tv monitor, void."""
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 8: (64, 0, 0), 20: (0, 64, 128)}
    known[255] = (224, 224, 192)
    colours = voc.colour_map()
    assert {index: tuple(colours[index].tolist()) for index in known} == known
    assert len(np.unique(colours, axis=0)) == 256


def test_label_map_names_and_colours_every_mask_value(exported):
    root, dataset, entries = exported
    comment, *lines = (root / "labelmap.txt").read_text(encoding="utf-8").splitlines()
    assert comment == "# label:color_rgb:parts:actions"
    rows = [line.split(":") for line in lines]
    assert [len(row) for row in rows] == [4] * (len(dataset.classes) + 1)
    assert [row[0] for row in rows] == ["background", "coin", 'bank note_ 5 "euro"', "unused"]
    colours = [[int(channel) for channel in row[1].split(",")] for row in rows]
    assert colours == voc.colour_map()[: len(rows)].tolist()
    used = {element.findtext("name") for e in entries for element in objects_of(root, e)}
    assert used == {"coin", 'bank note_ 5 "euro"'}


def test_names_that_break_a_label_map():
    assert voc.class_names(("#1", "a:b", "c\nd", "<&>", "münze")) == (
        "_1", "a_b", "c_d", "<&>", "münze",
    )  # fmt: skip
    with pytest.raises(InputError, match="'a:b' and 'a_b'"):
        voc.class_names(("a:b", "a_b"))
    with pytest.raises(InputError, match="background"):
        voc.class_names(("background",))


def test_names_with_markup_survive_the_xml(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    dataset = type(dataset)(tmp_path, ('<b> & "münze" 円', "x"), ("train",), dataset.settings)
    voc.convert(entries[0], dataset)
    (element,) = objects_of(tmp_path / voc.FOLDER, entries[0])
    assert element.findtext("name") == '<b> & "münze" 円'


def test_lists_of_pictures(exported):
    root, _, entries = exported
    stems = {
        split: [entry.stem for entry in entries if split in (entry.split, "trainval")]
        for split in ("train", "val", "trainval")
    }
    assert min(map(len, stems.values())) > 1
    for task in ("Main", "Segmentation"):
        for split, members in stems.items():
            assert (root / f"ImageSets/{task}/{split}.txt").read_text().splitlines() == members


def test_pictures_are_linked(exported):
    root, dataset, entries = exported
    for entry in entries:
        picture = root / f"JPEGImages/{entry.stem}.png"
        assert picture.samefile(dataset.folder / entry.file)


@pytest.mark.parametrize("number", [254, 255])
def test_as_many_objects_as_8_bits_hold(tmp_path, number):
    dataset, entries = write_dataset(tmp_path)
    dots = tuple(
        instance(n + 1, 0, rectangle(n % 90, n // 90, n % 90 + 1, n // 90 + 1))
        for n in range(number)
    )
    entry = replace(entries[0], objects=dots)
    if number > 254:
        with pytest.raises(InputError, match=r"00000000\.png: 255 objects .*leave out the voc"):
            voc.convert(entry, dataset)
        return
    voc.convert(entry, dataset)
    with Image.open(tmp_path / voc.FOLDER / f"SegmentationObject/{entry.stem}.png") as image:
        np.testing.assert_array_equal(np.asarray(image), label_map(entry))


@pytest.mark.parametrize("number", [254, 255])
def test_as_many_classes_as_8_bits_hold(tmp_path, number):
    dataset, entries = write_dataset(tmp_path)
    names = tuple(f"class {n}" for n in range(number))
    dataset = type(dataset)(tmp_path, names, dataset.splits, dataset.settings)
    obj = replace(entries[0].objects[0], class_id=number - 1)
    entry = replace(entries[0], objects=(obj,))
    if number > 254:
        with pytest.raises(InputError, match="255 classes"):
            voc.check(names, 1)
        return
    voc.check(names, 1)
    voc.finish(iter([voc.convert(entry, dataset)]), dataset)
    with Image.open(tmp_path / voc.FOLDER / f"SegmentationClass/{entry.stem}.png") as image:
        assert np.asarray(image).max() == 254
    assert len((tmp_path / voc.FOLDER / "labelmap.txt").read_text().splitlines()) == 256
