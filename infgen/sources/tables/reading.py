"""Both tables read as a whole, with the pictures that they name."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infgen.records.errors import InputError, Problem
from infgen.records.specs import ClassSpec, Request
from infgen.sources.pictures import quiet_pillow
from infgen.sources.tables.backgrounds import specs_of_backgrounds
from infgen.sources.tables.checker import PictureChecker
from infgen.sources.tables.classes import specs_of_classes


def read_request(
    backgrounds: Path,
    classes: Path,
    canvas: tuple[int, int],
    known: Mapping[str, str] | None = None,
) -> tuple[Request, list[Problem]]:
    """Read and check both tables and every picture they name: (request, warnings).

    `canvas` is the final pictures' (width, height), against which sizes are checked. `known` are
    the classes, with their prompts, of a dataset that is added to: rows without a name that have
    such a prompt are these classes.

    Raises:
        InputError: with every problem of both files at once, in file order.
    """
    with quiet_pillow(), ThreadPoolExecutor() as pool:  # decoding is most of the work
        checker = PictureChecker(pool)
        scenes, scene_problems, scene_warnings = specs_of_backgrounds(backgrounds, checker)
        objects, class_problems, class_warnings = specs_of_classes(classes, canvas, checker, known)
    problems = scene_problems + class_problems
    if problems:
        raise InputError(problems)
    return Request(tuple(scenes), tuple(objects)), scene_warnings + class_warnings


def read_classes(path: Path, canvas: tuple[int, int]) -> tuple[list[ClassSpec], list[Problem]]:
    """Read and check classes.csv alone: (classes, warnings); `canvas` as in read_request.

    Raises:
        InputError: with every problem at once, in file order.
    """
    with quiet_pillow(), ThreadPoolExecutor() as pool:
        specs, problems, warnings = specs_of_classes(path, canvas, PictureChecker(pool))
    if problems:
        raise InputError(problems)
    return specs, warnings
