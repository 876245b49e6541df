"""Pictures read: as they are now, or as they were when they were checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from infgen.ops.instances import values_of_colours
from infgen.records.errors import PictureError
from infgen.records.specs import Picture
from infgen.sources import sidecars
from infgen.sources.pictures.decoding import (
    JPEGS,
    QUARTER_TURNS,
    TURNS,
    as_rgb,
    load,
    opened,
    orientation,
    quiet_pillow,
    read_bytes,
    sha256_of,
    upright,
)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture when upright, from its header alone.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), opened(read_bytes(path)) as image:
        return image.size[::-1] if orientation(image) in QUARTER_TURNS else image.size


def read_any(path: Path) -> np.ndarray:
    """Any picture file as it is now: (H, W, 3) uint8 RGB, upright, on white where transparent.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), opened(read_bytes(path)) as image:
        return np.array(as_rgb(image))


def read_as_it_is(path: Path) -> np.ndarray:
    """Any picture file as it is now, upright: (H, W, 4) uint8 RGBA if it says anything of
    transparency, else (H, W, 3) RGB.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), opened(read_bytes(path)) as image:
        load(image)
        return np.array(upright(image, "RGBA" if image.has_transparency_data else "RGB"))


def read_values(path: Path) -> np.ndarray:
    """A mask file's (H, W) values, uint8 or more: its grey values, its places in a palette, or, of
    one saved in colours, their places in VOC's palette.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), opened(read_bytes(path)) as image:
        load(image)
        if image.mode == "P" or len(image.getbands()) == 1:
            return np.array(image).astype(np.int32)
        return values_of_colours(np.asarray(image.convert("RGB")))


def read_thumbnail(path: Path, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture squeezed to (side, side) uint8 grey, and its full upright (width, height): of JPEGs
    little more than every eighth pixel is decoded.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), opened(read_bytes(path)) as image:
        size = image.size
        turned = orientation(image) in QUARTER_TURNS
        if image.format in JPEGS:
            image.draft("L", (4 * side, 4 * side))
        grey = upright(image, "L").resize((side, side), Image.Resampling.BOX)
        return np.asarray(grey), size[::-1] if turned else size


def read_rgb(picture: Picture) -> np.ndarray:
    """Decode a background: (H, W, 3) uint8 RGB, upright, on white where it is transparent.

    Raises:
        PictureError: the file is gone, broken, or not the one that was checked.
    """
    with _checked(picture) as (data, image):
        if image.format in JPEGS and image.mode in ("RGB", "L") and orientation(image) not in TURNS:
            flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # much the faster one
            if pixels is not None:
                return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
        return np.array(as_rgb(image))


def read_rgba(picture: Picture) -> np.ndarray:
    """Decode a cutout: (H, W, 4) uint8 RGBA, upright, alpha not multiplied in.

    Raises:
        PictureError: the file is gone, broken, or not the one that was checked.
    """
    with _checked(picture) as (_, image):
        return np.array(upright(image, "RGBA"))


def read_ids(picture: Picture) -> np.ndarray:
    """Whose each pixel is of a cutout with `members`, (H, W) uint16: 1 to n, 0 for nobody's.

    Raises:
        PictureError: as read_rgba.
    """
    with _checked(picture):
        return sidecars.read_ids(picture.path)


@contextmanager
def _checked(picture: Picture) -> Iterator[tuple[bytes, Image.Image]]:
    """The bytes of a picture that is still the one that was checked, and the picture opened."""
    try:
        data = read_bytes(picture.path)
        known = sidecars.digest(picture.path, data) if picture.members else sha256_of(data)
        if known != picture.sha256:
            raise ValueError("the file has changed since the run began")
        with quiet_pillow(), opened(data) as image:
            yield data, image
    except ValueError as error:
        raise PictureError(f"{picture.name}: {error}") from error
