"""The command line, generated from the settings: parse, call a verb, print. No logic."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from infgen import __version__
from infgen.batch import runner
from infgen.batch.preview import TILES, preview_dataset, preview_plan
from infgen.batch.settings import Option, RunSettings, make_settings, options, read_toml
from infgen.formats import EXPORTS
from infgen.records.errors import InfgenError
from infgen.ui.terminal import Terminal, print_error, print_plans, print_stopped, print_summary

Command = Callable[[dict[str, Any]], int]

EXIT_FAILURES, EXIT_BAD_INPUT = 3, 2

GROUPS = {
    "run": "the run",
    "plan": "what is planned",
    "paste": "copy-paste",
    "pictures": "the pictures",
    "export": "the labels",
}

EPILOGUE = """\
exit codes: 0 done; 2 bad input, nothing written; 3 done, but more pictures failed than
--max-failures; 4 the disk refused; 130, 143 interrupted (run the same command to go on)"""


class Stopped(BaseException):
    """A signal asked the process to end. Not an Exception: nothing on the way may swallow it."""

    def __init__(self, signum: int):
        self.exit_code = 128 + signum


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the process's exit code."""
    arguments = vars(_parser().parse_args(argv))
    command: Command = arguments.pop("command")
    signals = {s: signal.signal(s, _stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        return command(arguments)
    except InfgenError as error:
        print_error(str(error))
        return error.exit_code
    except BrokenPipeError:  # `infgen plan ... | head`
        sys.stderr.close()
        return 0
    except Stopped as stop:
        print_stopped(Path(arguments.get("out") or "dataset"))
        return stop.exit_code
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped(signum)


# ---- the commands --------------------------------------------------------------------------------


def _run(arguments: dict[str, Any]) -> int:

    settings = _settings(arguments)
    manifest = runner.run(settings, Terminal())
    print_summary(manifest, settings.out)
    return EXIT_FAILURES if len(manifest.failures) > settings.max_failures else 0


def _plan(arguments: dict[str, Any]) -> int:

    as_json = arguments.pop("json")
    planner = runner.plan(_settings(arguments), Terminal())
    plans = map(planner.plan, range(planner.count))
    if as_json:
        for one in plans:
            sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
        sys.stdout.buffer.flush()
    else:
        print_plans(planner, plans)
    return 0


def _preview(arguments: dict[str, Any]) -> int:
    dataset, file, count = (arguments.pop(name) for name in ("dataset", "file", "count"))
    if dataset is None:
        path = preview_plan(runner.plan(_settings(arguments), Terminal()), file, count)
    else:
        path = preview_dataset(dataset, file, count)
    print(path)
    return 0


def _export(arguments: dict[str, Any]) -> int:

    folder = arguments.pop("dataset")
    settings = _settings(arguments)
    manifest = runner.export(folder, settings.export, settings.workers, Terminal())
    print(f"{folder} now holds {', '.join(manifest.formats)}")
    return 0


def _settings(arguments: dict[str, Any]) -> RunSettings:

    config = arguments.pop("config", None)
    given = {name: value for name, value in arguments.items() if value is not None}
    return make_settings((read_toml(config) if config else {}) | given)


# ---- the options ---------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infgen",
        description="Two CSV files in, a labelled detection and segmentation dataset out.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"infgen {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _verb(verbs, "run", _run, "make a dataset, or go on with one that was interrupted")
    _add_settings(run)

    plan = _verb(verbs, "plan", _plan, "say what run would make, without making it")
    plan.add_argument("--json", action="store_true", help="every plan as a line of JSON")
    _add_settings(plan)

    preview = _verb(verbs, "preview", _preview, "draw a contact sheet of a plan, or of a dataset")
    preview.add_argument("dataset", nargs="?", type=Path, help="a finished dataset's folder")
    preview.add_argument(
        "--file",
        type=Path,
        metavar="PNG",
        help="default: preview.png, in the dataset or right here",
    )
    preview.add_argument(
        "--count", type=int, metavar="N", default=TILES, help=f"pictures on it (default: {TILES})"
    )
    _add_settings(preview)

    export = _verb(verbs, "export", _export, "write a finished dataset in further formats")
    export.add_argument("dataset", type=Path, help="a finished dataset's folder")
    _add_settings(export, only=(*_names_of("export"), "workers"))
    return parser


def _verb(verbs: Any, name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(
        name,
        help=help_text,
        description=help_text,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.set_defaults(command=command)
    return verb


def _names_of(group: str) -> list[str]:
    return [option.name for option in options() if option.group == group]


def _add_settings(parser: argparse.ArgumentParser, only: Sequence[str] = ()) -> None:
    """An option for every setting. Values stay text: make_settings judges them, all at once."""
    groups: dict[str, Any] = {}
    for option in options():
        if only and option.name not in only:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(GROUPS[option.group])
        if option.kind is bool:
            groups[option.group].add_argument(
                option.flag, action=argparse.BooleanOptionalAction, default=None, help=option.help
            )
        else:
            groups[option.group].add_argument(
                option.flag, metavar=_metavar(option), help=_help(option), default=None
            )
    if not only:
        groups["run"].add_argument(
            "--config", type=Path, metavar="FILE", help="settings from a run.toml; options win"
        )


def _metavar(option: Option) -> str:
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    return {int: "N", float: "X", Path: "PATH"}.get(option.kind, "NAMES")


def _help(option: Option) -> str:
    known = f" ({', '.join(EXPORTS)})" if option.name == "format" else ""
    default = option.default
    if default is None:
        return option.help + known
    shown = ",".join(default) if isinstance(default, tuple) else default
    return f"{option.help}{known} (default: {shown})".replace("%", "%%")
