"""Pictures checked once, before the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from infgen.ops.blend import OPAQUE
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
    read_bytes,
    sha256_of,
    upright,
)


def check_picture(path: Path, name: str) -> Picture:
    """Decode a picture far enough to know that all of it is there.

    Raises:
        ValueError: it can't be read, or ends early; the text says so.
    """
    data = read_bytes(path)
    with opened(data) as image:
        if image.format in JPEGS:
            size = image.size[::-1] if orientation(image) in QUARTER_TURNS else image.size
            eighth = (max(image.width // 8, 1), max(image.height // 8, 1))
            image.draft(image.mode, eighth)  # all bytes, 1/64 of the work
            load(image)
        else:
            size = as_rgb(image).size
    return Picture(name, path, sha256_of(data), size)


def check_upright(path: Path, name: str) -> Picture:
    """As check_picture, for a picture that goes into the dataset as it is.

    Raises:
        ValueError: it can't be read, ends early, or is turned by its EXIF data, which not every
            reader of a dataset heeds.
    """
    picture = check_picture(path, name)
    with opened(read_bytes(path)) as image:
        if orientation(image) in TURNS:
            raise ValueError(
                "its EXIF data turn the picture, and it is to be copied as it is: save it upright"
            )
    return picture


def check_cutout(path: Path, name: str) -> Picture:
    """As check_picture, for a picture whose alpha channel is the object's outline.

    Raises:
        ValueError: unreadable, without alpha, nowhere more than half opaque, or with something
            beside it that doesn't fit.
    """
    data = read_bytes(path)
    with opened(data) as image:
        load(image)
        if not image.has_transparency_data:
            raise ValueError(
                "the cutout has no alpha channel: save it as PNG or WebP with a transparent "
                "background"
            )
        rgba = upright(image, "RGBA")
        if np.asarray(rgba.getchannel("A")).max() < OPAQUE:
            raise ValueError(
                "the cutout is more than half transparent all over, so nothing of it could be "
                "labelled: make its inside opaque, or remove it"
            )
    members = sidecars.read_members(path, rgba.size)
    return Picture(name, path, sidecars.digest(path, data), rgba.size, members)
