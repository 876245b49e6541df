"""What lies beside a cutout of several objects: whose each pixel is, and of which class they are.

table.png       the cutout
table.ids.png   8 or 16 bits a pixel: 1 to n where there is an object, 0 elsewhere
table.json      {"objects": [{"id": 1, "class": "table"}, {"id": 2, "class": "cup"}]}
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

IDS_ENDING, CLASSES_ENDING = ".ids.png", ".json"


class _Object(msgspec.Struct):
    id: int
    name: str = msgspec.field(name="class")


class _File(msgspec.Struct):
    objects: list[_Object]


def is_ids(path: Path) -> bool:
    """Whether a file is beside a cutout, and none itself."""
    return path.name.lower().endswith(IDS_ENDING)


def places(path: Path) -> tuple[Path, Path]:
    """The files of ids and of classes beside a cutout's."""
    return path.with_name(path.stem + IDS_ENDING), path.with_name(path.stem + CLASSES_ENDING)


def digest(path: Path, data: bytes) -> str:
    """The hash of a cutout's bytes and of what is beside it.

    Raises:
        ValueError: a file beside it can't be read.
    """
    ids, classes = places(path)
    if not ids.exists():
        return hash_together(data)
    return hash_together(data, _bytes(ids), _bytes(classes))


def hash_together(*parts: bytes) -> str:
    """The hash of a file's bytes, or of several files'."""
    hashes = [hashlib.sha256(part) for part in parts]
    if len(hashes) == 1:
        return hashes[0].hexdigest()
    return hashlib.sha256(b"".join(one.digest() for one in hashes)).hexdigest()


def encode_ids(ids: np.ndarray) -> bytes:
    """(H, W) uint16 ids as a PNG of no more bits than they need."""
    small = ids.astype(np.uint8) if ids.max() < 256 else ids
    done, data = cv2.imencode(".png", small)
    assert done
    return data.tobytes()


def encode_classes(names: Sequence[str]) -> bytes:
    """The classes of the objects with the ids 1, 2 and so on."""
    objects = [_Object(number, name) for number, name in enumerate(names, 1)]
    return msgspec.json.format(msgspec.json.encode(_File(objects)), indent=1) + b"\n"


def read_members(path: Path, size: tuple[int, int]) -> tuple[str, ...]:
    """The class names of the objects in a cutout of `size` = (width, height), by their ids from 1;
    none if it has nothing beside it.

    Raises:
        ValueError: what is beside it can't be read, or doesn't fit; the text says so.
    """
    ids_path, classes_path = places(path)
    if not ids_path.exists():
        if _names_objects(classes_path):  # pasted as one object, the others would have no label
            raise ValueError(
                f"{ids_path.name} is missing beside it: it says whose each pixel is, of the "
                f"objects that {classes_path.name} names (if it shows only one, delete that, too)"
            )
        return ()
    try:
        objects = msgspec.json.decode(_bytes(classes_path), type=_File).objects
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{classes_path.name} doesn't say whose its ids are ({error}): mend it"
        ) from None
    numbers = sorted(one.id for one in objects)
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(
            f"{classes_path.name} has the ids {numbers}: number its objects from 1, without gaps"
        )
    ids = read_ids(path)
    if ids.shape != size[::-1]:
        raise ValueError(
            f"{ids_path.name} is {ids.shape[1]} x {ids.shape[0]} pixels and the cutout {size[0]} x "
            f"{size[1]}: save both in one size"
        )
    shown = sorted(set(np.unique(ids).tolist()) - {0})
    if shown != numbers:
        raise ValueError(
            f"{ids_path.name} shows the ids {shown}, and {classes_path.name} names {numbers}: mend "
            "one of them"
        )
    return tuple(one.name for one in sorted(objects, key=lambda one: one.id))


def _names_objects(path: Path) -> bool:
    """Whether a JSON file, which may be any program's, is one of ours."""
    try:
        return bool(msgspec.json.decode(path.read_bytes(), type=_File).objects)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False


def read_ids(path: Path) -> np.ndarray:
    """The ids beside a cutout, (H, W) uint16.

    Raises:
        ValueError: they can't be read; the text says so.
    """
    place = places(path)[0]
    data = np.frombuffer(_bytes(place), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None or pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{place.name} isn't a grey PNG of 8 or 16 bits: save it as one")
    return pixels.astype(np.uint16)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"{path.name} is missing beside it: it says of which classes the ids are"
        ) from None
    except OSError as error:
        raise ValueError(f"{path.name} can't be read: {error.strerror or error}") from None
