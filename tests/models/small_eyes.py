"""Random models of the eyes' own architectures, built from config and saved as the hub has them.

They know nothing: what they find, outline and score is noise. What they prove is that shapes,
geometry, files and calls are those of the real ones, and no more than that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from transformers.models.dpt import DPTImageProcessorPil
from transformers.models.glpn import GLPNImageProcessorPil
from transformers.models.grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.owlv2 import Owlv2ImageProcessorPil
from transformers.models.sam import SamImageProcessorPil
from transformers.models.siglip import SiglipImageProcessorPil

LETTERS = [chr(code) for code in range(97, 123)]


def build_grounding(folder: Path, seed: int = 0) -> Path:
    """Grounding DINO: 64 px the shorter side, 96 at most the longer one, 20 guesses, 32 tokens."""
    return _build_grounding(
        folder,
        seed,
        transformers.GroundingDinoConfig,
        transformers.GroundingDinoForObjectDetection,
    )


def build_mm_grounding(folder: Path, seed: int = 0) -> Path:
    """MM Grounding DINO, as LLMDet is: the same sizes."""
    return _build_grounding(
        folder,
        seed,
        transformers.MMGroundingDinoConfig,
        transformers.MMGroundingDinoForObjectDetection,
    )


def _build_grounding(folder: Path, seed: int, config: type, kind: type) -> Path:
    torch.manual_seed(seed)
    backbone = transformers.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
        out_indices=[2, 3, 4],
    )  # fmt: skip
    text = transformers.BertConfig(
        vocab_size=1064, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    sizes = {"d_model": 64, "num_queries": 20, "max_text_len": 32, "num_feature_levels": 4}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 2, f"{side}_ffn_dim": 16, f"{side}_attention_heads": 2}
    kind(config(backbone_config=backbone, text_config=text, **sizes)).save_pretrained(folder)
    # its delimiters have BERT's own numbers
    vocabulary = [f"[unused{number}]" for number in range(1064)]
    vocabulary[0] = "[PAD]"
    vocabulary[100:104] = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary[1012], vocabulary[1029] = ".", "?"
    vocabulary[200:209] = ["a", "red", "ball", "blue", "cube", "green", "tea", "##pot", "cup"]
    words = {word: number for number, word in enumerate(vocabulary)}
    transformers.BertTokenizer(vocab=words).save_pretrained(folder)
    GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(
        folder
    )
    return folder


def build_owlv2(folder: Path, seed: int = 0) -> Path:
    """OWLv2: a square of 64 px in 16 patches, 16 tokens."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2}  # fmt: skip
    tokenizer = _letters_tokenizer(16)
    config = transformers.Owlv2Config(
        text_config={"vocab_size": len(tokenizer), "max_position_embeddings": 16, **sizes},
        vision_config={"image_size": 64, "patch_size": 16, **sizes},
        projection_dim=16,
    )
    transformers.Owlv2ForObjectDetection(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Owlv2ImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def build_sam(folder: Path, seed: int = 0) -> Path:
    """SAM: a square of 64 px."""
    torch.manual_seed(seed)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64,
            "patch_size": 8, "output_channels": 16, "window_size": 4, "global_attn_indexes": [1],
            "mlp_dim": 16, "num_pos_feats": 8, "initializer_range": 0.02,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    transformers.SamModel(config).save_pretrained(folder)
    SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    ).save_pretrained(folder)
    return folder


def build_sam2(folder: Path, seed: int = 0, video: bool = False) -> Path:
    """SAM 2: a square of 64 px; with `video` as its checkpoints are on the hub."""
    torch.manual_seed(seed)
    parts = {
        "vision_config": {
            "backbone_config": {
                "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [64, 64],
                "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
                "num_attention_heads_per_stage": [1, 1, 2, 2], "global_attention_blocks": [3],
                "window_size_per_stage": [4, 4, 4, 4],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {"hidden_size": 32, "image_size": 64, "patch_size": 16},
        "mask_decoder_config": {
            "hidden_size": 32, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    }  # fmt: skip
    if video:
        config = transformers.Sam2VideoConfig(
            image_size=64, memory_attention_hidden_size=32, memory_encoder_hidden_size=32,
            memory_attention_num_layers=1, memory_attention_feed_forward_hidden_size=16,
            memory_encoder_output_channels=8, mask_downsampler_embed_dim=32,
            memory_fuser_embed_dim=32, memory_fuser_intermediate_dim=16,
            **parts,
        )  # fmt: skip
        transformers.Sam2VideoModel(config).save_pretrained(folder)
    else:
        transformers.Sam2Model(transformers.Sam2Config(**parts)).save_pretrained(folder)
    # transformers' own image processor needs torchvision
    told = {"size": {"height": 64, "width": 64}, "image_mean": [0.485, 0.456, 0.406],
            "image_std": [0.229, 0.224, 0.225]}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def build_siglip(folder: Path, seed: int = 0) -> Path:
    """SigLIP: a square of 32 px, 64 tokens."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2}  # fmt: skip
    tokenizer = transformers.Siglip2Tokenizer(
        vocab={word: number for number, word in enumerate(
            ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *LETTERS])},
        padding_side="right",
    )  # fmt: skip
    config = transformers.SiglipConfig(
        text_config={"vocab_size": len(tokenizer), "max_position_embeddings": 64, **sizes},
        vision_config={"image_size": 32, "patch_size": 8, **sizes},
    )
    transformers.SiglipModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def build_depth_anything(folder: Path, seed: int = 0, metric: bool = False) -> Path:
    """Depth Anything: sides of 14 px patches, the shorter one 70 px."""
    torch.manual_seed(seed)
    backbone = transformers.Dinov2Config(
        hidden_size=24, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=70,
        patch_size=14, out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=24, fusion_hidden_size=8,
        neck_hidden_sizes=[8, 8, 8, 8], head_hidden_size=8, reassemble_factors=[4, 2, 1, 0.5],
        depth_estimation_type="metric" if metric else "relative", max_depth=20 if metric else 1,
    )  # fmt: skip
    _save_awake(transformers.DepthAnythingForDepthEstimation(config), folder)
    DPTImageProcessorPil(
        size={"height": 70, "width": 70}, keep_aspect_ratio=True, ensure_multiple_of=14, resample=3
    ).save_pretrained(folder)
    return folder


def build_dpt(folder: Path, seed: int = 0) -> Path:
    """DPT, as MiDaS 3 is: a square of 32 px."""
    torch.manual_seed(seed)
    config = transformers.DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16,
        image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], fusion_hidden_size=8,
        neck_hidden_sizes=[8, 8, 8, 8], is_hybrid=False,
    )  # fmt: skip
    _save_awake(transformers.DPTForDepthEstimation(config), folder)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def build_glpn(folder: Path, seed: int = 0) -> Path:
    """GLPN: sides that 32 divides."""
    torch.manual_seed(seed)
    config = transformers.GLPNConfig(
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=8,
    )  # fmt: skip
    _save_awake(transformers.GLPNForDepthEstimation(config), folder)
    GLPNImageProcessorPil().save_pretrained(folder)
    return folder


def _save_awake(model: torch.nn.Module, folder: Path) -> None:
    """With weights so large that what comes out isn't the same everywhere."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                torch.nn.init.kaiming_normal_(weight)
    model.save_pretrained(folder)


def _letters_tokenizer(room: int) -> transformers.CLIPTokenizer:
    """One that spells. As with CLIP's, what fills up comes first, what ends a text last."""
    tokens = ["!", *LETTERS, *(f"{c}</w>" for c in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    return transformers.CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)}, merges=[],
        model_max_length=room, pad_token="!",
    )  # fmt: skip


BUILDERS: dict[str, Callable[..., Path]] = {
    "grounding-dino": build_grounding,
    "mm-grounding-dino": build_mm_grounding,
    "owlv2": build_owlv2,
    "sam": build_sam,
    "sam2": build_sam2,
    "sam2_video": lambda folder: build_sam2(folder, video=True),
    "siglip": build_siglip,
    "depth_anything": build_depth_anything,
    "dpt": build_dpt,
    "glpn": build_glpn,
}
