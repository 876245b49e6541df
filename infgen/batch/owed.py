"""Formats that aren't whole, or not in step with their dataset: they are noted before anything of
them is written or changes, and whoever next writes formats writes them, too, as was asked for.

unfinished-formats.json    format -> the settings to write it with; not there where none is owed
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from infgen.formats.settings import ExportSettings
from infgen.records.errors import FolderError
from infgen.records.manifest import Manifest
from infgen.sources.datasets.made import MANIFEST
from infgen.sources.disk import told, write_file

FILE = "unfinished-formats.json"


def settings_of(manifest: Manifest, name: str = "") -> ExportSettings:
    """How the format of this name was written, or those of the manifest's own settings."""
    return settings_in(manifest.settings | manifest.written.get(name, {}), MANIFEST)


def settings_in(values: Mapping[str, Any], file: str) -> ExportSettings:
    """How formats are written, among the values in a `file` of the dataset.

    Raises:
        FolderError: they aren't as infgen wrote them.
    """
    try:
        return msgspec.convert(values, ExportSettings)
    except msgspec.ValidationError as error:
        raise FolderError(
            f"the dataset's {file} isn't as infgen wrote it ({error}): put back a copy of it"
        ) from None


def as_written(manifest: Manifest) -> dict[str, ExportSettings]:
    """Every format of a finished dataset, with how it was written."""
    return {name: settings_of(manifest, name) for name in manifest.formats}


def owe(folder: Path, formats: Mapping[str, ExportSettings]) -> None:
    """Write down that these formats are to be written, beside those that are to be already.

    Raises:
        StorageError: the disk refused.
    """
    if formats:
        write_file(folder / FILE, msgspec.json.encode({**owed(folder), **formats}))


def owed(folder: Path) -> dict[str, ExportSettings]:
    """The formats that are to be written, and how.

    Raises:
        FolderError: what is written of it isn't as infgen wrote it.
    """
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, ExportSettings])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise FolderError(
            f"{path} isn't as infgen wrote it ({error}): delete it, and export again"
        ) from None


def paid(folder: Path) -> None:
    """All of them are there."""
    with told(folder / FILE):
        (folder / FILE).unlink(missing_ok=True)
