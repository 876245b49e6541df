"""The command line, parsed: made of the table of verbs, and their settings."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

from infgen import __version__
from infgen.batch.settings import (
    BankSettings,
    CutoutsSettings,
    MergeSettings,
    RelabelSettings,
    RunSettings,
    options,
)
from infgen.records.errors import InputError, Problem
from infgen.report.audit.settings import AuditSettings
from infgen.ui.cli import arguments, commands
from infgen.ui.cli.arguments import EPILOGUE
from infgen.ui.studio.settings import ServeSettings
from infgen.ui.terminal import written_out

Command = Callable[[Mapping[str, Any]], int]


class Verb(NamedTuple):
    """A verb of the command line: what it does, in words and in deed, and what it takes."""

    help: str
    command: Command
    add_arguments: Callable[[argparse.ArgumentParser], None]


class _Parser(argparse.ArgumentParser):
    """What it can't parse is told as every other mistake is."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}: see {self.prog} --help")


def parse(argv: Sequence[str] | None) -> dict[str, Any]:
    """A command line's arguments by name, and the verb's `command`.

    Raises:
        InputError: it can't be parsed.
    """
    try:
        parsed, unknown = build_parser().parse_known_args(argv)
    except SystemExit:  # after --help or --version, which may have lost their reader
        with written_out():
            pass
        raise
    if unknown:
        flags = [text.partition("=")[0] for text in unknown if text.startswith("--")]
        raise InputError([Problem(_unknown_text(flag)) for flag in flags or unknown])
    return vars(parsed)


def _unknown_text(text: str) -> str:
    if not text.startswith("-"):
        return f"'{text}' has no option before it: see infgen --help"
    known = [
        option.flag
        for of in (
            RunSettings,
            AuditSettings,
            RelabelSettings,
            BankSettings,
            MergeSettings,
            CutoutsSettings,
            ServeSettings,
        )
        for option in options(of)
    ]
    known += ["--config", "--json", "--file", "--count", "--reason", "--undo"]
    near = [] if text in known else difflib.get_close_matches(text, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "see infgen --help"
    return f"there is no option {text} here: {hint}"


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; what it parses holds the verb's `command`."""
    parser = _Parser(
        prog="infgen",
        description="Two CSV files in, a labelled detection and segmentation dataset out.",
        **_SHARED,
    )
    parser.add_argument("--version", action="version", version=f"infgen {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, verb in VERBS.items():
        own = verbs.add_parser(name, help=verb.help, description=verb.help, **_SHARED)
        own.set_defaults(command=verb.command)
        verb.add_arguments(own)
    return parser


_SHARED: dict[str, Any] = {
    "epilog": EPILOGUE,
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "allow_abbrev": False,
}

VERBS = {
    "run": Verb(
        "make a dataset, or go on with one that was interrupted",
        commands.do_run,
        arguments.add_settings,
    ),
    "relabel": Verb(
        "find and label what was painted into pictures before",
        commands.do_relabel,
        arguments.relabel,
    ),
    "bank": Verb(
        "have a model paint cutouts, for run --method paste to use",
        commands.do_bank,
        partial(arguments.add_settings, of=BankSettings),
    ),
    "cutouts": Verb(
        "cut objects out of your own pictures, for run to paste",
        commands.do_cutouts,
        partial(arguments.add_settings, of=CutoutsSettings),
    ),
    "convert": Verb(
        "bring a dataset, whoever made it, into other formats",
        commands.do_convert,
        arguments.datasets,
    ),
    "merge": Verb(
        "put several datasets together, whoever made them",
        commands.do_merge,
        arguments.datasets,
    ),
    "plan": Verb(
        "say what run would make, without making it",
        commands.do_plan,
        arguments.plan,
    ),
    "preview": Verb(
        "look at a plan and what it takes, or at a dataset",
        commands.do_preview,
        arguments.preview,
    ),
    "models": Verb(
        "list the models that infgen knows by name",
        commands.do_models,
        arguments.nothing,
    ),
    "export": Verb(
        "write a finished dataset in further formats",
        commands.do_export,
        arguments.export,
    ),
    "serve": Verb(
        "open the studio: tables, runs, pictures in a browser",
        commands.do_serve,
        arguments.serve,
    ),
    "mark": Verb(
        "keep bad pictures of a finished dataset out of training",
        commands.do_mark,
        arguments.mark,
    ),
    "report": Verb(
        "count, draw and show any dataset, whoever made it",
        commands.do_report,
        arguments.report,
    ),
    "audit": Verb(
        "look hard at any dataset, whoever made it",
        commands.do_audit,
        arguments.audit,
    ),
}
