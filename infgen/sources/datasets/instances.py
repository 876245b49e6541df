"""Labels that are boxes, with an instance mask beside: the masks found and given to the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from infgen.ops.instances import match_instances
from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from infgen.records.labelled import Fault, LabelledObject
from infgen.sources.datasets.common import BAD_MASK
from infgen.sources.pictures import read_values

STRAY_MASK, BEYOND_BOX = "mask of no label", "mask leaves its box"
STRAY_SHARE = 0.0005  # of the picture: less is a slip of the brush
RIM = 5  # pixels that a mask may leave its box: VOC's void rim is as wide


def with_masks(
    objects: Sequence[LabelledObject], mask: Path, size: tuple[int, int]
) -> tuple[tuple[LabelledObject, ...], list[Fault]]:
    """The objects with what the instance mask in a file says of them, and what is wrong with it.

    Objects that it doesn't show stay without a mask. What lies beyond an object's box, but for a
    rim, isn't taken: in VOC's own masks these are slips of the brush and parts of neighbours.
    """
    try:
        values = read_values(mask)
    except ValueError as error:
        return tuple(objects), [Fault(BAD_MASK, f"{mask}: {error}")]
    if values.shape != size[::-1]:
        shape = f"{values.shape[1]} x {values.shape[0]}"
        text = f"{mask}: it is {shape} pixels, its picture {size[0]} x {size[1]}"
        return tuple(objects), [Fault(BAD_MASK, text)]
    taken, left = match_instances(values, [one.box for one in objects])
    faults = []
    for value in left:
        pixels = int((values == value).sum())
        if pixels >= STRAY_SHARE * values.size:
            text = f"{mask}: the {pixels} pixels of value {value} fit no label's box"
            faults.append(Fault(STRAY_MASK, text))
    masked = []
    for one, value in zip(objects, taken, strict=True):
        if value:
            kept, beyond = _within(values == value, one.box)
            one = msgspec.structs.replace(one, rle=encode_rle(kept))
            if beyond:
                text = f"{mask}: {beyond} pixels of value {value} lie beyond their box"
                faults.append(Fault(BEYOND_BOX, text))
        masked.append(one)
    return tuple(masked), faults


def _within(mask: np.ndarray, box: Box) -> tuple[np.ndarray, int]:
    """(H, W) bool `mask` in its box and the rim around it, and how many pixels aren't."""
    kept = np.zeros_like(mask)
    x0, y0 = (max(int(edge) - RIM, 0) for edge in (box.x0, box.y0))
    part = np.s_[y0 : int(box.y1) + RIM + 1, x0 : int(box.x1) + RIM + 1]
    kept[part] = mask[part]
    return kept, int(np.count_nonzero(mask) - np.count_nonzero(kept))
