"""The verbs as Python functions, for `infgen.run` and its kin: take settings, call, return.

Their keyword arguments are the command line's options. For type checkers and editors they are
spelled out in ui/options.py, which scripts/type_options.py writes from the settings; for `help` and
completion by `takes`.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from infgen.batch.reporter import Reporter
from infgen.batch.settings import (
    BankSettings,
    CutoutsSettings,
    MergeSettings,
    RelabelSettings,
    RunSettings,
    Settings,
    fill,
    read_toml,
)
from infgen.formats.settings import ExportSettings
from infgen.records.errors import InputError, Problem
from infgen.records.manifest import Manifest
from infgen.records.plan import ImagePlan
from infgen.report.audit.settings import AuditSettings
from infgen.report.settings import ReportSettings
from infgen.ui.studio.settings import ServeSettings
from infgen.ui.taking import TAKEN, takes

if TYPE_CHECKING:
    from infgen.report.audit.agreement import Estimate
    from infgen.report.audit.findings import Audit
    from infgen.ui.options import (
        AuditOptions,
        BankOptions,
        CutoutsOptions,
        ExportOptions,
        MergeOptions,
        RelabelOptions,
        ReportOptions,
        RunOptions,
        ServeOptions,
    )
    from infgen.ui.studio.server import Server


@takes(RunSettings)
def run(
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[RunOptions],
) -> Manifest:
    """Make a dataset, or go on with one that was interrupted, and return its manifest.

    `config` is a file of settings, over which those given here win. Failed pictures are listed in
    the manifest's `failures`.

    Raises:
        infgen.records.errors.InfgenError: with one clear sentence for each thing that is wrong.
    """
    from infgen.batch import runner

    asked = _filled(RunSettings, config, settings)
    manifest = runner.run(asked, _heard(reporter))
    runner.ended(asked)
    return manifest


@takes(RunSettings)
def plan(
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[RunOptions],
) -> Iterator[ImagePlan]:
    """Every picture's plan, in order, as `run` with the same settings would make it."""
    from infgen.batch import runner

    planner = runner.plan(_filled(RunSettings, config, settings), reporter)
    return map(planner.plan, planner.indices)


@takes(RunSettings)
def preview(
    dataset: str | Path | None = None,
    *,
    file: str | Path | None = None,
    count: int = 24,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[RunOptions],
) -> Path:
    """Draw a contact sheet of a finished `dataset`, or else look at what the settings would make:
    its boxes, spreads, warnings and costs. Returns the PNG's path, beside which a plan has a page
    of the same name, .html, with all of it; or that of `file`, whose ending picks one of them."""
    from infgen.batch import preview as sheets
    from infgen.batch.foresight import foresee

    path = None if file is None else Path(file)
    if dataset is not None:
        return sheets.preview_dataset(Path(dataset), path, count)
    seen = foresee(_filled(RunSettings, config, settings), path, count, _heard(reporter))
    return seen.paths[0]


@takes(RunSettings, only=(*ExportSettings.__struct_fields__, "workers"))
def export(
    dataset: str | Path,
    format: str | Collection[str],
    *,
    reporter: Reporter | None = None,
    **settings: Unpack[ExportOptions],
) -> Manifest:
    """Write a finished dataset in further formats (`format`: names, in one text separated by
    commas or one by one)."""
    from infgen.batch import exporting

    foreign = [name for name in settings if name not in {one.name for one in TAKEN["export"]}]
    if foreign:
        raise InputError([Problem(f"export takes no setting '{name}'") for name in foreign])
    values = fill(RunSettings, {**settings, "format": format})
    return exporting.export(Path(dataset), values.export, values.workers, _heard(reporter))


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

    return mark(Path(dataset), pictures, reason, undo, reporter=_heard(reporter))


@takes(ReportSettings, but=("report",))
def report(
    dataset: str | Path,
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[ReportOptions],
) -> Path:
    """Write a report on any dataset that READERS can read: pages with charts and a gallery of its
    pictures, and figures.json. Returns the path of the first page, in `out`: by default that is the
    folder `report` of a dataset that infgen made, and `infgen-report` here for others."""
    from infgen.batch.report import report as write

    place = None if out is None else Path(out)
    return write(Path(dataset), place, fill(ReportSettings, settings).gallery, _heard(reporter))


@takes(AuditSettings)
def audit(
    dataset: str | Path,
    *,
    second_opinion: Estimate | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[AuditOptions],
) -> Audit:
    """Look hard at any dataset that READERS can read; write audit.json and audit.md, and return the
    findings. `second_opinion` is a function that labels are held against, from a picture (H, W, 3)
    uint8, a box in it and its class's name to a mask (H, W) bool, or None where nothing is to be
    seen."""
    from infgen.batch.audit import audit as judge

    return judge(Path(dataset), fill(AuditSettings, settings), _heard(reporter), second_opinion)


@takes(RelabelSettings)
def relabel(
    pairs: str | Path | None = None,
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[RelabelOptions],
) -> Manifest:
    """Find and label what was painted into pictures before: `pairs` is a folder or a CSV file of
    them. Returns the dataset's manifest."""
    from infgen.batch.relabel import relabel

    given = settings | ({} if pairs is None else {"pairs": pairs})
    return relabel(_filled(RelabelSettings, config, given), _heard(reporter))


@takes(BankSettings)
def bank(
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[BankOptions],
) -> Manifest:
    """Have a model paint cutouts, for `run(method="paste")` to use. Returns the bank's manifest, in
    which pictures and objects are cutouts."""
    from infgen.batch.bank import bank

    return bank(_filled(BankSettings, config, settings), _heard(reporter))


@takes(MergeSettings, but=("datasets",))
def convert(
    dataset: str | Path, *, reporter: Reporter | None = None, **settings: Unpack[MergeOptions]
) -> Manifest:
    """Make one of infgen's datasets of anybody's, in the formats wanted, its pictures as they are.
    Returns the dataset's manifest."""
    from infgen.batch.convert import convert

    return convert(fill(MergeSettings, settings | {"datasets": [dataset]}), _heard(reporter))


@takes(MergeSettings)
def merge(
    *datasets: str | Path,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[MergeOptions],
) -> Manifest:
    """Make one dataset of several, whoever made them, their classes brought together. Returns the
    dataset's manifest."""
    from infgen.batch.convert import merge

    given = settings | ({"datasets": list(datasets)} if datasets else {})
    return merge(_filled(MergeSettings, config, given), _heard(reporter))


@takes(CutoutsSettings)
def cutouts(
    source: str | Path | None = None,
    *,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Unpack[CutoutsOptions],
) -> Manifest:
    """Cut objects out of your own pictures, for `run(method="paste")` to use: `source` is a folder
    with a folder of pictures for each class, or a labelled dataset. Returns the manifest, in which
    pictures and objects are cutouts."""
    from infgen.batch.cutouts import cutouts

    given = settings | ({} if source is None else {"source": source})
    return cutouts(_filled(CutoutsSettings, config, given), _heard(reporter))


@takes(ServeSettings)
def serve(*, inline: bool = False, **settings: Unpack[ServeOptions]) -> Server:
    """Serve the studio from another thread, and return what it is served by: its `link` opens it,
    its `close()` (or the end of a `with` block) ends it and the run that is going on, `wait()`
    waits for that. `inline` shows it in the notebook that this runs in, on Colab, too."""
    from infgen.ui import studio

    return studio.serve(fill(ServeSettings, settings), inline)


# ---- what they share -----------------------------------------------------------------------------


def progress() -> Reporter:
    """A reporter that shows what a verb does, wherever it is called: a bar in a notebook or on a
    terminal, a line now and then in a log. In notebooks verbs have it without being asked."""
    if in_notebook():
        from infgen.ui.notebook import Notebook

        return Notebook()
    from infgen.ui.terminal import Terminal

    return Terminal()


def in_notebook() -> bool:
    """Whether this is the process behind a notebook, Colab's too."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _heard(reporter: Reporter | None) -> Reporter | None:
    return progress() if reporter is None and in_notebook() else reporter


def _filled(of: type[Settings], config: str | Path | None, given: Any) -> Settings:
    """The settings given, over those of a --config file."""
    return fill(of, (read_toml(Path(config), of) if config else {}) | given)
