"""What goes into the denoiser and comes out of it is on one scale."""

import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

import torch

from infgen.models import assembly, families


@pytest.mark.parametrize("given", [False, True])
def test_latents_are_scaled_by_the_vaes_statistics_both_ways(small, given):
    """As of fine-tuned VAEs of SDXL, which come with mean and spread of each channel."""
    pipe = assembly.load_pipe("StableDiffusionXLPipeline", small("sdxl"), torch.float32)
    mean, std = [1.0, -2.0, 3.0, 0.5], [2.0, 4.0, 0.5, 8.0]
    if given:
        pipe.vae.register_to_config(latents_mean=mean, latents_std=std)
    else:
        mean, std = [0.0] * 4, [1.0] * 4
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        latents = families.encode(pipe.vae, pictures)
        scaled = families._scaled(pipe, pictures)
    mean, std = (torch.tensor(values).view(1, 4, 1, 1) for values in (mean, std))
    expected = (latents - mean) * pipe.vae.config.scaling_factor / std  # as SDXL's img2img does
    assert torch.allclose(scaled, expected, atol=1e-6)
    assert torch.allclose(families._unet_unscale(pipe, scaled), latents, atol=1e-5)
