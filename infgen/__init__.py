"""infgen: two CSV files in, a labelled detection and segmentation dataset of any size out.

    import infgen
    infgen.run(backgrounds="background.csv", classes="classes.csv", images=100)

The verbs are those of the command line; their keyword arguments are its options. `infgen.Dataset`
reads any dataset for training. Importing infgen loads nothing else until something is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infgen.batch.reporter import Reporter
    from infgen.learn.dataset import Dataset
    from infgen.records.manifest import Manifest
    from infgen.records.plan import ImagePlan
    from infgen.report.audit.agreement import Estimate
    from infgen.report.audit.findings import Audit

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "audit",
    "bank",
    "convert",
    "cutouts",
    "export",
    "mark",
    "merge",
    "plan",
    "preview",
    "relabel",
    "report",
    "run",
]


def __getattr__(name: str) -> Any:
    """`infgen.Dataset`, loaded when it is asked for."""
    if name == "Dataset":
        from infgen.learn.dataset import Dataset

        return Dataset
    raise AttributeError(f"module 'infgen' has no attribute '{name}'")


class _Package(ModuleType):
    """This package. Importing a folder of it would put that where a verb of the same name is."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def run(
    *, config: str | Path | None = None, reporter: Reporter | None = None, **settings: Any
) -> Manifest:
    """Make a dataset, or go on with one that was interrupted, and return its manifest.

    `settings` are the options of `infgen run` by name (`backgrounds`, `classes`, `out`, `images`,
    `max_overlap`, ...); `config` is a file of them, over which they win. Failed pictures are listed
    in the manifest's `failures`.

    Raises:
        infgen.records.errors.InfgenError: with one clear sentence for each thing that is wrong.
    """
    from infgen.batch import runner

    return runner.run(_settings(config, settings), reporter)


def plan(*, config: str | Path | None = None, **settings: Any) -> Iterator[ImagePlan]:
    """Every picture's plan, in order, as `run` with the same settings would make it."""
    from infgen.batch import runner

    planner = runner.plan(_settings(config, settings))
    return map(planner.plan, planner.indices)


def export(dataset: str | Path, format: str, **settings: Any) -> Manifest:
    """Write a finished dataset in further formats (`format`: names separated by commas)."""
    from infgen.batch import exporting

    values = _settings(None, settings | {"format": format})
    return exporting.export(Path(dataset), values.export, values.workers)


def mark(
    dataset: str | Path,
    pictures: Sequence[int],
    *,
    reason: str = "",
    undo: bool = False,
    reporter: Reporter | None = None,
) -> Manifest:
    """Keep pictures of a finished dataset out of all that is trained on, or take them in again
    (`undo`): by their numbers, as in their names and records. They stay on disk, in marked/;
    marks.json says why, and the formats that the dataset has are written anew."""
    from infgen.batch.marking import mark

    return mark(Path(dataset), pictures, reason, undo, reporter=reporter)


def audit(
    dataset: str | Path,
    *,
    second_opinion: Estimate | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Audit:
    """Look hard at any dataset that READERS can read; write audit.json and audit.md, and return the
    findings. `settings` are the options of `infgen audit` by name; `second_opinion` is a function
    that labels are held against, from a picture (H, W, 3) uint8, a box in it and its class's name
    to a mask (H, W) bool, or None where nothing is to be seen."""
    from infgen.batch.audit import audit as judge
    from infgen.batch.settings import fill
    from infgen.report.audit.settings import AuditSettings

    return judge(Path(dataset), fill(AuditSettings, settings), reporter, second_opinion)


def report(
    dataset: str | Path,
    *,
    out: str | Path | None = None,
    gallery: int = 2000,
    reporter: Reporter | None = None,
) -> Path:
    """Write a report on any dataset that READERS can read: pages with charts and `gallery` of its
    pictures, and figures.json. Returns the path of the first page, in `out`: by default that is the
    folder `report` of a dataset that infgen made, and `infgen-report` here for others."""
    from infgen.batch.report import report as write
    from infgen.batch.settings import fill
    from infgen.report.settings import ReportSettings

    settings = fill(ReportSettings, {"gallery": gallery})
    return write(Path(dataset), None if out is None else Path(out), settings.gallery, reporter)


def relabel(
    pairs: str | Path | None = None,
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Manifest:
    """Find and label what was painted into pictures before: `pairs` is a folder or a CSV file of
    them, `settings` are the options of `infgen relabel`. Returns the dataset's manifest."""
    from infgen.batch.relabel import relabel
    from infgen.batch.settings import RelabelSettings, fill, read_toml

    values = read_toml(Path(config), RelabelSettings) if config else {}
    given = settings | ({} if pairs is None else {"pairs": pairs})
    return relabel(fill(RelabelSettings, values | given), reporter)


def bank(
    *, config: str | Path | None = None, reporter: Reporter | None = None, **settings: Any
) -> Manifest:
    """Have a model paint cutouts, for `run(method="paste")` to use: `settings` are the options of
    `infgen bank`. Returns the bank's manifest, in which pictures and objects are cutouts."""
    from infgen.batch.bank import bank
    from infgen.batch.settings import BankSettings, fill, read_toml

    values = read_toml(Path(config), BankSettings) if config else {}
    return bank(fill(BankSettings, values | settings), reporter)


def convert(dataset: str | Path, *, reporter: Reporter | None = None, **settings: Any) -> Manifest:
    """Make one of infgen's datasets of anybody's, in the formats wanted, its pictures as they are:
    `settings` are the options of `infgen convert`. Returns the dataset's manifest."""
    from infgen.batch.convert import convert
    from infgen.batch.settings import MergeSettings, fill

    return convert(fill(MergeSettings, settings | {"datasets": [dataset]}), reporter)


def merge(
    *datasets: str | Path,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Manifest:
    """Make one dataset of several, whoever made them, their classes brought together: `settings`
    are the options of `infgen merge`. Returns the dataset's manifest."""
    from infgen.batch.convert import merge
    from infgen.batch.settings import MergeSettings, fill, read_toml

    values = read_toml(Path(config), MergeSettings) if config else {}
    given = settings | ({"datasets": list(datasets)} if datasets else {})
    return merge(fill(MergeSettings, values | given), reporter)


def cutouts(
    source: str | Path | None = None,
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Manifest:
    """Cut objects out of your own pictures, for `run(method="paste")` to use: `source` is a folder
    with a folder of pictures for each class, or a labelled dataset; `settings` are the options of
    `infgen cutouts`. Returns the manifest, in which pictures and objects are cutouts."""
    from infgen.batch.cutouts import cutouts
    from infgen.batch.settings import CutoutsSettings, fill, read_toml

    values = read_toml(Path(config), CutoutsSettings) if config else {}
    given = settings | ({} if source is None else {"source": source})
    return cutouts(fill(CutoutsSettings, values | given), reporter)


def preview(
    dataset: str | Path | None = None,
    *,
    file: str | Path | None = None,
    count: int = 24,
    config: str | Path | None = None,
    **settings: Any,
) -> Path:
    """Draw a contact sheet of a finished `dataset`, or else look at what `settings` would make:
    its boxes, spreads, warnings and costs. Returns the PNG's path, beside which a plan has a page
    of the same name, .html, with all of it; or that of `file`, whose ending picks one of them."""
    from infgen.batch import preview as sheets
    from infgen.batch.foresight import foresee

    path = None if file is None else Path(file)
    if dataset is not None:
        return sheets.preview_dataset(Path(dataset), path, count)
    return foresee(_settings(config, settings), path, count).paths[0]


def _settings(config: str | Path | None, values: dict[str, Any]) -> Any:
    from infgen.batch.settings import make_settings, read_toml

    return make_settings((read_toml(Path(config)) if config else {}) | values)
