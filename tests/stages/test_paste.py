"""What is pasted against what is labelled, by a second way of finding out."""

from __future__ import annotations

from functools import cache

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.blends import BLENDS
from infgen.ops.harmonize import HARMONIZE
from infgen.ops.rle import decode_rle
from infgen.ops.shadows import SHADOWS
from infgen.records.box import Box
from infgen.records.errors import PictureError
from infgen.records.plan import Dropped, Look, Shadow
from infgen.stages.paste import Paste
from tests.stages.pictures import by_name, image_plan, saved, thing

SIZE = (96, 64)
HIDDEN, THIN = "hidden behind others", "too thin to be seen at its size"


# ---- cutouts -------------------------------------------------------------------------------------


def blank(height, width, colour=(30, 90, 200)):
    return np.full((height, width, 4), (*colour, 0), np.uint8)


def ellipse(height, width, soft=0.0):
    """An ellipse whose edge fades over `soft` of its radius, over red under alpha 0."""
    y, x = np.mgrid[:height, :width]
    radius = np.hypot((x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1)
    rgba = blank(height, width, (255, 0, 0))
    rgba[..., 3] = 255 * np.clip((1 - radius) / max(soft, 1e-6), 0, 1)
    rgba[rgba[..., 3] > 0, :3] = (20, 160, 90)
    return rgba


def ring(side):
    rgba = ellipse(side, side)
    y, x = np.mgrid[:side, :side] - side / 2
    rgba[np.hypot(x, y) < side / 4] = 0
    return rgba


def letter_l(height, width):
    rgba = blank(height, width)
    rgba[:, : width // 4, 3] = rgba[-height // 5 :, :, 3] = 255
    return rgba


def two_parts(side):
    rgba = blank(side, side)
    rgba[: side // 3, : side // 3, 3] = rgba[-side // 3 :, -side // 3 :, 3] = 255
    return rgba


def hairs(side):
    """A cross of one pixel wide diagonals: seen at full size, gone when small."""
    rgba = blank(side, side)
    rgba[..., 3] = 255 * np.maximum(np.eye(side), np.eye(side)[::-1]).astype(np.uint8)
    return rgba


CUTOUTS = {
    "block": np.full((40, 60, 4), 255, np.uint8),
    "disc": ellipse(50, 50, soft=0.1),
    "haze": ellipse(30, 70, soft=0.9),
    "ring": ring(80),
    "l": letter_l(90, 50),
    "parts": two_parts(33),
    "hairs": hairs(120),
    "pole": np.full((300, 2, 4), (250, 250, 10, 255), np.uint8),
    "dot": np.full((1, 1, 4), (9, 200, 9, 255), np.uint8),
}


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutouts")
    return by_name(*(saved(folder, f"{name}.png", rgba) for name, rgba in CUTOUTS.items()))


@pytest.fixture(scope="session")
def paint(files):
    """Paints a plan, over a fixed picture if no canvas is given, and returns the sample."""
    stage = cache(lambda min_visible: Paste(files, min_visible))

    def paint(plan, min_visible=0.3, canvas=None):
        canvas = scenery(plan.size) if canvas is None else canvas
        [sample] = stage(min_visible).paint([canvas], [plan])
        assert sample.canvas is canvas
        return sample

    return paint


def scenery(size):
    width, height = size
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(instance, size):
    return decode_rle(instance.rle, size)


@st.composite
def plans(draw):
    """Up to ten objects anywhere on the canvas, many of them overlapping."""
    things = []
    for number in range(draw(st.integers(0, 10))):
        x0, y0 = draw(st.floats(0, SIZE[0] - 1)), draw(st.floats(0, SIZE[1] - 1))
        x1, y1 = draw(st.floats(x0 + 1, SIZE[0])), draw(st.floats(y0 + 1, SIZE[1]))
        name = draw(st.sampled_from(sorted(CUTOUTS)))
        mirror = draw(st.booleans())
        things.append(thing(f"{name}.png", x0, y0, x1, y1, mirror=mirror, class_id=number))
    return image_plan(SIZE, *things)


# ---- labels against a painter's algorithm --------------------------------------------------------


def judge(plan, sample, paint, min_visible):
    """Paint every object by itself for its whole mask, lay these over each other as numbers on a
    full canvas, and compare with what the stage says of all of them together."""
    whole = [
        [mask_of(one, plan.size) for one in paint(only(plan, wanted), 0).instances]
        for wanted in plan.objects
    ]
    kept = {instance.class_id: instance for instance in sample.instances}  # class ids are unique
    dropped = {one.class_id: one for one in sample.dropped}
    assert sorted([*kept, *dropped]) == list(range(len(plan.objects)))
    assert [one.id for one in sample.instances] == list(range(1, len(kept) + 1))
    assert list(kept) == sorted(kept) and list(dropped) == sorted(dropped)

    numbers = np.full(plan.size[::-1], -1)
    for class_id in kept:
        numbers[whole[class_id][0]] = class_id
    for class_id, instance in kept.items():
        visible = numbers == class_id
        ys, xs = np.nonzero(visible)
        assert (mask_of(instance, plan.size) == visible).all()
        assert instance.box.xyxy == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert instance.area == visible.sum() > 0
        share = visible.sum() / whole[class_id][0].sum()
        assert instance.visible_frac == pytest.approx(share, abs=1e-4)
        assert share >= min_visible
        assert instance.requested == plan.objects[class_id].box
    for class_id, reason in dropped.items():
        assert reason.box == plan.objects[class_id].box
        if not whole[class_id]:
            assert reason.reason == THIN
            continue
        above = np.isin(numbers, [other for other in kept if other > class_id])
        left = (whole[class_id][0] & ~above).sum()
        assert reason.reason == HIDDEN
        assert left == 0 or left < min_visible * whole[class_id][0].sum()


def only(plan, *wanted):
    return msgspec.structs.replace(plan, objects=wanted)


@given(plans(), st.sampled_from([0, 0.3, 0.8, 1]))
def test_masks_boxes_and_shares_are_those_of_a_painter_s_algorithm(paint, plan, min_visible):
    judge(plan, paint(plan, min_visible), paint, min_visible)


@given(plans(), st.sampled_from([0, 0.3, 0.8, 1]))
def test_what_is_dropped_leaves_no_pixel(paint, plan, min_visible):
    """The canvas is that of a plan of the kept objects, painted one after the other."""
    sample = paint(plan, min_visible)
    canvas = scenery(SIZE)
    for instance in sample.instances:
        paint(only(plan, plan.objects[instance.class_id]), 0, canvas)
    assert (canvas == sample.canvas).all()


@given(plans())
def test_pixels_outside_the_boxes_are_the_background_s_own(paint, plan):
    sample = paint(plan)
    painted = np.zeros(SIZE[::-1], bool)
    for instance in sample.instances:
        x0, y0, x1, y1 = instance.requested.xyxy
        painted[max(int(y0) - 1, 0) : int(y1) + 2, max(int(x0) - 1, 0) : int(x1) + 2] = True
    assert (sample.canvas == scenery(SIZE))[~painted].all()
    for instance in sample.instances:
        box, room = instance.box, instance.requested
        assert box.x0 >= room.x0 - 1 and box.y0 >= room.y0 - 1
        assert box.x1 <= room.x1 + 1 and box.y1 <= room.y1 + 1


def test_dropping_one_uncovers_those_beneath(paint):
    """The block on top hides two thirds of the middle one, which would hide half of the lowest."""
    things = (
        thing("block.png", 0, 10, 30, 30, class_id=0),
        thing("block.png", 15, 10, 45, 30, class_id=1),
        thing("block.png", 25, 10, 55, 30, class_id=2),
    )
    strict = paint(image_plan(SIZE, *things), min_visible=0.4)
    assert [one.class_id for one in strict.instances] == [0, 2]
    assert [one.visible_frac for one in strict.instances] == [pytest.approx(25 / 30, abs=1e-4), 1]
    assert strict.dropped == (Dropped(1, HIDDEN, things[1].box),)
    lenient = paint(image_plan(SIZE, *things), min_visible=0.3)
    assert [one.visible_frac for one in lenient.instances] == [
        0.5,
        pytest.approx(1 / 3, abs=1e-4),
        1,
    ]


def test_the_share_asked_for_is_enough(paint):
    half = (thing("block.png", 0, 0, 30, 20), thing("block.png", 15, 0, 45, 20))
    assert len(paint(image_plan(SIZE, *half), min_visible=0.5).instances) == 2
    assert len(paint(image_plan(SIZE, *half), min_visible=0.51).instances) == 1


def test_min_visible_1_paints_only_what_is_whole_and_0_what_shows_at_all(paint):
    covered = thing("block.png", 10, 10, 40, 30)
    corner = thing("dot.png", 39, 29, 40, 30)
    assert len(paint(image_plan(SIZE, covered, corner), min_visible=1).instances) == 1
    assert len(paint(image_plan(SIZE, covered, corner), min_visible=0).instances) == 2
    hidden = paint(image_plan(SIZE, covered, covered), min_visible=0)
    assert len(hidden.instances) == 1 and hidden.dropped == (Dropped(0, HIDDEN, covered.box),)


def test_reasons_from_the_plan_come_first(paint):
    before = (Dropped(7, "no room in 64 tries"),)
    sample = paint(image_plan(SIZE, *[thing("block.png", 0, 0, 30, 20)] * 2, dropped=before))
    assert sample.dropped[0] == before[0] and len(sample.dropped) == 2


# ---- shape and place -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["block", "disc", "ring", "l", "parts", "pole"])
@pytest.mark.parametrize("box", [(10, 5, 90, 60), (3.5, 2.25, 41.75, 61.5), (60.4, 20.6, 95.9, 35)])
def test_a_cutout_keeps_its_shape_and_fills_its_box_around_the_centre(paint, name, box):
    [instance] = paint(image_plan(SIZE, thing(f"{name}.png", *box))).instances
    height, width = CUTOUTS[name].shape[:2]
    scale = min((box[2] - box[0]) / width, (box[3] - box[1]) / height)
    soft = 2 if name == "disc" else 0  # its edge fades
    assert instance.box.width == pytest.approx(max(width * scale, 1), abs=1 + soft)
    assert instance.box.height == pytest.approx(max(height * scale, 1), abs=1 + soft)
    assert instance.box.center == pytest.approx(Box(*box).center, abs=1)


def test_mirrored_cutouts_are_mirrored(paint):
    straight, mirrored = (
        paint(image_plan(SIZE, thing("l.png", 20, 10, 45, 55, mirror=mirror)), 0.3,
              np.zeros((*SIZE[::-1], 3), np.uint8))
        for mirror in (False, True)
    )  # fmt: skip
    (one,), (other,) = straight.instances, mirrored.instances
    assert one.box == other.box and (one.mirror, other.mirror) == (False, True)
    x0, y0, x1, y1 = map(int, one.box.xyxy)
    crops = [sample.canvas[y0:y1, x0:x1] for sample in (straight, mirrored)]
    assert (crops[0][:, ::-1] == crops[1]).all() and (crops[0] != crops[1]).any()
    assert crops[0][0, 0].any() and not crops[0][0, -1].any()  # the upright stroke is on the left


def test_the_margin_around_a_cutout_doesn_t_count(tmp_path):
    framed = blank(200, 300)
    framed[50:90, 120:180] = 255
    file = saved(tmp_path, "framed.png", framed)
    plan = image_plan(SIZE, thing("framed.png", 20, 10, 80, 50))
    [sample] = Paste(by_name(file), 0.3).paint([scenery(SIZE)], [plan])
    assert sample.instances[0].box.xyxy == (20, 10, 80, 50)


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (95, 63, 96, 64), (40.3, 20.6, 41.3, 21.6)])
def test_objects_of_one_pixel(paint, box):
    for name in ("dot", "block", "pole"):
        [instance] = paint(image_plan(SIZE, thing(f"{name}.png", *box))).instances
        assert instance.area == 1 and instance.box.area == 1
        assert mask_of(instance, SIZE).sum() == 1


def test_an_object_may_be_one_pixel_wide_or_fill_the_canvas(paint):
    [pole] = paint(image_plan(SIZE, thing("pole.png", 50, 2, 60, 62))).instances
    assert (pole.box.width, pole.box.height, pole.area) == (1, 60, 60)
    size = (90, 60)  # the block's shape
    sample = paint(image_plan(size, thing("block.png", 0, 0, *size)))
    assert sample.instances[0].area == 90 * 60 and (sample.canvas == 255).all()


def test_what_is_too_thin_to_be_seen_is_not_painted(paint):
    plan = image_plan(SIZE, thing("hairs.png", 10, 10, 20, 20), thing("block.png", 40, 10, 70, 30))
    sample = paint(plan, min_visible=0)
    assert sample.dropped == (Dropped(0, THIN, plan.objects[0].box),)
    assert [one.id for one in sample.instances] == [1]
    assert (sample.canvas == paint(only(plan, plan.objects[1])).canvas).all()


def test_soft_edges_belong_to_the_object_from_half_on(paint):
    canvas = np.zeros((*SIZE[::-1], 3), np.uint8)
    sample = paint(image_plan(SIZE, thing("haze.png", 10, 10, 80, 40)), canvas=canvas)
    green = canvas[..., 1] / 160  # of the cutout's colour
    mask = mask_of(sample.instances[0], SIZE)
    assert green[mask].min() == pytest.approx(0.5, abs=0.02)
    assert green[~mask].max() == pytest.approx(0.5, abs=0.02)
    assert not canvas[..., 0][~mask].max() > 20  # none of the red under alpha 0


# ---- as soft as the scene ------------------------------------------------------------------------


def bricks(height, width, blur):
    """(H, W, 3) uint8: sharp edges everywhere, then blurred."""
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    sharp = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(sharp, (0, 0), blur) if blur else sharp


def painted_with(blur, tmp_path, blend="alpha", **fields):
    """A sample of a sharp cutout on a scene blurred by `blur`, and that scene."""
    rgba = np.dstack([bricks(80, 80, 0), ellipse(80, 80)[..., 3]])
    size, canvas = (240, 200), bricks(200, 240, blur)
    wanted = msgspec.structs.replace(thing("sharp.png", 60, 50, 140, 130), look=Look(blend))
    plan = image_plan(size, wanted, **fields)
    stage = Paste(by_name(saved(tmp_path, "sharp.png", rgba)), 0.3)
    [sample] = stage.paint([canvas.copy()], [plan])
    return sample, canvas


def test_objects_are_as_soft_as_their_scene(tmp_path):
    crop = np.s_[75:105, 85:115]  # of the object's inside
    seen = {blur: painted_with(blur, tmp_path)[0].canvas[crop] for blur in (0, 0.8, 1.5)}
    steepest = [np.abs(np.diff(one.astype(int), axis=1)).max() for one in seen.values()]
    assert steepest == sorted(steepest, reverse=True)
    assert (seen[0] == bricks(80, 80, 0)[25:55, 25:55]).all()  # on a sharp scene it is its own


@pytest.mark.parametrize("blend", sorted({*BLENDS} - {"laplacian", "poisson", "mixed"}))
@pytest.mark.parametrize("blur", [0, 1.2])
def test_labels_follow_the_blended_edge(tmp_path, blend, blur):
    """On scenes that differ by nothing but a little brightness, how much of it shows through tells
    the alpha of every pixel."""
    sample, canvas = painted_with(blur, tmp_path, blend)
    [one] = sample.instances
    mask = mask_of(one, (240, 200))
    changed = (sample.canvas != canvas).any(axis=2)
    reach = cv2.dilate(mask.astype(np.uint8), np.ones((11, 11), np.uint8)).astype(bool)
    assert not changed[~reach].any()
    assert one.box.x0 >= 59 and one.box.y0 >= 49 and one.box.x1 <= 141 and one.box.y1 <= 131
    white, black = (with_scene(tmp_path, value, canvas, blend) for value in (60, 0))
    through = (white.astype(int) - black).max(axis=2)
    assert (through[mask] <= 31).all() and (through[~mask] >= 29).all()


def with_scene(tmp_path, lighter, canvas, blend):
    """The canvas's lower half darkened and then lightened, with the object of `painted_with`."""
    rgba = np.dstack([bricks(80, 80, 0), ellipse(80, 80)[..., 3]])
    wanted = msgspec.structs.replace(thing("sharp.png", 60, 50, 140, 130), look=Look(blend))
    scene = canvas // 2 + np.uint8(lighter)
    stage = Paste(by_name(saved(tmp_path, "sharp.png", rgba)), 0.3)
    [sample] = stage.paint([scene], [image_plan((240, 200), wanted)])
    return sample.canvas


def test_objects_at_the_border_of_a_soft_scene_stay_on_it(tmp_path):
    rgba = np.dstack([bricks(60, 60, 0), np.full((60, 60), 255, np.uint8)])
    stage = Paste(by_name(saved(tmp_path, "s.png", rgba)), 0.3)
    corners = [(0, 0), (180, 0), (0, 140), (180, 140)]
    things = [thing("s.png", x, y, x + 60, y + 60) for x, y in corners]
    [sample] = stage.paint([bricks(200, 240, 1.5)], [image_plan((240, 200), *things)])
    assert [one.box.xyxy for one in sample.instances] == [
        (x, y, x + 60, y + 60) for x, y in corners
    ]
    assert (sample.canvas[:40, :40].astype(int) - cv2.GaussianBlur(
        bricks(60, 60, 0), (0, 0), 1.5)[:40, :40]).std() < 40  # fmt: skip


# ---- whole pictures ------------------------------------------------------------------------------


def test_a_picture_without_objects_is_its_background(paint):
    sample = paint(image_plan(SIZE))
    assert sample.instances == sample.dropped == ()
    assert (sample.canvas == scenery(SIZE)).all()


def test_more_objects_than_fit_into_8_bits(paint):
    things = [
        thing("disc.png", x, y, x + 7, y + 7) for y in range(0, 160, 8) for x in range(0, 160, 8)
    ]
    sample = paint(image_plan((160, 160), *things))
    assert [one.id for one in sample.instances] == list(range(1, 401))
    assert sum(mask_of(one, (160, 160)).astype(int) for one in sample.instances).max() == 1


def test_samples_come_in_the_order_of_the_plans_and_don_t_depend_on_it(files, paint):
    wanted = [image_plan(SIZE, thing(f"{name}.png", 10, 10, 60, 50)) for name in sorted(CUTOUTS)]
    stage = Paste(files, 0.3)
    for order in (wanted, wanted[::-1], wanted):
        samples = stage.paint([scenery(SIZE) for _ in order], order)
        assert all((sample.canvas == paint(plan).canvas).all() and
                   sample.instances == paint(plan).instances
                   for plan, sample in zip(order, samples, strict=True))  # fmt: skip


def test_a_cutout_that_changed_or_went_away_fails_its_picture_only(tmp_path):
    good, bad = (saved(tmp_path, f"{name}.png", CUTOUTS["block"]) for name in ("good", "bad"))
    cv2.imwrite(str(bad.path), CUTOUTS["disc"])
    stage = Paste(by_name(good, bad), 0.3)
    plans = [image_plan(SIZE, thing(f"{name}.png", 10, 10, 60, 50)) for name in ("bad", "good")]
    with pytest.raises(PictureError, match=r"bad\.png.*changed"):
        stage.paint([scenery(SIZE)], plans[:1])
    bad.path.unlink()
    with pytest.raises(PictureError, match=r"bad\.png"):
        stage.paint([scenery(SIZE)], plans[:1])
    assert len(stage.paint([scenery(SIZE)], plans[1:])[0].instances) == 1


# ---- decoys --------------------------------------------------------------------------------------


def decoy(name, box, source):
    return msgspec.structs.replace(thing(name, *box), source=source)


def test_a_decoy_is_the_canvas_s_own_picture_in_a_cutout_s_outline(paint):
    plan = image_plan(SIZE, thing("block.png", 10, 10, 40, 30))
    plan = msgspec.structs.replace(plan, decoys=(decoy("block.png", (60, 20, 90, 40), (0.5, 0.8)),))
    before = scenery(SIZE)
    sample = paint(plan)
    [found] = sample.decoys
    mask = decode_rle(found.rle, SIZE)
    rows, columns = np.nonzero(mask)
    assert found.box.xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    patch = sample.canvas[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    fits = cv2.matchTemplate(before, patch, cv2.TM_CCOEFF_NORMED)
    y, x = np.unravel_index(fits.argmax(), fits.shape)
    assert fits.max() > 0.9 and (x, y) != (columns.min(), rows.min())  # it's another part's texture
    assert len(sample.instances) == 1 and found.method == "paste"


@given(plan=plans(), box=st.tuples(st.integers(0, 60), st.integers(0, 40)))
def test_decoys_change_no_label_and_nothing_outside_of_themselves(paint, plan, box):
    x, y = box
    lone = paint(plan)
    more = msgspec.structs.replace(
        plan, decoys=(decoy("disc.png", (x, y, x + 20, y + 20), (0.9, 0.1)),)
    )
    sample = paint(more)
    assert sample.instances == lone.instances and sample.dropped == lone.dropped
    touched = (sample.canvas != lone.canvas).any(axis=2)
    touched[y - 1 if y else 0 : y + 21, x - 1 if x else 0 : x + 21] = False
    assert not touched.any()


def test_what_lies_over_a_decoy_is_none_of_it(paint):
    under = (decoy("block.png", (20, 10, 50, 30), (0.9, 0.9)),)
    bare = msgspec.structs.replace(image_plan(SIZE), decoys=under)
    whole = decode_rle(paint(bare).decoys[0].rle, SIZE)
    plan = image_plan(SIZE, thing("block.png", 35, 10, 65, 30))
    sample = paint(msgspec.structs.replace(plan, decoys=under))
    [found], [label] = sample.decoys, sample.instances
    left, block = decode_rle(found.rle, SIZE), decode_rle(label.rle, SIZE)
    assert (whole & block).any() and np.array_equal(left, whole & ~block)
    rows, columns = np.nonzero(left)
    assert found.box.xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    covering = image_plan(SIZE, thing("block.png", 20, 10, 50, 30))
    hidden = paint(msgspec.structs.replace(covering, decoys=under))
    assert not hidden.decoys and len(hidden.instances) == 1


def test_a_decoy_too_thin_to_be_seen_is_none(paint):
    plan = msgspec.structs.replace(
        image_plan(SIZE), decoys=(decoy("hairs.png", (5, 5, 8, 8), (0.5, 0.5)),)
    )
    sample = paint(plan)
    assert sample.decoys == () and np.array_equal(sample.canvas, scenery(SIZE))


# ---- cut off by the border -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["block", "disc", "l", "ring"])
@pytest.mark.parametrize(
    ("x", "y"), [(-20, 20), (66, 20), (28, -15), (28, 39)], ids=["left", "right", "top", "bottom"]
)
def test_what_the_border_cuts_off_is_as_on_a_larger_canvas(files, name, x, y):
    """The same objects, painted where there is room for all of them, and then cut."""
    wanted = thing(f"{name}.png", x, y, x + 50, y + 40)
    [sample] = Paste(files, 0.1).paint([scenery(SIZE)], [image_plan(SIZE, wanted)])
    larger = (SIZE[0] + 200, SIZE[1] + 200)
    canvas = np.zeros((larger[1], larger[0], 3), np.uint8)
    canvas[100 : 100 + SIZE[1], 100 : 100 + SIZE[0]] = scenery(SIZE)
    moved = thing(f"{name}.png", x + 100, y + 100, x + 150, y + 140)
    [whole] = Paste(files, 0.1).paint([canvas], [image_plan(larger, moved)])
    [cut], [full] = sample.instances, whole.instances
    expected = mask_of(full, larger)[100 : 100 + SIZE[1], 100 : 100 + SIZE[0]]
    shown = mask_of(cut, SIZE)
    # a cutout that doesn't fill its box goes nearer to the border; else all is the same
    filled = full.box.width > 48 if x in (-20, 66) else full.box.height > 38
    if filled:
        assert np.mean(shown != expected) < 0.02
    assert cut.requested == wanted.box and cut.box.intersect(Box(0, 0, *SIZE)) == cut.box
    assert cut.area == shown.sum()
    assert (
        cut.visible_frac == pytest.approx(cut.area / full.area, abs=0.03) and cut.visible_frac < 1
    )


def test_an_object_of_which_too_little_is_on_the_canvas_is_left_out(paint):
    wanted = thing("block.png", -48, 20, 12, 60)  # a fifth of it
    sample = paint(image_plan(SIZE, wanted), 0.3)
    assert not sample.instances
    assert [(one.reason, one.box) for one in sample.dropped] == [
        ("too little of it on the canvas", wanted.box)
    ]
    [seen] = paint(image_plan(SIZE, wanted), 0.1).instances
    assert seen.visible_frac == pytest.approx(0.2, abs=0.03)


# ---- looks ---------------------------------------------------------------------------------------


def dressed(paint, *looks, under=(), canvas=None):
    """A sample of discs in a row, one for each look, over what is `under` them."""
    size = (60 * len(looks) + 40, 90)
    things = [
        msgspec.structs.replace(thing("disc.png", 20 + 60 * n, 20, 60 + 60 * n, 60), look=look)
        for n, look in enumerate(looks)
    ]
    return paint(image_plan(size, *under, *things), canvas=canvas)


def labels_of(sample):
    return [(one.rle, one.box, one.area, one.visible_frac) for one in sample.instances]


@pytest.mark.parametrize("blend", sorted(BLENDS))
def test_labels_are_those_of_the_edge_however_it_is_laid(paint, blend):
    """What a blend does to the scene's colours moves no label."""
    edges = {"laplacian": "choke", "poisson": "choke", "mixed": "choke"}
    one, other = (dressed(paint, Look(name)) for name in (blend, edges.get(blend, blend)))
    assert labels_of(one) == labels_of(other)
    assert [instance.look for instance in one.instances] == [Look(blend)]


@pytest.mark.parametrize("harmonize", sorted(HARMONIZE))
def test_harmonizing_moves_no_label(paint, harmonize):
    plain, changed = (
        dressed(paint, look, canvas=np.full((90, 100, 3), 25, np.uint8))
        for look in (Look(), Look(harmonize=harmonize))
    )
    assert labels_of(plain) == labels_of(changed)
    assert (plain.canvas == changed.canvas).all() == (harmonize == "none")
    assert changed.instances[0].look.harmonize == harmonize


@pytest.mark.parametrize("kind", sorted(SHADOWS))
def test_shadows_are_seen_and_never_labelled(paint, kind):
    shadow = Shadow(kind, (0.1, 0.1), 0.02, 0.6)
    plain, shaded = (dressed(paint, look, Look()) for look in (Look(), Look(shadow=shadow)))
    assert labels_of(plain) == labels_of(shaded)
    assert [one.look.shadow for one in shaded.instances] == [shadow, None]
    darker = plain.canvas.astype(int) - shaded.canvas
    assert darker.min() == 0 < darker.max()
    inside = mask_of(shaded.instances[0], (160, 90)).astype(np.uint8)
    inside = cv2.erode(inside, np.ones((5, 5), np.uint8)).astype(bool)
    assert darker[inside].max() == 0  # it lies under its object


def test_a_shadow_falls_on_what_lies_lower_and_not_on_what_lies_above(paint):
    shadow = Look(shadow=Shadow("drop", (0.2, 0.2), 0.02, 0.6))
    lower = thing("block.png", 40, 40, 90, 85)
    plain, shaded = (dressed(paint, look, under=[lower]) for look in (Look(), shadow))
    darker = (plain.canvas.astype(int) - shaded.canvas).max(axis=2)
    assert darker[mask_of(plain.instances[0], (100, 90))].max() > 60
    above = [thing("disc.png", 20, 20, 60, 60), thing("block.png", 40, 40, 90, 85)]
    above[0] = msgspec.structs.replace(above[0], look=shadow)
    top = paint(image_plan((100, 90), *above)).canvas[50:75, 60:85]
    assert (top == 255).all()


def test_shadows_of_what_is_dropped_aren_t_painted(paint):
    shadow = Look(shadow=Shadow("drop", (0.3, 0.3), 0.02, 0.6))
    hidden = msgspec.structs.replace(thing("disc.png", 20, 20, 50, 50), look=shadow)
    over = thing("block.png", 5, 10, 95, 62)
    sample = paint(image_plan((100, 90), hidden, over))
    assert len(sample.dropped) == 1
    assert (sample.canvas == paint(image_plan((100, 90), over)).canvas).all()
