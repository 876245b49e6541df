"""Between arrays on the CPU and tensors on the device, and what is wrong with a painted picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from infgen.models.prompts import Rejected

BLACK = 4  # a picture without any value above this shows nothing

Results = list[np.ndarray | Rejected]


def to_device(pixels: np.ndarray, device: str) -> torch.Tensor:
    """(B, H, W, C) uint8 or bool as (B, C, H, W) of the same type on the device, without waiting
    for what that is at work on."""
    tensor = torch.from_numpy(pixels)
    if device == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True).permute(0, 3, 1, 2)


def in_range(pictures: torch.Tensor) -> torch.Tensor:
    """uint8 pictures as float32 in -1..1."""
    return pictures.float() / 127.5 - 1


class Arriving:
    """Pictures, (B, 3, H, W) in -1..1, on their way from the device, cut to `size` = (width,
    height).

    They become bytes there: a quarter of the traffic. What isn't finite or (unless that is fine)
    black is rejected, and what a safety checker flags.
    """

    def __init__(
        self,
        pictures: torch.Tensor,
        size: tuple[int, int],
        checker: Any = None,
        extractor: Any = None,
        black_is_fine: bool = False,
    ):
        width, height = size
        pictures = pictures[:, :, :height, :width].float()
        finite = pictures.isfinite().flatten(1).all(1)
        pixels = ((pictures.nan_to_num() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        self._black_is_fine = black_is_fine
        self._finite, self._pixels = (
            _on_its_way(part) for part in (finite, pixels.permute(0, 2, 3, 1).contiguous())
        )
        self._there = None
        if pictures.is_cuda:
            self._there = torch.cuda.Event()
            self._there.record()
        # the checker is a model too: it works while its batch has its turn
        self._checked = reject_unsafe(self._judged(), checker, extractor) if checker else None

    def results(self) -> Results:
        """(H, W, 3) uint8 arrays, or why there is none; waits for them."""
        return self._judged() if self._checked is None else self._checked

    def _judged(self) -> Results:
        if self._there is not None:
            self._there.synchronize()
        return [
            _judge(array, finite, self._black_is_fine)
            for array, finite in zip(self._pixels.numpy(), self._finite.tolist(), strict=True)
        ]


def _on_its_way(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in main memory, from a GPU one that is only there after an event."""
    if not tensor.is_cuda:
        return tensor.cpu()
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return copy.copy_(tensor, non_blocking=True)


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
