"""Tables as people and spreadsheets save them: whatever the layout, the same rows and lines."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.records.errors import InputError
from infgen.records.specs import Request
from infgen.sources.tables import read_request
from tests.sources.desk import (
    BY_LENGTH,
    BY_RATIO,
    CLASS_COLUMNS,
    SCENE,
    SCENE_COLUMNS,
    Cells,
    classes_of,
    place,
    problems_in,
    read,
    scenes_of,
    table,
    the_problem,
    write_classes,
    write_scenes,
)

# ---- the ancestor's files ------------------------------------------------------------------------

ANCESTOR_SCENES = """\
prompt, num_imgs,,
"A savanna, with a few trees, photorealistic", 5,,
A dried-out river bed , 3,,

"A water hole
at dawn", 2,,
,,,
"""
ANCESTOR_CLASSES = """\
prompt,min_appear,max_appear,aspect_ratio_min,aspect_ratio_max,width_min,height_min,width_max,height_max,,,
"an elephant, side view",0,2, 0.8,1.5,,,,,,,
 a herd of zebras ,1,3,,,100,100,300,200,,,
"a solitary lion, lying down" ,0,1,,,  64, 64,128,128,,,
"an elephant, side view",0,2,0.8,1.5,,,,,,,
,,,,,,,,,,,
"""


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_ancestors_files_work_unchanged(tmp_path: Path, bom: str, line_end: str) -> None:
    for name, text in (("background", ANCESTOR_SCENES), ("classes", ANCESTOR_CLASSES)):
        data = (bom + text).replace("\n", line_end).encode()
        (tmp_path / f"{name}.csv").write_bytes(data)
    request, (warning,) = read(tmp_path)
    assert [(scene.line, scene.num_imgs) for scene in request.backgrounds] == [
        (2, 5),
        (3, 3),
        (5, 2),
    ]
    assert request.backgrounds[0].prompt == "A savanna, with a few trees, photorealistic"
    assert request.backgrounds[1].prompt == "A dried-out river bed"
    assert request.backgrounds[2].prompt.split() == ["A", "water", "hole", "at", "dawn"]
    assert [spec.name for spec in request.classes] == ["elephant", "herd", "lion", "elephant 2"]
    assert [spec.line for spec in request.classes] == [2, 3, 4, 5]
    assert request.classes[0].size == request.classes[3].size
    assert place(warning) == "classes.csv:5: prompt" and "line 2" in warning.text


# ---- any layout ----------------------------------------------------------------------------------


@dataclass
class Layout:
    """A way to save a table."""

    delimiter: str = ","
    line_end: str = "\n"
    bom: bool = False
    last_line_end: bool = True
    blanks_before: str = ""  # in front of every cell
    blanks_after: str = ""  # behind every cell, quoted or not
    quote_all: bool = False
    capitals: bool = False  # in the column names
    spare_columns: int = 0  # empty ones at the right
    order: list[int] = field(default_factory=list)  # of the columns
    blank_lines: list[int] = field(default_factory=list)  # how many before each record
    blank_line: str = ""
    separator_line: bool = False  # Excel's `sep=;`

    def write(self, path: Path, rows: list[Cells], columns: tuple[str, ...]) -> list[int]:
        """Write the table; returns the line at which each row begins."""
        text, lines = "", []
        if self.separator_line:
            text += f"sep={self.delimiter}{self.line_end}"
        names = [columns[position] for position in self.order if position < len(columns)]
        header = [name.upper() if self.capitals else name for name in names]
        blanks = self.blank_line if self.blank_line != "," else self.delimiter * len(names)
        records = [header, *([row.get(name, "") for name in names] for row in rows)]
        for number, record in enumerate(records):
            text += (blanks + self.line_end) * self.blank_lines[number % len(self.blank_lines)]
            lines.append(self._count_lines(text) + 1)
            text += self.delimiter.join([*map(self._cell, record), *[""] * self.spare_columns])
            text += self.line_end
        text = text if self.last_line_end else text.removesuffix(self.line_end)
        path.write_bytes(text.encode("utf-8-sig" if self.bom else "utf-8"))
        return lines[1:]

    def _cell(self, cell: str) -> str:
        if self.quote_all or any(mark in cell for mark in '\n"' + self.delimiter):
            cell = '"' + cell.replace('"', '""') + '"'
        return f"{self.blanks_before}{cell}{self.blanks_after}"

    def _count_lines(self, text: str) -> int:
        """As an editor does: a line ends with `line_end`, also inside of a quoted cell."""
        return len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1


counts = st.lists(st.integers(0, 2), min_size=1, max_size=4)
layouts = st.builds(
    Layout,
    delimiter=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    last_line_end=st.booleans(),
    blanks_before=st.sampled_from(["", " ", "   "]),
    blanks_after=st.sampled_from(["", " ", "  "]),
    quote_all=st.booleans(),
    capitals=st.booleans(),
    spare_columns=st.integers(0, 3),
    order=st.permutations(range(len(CLASS_COLUMNS))),
    blank_lines=counts,
    blank_line=st.sampled_from(["", "  ", ","]),
    separator_line=st.booleans(),
)
texts = st.text("aB é象.,;\t\n\"'%#=-", min_size=1, max_size=12).map(str.strip).filter(bool)
class_rows = st.lists(
    st.builds(
        lambda base, prompt, negative, x_min: (
            base | {"prompt": prompt, "negative_prompt": negative, "x_min": x_min}
        ),
        st.sampled_from([BY_RATIO, BY_LENGTH]),
        texts,
        texts | st.just(""),
        st.sampled_from(["", "0", "0.25"]),
    ),
    min_size=1,
    max_size=4,
)
scene_rows = st.lists(
    st.builds(lambda prompt, count: {"prompt": prompt, "num_imgs": str(count)}, texts, st.just(3)),
    min_size=1,
    max_size=3,
)


def without_lines(request: Request) -> list[msgspec.Struct]:
    rows: tuple[msgspec.Struct, ...] = (*request.backgrounds, *request.classes)
    return [msgspec.structs.replace(row, line=0) for row in rows]


@given(scene_rows, class_rows, layouts, layouts)
def test_the_same_table_in_any_layout_gives_the_same_request(
    scenes: list[Cells], classes: list[Cells], scene_layout: Layout, class_layout: Layout
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_scenes(folder, *scenes)
        write_classes(folder, *classes)
        plain, _ = read(folder)
        lines = scene_layout.write(folder / "background.csv", scenes, SCENE_COLUMNS)
        lines += class_layout.write(folder / "classes.csv", classes, CLASS_COLUMNS)
        request, _ = read(folder)
    assert [c.prompt for c in plain.classes] == [c["prompt"] for c in classes]
    assert without_lines(request) == without_lines(plain)
    read_lines = [scene.line for scene in request.backgrounds]
    assert [*read_lines, *(spec.line for spec in request.classes)] == lines


@given(class_rows, layouts)
def test_a_mistake_is_found_at_its_line_in_any_layout(rows: list[Cells], layout: Layout) -> None:
    rows = [row | {"max_appear": "-1"} for row in rows]
    with tempfile.TemporaryDirectory() as name:
        write_scenes(Path(name))
        lines = layout.write(Path(name) / "classes.csv", rows, CLASS_COLUMNS)
        problems = problems_in(Path(name))
    assert [place(problem) for problem in problems] == [
        f"classes.csv:{line}: max_appear" for line in lines
    ]


def test_quoted_cells_keep_every_character(tmp_path: Path) -> None:
    prompt = 'a "wild" cat , in its " , den; at\nnight'
    (spec,) = classes_of(tmp_path, BY_RATIO | {"prompt": prompt})
    assert spec.prompt == prompt


def test_a_quote_within_plain_text_is_a_character(tmp_path: Path) -> None:
    (tmp_path / "background.csv").write_text('prompt,num_imgs\na 5" wide river,1\n')
    assert read(tmp_path)[0].backgrounds[0].prompt == 'a 5" wide river'


def test_a_second_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "background.csv").write_bytes(2 * b"\xef\xbb\xbf" + b"prompt,num_imgs\nsea,1\n")
    assert read(tmp_path)[0].backgrounds[0].prompt == "sea"


def test_short_rows_leave_their_last_cells_empty(tmp_path: Path) -> None:
    (tmp_path / "background.csv").write_text("prompt,num_imgs,images,negative_prompt\nsea,1\n")
    assert read(tmp_path)[0].backgrounds[0].num_imgs == 1


# ---- files that are no tables --------------------------------------------------------------------

ROW = 'a caf\u00e9,"1"\n'
WHOLE_FILES: list[tuple[str, bytes, str, tuple[str, ...]]] = [
    ("empty", b"", "", ("is empty", "prompt, num_imgs, images")),
    ("a BOM only", b"\xef\xbb\xbf", "", ("is empty",)),
    ("blank lines only", b"\r\n , ,\n\n", "", ("is empty",)),
    ("header only", b"prompt,num_imgs\n\n", "", ("no rows under its column names", "add one")),
    ("UTF-16", ("prompt,num_imgs\n" + ROW).encode("utf-16"), ":1", ("UTF-8 text", "save the file")),
    (
        "UTF-16 bare",
        "prompt,num_imgs\nx,1\n".encode("utf-16-le"),
        ":1",
        ("UTF-8 text", "'CSV UTF-8'"),
    ),
    ("UTF-32", "prompt,num_imgs\nx,1\n".encode("utf-32"), ":1", ("UTF-8 text",)),
    ("latin-1", ("prompt,num_imgs\nx,1\n" + ROW).encode("latin-1"), ":3", ("UTF-8 text", "save")),
    ("latin-1, BOM", b"\xef\xbb\xbfprompt,num_imgs\n\xe9,1\n", ":2", ("UTF-8 text",)),
    ("NUL bytes", b"prompt,num_imgs\na,1\n\0\0,2\n", ":3", ("UTF-8 text", "save the file again")),
    ("NUL, lines by CR", b"prompt,num_imgs\rq,1\r\0,2\r", ":3", ("UTF-8 text", "NUL")),
    ("no header", b"\na road,1\n", ":2", ("names no column", "prompt, num_imgs, images")),
    ("pipes", b"prompt|num_imgs\nroad|1\n", ":1", ("names no column", "semicolons or tabs")),
    (
        "a huge cell",
        b"prompt,num_imgs\na,1\n" + b"x" * 131_073 + b",1\n",
        ":3",
        ("more than 131,072 characters", "shorten it"),
    ),
    ("a picture", b"\x89PNG\r\n\x1a\n\0\0", ":1", ("UTF-8 text",)),
    (
        "open quote",
        b'prompt,num_imgs\nsea,1\n"a lake,2\nb,3\n',
        ":3",
        ("quotes of this row", "twice"),
    ),
    ("stray quote", b'prompt,num_imgs\n"a" b,2\n', ":2", ("quotes of this row", "don't pair up")),
    ("open quote later", b'prompt,num_imgs\n"a\nb",2\n\n"c,3', ":5", ("quotes of this row",)),
    ("open quote, then more", b'prompt,num_imgs\n"a,1\n"b",2\n', ":2", ("quotes of this row",)),
    (
        "too many cells",
        b"prompt,num_imgs\nsea, in fog, 4\n",
        ":2",
        ("3 cells under 2", "double quotes"),
    ),
]


@pytest.mark.parametrize(
    ("data", "line", "words"), [c[1:] for c in WHOLE_FILES], ids=[c[0] for c in WHOLE_FILES]
)
def test_a_file_that_is_no_table_is_told_in_a_sentence(
    tmp_path: Path, data: bytes, line: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "background.csv").write_bytes(data)
    where, text = the_problem(tmp_path)
    assert where == f"background.csv{line}"
    for word in words:
        assert word in text


def test_paths_that_are_no_files_are_told_both_at_once(tmp_path: Path) -> None:
    (tmp_path / "background.csv").mkdir()
    with pytest.raises(InputError) as caught:
        read_request(tmp_path / "background.csv", tmp_path / "gone" / "classes.csv", (64, 64))
    folder, gone = caught.value.problems
    assert (place(folder), folder.text) == (
        "background.csv",
        "is a folder: give the path of a CSV file",
    )
    assert (place(gone), gone.text) == ("classes.csv", "is not there: check the path")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "background.csv/classes.csv"])
def test_a_path_that_no_disk_can_hold_is_told(tmp_path: Path, name: str) -> None:
    write_scenes(tmp_path)
    with pytest.raises(InputError, match=r"can't be read \(.*\): check the path") as caught:
        read_request(tmp_path / "background.csv", tmp_path / name, (64, 64))
    assert "Errno" not in str(caught.value)


def test_a_column_named_twice_is_refused_if_it_counts(tmp_path: Path) -> None:
    text = "prompt,num_imgs,Num_Imgs,notes,notes\nsea,1,2,x,y\n"
    (tmp_path / "background.csv").write_text(text)
    problem, warning = problems_in(tmp_path)
    assert place(problem) == "background.csv:1: num_imgs" and "named twice: remove" in problem.text
    assert place(warning) == "background.csv:1: notes"


def test_a_row_with_too_many_cells_is_one_mistake_and_hides_no_other(tmp_path: Path) -> None:
    rows = (BY_RATIO | {"weight": "1"}, BY_RATIO | {"max_appear": "x"})
    text = table(rows, CLASS_COLUMNS)
    text = text.replace("a zebra,", "a zebra, running,", 1)
    (tmp_path / "classes.csv").write_text(text)
    shifted, broken = problems_in(tmp_path)
    assert place(shifted) == "classes.csv:2" and "19 cells under 18 column names" in shifted.text
    assert place(broken) == "classes.csv:3: max_appear"


def test_text_under_no_column_name_is_warned_about_once(tmp_path: Path) -> None:
    (tmp_path / "background.csv").write_text(
        "prompt,num_imgs,,\na,1,,\nb,2\nc,3,,lost\nd,4,lost,\n"
    )
    request, (warning,) = read(tmp_path)
    assert [scene.num_imgs for scene in request.backgrounds] == [1, 2, 3, 4]
    assert place(warning) == "background.csv:4"
    assert (
        "'lost' stands under no column name" in warning.text and "name the column" in warning.text
    )


def test_a_long_or_many_lined_cell_is_quoted_short_and_in_one_line(tmp_path: Path) -> None:
    write_scenes(tmp_path, SCENE | {"num_imgs": "many\nlines " * 1000})
    _, text = the_problem(tmp_path)
    assert text.startswith("'many lines many") and len(text) < 150
    write_scenes(tmp_path, SCENE | {"images": "y" * 5000})
    _, text = the_problem(tmp_path)
    assert text.startswith("'yyyy") and len(text) < 200


def test_a_large_quoted_cell_is_no_trouble(tmp_path: Path) -> None:
    prompt = ('a "very" long, winding road ' * 4000).strip()
    (scene,) = scenes_of(tmp_path, SCENE | {"prompt": prompt})
    assert scene.prompt == prompt and len(prompt) < csv.field_size_limit()


@pytest.mark.parametrize(
    ("answer", "mirror"),
    [("yes", True), ("TRUE", True), ("1", True), ("No", False), ("false", False), ("0", False)],
)
def test_yes_and_no_in_any_spelling(tmp_path: Path, answer: str, mirror: bool) -> None:
    (spec,) = classes_of(tmp_path, BY_RATIO | {"mirror": answer})
    assert spec.mirror is mirror
