"""Pairs from a folder or a table: what is understood, and everything that can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.pairs import Pairs, Wanted
from infgen.sources.pairs import read_pairs

SIZE = (40, 30)  # width, height


def save(path: Path, shade: int = 90, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), shade, np.uint8))


def ask(path: Path, *boxes: tuple[int, Box], channels: int = 1) -> None:
    array = np.zeros((SIZE[1], SIZE[0], channels), bool)
    for channel, box in boxes:
        x0, y0, x1, y1 = map(int, box.xyxy)
        array[y0:y1, x0:x1, channel] = True
    np.save(path, array)


def problems_of(source: Path, classes: Path | None = None) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_pairs(source, classes)
    return [str(problem) for problem in raised.value.problems]


def the_problem(source: Path, classes: Path | None = None) -> str:
    [problem] = problems_of(source, classes)
    return problem


def stems(pairs: Pairs) -> list[str]:
    return [pair.stem for pair in pairs.pairs]


# ---- a folder ------------------------------------------------------------------------------------


def test_a_folder_of_one_set_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        save(tmp_path / f"bg_{number}.png", number)
        save(tmp_path / f"{number}_x.png", number + 1)
    save(tmp_path / "somebody's.png")
    pairs, warnings = read_pairs(tmp_path)
    assert stems(pairs) == ["0_x", "2_x", "10_x"]
    assert pairs.pairs[2].before.name == "bg_10.png" and pairs.pairs[2].after.name == "10_x.png"
    assert pairs.classes == ("object",) and pairs.pairs[0].wanted == (Wanted(0),)
    assert warnings == []


def test_sets_have_names_of_their_own(tmp_path: Path) -> None:
    for name in ("safari", "forest_fire"):
        save(tmp_path / f"{name}_bg_0.png")
        save(tmp_path / f"{name}_x_0.png")
    ask(tmp_path / "forest_fire_y_0.npy", (0, Box(3, 4, 13, 24)))
    pairs, _ = read_pairs(tmp_path)
    assert stems(pairs) == ["forest_fire_x_0", "safari_x_0"]
    assert pairs.classes == ("forest_fire", "object")
    fire, safari = pairs.pairs
    assert fire.wanted == (Wanted(0, Box(3, 4, 13, 24)),) and fire.boxes == (Box(3, 4, 13, 24),)
    assert safari.wanted == (Wanted(1),) and safari.boxes == ()


def test_channels_are_named_by_the_class_table(tmp_path: Path) -> None:
    save(tmp_path / "bg_0.png")
    save(tmp_path / "0_x.png")
    boxes = ((1, Box(0, 0, 5, 5)), (1, Box(20, 10, 30, 20)), (0, Box(6, 0, 12, 9)))
    ask(tmp_path / "0_y.npy", *boxes, channels=2)
    classes = tmp_path / "classes.csv"
    rows = "a grey elephant,,x,\na zebra,stripes,1,no\n"
    classes.write_text(f"prompt,name,min_appear,mirror\n{rows}")
    pairs, _ = read_pairs(tmp_path, classes)
    assert pairs.classes == ("elephant", "stripes") and pairs.upright == ("stripes",)
    assert {(one.class_id, one.box) for one in pairs.pairs[0].wanted} == set(boxes)
    pairs, _ = read_pairs(tmp_path)
    assert pairs.classes == ("class_0", "class_1")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")  # as infgen's own npy format
    assert read_pairs(tmp_path)[0].classes == ("cat", "dog")


def test_a_single_class_is_everybodys(tmp_path: Path) -> None:
    save(tmp_path / "bg_0.png")
    save(tmp_path / "0_x.png")
    classes = tmp_path / "classes.csv"
    classes.write_text("prompt\na zebra\n")
    assert read_pairs(tmp_path, classes)[0].classes == ("zebra",)


def test_an_array_that_asks_for_nothing_means_a_picture_of_nothing(tmp_path: Path) -> None:
    save(tmp_path / "bg_0.png")
    save(tmp_path / "0_x.png")
    ask(tmp_path / "0_y.npy")
    assert read_pairs(tmp_path)[0].pairs[0].wanted == ()


def test_a_lonely_background_is_a_warning(tmp_path: Path) -> None:
    save(tmp_path / "bg_0.png")
    save(tmp_path / "0_x.png")
    save(tmp_path / "bg_1.png")
    _, [warning] = read_pairs(tmp_path)
    assert "bg_1.png: no picture belongs to it" in str(warning)


def spoil_folder(folder: Path, how: str) -> None:
    if how == "broken":
        (folder / "0_x.png").write_bytes((folder / "0_x.png").read_bytes()[:60])
    elif how == "no before":
        (folder / "bg_0.png").unlink()
    elif how == "size":
        save(folder / "bg_0.png", size=(41, 30))
    elif how == "twice":
        save(folder / "bg_0.jpg")
    elif how == "pickle":
        np.save(folder / "0_y.npy", np.array([{"a": 1}], object), allow_pickle=True)
    elif how == "floats":
        np.save(folder / "0_y.npy", np.zeros((30, 40, 1)))
    elif how == "other size":
        np.save(folder / "0_y.npy", np.zeros((31, 40, 1), bool))
    elif how == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (30, 40)).save(folder / "0_x.jpg", exif=exif)
        (folder / "0_x.png").unlink()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("broken", ("0_x.png", "broken or cut short", "replace or remove it")),
        ("no before", ("0_x.png", "there is no bg_0.png beside it", "add it, or remove this one")),
        ("size", ("0_x.png", "40 x 30", "bg_0.png, is 41 x 30", "belong together")),
        ("twice", ("bg_0.jpg", "bg_0.png has the same number", "Remove the other")),
        ("pickle", ("0_y.npy", "it isn't an array that numpy has saved")),
        ("floats", ("0_y.npy", "float64 of shape (30, 40, 1)", "bool of shape (height, width")),
        ("other size", ("0_x.png", "pictures of 40 x 31", "this one is 40 x 30")),
        ("turned", ("0_x.jpg", "EXIF", "save it upright")),
    ],
)
def test_what_is_wrong_with_a_folder(tmp_path: Path, how: str, words: tuple[str, ...]) -> None:
    save(tmp_path / "bg_0.png")
    save(tmp_path / "0_x.png")
    spoil_folder(tmp_path, how)
    problem = the_problem(tmp_path)
    for word in words:
        assert word in problem


def test_all_of_a_folders_problems_at_once(tmp_path: Path) -> None:
    for number, how in enumerate(("broken", "no before", "size")):
        folder = tmp_path / how
        save(folder / "bg_0.png")
        save(folder / "0_x.png")
        spoil_folder(folder, how)
        for path in folder.iterdir():
            path.rename(tmp_path / path.name.replace("0", str(number)))
        folder.rmdir()
    assert len(problems_of(tmp_path)) == 3


def test_a_folder_without_pairs_says_what_it_looks_for(tmp_path: Path) -> None:
    assert "bg_<i>.png with <i>_x.png" in the_problem(tmp_path)


def test_more_channels_than_names(tmp_path: Path) -> None:
    save(tmp_path / "bg_0.png")
    save(tmp_path / "0_x.png")
    ask(tmp_path / "0_y.npy", channels=3)
    (tmp_path / "classes.csv").write_text("prompt\na cat\na dog\n")
    problem = the_problem(tmp_path, tmp_path / "classes.csv")
    assert "0_y.npy: has 3 channels, and there are names for 2 classes" in problem


# ---- a table -------------------------------------------------------------------------------------


def write_table(folder: Path, *rows: str, header: str = "before,after,class,x0,y0,x1,y1") -> Path:
    for name in ("a", "b"):
        save(folder / f"old/{name}.png", 50)
        save(folder / f"new/{name}.png", 150)
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


def test_rows_of_one_picture_are_its_objects(tmp_path: Path) -> None:
    path = write_table(
        tmp_path,
        "old/a.png,new/a.png,zebra,0,0,10,10",
        "old/b.png,new/b.png,lion,1,2,3.5,4",
        "old/a.png,new/a.png,lion,20,5,40,30",
    )
    pairs, _ = read_pairs(path)
    assert pairs.classes == ("zebra", "lion") and stems(pairs) == ["a", "b"]
    assert pairs.pairs[0].wanted == (Wanted(0, Box(0, 0, 10, 10)), Wanted(1, Box(20, 5, 40, 30)))
    assert pairs.pairs[1].wanted == (Wanted(1, Box(1, 2, 3.5, 4)),)


def test_before_and_after_are_enough(tmp_path: Path) -> None:
    path = write_table(tmp_path, "old/a.png;new/a.png", header="before;after")
    pairs, _ = read_pairs(path)
    assert pairs.classes == ("object",) and pairs.pairs[0].wanted == (Wanted(0),)


def test_a_picture_is_one_however_its_path_is_spelt(tmp_path: Path) -> None:
    """Else each of two copies would lack the labels of the other."""
    path = write_table(
        tmp_path,
        "old/a.png,new/a.png,cat,0,0,10,10",
        f"{tmp_path / 'old/a.png'},new/../new/a.png,dog,20,5,40,30",
    )
    pairs, _ = read_pairs(path)
    assert stems(pairs) == ["a"] and len(pairs.pairs[0].wanted) == 2


def test_a_misspelt_column_is_told_with_what_it_caused(tmp_path: Path) -> None:
    path = write_table(tmp_path, "old/a.png,new/none.png,cat", header="before,after,klass")
    assert ["klass" in problem for problem in problems_of(path)] == [True, False]


def test_names_stay_apart_where_disks_would_mix_them(tmp_path: Path) -> None:
    for name in ("x/a.png", "y/A.png", "y/a.jpg", "z/y_a.png"):
        save(tmp_path / name)
    rows = [f"x/a.png,{name}" for name in ("x/a.png", "y/A.png", "y/a.jpg", "z/y_a.png")]
    pairs, _ = read_pairs(write_table(tmp_path, *rows, header="before,after"))
    assert stems(pairs) == ["a", "y_A", "a-2", "z_y_a"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["old/a.png,new/none.png,,,,,"], ("pairs.csv:2: after: new/none.png: can't be read",)),
        (["old/none.png,new/a.png,,,,,"], ("pairs.csv:2: before: old/none.png",)),
        ([",new/a.png,,,,,"], ("pairs.csv:2: before: is empty",)),
        (["old/a.png,new/a.png,,1,2,,4"], (":2: x1: is empty beside the others", "or none")),
        (["old/a.png,new/a.png,,9,2,9,4"], (":2: x1: 9 isn't above x0 (9)",)),
        (["old/a.png,new/a.png,,1,two,3,4"], (":2: y0: 'two' isn't a number",)),
        (["old/a.png,new/a.png,,1,2,41,4"], (":2: x1: the box reaches beyond", "40 x 30")),
        (["old/a.png,new/a.png,,-1,2,4,4"], (":2: x0: the box reaches beyond",)),
        (
            ["old/a.png,new/a.png,cat,,,,", "old/a.png,new/a.png,dog,,,,"],
            (":2: x0: is empty", "give every row of this picture its box"),
        ),
        (
            ["old/a.png,new/a.png,cat,1,1,9,9", "old/a.png,new/a.png,cat,,,,"],
            (":3: x0: is empty",),
        ),
        (
            ["old/a.png,new/a.png,,,,,", "old/b.png,new/a.png,,,,,"],
            (":3: before: 'old/b.png' isn't what line 2 gives",),
        ),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, rows: list[str], words: tuple[str]) -> None:
    problem = the_problem(write_table(tmp_path, *rows))
    for word in words:
        assert word in problem


def test_classes_of_a_table_are_those_of_the_class_table(tmp_path: Path) -> None:
    path = write_table(tmp_path, "old/a.png,new/a.png,dog,,,,", "old/b.png,new/b.png,doog,,,,")
    (tmp_path / "classes.csv").write_text("prompt\na cat\na dog\n")
    problem = the_problem(path, tmp_path / "classes.csv")
    assert "pairs.csv:3: class: 'doog' isn't in --classes, which names cat, dog" in problem


def test_all_of_a_tables_problems_at_once(tmp_path: Path) -> None:
    path = write_table(
        tmp_path, "old/a.png,new/none.png,,,,,", "old/b.png,new/b.png,,1,2,1,2", ",,,,,,"
    )
    places = [problem.split("pairs.csv:")[1][:5] for problem in problems_of(path)]
    assert places == ["2: af", "3: x1", "3: y1"]


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    assert "is not there: check the path" in the_problem(tmp_path / "pairs.csv")
