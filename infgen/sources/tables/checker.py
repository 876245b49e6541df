"""The pictures that cells name, each checked once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infgen.records.specs import Picture
from infgen.sources.pictures import find_pictures, short_name

Judge = Callable[[Path, str], Picture]
Answer = tuple[tuple[Picture, ...], tuple[str, ...]]  # pictures, and what is wrong with others


class PictureChecker:
    """Checks the files that cells name, each once, several at a time."""

    def __init__(self, pool: ThreadPoolExecutor):
        self._pool = pool
        self._answers: dict[tuple[str, Path, Judge], Answer] = {}
        self._known: dict[tuple[Path, Judge], Picture | ValueError] = {}

    def check(self, cell: str, folder: Path, judge: Judge) -> Answer:
        """The pictures a cell names, and what is wrong with it or with any of them."""
        key = (cell, folder, judge)
        if key not in self._answers:
            self._answers[key] = self._check(*key)
        return self._answers[key]

    def _check(self, cell: str, folder: Path, judge: Judge) -> Answer:
        try:
            paths = find_pictures(cell, folder)
        except ValueError as error:
            return (), (str(error),)
        fresh = [path for path in paths if (path, judge) not in self._known]
        results = self._pool.map(lambda p: _try(judge, p, short_name(p, folder)), fresh)
        self._known.update({(p, judge): r for p, r in zip(fresh, results, strict=True)})
        found = [self._known[path, judge] for path in paths]
        faults = (
            f"{short_name(path, folder)}: {result}"
            for path, result in zip(paths, found, strict=True)
            if isinstance(result, ValueError)
        )
        return tuple(p for p in found if isinstance(p, Picture)), tuple(faults)


def _try(judge: Judge, path: Path, name: str) -> Picture | ValueError:
    try:
        name.encode()
        return judge(path, name)
    except UnicodeEncodeError:
        return ValueError("the file's name isn't UTF-8, so no record can hold it: rename the file")
    except ValueError as error:
        return error
