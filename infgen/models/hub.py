"""Where a model is: in a folder, in the hub's cache, or on the hub; and what it lacks.

Reads names, sizes and small JSON files only. Imports no torch, and the hub's client only where a
hub id has to be looked up.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from infgen.models.files import CARD, INDEX, MAKERS, MARKS, Need, choose_files
from infgen.models.presets import TINY_FOLDER
from infgen.records.errors import InputError

TIMEOUT = 10  # seconds that the hub may take to answer a question


@dataclass(frozen=True)
class Found:
    """The answer. `folder` holds all `files` unless `where` is "hub" (then `size` bytes are to be
    fetched). `index` and `configs` are what the small files of CONFIGS among them say (by their
    names), wherever they are. `problem` says why the model can't be had, if so; then nothing else
    counts but, where there are some, `configs`."""

    need: Need
    folder: Path = Path()
    where: Literal["folder", "cache", "hub"] = "folder"
    files: tuple[str, ...] = ()
    size: int = 0
    index: Mapping[str, Any] = field(default_factory=dict)
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    revision: str | None = None
    licence: str = ""
    problem: str = ""


def is_path(source: str) -> bool:
    """Whether the text means a folder rather than a hub id (owner/name)."""
    if source.startswith((".", "/", "~", "\\")) or source.count("/") > 1 or "\\" in source:
        return True
    try:
        return Path(source).exists()
    except OSError:  # no file can have such a name
        return False


def find(need: Need, half: bool) -> Found:
    """Look a model up; `half` prefers 16-bit files where a model has them. Never downloads more
    than the index and CONFIGS. First the cache is asked, so a model that was used once needs no
    network."""
    if is_path(need.source):
        return _in_folder(need, Path(need.source).expanduser(), half)
    cached = _in_cache(need, half)
    return cached if cached and not cached.problem else _on_hub(need, half, partly=bool(cached))


def find_here(need: Need, half: bool) -> Found | None:
    """The same without asking the hub; None where not all of the model is on this disk."""
    if is_path(need.source):
        found: Found | None = _in_folder(need, Path(need.source).expanduser(), half)
    else:
        found = _in_cache(need, half)
    return found if found and not found.problem else None


def fetch(found: Found) -> Path:
    """The folder with the model's files, downloaded if they aren't there yet: of the revision that
    was found, though the branch may have moved on since.

    Raises:
        InputError: the download failed.
    """
    if found.where != "hub":
        return found.folder
    from huggingface_hub import HfApi

    try:
        folder = HfApi().snapshot_download(
            found.need.source, revision=found.revision, allow_patterns=list(found.files)
        )
    except Exception as error:  # the hub's, the network's or the disk's: all mean no model
        raise InputError(f"{found.need.source}: {_trouble(found.need, error)}") from None
    if not all((Path(str(folder)) / name).exists() for name in found.files):
        # what the client makes of a hub that fails between two questions
        raise InputError(f"{found.need.source}: downloaded only in part: try again")
    _remember(found, Path(str(folder)))
    return Path(str(folder))


def _remember(found: Found, snapshot: Path) -> None:
    """Note in the cache that the branch stands for what was fetched, as the client does when it is
    asked for a branch: so it is found without the network."""
    branch = found.need.revision or "main"
    if branch != found.revision and found.revision:
        note = snapshot.parent.parent / "refs" / branch
        with suppress(OSError):  # a cache that others keep
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(found.revision)


def space_lacking(found: Iterable[Found]) -> str:
    """A sentence when the disk of the hub's cache can't hold what is to be fetched, else empty."""
    size = sum(one.size for one in found if one.where == "hub")
    if not size:
        return ""
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size <= free:
        return ""
    return (
        f"{size / 1e9:.1f} GB are to be downloaded to {place}, where {free / 1e9:.1f} GB are free: "
        "make room, or set HF_HOME to a folder on a larger disk"
    )


_NO_TINY = "its weights, a part of infgen, are missing: install infgen again"


def _in_folder(need: Need, folder: Path, half: bool) -> Found:
    if folder.is_file():
        text = f"a file, where a folder in {MAKERS[need.kind]}' format is needed"
        if need.kind == "pipeline":
            text += " (diffusers' from_single_file and save_pretrained make one of it)"
        return Found(need, problem=text)
    if not folder.is_dir():
        return Found(need, problem=_NO_TINY if folder == TINY_FOLDER else "there is no such folder")
    if not (folder / MARKS[need.kind]).is_file():
        return Found(need, problem=_unmarked(need))
    return _judge(need, folder, "folder", half)


def _unmarked(need: Need) -> str:
    return f"no {MAKERS[need.kind]} model: it has no {MARKS[need.kind]}"


def _in_cache(need: Need, half: bool) -> Found | None:
    """The model as an earlier download left it; None without any."""
    from huggingface_hub import try_to_load_from_cache

    try:
        path = try_to_load_from_cache(need.source, MARKS[need.kind], revision=need.revision)
    except ValueError:  # not an id at all; the hub's client says it better
        return None
    return _judge(need, Path(path).parent, "cache", half) if isinstance(path, str) else None


def _judge(need: Need, folder: Path, where: Literal["folder", "cache"], half: bool) -> Found:
    """What a folder on this disk is good for."""
    name = INDEX
    try:
        index = _table(folder / INDEX) if need.kind == "pipeline" else {}
        names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        chosen = choose_files(names, need, index, half)
        configs = {}
        for name in chosen.small:
            configs[name] = _table(folder / name)
    except (OSError, ValueError) as error:
        return Found(need, problem=f"its {name} can't be read: {error}")
    problem = f"incomplete: it lacks {', '.join(chosen.lacking)}" if chosen.lacking else ""
    revision = folder.name if where == "cache" else None
    return Found(need, folder, where, tuple(chosen.files), 0, index, configs, revision,
                 _licence_of(folder), problem)  # fmt: skip


def _table(file: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises ValueError where it holds something else."""
    table = json.loads(file.read_bytes())
    if not isinstance(table, dict):
        raise ValueError(f"it holds a {type(table).__name__} instead of named values")
    return table


def _another(need: Need) -> str:
    """Which other revision of it the cache holds, and how to take that."""
    from huggingface_hub import constants

    if need.revision and MAKERS[need.kind] == "transformers":
        return ""  # a dataset was begun with that very one
    repository = Path(constants.HF_HUB_CACHE) / f"models--{need.source.replace('/', '--')}"
    main = repository / "refs" / "main"
    for snapshot in sorted(repository.glob("snapshots/*")):
        if snapshot.name == need.revision or _judge(need, snapshot, "cache", half=True).problem:
            continue
        if need.revision and main.is_file() and main.read_text() == snapshot.name:
            return " (but another revision is: name the model by its id instead of the preset)"
        if need.kind not in ("weights", "lora"):
            return f" (but another revision is: give its folder, {snapshot})"
    return ""


def _licence_of(folder: Path) -> str:
    """The licence that a model card's header names, if there is a card."""
    card = folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace")[:4000] if card.is_file() else ""
    match = re.search(r"^license(?:_name)?:\s*(\S.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _on_hub(need: Need, half: bool, partly: bool) -> Found:
    """Ask the hub. `partly`: the cache holds some of the files, so that is no typo."""
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        info = api.model_info(
            need.source, revision=need.revision, files_metadata=True, timeout=TIMEOUT
        )
        if info.gated:
            api.auth_check(need.source)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}

        def read(name: str) -> dict[str, Any]:
            path = api.hf_hub_download(need.source, name, revision=info.sha, etag_timeout=TIMEOUT)
            content = _table(Path(path))
            return content

        index = read(INDEX) if need.kind == "pipeline" else {}
        chosen = choose_files(sizes, need, index, half)
        configs = {name: read(name) for name in chosen.small}
    except Exception as error:  # whatever it is, it means no model; the sentence says which
        return Found(need, problem=_trouble(need, error, partly))
    problem = f"the hub's copy lacks {', '.join(chosen.lacking)}" if chosen.lacking else ""
    licence = str((info.card_data or {}).get("license") or "")
    size = sum(sizes.get(name, 0) for name in chosen.files)
    return Found(
        need, Path(), "hub", tuple(chosen.files), size, index, configs, info.sha, licence, problem
    )


def _trouble(need: Need, error: Exception, partly: bool = False) -> str:
    """What went wrong with the hub, and what to do about it."""
    from huggingface_hub import constants, errors

    source = need.source
    cache = ("only partly in the cache" if partly else "not in the cache") + _another(need)
    if isinstance(error, errors.GatedRepoError):
        page = f"{constants.ENDPOINT}/{source}"
        return f"gated: accept its licence on {page}, then log in with 'hf auth login'"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has lost the revision that infgen pins: download it and give its folder"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such model (or a private one: log in with 'hf auth login')"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return f"{cache}, and the hub can't be reached: check the network"
    if isinstance(error, errors.EntryNotFoundError):
        return _unmarked(need)
    if isinstance(error, errors.HFValidationError):
        preset = "" if MAKERS[need.kind] == "transformers" else "a preset, nor "
        return f"neither {preset}a hub id (owner/name), nor a folder"
    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", "?")
        return f"{cache}, and the hub answers with error {status}: try again later"
    if isinstance(error, errors.OfflineModeIsEnabled):
        how = "run once without it, or copy the model here and give its folder"
        return f"{cache}, and HF_HUB_OFFLINE is set: {how}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full: make room, or set HF_HOME to a folder on a larger one"
    how = "check the network, or copy the model here and give its folder"
    return f"{cache}, and the hub can't be reached ({type(error).__name__}): {how}"
