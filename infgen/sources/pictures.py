"""Picture files on the user's disk: found, checked once before the run, decoded once in it."""

from __future__ import annotations

import glob
import hashlib
import os
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from infgen.ops.blend import OPAQUE
from infgen.ops.instances import values_of_colours
from infgen.records.errors import PictureError
from infgen.records.specs import Picture
from infgen.sources import sidecars
from infgen.sources.packs import file_bytes

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
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


# ---- found ---------------------------------------------------------------------------------------


def find_pictures(cell: str, folder: Path) -> list[Path]:
    """The picture files that a CSV cell names: a file, a folder or a glob, relative to `folder`.

    Sorted by name, so that every machine sees the same order; hidden files, and the ids beside
    cutouts of several objects, are passed over.

    Raises:
        ValueError: nothing is there; the text says what was looked for and what to do.
    """
    try:
        return _find(cell, folder)
    except OSError as error:
        raise ValueError(
            f"'{cell}' can't be read ({error.strerror}): check the path and its permissions"
        ) from None


def _find(cell: str, folder: Path) -> list[Path]:
    wanted = _expanded(cell)
    if "\\" in cell and not (folder / wanted).exists():
        wanted = _expanded(cell.replace("\\", "/"))  # written on Windows
    path = folder / wanted
    if path.is_file():
        return [path]
    if path.is_dir():
        found = list(path.iterdir())
        lacking = f"the folder '{cell}' holds no picture"
    elif glob.has_magic(str(wanted)):
        matches = glob.glob(str(wanted), root_dir=folder, recursive=True)  # noqa: PTH207 (no `**`)
        found = [folder / match for match in matches]
        lacking = f"no picture matches '{cell}'"
    else:
        raise ValueError(f"'{cell}' is not there: paths are relative to the CSV, here {folder}")
    pictures = sorted({p for p in found if _is_picture(p)}, key=Path.as_posix)
    if pictures:
        return pictures
    kinds = ", ".join(PICTURE_ENDINGS)
    deeper = "**" not in cell and any(p.is_dir() for p in found)
    remedy = f"for what lies deeper write '{wanted.as_posix()}/**'" if deeper else "mend the path"
    raise ValueError(f"{lacking} ({kinds}): add some, or {remedy}")


def _expanded(cell: str) -> Path:
    try:
        return Path(cell).expanduser()
    except RuntimeError:
        raise ValueError(f"'{cell}' names a home folder that isn't known: write it out") from None


def _is_picture(path: Path) -> bool:
    passed_over = path.name.startswith(".") or sidecars.is_ids(path)
    return path.suffix.lower() in PICTURE_ENDINGS and not passed_over and path.is_file()


def short_name(path: Path, folder: Path) -> str:
    """The name of a picture in plans and records: its path relative to its CSV's folder."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of a Windows machine
        return path.absolute().as_posix()


# ---- checked -------------------------------------------------------------------------------------


def check_picture(path: Path, name: str) -> Picture:
    """Decode a picture far enough to know that all of it is there.

    Raises:
        ValueError: it can't be read, or ends early; the text says so.
    """
    data = _read(path)
    with _opened(data) as image:
        if image.format in JPEGS:
            size = image.size[::-1] if _orientation(image) in QUARTER_TURNS else image.size
            eighth = (max(image.width // 8, 1), max(image.height // 8, 1))
            image.draft(image.mode, eighth)  # all bytes, 1/64 of the work
            _load(image)
        else:
            size = _rgb(image).size
    return Picture(name, path, _hash(data), size)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_upright(path: Path, name: str) -> Picture:
    """As check_picture, for a picture that goes into the dataset as it is.

    Raises:
        ValueError: it can't be read, ends early, or is turned by its EXIF data, which not every
            reader of a dataset heeds.
    """
    picture = check_picture(path, name)
    with _opened(_read(path)) as image:
        if _orientation(image) in TURNS:
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
    data = _read(path)
    with _opened(data) as image:
        _load(image)
        if not image.has_transparency_data:
            raise ValueError(
                "the cutout has no alpha channel: save it as PNG or WebP with a transparent "
                "background"
            )
        rgba = _upright(image, "RGBA")
        if np.asarray(rgba.getchannel("A")).max() < OPAQUE:
            raise ValueError(
                "the cutout is more than half transparent all over, so nothing of it could be "
                "labelled: make its inside opaque, or remove it"
            )
    members = sidecars.read_members(path, rgba.size)
    return Picture(name, path, sidecars.digest(path, data), rgba.size, members)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture when upright, from its header alone.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), _opened(_read(path)) as image:
        return image.size[::-1] if _orientation(image) in QUARTER_TURNS else image.size


def read_any(path: Path) -> np.ndarray:
    """Any picture file as it is now: (H, W, 3) uint8 RGB, upright, on white where transparent.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), _opened(_read(path)) as image:
        return np.array(_rgb(image))


def read_as_it_is(path: Path) -> np.ndarray:
    """Any picture file as it is now, upright: (H, W, 4) uint8 RGBA if it says anything of
    transparency, else (H, W, 3) RGB.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), _opened(_read(path)) as image:
        _load(image)
        return np.array(_upright(image, "RGBA" if image.has_transparency_data else "RGB"))


def read_values(path: Path) -> np.ndarray:
    """A mask file's (H, W) values, uint8 or more: its grey values, its places in a palette, or, of
    one saved in colours, their places in VOC's palette.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), _opened(_read(path)) as image:
        _load(image)
        if image.mode == "P" or len(image.getbands()) == 1:
            return np.array(image).astype(np.int32)
        return values_of_colours(np.asarray(image.convert("RGB")))


def read_thumbnail(path: Path, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture squeezed to (side, side) uint8 grey, and its full upright (width, height): of JPEGs
    little more than every eighth pixel is decoded.

    Raises:
        ValueError: it can't be read; the text says so.
    """
    with quiet_pillow(), _opened(_read(path)) as image:
        size = image.size
        turned = _orientation(image) in QUARTER_TURNS
        if image.format in JPEGS:
            image.draft("L", (4 * side, 4 * side))
        grey = _upright(image, "L").resize((side, side), Image.Resampling.BOX)
        return np.asarray(grey), size[::-1] if turned else size


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings about odd EXIF and large pictures. For one thread at a time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


# ---- decoded -------------------------------------------------------------------------------------


def read_rgb(picture: Picture) -> np.ndarray:
    """Decode a background: (H, W, 3) uint8 RGB, upright, on white where it is transparent.

    Raises:
        PictureError: the file is gone, broken, or not the one that was checked.
    """
    with _checked(picture) as (data, image):
        if (
            image.format in JPEGS
            and image.mode in ("RGB", "L")
            and _orientation(image) not in TURNS
        ):
            flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # much the faster one
            if pixels is not None:
                return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
        return np.array(_rgb(image))


def read_rgba(picture: Picture) -> np.ndarray:
    """Decode a cutout: (H, W, 4) uint8 RGBA, upright, alpha not multiplied in.

    Raises:
        PictureError: the file is gone, broken, or not the one that was checked.
    """
    with _checked(picture) as (_, image):
        return np.array(_upright(image, "RGBA"))


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
        data = _read(picture.path)
        known = sidecars.digest(picture.path, data) if picture.members else _hash(data)
        if known != picture.sha256:
            raise ValueError("the file has changed since the run began")
        with quiet_pillow(), _opened(data) as image:
            yield data, image
    except ValueError as error:
        raise PictureError(f"{picture.name}: {error}") from error


def _rgb(image: Image.Image) -> Image.Image:
    _load(image)
    if not image.has_transparency_data:
        return _upright(image, "RGB")
    rgba = _upright(image, "RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _upright(image: Image.Image, mode: str) -> Image.Image:
    """The decoded picture in `mode`, 8 bits a channel, turned as its EXIF says."""
    _load(image)
    turn = TURNS.get(_orientation(image))
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


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; where there is none or the EXIF is broken, 1, as in viewers."""
    try:
        value = image.getexif().get(ORIENTATION_TAG)
    except Exception:  # Pillow's EXIF parser raises almost anything on broken data
        return 1
    return value if value in TURNS else 1


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
        size = size_of(value)
        self._held[key] = (value, size)
        self._bytes += size
        while self._bytes > self.max_bytes and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self._bytes -= freed
        return value


def _read(path: Path) -> bytes:
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


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(
            "isn't a picture of a known format, or little is left of it: save it again as JPEG, "
            "PNG or WebP, or remove it"
        ) from None
    except Exception as error:  # Pillow's parsers raise almost anything on broken files
        raise _broken(error) from error


def _load(image: Image.Image) -> None:
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
