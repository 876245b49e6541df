"""The records: boxes and their exits, errors and their places, JSON there and back."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.records import errors
from infgen.records.box import Box
from infgen.records.errors import InfgenError, InputError, Problem
from infgen.records.plan import BackgroundPlan, Dropped, Finish, ImagePlan, ObjectPlan
from infgen.records.sample import Entry, Instance
from infgen.records.specs import AspectSize, BackgroundSpec, ClassSpec, Length, Picture, RangeSize

floats = st.floats(-1e6, 1e6)
whole = st.integers(0, 2000)


@st.composite
def boxes(draw, numbers=floats):
    (x0, x1), (y0, y1) = (
        sorted(draw(st.lists(numbers, min_size=2, max_size=2, unique=True))) for _ in range(2)
    )
    return Box(x0, y0, x1, y1)


# ---- Box -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "xyxy",
    [(0, 0, 0, 5), (0, 0, 5, 0), (5, 0, 4, 1), (0, 5, 1, 4), (math.nan, 0, 1, 1),
     (0, 0, 1, math.nan), (0, 0, math.inf, 1), (-math.inf, 0, 1, 1)],
)  # fmt: skip
def test_a_box_is_never_empty_nor_endless(xyxy):
    with pytest.raises(ValueError, match="not a box"):
        Box(*xyxy)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(list(xyxy), Box)


@given(boxes())
def test_a_box_is_a_list_in_json(box):
    text = msgspec.json.encode(box)
    assert msgspec.json.decode(text) == list(box.xyxy)
    assert msgspec.json.decode(text, type=Box) == box


@given(boxes(whole), boxes(whole))
def test_intersections_and_iou_count_pixels(a, b):
    left = {(x, y) for x in range(int(a.x0), int(a.x1)) for y in (int(a.y0), int(a.y1) - 1)}
    common = a.intersect(b)
    assert common == b.intersect(a)
    if common is None:
        assert a.iou(b) == 0
        assert not any(b.x0 <= x < b.x1 and b.y0 <= y < b.y1 for x, y in left)
        return
    assert common.width == min(a.x1, b.x1) - max(a.x0, b.x0)
    assert common.height == min(a.y1, b.y1) - max(a.y0, b.y0)
    assert 0 < a.iou(b) == b.iou(a) <= 1
    assert (a.iou(b) == 1) == (a == b)


def test_iou_by_hand():
    assert Box(0, 0, 4, 2).iou(Box(2, 0, 6, 2)) == pytest.approx(1 / 3)
    assert Box(0, 0, 4, 2).iou(Box(4, 0, 6, 2)) == 0  # edges touch
    assert Box(0, 0, 4, 2).intersect(Box(4, 2, 6, 3)) is None


def test_the_exits_by_hand():
    box = Box(10, 20, 50, 100)
    assert (box.width, box.height, box.area, box.center) == (40, 80, 3200, (30, 60))
    assert box.as_coco() == (10, 20, 40, 80)
    assert box.as_yolo((100, 200)) == (0.3, 0.3, 0.4, 0.4)
    assert box.as_voc() == (11, 21, 50, 100)
    assert Box(0, 0, 1, 1).as_voc() == (1, 1, 1, 1)  # the first pixel
    assert Box(0.4, 0.6, 1.2, 2.0).as_voc() == (1, 1, 2, 2)  # all pixels that it touches
    assert Box(9.9999997, 2, 20.0000003, 8).as_voc() == (11, 3, 20, 8)  # as YOLO gives it back
    assert Box(-3.5, -2, 20, 8).as_voc() == (-3, -1, 20, 8)
    assert box.shift(-10, 5) == Box(0, 25, 40, 105)


@given(boxes(whole))
def test_every_format_leads_back_to_the_box(box):
    size = (2000, 2000)
    x, y, width, height = box.as_coco()
    assert Box(x, y, x + width, y + height) == box
    cx, cy, w, h = (value * 2000 for value in box.as_yolo(size))
    assert (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2) == pytest.approx(box.xyxy, abs=1e-6)
    xmin, ymin, xmax, ymax = box.as_voc()
    assert Box(xmin - 1, ymin - 1, xmax, ymax) == box


# ---- errors --------------------------------------------------------------------------------------


def test_a_problem_names_its_place_as_far_as_it_is_known():
    assert str(Problem("mend it", "a.csv", 7, "width_min")) == "a.csv:7: width_min: mend it"
    assert str(Problem("mend it", "a.csv")) == "a.csv: mend it"
    assert str(Problem("mend it", column="prompt")) == "prompt: mend it"
    assert str(Problem("mend it")) == "mend it"


def test_an_input_error_lists_every_problem():
    two = [Problem("first", "a.csv", 2), Problem("second", "a.csv", 9)]
    error = InputError(iter(two))
    assert error.problems == tuple(two)
    assert str(error) == "a.csv:2: first\na.csv:9: second"
    assert str(InputError("just this")) == "just this"
    assert InputError(two[0]).problems == (two[0],)


def test_the_tree_in_the_docstring_is_the_tree():
    """Every error is in it, with the exit code that it says."""
    row = re.compile(r"^    (?:│   )?[├└]── (\w+) +.*?(?:exit (\d))?$", re.MULTILINE)
    drawn = dict(row.findall(errors.__doc__))
    real = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, InfgenError) and kind is not InfgenError
    }
    assert set(drawn) == set(real) and len(real) >= 6
    for name, code in drawn.items():
        assert not code or real[name].exit_code == int(code), name


# ---- specs ---------------------------------------------------------------------------------------


def test_lengths_are_pixels_or_shares_of_their_side():
    assert Length(25).pixels(400) == 25
    assert Length(25, percent=True).pixels(400) == 100
    assert [str(length) for length in (Length(25), Length(12.5, True))] == ["25", "12.5%"]


# ---- JSON ----------------------------------------------------------------------------------------

BOX = Box(1, 2.5, 30, 40.25)
BACKGROUND = BackgroundPlan(3, 1, "a/b.jpg", (800, 600), (7, 0), True)
RECORDS = [
    ImagePlan(5, "val", (640, 480), BACKGROUND,
              (ObjectPlan(2, BOX, "paste", "coin.png", True), ObjectPlan(0, BOX, "inpaint")),
              (Dropped(1, "no room"), Dropped(1, "hidden behind others", BOX)),
              finish=Finish(0.4, 2.5, (3, 400), 6)),
    Entry(5, "val", (640, 480), "images/val/00000005.jpg", 1234, BACKGROUND,
          (Instance(1, 2, BOX, BOX, "abc", 9, 0.75, "paste", "coin.png", True),),
          (Dropped(1, "no room"),)),
    Entry(6, "train", (640, 480), "", 0, BackgroundPlan(4, 0, plain="plain", seed=2**63 - 1),
          failure="the file has changed"),
    ClassSpec(3, "coin", "a coin", (0, 4), AspectSize((0.5, 2.0))),
    ClassSpec(4, "note", "a note", (1, 1), mirror=False, x_range=(0.25, 0.5),
              size=RangeSize((Length(5), Length(9)), (Length(1, True), Length(2, True)))),
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_come_back_from_json_as_they_were(record):
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


@pytest.mark.parametrize("record", [BOX, *RECORDS], ids=lambda record: type(record).__name__)
def test_records_can_t_be_changed(record):
    with pytest.raises(AttributeError):
        setattr(record, record.__struct_fields__[0], 1)


def test_pictures_know_what_they_were_when_the_run_began():
    picture = Picture("coins/1.png", Path("/data/coins/1.png"), "ab12", (30, 20))
    spec = BackgroundSpec(2, "a desk", 4, pictures=(picture,))
    assert spec.pictures[0].size == (30, 20) and hash(spec) == hash(spec)


def test_the_stem_is_the_file_s_name():
    named = msgspec.structs.replace(RECORDS[1], file="images/val/safari_x.2.png")
    assert [RECORDS[1].stem, named.stem] == ["00000005", "safari_x.2"]
