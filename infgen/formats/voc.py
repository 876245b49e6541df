"""voc/VOCdevkit/VOC2012: boxes as XML and masks as palette PNGs, laid out as Pascal VOC is.

VOC keeps all pictures together and splits them by the lists in ImageSets. No source, owner or
annotator is written: there is none. Pictures with labels that are boxes without masks have no mask
files, and aren't in the lists of ImageSets/Segmentation.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree

import numpy as np

from infgen.formats.label_map import encode_palette_png, label_map
from infgen.formats.settings import Dataset
from infgen.ops.instances import colour_map
from infgen.records.errors import InputError
from infgen.records.sample import Entry, Instance
from infgen.sources import disk

FOLDER = "voc/VOCdevkit/VOC2012"
MOST = 254  # classes, or objects in a picture: 8 bits less 0, the background, and 255, VOC's void

# VOC's annotation guidelines (2009 to 2012): with more than 5 % hidden within its box an object is
# "occluded", with more than 15 to 20 % beyond its box "truncated".
OCCLUDED_BELOW = 0.95
TRUNCATED_BELOW = 0.8


def convert(entry: Entry, dataset: Dataset) -> tuple[str, str, bool]:
    """Write one picture's four files; gives its split, its stem, and whether it has masks.

    Raises InputError when VOC's masks can't hold the picture's objects.
    """
    _check_room(len(entry.objects), "objects", entry.file)
    picture, xml, *masks = (dataset.folder / file for file in files(entry, dataset))
    disk.link_file(dataset.folder / entry.file, picture)
    segmented = _is_segmented(entry, dataset)
    annotation = _annotation(entry, picture.name, class_names(dataset.classes), segmented)
    disk.write_file(xml, annotation)
    if not segmented:
        return entry.split, entry.stem, False
    objects = label_map(entry, range(1, len(entry.objects) + 1))
    classes = np.array([0, *(obj.class_id + 1 for obj in entry.objects)], np.uint8)[objects]
    for file, labels in zip(masks, (objects, classes), strict=True):
        disk.write_file(file, encode_palette_png(labels))
    return entry.split, entry.stem, True


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """A picture, its annotation, and its masks: the objects', the classes'."""
    return (
        f"{FOLDER}/JPEGImages/{entry.stem}{PurePosixPath(entry.file).suffix}",
        f"{FOLDER}/Annotations/{entry.stem}.xml",
        f"{FOLDER}/SegmentationObject/{entry.stem}.png",
        f"{FOLDER}/SegmentationClass/{entry.stem}.png",
    )


def lists(split: str) -> tuple[str, ...]:
    """What there is of a split only if it has pictures, or is train or val."""
    return tuple(f"{FOLDER}/ImageSets/{task}/{split}.txt" for task in ("Main", "Segmentation"))


def _is_segmented(entry: Entry, dataset: Dataset) -> bool:
    """Whether a picture has mask files: one without objects only if all of the dataset has."""
    return not dataset.unmasked or (bool(entry.objects) and all(obj.rle for obj in entry.objects))


def finish(converted: Iterator[tuple[str, str, bool]], dataset: Dataset) -> None:
    """Write the lists of pictures and the label map. A list is there even if it is empty."""
    names = dict.fromkeys(("train", "val", *dataset.splits, "trainval"))
    lists: dict[str, dict[str, list[str]]] = {
        task: {name: [] for name in names} for task in ("Main", "Segmentation")
    }
    for split, stem, segmented in converted:
        for task in ("Main", "Segmentation") if segmented else ("Main",):
            lists[task][split].append(stem)
            if split in ("train", "val"):
                lists[task]["trainval"].append(stem)
    root = dataset.folder / FOLDER
    for task, members in lists.items():
        for name, stems in members.items():
            text = "".join(f"{stem}\n" for stem in stems).encode()
            disk.write_file(root / "ImageSets" / task / f"{name}.txt", text)
    disk.write_file(root / "labelmap.txt", _labelmap(dataset.classes).encode())


@functools.cache
def class_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The names as VOC's files hold them. Colons, line ends and a leading # would break
    labelmap.txt, which has no escapes, and its readers look there for the names in the XML files:
    both get `_` instead.

    Raises InputError when two classes would then be one, or one is VOC's own `background`.
    """
    names = tuple(re.sub(r"^#|[:\x00-\x1f\x7f]", "_", name) for name in classes)
    taken = {"background": "background"}
    for name, original in zip(names, classes, strict=True):
        if name in taken:
            raise InputError(
                f"Pascal VOC can't tell the classes {taken[name]!r} and {original!r} apart (both "
                f"are {name!r} in its label map): rename one, or leave out the voc format"
            )
        taken[name] = original
    return names


def check(classes: tuple[str, ...], objects: int) -> None:
    """Raise InputError for classes that VOC can't hold, too many or equal in its label map, and for
    more `objects` than a picture of it has room for."""
    _check_room(len(classes), "classes", "the dataset")
    _check_room(objects, "objects in a picture", "the dataset")
    class_names(classes)


def _check_room(number: int, what: str, where: str) -> None:
    """Raise InputError for more objects or classes than a VOC mask has values for."""
    if number > MOST:
        raise InputError(
            f"{where}: {number} {what} don't fit into Pascal VOC's 8-bit masks, which hold {MOST}: "
            f"leave out the voc format (coco holds them), or ask for fewer {what}"
        )


def _annotation(entry: Entry, picture: str, names: tuple[str, ...], segmented: bool) -> bytes:
    """The picture's XML file. `picture` is its name in JPEGImages."""
    root = ElementTree.Element("annotation")
    _add(root, folder="VOC2012", filename=picture)
    width, height = entry.size
    _add(ElementTree.SubElement(root, "size"), width=width, height=height, depth=3)
    _add(root, segmented=int(segmented))
    for obj in entry.objects:
        _add_object(root, obj, names[obj.class_id], entry.size)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _add_object(root: ElementTree.Element, obj: Instance, name: str, size: tuple[int, int]) -> None:
    """An <object>. `truncated` says that the box doesn't hold all of the object: it goes on beyond
    the picture's border, or so much is hidden that its box must have shrunk (an Instance doesn't
    tell where the hidden part lies)."""
    x0, y0, x1, y1 = obj.box.xyxy
    at_border = x0 <= 0 or y0 <= 0 or x1 >= size[0] or y1 >= size[1]
    element = ElementTree.SubElement(root, "object")
    _add(
        element,
        name=name,
        pose="Unspecified",
        truncated=int(at_border or obj.visible_frac < TRUNCATED_BELOW),
        occluded=int(obj.visible_frac < OCCLUDED_BELOW),
        difficult=0,
    )
    corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), obj.box.as_voc(), strict=True))
    _add(ElementTree.SubElement(element, "bndbox"), **corners)


def _add(parent: ElementTree.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)


def _labelmap(classes: tuple[str, ...]) -> str:
    """labelmap.txt as datumaro and CVAT read it: each mask value's name and colour, in order."""
    names = ("background", *class_names(classes))
    lines = [
        f"{name}:{red},{green},{blue}::"
        for name, (red, green, blue) in zip(names, colour_map(), strict=False)
    ]
    return "\n".join(["# label:color_rgb:parts:actions", *lines, ""])
