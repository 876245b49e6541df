"""The two tables: what they may ask for, and every way in which they can be wrong."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from infgen.records.errors import InputError
from infgen.records.specs import AspectSize, Length, LevelSize, RangeSize
from infgen.sources.pictures import find_pictures
from infgen.sources.tables import (
    PLAIN_KINDS,
    backgrounds,
    checker,
    classes,
    read_classes,
    with_cutouts,
)
from infgen.stages.backgrounds import PLAIN
from infgen.ui.cli import main
from tests.sources.desk import (
    BY_LENGTH,
    BY_RATIO,
    CANVAS,
    NO_SIZE,
    SCENE,
    Cells,
    classes_of,
    place,
    problems_in,
    read,
    save,
    save_cutout,
    scenes_of,
    the_problem,
    write_classes,
    write_scenes,
)

# ---- what is asked for ---------------------------------------------------------------------------


def test_a_full_row_becomes_a_spec(tmp_path: Path) -> None:
    save_cutout(tmp_path / "cats" / "one.png")
    extras = {
        "prompt": "a cat, asleep",
        "name": "cat",
        "cutouts": "cats",
        "negative_prompt": "dog",
        "mirror": "no",
        "x_min": "0.25",
        "x_max": "0.75",
        "y_min": "0.5",
        "y_max": "1",
        "weight": "2.5",
    }
    (spec,) = classes_of(tmp_path, BY_LENGTH | extras)
    assert (spec.line, spec.name, spec.prompt) == (2, "cat", "a cat, asleep")
    assert spec.negative_prompt == "dog"
    assert spec.appear_range == (1, 2)
    assert spec.size == RangeSize((Length(40), Length(50, True)), (Length(10, True), Length(300)))
    assert [cutout.name for cutout in spec.cutouts] == ["cats/one.png"]
    assert not spec.mirror
    assert (spec.x_range, spec.y_range) == ((0.25, 0.75), (0.5, 1.0))
    assert spec.weight == 2.5


ALL_LEVELS = dict.fromkeys(("width_min", "height_min", "width_max", "height_max"), "100 | 190|360")


def test_lists_of_sizes_become_levels(tmp_path: Path) -> None:
    (each, against_one) = classes_of(
        tmp_path,
        BY_LENGTH | ALL_LEVELS,
        BY_LENGTH | {"prompt": "a cow", "width_min": "40|50%", "width_max": "400"},
    )
    squares = [(Length(side), Length(side)) for side in (100, 190, 360)]
    assert each.size == LevelSize(tuple(RangeSize(square, square) for square in squares))
    height = (Length(10, True), Length(300))
    assert against_one.size == LevelSize(
        (
            RangeSize((Length(40), Length(400)), height),
            RangeSize((Length(50, True), Length(400)), height),
        )
    )


def test_what_a_row_leaves_out_takes_its_default(tmp_path: Path) -> None:
    (spec,) = classes_of(tmp_path, BY_RATIO)
    assert spec.size == AspectSize((0.5, 2.0))
    assert spec.mirror and spec.cutouts == () and spec.negative_prompt == ""
    assert spec.x_range == spec.y_range == (0.0, 1.0)
    assert spec.weight == 1


def test_a_scene_is_generated_drawn_or_taken_from_pictures(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / "pics" / name)
    generated, drawn, dealt, each = scenes_of(
        tmp_path,
        SCENE | {"negative_prompt": "people"},
        {"num_imgs": "2", "images": "plain:noise"},
        {"num_imgs": "5", "images": "pics"},
        {"prompt": "a beach", "images": "pics/b.jpg"},
    )
    assert (generated.prompt, generated.num_imgs) == ("a sandy desert, at noon", 4)
    assert (generated.negative_prompt, generated.plain, generated.pictures) == ("people", "", ())
    assert (drawn.plain, drawn.num_imgs, drawn.pictures) == ("plain:noise", 2, ())
    assert dealt.num_imgs == 5
    assert [picture.name for picture in dealt.pictures] == ["pics/a.jpg", "pics/b.jpg"]
    assert (each.num_imgs, each.prompt) == (1, "a beach")


def test_without_num_imgs_each_file_gives_a_background(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "pics" / f"{number}.png")
    (spec,) = scenes_of(tmp_path, {"images": "pics/*.png"})
    assert spec.num_imgs == 3


@pytest.mark.parametrize("kind", PLAIN_KINDS)
def test_plain_kinds_are_taken_however_they_are_spaced(tmp_path: Path, kind: str) -> None:
    written = kind.upper().replace(":", ": ")
    (spec,) = scenes_of(tmp_path, {"num_imgs": "1", "images": written})
    assert spec.plain == kind


def test_the_plain_kinds_are_those_that_can_be_drawn() -> None:
    assert set(PLAIN_KINDS) == {"plain", *(f"plain:{kind}" for kind in PLAIN)}


def test_a_folder_called_plain_can_still_be_named(tmp_path: Path) -> None:
    save(tmp_path / "plain" / "a.png")
    (spec,) = scenes_of(tmp_path, {"images": "./plain"})
    assert [picture.name for picture in spec.pictures] == ["plain/a.png"] and not spec.plain


@pytest.mark.parametrize(
    "name", ["NA", "None", "nan", "null", "1", "1.0", "true", "-", "#a", "=B2"]
)
def test_a_class_may_have_any_name(tmp_path: Path, name: str) -> None:
    (spec,) = classes_of(tmp_path, BY_RATIO | {"name": name})
    assert spec.name == name


@pytest.mark.parametrize("prompt", ["NA", "None", "nan", "1"])
def test_a_prompt_may_be_any_word(tmp_path: Path, prompt: str) -> None:
    (scene,) = scenes_of(tmp_path, {"prompt": prompt, "num_imgs": "1"})
    (spec,) = classes_of(tmp_path, BY_RATIO | {"prompt": prompt})
    assert scene.prompt == spec.prompt == prompt
    assert spec.name == prompt.lower()


def test_a_name_is_one_line(tmp_path: Path) -> None:
    (spec,) = classes_of(tmp_path, BY_RATIO | {"name": "speed\n  limit"})
    assert spec.name == "speed limit"


def test_a_named_class_needs_no_prompt(tmp_path: Path) -> None:
    (spec,) = classes_of(tmp_path, BY_RATIO | {"prompt": "", "name": "zebra"})
    assert (spec.name, spec.prompt) == ("zebra", "")


def test_names_come_from_prompts_where_none_is_given(tmp_path: Path) -> None:
    rows = ("a grey elephant", ""), ("a pink elephant", ""), ("a huge ELEPHANT", "Grey Elephant")
    specs = classes_of(tmp_path, *(BY_RATIO | {"prompt": p, "name": n} for p, n in rows))
    assert [spec.name for spec in specs] == ["grey elephant 2", "pink elephant", "Grey Elephant"]


@pytest.mark.parametrize(
    ("cell", "count"), [("0", 0), ("3", 3), ("3.0", 3), ("3e0", 3), ("+3", 3), ("007", 7)]
)
def test_counts_are_taken_as_spreadsheets_write_them(tmp_path: Path, cell: str, count: int) -> None:
    (spec,) = classes_of(tmp_path, BY_RATIO | {"min_appear": "0", "max_appear": cell})
    assert spec.appear_range == (0, count)
    other = {"prompt": "sea", "num_imgs": "1"}
    assert scenes_of(tmp_path, SCENE | {"num_imgs": cell}, other)[0].num_imgs == count


@pytest.mark.parametrize(
    ("cell", "length"),
    [
        ("25%", Length(25, True)),
        ("25 %", Length(25, True)),
        ("0.5%", Length(0.5, True)),
        ("30", Length(30)),
        ("30.5", Length(30.5)),
        ("3e1", Length(30)),
    ],
)
def test_sizes_are_pixels_or_percent(tmp_path: Path, cell: str, length: Length) -> None:
    (spec,) = classes_of(tmp_path, BY_LENGTH | {"width_min": cell})
    assert isinstance(spec.size, RangeSize) and spec.size.width_range[0] == length


def test_as_many_objects_as_a_mask_can_number(tmp_path: Path) -> None:
    assert classes_of(tmp_path, BY_RATIO | {"max_appear": "65535"})[0].appear_range == (0, 65535)


def test_a_size_may_fill_the_canvas(tmp_path: Path) -> None:
    exact = {"width_min": "768", "width_max": "100%", "height_min": "512", "height_max": "512"}
    assert len(classes_of(tmp_path, BY_LENGTH | exact)) == 1


@pytest.mark.parametrize("percent", [10, 30, 33.3, 70, 90])
def test_a_place_with_exactly_room_enough_is_taken(tmp_path: Path, percent: float) -> None:
    """Float arithmetic must not refuse a box whose edge lies on the canvas's."""
    side, margin = f"{percent}%", percent / 200
    sizes = {"width_min": side, "width_max": side, "height_min": side, "height_max": side}
    left = BY_LENGTH | sizes | {"x_min": "0", "x_max": f"{margin:g}"}
    low = BY_LENGTH | sizes | {"prompt": "a cow", "y_min": f"{1 - margin:g}", "y_max": "1"}
    assert len(classes_of(tmp_path, left, low)) == 2


# ---- what is wrong with a cell -------------------------------------------------------------------

S, C = "background.csv", "classes.csv"
R, W = BY_RATIO, BY_LENGTH

# (the file, the row that is spoilt, its broken cells, the column blamed, words of the sentence)
BROKEN: list[tuple[str, Cells, Cells, str, tuple[str, ...]]] = [
    # numbers
    (S, SCENE, {"num_imgs": "many"}, "num_imgs", ("'many' isn't a number", "whole number belongs")),
    (S, SCENE, {"num_imgs": "-1"}, "num_imgs", ("'-1' is negative", "0 or more")),
    (S, SCENE, {"num_imgs": "2.5"}, "num_imgs", ("'2.5' is a fraction", "whole number")),
    (S, SCENE, {"num_imgs": "nan"}, "num_imgs", ("'nan' isn't a finite number", "belongs here")),
    (S, SCENE, {"num_imgs": "-inf"}, "num_imgs", ("'-inf' isn't a finite number",)),
    (S, SCENE, {"num_imgs": "1e999"}, "num_imgs", ("'1e999' isn't a finite number",)),
    (S, SCENE, {"num_imgs": "1e12"}, "num_imgs", ("'1e12' is too many", "10000000")),
    (S, SCENE, {"num_imgs": "1,5"}, "num_imgs", ("'1,5' isn't a number", "decimals with a point")),
    (S, SCENE, {"num_imgs": "1_000"}, "num_imgs", ("'1_000' isn't a number",)),
    (S, SCENE, {"num_imgs": "25%"}, "num_imgs", ("'25%' isn't a number",)),
    (C, R, {"min_appear": "one"}, "min_appear", ("'one' isn't a number",)),
    (C, R, {"min_appear": "-2"}, "min_appear", ("'-2' is negative",)),
    (C, R, {"max_appear": "0.5"}, "max_appear", ("'0.5' is a fraction",)),
    (C, R, {"max_appear": "NaN"}, "max_appear", ("'NaN' isn't a finite number",)),
    (C, R, {"max_appear": "65536"}, "max_appear", ("'65536' is too many", "65535")),
    (C, R, {"max_appear": ""}, "max_appear", ("is empty", "fill it in")),
    (
        C,
        R,
        {"aspect_ratio_min": "wide"},
        "aspect_ratio_min",
        ("'wide' isn't a number", "divided by"),
    ),
    (
        C,
        R,
        {"aspect_ratio_min": "0"},
        "aspect_ratio_min",
        ("'0' isn't above 0", "divided by height"),
    ),
    (C, R, {"aspect_ratio_max": "-1"}, "aspect_ratio_max", ("'-1' isn't above 0",)),
    (C, R, {"aspect_ratio_max": "inf"}, "aspect_ratio_max", ("'inf' isn't a finite number",)),
    (
        C,
        W,
        {"width_min": "50px"},
        "width_min",
        ("'50px' isn't a number", "pixels or percent (25%)"),
    ),
    (C, W, {"width_min": "0"}, "width_min", ("'0' isn't above 0", "pixels or percent")),
    (C, W, {"height_max": "-5%"}, "height_max", ("'-5%' isn't above 0",)),
    (C, W, {"height_min": "nan"}, "height_min", ("'nan' isn't a finite number",)),
    (C, W, {"width_max": "%"}, "width_max", ("isn't a number", "pixels or percent")),
    (C, R, {"x_min": "left"}, "x_min", ("'left' isn't a number", "0.25 for 25%")),
    (C, R, {"x_min": "25%"}, "x_min", ("'25%' isn't a number", "0.25 for 25%")),
    (C, R, {"x_max": "384"}, "x_max", ("'384' isn't between 0 and 1", "fraction")),
    (C, R, {"y_min": "-0.1"}, "y_min", ("'-0.1' isn't between 0 and 1",)),
    (C, R, {"y_max": "nan"}, "y_max", ("'nan' isn't a finite number",)),
    (C, R, {"weight": "-1"}, "weight", ("'-1' isn't between 0 and 1000", "0: never")),
    (C, R, {"weight": "1001"}, "weight", ("'1001' isn't between 0 and 1000",)),
    (C, R, {"weight": "often"}, "weight", ("'often' isn't a number", "how many times as often")),
    (C, R, {"mirror": "maybe"}, "mirror", ("'maybe' isn't an answer", "yes or no")),
    # order
    (C, R, {"min_appear": "4"}, "min_appear", ("4 is larger than max_appear (3)", "swap or mend")),
    (
        C,
        R,
        {"aspect_ratio_min": "3"},
        "aspect_ratio_min",
        ("3 is larger than aspect_ratio_max (2)",),
    ),
    (C, W, {"width_min": "400"}, "width_min", ("400 is larger than width_max (50%)", "swap")),
    (C, W, {"height_min": "60%"}, "height_min", ("60% is larger than height_max (300)",)),
    (C, R, {"x_min": "0.7", "x_max": "0.6"}, "x_min", ("0.7 is larger than x_max (0.6)",)),
    (C, R, {"y_max": "0.2", "y_min": "0.9"}, "y_min", ("0.9 is larger than y_max (0.2)",)),
    # the canvas, 768 x 512
    (
        C,
        W,
        {"width_max": "769"},
        "width_max",
        ("769 is larger than the image width (768)", "--width"),
    ),
    (
        C,
        W,
        {"height_max": "513"},
        "height_max",
        ("the image height (512)", "lower it or raise --height"),
    ),
    (C, W, {"width_max": "101%"}, "width_max", ("101% is larger", "lower it to 100% or less")),
    (C, W, {"width_min": "0.9"}, "width_min", ("so narrow", "768 x 512", "raise it")),
    (C, W, {"height_min": "0.1%"}, "height_min", ("so flat", "no pixel", "raise it")),
    (C, R, {"aspect_ratio_min": "0.001"}, "aspect_ratio_min", ("so narrow", "raise it")),
    (C, R, {"aspect_ratio_max": "1000"}, "aspect_ratio_max", ("so flat", "lower it")),
    (
        C,
        R,
        {"x_max": "0.03"},
        "x_min",
        ("from 0 to 0.03", "64 of 768 pixels", "widen x_min and x_max"),
    ),
    (C, R, {"y_min": "0.99"}, "y_min", ("from 0.99 to 1", "64 of 512 pixels", "widen y_min")),
    (C, R, {"x_min": "0", "x_max": "0"}, "x_min", ("from 0 to 0", "leave no room")),
    # levels
    (C, W, {"width_min": "40||90"}, "width_min", ("'40||90' leaves a level empty", "each side")),
    (C, W, {"width_min": "40|wide"}, "width_min", ("'wide' isn't a number", "pixels or percent")),
    (
        C,
        W,
        {"width_min": "40|50", "height_max": "99|200|300"},
        "height_max",
        ("has 3 levels, and width_min has 2", "as many in every list"),
    ),
    (C, W, {"width_max": "50%|769"}, "width_max", ("769 is larger than the image width",)),
    (C, W, {"height_min": "9|400"}, "height_min", ("400 is larger than height_max (300)",)),
    (C, W, {"width_min": "40|0.5"}, "width_min", ("so narrow", "768 x 512")),
    (
        C,
        W,
        {"width_min": "8|190", "x_max": "0.1"},
        "x_min",
        ("from 0 to 0.1", "190 of 768 pixels", "widen x_min"),
    ),
    (C, R, {"aspect_ratio_min": "1|2"}, "aspect_ratio_min", ("'1|2' isn't a number",)),
    # the style of size
    (
        C,
        R,
        {"width_min": "9"},
        "aspect_ratio_min",
        ("both aspect_ratio_min", "width_min", "empty the"),
    ),
    (C, R, NO_SIZE, "aspect_ratio_min", ("the row has no size", "both aspect ratios", "all four")),
    (C, R, {"aspect_ratio_min": ""}, "aspect_ratio_min", ("aspect_ratio_min is empty beside",)),
    (C, R, {"aspect_ratio_max": ""}, "aspect_ratio_max", ("is empty beside aspect_ratio_min",)),
    (
        C,
        W,
        {"width_max": "", "height_min": ""},
        "height_min",
        ("height_min and width_max are empty beside width_min, height_max", "fill in all"),
    ),
    # names
    (C, R, {"name": "COW"}, "name", ("'COW' is also the class of line 2", "its own name")),
    (
        C,
        R,
        {"name": "bell\x07"},
        "name",
        ("'bell\\x07' holds characters that can't", "type the name"),
    ),
    (C, R, {"name": "\u200b"}, "name", ("'\\u200b' holds characters that can't be seen",)),
    (C, R, {"prompt": ""}, "prompt", ("is empty, and so is name", "fill in one")),
    # pictures
    (S, SCENE, {"prompt": ""}, "prompt", ("is empty, and so is images", "fill in one")),
    (S, SCENE, {"num_imgs": ""}, "num_imgs", ("is empty", "how many scenes")),
    (S, SCENE, {"num_imgs": "", "images": "plain"}, "num_imgs", ("how many plain backgrounds",)),
    (
        S,
        SCENE,
        {"images": "plain:xyz"},
        "images",
        ("no 'plain:xyz'", "plain:colour, plain:gradient"),
    ),
    (
        S,
        SCENE,
        {"images": "gone.jpg"},
        "images",
        ("'gone.jpg' is not there", "relative to the CSV"),
    ),
    (S, SCENE, {"images": "empty"}, "images", ("'empty' holds no picture", ".jpg", "add some")),
    (S, SCENE, {"images": "outer"}, "images", ("'outer' holds no picture", "'outer/**'")),
    (S, SCENE, {"images": "em*"}, "images", ("no picture matches 'em*'", "'em*/**'")),
    (S, SCENE, {"images": "empty/**"}, "images", ("no picture matches", "or mend the path")),
    (S, SCENE, {"images": "*.jpeg"}, "images", ("no picture matches '*.jpeg'", "mend the path")),
    (S, SCENE, {"images": "~nobody-at-all/x"}, "images", ("home folder", "write it out")),
    (S, SCENE, {"images": "x" * 5000}, "images", ("can't be read", "check the path")),
    (S, SCENE, {"images": "bad/notes.png"}, "images", ("bad/notes.png", "known format", "save it")),
    (S, SCENE, {"images": "bad/nothing.png"}, "images", ("bad/nothing.png", "is empty", "replace")),
    (
        S,
        SCENE,
        {"images": "bad/cut.jpg"},
        "images",
        ("bad/cut.jpg", "cut short", "replace or remove"),
    ),
    (
        C,
        R,
        {"cutouts": "bad/cut.jpg"},
        "cutouts",
        ("bad/cut.jpg", "cut short", "replace or remove"),
    ),
    (C, R, {"cutouts": "opaque.png"}, "cutouts", ("opaque.png", "no alpha channel", "transparent")),
    (C, R, {"cutouts": "ghost.png"}, "cutouts", ("ghost.png", "transparent all over", "remove it")),
    (C, R, {"cutouts": "cuts"}, "cutouts", ("'cuts' is not there", "paths are relative")),
]
FIRST = {
    S: {"prompt": "the sea", "num_imgs": "1"},
    C: BY_RATIO | {"prompt": "a cow", "name": "cow"},
}
WRITE = {S: write_scenes, C: write_classes}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with bad pictures of every kind in it."""
    (tmp_path / "empty").mkdir()
    save(tmp_path / "outer" / "inner" / "a.jpg")
    whole = save(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bad" / "notes.png").write_text("not a picture at all\n")
    (tmp_path / "bad" / "nothing.png").touch()
    save(tmp_path / "opaque.png")
    save_cutout(tmp_path / "ghost.png", alpha=127)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "row", "broken", "column", "words"), BROKEN, ids=lambda value: str(value)[:40]
)
def test_a_broken_cell_is_named_with_what_to_do(
    desk: Path, file: str, row: Cells, broken: Cells, column: str, words: tuple[str, ...]
) -> None:
    WRITE[file](desk, FIRST[file], {**row, **broken}, {**row, "prompt": "a house"})
    where, text = the_problem(desk)
    assert where == f"{file}:3: {column}"
    for word in words:
        assert word in text


def test_every_mistake_of_both_files_is_told_at_once(desk: Path) -> None:
    expected = []
    for file in (S, C):
        rows = [FIRST[file]]
        for number, (_, row, broken, column, _) in enumerate(
            (case for case in BROKEN if case[0] == file), 3
        ):
            rows.append(
                {"prompt": f"thing {number}"}
                | {k: v for k, v in row.items() if k != "prompt"}
                | broken
            )
            expected.append(f"{file}:{number}: {column}")
        WRITE[file](desk, *rows)
    assert [place(problem) for problem in problems_in(desk)] == expected
    assert len(expected) == len(BROKEN) > 60


def test_every_mistake_of_one_row_is_told_at_once(desk: Path) -> None:
    write_scenes(desk, {"num_imgs": "x", "images": "bad"})
    write_classes(
        desk,
        W
        | {"min_appear": "-1", "max_appear": "two", "width_max": "900", "height_min": "400"}
        | {"cutouts": "bad", "mirror": "?", "x_min": "2", "y_min": "0.6", "y_max": "0.5"},
        R
        | {
            "min_appear": "7",
            "x_max": "0.01",
            "y_min": "0.99",
            "name": "\x00".replace("\x00", "\x1b"),
            "cutouts": "gone",
        },
    )
    places = [place(problem) for problem in problems_in(desk)]
    assert places == [
        "background.csv:2: num_imgs",
        *["background.csv:2: images"] * 3,
        "classes.csv:2: min_appear",
        "classes.csv:2: max_appear",
        "classes.csv:2: mirror",
        "classes.csv:2: x_min",
        "classes.csv:2: width_max",
        "classes.csv:2: height_min",
        "classes.csv:2: y_min",
        *["classes.csv:2: cutouts"] * 3,
        "classes.csv:3: name",
        "classes.csv:3: x_min",
        "classes.csv:3: y_min",
        "classes.csv:3: min_appear",
        "classes.csv:3: cutouts",
    ]


def test_every_bad_picture_of_a_folder_is_named(desk: Path) -> None:
    write_scenes(desk, SCENE | {"images": "bad"})
    texts = [problem.text.split(":")[0] for problem in problems_in(desk)]
    assert texts == ["bad/cut.jpg", "bad/notes.png", "bad/nothing.png"]


def test_a_size_is_checked_against_the_canvas_that_is_asked_for(tmp_path: Path) -> None:
    write_classes(tmp_path, BY_LENGTH | {"width_max": "700", "height_max": "500"})
    assert len(read(tmp_path, (700, 500))[0].classes) == 1
    wide, high = problems_in(tmp_path, (699, 499))
    assert (wide.column, high.column) == ("width_max", "height_max")
    assert "(699)" in wide.text and "--width" in wide.text
    assert "(499)" in high.text and "--height" in high.text


def test_both_ends_of_a_range_are_checked_against_the_canvas(tmp_path: Path) -> None:
    write_classes(tmp_path, BY_LENGTH | {"width_min": "800", "width_max": "900"})
    assert [problem.column for problem in problems_in(tmp_path)] == ["width_min", "width_max"]


def test_names_that_a_reader_would_take_for_one_are_refused(tmp_path: Path) -> None:
    """Differing in case, in how the accent is coded, or in a character that can't be seen."""
    twins = [("café", "CAFE\u0301"), ("straße", "STRASSE"), ("cat", "cat\u200b"), ("a  b", "A b")]
    for one, other in twins:
        write_classes(tmp_path, *({**BY_RATIO, "name": name} for name in (one, "between", other)))
        where, text = the_problem(tmp_path)
        assert where == "classes.csv:4: name" and "line 2" in text


def test_a_third_name_is_compared_with_the_first(tmp_path: Path) -> None:
    write_classes(tmp_path, *(BY_RATIO | {"name": "cat"} for _ in range(3)))
    assert [problem.line for problem in problems_in(tmp_path)] == [3, 4]


def test_equal_prompts_become_classes_of_their_own_with_a_warning(tmp_path: Path) -> None:
    write_classes(tmp_path, BY_RATIO, BY_LENGTH, BY_RATIO, BY_RATIO | {"name": "stallion"})
    request, warnings = read(tmp_path)
    assert [spec.name for spec in request.classes] == ["zebra", "lion", "zebra 2", "stallion"]
    (warning,) = warnings
    assert place(warning) == "classes.csv:4: prompt"
    assert "line 2" in warning.text and "'zebra 2'" in warning.text


def test_no_pictures_at_all_is_refused(tmp_path: Path) -> None:
    write_scenes(tmp_path, SCENE | {"num_imgs": "0"}, SCENE | {"num_imgs": "0"})
    where, text = the_problem(tmp_path)
    assert where == "background.csv:2: num_imgs" and "no picture" in text and "raise" in text
    scenes = scenes_of(tmp_path, SCENE | {"num_imgs": "0"}, SCENE)
    assert [scene.num_imgs for scene in scenes] == [0, 4]


def test_a_mistyped_column_is_named_beside_the_gap_that_it_leaves(tmp_path: Path) -> None:
    path = write_classes(tmp_path, BY_LENGTH)
    path.write_text(path.read_text().replace("width_min", "widht_min"))
    warning, problem = problems_in(tmp_path)
    assert (
        place(warning) == "classes.csv:1: widht_min" and "did you mean 'width_min'" in warning.text
    )
    assert place(problem) == "classes.csv:2: width_min"


def test_a_surplus_column_alone_is_a_warning(tmp_path: Path) -> None:
    path = write_classes(tmp_path)
    path.write_text(path.read_text().replace("mirror", "mirorr").replace("x_min", "weather"))
    request, (near, far) = read(tmp_path)
    assert len(request.classes) == 1
    assert place(near) == "classes.csv:1: mirorr" and "did you mean 'mirror'?" in near.text
    assert (
        place(far) == "classes.csv:1: weather" and "the columns are prompt, min_appear" in far.text
    )


def test_missing_columns_hide_no_other_mistake(tmp_path: Path) -> None:
    (tmp_path / "background.csv").write_text("promt,images\nsea,gone.jpg\n")
    (tmp_path / "classes.csv").write_text("prompt,max_appear,x_min\na cat,-1,5\n")
    found = {place(problem): problem.text for problem in problems_in(tmp_path)}
    assert list(found) == [
        "background.csv:1: prompt",
        "background.csv:1: num_imgs",
        "background.csv:1: promt",
        "background.csv:2: images",
        "classes.csv:1: min_appear",
        "classes.csv:2: max_appear",
        "classes.csv:2: x_min",
        "classes.csv:2: aspect_ratio_min",
    ]
    assert "missing: is it 'promt'? Rename it" in found["background.csv:1: prompt"]
    assert "missing: add it to the first line" in found["background.csv:1: num_imgs"]


def test_a_missing_column_is_told_once_and_not_for_every_row(tmp_path: Path) -> None:
    (tmp_path / "background.csv").write_text("images,negative_prompt\n,a\n,b\n")
    (tmp_path / "classes.csv").write_text("aspect_ratio_min,aspect_ratio_max\n1,2\n1,2\n")
    assert [place(problem) for problem in problems_in(tmp_path)] == [
        "background.csv:1: prompt",
        "background.csv:1: num_imgs",
        "classes.csv:1: prompt",
        "classes.csv:1: min_appear",
        "classes.csv:1: max_appear",
    ]


def test_the_two_files_swapped_by_mistake(tmp_path: Path) -> None:
    scenes, classes = write_scenes(tmp_path), write_classes(tmp_path)
    scenes.rename(tmp_path / "x.csv")
    classes.rename(scenes)
    (tmp_path / "x.csv").rename(classes)
    places = [place(problem) for problem in problems_in(tmp_path)]
    assert "background.csv:1: num_imgs" in places
    assert "classes.csv:1: min_appear" in places and "classes.csv:1: max_appear" in places


def test_ten_thousand_broken_rows_are_all_told_in_order(tmp_path: Path) -> None:
    count = 10_000
    rows = [BY_RATIO | {"x_min": "left", "cutouts": "gone", "name": f"n{n}"} for n in range(count)]
    write_classes(tmp_path, *rows)
    problems = problems_in(tmp_path)
    lines = [line for line in range(2, count + 2) for _ in range(2)]
    assert [problem.line for problem in problems] == lines


# ---- the pictures that are named -----------------------------------------------------------------


def test_each_picture_is_decoded_once_however_many_rows_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [save_cutout(tmp_path / "cats" / f"{n}.png").name for n in range(4)]
    save(tmp_path / "sea.jpg")
    decoded, lock = [], threading.Lock()
    for table, judge in ((backgrounds, "check_picture"), (classes, "check_cutout")):
        original = getattr(table, judge)

        def counted(path: Path, name: str, original=original):  # type: ignore[no-untyped-def]
            with lock:
                decoded.append(name)
            return original(path, name)

        monkeypatch.setattr(table, judge, counted)
    cells = ("cats", "cats/*.png", "cats/0.png", "./cats", "c?ts/**")
    write_classes(tmp_path, *(BY_RATIO | {"name": c, "cutouts": c} for c in cells))
    write_scenes(tmp_path, *(SCENE | {"images": "sea.jpg"} for _ in range(3)))
    request, _ = read(tmp_path)
    assert sorted(decoded) == [*(f"cats/{name}" for name in names), "sea.jpg"]
    assert [len(spec.cutouts) for spec in request.classes] == [4, 4, 1, 4, 4]
    assert request.classes[0].cutouts == request.classes[4].cutouts


def test_a_folder_is_searched_once_however_many_rows_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "pics" / "a.png")
    searched = []

    def counted(cell: str, folder: Path) -> list[Path]:
        searched.append(cell)
        return find_pictures(cell, folder)

    monkeypatch.setattr(checker, "find_pictures", counted)
    write_scenes(tmp_path, *(SCENE | {"images": "pics"} for _ in range(5)))
    assert len(read(tmp_path)[0].backgrounds) == 5
    assert searched == ["pics"]


def test_pictures_are_found_from_the_table_not_from_where_infgen_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "tables" / "pics" / "a.jpg", np.full((20, 30, 3), 7, np.uint8))
    save(tmp_path / "pics" / "a.jpg", np.full((9, 9, 3), 7, np.uint8))
    monkeypatch.chdir(tmp_path)
    write_scenes(Path("tables"), {"images": "pics"}, {"images": "../pics/a.jpg"})
    near, far = read(Path("tables"))[0].backgrounds
    assert (near.pictures[0].name, near.pictures[0].size) == ("pics/a.jpg", (30, 20))
    assert (far.pictures[0].name, far.pictures[0].size) == ("../pics/a.jpg", (9, 9))
    absolute = read(tmp_path / "tables")[0].backgrounds
    assert [s.pictures[0].name for s in absolute] == ["pics/a.jpg", "../pics/a.jpg"]


def test_the_same_bytes_have_the_same_hash_under_any_name(tmp_path: Path) -> None:
    data = save(tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data)
    save(tmp_path / "c.png", np.zeros((5, 5, 3), np.uint8))
    (spec,) = scenes_of(tmp_path, {"images": "?.png"})
    a, b, c = (picture.sha256 for picture in spec.pictures)
    assert a == b != c


@pytest.mark.skipif(os.name != "posix", reason="such names only exist on POSIX")
def test_a_file_name_that_no_record_can_hold_is_refused(tmp_path: Path) -> None:
    picture = save(tmp_path / "pics" / "a.png")
    try:
        picture.rename(os.fsdecode(os.fsencode(tmp_path) + b"/pics/caf\xe9.png"))
    except OSError:
        pytest.skip("this disk takes only UTF-8 names")
    write_scenes(tmp_path, {"images": "pics"})
    where, text = the_problem(tmp_path)
    assert where == "background.csv:2: images" and "isn't UTF-8" in text and "rename" in text
    text.encode()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    locked = save(tmp_path / "locked" / "a.png").parent
    save(tmp_path / "b.png").chmod(0)
    locked.chmod(0)
    try:
        write_scenes(
            tmp_path, {"images": "locked"}, {"images": "b.png"}, {"images": "locked/a.png"}
        )
        for problem in problems_in(tmp_path):
            assert "Permission denied" in problem.text and "check" in problem.text
    finally:
        locked.chmod(0o700)


# ---- the whole way -------------------------------------------------------------------------------


def test_the_command_line_tells_all_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scenes(Path(), SCENE | {"num_imgs": "-1", "images": "gone.jpg"})
    write_classes(Path(), BY_LENGTH | {"width_max": "900"}, BY_RATIO | {"x_max": "1e999"})
    command = "run --backgrounds background.csv --classes classes.csv --out made"
    assert main(command.split()) == 2
    told = [line.removeprefix("error: ") for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "background.csv:2: num_imgs: '-1' is negative: 0 or more belongs here",
        "background.csv:2: images: 'gone.jpg' is not there: paths are relative to the CSV, here .",
        "classes.csv:2: width_max: 900 is larger than the image width (768): "
        "lower it or raise --width",
        "classes.csv:3: x_max: '1e999' isn't a finite number: "
        "a fraction of the canvas (0.25 for 25%) belongs here",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [S, C]


# ---- real pictures -------------------------------------------------------------------------------


def test_real_pictures_are_taken(tmp_path: Path, shared_data: Path) -> None:
    kinds = sorted(folder.name for folder in (shared_data / "cutouts").iterdir())
    assert len(kinds) == 13
    write_scenes(tmp_path, {"images": str(shared_data / "backgrounds")})
    write_classes(
        tmp_path,
        *(BY_RATIO | {"name": k, "cutouts": str(shared_data / "cutouts" / k)} for k in kinds),
    )
    request, warnings = read(tmp_path, CANVAS)
    assert not warnings
    assert request.backgrounds[0].num_imgs == 22
    assert [spec.name for spec in request.classes] == kinds
    for kind, spec in zip(kinds, request.classes, strict=True):
        assert len(spec.cutouts) == len(list((shared_data / "cutouts" / kind).glob("*.png"))) > 0


def test_real_pictures_without_alpha_are_no_cutouts(tmp_path: Path, shared_data: Path) -> None:
    write_classes(tmp_path, BY_RATIO | {"cutouts": str(shared_data / "currency" / "**")})
    problems = problems_in(tmp_path)
    assert len(problems) == 5 * 8
    assert all("no alpha channel" in problem.text for problem in problems)


# ---- the classes by themselves, and with other cutouts -------------------------------------------

EXCEL = (
    "sep=;\nprompt;min_appear;max_appear;aspect_ratio_min;aspect_ratio_max;cutouts;Notes;\n"
    '"a cat; grey";0;1;1;1;cats;"says ""meow""";\n\na dog;0;1;1;1\n'
)


def test_cutouts_are_filled_in_and_all_else_stays(tmp_path: Path) -> None:
    save_cutout(tmp_path / "cats/one.png")
    (tmp_path / "classes.csv").write_text(EXCEL)
    specs, warnings = read_classes(tmp_path / "classes.csv", CANVAS)
    assert [spec.prompt for spec in specs] == ["a cat; grey", "a dog"]
    assert len(specs[0].cutouts) == 1 and "unknown column" in str(warnings[0])
    save_cutout(tmp_path / "bank/dogs/one.png")
    cells = {specs[1].line: "dogs"}
    (tmp_path / "bank/classes.csv").write_bytes(with_cutouts(tmp_path / "classes.csv", cells))
    again, _ = read_classes(tmp_path / "bank/classes.csv", CANVAS)
    assert [spec.prompt for spec in again] == ["a cat; grey", "a dog"]
    assert not again[0].cutouts and len(again[1].cutouts) == 1
    assert 'says ""meow""' in (tmp_path / "bank/classes.csv").read_text()


def test_classes_by_themselves_are_judged_as_with_scenes(tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text("prompt,min_appear\na cat,one\n")
    with pytest.raises(InputError) as caught:
        read_classes(tmp_path / "classes.csv", CANVAS)
    assert len(caught.value.problems) >= 2
