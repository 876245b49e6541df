"""Classes of several datasets in one list, and the table that says what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infgen.records.errors import InputError
from infgen.sources.class_map import map_classes

DATASETS = [("one", ("cat", "dog")), ("two", ("dog", "owl", "Cat"))]


def table(folder: Path, text: str) -> Path:
    path = folder / "map.csv"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as error:
        map_classes(DATASETS, table(folder, text))
    return [str(one).removeprefix(f"{folder}/") for one in error.value.problems]


def test_equal_names_are_one_and_the_first_dataset_comes_first() -> None:
    found = map_classes(DATASETS, None)
    assert found.names == ("cat", "dog", "owl", "Cat")
    assert found.ids == ((0, 1), (1, 2, 3))
    assert list(found.doubtful) == [("cat", "Cat")]


def test_a_row_of_a_dataset_wins_over_one_for_all(tmp_path: Path) -> None:
    rows = "dataset,class,becomes\n,dog,wolf\ntwo,dog,\ntwo,Cat,cat\n"
    found = map_classes(DATASETS, table(tmp_path, rows))
    assert found.names == ("cat", "wolf", "owl")
    assert found.ids == ((0, 1), (None, 2, 0))
    assert not list(found.doubtful)


def test_the_dataset_column_may_be_left_out(tmp_path: Path) -> None:
    found = map_classes(DATASETS, table(tmp_path, "class,becomes\ndog,owl\n"))
    assert found.names == ("cat", "owl", "Cat") and found.ids == ((0, 1), (1, 1, 2))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("class\ndog\n", ["map.csv:1: becomes: the column is missing: add it; where it is empty, "
                          "the class is left out"]),
        ("dataset,becomes\n,x\n", ["map.csv:1: class: the column is missing: add it to the first "
                                   "line"]),
        ("class,becomes\n,x\n", ["map.csv:2: class: is empty: fill it in"]),
        ("dataset,class,becomes\nthree,dog,\none,owl,x\n",
         ["map.csv:2: dataset: there is no 'three': they are one, two",
          "map.csv:3: class: there is no 'owl': they are cat, dog"]),
        ("class,becomes\ndog,x\ndog,y\n",
         ["map.csv:3: class: 'dog' has a row already: remove one"]),
        ("class,becomes\ncat,\ndog,\nowl,\nCat,\n",
         ["map.csv: leaves no class at all: fill in some `becomes`"]),
    ],
)  # fmt: skip
def test_what_can_not_be_followed_is_told_all_at_once(
    tmp_path: Path, text: str, sentences: list[str]
) -> None:
    assert refused(tmp_path, text) == sentences
