"""The verb bank: objects painted one by one on plain backdrops and cut out, to be pasted for ever.

One GPU hour becomes any number of pictures that any CPU can paste (X-Paste, ICML 2023). An object
is a picture of its own, with one box in its middle: it goes the way of a run's pictures through the
model's queue, but what is kept of it is the cutout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path

import msgspec
import numpy as np

from infgen import __version__
from infgen.batch.encoding import encode_picture
from infgen.batch.fingerprint import RECIPE, hash_of, model_prints
from infgen.batch.lanes import Ticket, painted
from infgen.batch.ledger import Ledger
from infgen.batch.painting import TOLD_FAILURES, load_painter
from infgen.batch.pipeline import told_failure
from infgen.batch.preview import FILE as SHEET
from infgen.batch.preview import cutout_tile, spread
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import BankSettings, fill, flatten, read_toml, write_toml
from infgen.batch.stock import versions
from infgen.batch.store import RECORD, Pinned, Store
from infgen.models.choice import Resolved
from infgen.models.prompts import Prompt
from infgen.models.resolve import resolve
from infgen.ops.boxes import draw_level, size_ranges
from infgen.ops.cutting import NoCutout, cut_out, draw_backdrop
from infgen.ops.judging import RULES
from infgen.ops.rle import decode_rle
from infgen.ops.seeds import derive_seed, stream
from infgen.ops.shapes import draw_shape
from infgen.records.box import Box
from infgen.records.cutout import GOOD, Cutout
from infgen.records.errors import InputError, Problem, StorageError
from infgen.records.manifest import ClassCount, Failure, Manifest
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.records.specs import AspectSize, ClassSpec
from infgen.report.sheet import draw_sheet
from infgen.sources.disk import write_file
from infgen.sources.names import folder_names
from infgen.sources.tables import read_classes, with_cutouts
from infgen.stages.inpaint import Inpaint, InpaintSettings, Scene, finished
from infgen.stages.verify import Verify

METHOD = "bank"
TABLE = "classes.csv"
LONGER_SIDE = (0.6, 0.7)  # of the backdrop's side: the model sees all of it, and the object large
TILES = 48  # cutouts on the contact sheet
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
        notes += tuple(_shortfalls(ledger, specs, settings, reporter))
        manifest = _take_stock(ledger, specs, settings, model, pinned.fingerprint, notes)
        _write_sheet(ledger, specs, manifest, store.folder)
        _write_table(ledger, specs, table, store.folder)
        store.finish(manifest)
        store.log("finished", cutouts=manifest.pictures, failed=len(manifest.failures))
    return manifest


# ---- what is asked -------------------------------------------------------------------------------


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


# ---- what is made --------------------------------------------------------------------------------


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


class Easel:
    """Plans single objects on backdrops of `side` pixels, and keeps what was painted of them."""

    def __init__(self, specs: Sequence[ClassSpec], settings: BankSettings, side: int, model: str):
        self._specs, self._settings, self._side = specs, settings, side
        self._folders = folders_of(specs)
        self._model = model

    def plan(self, spec: ClassSpec, number: int) -> ImagePlan:
        """The `number`th try at an object of a class: the same whatever else is made."""
        seed = derive_seed(self._settings.seed, number, f"cutout of {spec.name}")
        rng = stream(self._settings.seed, number, f"box of a cutout of {spec.name}")
        wanted = ObjectPlan(
            self._specs.index(spec),
            self._draw_box(spec, rng),
            "inpaint",
            prompt=spec.prompt,
            negative_prompt=spec.negative_prompt,
            seed=seed,
            shape=draw_shape(rng, ("rectangle",)),  # what models fill best; nothing of it stays
        )
        backdrop = BackgroundPlan(number, row=0, plain="backdrop")
        return ImagePlan(number, "", (self._side, self._side), backdrop, (wanted,))

    def _draw_box(self, spec: ClassSpec, rng: np.random.Generator) -> Box:
        """A box of the class's proportions, in the middle."""
        one, two, longer = rng.random(3).tolist()
        size, one = draw_level(spec.size, one)
        if isinstance(size, AspectSize):
            low, high = size.ratio_range
            ratio = low * (high / low) ** one
        else:
            canvas = (self._settings.width, self._settings.height)
            widths, heights = size_ranges(size, canvas)
            ratio = _between(*widths, one) / _between(*heights, two)
        length = self._side * _between(*LONGER_SIDE, longer)
        width, height = length * min(1, ratio), length * min(1, 1 / ratio)
        x, y = ((self._side - span) / 2 for span in (width, height))
        return Box(x, y, x + width, y + height)

    def backdrop(self, plan: ImagePlan) -> np.ndarray:
        """What lies behind a planned object, (H, W, 3) uint8 RGB: another one for each try."""
        return draw_backdrop(plan.size, plan.background.number)

    def keep(self, ticket: Ticket) -> tuple[Cutout, str]:
        """What has become of a try, its cutout written; and a traceback, if it met a bug."""
        try:
            if isinstance(ticket.scene, Exception):
                raise ticket.scene
            return self._keep(ticket.plan, ticket.scene), ""
        except NoCutout as error:
            return self._told(ticket.plan, str(error)), ""
        except StorageError:
            raise
        except Exception as error:
            reason, trace = told_failure(error)
            return self._told(ticket.plan, reason, failed=True), trace

    def _keep(self, plan: ImagePlan, scene: Scene) -> Cutout:
        sample = finished(scene)
        if not sample.instances:
            raise NoCutout(sample.dropped[-1].reason)
        thing = decode_rle(sample.instances[0].rle, plan.size)
        rgba = cut_out(sample.canvas, self.backdrop(plan), thing)
        data = encode_picture(rgba, "png").tobytes()
        name = self._specs[plan.objects[0].class_id].name
        file = f"{self._folders[name]}/{plan.index:06d}.png"
        write_file(self._settings.out / file, data)
        return self._told(
            plan,
            GOOD,
            file=file,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            size=(rgba.shape[1], rgba.shape[0]),
        )

    def _told(self, plan: ImagePlan, verdict: str, **facts: object) -> Cutout:
        [wanted] = plan.objects
        cutout = Cutout(
            name=self._specs[wanted.class_id].name,
            number=plan.index,
            prompt=wanted.prompt,
            negative_prompt=wanted.negative_prompt,
            seed=wanted.seed,
            model=self._model,
            verdict=verdict,
        )
        return msgspec.structs.replace(cutout, **facts)


def _between(low: float, high: float, die: float) -> float:
    return low + die * (high - low)


def folders_of(specs: Sequence[ClassSpec]) -> dict[str, str]:
    """A folder for each class's cutouts."""
    names = [spec.name for spec in specs]
    return dict(zip(names, folder_names(names), strict=True))


# ---- what is left in the folder ------------------------------------------------------------------


def _shortfalls(
    ledger: Ledger, specs: Sequence[ClassSpec], settings: BankSettings, reporter: Reporter
) -> Iterator[str]:
    """A sentence for each class that has too few cutouts after all tries."""
    for spec in specs:
        verdicts = ledger.verdicts(spec.name)
        good, tries = verdicts.get(GOOD, 0), sum(verdicts.values())
        if good < settings.per_class:
            note = (
                f"{spec.name}: {good} of {settings.per_class} cutouts after {tries} tries: look at "
                "them, and mend its prompt or raise --attempts"
            )
            reporter.warn(note)
            yield note


def _take_stock(
    ledger: Ledger,
    specs: Sequence[ClassSpec],
    settings: BankSettings,
    model: Resolved,
    fingerprint: Mapping[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    """The manifest of what is there: of cutouts instead of pictures, so without splits."""
    classes = []
    for spec in specs:
        reasons = dict(sorted(ledger.verdicts(spec.name).items()))
        good = reasons.pop(GOOD, 0)
        classes.append(ClassCount(spec.name, good, good, reasons))
    return Manifest(
        infgen=__version__,
        pictures=sum(one.objects for one in classes),
        splits={},
        classes=tuple(classes),
        failures=tuple(Failure(one.number, f"{one.name}: {one.verdict}")
                       for one in ledger.all() if one.failed),
        formats=(),
        notes=notes,
        settings=flatten(settings),
        models=model.record,
        fingerprint=dict(fingerprint),
        sources={},
        versions=versions(),
    )  # fmt: skip


def _write_table(ledger: Ledger, specs: Sequence[ClassSpec], source: Path, folder: Path) -> None:
    """The user's own rows, with the folder of cutouts in each: what run --method paste takes."""
    folders = folders_of(specs)
    cells = {spec.line: folders[spec.name] for spec in specs if ledger.good(spec.name)}
    write_file(folder / TABLE, with_cutouts(source, cells))


def _write_sheet(
    ledger: Ledger, specs: Sequence[ClassSpec], manifest: Manifest, folder: Path
) -> None:
    """Cutouts of all classes on checkers, to look at."""
    each = max(TILES // len(specs), 1)
    good = [ledger.good(spec.name) for spec in specs]
    shown = [cutouts[rank] for cutouts in good for rank in spread(len(cutouts), each)][:TILES]
    sheet = draw_sheet(
        [cutout_tile(folder / one.file, f"{one.name} · {one.number}") for one in shown],
        (),
        f"Bank: {manifest.pictures:,} cutouts, {len(specs)} classes",
        f"Shown: {len(shown)}. What isn't good enough may be deleted: the same command then makes "
        "others.",
    )
    write_file(folder / SHEET, encode_picture(sheet, "png").data)
