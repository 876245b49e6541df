"""Pictures as the models that look at them want to have them: resized, padded, normalised.

infgen does this itself, on the device: transformers' own image processors need torchvision for
SAM 2 and scipy for OWLv2, answer a little differently with and without torchvision, and resize on
the CPU. `tests/models/test_frames.py` holds it against those that are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from infgen.models.files import PREPROCESSOR, PROCESSOR

Colour = tuple[float, float, float]


class Look(NamedTuple):
    """How a model takes pictures: the `mean` and `std` of 0..1 colours, and the sides in pixels:
    `longest` is that of the square, or the most that the longer side may have when the shorter one
    is made `shortest`. `cubic`: they are resized bicubically, else bilinearly."""

    mean: Colour
    std: Colour
    longest: int
    shortest: int = 0
    cubic: bool = False


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
BICUBIC = 3  # as Pillow counts
PLAIN = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
USUAL: Mapping[str, Look] = {
    "grounding-dino": Look(*IMAGENET, longest=1333, shortest=800),
    "mm-grounding-dino": Look(*IMAGENET, longest=1333, shortest=800),
    "owlv2": Look(*CLIP, longest=960),
    "sam": Look(*IMAGENET, longest=1024),
    "sam2": Look(*IMAGENET, longest=1024),
    "sam2_video": Look(*IMAGENET, longest=1024),
    "siglip": Look(*PLAIN, longest=224),
}
"""By architecture, how its authors' models take pictures."""


def look_of(architecture: str, configs: Mapping[str, Mapping[str, Any]]) -> Look:
    """How a model takes pictures, by the small files that came with it: what they don't say is as
    usual."""
    said = configs.get(PROCESSOR, {}).get("image_processor") or configs.get(PREPROCESSOR, {})
    usual, size = USUAL[architecture], said.get("size") or {}
    if isinstance(size, int):
        size = {"longest_edge": size}
    longest = size.get("longest_edge") or size.get("height") or usual.longest
    return Look(
        tuple(said.get("image_mean") or usual.mean),
        tuple(said.get("image_std") or usual.std),
        int(longest),
        int(size.get("shortest_edge") or usual.shortest),
        said.get("resample") == BICUBIC,
    )


def shape_within(shape: tuple[int, int], shortest: int, longest: int) -> tuple[int, int]:
    """(height, width) with the shorter side made `shortest`, or less where the longer one would
    pass `longest`: DETR's rule."""
    small, large = min(shape), max(shape)
    short: float = shortest
    if large / small * shortest > longest:
        short = longest * small / large
    if round(short) == small:
        return shape
    sides = max(round(short), 1), max(int(short * large / small), 1)
    return sides if shape[0] <= shape[1] else (sides[1], sides[0])


def shape_to(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """(height, width) with the longer side made `longest`: SAM's rule."""
    scale = longest / max(shape)
    return max(int(shape[0] * scale + 0.5), 1), max(int(shape[1] * scale + 0.5), 1)


def colours(picture: np.ndarray, device: str) -> torch.Tensor:
    """(H, W, 3) uint8 as (1, 3, H, W) float32 in 0..1, where it can be `fitted`: on the device, but
    for Apple's, for which not every torch can resize without aliasing."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture))
    if device == "cuda":
        tensor = tensor.to(device)
    return tensor.permute(2, 0, 1)[None].float() / 255


def padded(pictures: torch.Tensor, side: int, value: float) -> torch.Tensor:
    """(B, C, H, W) made a square by filling up the right and the bottom."""
    height, width = pictures.shape[-2:]
    return functional.pad(pictures, (0, side - width, 0, side - height), value=value)


def fitted(pictures: torch.Tensor, shape: tuple[int, int], look: Look) -> torch.Tensor:
    """(B, 3, H, W) in 0..1 resized to (height, width), without aliasing, and normalised."""
    if pictures.shape[-2:] != shape:
        mode = "bicubic" if look.cubic else "bilinear"
        pictures = functional.interpolate(
            pictures, shape, mode=mode, align_corners=False, antialias=True
        ).clamp(0, 1)  # which cubes pass
    mean, std = torch.tensor([look.mean, look.std], device=pictures.device)[:, :, None, None]
    return (pictures - mean) / std
