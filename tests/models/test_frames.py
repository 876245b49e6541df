"""How models see pictures: as transformers' own image processors show them."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("transformers", reason="the diffusion extra isn't installed")

from transformers.image_transforms import get_size_with_aspect_ratio
from transformers.models.grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.owlv2 import Owlv2ImageProcessorPil
from transformers.models.sam import SamImageProcessorPil
from transformers.models.siglip import SiglipImageProcessorPil

from infgen.models.frames import USUAL, colours, fitted, look_of, padded, shape_to, shape_within

SHAPES = [(96, 150), (64, 64), (300, 40)]


@pytest.fixture(params=SHAPES, ids=str)
def picture(request):
    """Waves, which show wrong positions better than noise does."""
    height, width = request.param
    down, across = np.mgrid[:height, :width]
    waves = [np.sin(down / 7), np.cos(across / 5), np.sin((down + across) / 9)]
    return ((np.stack(waves, 2) + 1) * 127).astype(np.uint8)


def close(ours, theirs):
    """To two grey levels: they round to whole ones in between."""
    ours, theirs = np.asarray(ours)[0], np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 2 / 255 / 0.22


def test_grounding_dino_sees_the_shorter_side_at_a_given_length(picture):
    look = USUAL["grounding-dino"]._replace(shortest=80, longest=133)
    theirs = GroundingDinoImageProcessorPil(size={"shortest_edge": 80, "longest_edge": 133})(
        picture
    )["pixel_values"][0]
    shape = shape_within(picture.shape[:2], 80, 133)
    close(fitted(colours(picture, "cpu"), shape, look), theirs)


def test_its_shapes_are_those_of_its_authors():
    rng = np.random.default_rng(0)
    for shape in rng.integers(16, 3000, (2000, 2)).tolist():
        assert shape_within(tuple(shape), 800, 1333) == get_size_with_aspect_ratio(shape, 800, 1333)


def test_sam_sees_the_longer_side_at_a_given_length(picture):
    look = USUAL["sam"]._replace(longest=128)
    theirs = SamImageProcessorPil(
        size={"longest_edge": 128}, pad_size={"height": 128, "width": 128}
    )(picture)
    shape = shape_to(picture.shape[:2], 128)
    assert tuple(theirs["reshaped_input_sizes"][0]) == shape
    ours = padded(fitted(colours(picture, "cpu"), shape, look), 128, 0.0)
    close(ours, theirs["pixel_values"][0])


def test_siglip_sees_a_square_whatever_the_shape(picture):
    for resample in (2, 3):
        files = {"preprocessor_config.json": {"size": {"height": 48, "width": 48},
                                              "resample": resample}}  # fmt: skip
        look = look_of("siglip", files)
        theirs = SiglipImageProcessorPil(size={"height": 48, "width": 48}, resample=resample)
        ours = fitted(colours(picture, "cpu"), (look.longest,) * 2, look)
        close(ours, theirs(picture)["pixel_values"][0])


def test_owlv2_sees_a_square_that_is_filled_up(picture):
    """Enlarged: made smaller, pictures are smoothed by a Gaussian there, by a triangle here. Beyond
    their edges they go on as in a mirror there, and with their last pixels here."""
    pytest.importorskip("scipy")
    side = max(picture.shape[:2])
    look = USUAL["owlv2"]
    theirs = Owlv2ImageProcessorPil(size={"height": 320, "width": 320})(picture)["pixel_values"][0]
    ours = fitted(padded(colours(picture, "cpu"), side, 0.0), (320, 320), look)
    close(ours[..., 4:-4, 4:-4], theirs[..., 4:-4, 4:-4])


def test_a_models_own_files_go_before_what_is_usual():
    usual = USUAL["grounding-dino"]
    assert look_of("grounding-dino", {}) == usual
    size = {"shortest_edge": 600, "longest_edge": 1000}
    told = {"size": size, "image_mean": [0.1, 0.2, 0.3], "do_resize": True}
    want = usual._replace(mean=(0.1, 0.2, 0.3), shortest=600, longest=1000)
    assert look_of("grounding-dino", {"preprocessor_config.json": told}) == want
    nested = {"processor_class": "P", "image_processor": told}
    assert look_of("grounding-dino", {"processor_config.json": nested}) == want
    assert look_of("siglip", {"preprocessor_config.json": {"size": 384}}).longest == 384
