"""Weights to pipelines: loaded, shared, fused, placed, compiled, and handed to a painter."""

from __future__ import annotations

import hashlib
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from infgen.models.choice import Half, Resolved
from infgen.models.families import FAMILIES, Pipe
from infgen.models.files import LORA, Need
from infgen.models.painter import Hand, Painter
from infgen.models.placing import choose_batch, choose_placing, compile_parts, facts, place
from infgen.models.prompts import Prompt
from infgen.models.words import Words, texts_of
from infgen.records.errors import InputError

MADE_UP = "newly initialized"  # what transformers says of weights that it doesn't find
CHECKER = "diffusers.pipelines.stable_diffusion.safety_checker"
# newer diffusers call it `dtype` and warn about `torch_dtype`; older ones know only that
RELEASE = tuple(int(number) for number in diffusers.__version__.split(".")[:2])
DTYPE_WORD = "dtype" if RELEASE >= (0, 42) else "torch_dtype"
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

SHA256 = re.compile("[0-9a-f]{64}")

Folders = Mapping[Need, Path]
Pair = tuple[Pipe | None, Pipe]  # for scenes and for inpainting


def assemble(
    resolved: Resolved,
    folders: Folders,
    pictures: int,
    prompts: Sequence[Prompt],
    tell: Callable[[str], object],
) -> Painter:
    """A painter from files on this disk. The other arguments: see `loader.load`."""
    scenes, inpaint = resolved.scenes, resolved.inpaint
    assert scenes and inpaint
    checker = resolved.settings.safety_checker
    with _quietly():
        if inpaint is scenes or inpaint.shares:
            partner = inpaint if inpaint.shares else None
            loaded = [(scenes, _load_pair(scenes, partner, folders, checker))]
        else:
            loaded = [
                (half, _load_pair(half, None, folders, checker and half is scenes))
                for half in (scenes, inpaint)
            ]
    one_text = len(loaded) == 2 and _share_equal_parts(loaded[0], loaded[1], folders)
    pipes = [pipe for _, pair in loaded for pipe in pair if pipe is not None]
    _lay_out(pipes)
    device, placing = resolved.device, choose_placing(resolved, pipes)
    first = loaded[0][1][1]  # its safety checker looks at what either model paints
    check = [getattr(first, name, None) for name in ("safety_checker", "feature_extractor")]
    hands: list[Hand] = []
    for half, pair in loaded:
        family = FAMILIES[half.row.family]
        own = pipes if one_text else [pipe for pipe in pair if pipe is not None]
        words = hands[0].words if hands and one_text else Words(
            own, family, device, placing, pipes
        )  # fmt: skip
        hands.append(Hand(half.row, family, *pair, words, *check))
    if placing in ("device", "encoders aside"):  # else parts go to and fro anyway
        _learn_ahead(hands, prompts)
    place(pipes, device, placing)
    compiled = compile_parts(resolved, pipes, placing, pictures, tell)
    batch = choose_batch(resolved, pipes, placing)
    about = facts(resolved, placing, batch, compiled)
    return Painter(resolved, hands[0], hands[-1], batch, device, about)


def _learn_ahead(hands: Iterable[Hand], prompts: Sequence[Prompt]) -> None:
    """Encode the prompts while only the text encoders have come to the device, and put these aside
    for good."""
    if prompts:
        for hand in hands:
            hand.words.put_encoders_aside()
        for hand in hands:
            guided = hand.family.guided(hand.inpaint, hand.guidance)
            hand.words.learn(texts_of(prompts, guided))


def _lay_out(pipes: Iterable[Pipe]) -> None:
    """Give convolutions the layout in memory that GPUs like."""
    for pipe in pipes:
        for part in (pipe.vae, getattr(pipe, "unet", None)):
            if part is not None:
                part.to(memory_format=torch.channels_last)


@contextmanager
def _quietly() -> Iterator[None]:
    """Loading draws progress bars by itself, and speaks of torchvision, which isn't needed. It also
    makes weights up that it doesn't find, which is no model at all.

    Raises:
        InputError: it did.
    """
    shown = [log for log in (diffusers.utils.logging, transformers.utils.logging)
             if log.is_progress_bar_enabled()]  # fmt: skip
    handlers = list(logging.getLogger("transformers").handlers)
    made_up: list[str] = []

    def matters(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if MADE_UP in text:
            made_up.append(text)
        return MADE_UP not in text and "torchvision" not in text

    for log in shown:
        log.disable_progress_bar()
    for handler in handlers:
        handler.addFilter(matters)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(matters)
        for log in shown:
            log.enable_progress_bar()
    if made_up:
        raise InputError("--model: its files lack some of the weights: download it again")


def _load_pair(half: Half, partner: Half | None, folders: Folders, checker: bool) -> Pair:
    """Both pipelines of one model, or of a model and the partner that lends its denoiser.

    A UNet with the nine input channels of inpainting can't paint scenes itself: without a partner
    it is given a twin with fewer channels if it was trained for that, else there is no scenes
    pipeline.
    """
    row, dtype = half.row, DTYPES[half.dtype]
    given = half.found.index["_class_name"] in (row.scenes_class, row.inpaint_class)
    first = load_pipe(
        half.found.index["_class_name"] if given else row.scenes_class,
        folders[half.found.need],
        dtype,
        vae=folders[half.vae.need] if half.vae else None,
        checker=checker and row.family == "sd",
    )
    if row.scheduler:
        kind = getattr(diffusers, row.scheduler)
        first.scheduler = kind.from_config(first.scheduler.config, **row.scheduler_options)
    denoiser = FAMILIES[row.family].denoiser
    lora = folders[half.lora.need] if half.lora else None
    if lora:
        _fuse(first, lora, denoiser)
    if partner:
        folder = folders[partner.found.need] / denoiser
        unet = _from_folder(type(getattr(first, denoiser)), folder, dtype)
        inpaint = relate(first, row.inpaint_class, unet=unet)
        if lora:
            _fuse(inpaint, lora, denoiser)
        return first, inpaint
    inpaint = relate(first, row.inpaint_class)
    if denoiser == "transformer" or first.unet.config.in_channels == 4:
        return relate(first, row.scenes_class), inpaint
    if row.first_channels:
        return relate(first, row.scenes_class, unet=first_channels(first.unet)), inpaint
    return None, inpaint


def load_pipe(
    class_name: str,
    folder: Path,
    dtype: torch.dtype,
    vae: Path | None = None,
    checker: bool = False,
) -> Pipe:
    """One pipeline from a folder, in eval mode, on the CPU, silent."""
    kind = getattr(diffusers, class_name)
    takes = inspect.signature(kind.__init__).parameters
    parts: dict[str, Any] = {}
    if checker:  # it says that it paints black; here it doesn't
        logging.getLogger(CHECKER).setLevel(logging.ERROR)
    else:
        parts |= {
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
    parts |= {"image_encoder": None, "add_watermarker": False}
    parts = {name: value for name, value in parts.items() if name in takes}
    if vae:
        parts["vae"] = _from_folder(diffusers.AutoencoderKL, vae, dtype)
    pipe = _from_folder(kind, folder, dtype, **parts)
    pipe.set_progress_bar_config(disable=True)
    if dtype == torch.float16 and pipe.vae.config.get("force_upcast"):
        pipe.vae.to(torch.float32)  # SDXL's own overflows in 16 bits
    return pipe


def _from_folder(kind: Any, folder: Path, dtype: torch.dtype, **parts: Any) -> Any:
    """`kind.from_pretrained` in a given number format (it would be 32 bits), never the network."""
    names = [path.name for path in folder.rglob("*.fp16*")]
    plain = any(path.suffix in (".safetensors", ".bin") and ".fp16" not in path.name
                for path in folder.rglob("*"))  # fmt: skip
    half = bool(names) and (dtype != torch.float32 or not plain)
    return kind.from_pretrained(
        folder, variant="fp16" if half else None, local_files_only=True, **{DTYPE_WORD: dtype},
        **parts,
    )  # fmt: skip


def relate(pipe: Pipe, class_name: str, **parts: Any) -> Pipe:
    """A pipeline of another class over the same weights, but for `parts`. The scheduler is its own:
    it keeps count of steps. (`from_pipe` would cast both pipelines to 32 bits.)"""
    kind = getattr(diffusers, class_name)
    if type(pipe) is kind and not parts:
        return pipe
    takes = set(inspect.signature(kind.__init__).parameters)
    own = {"scheduler": type(pipe.scheduler).from_config(pipe.scheduler.config)}
    options = {name: value for name, value in pipe.config.items() if name not in pipe.components}
    everything = options | {"add_watermarker": False} | pipe.components | own | parts
    other = kind(**{name: value for name, value in everything.items() if name in takes})
    other.set_progress_bar_config(disable=True)
    return other


def first_channels(unet: Any) -> Any:
    """The text-to-image UNet inside an inpainting UNet that was trained with zeros in its extra
    channels: all parts shared, the first convolution cut to its first four inputs."""
    with torch.device("meta"):
        twin = type(unet).from_config({**unet.config, "in_channels": unet.config.out_channels})
    for name, part in unet.named_children():
        setattr(twin, name, part)
    old = unet.conv_in
    twin.conv_in = torch.nn.Conv2d(
        twin.config.in_channels, old.out_channels, old.kernel_size, padding=old.padding
    ).to(old.weight.device, old.weight.dtype)
    with torch.no_grad():
        twin.conv_in.weight.copy_(old.weight[:, : twin.config.in_channels])
        twin.conv_in.bias.copy_(old.bias)
    return twin.eval()


def _fuse(pipe: Pipe, lora: Path, denoiser: str) -> None:
    """Add a LoRA into the denoiser's weights for good: at no cost per step."""
    pipe.load_lora_weights(lora, weight_name=LORA)
    pipe.fuse_lora(components=[denoiser])
    pipe.unload_lora_weights()


def _share_equal_parts(
    first: tuple[Half, Pair], second: tuple[Half, Pair], folders: Folders
) -> bool:
    """Let two models use one copy of what is the same in both; whether the text encoders are."""
    (half, pair), (other_half, other_pair) = first, second
    if (half.row.family, half.dtype) != (other_half.row.family, other_half.dtype):
        return False
    folder, other = folders[half.found.need], folders[other_half.found.need]

    def share(names: Iterable[str]) -> bool:
        if not all(_weights_of(folder / n) == _weights_of(other / n) != {} for n in names):
            return False
        for pipe in (pipe for pipe in other_pair if pipe is not None):
            for name in names:
                setattr(pipe, name, getattr(pair[1], name))
        return True

    if not half.vae and not other_half.vae:
        share(("vae",))
    return share(FAMILIES[half.row.family].text_encoders)


def _weights_of(folder: Path) -> dict[str, str]:
    """Weight files by the hash of their contents; the hub's cache names its blobs by that."""
    files = [path for path in folder.glob("*") if path.suffix in (".safetensors", ".bin")]
    return {path.name: _hash(path) for path in files}


def _hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and SHA256.fullmatch(blob.name):
        return blob.name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
