"""The boxes that were asked for, where an .npy file holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from infgen.records.box import Box
from infgen.records.errors import Problem

Key = tuple[str, str]  # a file's set ("" for none), and its number in it


class Asked(NamedTuple):
    """What an .npy file asks for: the pictures' (width, height), the number of channels, and boxes
    with their channels."""

    size: tuple[int, int]
    channels: int
    boxes: list[tuple[int, Box]]


def read_all_asked(paths: Mapping[Key, Path]) -> tuple[dict[Key, Asked], list[Problem]]:
    """What these files ask for, as far as they can be read, and what is wrong with the others."""
    arrays, problems = {}, []
    for key, path in paths.items():
        try:
            arrays[key] = _read_asked(path)
        except ValueError as error:
            problems.append(Problem(str(error), str(path)))
    return arrays, problems


def _read_asked(path: Path) -> Asked:
    """A box for each connected part of each channel: boxes that touch can't be told apart."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "it isn't an array that numpy has saved"
        raise ValueError(f"can't be read ({reason}): replace or remove it") from None
    is_array = isinstance(array, np.ndarray)
    if not is_array or array.ndim not in (2, 3) or array.dtype.kind not in "bui" or not array.size:
        held = f"{array.dtype} of shape {array.shape}" if is_array else "several arrays"
        raise ValueError(
            f"holds {held}: bool of shape (height, width, classes) belongs there: replace or "
            "remove it"
        )
    planes = (array if array.ndim == 3 else array[..., None]) != 0
    boxes = []
    for channel in range(planes.shape[2]):
        plane = np.ascontiguousarray(planes[..., channel]).view(np.uint8)
        _, _, parts, _ = cv2.connectedComponentsWithStats(plane, connectivity=8)
        for x, y, width, height, _ in parts[1:].tolist():
            boxes.append((channel, Box(x, y, x + width, y + height)))
    return Asked((planes.shape[1], planes.shape[0]), planes.shape[2], boxes)
