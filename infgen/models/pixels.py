"""Between arrays on the CPU and tensors on the device, and what is wrong with a painted picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from infgen.models.prompts import Rejected

BLACK = 4  # a picture without any value above this shows nothing

Results = list[np.ndarray | Rejected]


def to_device(pictures: Sequence[np.ndarray], device: str) -> torch.Tensor:
    """(H, W, 3) uint8 pictures of one size as (B, 3, H, W) float32 in -1..1."""
    pixels = torch.from_numpy(np.stack(pictures)).to(device)
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def as_arrays(
    pictures: torch.Tensor, size: tuple[int, int], black_is_fine: bool = False
) -> Results:
    """(B, 3, H, W) in -1..1, cut to `size` = (width, height), as (H, W, 3) uint8 arrays.

    They become bytes on the device: a quarter of the traffic. What isn't finite or (unless that is
    fine) black is rejected.
    """
    width, height = size
    pictures = pictures[:, :, :height, :width].float()
    finite = pictures.isfinite().flatten(1).all(1).tolist()
    pixels = ((pictures.nan_to_num() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    arrays = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [_judge(a, f, black_is_fine) for a, f in zip(arrays, finite, strict=True)]


def _judge(array: np.ndarray, finite: bool, black_is_fine: bool) -> np.ndarray | Rejected:
    if not finite:
        return Rejected("the model's numbers ran over")
    if array.max() <= BLACK and not black_is_fine:
        return Rejected("the picture is black")
    return array


def reject_unsafe(results: Results, checker: Any, extractor: Any) -> Results:
    """The results without the pictures that Stable Diffusion's safety checker flags."""
    arrays = [result for result in results if isinstance(result, np.ndarray)]
    if not arrays:
        return results
    looks = extractor(arrays, return_tensors="pt").pixel_values
    parameter = next(checker.parameters())
    # it would black out what it flags, so it gets something else to do that to
    _, flags = checker(
        images=np.zeros((len(arrays), 1, 1, 3)),
        clip_input=looks.to(parameter.device, parameter.dtype),
    )
    verdicts = iter(flags)
    return [
        Rejected("the safety checker flagged it")
        if isinstance(result, np.ndarray) and next(verdicts)
        else result
        for result in results
    ]
