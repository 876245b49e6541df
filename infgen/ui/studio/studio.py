"""What the studio can do: for its page, and for programs (each public method that API names)."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from infgen.batch import runner
from infgen.batch.looking import class_names, count_pictures, drawn, newest, some
from infgen.batch.marks import read_marks
from infgen.batch.preview import TILES, preview_plan, spread
from infgen.ops.concerns import concerns_of
from infgen.ops.outlook import look_ahead
from infgen.records.errors import FolderBusy, InfgenError, InputError
from infgen.records.sample import Entry
from infgen.sources.disk import write_file
from infgen.sources.tables import read_request
from infgen.ui.studio.asked import read_asked, settings_of, write_run
from infgen.ui.studio.files import archive, keep
from infgen.ui.studio.jobs import LOOK, Job, Jobs, Status
from infgen.ui.studio.workspace import TABLES, Workspace

PAGE = 24  # pictures of a dataset that are shown together
SIDE = 640  # pixels of their longer side
MOST_PLANS = 2000  # that are counted for the numbers of a plan
MOST_SAMPLES = 16
CANVAS = (768, 768)  # against which tables are checked before a size is known


class Studio:
    """A workspace and the one run that may be going on in it."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.jobs = Jobs(workspace.own)
        self._packing = threading.Lock()  # for two who ask for the same archive
        self._keeping = threading.Lock()  # for two whose pictures are of one name

    # ---- before a run ------------------------------------------------------------------------

    def tables(self) -> dict[str, str]:
        """The two tables as CSV text: {"background.csv": ..., "classes.csv": ...}."""
        return {table: self.workspace.text(table) for table in TABLES}

    def save_tables(self, backgrounds: str, classes: str) -> list[str]:
        """Save the two tables, given as CSV text, and return what is wrong with them: a sentence
        with file, line, column and remedy for each mistake; none if all is well."""
        for table, text in zip(TABLES, (backgrounds, classes), strict=True):
            self.workspace.write_text(table, text)
        return self.mistakes()

    def mistakes(self) -> list[str]:
        """What is wrong with the tables as they are."""
        root = self.workspace.root
        try:
            self.workspace.check_cells()
            read_request(root / "background.csv", root / "classes.csv", CANVAS)
        except InfgenError as error:
            return self.workspace.told(error).splitlines()
        return []

    def upload(self, files: list[str], kind: str, folder: str) -> str:
        """Take uploaded pictures into the workspace: `kind` is "backgrounds", or "cutouts" for
        pictures with transparency, `folder` a name for them. Returns what a table's cell in the
        column `images` or `cutouts` says of them."""
        with self._keeping:
            return keep(self.workspace, [Path(file) for file in files], kind, folder)

    def plan(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What a run with these settings (named as the options of infgen run, with _ for -) would
        make: the number of pictures, their size, objects by class, notes."""
        notes = _Notes()
        planner = runner.plan(settings_of(self.workspace, LOOK, settings), notes)
        indices = [planner.indices[rank] for rank in spread(planner.count, MOST_PLANS)]
        outlook = look_ahead(planner, map(planner.plan, indices))
        return {
            "pictures": planner.count,
            "width": planner.canvas[0],
            "height": planner.canvas[1],
            "counted": outlook.seen,
            "classes": [
                {
                    "name": one.name,
                    "pictures": one.pictures.total(),
                    "objects": one.objects,
                    "no_room": one.homeless,
                }
                for one in outlook.classes
            ],
            "notes": [*notes.warned, *concerns_of(outlook)],
        }

    def estimate(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What a run with these settings would take on this machine: time, disk and memory, by a
        few pictures that are made, with warnings, and the path of a page with all of it."""
        file = self._fresh("preview.html")
        job = self._look("estimate", settings, into=str(file))
        page = f"looks/{file.parent.name}/{file.name}"
        return {
            "estimate": dict(job.estimate),
            "warnings": self.told(job.status())["warnings"],
            "page": page,
        }

    def preview(self, settings: dict[str, Any], painted: int = 0) -> Path:
        """A contact sheet of what a run with these settings would make: planned boxes, or as many
        really painted pictures as `painted` says."""
        if not painted:
            planner = runner.plan(settings_of(self.workspace, LOOK, settings))
            return preview_plan(planner, self._fresh("plan.png"), TILES)
        if not 1 <= painted <= MOST_SAMPLES:
            raise InputError(f"painted: '{painted}' won't do: it takes a number from 1 to "
                             f"{MOST_SAMPLES}")  # fmt: skip
        sheet = self._fresh("samples.png")
        self._look("samples", settings, into=str(sheet), count=painted)
        return sheet

    def _look(self, what: str, settings: dict[str, Any], into: str, **task: Any) -> Job:
        """Have a child look at what a run would make: what it needs for that is gone with it.

        Raises:
            InputError: the settings are wrong, or it was stopped.
            FolderBusy: a run is going on.
        """
        with self.jobs.alone():
            file = Path(into).with_name("look.toml")
            write_run(self.workspace, LOOK, settings, file)
            job = self.jobs.look({"what": what, "config": str(file), "into": into, **task})
        job.wait()
        if job.error or not Path(into).exists():
            raise InputError(job.error or "it was stopped")
        return job

    # ---- the run -----------------------------------------------------------------------------

    def start(self, dataset: str, settings: dict[str, Any]) -> Status:
        """Start the run that makes `dataset`, or go on with it where it stopped. `settings` are as
        for plan, and are noted once they have been found to fit what is there. One run at a time;
        returns how it stands."""
        with self.jobs.alone():
            file = self.workspace.run_file(dataset)
            new = self._fresh(file.name) if self.workspace.has(dataset) else file
            write_run(self.workspace, dataset, settings, new)
            task = {"what": "run", "config": str(new)}
            return self.jobs.start(dataset, task, partial(_put, new, file)).status()

    def resume(self, dataset: str) -> Status:
        """Go on with a run that was stopped, with the settings that it was started with."""
        if not self.workspace.run_file(dataset).exists():
            raise InputError(f"the studio hasn't started a run that makes '{dataset}'")
        return self.start(dataset, read_asked(self.workspace, dataset))

    def status(self) -> Status:
        """How the run or the marking stands, or how the last one ended: its state (idle, running,
        stopping, finished, stopped, failed), how much is done, rate, time left, warnings."""
        return self.told(self.jobs.status())

    def told(self, status: Status) -> Status:
        """A status, with the paths as they are called in the workspace."""
        told = self.workspace.told
        return status | {
            "error": told(status["error"]),
            "warnings": [told(text) for text in status["warnings"]],
        }

    def stop(self) -> Status:
        """Stop the run or the marking, as Ctrl-C does. What was made is kept; start or resume go on
        with it."""
        self.jobs.stop()
        return self.status()

    # ---- what was made -----------------------------------------------------------------------

    def datasets(self) -> list[dict[str, Any]]:
        """The datasets in the workspace, the newest first: name, whether finished, whether there is
        a report."""
        return [
            {
                "name": name,
                "finished": self.workspace.is_finished(name),
                "report": self.has_report(name),
            }
            for name in self.workspace.datasets()
        ]

    def pictures(self, dataset: str, page: int = 1) -> list[dict[str, Any]]:
        """A page of a dataset's pictures, 24 each, from page 1: index, split, the picture's file in
        the dataset, why it is marked as bad, if it is, and labels (class, box as x0, y0, x1, y1 in
        pixels, area of the mask)."""
        folder = self.workspace.made(dataset)
        names, marks = class_names(folder), read_marks(folder)
        return [
            {
                "index": entry.index,
                "split": entry.split,
                "file": entry.file,
                "marked": marks.get(entry.index),
                "objects": [
                    {
                        "class": names[one.class_id],
                        "box": [round(edge, 2) for edge in one.box.xyxy],
                        "area": one.area,
                    }
                    for one in entry.objects
                ],
            }
            for entry in self.entries(dataset, page)
        ]

    def mark(
        self, dataset: str, pictures: list[int], reason: str = "", undo: bool = False
    ) -> Status:
        """Mark pictures of a finished dataset as bad, by index: they are kept out of every format,
        and recorded; `undo` takes the marks away. The formats are written anew for that, so it is
        followed and stopped as a run is; returns how it stands."""
        return self.marking(dataset, pictures, reason, undo).status()

    def marking(self, dataset: str, pictures: list[int], reason: str, undo: bool) -> Job:
        """The job that marks pictures."""
        file, folder = self._fresh("marks.json"), self.workspace.made(dataset)
        marks = {"pictures": pictures, "reason": reason, "undo": undo}
        write_file(file, json.dumps(marks).encode())  # more than an argument of a process may hold
        task = {"what": "mark", "dataset": str(folder), "asked": str(file)}
        return self.jobs.start(dataset, task)

    def download(self, dataset: str = "") -> Path:
        """A ZIP of a finished dataset, or of the two tables where no name is given."""
        if dataset and self.jobs.busy_with == dataset:
            raise FolderBusy(f"'{dataset}' is being worked on: wait for it, or stop it first")
        with self._packing:
            return archive(self.workspace, dataset)

    def entries(self, dataset: str, page: int) -> list[Entry]:
        """The records of a page of a dataset's pictures."""
        if page < 1:
            raise InputError(f"page: '{page}' won't do: pages count from 1")
        return some(self.workspace.made(dataset), (page - 1) * PAGE, PAGE)

    def pages(self, dataset: str) -> int:
        """How many pages of pictures a dataset has."""
        return max(-(-count_pictures(self.workspace.made(dataset)) // PAGE), 1)

    def newest(self, dataset: str, count: int) -> list[Entry]:
        """The records of the pictures that were made last."""
        return newest(self.workspace.made(dataset), count)

    def drawn(self, dataset: str, entry: Entry) -> Path:
        """A picture with its labels over it, as a file that the page may show."""
        folder = self.workspace.made(dataset)
        stamp = (folder / "run.toml").stat().st_mtime_ns
        file = self.workspace.uploads / "drawn" / f"{dataset}-{stamp}" / f"{entry.index}.jpg"
        if not file.exists():
            write_file(file, drawn(folder, entry, class_names(folder), SIDE))
        return file

    def has_report(self, dataset: str) -> bool:
        """Whether a dataset has a report to open."""
        return (self.workspace.dataset(dataset) / "report" / "index.html").is_file()

    def _fresh(self, name: str) -> Path:
        """A path for a file that the page may show, unlike all before it."""
        return self.workspace.uploads / secrets.token_hex(8) / name

    @contextmanager
    def open(self) -> Iterator[Studio]:
        """Hold the workspace, without what was uploaded or shown before, and leave no run
        behind."""
        with self.workspace.claimed():
            shutil.rmtree(self.workspace.uploads, ignore_errors=True)
            self.workspace.uploads.mkdir(exist_ok=True)
            try:
                yield self
            finally:
                self.jobs.close()


def _put(new: Path, file: Path) -> None:
    """Keep the settings of a run; the dataset has a record of them, too."""
    with suppress(OSError):
        new.replace(file)


class _Notes:
    """A Reporter that keeps the warnings."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None:
        self.warned.append(text)

    def start(self, what: str, total: int, done: int = 0) -> None: ...
    def advance(self, failed: bool = False) -> None: ...
    def stop(self) -> None: ...


API = ("tables", "save_tables", "upload", "plan", "estimate", "preview", "start", "resume",
       "status", "stop", "datasets", "pictures", "mark", "download")  # fmt: skip
"""What programs may call, by the names of the methods."""
