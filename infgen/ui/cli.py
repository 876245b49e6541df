"""The command line, generated from the settings: parse, call a verb, print. No logic."""

from __future__ import annotations

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import msgspec

from infgen import __version__
from infgen.batch import exporting, runner
from infgen.batch.audit import MARKDOWN, audit
from infgen.batch.bank import bank
from infgen.batch.convert import convert, merge
from infgen.batch.cutouts import cutouts
from infgen.batch.foresight import foresee
from infgen.batch.marking import indices_of, mark
from infgen.batch.preview import TILES, preview_dataset
from infgen.batch.relabel import relabel
from infgen.batch.report import report
from infgen.batch.settings import (
    BankSettings,
    CutoutsSettings,
    MergeSettings,
    Option,
    RelabelSettings,
    RunSettings,
    Settings,
    fill,
    options,
    read_toml,
)
from infgen.batch.statistics import read_statistics
from infgen.formats import EXPORTS
from infgen.models.known_eyes import EYES
from infgen.models.presets import PRESETS
from infgen.records.errors import InfgenError, InputError, Problem
from infgen.records.manifest import Manifest
from infgen.report.audit.limits import FIGURES
from infgen.report.audit.settings import AuditSettings
from infgen.report.audit.summary import summary_of
from infgen.report.settings import ReportSettings
from infgen.sources.datasets import READERS
from infgen.ui.terminal import (
    Terminal,
    mend_streams,
    print_bank,
    print_cutouts,
    print_error,
    print_estimate,
    print_eyes,
    print_models,
    print_plans,
    print_report,
    print_statistics,
    print_stopped,
    print_summary,
    written_out,
)

Command = Callable[[Mapping[str, Any]], int]
Making = TypeVar(
    "Making", RunSettings, RelabelSettings, BankSettings, MergeSettings, CutoutsSettings
)

EXIT_FAILURES = 3  # done, but not good enough
POSITIONAL = ("pairs", "datasets")  # settings without an option's name
SIGNALS = (signal.SIGINT, signal.SIGTERM)

GROUPS = {
    "run": "the run",
    "plan": "what is planned",
    "grid": "the full grid",
    "look": "how pasted objects go into the scene",
    "augment": "augmentation",
    "inpaint": "inpainting",
    "model": "the diffusion model",
    "verify": "what judges painted objects",
    "pictures": "the pictures",
    "depth": "depth maps",
    "files": "their files",
    "export": "the labels",
    "cutting": "how objects are cut out",
    "report": "the report",
}

EPILOGUE = """\
exit codes: 0 done; 2 bad input, nothing written; 3 done, but more pictures failed than
--max-failures, a bank has nothing of a class, cutouts found nothing at all, or an audit crossed
a --fail-on limit; 4 the machine refused (disk, memory, folder in use): run the same command to
go on; 130, 143 interrupted: likewise"""


class Stopped(BaseException):
    """A signal asked the process to end. Not an Exception: nothing on the way may swallow it."""

    def __init__(self, signum: int):
        self.exit_code = 128 + signum


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the process's exit code."""
    # torch's threads would spin while they wait, and beside other programs wait the longer for it
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    mend_streams()
    handlers = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        arguments = _parse(argv)
        command: Command = arguments["command"]
        return command(arguments)
    except InfgenError as error:
        print_error(str(error))
        return error.exit_code
    except Stopped as stop:
        return stop.exit_code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _stop(signum: int, frame: FrameType | None) -> None:
    for number in SIGNALS:  # a second one ends the process on the spot, and that is safe too
        signal.signal(number, signal.SIG_DFL)
    raise Stopped(signum)


# ---- the commands --------------------------------------------------------------------------------


def _run(arguments: Mapping[str, Any]) -> int:
    settings = _settings(arguments)
    manifest = _made(runner.run, settings)
    print_summary(manifest, settings.out)
    if statistics := read_statistics(settings.out):
        print_statistics(statistics, settings.out)
    print_report(settings.report, settings.out)
    return _exit_code(manifest, settings)


def _relabel(arguments: Mapping[str, Any]) -> int:
    settings = _settings_of(RelabelSettings, arguments)
    manifest = _made(relabel, settings)
    print_summary(manifest, settings.out)
    print_report(settings.report, settings.out)
    return _exit_code(manifest, settings)


def _bank(arguments: Mapping[str, Any]) -> int:
    settings = _settings_of(BankSettings, arguments)
    manifest = _made(bank, settings)
    print_bank(manifest, settings.out)
    return _exit_code(manifest, settings, any(not one.objects for one in manifest.classes))


def _convert(arguments: Mapping[str, Any]) -> int:
    return _taken(convert, arguments)


def _merge(arguments: Mapping[str, Any]) -> int:
    return _taken(merge, arguments)


def _taken(
    verb: Callable[[MergeSettings, Terminal], Manifest], arguments: Mapping[str, Any]
) -> int:
    given = {**arguments, "datasets": arguments["datasets"] or None}
    settings = _settings_of(MergeSettings, given)
    manifest = _made(verb, settings)
    print_summary(manifest, settings.out)
    print_report(settings.report, settings.out)
    return _exit_code(manifest, settings)


def _cutouts(arguments: Mapping[str, Any]) -> int:
    settings = _settings_of(CutoutsSettings, arguments)
    manifest = _made(cutouts, settings)
    print_cutouts(manifest, settings.out)
    return _exit_code(manifest, settings, not manifest.pictures)


def _made(verb: Callable[[Making, Terminal], Manifest], settings: Making) -> Manifest:
    """What a verb makes. Who stops it is told that nothing is lost."""
    try:
        return verb(settings, Terminal())
    except Stopped:
        print_stopped(f"what was made is safe in {settings.out}; run the same command to go on")
        raise


def _exit_code(manifest: Manifest, settings: Making, lacking: bool = False) -> int:
    """That of a verb which has come to its end, and maybe made too little."""
    failed = len(manifest.failures) > settings.max_failures
    return EXIT_FAILURES if failed or lacking else 0


def _plan(arguments: Mapping[str, Any]) -> int:
    planner = runner.plan(_settings(arguments), Terminal())
    plans = map(planner.plan, planner.indices)
    if not arguments["json"]:
        print_plans(planner, plans)
        return 0
    with written_out():
        for one in plans:
            sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
    return 0


def _preview(arguments: Mapping[str, Any]) -> int:
    dataset, file, count = (arguments[name] for name in ("dataset", "file", "count"))
    if dataset is None:
        seen = foresee(_settings(arguments), file, count, Terminal())
        print_estimate(seen.estimate, seen.paths)
        return 0
    path = preview_dataset(dataset, file, count)
    with written_out():
        print(path)
    return 0


def _models(arguments: Mapping[str, Any]) -> int:
    print_models(PRESETS.values())
    print_eyes(EYES)
    return 0


def _export(arguments: Mapping[str, Any]) -> int:
    folder, settings = arguments["dataset"], _settings(arguments)
    try:
        manifest = exporting.export(folder, settings.export, settings.workers, Terminal())
    except Stopped:
        print_stopped(f"run the same command again to finish the formats in {folder}")
        raise
    with written_out():
        print(f"{folder} now holds {', '.join(manifest.formats)}")
    return 0


def _mark(arguments: Mapping[str, Any]) -> int:
    folder, undo, settings = arguments["dataset"], arguments["undo"], _settings(arguments)
    pictures = indices_of(arguments["pictures"])
    try:
        manifest = mark(folder, pictures, arguments["reason"], undo, settings.workers, Terminal())
    except Stopped:
        print_stopped(f"run the same command again to finish the formats in {folder}")
        raise
    with written_out():
        print(
            f"{manifest.marked} of {manifest.pictures} pictures are marked and kept out of "
            f"{', '.join(manifest.formats)}"
        )
    return 0


def _audit(arguments: Mapping[str, Any]) -> int:
    names = [option.name for option in options(AuditSettings)]
    given = {name: arguments[name] for name in names if arguments[name] is not None}
    settings = fill(AuditSettings, given)
    found = audit(arguments["dataset"], settings, Terminal())
    with written_out():
        print(summary_of(found))
        print(f"all of it: {settings.out / MARKDOWN} and audit.json beside it")
    return EXIT_FAILURES if any(limit.crossed for limit in found.limits) else 0


def _report(arguments: Mapping[str, Any]) -> int:
    settings = _settings_of(ReportSettings, arguments)
    path = report(arguments["dataset"], arguments["out"], settings.gallery, Terminal())
    with written_out():
        print(path)
    return 0


def _settings(arguments: Mapping[str, Any]) -> RunSettings:
    return _settings_of(RunSettings, arguments)


def _settings_of(of: type[Settings], arguments: Mapping[str, Any]) -> Settings:
    """The settings among a command's arguments, over those of its --config file."""
    config = arguments.get("config")
    names = [option.name for option in options(of)]
    given = {name: arguments[name] for name in names if arguments.get(name) is not None}
    return fill(of, (read_toml(config, of) if config else {}) | given)


# ---- the options ---------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """What it can't parse is told as every other mistake is."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}: see {self.prog} --help")


def _parse(argv: Sequence[str] | None) -> dict[str, Any]:
    try:
        parsed, unknown = _parser().parse_known_args(argv)
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
        )
        for option in options(of)
    ]
    known += ["--config", "--json", "--file", "--count", "--reason", "--undo"]
    near = [] if text in known else difflib.get_close_matches(text, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "see infgen --help"
    return f"there is no option {text} here: {hint}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="infgen",
        description="Two CSV files in, a labelled detection and segmentation dataset out.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"infgen {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _verb(verbs, "run", _run, "make a dataset, or go on with one that was interrupted")
    _add_settings(run)

    relabelled = _verb(
        verbs, "relabel", _relabel, "find and label what was painted into pictures before"
    )
    relabelled.add_argument(
        "pairs",
        nargs="?",
        metavar="FOLDER_OR_CSV",
        help="bg_<i>.png, <i>_x.png [and <i>_y.npy], also <set>_bg_<i>.png and so on; or a CSV "
        "file: before,after[,class,x0,y0,x1,y1]",
    )
    _add_settings(relabelled, of=RelabelSettings)

    painted = _verb(
        verbs, "bank", _bank, "have a model paint cutouts, for run --method paste to use"
    )
    _add_settings(painted, of=BankSettings)

    own = _verb(
        verbs, "cutouts", _cutouts, "cut objects out of your own pictures, for run to paste"
    )
    _add_settings(own, of=CutoutsSettings)

    for name, command, text in (
        ("convert", _convert, "bring a dataset, whoever made it, into other formats"),
        ("merge", _merge, "put several datasets together, whoever made them"),
    ):
        taken = _verb(verbs, name, command, text)
        taken.add_argument(
            "datasets",
            nargs="*",
            metavar="DATASET",
            help="; ".join(reader.help for reader in READERS.values()),
        )
        _add_settings(taken, of=MergeSettings)

    plan = _verb(verbs, "plan", _plan, "say what run would make, without making it")
    plan.add_argument("--json", action="store_true", help="every plan as a line of JSON")
    _add_settings(plan)

    preview = _verb(verbs, "preview", _preview, "look at a plan and what it takes, or at a dataset")
    preview.add_argument("dataset", nargs="?", type=Path, help="a finished dataset's folder")
    preview.add_argument(
        "--file",
        type=Path,
        metavar="PATH",
        help="default: preview.png in the dataset; of a plan infgen-preview.png and .html here, of "
        "which an ending picks one",
    )
    preview.add_argument(
        "--count", type=int, metavar="N", default=TILES, help=f"pictures on it (default: {TILES})"
    )
    _add_settings(preview)

    _verb(verbs, "models", _models, "list the models that infgen knows by name")

    export = _verb(verbs, "export", _export, "write a finished dataset in further formats")
    export.add_argument("dataset", type=Path, help="a finished dataset's folder")
    _add_settings(export, only=(*_names_of("export"), "workers"))

    marked = _verb(verbs, "mark", _mark, "keep bad pictures of a finished dataset out of training")
    marked.add_argument("dataset", type=Path, help="a finished dataset's folder")
    marked.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="numbers as in file names, or ranges: 15-20"
    )
    marked.add_argument("--reason", default="", metavar="TEXT", help="what is bad about them")
    marked.add_argument("--undo", action="store_true", help="take their marks away again")
    _add_settings(marked, only=("workers",))

    shown = _verb(verbs, "report", _report, "count, draw and show any dataset, whoever made it")
    shown.add_argument("dataset", type=Path, help="a dataset's folder, .json, data.yaml or .txt")
    shown.add_argument(
        "--out",
        "-o",
        type=Path,
        metavar="PATH",
        help="folder of the report (default: report in infgen's own datasets; infgen-report here)",
    )
    for option in options(ReportSettings):
        if option.name != "report":  # that is for the end of a run
            _add_option(shown, option)

    check = _verb(verbs, "audit", _audit, "look hard at any dataset, whoever made it")
    check.add_argument("dataset", type=Path, help="a dataset's folder, .json, data.yaml or .txt")
    group = check.add_argument_group("the audit")
    for option in options(AuditSettings):
        _add_option(group, option)
    figures = "\n".join(f"  {name:14} {figure.help}" for name, figure in FIGURES.items())
    check.epilog = f"figures for --fail-on:\n{figures}\n\n{EPILOGUE}"
    return parser


def _verb(verbs: Any, name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(
        name,
        help=help_text,
        description=help_text,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.set_defaults(command=command)
    return verb


def _names_of(group: str) -> list[str]:
    return [option.name for option in options() if option.group == group]


def _add_settings(
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
    text = option.help + (f" ({', '.join(EXPORTS)})" if option.name == "format" else "")
    default = option.default
    if default is not None and default != () and option.kind is not bool:
        shown = ",".join(default) if isinstance(default, tuple) else default
        text += f" (default: {shown})"
    return text.replace("%", "%%")
