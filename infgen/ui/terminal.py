"""What a person at a terminal, or the reader of a log, sees of a run."""

from __future__ import annotations

import os
import statistics
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

from infgen.batch.preview import FILE as SHEET
from infgen.batch.report import FOLDER as REPORT
from infgen.batch.report import INDEX
from infgen.batch.statistics import FILE as STATISTICS
from infgen.batch.statistics import Statistics
from infgen.models.known_eyes import EyeRow, Role
from infgen.models.presets import TINY_FOLDER, Preset
from infgen.ops.plans import Plans
from infgen.records.errors import StorageError
from infgen.records.manifest import Manifest, Uses
from infgen.records.plan import ImagePlan
from infgen.report.settings import ReportSettings
from infgen.ui.pace import Pace

HEARTBEAT = 10.0  # seconds between progress lines in a log
SHOWN_FAILURES = 10


# ---- the streams ---------------------------------------------------------------------------------


def mend_streams() -> None:
    """Make standard streams that the shell closed swallow what they are given. Otherwise the next
    file opened would take their numbers, and what libraries print would land in it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):  # a name that the encoding lacks is no reason to fail
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def written_out() -> Iterator[None]:
    """For a block that prints to standard output: ends it quietly when the reader has seen enough
    (`| head`).

    Raises:
        StorageError: what standard output is sent to can't be written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _hush(sys.stdout)
    except OSError as error:
        _hush(sys.stdout)
        reason = error.strerror or error
        raise StorageError(f"can't write to standard output: {reason}: free some space") from error


def _hush(stream: TextIO) -> None:
    """Let what else is written to a stream that doesn't take it go nowhere."""
    with suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


class _Patient:
    """Standard error, whose reader may leave and whose disk may fill: a run goes on unheard."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            _hush(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _hush(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    """Prints text as it is: names are the user's, brackets and colons in them mean nothing."""

    def __init__(self, file: IO[str]):
        super().__init__(file=file, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        raise  # it is called where the error was caught; rich would end the process


def _stderr() -> Console:
    return _Console(_Patient(sys.stderr))  # type: ignore[arg-type]


# ---- a run while it is going on ------------------------------------------------------------------


class Terminal:
    """A Reporter: a progress bar on a terminal, a line now and then in a log. Writes to stderr."""

    def __init__(self) -> None:
        self._console = _stderr()
        self._progress: Progress | None = None
        self._pace: Pace | None = None
        self._heartbeat: Heartbeat | None = None

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        self._console.print(Text("warning: ", "yellow") + Text(text), soft_wrap=True)

    def start(self, what: str, total: int, done: int = 0) -> None:
        if done:
            self.say(f"{done} of {total} {what} are there already")
        if not self._console.is_interactive:
            self._heartbeat = Heartbeat(self, what, total, done)
            return
        self._pace = pace = Pace(what, total, done)
        self._progress = Progress(
            TextColumn("{task.description:>9}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Told(lambda: f"{pace.rate:.1f}/s" if pace.rate else "-/s", "progress.data.speed"),
            _Told(lambda: pace.left or "-:--:--", "progress.remaining"),
            console=self._console,
        )
        self._progress.start()
        self._progress.add_task(what, total=total, completed=done)

    def advance(self, failed: bool = False) -> None:
        if self._progress and self._pace:
            self._pace.advance()
            self._progress.advance(self._progress.task_ids[0])
        elif self._heartbeat:
            self._heartbeat.beat()

    def stop(self) -> None:
        if self._progress:
            self._progress.stop()
        if self._heartbeat:
            self._heartbeat.close()
        self._progress = self._heartbeat = None


class Heartbeat:
    """Progress as plain lines: one every few seconds, and one at the end."""

    def __init__(self, terminal: Terminal, what: str, total: int, done: int):
        self._terminal, self._pace = terminal, Pace(what, total, done)
        self._spoke = time.monotonic()

    def beat(self) -> None:
        self._pace.advance()
        now = time.monotonic()
        if now - self._spoke >= HEARTBEAT and self._pace.done < self._pace.total:
            self._spoke = now
            self._terminal.say(self._pace.text(to_go=True))

    def close(self) -> None:
        self._terminal.say(self._pace.text())


class _Told(ProgressColumn):
    """What a function says."""

    def __init__(self, say: Callable[[], str], style: str):
        super().__init__()
        self._say, self._style = say, style

    def render(self, task: Task) -> Text:
        return Text(self._say(), style=self._style)


# ---- before and after ----------------------------------------------------------------------------


def print_models(presets: Iterable[Preset]) -> None:
    """The diffusion models that have a name, for `--model`: each with its numbers on a line, and
    below what it is good for and the weights it is made of, in whole lines to copy from."""
    with written_out():
        print(f"{'model':<13}{'pixels':>6}{'steps':>7}{'memory':>9}   licence")
        for preset in presets:
            weights = [preset.model, preset.inpaint_model, preset.vae, preset.lora]
            shown = ["comes with infgen"] if preset.model == str(TINY_FOLDER) else weights
            memory = f"{preset.memory_gb:g} GB"
            print(
                f"\n{preset.name:<13}{preset.native:>6}{preset.steps:>7}{memory:>9}   "
                f"{preset.licence}"
            )
            for line in (preset.note, *filter(None, shown)):
                print(f"    {line}")


def print_eyes(eyes: Mapping[Role, Mapping[str, EyeRow]]) -> None:
    """The models that can judge what was painted or estimate depth, by the option that takes them;
    of each the first is the default."""
    with written_out():
        print("\nverify (see --verify) and depth (see --depth)")
        for role, rows in eyes.items():
            option = "depth-model" if role == "depth" else role
            for row in rows.values():
                print(f"\n--{option:<11}{f'{row.memory_gb:g} GB':>9}   {row.licence}")
                print(f"    {row.note}\n    {row.id}")


def print_summary(manifest: Manifest, folder: Path) -> None:
    """The end of a run: per class what was made and what was left out, and where everything is."""
    table = _table("class", "images", "objects", "dropped")
    tried = any(one.rejected for one in manifest.classes)
    if tried:
        table.add_column("tries not used")
    pasted = any(one.cutouts.files for one in manifest.classes)
    if pasted:
        table.add_column("most used cutout")
    for column in table.columns[3:]:
        column.justify = "left"
    for one in manifest.classes:
        why = [_counted(one.dropped), *([_counted(one.rejected)] if tried else [])]
        objects = f"{one.objects} ({one.given} given)" if one.given else str(one.objects)
        used = [_most_used(one.cutouts)] if pasted else []
        table.add_row(Text(one.name), str(one.images), objects, *why, *used)
    splits = ", ".join(f"{count} {name}" for name, count in manifest.splits.items())
    with written_out():
        console = _Console(sys.stdout)
        console.print(table)
        console.print(f"{manifest.pictures} pictures ({splits}) in {folder}", soft_wrap=True)
        if manifest.backgrounds.files:
            text = f"most used background: {_most_used(manifest.backgrounds)}"
            console.print(text, soft_wrap=True)
        if manifest.marked:
            text = f"{manifest.marked} of them are marked as bad, and kept out of the formats"
            console.print(text, soft_wrap=True)
        for line in (*_decoys(manifest), *_failures(manifest)):
            console.print(line, soft_wrap=True)
        console.print(f"a look at them: {folder / SHEET}", soft_wrap=True)


def print_report(settings: ReportSettings, folder: Path) -> None:
    """Where the report is that a run has just written, if it has: its last line."""
    path = folder / REPORT / INDEX
    if settings.report and path.exists():
        with written_out():
            print(f"all of it in a browser: {path}")


def print_statistics(counted: Statistics, folder: Path) -> None:
    """Files, sizes, and the pixels' mean and deviation, folder by folder."""
    table = _table("folder", "files", "MB", "mean", "std")
    for name, one in counted.folders.items():
        table.add_row(
            Text(name),
            f"{one.files:,}",
            f"{one.bytes / 1e6:,.1f}",
            _values(one.mean),
            _values(one.std),
        )
    packs = counted.packs
    with written_out():
        console = _Console(sys.stdout)
        console.print(table)
        if packs.files:
            console.print(f"all in {packs.files:,} archives of {packs.bytes / 1e6:,.1f} MB")
        console.print(f"in numbers: {folder / STATISTICS}", soft_wrap=True)


def _values(channels: Sequence[float]) -> str:
    return " ".join(f"{value:.4f}" for value in channels) or "-"


def _most_used(uses: Uses) -> Text:
    """A file, how often it is used, and of how many it is one."""
    name = PurePosixPath(uses.most_used).name
    return Text(f"{uses.most} x {name} (of {uses.files})" if uses.files else "-")


def _decoys(manifest: Manifest) -> Iterator[str]:
    """What wasn't kept of places without labels."""
    reasons: Counter[str] = Counter()
    for one in manifest.classes:
        reasons.update(one.dropped_decoys)
    if reasons:
        yield f"decoys left out: {_counted(reasons)}"


def _counted(reasons: Mapping[str, int]) -> Text:
    return Text(", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "-")


def print_bank(manifest: Manifest, folder: Path) -> None:
    """The end of a bank: per class the cutouts and why tries gave none, and how to use it."""
    table = _table("class", "cutouts", "tries", "not good enough")
    table.columns[-1].justify = "left"
    for one in manifest.classes:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(one.dropped.items()))
        tries = one.objects + sum(one.dropped.values())
        table.add_row(Text(one.name), str(one.objects), str(tries), Text(reasons or "-"))
    with written_out():
        console = _Console(sys.stdout)
        console.print(table)
        console.print(f"{manifest.pictures} cutouts in {folder}", soft_wrap=True)
        for line in _failures(manifest):
            console.print(line, soft_wrap=True)
        console.print(f"a look at them: {folder / SHEET}", soft_wrap=True)
        console.print(
            f"pictures of them: infgen run --method paste --classes {folder / 'classes.csv'} "
            "--backgrounds ...",
            soft_wrap=True,
        )


def print_cutouts(manifest: Manifest, folder: Path) -> None:
    """The end of `cutouts`: per class how many, how they were cut out, what was left out and why,
    and how to use them."""
    table = _table("class", "cutouts", "cut out by", "left out")
    for column in table.columns[2:]:
        column.justify = "left"
    for one in manifest.classes:
        table.add_row(Text(one.name), str(one.objects), _counted(one.ways), _counted(one.dropped))
    with written_out():
        console = _Console(sys.stdout)
        console.print(table)
        console.print(f"{manifest.pictures} cutouts in {folder}", soft_wrap=True)
        for line in _failures(manifest):
            console.print(line, soft_wrap=True)
        console.print(f"a look at them: {folder / SHEET}", soft_wrap=True)
        own = folder / "background.csv"
        source = manifest.settings.get("source", "...")
        scenes = f"{own} --background-labels {source}" if own.exists() else "..."
        console.print(
            f"pictures of them: infgen run --method paste --classes {folder / 'classes.csv'} "
            f"--backgrounds {scenes}",
            soft_wrap=True,
        )


def _failures(manifest: Manifest) -> Iterator[str]:
    if manifest.failures:
        yield f"{len(manifest.failures)} failed; run the same command to try them again:"
    for failure in manifest.failures[:SHOWN_FAILURES]:
        yield f"  {failure.index}: {failure.reason}"
    if len(manifest.failures) > SHOWN_FAILURES:
        yield "  ... all of them are in manifest.json"


def print_plans(planner: Plans, plans: Iterable[ImagePlan]) -> None:
    """What a run would make, in numbers: per class its objects (those of groups one by one), the
    sizes asked for, what finds no room."""
    names = [spec.name for spec in planner.request.classes]
    groups = {cutout.name: [names.index(name) for name in cutout.members]
              for spec in planner.request.classes for cutout in spec.cutouts
              if cutout.members}  # fmt: skip
    widths = [array("d") for _ in names]
    heights = [array("d") for _ in names]
    images, objects = Counter[int](), Counter[int]()
    homeless, given = Counter[int](), Counter[int]()
    splits = Counter[str]()
    for plan in plans:
        splits[plan.split] += 1
        shown = Counter[int]()
        for planned in plan.objects:
            shown.update(groups.get(planned.cutout, [planned.class_id]))
        images.update(shown.keys())
        objects.update(shown)
        homeless.update(dropped.class_id for dropped in plan.dropped)
        given.update(there.class_id for there in plan.given)
        for planned in plan.objects:
            widths[planned.class_id].append(planned.box.width)
            heights[planned.class_id].append(planned.box.height)
    table = _table("class", "images", "objects", "width", "height", "no room")
    if given:
        table.add_column("given", justify="right")
    for class_id, name in enumerate(names):
        table.add_row(
            Text(name),
            str(images[class_id]),
            str(objects[class_id]),
            _spread(widths[class_id]),
            _spread(heights[class_id]),
            str(homeless[class_id] or "-"),
            *([str(given[class_id] or "-")] if given else []),
        )
    shares = ", ".join(f"{splits[name]} {name}" for name in planner.splits)
    with written_out():
        console = _Console(sys.stdout)
        console.print(table)
        console.print("{} pictures ({}) of {} x {}".format(planner.count, shares, *planner.canvas))


def print_estimate(rows: Sequence[tuple[str, str]], paths: Sequence[Path]) -> None:
    """What a run takes, and the files that show what it makes."""
    with written_out():
        for name, value in rows:
            print(f"{name:<12}{value}")
        print()
        for path in paths:
            print(path)


def _table(first: str, *numbers: str) -> Table:
    table = Table(first, *numbers, box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _spread(values: array[float]) -> str:
    """Least - median - most."""
    if not values:
        return "-"
    return f"{min(values):.0f} - {statistics.median(values):.0f} - {max(values):.0f}"


def print_error(text: str) -> None:
    """An error's sentences, one a line, on stderr."""
    console = _stderr()
    for line in text.splitlines():
        console.print(Text("error: ", "bold red") + Text(line), soft_wrap=True)


def print_stopped(text: str) -> None:
    """After Ctrl-C or a kill: what to do now."""
    _stderr().print(f"\nstopped: {text}", soft_wrap=True)
