"""Pairs read from a folder or a table, and looked at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infgen.records.errors import InputError, Problem
from infgen.records.pairs import Pair, Pairs
from infgen.sources.pairs.drafts import judge, stems_of
from infgen.sources.pairs.folder import read_folder
from infgen.sources.pairs.table import read_table
from infgen.sources.pictures import quiet_pillow
from infgen.sources.tables import read_class_names
from infgen.sources.tables.faults import with_clues


def read_pairs(source: Path, classes: Path | None = None) -> tuple[Pairs, list[Problem]]:
    """Read and check the pairs that `source`, a folder or a CSV file, holds: (pairs, warnings).

    `classes` is a classes.csv whose rows name the classes, in the order of their ids, and say which
    of them aren't to be mirrored.

    Raises:
        InputError: with every problem of all files at once.
    """
    names, upright, problems = read_class_names(classes) if classes else ([], [], [])
    reader = read_folder if source.is_dir() else read_table
    drafts, found, warnings, names = reader(source, names)
    problems += found
    with quiet_pillow(), ThreadPoolExecutor() as pool:  # decoding is most of the work
        judged = list(pool.map(judge, drafts))
    problems += [problem for faults in judged for problem in faults]
    if problems:
        raise InputError(with_clues(problems, warnings))
    pairs = [
        Pair(stem, draft.before, draft.after, tuple(draft.wanted))
        for draft, stem in zip(drafts, stems_of(drafts), strict=True)
        if draft.before and draft.after
    ]
    return Pairs(tuple(pairs), tuple(names), tuple(upright)), warnings
