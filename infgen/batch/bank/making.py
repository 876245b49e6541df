"""The story of a bank: what is asked, what is missing, and tries until nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path

import msgspec

from infgen import __version__
from infgen.batch.bank.easel import Easel
from infgen.batch.bank.leaving import shortfalls, take_stock, write_sheet, write_table
from infgen.batch.fingerprint import RECIPE, hash_of, model_prints
from infgen.batch.lanes import Ticket, painted
from infgen.batch.ledger import Ledger
from infgen.batch.painting import TOLD_FAILURES, load_painter
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import BankSettings, fill, read_toml, write_toml
from infgen.batch.store import RECORD, Pinned, Store
from infgen.models.choice import Resolved
from infgen.models.prompts import Prompt
from infgen.models.resolve import resolve
from infgen.ops.judging import RULES
from infgen.records.cutout import GOOD
from infgen.records.errors import InputError, Problem
from infgen.records.manifest import Manifest
from infgen.records.specs import ClassSpec
from infgen.sources.disk import write_file
from infgen.sources.tables import read_classes
from infgen.stages.inpaint import Inpaint, InpaintSettings, Scene
from infgen.stages.verify import Verify

METHOD = "bank"
BARS = tuple(rule for rule in RULES if rule.measure not in ("cut_off", "contrast"))
"""An object doesn't end where its mask does, as all that the model shows is kept; and how it stands
out is asked once it is cut out, when its backdrop is known."""


def bank(settings: BankSettings, reporter: Reporter | None = None) -> Manifest:
    """Make cutouts until there are `settings.per_class` good ones of each class, or the tries are
    used up; go on where an earlier run stopped, or had fewer to make.

    Raises:
        InputError: the table or settings are wrong; nothing was written.
        FolderError: the output folder holds something else.
        StorageError, DeviceFull, DeviceLost: the machine refused; running again goes on.
    """
    reporter = reporter or Silent()
    table = settings.classes
    if table is None:
        raise InputError("--classes is missing: give the path of classes.csv")
    specs, warnings = _read(table, (settings.width, settings.height))
    model = resolve(settings.model)
    if model.problems:
        raise InputError(model.problems)
    notes = (*map(str, warnings), *model.warnings)
    for note in notes:
        reporter.warn(note)
    reporter.say(f"cutouts: {', '.join(spec.name for spec in specs)}")
    reporter.say(f"on {model.device}: {'; '.join(model.licences)}")
    store = Store(settings.out)
    pinned = Pinned(
        infgen=__version__,
        methods={spec.name: METHOD for spec in specs},
        fingerprint=_fingerprint(specs, settings, model),
    )
    store.check(pinned.fingerprint)
    with store.claimed():
        settings = _no_smaller(settings, store)
        record = write_toml(settings, msgspec.to_builtins(pinned), METHOD)
        store.begin(record, pinned)
        ledger = Ledger(store.folder)
        if _missing(ledger, specs, settings):
            store.reopen()
            write_file(store.folder / RECORD, record)  # which may ask for more than it did
            _make(ledger, specs, settings, model, store, reporter)
        ledger.close()
        notes += tuple(shortfalls(ledger, specs, settings, reporter))
        manifest = take_stock(ledger, specs, settings, model, pinned.fingerprint, notes)
        write_sheet(ledger, specs, manifest, store.folder)
        write_table(ledger, specs, table, store.folder, reporter)
        store.finish(manifest)
        store.log("finished", cutouts=manifest.pictures, failed=len(manifest.failures))
    return manifest


def _read(path: Path, canvas: tuple[int, int]) -> tuple[list[ClassSpec], list[Problem]]:
    """The classes that may appear in a picture, and warnings."""
    specs, warnings = read_classes(path, canvas)
    specs = [spec for spec in specs if spec.appear_range[1]]
    problems = [
        Problem("is empty: say what is to be painted", str(path), spec.line, "prompt")
        for spec in specs
        if not spec.prompt
    ]
    if not specs:
        problems = [Problem("every max_appear is 0: there is nothing to make", str(path))]
    if problems:
        raise InputError(problems)
    return specs, warnings


def _fingerprint(
    specs: Sequence[ClassSpec], settings: BankSettings, model: Resolved
) -> dict[str, str]:
    """What another run must share to add to the same bank: the model, and what it is asked for."""
    prints = {
        "infgen's recipe": RECIPE,
        "the method": METHOD,
        "--seed": str(settings.seed),
        "the canvas": f"{settings.width} x {settings.height}",
    }
    for spec in specs:
        asked = [spec.prompt, spec.negative_prompt, msgspec.to_builtins(spec.size)]
        prints[f"the class '{spec.name}'"] = hash_of(asked)
    return prints | model_prints(model)


def _no_smaller(settings: BankSettings, store: Store) -> BankSettings:
    """A bank never shrinks: where it was asked for more before, its record goes on to say so."""
    if store.pinned() is None:
        return settings
    before = fill(BankSettings, read_toml(store.folder / RECORD, BankSettings))
    return msgspec.structs.replace(
        settings,
        per_class=max(settings.per_class, before.per_class),
        attempts=max(settings.attempts, before.attempts),
    )


def _missing(
    ledger: Ledger, specs: Sequence[ClassSpec], settings: BankSettings
) -> list[tuple[ClassSpec, int]]:
    """The tries to make next, of all classes in turn."""
    most = settings.attempts * settings.per_class
    rows = [
        [(spec, number) for number in ledger.missing(spec.name, settings.per_class, most)]
        for spec in specs
    ]
    return [one for column in zip_longest(*rows) for one in column if one is not None]


def _make(
    ledger: Ledger,
    specs: Sequence[ClassSpec],
    settings: BankSettings,
    model: Resolved,
    store: Store,
    reporter: Reporter,
) -> None:
    """Try until nothing is missing. A try with an error counts as one, in this run."""
    prompts = [Prompt(spec.prompt, spec.negative_prompt) for spec in specs]
    wanted = len(specs) * settings.per_class
    painter = load_painter(model, wanted, prompts, reporter)
    store.log("model", **painter.facts)
    judge = Verify([spec.name for spec in specs], rules=BARS)
    once = InpaintSettings(attempts=1)  # a try is a backdrop
    stage = Inpaint(painter, once, 0, judge, all_of_it=True)
    easel = Easel(specs, settings, painter.native_size, painter.names[-1])
    there = sum(len(ledger.good(spec.name)) for spec in specs)
    reporter.start("cutouts", wanted, there)
    failures = 0
    try:
        with ledger.open():
            while missing := _missing(ledger, specs, settings):
                tickets = _tickets(easel, missing, lambda: painter.batch_size)
                for ticket in painted(stage, tickets, lambda: painter.batch_size):
                    one, trace = easel.keep(ticket)
                    ledger.add(one)
                    if one.failed:
                        failures += 1
                        what = f"{one.name} {one.number} failed: {one.verdict}"
                        store.log("failed", reason=what, traceback=trace)
                        if failures <= TOLD_FAILURES:
                            reporter.warn(what)
                    elif one.verdict == GOOD:
                        reporter.advance()
    finally:
        reporter.stop()


def _tickets(
    easel: Easel, tries: Sequence[tuple[ClassSpec, int]], batch_size: Callable[[], int]
) -> Iterator[list[Ticket]]:
    """Pictures to paint, a batch at a time."""
    left = iter(tries)
    while batch := list(islice(left, batch_size())):
        plans = [easel.plan(*one) for one in batch]
        yield [Ticket(plan, Scene(plan, easel.backdrop(plan))) for plan in plans]
