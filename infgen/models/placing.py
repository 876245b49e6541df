"""Where weights lie while they work, how many pictures fit beside them, and what is compiled."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import torch

from infgen.models.choice import Half, Resolved
from infgen.models.families import FAMILIES, Pipe
from infgen.records.errors import DeviceFull

Placing = Literal["device", "encoders aside", "model", "sequential"]

LONG_JOB_TFLOP = 100_000  # compiling takes minutes and saves about a fifth: from here on it pays
RESERVE_GB = 1.5  # of a GPU's memory, for CUDA itself and fragments
C_COMPILERS = ("cc", "gcc", "clang", "cl")
NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "invalid buffer size",  # Apple's
)
LARGEST_BATCH = {"cuda": 32, "mps": 4, "cpu": 1}
TOY_SIDE, TOY_BATCH = 128, 4  # native side up to which a CPU gains from batches


def choose_placing(resolved: Resolved, pipes: Sequence[Pipe]) -> Placing:
    """Everything on the device if it fits; else the text encoders and the rest in turns; else each
    part only while it works. ("sequential", each layer by itself, only where the user says so: it
    is far slower, and nobody has tried it with these models.)"""
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
    return "model"


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


def put_back(*pipes: Pipe | None) -> None:
    """With the placing "model", send every part back to main memory: after a call, as not every
    pipeline does so by itself when it gives latents (SDXL's inpainting leaves its UNet), and after
    the VAE was used outside of a call, as the last part stays on the device until the next comes.
    Far cheaper than `maybe_free_model_hooks`, which also makes all hooks anew. Else nothing is
    done."""
    for pipe in pipes:
        for hook in getattr(pipe, "_all_hooks", ()):
            hook.offload()


def free_gb() -> float:
    """Free memory of the GPU."""
    return float(torch.cuda.mem_get_info()[0]) / 1e9


def picture_gb(half: Half) -> float:
    """Estimate of the memory for one more picture in a batch."""
    family, row = FAMILIES[half.row.family], half.row
    usual = 512 if row.family == "sd" else 1024
    return family.picture_gb * (row.native / usual) ** 2 * (2 if half.dtype == "fp32" else 1)


def choose_batch(
    resolved: Resolved, pipes: Iterable[Pipe] = (), placing: Placing = "device"
) -> int:
    """Pictures at a time: a power of two that should fit beside the `pipes`, which are where the
    `placing` says, as the user doesn't say."""
    if resolved.settings.batch_size:
        return resolved.settings.batch_size
    side = max(half.row.native for half in resolved.halves)
    if resolved.device == "cpu" and side <= TOY_SIDE:
        return TOY_BATCH
    fits = LARGEST_BATCH[resolved.device]
    if resolved.device == "cuda":
        need = max(picture_gb(half) for half in resolved.halves)
        room = free_gb() - RESERVE_GB
        if placing == "model":  # which leaves nothing on the device between calls
            room -= max((_gb(part) for pipe in pipes for _, part in _parts(pipe)), default=0.0)
        fits = min(fits, int(room / need))
    elif side > 512:
        fits = 1
    return int(2 ** (max(fits, 1).bit_length() - 1))


def compiles(resolved: Resolved, placing: Placing, pictures: int) -> bool:
    """Whether compiling pays (on a GPU, with the weights at rest, for a long job) and can work."""
    asked = resolved.settings.compile
    if asked != "auto" or resolved.device != "cuda" or placing in ("model", "sequential"):
        return asked == "on"
    row = max((half.row for half in resolved.halves), key=lambda row: row.tflop)
    work = pictures * row.steps * row.tflop * (2 if row.guidance > 1 else 1)
    return work >= LONG_JOB_TFLOP and find_spec("triton") is not None and has_c_compiler()


def has_c_compiler() -> bool:
    """Whether there is one for Triton, which compiles a launcher for its kernels with it."""
    return any(map(shutil.which, filter(None, (os.environ.get("CC"), *C_COMPILERS))))


def compile_parts(
    resolved: Resolved,
    pipes: Iterable[Pipe],
    placing: Placing,
    pictures: int,
    tell: Callable[[str], object],
) -> bool:
    """Compile denoisers and VAEs in place, if that pays; whether it does. There are few shapes:
    batches are full, so those of scenes, of objects, and of pictures for the VAE alone; each is
    compiled when it first comes."""
    if not compiles(resolved, placing, pictures):
        return False
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
        _fall_back(part, tell)
    return True


def _fall_back(part: torch.nn.Module, tell: Callable[[str], object]) -> None:
    """Let a compiled part, when compiling or what comes of it fails, work uncompiled from then on,
    and tell of it: a run is worth more than the fifth that compiling saves."""
    compiled: Any = part._compiled_call_impl

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
        part._compiled_call_impl = None
        tell(f"the model's {type(part).__name__} works uncompiled: {reason[:300]}")
        return part(*args, **kwargs)

    part._compiled_call_impl = call


def facts(
    resolved: Resolved, placing: Placing, batch: int, compiled: bool = False
) -> dict[str, Any]:
    """What a log should tell of where and how a model runs, as plain values."""
    name = platform.processor() or platform.machine()
    if resolved.device == "cuda":
        name = torch.cuda.get_device_name()
    return {
        "device": resolved.device,
        "device_name": name,
        "dtype": ", ".join(dict.fromkeys(half.dtype for half in resolved.halves)),
        "placing": placing,
        "batch_size": batch,
        "compiled": compiled,
        **{package: version(package) for package in ("torch", "diffusers", "transformers")},
    }


def _parts(pipe: Pipe) -> list[tuple[str, torch.nn.Module]]:
    parts = pipe.components.items()
    return [(name, part) for name, part in parts if isinstance(part, torch.nn.Module)]


def _gb(part: torch.nn.Module) -> float:
    return sum(p.numel() * p.element_size() for p in part.parameters()) / 1e9


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the device (or the machine) had too little memory."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(w in text for w in NO_MEMORY)


def answers(device: str) -> bool:
    """Whether a device still works: after some errors none of its calls does."""
    try:
        return bool((torch.ones(2, device=device).sum() == 2).item())
    except RuntimeError:
        return False


NO_ROOM = (
    "the device has too little memory for this model: use --offload model or sequential, or a "
    "smaller --model"
)


@contextmanager
def memory_or_sentence(sentence: str = NO_ROOM) -> Iterator[None]:
    """Make a lack of memory in the block a sentence.

    Raises:
        DeviceFull: the device, or the machine, has too little memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        raise DeviceFull(sentence) from None
