"""Contact sheets, judged by their pixels: a ground colour found nowhere else shows the tiles."""

from __future__ import annotations

from itertools import combinations, pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infgen.records.box import Box
from infgen.report.colours import FIRST_COLOURS, class_colours
from infgen.report.sheet import WIDTH, Mark, Tile, checkers, draw_sheet, shrink
from infgen.report.sheet.tags import best_spot
from infgen.report.sheet.tiles import FILL, MISSING

pytestmark = pytest.mark.usefixtures("whole_sheets")
GROUND = (3, 60, 9)
SIZE = (200, 100)
NAMES = ("bird", "cat", "dog")


def picture(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0], 3), GROUND, np.uint8)


def tile(*marks: Mark, size: tuple[int, int] = SIZE, caption: str = "") -> Tile:
    return Tile(size, picture(size), marks, caption)


def bounds(where: np.ndarray) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the true pixels, ends exclusive."""
    y, x = np.nonzero(where)
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def is_colour(pixels: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    return (pixels == colour).all(axis=-1)


def only_tile(sheet: np.ndarray) -> np.ndarray:
    """The pixels of the sheet's one tile, whose corners must be bare."""
    x0, y0, x1, y1 = bounds(is_colour(sheet, GROUND))
    return sheet[y0:y1, x0:x1]


# ---- marks ---------------------------------------------------------------------------------------


def test_box_is_outlined_where_it_is_and_nowhere_else() -> None:
    shown = only_tile(draw_sheet([tile(Mark(1, Box(50, 25, 150, 75)))], NAMES, "title"))
    height, width = shown.shape[:2]
    x0, x1, middle = round(width / 4), round(width * 3 / 4), height // 2
    colour, edge = class_colours(3)[1], (0, 0, 0)  # a light blue: its edge is black
    row = [tuple(int(v) for v in pixel) for pixel in shown[middle]]
    assert row[x0 - 2 : x0 + 4] == [GROUND, edge, colour, colour, GROUND, GROUND]
    assert row[x1 - 4 : x1 + 2] == [GROUND, GROUND, colour, colour, edge, GROUND]
    below = shown[round(height * 3 / 4) + 1 :]
    assert is_colour(below, GROUND).all()


def test_dark_colours_get_a_light_edge() -> None:
    shown = only_tile(draw_sheet([tile(Mark(5, Box(50, 25, 150, 75)))], ["x"] * 6, "title"))
    x0 = round(shown.shape[1] / 4)
    assert tuple(shown[shown.shape[0] // 2, x0 - 1]) == (255, 255, 255)


def test_box_as_large_as_the_picture_is_still_outlined_all_around() -> None:
    sheet = draw_sheet([tile(Mark(1, Box(0, 0, *SIZE)))], NAMES, "title")
    x0, y0, x1, y1 = bounds(is_colour(sheet, GROUND))
    around = sheet[y0 - 3 : y1 + 3, x0 - 3 : x1 + 3]
    colour = class_colours(3)[1]
    half = around.shape[0] // 2
    assert (
        [tuple(p) for p in around[half, :3]]
        == [tuple(p) for p in around[half, :-4:-1]]
        == [(0, 0, 0), colour, colour]
    )


def test_mask_is_translucent_inside_and_absent_outside() -> None:
    mask = np.zeros((50, 100), bool)
    mask[10:40, 10:50] = True  # the picture's pixels 60..100 and 35..65
    box = Box(50, 25, 150, 75)
    plain, shown = (
        only_tile(draw_sheet([tile(Mark(0, box, one))], NAMES, "title")) for one in (None, mask)
    )
    height, width = shown.shape[:2]
    inside = shown[height // 2, round(width * 0.4)]
    wanted = np.array(GROUND) * (1 - FILL) + np.array(class_colours(1)[0]) * FILL
    assert np.abs(inside - wanted).max() <= 1
    touched = bounds((plain != shown).any(axis=2))
    scale = width / SIZE[0]
    assert touched == pytest.approx((60 * scale, 35 * scale, 100 * scale, 65 * scale), abs=2)


def test_without_a_mask_nothing_is_tinted() -> None:
    shown = only_tile(draw_sheet([tile(Mark(0, Box(50, 25, 150, 75)))], NAMES, "title"))
    height, width = shown.shape[:2]
    inside = shown[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
    assert is_colour(inside, GROUND).all()


def test_picture_of_lower_resolution_has_its_marks_in_the_same_places() -> None:
    marks = (Mark(0, Box(500, 250, 1500, 750)),)
    large = Tile((2000, 1000), picture((2000, 1000)), marks)
    small = Tile((2000, 1000), picture((200, 100)), marks)
    assert np.array_equal(draw_sheet([large], NAMES, "t"), draw_sheet([small], NAMES, "t"))


def test_marks_tell_their_class_by_a_tag_on_the_box() -> None:
    """The name is what differs between two classes of the same colour."""
    mark = Mark(0, Box(50, 25, 150, 75))
    one, other = (only_tile(draw_sheet([tile(mark)], [name], "t")) for name in ("bird", "bison"))
    x0, y0, x1, y1 = bounds((one != other).any(axis=2))
    height, width = one.shape[:2]
    assert x0 >= width / 4 - 2 and x1 < width * 3 / 4
    assert height / 4 - 40 < y0 < y1 <= height / 4 + 2


def test_tags_of_the_same_box_do_not_cover_each_other() -> None:
    box = Box(50, 25, 150, 75)
    full = [np.count_nonzero(is_colour(only_tile(draw_sheet([tile(Mark(c, box))], NAMES, "t")),
                                       class_colours(3)[c])) for c in range(3)]  # fmt: skip
    shown = only_tile(draw_sheet([tile(*(Mark(c, box) for c in range(3)))], NAMES, "t"))
    outline = 2 * 2 * (shown.shape[0] + shown.shape[1]) / 2
    for class_id in range(3):
        left = np.count_nonzero(is_colour(shown, class_colours(3)[class_id]))
        assert left >= full[class_id] - outline - 200


rectangles = st.tuples(
    *[st.integers(0, 299)] * 2, *[st.integers(1, 120)] * 2
).map(lambda r: (r[0], r[1], min(r[0] + r[2], 300), min(r[1] + r[3], 300)))  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    rectangles,
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.lists(rectangles),
    st.lists(rectangles),
)
def test_tags_stay_inside_the_tile(place, tag, taken, boxes) -> None:
    (x0, y0, x1, y1), covered = best_spot(place, tag, (300, 300), taken, boxes)
    assert x0 >= 0 and y0 >= 0 and x1 <= 300 and y1 <= 300
    assert (x1 - x0, y1 - y0) == tag
    drawn = np.zeros((300, 300), int)
    for a, b, c, d in taken:
        drawn[b:d, a:c] += 1
    assert covered == drawn[y0:y1, x0:x1].sum()


def test_tags_keep_clear_of_tags_first_and_of_boxes_next() -> None:
    place, tag, size = (100, 100, 200, 200), (60, 15), (300, 300)

    def spot(taken: list, boxes: list) -> tuple:
        return best_spot(place, tag, size, taken, [place, *boxes])[0]

    above, above_right, below = (99, 85, 159, 100), (141, 85, 201, 100), (99, 200, 159, 215)
    assert spot([], []) == above
    assert spot([above], []) == below
    assert spot([], [(90, 50, 130, 90)]) == above_right
    assert spot([above], [(90, 200, 130, 240)]) == (141, 200, 201, 215)
    crowd = [(160, 85, 201, 100), (0, 101, 300, 300)]
    assert spot(crowd, [(90, 50, 130, 90)]) == above  # over a box rather than over a tag


@pytest.mark.parametrize("objects", [1, 40, 400])
def test_crowds_and_boxes_of_a_pixel_stay_on_their_tile(objects: int) -> None:
    rng = np.random.default_rng(objects)
    corners = rng.uniform(0, (190, 90), (objects, 2))
    marks = [Mark(n % 3, Box(x, y, x + 0.5 + n % 9, y + 0.5)) for n, (x, y) in enumerate(corners)]
    bare, marked = draw_sheet([tile()], NAMES, "t"), draw_sheet([tile(*marks)], NAMES, "t")
    x0, y0, x1, y1 = bounds(is_colour(bare, GROUND))
    changed = (bare != marked).any(axis=2)
    assert changed[y0:y1, x0:x1].any()
    changed[y0:y1, x0:x1] = False
    assert not changed.any()


# ---- the grid ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 24, 25, 60])
def test_every_tile_is_there_once_and_alike(count: int) -> None:
    sheet = draw_sheet([tile()] * count, NAMES, "title")
    assert sheet.shape[1:] == (WIDTH, 3) and sheet.dtype == np.uint8
    number, _, stats, _ = cv2.connectedComponentsWithStats(is_colour(sheet, GROUND).view(np.uint8))
    assert number - 1 == count
    shapes = {tuple(row[[cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]) for row in stats[1:]}
    assert len(shapes) <= 1
    for row in stats[1:]:
        width, height = row[cv2.CC_STAT_WIDTH], row[cv2.CC_STAT_HEIGHT]
        assert row[cv2.CC_STAT_AREA] == width * height
        assert width >= 200


def test_fewer_tiles_are_larger() -> None:
    widths = []
    for count in (1, 4, 12, 24):
        where = is_colour(draw_sheet([tile()] * count, NAMES, "t"), GROUND)
        widths.append(int(cv2.connectedComponentsWithStats(where.view(np.uint8))[2][1][2]))
    assert widths == sorted(widths, reverse=True) and widths[0] > 2 * widths[-1]


@pytest.mark.parametrize(
    "size", [(300, 300), (400, 300), (300, 400), (3000, 20), (20, 3000), (1, 1)]
)
def test_pictures_keep_their_shape(size: tuple[int, int]) -> None:
    """Alone, and among white squares, which decide the shape of the cells."""
    square = Tile((300, 300), np.full((300, 300, 3), 255, np.uint8))
    for others in (0, 4):
        sheet = draw_sheet([tile(size=size), *[square] * others], NAMES, "title")
        x0, y0, x1, y1 = bounds(is_colour(sheet, GROUND))
        scale = max(x1 - x0, y1 - y0) / max(size)
        assert x1 - x0 == pytest.approx(size[0] * scale, abs=1)
        assert y1 - y0 == pytest.approx(size[1] * scale, abs=1)


def test_bars_are_alike_on_both_sides() -> None:
    around = [Tile((300, 300), np.full((300, 300, 3), 255, np.uint8))] * 2
    x0, _, x1, _ = bounds(is_colour(draw_sheet([around[0], tile(size=(100, 300)), around[1]],
                                               NAMES, "title"), GROUND))  # fmt: skip
    assert abs((x0 + x1) / 2 - WIDTH / 2) <= 2  # the middle one of three


def test_captions_are_written_below_their_tile_and_no_wider() -> None:
    def square(caption: str = "") -> Tile:
        return tile(size=(100, 100), caption=caption)

    without = draw_sheet([square()] * 3, NAMES, "title")
    _, _, stats, _ = cv2.connectedComponentsWithStats(is_colour(without, GROUND).view(np.uint8))
    x, y, width, height, _ = sorted(stats[1:].tolist())[1]
    for caption in ("7 · val · 2 objects", "word " * 500):
        sheet = draw_sheet([square(), square(caption), square()], NAMES, "title")
        x0, y0, x1, y1 = bounds((without != sheet).any(axis=2))
        assert x <= x0 and x1 <= x + width < WIDTH / 2 + width
        assert y + height <= y0 and y1 <= y + height + 30
    assert x1 > x + width * 0.8  # the long one is cut, but not by too much


@pytest.mark.parametrize("size", [(100, 100), (200, 100), (160, 90), (90, 160)])
def test_sheets_fit_a_screen(size: tuple[int, int]) -> None:
    for count in range(1, 31):
        height, width = draw_sheet([tile(size=size)] * count, NAMES, "title").shape[:2]
        assert 0.25 < height / width < 1.2


def test_missing_pictures_are_grey_with_a_note_and_without_marks() -> None:
    mark = Mark(0, Box(50, 25, 150, 75))
    blank = draw_sheet([Tile(SIZE, None)], NAMES, "title")
    noted = draw_sheet([Tile(SIZE, None, (mark,), "", "a.jpg: gone " * 30)], NAMES, "title")
    x0, y0, x1, y1 = bounds(is_colour(blank, MISSING))
    assert (x1 - x0) / (y1 - y0) == pytest.approx(2, rel=0.01)
    changed = bounds((blank != noted).any(axis=2))
    assert changed[0] >= x0 and changed[1] >= y0 and changed[2] <= x1 and changed[3] <= y1
    assert not is_colour(noted[y0:y1, x0:x1], class_colours(1)[0]).any()


def test_title_and_subtitle_are_written_above_the_tiles() -> None:
    sheets = [draw_sheet([tile()], NAMES, *texts) for texts in
              (("one", "a"), ("two", "a"), ("two", "b"))]  # fmt: skip
    top = bounds(is_colour(sheets[0], GROUND))[1]
    title, subtitle = (bounds((a != b).any(axis=2)) for a, b in pairwise(sheets))
    assert title[3] <= subtitle[1] < subtitle[3] <= top


def test_a_sheet_of_nothing_says_so() -> None:
    nothing = draw_sheet([], (), "title")
    assert np.count_nonzero(nothing[80:] != 255) > 300


# ---- classes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 8, 23, 60])
def test_legend_shows_the_colour_of_every_class(count: int) -> None:
    sheet = draw_sheet([tile()], [f"class {n}" for n in range(count)], "title")
    above = sheet[: bounds(is_colour(sheet, GROUND))[1]]
    for colour in class_colours(count):
        assert np.count_nonzero(is_colour(above, colour)) >= 150


def test_thousands_of_classes_leave_room_for_the_pictures() -> None:
    """And in the legend for those that are shown."""
    names = [f"species {n}" for n in range(3000)]
    sheet = draw_sheet([tile(Mark(999, Box(50, 25, 150, 75)))], names, "title")
    top = bounds(is_colour(sheet, GROUND))[1]
    assert top < 400
    assert is_colour(only_tile(sheet), class_colours(3000)[999]).any()
    assert np.count_nonzero(is_colour(sheet[:top], class_colours(3000)[999])) >= 150


def test_colours_differ_and_do_not_depend_on_how_many_there_are() -> None:
    assert len(set(class_colours(1000))) == 1000
    assert class_colours(8) == FIRST_COLOURS
    assert class_colours(150)[:30] == class_colours(30)


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


@pytest.mark.parametrize("vision", VISIONS)
def test_the_first_colours_are_told_apart_by_everyone(vision: str) -> None:
    rgb = np.array(FIRST_COLOURS) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ VISIONS[vision].T, 0, 1)
    seen = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(seen.astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0]
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 15


STRANGE = ["café", "大型货车", "грузовик", "🙂", "x\ny\tz\0", "", " ", "مرحبا", "\ud800",
           "a" * 2000, "e\u0301", "½", "\u202eabc", "👩‍👩‍👧"]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
def test_any_class_name_can_be_drawn(name: str) -> None:
    box = Box(50, 25, 150, 75)
    sheet = draw_sheet([tile(Mark(0, box), caption=name)], [name, "b"], name, name)
    assert sheet.shape[1] == WIDTH
    other = draw_sheet([tile(Mark(0, box), caption=name)], ["something else", "b"], name, name)
    assert not np.array_equal(sheet, other)


@pytest.mark.parametrize(
    "name, read_as", [("café", "cafe"), ("大型货车", "class 1"), ("", "class 1"), ("a\n b", "a b")]
)
def test_names_beyond_the_font_stay_readable(name: str, read_as: str) -> None:
    tiles = [tile(Mark(1, Box(50, 25, 150, 75)))]
    assert np.array_equal(
        draw_sheet(tiles, ["zero", name], "title"), draw_sheet(tiles, ["zero", read_as], "title")
    )


# ---- the rest ------------------------------------------------------------------------------------


def test_equal_inputs_give_equal_bytes_and_stay_as_they_are() -> None:
    def inputs() -> list[Tile]:
        mask = np.eye(50, 100, dtype=bool)
        noise = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)
        return [Tile(SIZE, noise, (Mark(n, Box(50, 25, 150, 75), mask),), str(n)) for n in range(3)]

    used, unused = inputs(), inputs()
    first = draw_sheet(used, NAMES, "title")
    assert np.array_equal(first, draw_sheet(used, NAMES, "title"))
    assert np.array_equal(first, draw_sheet(unused, NAMES, "title"))
    for a, b in zip(used, unused, strict=True):
        assert np.array_equal(a.picture, b.picture)  # type: ignore[arg-type]


def test_shrink_bounds_pictures_and_leaves_small_ones_alone() -> None:
    small = picture()
    assert shrink(small) is small
    assert shrink(picture((4000, 2000))).shape == (936, 1872, 3)
    assert shrink(picture((5000, 1))).shape == (1, 1872, 3)


@pytest.mark.parametrize("size", [(768, 768), (1, 1), (30, 700), (5000, 3000)])
def test_checkers_are_neutral_and_of_the_right_shape(size: tuple[int, int]) -> None:
    pixels = checkers(size)
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(size[0] / size[1], rel=0.01)
    assert pixels.dtype == np.uint8 and (pixels == pixels[..., :1]).all()
    if min(size) > 1:
        assert len(np.unique(pixels)) >= 2
