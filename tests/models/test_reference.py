"""The painter paints what diffusers' own pipelines paint, called as their documentation says."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

import diffusers
import torch

from infgen.models.loader import load
from infgen.models.presets import CLASSES
from infgen.models.prompts import Prompt
from infgen.models.settings import ModelSettings

KINDS = [("sd", 4), ("sd", 9), ("sdxl", 4), ("sdxl", 9), ("flux2", 4), ("zimage", 4)]
PROMPTS, SEEDS = [Prompt("a red ball", "dull"), Prompt("sand", "wet")], [5, 6]
NUMBERS = {"steps": 3, "guidance": 2.5, "strength": 1.0, "batch_size": 2}


@pytest.fixture
def both(small):
    """The painter of a kind, and a function that makes diffusers' pipeline of the same weights."""

    def get(family, channels):
        folder = small(family, channels, quiet=True)
        painter = load(ModelSettings(model=str(folder), **NUMBERS))

        def pipeline(role):
            pipe = getattr(diffusers, CLASSES[family][role]).from_pretrained(folder)
            pipe.set_progress_bar_config(disable=True)
            return pipe

        return painter, pipeline

    return get


def asked(pipe):
    """What both calls have in common."""
    words = {"prompt": [prompt.text for prompt in PROMPTS]}
    if type(pipe).__name__ not in CLASSES["flux2"]:  # which is distilled and takes no negatives
        words["negative_prompt"] = [prompt.negative for prompt in PROMPTS]
    return words | {
        "generator": [torch.Generator().manual_seed(seed) for seed in SEEDS],
        "num_inference_steps": NUMBERS["steps"],
        "guidance_scale": NUMBERS["guidance"],
        "output_type": "np",
    }


def close(made, expected):
    return all(np.abs(a / 255 - b).max() < 1.5 / 255 for a, b in zip(made, expected, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[1] == 4], ids=str)
def test_scenes(both, kind):
    painter, pipeline = both(*kind)
    pipe = pipeline(0)
    expected = pipe(width=72, height=48, **asked(pipe)).images
    assert close(painter.scenes(PROMPTS, (72, 48), SEEDS), expected)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_inpainting(both, kind):
    painter, pipeline = both(*kind)
    pictures = list(np.random.default_rng(3).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8))
    masks = np.zeros((2, 64, 64), bool)
    masks[0, 16:48, 16:32] = masks[1, :32] = True
    pipe = pipeline(1)
    more = {}
    if kind[0] in (
        "sd",
        "sdxl",
    ):  # these draw for the encoder first, so they are given the noise
        shape = (1, 4, 16, 16)
        noise = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in SEEDS]
        more["latents"] = torch.cat(noise)
    expected = pipe(
        image=torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255,
        mask_image=torch.from_numpy(masks[:, None]).float(),
        strength=1.0,
        width=64,
        height=64,
        **more,
        **asked(pipe),
    ).images
    assert close(painter.inpaint(pictures, list(masks), PROMPTS, SEEDS), expected)
