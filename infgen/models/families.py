"""What differs between the model families, as a table of small functions over diffusers pipelines.

Everything here works on tensors: pictures are (B, 3, H, W) in -1..1, masks (B, 1, H, W) of 0 and 1
(1: repaint), latents whatever the family's VAE makes of them. A prompt's embedding is a tuple of
tensors without a batch dimension.

All noise comes from the generators that are passed, one per picture: the first that is drawn, and
whatever a scheduler draws at its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Pipe = Any  # a diffusers pipeline
Embedding = tuple[torch.Tensor, ...]


DOUBLED = ("prompt_embeds", "add_text_embeds", "add_time_ids", "mask", "masked_image_latents")
"""What the UNet pipelines hold twice over while they guide: for the negative prompt, then for the
prompt itself."""


@dataclass(frozen=True)
class Draw:
    """What one call of a pipeline is to do: keyword arguments for the prompts, a generator per
    picture, and the numbers. `guidance_end`: see ModelSettings. `after_step` is called after every
    step, and what it raises ends the call."""

    words: Mapping[str, Any]
    generators: list[torch.Generator]
    steps: int
    guidance: float
    strength: float
    guidance_end: float = 1.0
    after_step: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Family:
    """How a family's pipelines are talked to.

    `embed(pipe, text, device)` is a text's embedding; `words(positive, negative)` gives the keyword
    arguments for a batch, with `negative` None where there is no guidance. `inpaint(pipe, pictures,
    masks, draw)` gives latents, and `unscale(pipe, latents)` makes them what the VAE decodes.
    `picture_gb` estimates the memory for one more picture in a batch (native size, 16 bits).
    """

    denoiser: str
    text_encoders: tuple[str, ...]
    guided: Callable[[Pipe, float], bool]
    embed: Callable[[Pipe, str, str], Embedding]
    words: Callable[[Sequence[Embedding], Sequence[Embedding] | None], dict[str, Any]]
    inpaint: Callable[[Pipe, torch.Tensor, torch.Tensor, Draw], torch.Tensor]
    unscale: Callable[[Pipe, torch.Tensor], torch.Tensor]
    picture_gb: float


def call(pipe: Pipe, draw: Draw, size: tuple[int, int], **own: Any) -> torch.Tensor:
    """The latents that a pipeline makes of a draw, for pictures of `size` = (width, height)."""

    def after_step(pipe: Pipe, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        draw.after_step()
        if not tensors or step + 1 != max(round(draw.guidance_end * pipe.num_timesteps), 1):
            return {}
        pipe._guidance_scale = 0.0  # until the next call, which sets it anew
        return {name: tensor.chunk(2)[1] for name, tensor in tensors.items()}

    ends_early = draw.guidance_end < 1 and _unet_guided(pipe, draw.guidance)
    doubled = [name for name in DOUBLED if name in pipe._callback_tensor_inputs]
    latents: torch.Tensor = pipe(
        **draw.words,
        generator=draw.generators,
        num_inference_steps=draw.steps,
        guidance_scale=draw.guidance,
        width=size[0],
        height=size[1],
        output_type="latent",
        callback_on_step_end=after_step,
        callback_on_step_end_tensor_inputs=doubled if ends_early else [],
        **own,
    ).images
    return latents


def encode(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """The VAE's latents of pictures (the middle of its distribution, not a sample), unscaled."""
    latents: torch.Tensor = vae.encode(pictures.to(vae.dtype)).latent_dist.mode()
    return latents


def decode(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Pictures of unscaled latents."""
    pictures: torch.Tensor = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
    return pictures


# --- Stable Diffusion 1, 2 and XL ----------------------------------------------------------------


def _unet_guided(pipe: Pipe, guidance: float) -> bool:
    """Whether a Stable Diffusion pipeline looks at negative prompts; false for all others."""
    unet = getattr(pipe, "unet", None)
    return unet is not None and guidance > 1 and unet.config.time_cond_proj_dim is None


def _sd_embed(pipe: Pipe, text: str, device: str) -> Embedding:
    embeds, _ = pipe.encode_prompt([text], device, 1, False)
    return (embeds[0],)


def _sd_words(
    positive: Sequence[Embedding], negative: Sequence[Embedding] | None
) -> dict[str, Any]:
    words = {"prompt_embeds": _stack(positive, 0)}
    return words | ({"negative_prompt_embeds": _stack(negative, 0)} if negative else {})


def _sdxl_embed(pipe: Pipe, text: str, device: str) -> Embedding:
    embeds, _, pooled, _ = pipe.encode_prompt(
        [text], device=device, do_classifier_free_guidance=False
    )
    if not text and pipe.config.force_zeros_for_empty_prompt:
        # SDXL was trained with zeros where nothing is said
        embeds, pooled = torch.zeros_like(embeds), torch.zeros_like(pooled)
    return embeds[0], pooled[0]


def _sdxl_words(
    positive: Sequence[Embedding], negative: Sequence[Embedding] | None
) -> dict[str, Any]:
    words = _sd_words(positive, negative) | {"pooled_prompt_embeds": _stack(positive, 1)}
    return words | ({"negative_pooled_prompt_embeds": _stack(negative, 1)} if negative else {})


def _unet_inpaint(
    pipe: Pipe, pictures: torch.Tensor, masks: torch.Tensor, draw: Draw
) -> torch.Tensor:
    """Both encodings are made here, in one batch each: with a generator per picture the pipelines
    would make them one by one. They take latents in place of the picture."""
    known = _scaled(pipe, pictures * (masks < 0.5))
    all_of_it = pipe.unet.config.in_channels != 9 or draw.strength < 1
    return call(
        pipe,
        draw,
        (pictures.shape[-1], pictures.shape[-2]),
        image=_scaled(pipe, pictures) if all_of_it else known,
        mask_image=masks,
        masked_image_latents=known,
        strength=draw.strength,
    )


def _scaled(pipe: Pipe, pictures: torch.Tensor) -> torch.Tensor:
    latents = encode_in_chunks(pipe.vae, pictures)
    mean, std = _statistics(pipe.vae, latents)
    return (latents - mean) / std * pipe.vae.config.scaling_factor


def _unet_unscale(pipe: Pipe, latents: torch.Tensor) -> torch.Tensor:
    latents = latents.float() / pipe.vae.config.scaling_factor
    mean, std = _statistics(pipe.vae, latents)
    return latents * std + mean


def _statistics(vae: Any, like: torch.Tensor) -> tuple[torch.Tensor | float, torch.Tensor | float]:
    """Mean and spread of each channel of the latents, where the VAE comes with them."""
    mean, std = (getattr(vae.config, name, None) for name in ("latents_mean", "latents_std"))
    if mean is None or std is None:
        return 0.0, 1.0
    return like.new_tensor(mean).view(1, -1, 1, 1), like.new_tensor(std).view(1, -1, 1, 1)


# --- FLUX.2 klein and Z-Image --------------------------------------------------------------------


def _transformer_inpaint(
    pipe: Pipe, pictures: torch.Tensor, masks: torch.Tensor, draw: Draw
) -> torch.Tensor:
    """These encode the picture themselves, and take it in 0..1."""
    return call(
        pipe,
        draw,
        (pictures.shape[-1], pictures.shape[-2]),
        image=(pictures.float() + 1) / 2,
        mask_image=masks,
        strength=draw.strength,
    )


def _flux2_guided(pipe: Pipe, guidance: float) -> bool:
    return guidance > 1 and not pipe.config.is_distilled


def _flux2_embed(pipe: Pipe, text: str, device: str) -> Embedding:
    embeds, _ = pipe.encode_prompt([text], device=device)
    return (embeds[0],)


def _zimage_embed(pipe: Pipe, text: str, device: str) -> Embedding:
    embeds, _ = pipe.encode_prompt([text], device=device, do_classifier_free_guidance=False)
    return (embeds[0],)


def _zimage_words(
    positive: Sequence[Embedding], negative: Sequence[Embedding] | None
) -> dict[str, Any]:
    """Z-Image takes lists: its embeddings are as long as their texts."""
    words = {"prompt_embeds": [embedding[0] for embedding in positive]}
    return words | {"negative_prompt_embeds": [embedding[0] for embedding in negative or ()]}


def _zimage_unscale(pipe: Pipe, latents: torch.Tensor) -> torch.Tensor:
    config = pipe.vae.config
    return latents.float() / config.scaling_factor + config.shift_factor


# -------------------------------------------------------------------------------------------------


def _stack(embeddings: Sequence[Embedding], part: int) -> torch.Tensor:
    return torch.stack([embedding[part] for embedding in embeddings])


def encode_in_chunks(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """`encode`, a few pictures at a time."""
    return torch.cat([encode(vae, part) for part in pictures.split(_vae_batch(pictures.shape))])


def decode_in_chunks(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """`decode`, a few pictures at a time."""
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    batch = _vae_batch((*latents.shape[:-2], *(side * scale for side in latents.shape[-2:])))
    return torch.cat([decode(vae, part) for part in latents.split(batch)])


def _vae_batch(shape: Sequence[int]) -> int:
    """How many pictures the VAE takes at once: it needs far more memory than the denoiser, and few
    pictures keep a GPU busy."""
    return max(1, 8 * 512**2 // (shape[-1] * shape[-2]))


FAMILIES: Mapping[str, Family] = {
    "sd": Family(
        denoiser="unet",
        text_encoders=("text_encoder",),
        guided=_unet_guided,
        embed=_sd_embed,
        words=_sd_words,
        inpaint=_unet_inpaint,
        unscale=_unet_unscale,
        picture_gb=0.6,
    ),
    "sdxl": Family(
        denoiser="unet",
        text_encoders=("text_encoder", "text_encoder_2"),
        guided=_unet_guided,
        embed=_sdxl_embed,
        words=_sdxl_words,
        inpaint=_unet_inpaint,
        unscale=_unet_unscale,
        picture_gb=2.0,
    ),
    "flux2": Family(
        denoiser="transformer",
        text_encoders=("text_encoder",),
        guided=_flux2_guided,
        embed=_flux2_embed,
        words=_sd_words,
        inpaint=_transformer_inpaint,
        unscale=lambda pipe, latents: latents,  # its pipelines have done it
        picture_gb=2.0,
    ),
    "zimage": Family(
        denoiser="transformer",
        text_encoders=("text_encoder",),
        guided=lambda pipe, guidance: guidance > 0,
        embed=_zimage_embed,
        words=_zimage_words,
        inpaint=_transformer_inpaint,
        unscale=_zimage_unscale,
        picture_gb=2.0,
    ),
}
