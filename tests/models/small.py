"""Random pipelines of the presets' own classes, built from config and small enough for any CPU.

They know nothing and paint noise; their shapes, channels and calls are those of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import transformers

CHAT = (
    "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|endoftext|>{% endif %}"
)


def build_sd(
    folder: Path, channels: int = 4, seed: int = 0, checker: bool = False, quiet: bool = False
) -> Path:
    """Stable Diffusion 1.5, for inpainting where `channels` is 9. 64 px native, cells of 4."""
    torch.manual_seed(seed)
    names = {4: "StableDiffusionPipeline", 9: "StableDiffusionInpaintPipeline"}
    pipe = getattr(diffusers, names[channels])(
        vae=_vae(3, quiet),
        text_encoder=_clip(transformers.CLIPTextModel),
        tokenizer=_clip_tokenizer(),
        unet=_unet(channels, sample_size=16, cross_attention_dim=16),
        scheduler=diffusers.DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=_safety_checker() if checker else None,
        feature_extractor=_feature_extractor() if checker else None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder)
    return folder


def build_sdxl(folder: Path, channels: int = 4, seed: int = 0, quiet: bool = False) -> Path:
    """SDXL, for inpainting where `channels` is 9. 64 px native, cells of 4."""
    torch.manual_seed(seed)
    names = {4: "StableDiffusionXLPipeline", 9: "StableDiffusionXLInpaintPipeline"}
    unet = _unet(
        channels,
        sample_size=16,
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
        use_linear_projection=True,
    )
    pipe = getattr(diffusers, names[channels])(
        vae=_vae(3, quiet, force_upcast=True),
        text_encoder=_clip(transformers.CLIPTextModel),
        text_encoder_2=_clip(transformers.CLIPTextModelWithProjection),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(steps_offset=1, timestep_spacing="leading"),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    pipe.save_pretrained(folder)
    return folder


def build_flux2(folder: Path, channels: int = 4, seed: int = 0, quiet: bool = False) -> Path:
    """FLUX.2 klein: cells of 8. (`channels` is for the others; one transformer does both here.)"""
    torch.manual_seed(seed)
    pipe = diffusers.Flux2KleinPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=diffusers.AutoencoderKLFlux2(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(8, 8, 8),
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=64,
        ),
        text_encoder=_qwen(layers=28),
        tokenizer=_qwen_tokenizer(),
        transformer=diffusers.Flux2Transformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=3 * 16,
            timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        is_distilled=True,
    )
    pipe.save_pretrained(folder)
    return folder


def build_zimage(folder: Path, channels: int = 4, seed: int = 0, quiet: bool = False) -> Path:
    """Z-Image: cells of 8. (`channels` is for the others; one transformer does both here.)"""
    torch.manual_seed(seed)
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    for name, parameter in transformer.named_parameters():
        if "pad_token" in name:  # left uninitialised by the model: weights come from a file
            torch.nn.init.zeros_(parameter)
    pipe = diffusers.ZImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_vae(3, quiet, shift_factor=0.1159, scaling_factor=0.3611),
        text_encoder=_qwen(layers=2),
        tokenizer=_qwen_tokenizer(),
        transformer=transformer,
    )
    pipe.save_pretrained(folder)
    return folder


BUILDERS: dict[str, Callable[..., Path]] = {
    "sd": build_sd,
    "sdxl": build_sdxl,
    "flux2": build_flux2,
    "zimage": build_zimage,
}


def build_lora(folder: Path, base: Path) -> Path:
    """A LoRA for the UNet of `base`, large enough to be seen."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(9)
    unet = diffusers.UNet2DConditionModel.from_pretrained(base / "unet")
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    diffusers.StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=get_peft_model_state_dict(unet)
    )
    return folder


def _unet(channels: int, **config: object) -> torch.nn.Module:
    return diffusers.UNet2DConditionModel(
        in_channels=channels,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
        **config,
    )


def _vae(blocks: int, quiet: bool, **config: object) -> torch.nn.Module:
    """With `quiet`, samples of its latents are as good as the middle of their distribution."""
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(8,) * blocks,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
        **config,
    )
    if quiet:
        vae.quant_conv.weight.data[4:] = 0
        vae.quant_conv.bias.data[4:] = -30
    return vae


def _clip(kind: type) -> torch.nn.Module:
    return kind(
        transformers.CLIPTextConfig(
            vocab_size=len(_clip_tokenizer()),
            hidden_size=16,
            intermediate_size=32,
            projection_dim=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def _clip_tokenizer() -> transformers.CLIPTokenizer:
    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    vocab = {token: number for number, token in enumerate(tokens)}
    return transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def _qwen(layers: int) -> torch.nn.Module:
    kind = transformers.Qwen3ForCausalLM if layers > 10 else transformers.Qwen3Model
    return kind(
        transformers.Qwen3Config(
            vocab_size=len(_qwen_tokenizer()),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=512,
        )
    )


def _qwen_tokenizer() -> transformers.Qwen2Tokenizer:
    tokens = ["<|endoftext|>", "Ġ", *(chr(code) for code in range(33, 127))]
    vocab = {token: number for number, token in enumerate(tokens)}
    tokenizer = transformers.Qwen2Tokenizer(vocab=vocab, merges=[])
    tokenizer.chat_template = CHAT
    return tokenizer


def _safety_checker() -> torch.nn.Module:
    """One that flags whatever it sees: every picture is nearer to the bad than -10."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
              "num_attention_heads": 1, "image_size": 32, "patch_size": 16}  # fmt: skip
    config = transformers.CLIPConfig(
        vision_config=vision, projection_dim=8, text_config={"num_hidden_layers": 1}
    )
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds_weights.data.fill_(-10)
    return checker


def _feature_extractor() -> transformers.CLIPImageProcessor:
    return transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
