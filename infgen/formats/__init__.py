"""Floor 4: entries into the formats that people train on. Exporters are strangers to each other.

An export has two halves. `convert(entry, dataset)` runs in any process, once per picture that was
made, writes that picture's own files and returns what the index files need of it: small, picklable.
`finish(converted, dataset)` runs once, gets those values in index order as an iterator that can be
read once, and writes the files that speak of the whole dataset. Both write through `sources.disk`,
so a reader never sees half a file and a killed export is mended by running it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infgen.formats import classification, coco, hf, idg, masks, npy, sigtor, voc, yolo
from infgen.formats.settings import Dataset
from infgen.records.sample import Entry


@dataclass(frozen=True)
class Export:
    """A row of EXPORTS. `needs_background`: the pictures' backgrounds must have been kept.
    `needs_masks`: no object may be known by its box only. `takes_crowds`: regions of many objects
    aren't kept from it. `check` gets the class names and the most objects that a picture may hold,
    and raises InputError if the format has no room for them, before any picture is made. `files`
    tells what `convert` writes of a picture, and `lists` what `finish` writes of a split, as paths
    in the dataset: they go where a picture, or a split, is no part of it any more. `first_label` is
    the first class's where the settings name none, in formats whose labels can begin elsewhere."""

    help: str
    convert: Callable[[Entry, Dataset], Any]
    finish: Callable[[Iterator[Any], Dataset], None]
    needs_background: bool = False
    needs_masks: bool = False
    takes_crowds: bool = False
    check: Callable[[tuple[str, ...], int], None] = lambda classes, objects: None
    from_records: bool = False
    beside_images: bool = False
    files: Callable[[Entry, Dataset], tuple[str, ...]] = lambda entry, dataset: ()
    lists: Callable[[str], tuple[str, ...]] = lambda split: ()
    first_label: int | None = None


EXPORTS: dict[str, Export] = {
    "coco": Export(
        "annotations/instances_<split>.json",
        coco.convert,
        coco.finish,
        takes_crowds=True,
        from_records=True,
        lists=coco.lists,
        first_label=coco.FIRST_LABEL,
    ),
    "yolo": Export(
        "labels/<split>/*.txt and data.yaml (Ultralytics)",
        yolo.convert,
        yolo.finish,
        beside_images=True,
        files=yolo.files,
        first_label=yolo.FIRST_LABEL,
    ),
    "voc": Export(
        "voc/VOCdevkit/VOC2012: Pascal VOC XML and masks",
        voc.convert,
        voc.finish,
        check=voc.check,
        files=voc.files,
        lists=voc.lists,
    ),
    "masks": Export(
        "masks/<split>/*.png: instance ids 1..n",
        masks.convert,
        masks.finish,
        needs_masks=True,
        from_records=True,
        files=masks.files,
    ),
    "hf": Export(
        "hf/: Hugging Face imagefolder with masks",
        hf.convert,
        hf.finish,
        needs_masks=True,
        files=hf.files,
        lists=hf.lists,
    ),
    "npy": Export(
        "npy/<i>_y.npy (H, W, classes) beside <i>_x.png and bg_<i>.png",
        npy.convert,
        npy.finish,
        needs_background=True,
        needs_masks=True,
        files=npy.files,
        lists=npy.lists,
    ),
    "sigtor": Export(
        "sigtor/Datasets/Source: SIGtor's text lines and masks",
        sigtor.convert,
        sigtor.finish,
        check=sigtor.check,
        files=sigtor.files,
        lists=sigtor.lists,
    ),
    "idg": Export(
        "idg/Generated_Data/<class>: YOLO text beside each picture, as Image-Data-Generation",
        idg.convert,
        idg.finish,
        files=idg.files,
        lists=idg.lists,
        first_label=idg.FIRST_LABEL,
    ),
    "classification": Export(
        "classification/<split>/<class>: crops of single objects",
        classification.convert,
        classification.finish,
        files=classification.files,
    ),
}
