"""What lies beside a cutout of several objects: read, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.records.errors import InputError, PictureError
from infgen.sources.pictures import check_cutout, find_pictures, read_ids, read_rgba
from infgen.sources.sidecars import encode_classes, encode_ids, places
from tests.sources.desk import BY_LENGTH, classes_of, save_cutout

NAMES = ("table", "cup")


def group(folder: Path, name: str = "set.png", names=NAMES, ids: np.ndarray | None = None) -> Path:
    """A cutout of 8 x 6 pixels, all opaque, the left half the first's."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 8, 4), 255, np.uint8)
    assert cv2.imwrite(str(path), pixels)
    if ids is None:
        ids = np.repeat([[1] * 4 + [2] * 4], 6, axis=0).astype(np.uint16)
    beside, classes = places(path)
    beside.write_bytes(encode_ids(ids))
    classes.write_bytes(encode_classes(names))
    return path


def test_a_cutout_with_ids_has_members(tmp_path: Path) -> None:
    path = group(tmp_path)
    picture = check_cutout(path, "set.png")
    assert picture.members == NAMES and picture.size == (8, 6)
    assert read_ids(picture)[0].tolist() == [1] * 4 + [2] * 4
    assert read_rgba(picture).shape == (6, 8, 4)


def test_without_ids_a_json_means_nothing(tmp_path: Path) -> None:
    path = group(tmp_path)
    before = check_cutout(path, "set.png").sha256
    places(path)[0].unlink()
    places(path)[1].write_text("labels of some other program")
    alone = check_cutout(path, "set.png")
    assert alone.members == () and alone.sha256 != before


def test_classes_without_ids_are_refused_as_most_objects_would_have_no_label(
    tmp_path: Path,
) -> None:
    path = group(tmp_path)
    places(path)[0].unlink()
    assert refused(path).startswith("set.ids.png is missing beside it")
    places(path)[1].unlink()
    assert check_cutout(path, "set.png").members == ()


def test_ids_are_no_cutouts_themselves(tmp_path: Path) -> None:
    path = group(tmp_path / "sets")
    for cell in ("sets", "sets/*.png", "sets/**"):
        assert find_pictures(cell, tmp_path) == [path]


@given(
    ids=st.lists(st.integers(0, 65_535), min_size=1, max_size=30),
)
def test_ids_survive_being_written(ids, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("ids")
    pixels = np.array([ids], np.uint16)
    (folder / "a.ids.png").write_bytes(encode_ids(pixels))
    read = cv2.imread(str(folder / "a.ids.png"), cv2.IMREAD_UNCHANGED)
    assert (read == pixels).all() and read.dtype == (np.uint8 if max(ids) < 256 else np.uint16)


def refused(path: Path) -> str:
    with pytest.raises(ValueError, match=r"\w") as raised:
        check_cutout(path, path.name)
    return str(raised.value)


def test_what_does_not_fit_is_refused_with_its_file(tmp_path: Path) -> None:
    path = group(tmp_path)
    ids, classes = places(path)
    good = ids.read_bytes(), classes.read_bytes()
    classes.unlink()
    assert refused(path).startswith("set.json is missing beside it")
    for text in (b"no json", b'{"objects": [{"id": 1}]}', b"\xff\xfe", b"[]"):
        classes.write_bytes(text)
        assert refused(path).startswith("set.json doesn't say whose its ids are")
    for text in (b'{"objects": []}', b'{"objects": [{"id": 0, "class": "a"}]}'):
        classes.write_bytes(text)
        assert "number its objects from 1" in refused(path)
    classes.write_bytes(encode_classes(["table"]))
    assert "set.ids.png shows the ids [1, 2], and set.json names [1]" in refused(path)
    classes.write_bytes(good[1])
    ids.write_bytes(encode_ids(np.ones((4, 4), np.uint16)))
    assert "set.ids.png is 4 x 4 pixels and the cutout 8 x 6" in refused(path)
    for data in (b"", b"no picture", cv2.imencode(".png", np.zeros((6, 8, 3)))[1].tobytes()):
        ids.write_bytes(data)
        assert "set.ids.png isn't a grey PNG" in refused(path)
    ids.write_bytes(good[0])
    assert check_cutout(path, "set.png").members == NAMES


def test_files_beside_it_that_change_later_are_noticed(tmp_path: Path) -> None:
    path = group(tmp_path)
    picture = check_cutout(path, "set.png")
    places(path)[1].write_bytes(encode_classes(["cup", "table"]))
    for read in (read_ids, read_rgba):
        with pytest.raises(PictureError, match="has changed since the run began"):
            read(picture)


# ---- in a table ----------------------------------------------------------------------------------


def test_classes_are_called_as_in_the_table(tmp_path: Path) -> None:
    group(tmp_path / "sets", names=("TABLE", "cup"))
    save_cutout(tmp_path / "cup.png")
    row = BY_LENGTH | {"name": "Table", "cutouts": "sets"}
    [table, cup] = classes_of(tmp_path, row, BY_LENGTH | {"name": "cup", "cutouts": "cup.png"})
    assert table.cutouts[0].members == ("Table", "cup") and cup.cutouts[0].members == ()


def test_a_class_that_no_row_has_is_told_with_the_file(tmp_path: Path) -> None:
    group(tmp_path / "sets")
    with pytest.raises(InputError) as raised:
        classes_of(tmp_path, BY_LENGTH | {"name": "table", "cutouts": "sets"})
    [problem] = raised.value.problems
    assert (problem.line, problem.column) == (2, "cutouts")
    assert "sets/set.png: what is beside it names the class 'cup'" in problem.text
    assert "add a row" in problem.text
