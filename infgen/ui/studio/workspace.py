"""The folder that the studio works in, and out of which it doesn't reach.

background.csv, classes.csv    the two tables; the files that they name lie in this folder, too
backgrounds/, cutouts/         pictures that were uploaded, in folders
runs/NAME.toml                 the settings of a run: infgen run --config takes them
datasets/NAME/                 what it makes
.studio/                       what the studio needs for itself: uploads, samples, archives, a log
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from filelock import FileLock, Timeout

from infgen.batch.marks import JOURNAL
from infgen.batch.store import MANIFEST, RECORD
from infgen.records.errors import FolderBusy, InfgenError, InputError, Problem
from infgen.sources.csv_rows import Column, NotATable, problem_at, read_cells
from infgen.sources.disk import storage_error, told, write_file
from infgen.sources.pictures import find_pictures
from infgen.sources.tables import BACKGROUND_COLUMNS, CLASS_COLUMNS, PLAIN_KINDS, write_table
from infgen.ui.studio.settings import UPLOADS_GB

TABLES = {
    "background.csv": ("images", BACKGROUND_COLUMNS),
    "classes.csv": ("cutouts", CLASS_COLUMNS),
}
"""The tables: which of their columns names files, and all columns."""

_NAME = re.compile(r"\w(?:[\w .()+-]{0,98}[\w)+-])?")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)  # no files on Windows


class Workspace:
    """The folder at `root`, made if it isn't there, with room for so many GB of uploads."""

    def __init__(self, root: Path, uploads_gb: float = UPLOADS_GB):
        with told(root):
            root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self.own = self.root / ".studio"
        self.uploads = self.own / "files"
        self.uploads_gb = uploads_gb
        with told(self.uploads):
            self.uploads.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the workspace for this studio alone. Raises FolderBusy if another one has it, and
        StorageError if nothing can be written there."""
        lock = FileLock(self.own / "lock", timeout=0.3)
        try:
            lock.acquire()
        except Timeout:
            text = f"another studio is open in {self.root}: use that one, or another --workspace"
            raise FolderBusy(text) from None
        except OSError as error:
            raise storage_error(self.root, error) from None
        try:
            yield
        finally:
            lock.release()

    # ---- what may be named -------------------------------------------------------------------

    def inside(self, text: str, what: str) -> Path:
        """The path that `text` means, relative to the workspace.

        Raises:
            InputError: it leads out of it, by its own words or by a link.
        """
        outside = InputError(
            f"{what}: '{text}' leads out of the workspace: put it in there, and name it from there"
        )
        windows = PureWindowsPath(text)
        rooted = text.startswith(("~", "/")) or windows.drive or windows.root
        if "\0" in text or rooted or ".." in windows.parts:
            raise outside
        path = self.root / text.replace("\\", "/")
        if not self.holds(path):
            raise outside
        return path

    def holds(self, path: Path) -> bool:
        """Whether a path lies in the workspace, wherever links on it lead."""
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError, ValueError):
            return False

    def dataset(self, name: str) -> Path:
        """The folder of the dataset of this name. Raises InputError if that isn't a name."""
        path = self.root / "datasets" / checked_name(name, "the dataset's name")
        if not self.holds(path):
            raise InputError(f"datasets/{name} leads out of the workspace: remove that link")
        return path

    def has(self, name: str) -> bool:
        """Whether there is a dataset of this name, however far its run has come."""
        return (self.dataset(name) / RECORD).is_file()

    def made(self, name: str) -> Path:
        """The folder of a dataset that is there. Raises InputError if there is none."""
        if not self.has(name):
            raise InputError(f"there is no dataset '{name}' in this workspace")
        return self.dataset(name)

    def run_file(self, name: str) -> Path:
        """Where the settings of the run that makes a dataset are kept."""
        self.dataset(name)
        return self.root / "runs" / f"{name}.toml"

    def datasets(self) -> list[str]:
        """The datasets that are there, finished or not, the newest first."""
        records = [
            path
            for path in self.root.glob(f"datasets/*/{RECORD}")
            if is_name(path.parent.name) and self.holds(path)
        ]
        records.sort(key=lambda path: path.parent.stat().st_mtime, reverse=True)
        return [path.parent.name for path in records]

    def is_finished(self, name: str) -> bool:
        """Whether a dataset's run has come to its end, and what was marked in it since."""
        folder = self.dataset(name)
        return (folder / MANIFEST).is_file() and not (folder / JOURNAL).exists()

    # ---- the tables --------------------------------------------------------------------------

    def text(self, table: str) -> str:
        """A table's file as it is; of one that isn't there, only the columns' names."""
        path = self.root / table
        try:
            return path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return write_table([one for one in TABLES[table][1] if _first(one)], ()).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(Problem(f"can't be read: {error}", table)) from None

    def grid(self, table: str) -> tuple[list[str], list[list[str]]]:
        """A table as rows under all columns that there are, and behind them the file's others: the
        columns' names, and the rows.

        Raises:
            InputError: the file isn't a table.
        """
        known = [column.name for column in TABLES[table][1]]
        path = self.root / table
        try:
            lines = [cells for _, cells in read_cells(path)] if path.exists() else []
        except NotATable as error:
            raise InputError(problem_at(Path(table), str(error), error.line)) from None
        width = max(map(len, lines), default=0)
        lines = [[*cells, *[""] * (width - len(cells))] for cells in lines]
        own = [name.lower() for name in lines[0]] if lines else []
        places = [own.index(name) if name in own else -1 for name in known]
        others = [at for at in range(width) if at not in places]
        names = [*known, *(own[at] for at in others)]
        rows = [["" if at < 0 else cells[at] for at in (*places, *others)] for cells in lines[1:]]
        return names, rows

    def write_grid(self, table: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table that was read by `grid`, without columns that it needn't have and that
        hold nothing."""
        columns = {column.name: column for column in TABLES[table][1]}
        rows = [row for row in rows if any(row)]
        kept = [
            at
            for at, name in enumerate(names)
            if any(row[at] for row in rows) or name not in columns or _first(columns[name])
        ]
        text = io.StringIO(newline="")
        lines = csv.writer(text, lineterminator="\n")
        lines.writerows([line[at] for at in kept] for line in [names, *rows])
        self.write_text(table, text.getvalue())

    def write_text(self, table: str, text: str) -> None:
        """Put a table's file there."""
        write_file(self.root / table, text.replace("\r\n", "\n").encode())

    def check_cells(self) -> None:
        """Make sure that the tables name only files of the workspace. (What else is wrong with them
        is told by those who read them.)

        Raises:
            InputError: with every cell that leads out of it.
        """
        problems = [
            problem_at(Path(table), str(error), line, column)
            for table, (column, _) in TABLES.items()
            for line, cell in _named_files(self.root / table, column)
            if (error := self._outside(cell))
        ]
        if problems:
            raise InputError(problems)

    def _outside(self, cell: str) -> str:
        """What is wrong with a cell, as far as that is where it leads; empty for nothing."""
        text = f"'{cell}' leads out of the workspace: upload the pictures, and name them from there"
        try:
            self.inside(cell, "")
            return "" if all(map(self.holds, find_pictures(cell, self.root))) else text
        except InputError:
            return text
        except ValueError:  # nothing is there, and that is told elsewhere
            return ""

    def told(self, error: InfgenError | str) -> str:
        """What an error says, or a warning, with the paths as they are called in the workspace."""
        return str(error).replace(f"{self.root}/", "").replace(str(self.root), "the workspace")


def checked_name(text: str, what: str) -> str:
    """A single name that any disk takes. Raises InputError for all else."""
    if not is_name(text):
        raise InputError(
            f"{what}: '{text}' won't do: it takes letters, digits, blanks and . _ - ( ) +, no "
            "path, and no more than 100"
        )
    return text


def is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and not _DEVICES.fullmatch(text)


def _first(column: Column) -> bool:
    """Whether a column belongs into a table that is begun anew."""
    return column.required or column.name not in ("negative_prompt", "mirror", "weight", "x_min",
                                                  "x_max", "y_min", "y_max")  # fmt: skip


def _named_files(table: Path, column: str) -> Iterator[tuple[int, str]]:
    """The cells that name files, with their lines; none of a file that is no table."""
    try:
        (_, header), *rows = read_cells(table)
        at = [name.lower() for name in header].index(column)
    except (NotATable, ValueError, IndexError):  # told by those who read the table
        return
    for line, cells in rows:
        cell = cells[at] if at < len(cells) else ""
        if cell and "".join(cell.lower().split()) not in PLAIN_KINDS:
            yield line, cell
