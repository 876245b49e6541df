"""What each verb takes on the command line: an option for every setting, and a few of its own."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from infgen.batch.preview import TILES
from infgen.batch.settings import MergeSettings, Option, RelabelSettings, RunSettings, options
from infgen.report.audit.limits import FIGURES
from infgen.report.audit.settings import AuditSettings
from infgen.report.settings import ReportSettings
from infgen.sources.datasets import READERS
from infgen.ui.studio.settings import ServeSettings
from infgen.ui.wording import GROUPS, help_of

POSITIONAL = ("pairs", "datasets")  # settings without an option's name
EPILOGUE = """\
exit codes: 0 done; 2 bad input, nothing written; 3 done, but more pictures failed than
--max-failures, a bank has nothing of a class, cutouts found nothing at all, or an audit crossed
a --fail-on limit; 4 the machine refused (disk, memory, folder in use): run the same command to
go on; 130, 143 interrupted: likewise"""


def relabel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pairs",
        nargs="?",
        metavar="FOLDER_OR_CSV",
        help="bg_<i>.png, <i>_x.png [and <i>_y.npy], also <set>_bg_<i>.png and so on; or a CSV "
        "file: before,after[,class,x0,y0,x1,y1]",
    )
    add_settings(parser, of=RelabelSettings)


def datasets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "datasets",
        nargs="*",
        metavar="DATASET",
        help="; ".join(reader.help for reader in READERS.values()),
    )
    add_settings(parser, of=MergeSettings)


def plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="every plan as a line of JSON")
    add_settings(parser)


def preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", nargs="?", type=Path, help="a finished dataset's folder")
    parser.add_argument(
        "--file",
        type=Path,
        metavar="PATH",
        help="default: preview.png in the dataset; of a plan infgen-preview.png and .html here, of "
        "which an ending picks one",
    )
    parser.add_argument(
        "--count", type=int, metavar="N", default=TILES, help=f"pictures on it (default: {TILES})"
    )
    add_settings(parser)


def nothing(parser: argparse.ArgumentParser) -> None:
    """The verb is all there is to say."""


def export(parser: argparse.ArgumentParser) -> None:
    _add_finished(parser)
    labels = [option.name for option in options() if option.group == "export"]
    add_settings(parser, only=(*labels, "workers"))


def serve(parser: argparse.ArgumentParser) -> None:
    _add_all(parser.add_argument_group("the studio"), options(ServeSettings))


def mark(parser: argparse.ArgumentParser) -> None:
    _add_finished(parser)
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="numbers as in file names, or ranges: 15-20"
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="what is bad about them")
    parser.add_argument("--undo", action="store_true", help="take their marks away again")
    add_settings(parser, only=("workers",))


def report(parser: argparse.ArgumentParser) -> None:
    _add_any(parser)
    parser.add_argument(
        "--out",
        "-o",
        type=Path,
        metavar="PATH",
        help="folder of the report (default: report in infgen's own datasets; infgen-report here)",
    )
    at_the_end_of_a_run = "report"
    _add_all(parser, (one for one in options(ReportSettings) if one.name != at_the_end_of_a_run))


def audit(parser: argparse.ArgumentParser) -> None:
    _add_any(parser)
    _add_all(parser.add_argument_group("the audit"), options(AuditSettings))
    figures = "\n".join(f"  {name:14} {figure.help}" for name, figure in FIGURES.items())
    parser.epilog = f"figures for --fail-on:\n{figures}\n\n{EPILOGUE}"


def _add_finished(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, help="a finished dataset's folder")


def _add_any(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, help="a dataset's folder, .json, data.yaml or .txt")


# ---- settings ------------------------------------------------------------------------------------


def add_settings(
    parser: argparse.ArgumentParser,
    only: Sequence[str] = (),
    of: type[msgspec.Struct] = RunSettings,
) -> None:
    """An option for every setting. Values stay text: make_settings judges them, all at once."""
    groups: dict[str, Any] = {}
    for option in options(of):
        if (only and option.name not in only) or option.name in POSITIONAL:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(GROUPS[option.group])
        _add_option(groups[option.group], option)
    if not only:
        groups["run"].add_argument(
            "--config", type=Path, metavar="FILE", help="settings from a run.toml; options win"
        )


def _add_all(group: Any, wanted: Iterable[Option]) -> None:
    for option in wanted:
        _add_option(group, option)


def _add_option(group: Any, option: Option) -> None:
    if option.kind is bool:
        group.add_argument(
            option.flag, action=argparse.BooleanOptionalAction, default=None, help=_help(option)
        )
    else:
        group.add_argument(
            *option.flags,
            dest=option.name,
            metavar=_metavar(option),
            help=_help(option),
            default=None,
        )


def _metavar(option: Option) -> str:
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    return {int: "N", float: "X", Path: "PATH", tuple: "NAMES"}.get(option.kind, "TEXT")


def _help(option: Option) -> str:
    return help_of(option).replace("%", "%%")
