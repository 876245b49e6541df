"""Canvases against Pillow's scaling, and plain ones against their seeds."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infgen.models.prompts import Prompt, Rejected
from infgen.ops import framing
from infgen.ops.framing import cover_size
from infgen.records.errors import PictureError
from infgen.records.plan import BackgroundPlan, ImagePlan
from infgen.sources.tables import PLAIN_KINDS
from infgen.stages import backgrounds as stage
from infgen.stages.backgrounds import PLAIN, Backgrounds, draw_plain
from tests.stages.pictures import by_name, image_plan, saved


def landscape(width, height):
    """Soft shapes in bright colours: no pixel is near black, and no two places look alike."""
    small = np.random.default_rng(width * height).integers(60, 256, (9, 12, 3), dtype=np.uint8)
    return np.maximum(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), 60)


SIZES = {"photo": (300, 200), "upright": (130, 240), "tiny": (40, 30), "panorama": (1500, 40),
         "pillar": (30, 1200), "column": (1, 50)}  # fmt: skip


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backgrounds")
    return by_name(*(saved(folder, name, landscape(*size))
                     for name, size in ((f"{n}.png", s) for n, s in SIZES.items())))  # fmt: skip


def background(file, canvas, place=(0.5, 0.5), flip=False):
    """A plan that shows the window at `place`, 0..1 of the way from the left and from the top."""
    scaled = cover_size(file.size, canvas)
    offset = tuple(round(at * (length - side))
                   for at, length, side in zip(place, scaled, canvas, strict=True))  # fmt: skip
    plan = BackgroundPlan(number=0, row=0, picture=file.name, scaled_size=scaled, offset=offset,
                          flip=flip)  # fmt: skip
    return image_plan(canvas, background=plan)


def by_pillow(file, plan):
    """The window as Pillow cuts and scales it, float64."""
    scaled, (x, y), (width, height) = plan.background.scaled_size, plan.background.offset, plan.size
    with Image.open(file.path) as image:
        fx, fy = image.width / scaled[0], image.height / scaled[1]
        box = (x * fx, y * fy, (x + width) * fx, (y + height) * fy)
        window = image.resize(plan.size, Image.Resampling.BICUBIC, box=box)
    pixels = np.asarray(window, float)
    return pixels[:, ::-1] if plan.background.flip else pixels


canvases = st.tuples(st.integers(16, 260), st.integers(16, 260))
places = st.tuples(st.floats(0, 1), st.floats(0, 1))
names = st.sampled_from(sorted(SIZES))


@given(names, canvases, places, st.booleans())
def test_the_planned_window_is_what_is_seen(files, name, canvas, place, flip):
    file = files[f"{name}.png"]
    plan = background(file, canvas, place, flip)
    [pixels] = Backgrounds(files).make([plan])
    assert pixels.shape == (canvas[1], canvas[0], 3) and pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous and pixels.flags.writeable
    error = abs(pixels - by_pillow(file, plan))
    assert error.mean() < 5
    assert pixels.min() > 30  # no black border


@given(names, canvases, places, st.booleans())
def test_windows_of_pictures_too_large_to_scale_whole_are_cut_first(
    files, name, canvas, place, flip
):
    """To a pixel of the source, so that it takes a large picture to compare."""
    file = files[f"{name}.png"]
    plan = background(file, canvas, place, flip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "MOST_SCALED", 0)
        [pixels] = Backgrounds(files).make([plan])
    assert pixels.shape == (canvas[1], canvas[0], 3)
    assert pixels.min() > 30
    if name in ("photo", "upright"):
        assert abs(pixels - by_pillow(file, plan)).mean() < 10


def test_a_panorama_on_an_upright_canvas_takes_little_memory(files):
    """Scaled whole it would be 614400 x 16384 pixels."""
    plan = background(files["panorama.png"], (16, 16384), (0.7, 0))
    [pixels] = Backgrounds(files).make([plan])
    assert pixels.shape == (16384, 16, 3) and pixels.min() > 30


def test_flipped_is_the_mirror_image(files):
    file = files["photo.png"]
    straight, flipped = Backgrounds(files).make(
        [background(file, (90, 120), (0.2, 0), flip) for flip in (False, True)]
    )
    assert (straight[:, ::-1] == flipped).all() and (straight != flipped).any()


def test_a_canvas_of_the_picture_s_size_is_the_picture(files):
    file = files["photo.png"]
    [pixels] = Backgrounds(files).make([background(file, file.size)])
    assert (pixels == landscape(*SIZES["photo"])).all()


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("limit", [framing.MOST_SCALED, 0])
def test_painting_on_a_canvas_doesn_t_reach_the_cache(files, monkeypatch, flip, limit):
    monkeypatch.setattr(framing, "MOST_SCALED", limit)
    for canvas in ((100, 100), files["photo.png"].size):
        plan, one = background(files["photo.png"], canvas, flip=flip), Backgrounds(files)
        [first] = one.make([plan])
        expected = first.copy()
        first[:] = 0
        second, third = one.make([plan, plan])
        assert (second == expected).all()
        second[:] = 0
        assert (third == expected).all()


def test_a_picture_is_decoded_once(files, monkeypatch):
    decoded = []
    read_rgb = stage.read_rgb
    monkeypatch.setattr(stage, "read_rgb", lambda file: decoded.append(file.name) or read_rgb(file))
    one = Backgrounds(files)
    for place in ((0, 0), (0.5, 0.5), (1, 1)):
        one.make([background(files["photo.png"], (64, 64), place)])
    assert decoded == ["photo.png"]


def test_a_background_that_went_away_fails_its_picture(tmp_path):
    file = saved(tmp_path, "gone.png", landscape(50, 50))
    file.path.unlink()
    [why] = Backgrounds(by_name(file)).make([background(file, (20, 20))])
    assert isinstance(why, PictureError) and "gone.png" in str(why)


# ---- plain ---------------------------------------------------------------------------------------


def plain(kind, seed, size=(80, 50)):
    return draw_plain(BackgroundPlan(number=0, row=0, plain=kind, seed=seed), size)


def test_what_the_table_may_ask_for_is_what_can_be_drawn():
    assert set(PLAIN_KINDS) == {"plain", *(f"plain:{kind}" for kind in PLAIN)}


@pytest.mark.parametrize("kind", PLAIN_KINDS)
@pytest.mark.parametrize("size", [(80, 50), (16, 300), (300, 16)])
def test_plain_backgrounds_are_their_seed_s(kind, size):
    first = [plain(kind, seed, size) for seed in range(6)]
    assert all(one.shape == (size[1], size[0], 3) and one.dtype == np.uint8 for one in first)
    assert all((one == plain(kind, seed, size)).all() for seed, one in enumerate(first))
    assert len({one.tobytes() for one in first}) == 6
    [made] = Backgrounds({}).make(
        [image_plan(size, background=BackgroundPlan(0, 0, plain=kind, seed=3))]
    )
    assert (made == first[3]).all() and made.flags.writeable


def test_any_plain_kind_comes_up():
    """Told apart by how many colours they have."""
    colours = [len(np.unique(plain("plain", seed).reshape(-1, 3), axis=0)) for seed in range(40)]
    assert 1 in colours and any(count > 1000 for count in colours)


def test_a_gradient_runs_evenly_from_one_colour_to_the_other():
    for seed in range(20):
        pixels = plain("plain:gradient", seed, (200, 160)).astype(int)
        for axis in (0, 1):
            steps = np.diff(pixels, axis=axis)
            assert abs(steps).max() <= 3
            assert ((steps >= 0).all((0, 1)) | (steps <= 0).all((0, 1))).all()
        corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (pixels.max((0, 1)) == corners.max(0)).all()


def test_noise_is_colourful_and_soft():
    pixels = plain("plain:noise", 5, (640, 480)).astype(int)
    assert pixels.std() > 15
    assert abs(np.diff(pixels, axis=0)).max() < 40


class Scenes:
    """A painter of grey scenes that never manages the prompt "bad", and keeps count."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def scenes(
        self, prompts: Sequence[Prompt], size: tuple[int, int], seeds: Sequence[int]
    ) -> list[np.ndarray | Rejected]:
        texts = [prompt.text for prompt in prompts]
        self.asked.append(texts)
        grey = np.full((*size[::-1], 3), 128, np.uint8)
        return [Rejected("it is black") if text == "bad" else grey.copy() for text in texts]


def test_a_scene_that_cannot_be_painted_costs_only_itself() -> None:
    painter = Scenes()
    plans = [
        ImagePlan(i, "train", (8, 8), BackgroundPlan(i, 0, prompt=text, seed=i), ())
        for i, text in enumerate(["a", "bad", "b"])
    ]
    first, second, third = Backgrounds({}, painter).make(plans)  # type: ignore[arg-type]
    assert isinstance(first, np.ndarray) and isinstance(third, np.ndarray)
    assert isinstance(second, PictureError) and "it is black" in str(second)
    assert painter.asked == [["a", "bad", "b"], ["bad"], ["bad"]]
