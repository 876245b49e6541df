"""Pillow with its surprises told as sentences, and pictures upright in the colours wanted."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from infgen.sources.packs import file_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # by Pillow's names
JPEGS = ("JPEG", "MPO")  # MPO: JPEGs of some phones, with a second picture behind

ORIENTATION_TAG = 0x0112
TURNS = {  # EXIF orientation: what turns the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUARTER_TURNS = (5, 6, 7, 8)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings about odd EXIF and large pictures. For one thread at a time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises ValueError where there are none."""
    try:
        data = file_bytes(path)
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(
            f"can't be read ({reason}): check that it is there and may be read"
        ) from None
    if not data:
        raise ValueError("the file is empty: replace or remove it")
    return data


def sha256_of(data: bytes) -> str:
    """By what pictures are known to be the same."""
    return hashlib.sha256(data).hexdigest()


def opened(data: bytes) -> Image.Image:
    """The picture in these bytes, not decoded yet. Raises ValueError if there is none."""
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(
            "isn't a picture of a known format, or little is left of it: save it again as JPEG, "
            "PNG or WebP, or remove it"
        ) from None
    except Exception as error:  # Pillow's parsers raise almost anything on broken files
        raise _broken(error) from error


def load(image: Image.Image) -> None:
    """Decode all of it. Raises ValueError for one that is broken."""
    try:
        image.load()
    except Exception as error:  # and so do its decoders
        raise _broken(error) from error


def _broken(error: Exception) -> ValueError:
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        return ValueError(f"the picture has more than {most} megapixels: scale it down")
    reason = str(error) or type(error).__name__
    return ValueError(f"the picture is broken or cut short ({reason}): replace or remove it")


def as_rgb(image: Image.Image) -> Image.Image:
    """The picture upright in RGB, on white where it is transparent."""
    load(image)
    if not image.has_transparency_data:
        return upright(image, "RGB")
    rgba = upright(image, "RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def upright(image: Image.Image, mode: str) -> Image.Image:
    """The decoded picture in `mode`, 8 bits a channel, turned as its EXIF says."""
    load(image)
    turn = TURNS.get(orientation(image))
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("the picture has 32 bits a channel: save it with 8")
    try:
        image = image.convert(mode)
    except ValueError as error:
        raise ValueError(
            f"the picture has an odd kind of colours ({error}): save it as RGB"
        ) from None
    return image if turn is None else image.transpose(turn)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; where there is none or the EXIF is broken, 1, as in viewers."""
    try:
        value = image.getexif().get(ORIENTATION_TAG)
    except Exception:  # Pillow's EXIF parser raises almost anything on broken data
        return 1
    return value if value in TURNS else 1
