"""marks.json: the pictures of a dataset that somebody found bad, by index, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from infgen.records.errors import FolderError
from infgen.sources.disk import remove_file, write_file

FILE = "marks.json"


def read_marks(folder: Path) -> dict[int, str]:
    """The indices of marked pictures, in order, and the reason for each, which may be empty.

    Raises:
        FolderError: marks.json isn't as infgen wrote it.
    """
    path = folder / FILE
    try:
        marks = msgspec.json.decode(path.read_bytes(), type=dict[int, str])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise FolderError(f"{path} isn't as infgen wrote it ({error}): put back a copy of it, or "
                          "delete it and mark anew") from None  # fmt: skip
    return dict(sorted(marks.items()))


def write_marks(folder: Path, marks: Mapping[int, str]) -> None:
    """Write all marks of the dataset in a folder; without any there is no file.

    Raises:
        StorageError: the disk refused.
    """
    path = folder / FILE
    if marks:
        text = json.dumps(dict(sorted(marks.items())), indent=1, ensure_ascii=False)
        write_file(path, text.encode() + b"\n")
    else:
        remove_file(path)
