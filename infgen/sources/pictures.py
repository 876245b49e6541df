"""Picture files on the user's disk: found, checked once before the run, decoded once in it."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from infgen.records.errors import PictureError
from infgen.records.specs import Picture

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
ORIENTATION_TAG, QUARTER_TURNS = 0x0112, (5, 6, 7, 8)


def find_pictures(cell: str, folder: Path) -> list[Path]:
    """The picture files that a CSV cell names: a file, a folder or a glob, relative to `folder`.

    Sorted by name, so that every machine sees the same order; hidden files are passed over.

    Raises:
        ValueError: nothing is there; the text says what was looked for and what to do.
    """
    path = folder / Path(cell).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = list(path.iterdir())
        lacking = f"the folder '{cell}' holds no picture"
    elif glob.has_magic(cell):
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]
        lacking = f"no picture matches '{cell}'"
    else:
        raise ValueError(f"'{cell}' is not there: paths are relative to the CSV, here {folder}")
    pictures = sorted(
        (
            p
            for p in found
            if p.suffix.lower() in PICTURE_ENDINGS and p.is_file() and p.name[0] != "."
        ),
        key=lambda p: p.as_posix(),
    )
    if not pictures:
        raise ValueError(f"{lacking} ({', '.join(PICTURE_ENDINGS)}): add some or mend the path")
    return pictures


def short_name(path: Path, folder: Path) -> str:
    """The name of a picture in plans and records: its path relative to its CSV's folder."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of a Windows machine
        return path.absolute().as_posix()


def check_picture(path: Path, name: str) -> Picture:
    """Decode a picture far enough to know that all of it is there.

    Raises:
        ValueError: it can't be read, or ends early; the text says so.
    """
    data = _read(path)
    with _opened(data) as image:
        size = image.size
        if image.getexif().get(ORIENTATION_TAG) in QUARTER_TURNS:
            size = size[::-1]
        image.draft(
            image.mode, (image.width // 8, image.height // 8)
        )  # all bytes, 1/64 of the work
        _load(image)
    return Picture(name, path, hashlib.sha256(data).hexdigest(), size)


def check_cutout(path: Path, name: str) -> Picture:
    """As check_picture, for a picture whose alpha channel is the object's outline.

    Raises:
        ValueError: unreadable, without alpha, or nowhere more than half opaque.
    """
    data = _read(path)
    with _opened(data) as image:
        _load(image)
        if "A" not in image.getbands() and "transparency" not in image.info:
            raise ValueError(
                "the cutout has no alpha channel: save it as PNG or WebP with a transparent "
                "background"
            )
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.max() < 128:
            raise ValueError("the cutout is transparent all over: nothing of it could be seen")
        size = ImageOps.exif_transpose(image).size
    return Picture(name, path, hashlib.sha256(data).hexdigest(), size)


def read_rgb(picture: Picture) -> np.ndarray:
    """Decode a background: (H, W, 3) uint8 RGB, upright.

    Raises:
        PictureError: the file is gone, broken, or not the one that was checked.
    """
    data = _unchanged(picture)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is not None and pixels.shape[1::-1] == picture.size:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    with _opened(data) as image:  # what OpenCV can't read, or doesn't turn upright
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def read_rgba(picture: Picture) -> np.ndarray:
    """Decode a cutout: (H, W, 4) uint8 RGBA, upright, alpha not multiplied in.

    Raises:
        PictureError: the file is gone, broken, or not the one that was checked.
    """
    with _opened(_unchanged(picture)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))


class PictureCache:
    """Decoded pictures, the least recently used ones dropped beyond `max_bytes`.

    A single picture larger than the bound is kept while it is the only one.
    """

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Any], size_of: Callable[[Any], int]) -> Any:
        """The value under `key`, made by `make()` if it isn't held."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        value = make()
        self._held[key] = (value, size_of(value))
        self._bytes += size_of(value)
        while self._bytes > self.max_bytes and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self._bytes -= freed
        return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror or error}") from error


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a picture that can be read: {_reason(error)}") from error


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise almost anything on broken files
        raise ValueError(
            f"the picture is broken or cut short ({_reason(error)}): replace or remove it"
        ) from error


def _reason(error: Exception) -> str:
    return "unknown format" if "BytesIO" in str(error) else str(error) or type(error).__name__


def _unchanged(picture: Picture) -> bytes:
    try:
        data = picture.path.read_bytes()
    except OSError as error:
        raise PictureError(f"{picture.name}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        raise PictureError(f"{picture.name}: the file has changed since the run began")
    return data
