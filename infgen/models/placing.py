"""Where weights lie while they work, how many pictures fit beside them, and what is compiled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Literal

import torch

from infgen.models.choice import Half, Resolved
from infgen.models.families import FAMILIES, Pipe

Placing = Literal["device", "encoders aside", "model", "sequential"]

LONG_JOB_TFLOP = 100_000  # compiling takes minutes and saves about a fifth: from here on it pays
RESERVE_GB = 1.5  # of a GPU's memory, for CUDA itself and fragments
LARGEST_BATCH = {"cuda": 32, "mps": 4, "cpu": 1}
TOY_SIDE, TOY_BATCH = 128, 4  # native side up to which a CPU gains from batches


def choose_placing(resolved: Resolved, pipes: Sequence[Pipe]) -> Placing:
    """Everything on the device if it fits; else the text encoders and the rest in turns; else each
    part only while it works; else each layer."""
    asked = resolved.settings.offload
    if asked in ("model", "sequential") and resolved.device != "cpu":
        return asked
    if asked != "auto" or resolved.device != "cuda":
        return "device"
    room = free_gb() - RESERVE_GB - max(picture_gb(half) for half in resolved.halves)
    parts = {id(part): (name, _gb(part)) for pipe in pipes for name, part in _parts(pipe)}
    text = sum(size for name, size in parts.values() if name.startswith("text_encoder"))
    rest = sum(size for name, size in parts.values() if not name.startswith("text_encoder"))
    if text + rest <= room:
        return "device"
    if max(text, rest) <= room:
        return "encoders aside"
    return "model" if max(size for _, size in parts.values()) <= room else "sequential"


def place(pipes: Iterable[Pipe], device: str, placing: Placing) -> None:
    """Put the pipelines to where `placing` says. Encoders that are aside are no longer among their
    parts then."""
    for pipe in pipes:
        if placing == "model":
            pipe.enable_model_cpu_offload(device=device)
        elif placing == "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        else:
            pipe.to(device)


def free_gb() -> float:
    """Free memory of the GPU."""
    return float(torch.cuda.mem_get_info()[0]) / 1e9


def picture_gb(half: Half) -> float:
    """Estimate of the memory for one more picture in a batch."""
    family, row = FAMILIES[half.row.family], half.row
    usual = 512 if row.family == "sd" else 1024
    return family.picture_gb * (row.native / usual) ** 2 * (2 if half.dtype == "fp32" else 1)


def choose_batch(resolved: Resolved) -> int:
    """Pictures at a time: a power of two that should fit, as the user doesn't say."""
    if resolved.settings.batch_size:
        return resolved.settings.batch_size
    side = max(half.row.native for half in resolved.halves)
    if resolved.device == "cpu" and side <= TOY_SIDE:
        return TOY_BATCH
    fits = LARGEST_BATCH[resolved.device]
    if resolved.device == "cuda":
        need = max(picture_gb(half) for half in resolved.halves)
        fits = min(fits, int((free_gb() - RESERVE_GB) / need))
    elif side > 512:
        fits = 1
    return int(2 ** (max(fits, 1).bit_length() - 1))


def compiles(resolved: Resolved, placing: Placing, pictures: int) -> bool:
    """Whether compiling pays: on a GPU, with the weights at rest, for a long job."""
    asked = resolved.settings.compile
    if asked != "auto" or resolved.device != "cuda" or placing in ("model", "sequential"):
        return asked == "on"
    row = max((half.row for half in resolved.halves), key=lambda row: row.tflop)
    work = pictures * row.steps * row.tflop * (2 if row.guidance > 1 else 1)
    return work >= LONG_JOB_TFLOP and find_spec("triton") is not None


def compile_parts(
    resolved: Resolved, pipes: Iterable[Pipe], placing: Placing, pictures: int
) -> None:
    """Compile denoisers and VAEs in place, if that pays. Shapes don't vary: batches are full."""
    if not compiles(resolved, placing, pictures):
        return
    for part in {
        id(part): part
        for pipe in pipes
        for part in (
            getattr(pipe, "unet", None) or pipe.transformer,
            pipe.vae.encoder,
            pipe.vae.decoder,
        )
    }.values():
        part.compile(dynamic=False)


def _parts(pipe: Pipe) -> list[tuple[str, torch.nn.Module]]:
    parts = pipe.components.items()
    return [(name, part) for name, part in parts if isinstance(part, torch.nn.Module)]


def _gb(part: torch.nn.Module) -> float:
    return sum(p.numel() * p.element_size() for p in part.parameters()) / 1e9


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the device (or the machine) had too little memory."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
