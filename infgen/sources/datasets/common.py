"""What the readers of all formats share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from infgen.ops.rle import decode_rle, encode_rle, lengths_of, rle_extent
from infgen.records.box import Box
from infgen.records.errors import InputError, Problem
from infgen.records.labelled import Fault, LabelledPicture
from infgen.records.manifest import Manifest

EMPTY_BOX, BAD_ROW, UNKNOWN_CLASS = "empty box", "label that can't be read", "unknown class"
MISSING_PICTURE, BAD_PICTURE = "missing picture", "picture that can't be read"
WRONG_SIZE, BAD_MASK, STRAY_LABEL = "wrong size", "mask that can't be read", "label of no picture"
NO_LABEL_FILE = "no label file"

FARTHEST = 1e6  # pixels: pycocotools walks along every edge of a polygon, pixel by pixel
_RUN_LENGTHS = re.compile(r"(?!.*[P-o]{7})[0-o]*[0-O]")  # COCO's compressed text, as in ops/rle


@dataclass(frozen=True)
class LabelledDataset:
    """A dataset that was opened. `kind` is a key of READERS, class ids are positions in `classes`,
    `count` is its number of pictures, and `faults` are those that belong to no picture. `made` is
    the manifest of a dataset that infgen made, `upright` the classes of which it is known that they
    aren't to be mirrored.

    `pictures()` reads labels as it goes, in an order that is always the same: never more than one
    picture's labels are unpacked at a time.
    """

    place: Path
    kind: str
    classes: tuple[str, ...]
    count: int
    pictures: Callable[[], Iterator[LabelledPicture]]
    faults: tuple[Fault, ...] = ()
    made: Manifest | None = None
    upright: tuple[str, ...] = ()


def unreadable(path: Path, why: object) -> InputError:
    """The sentence for an index file that can't be understood."""
    return InputError(Problem(f"can't be read as a dataset: {why}", str(path)))


def box_from(corners: Sequence[Any]) -> Box | None:
    """The box with these xyxy corners; None if they are no four finite numbers or it is empty."""
    try:
        x0, y0, x1, y1 = (float(value) for value in corners)
        return Box(x0, y0, x1, y1)
    except (TypeError, ValueError):
        return None


def rle_of_polygons(polygons: Sequence[Any], size: tuple[int, int]) -> str:
    """The union of flat polygons (x, y, x, y, ... in pixels) as compressed run lengths.

    Raises:
        ValueError: one of them has fewer than three points, or what can't be a pixel's place.
    """
    width, height = size
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError("a polygon has fewer than three points, or half a point")
        if not all(isinstance(v, int | float) and abs(v) <= FARTHEST for v in polygon):
            raise ValueError(
                f"a polygon holds something that isn't a number, or is beyond {FARTHEST:,.0f}"
            )
    parts = coco_mask.frPyObjects([list(map(float, p)) for p in polygons], height, width)
    return str(coco_mask.merge(parts)["counts"], "ascii")


def rle_of_counts(counts: Any, shape: Any, size: tuple[int, int]) -> str:
    """Run lengths as COCO gives them, a list or compressed text, as compressed text.

    Raises:
        ValueError: they aren't of a picture of this size.
    """
    width, height = size
    if shape != [height, width]:
        raise ValueError(f"its run lengths are for height and width {shape}, not {[height, width]}")
    packed = isinstance(counts, str) and _RUN_LENGTHS.fullmatch(counts)
    if not packed and not isinstance(counts, list):
        raise ValueError("its run lengths are neither a list nor COCO's text")
    if not packed and not all(isinstance(v, int) for v in counts):
        raise ValueError("its run lengths aren't whole numbers")
    lengths = lengths_of(counts) if packed else np.array(counts)
    if (lengths < 0).any() or lengths.sum() != width * height:
        raise ValueError("its run lengths don't add up to the picture")
    if not packed:
        rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        counts = str(rle["counts"], "ascii")
    if not lengths[1:].all():  # allowed, but pycocotools then errs when it looks for a box
        return encode_rle(decode_rle(counts, size))
    return str(counts)


def masks_overlap(rles: Sequence[str], size: tuple[int, int]) -> bool:
    """Whether any pixel belongs to more than one of these masks, without unpacking them."""
    if len(rles) < 2:
        return False
    packed = [{"size": [size[1], size[0]], "counts": rle} for rle in rles]
    areas = (int(coco_mask.area(one)) for one in packed)  # pycocotools takes no more than 255
    return int(coco_mask.area(coco_mask.merge(packed))) < sum(areas)


def rle_box(rle: str, size: tuple[int, int]) -> Box | None:
    """The tight box of a mask, without unpacking it; None when it has no pixels."""
    return box_from(rle_extent(rle, size))
