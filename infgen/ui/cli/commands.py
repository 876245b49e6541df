"""What each verb does on the command line: settings, the verb itself, words. No logic."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from infgen.batch import exporting, runner
from infgen.batch.audit import MARKDOWN, audit
from infgen.batch.bank import bank
from infgen.batch.convert import convert, merge
from infgen.batch.cutouts import cutouts
from infgen.batch.foresight import foresee
from infgen.batch.marking import indices_of, mark
from infgen.batch.preview import preview_dataset
from infgen.batch.relabel import relabel
from infgen.batch.report import report
from infgen.batch.settings import (
    BankSettings,
    CutoutsSettings,
    MergeSettings,
    RelabelSettings,
    RunSettings,
    Settings,
    fill,
    options,
    read_toml,
)
from infgen.batch.statistics import read_statistics
from infgen.models.known_eyes import EYES
from infgen.models.presets import PRESETS
from infgen.records.manifest import Manifest
from infgen.report.audit.settings import AuditSettings
from infgen.report.audit.summary import summary_of
from infgen.report.settings import ReportSettings
from infgen.ui.cli.stopping import EXIT_FAILURES, Stopped
from infgen.ui.studio import serve
from infgen.ui.studio.settings import ServeSettings
from infgen.ui.terminal import (
    Terminal,
    print_bank,
    print_cutouts,
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

Making = TypeVar(
    "Making", RunSettings, RelabelSettings, BankSettings, MergeSettings, CutoutsSettings
)
Taking = TypeVar("Taking", RelabelSettings, MergeSettings)


def do_run(arguments: Mapping[str, Any]) -> int:
    settings = run_settings(arguments)
    manifest = _made(runner.run, settings)
    print_summary(manifest, settings.out)
    if statistics := read_statistics(settings.out):
        print_statistics(statistics, settings.out)
    print_report(settings.report, settings.out)
    runner.ended(settings)
    return _exit_code(manifest, settings)


def do_relabel(arguments: Mapping[str, Any]) -> int:
    return _taken(relabel, settings_of(RelabelSettings, arguments))


def do_bank(arguments: Mapping[str, Any]) -> int:
    settings = settings_of(BankSettings, arguments)
    manifest = _made(bank, settings)
    print_bank(manifest, settings.out)
    return _exit_code(manifest, settings, any(not one.objects for one in manifest.classes))


def do_convert(arguments: Mapping[str, Any]) -> int:
    return _taken(convert, _merge_settings(arguments))


def do_merge(arguments: Mapping[str, Any]) -> int:
    return _taken(merge, _merge_settings(arguments))


def _merge_settings(arguments: Mapping[str, Any]) -> MergeSettings:
    return settings_of(MergeSettings, {**arguments, "datasets": arguments["datasets"] or None})


def _taken(verb: Callable[[Taking, Terminal], Manifest], settings: Taking) -> int:
    """A dataset of pictures that somebody else made."""
    manifest = _made(verb, settings)
    print_summary(manifest, settings.out)
    print_report(settings.report, settings.out)
    return _exit_code(manifest, settings)


def do_cutouts(arguments: Mapping[str, Any]) -> int:
    settings = settings_of(CutoutsSettings, arguments)
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


def do_plan(arguments: Mapping[str, Any]) -> int:
    planner = runner.plan(run_settings(arguments), Terminal())
    plans = map(planner.plan, planner.indices)
    if not arguments["json"]:
        print_plans(planner, plans)
        return 0
    with written_out():
        for one in plans:
            sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
    return 0


def do_preview(arguments: Mapping[str, Any]) -> int:
    dataset, file, count = (arguments[name] for name in ("dataset", "file", "count"))
    if dataset is None:
        seen = foresee(run_settings(arguments), file, count, Terminal())
        print_estimate(seen.estimate, seen.paths)
        return 0
    path = preview_dataset(dataset, file, count)
    with written_out():
        print(path)
    return 0


def do_models(arguments: Mapping[str, Any]) -> int:
    print_models(PRESETS.values())
    print_eyes(EYES)
    return 0


def do_export(arguments: Mapping[str, Any]) -> int:
    folder, settings = arguments["dataset"], run_settings(arguments)
    try:
        manifest = exporting.export(folder, settings.export, settings.workers, Terminal())
    except Stopped:
        print_stopped(f"run the same command again to finish the formats in {folder}")
        raise
    with written_out():
        print(f"{folder} now holds {', '.join(manifest.formats)}")
    return 0


def do_mark(arguments: Mapping[str, Any]) -> int:
    folder, undo, settings = arguments["dataset"], arguments["undo"], run_settings(arguments)
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


def do_audit(arguments: Mapping[str, Any]) -> int:
    names = [option.name for option in options(AuditSettings)]
    given = {name: arguments[name] for name in names if arguments[name] is not None}
    settings = fill(AuditSettings, given)
    found = audit(arguments["dataset"], settings, Terminal())
    with written_out():
        print(summary_of(found))
        print(f"all of it: {settings.out / MARKDOWN} and audit.json beside it")
    return EXIT_FAILURES if any(limit.crossed for limit in found.limits) else 0


def do_report(arguments: Mapping[str, Any]) -> int:
    settings = settings_of(ReportSettings, arguments)
    path = report(arguments["dataset"], arguments["out"], settings.gallery, Terminal())
    with written_out():
        print(path)
    return 0


def do_serve(arguments: Mapping[str, Any]) -> int:
    with serve(settings_of(ServeSettings, arguments)) as server:
        with written_out():
            print(f"infgen studio: {server.link}\nCtrl-C ends it")
        server.wait()
    return 0


def run_settings(arguments: Mapping[str, Any]) -> RunSettings:
    return settings_of(RunSettings, arguments)


def settings_of(of: type[Settings], arguments: Mapping[str, Any]) -> Settings:
    """The settings among a command's arguments, over those of its --config file."""
    config = arguments.get("config")
    names = [option.name for option in options(of)]
    given = {name: arguments[name] for name in names if arguments.get(name) is not None}
    return fill(of, (read_toml(config, of) if config else {}) | given)
