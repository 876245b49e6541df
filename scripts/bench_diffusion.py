"""How fast the diffusion path is, beside the plain loops that people write.

    python scripts/bench_diffusion.py                      # on a GPU: three ways, two models
    python scripts/bench_diffusion.py --quick              # the same, a first look in minutes
    python scripts/bench_diffusion.py --model tiny         # on a CPU: infgen's overhead
    python scripts/bench_diffusion.py --shrunken --quick   # anywhere: does the GPU's part run

On a GPU, for Stable Diffusion 1.5 at 512 and SDXL at 1024, in one run on one device:

ancestor  the Infinite Data Generator's recipe: SDXL in 32 bits, on 768x768; scenes four at a time
          with 2 steps, objects one by one with 3 (of which strength 0.5 leaves one), each over the
          whole canvas
plain     diffusers' own pipelines in bf16: a scene, then its objects one after the other, each over
          the whole canvas at the model's native size; the same steps and guidance as infgen
infgen    `Pipeline.in_batches`, as a run calls it: planned from two CSVs, painted in batches into
          windows, stitched, labelled, written as JPEG

The networks are the true architectures with random weights, built here from their public configs:
they paint noise at true speed. Nothing is downloaded. They are written to a temporary folder (4.3
GB, then 14 GB) and loaded from there as a user's own folders are. infgen would throw their objects
away as noise: once painted, each is replaced by a thing that is sure to be seen, so that all that
follows has to be done. None is tried twice.

On a CPU: by how much infgen's run takes longer than the bare pipeline calls in it, with the same
networks, batches, prompts, pictures and masks. What is over goes into planning, windows, noise,
colour match, change maps, mattes, labels and JPEG, as far as it isn't hidden behind the painting.
Where others use the machine too, trust the processor's time, with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # everything is made here
# On a CPU that others use too, threads that wait for each other must sleep: spinning costs tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import gc
import json
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import diffusers
import numpy as np
import torch
import transformers
from PIL import Image
from torch.autograd import DeviceType
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infgen.batch.pipeline import Pipeline
from infgen.batch.reporter import Silent
from infgen.batch.settings import RunSettings
from infgen.batch.store import Pinned
from infgen.batch.understanding import prepare
from infgen.models.loader import load
from infgen.models.painter import Painter
from infgen.models.presets import PRESETS, Preset
from infgen.models.prompts import Prompt
from infgen.models.settings import ModelSettings
from infgen.ops.planning import PlanSettings
from infgen.ops.plans import Plans
from infgen.records.errors import InfgenError
from infgen.records.plan import ImagePlan
from infgen.stages.inpaint import InpaintSettings

ANCESTOR_CANVAS = 0.75  # of SDXL's native side: 768
ANCESTOR_TOGETHER = 4
ANCESTOR_STEPS = (2, 3)  # for scenes and for objects
ANCESTOR_STRENGTH = 0.5
IDLE = {
    "cuda": "Device idle: the share of the time in which no kernel ran, in one profiled repeat.",
    "cpu": "Device idle: the share of the time outside of the model's calls.",
}
PLANNED = 10_000  # pictures, more than any repeat makes
WAYS = ("ancestor", "plain", "infgen")

Make = Callable[[], Any]
Pipe = Any  # a diffusers pipeline


# ---- architectures -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Architecture:
    """A Stable Diffusion, by the configs of its parts as they lie on the hub. `texts` are its one
    or two text encoders; `disk_gb` is what both its folders take."""

    name: str
    unet: dict[str, Any]
    vae: dict[str, Any]
    texts: tuple[dict[str, Any], ...]
    scheduler: Any
    disk_gb: float

    @property
    def preset(self) -> Preset:
        """The numbers that infgen takes for a folder of this family."""
        return PRESETS[self.name]

    @property
    def cell(self) -> int:
        return int(2 ** (len(self.vae["block_out_channels"]) - 1))

    @property
    def side(self) -> int:
        return int(self.unet["sample_size"]) * self.cell


BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
         "steps_offset": 1}  # fmt: skip
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "force_upcast": False,
}
CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
CLIP_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}

SD15 = Architecture(
    name="sd15",
    unet={
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "layers_per_block": 2,
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
    },
    vae=VAE | {"sample_size": 512, "scaling_factor": 0.18215},
    texts=(CLIP_L,),
    scheduler=diffusers.DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True),
    disk_gb=4.3,
)

SDXL = Architecture(
    name="sdxl",
    unet={
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae=VAE | {"sample_size": 1024, "scaling_factor": 0.13025},
    texts=(CLIP_L, CLIP_G),
    scheduler=diffusers.EulerDiscreteScheduler(**BETAS, timestep_spacing="leading"),
    disk_gb=13.9,
)


def shrunken(architecture: Architecture) -> Architecture:
    """The same in kind, small enough for any CPU in seconds: 128 pixels native."""
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2, "projection_dim": 32}  # fmt: skip
    depth = len(architecture.unet["block_out_channels"])
    unet = {"sample_size": 16, "block_out_channels": (32, 64, 64, 64)[:depth],
            "layers_per_block": 1, "cross_attention_dim": 32 * len(architecture.texts)}  # fmt: skip
    if architecture.name == "sdxl":
        unet |= {"transformer_layers_per_block": 1, "attention_head_dim": 4,
                 "addition_time_embed_dim": 8,
                 "projection_class_embeddings_input_dim": 32 + 6 * 8}  # fmt: skip
    vae = {"block_out_channels": (32,) * 4, "layers_per_block": 1, "sample_size": 128}
    return replace(
        architecture,
        unet=architecture.unet | unet,
        vae=architecture.vae | vae,
        texts=tuple(text | small for text in architecture.texts),
        disk_gb=0.1,
    )


ARCHITECTURES = {one.name: one for one in (SD15, SDXL)}


def write_model(architecture: Architecture, folder: Path, device: str) -> None:
    """Two folders as diffusers writes them, `scenes` and `inpaint`: all parts alike but the UNet,
    which has 9 input channels in the second. The weights are random, in bf16."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < architecture.disk_gb:
        raise SystemExit(
            f"{architecture.name} takes {architecture.disk_gb} GB, and {folder} has {free:.1f}: "
            "name another disk with --folder"
        )
    torch.manual_seed(0)
    parts = _parts(architecture, device)
    classes = (architecture.preset.scenes_class, architecture.preset.inpaint_class)
    for name, channels, kind in zip(("scenes", "inpaint"), (4, 9), classes, strict=True):
        with torch.device(device):
            unet = diffusers.UNet2DConditionModel(**architecture.unet, in_channels=channels)
        pipe = getattr(diffusers, kind)(unet=unet.to(torch.bfloat16), **parts)
        pipe.save_pretrained(folder / name)


def _parts(architecture: Architecture, device: str) -> dict[str, Any]:
    """Everything but the UNet, by the names that the pipelines give them."""
    tokenizer = ascii_tokenizer()
    parts: dict[str, Any] = {"scheduler": architecture.scheduler}
    for text, ending in zip(architecture.texts, ("", "_2"), strict=False):
        ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        config = transformers.CLIPTextConfig(**text, vocab_size=49408, **ids)
        kind = transformers.CLIPTextModelWithProjection if ending else transformers.CLIPTextModel
        with torch.device(device):
            parts[f"text_encoder{ending}"] = kind(config).to(torch.bfloat16)
        parts[f"tokenizer{ending}"] = tokenizer
    with torch.device(device):
        parts["vae"] = diffusers.AutoencoderKL(**architecture.vae).to(torch.bfloat16)
    if architecture.name == "sdxl":
        return parts | {"add_watermarker": False}
    checker = {"safety_checker": None, "feature_extractor": None}
    return parts | checker | {"requires_safety_checker": False}


def ascii_tokenizer() -> transformers.CLIPTokenizer:
    """A tokenizer of letters. Prompts are filled up to 77 tokens, as by the true one."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    vocab = {token: number for number, token in enumerate(tokens)}
    return transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


@dataclass(frozen=True)
class Costs:
    """FLOPs (2 per multiplication and addition) for one picture: a step of the UNet without
    guidance, the VAE's encoder and decoder. Only what was asked for counts: no text encoders
    (infgen asks them once per prompt), and nothing that fills up a batch."""

    step: float
    encode: float
    decode: float

    def scene(self, steps: int) -> float:
        return 2 * steps * self.step + self.decode

    def thing(self, steps: int, strength: float, channels: int) -> float:
        """An object: the picture under the mask is encoded, and the whole of it where noise is
        added to it or (4 channels) what is known is put back after every step."""
        encodings = 1 if channels == 9 and strength == 1 else 2
        painted = 2 * int(steps * strength) * self.step
        return painted + encodings * self.encode + self.decode


def costs_of(architecture: Architecture, side: int) -> Costs:
    """Counted on torch's meta device, for pictures of `side` pixels."""
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**architecture.unet, in_channels=4)
        vae = diffusers.AutoencoderKL(**architecture.vae)
        latents = torch.empty(1, 4, side // architecture.cell, side // architecture.cell)
        words = torch.empty(1, 77, architecture.unet["cross_attention_dim"])
        more = {}
        if architecture.name == "sdxl":
            pooled = torch.empty(1, architecture.texts[1]["projection_dim"])
            more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.empty(1, 6)}}
        return Costs(
            step=_flops(lambda: unet(latents, torch.tensor(1.0), words, **more)),
            encode=_flops(lambda: vae.encoder(torch.empty(1, 3, side, side))),
            decode=_flops(lambda: vae.decoder(latents)),
        )


def _flops(call: Make) -> float:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


# ---- what is to be made --------------------------------------------------------------------------


def write_tables(folder: Path, objects: int) -> None:
    """Two CSVs: scenes with so many objects each, in words that the tiny model knows."""
    scenes = ("a savannah with acacia trees", "a misty forest", "snowy mountains", "hills at night")
    lines = [f"a photo of {scene},{PLANNED // len(scenes)},blurry" for scene in scenes]
    head = "prompt,num_imgs,negative_prompt"
    (folder / "background.csv").write_text("\n".join([head, *lines]) + "\n")
    half = objects // 2
    things = (("a red ball", objects - half), ("a pink ring", half))
    lines = [f"a photo of {thing},{count},{count},0.9,1.1,blurry" for thing, count in things]
    head = "prompt,min_appear,max_appear,aspect_ratio_min,aspect_ratio_max,negative_prompt"
    (folder / "classes.csv").write_text("\n".join([head, *lines]) + "\n")


def settings_of(
    folder: Path, model: ModelSettings, layouts: int, canvas: int | None = None, attempts: int = 2
) -> RunSettings:
    """A run over the tables in `folder`, into `folder`; `canvas` None: the model's native size."""
    return RunSettings(
        backgrounds=folder / "background.csv",
        classes=folder / "classes.csv",
        out=folder / "dataset",
        method="inpaint",
        plan=PlanSettings(
            images=PLANNED, per_background=layouts, width=canvas, height=canvas, val_frac=0
        ),
        inpaint=InpaintSettings(attempts=attempts),
        model=model,
    )


def plans_of(planner: Plans, first: int, end: int) -> list[ImagePlan]:
    return [planner.plan(index) for index in range(first, end)]


# ---- ways to make it -----------------------------------------------------------------------------


class Way(Protocol):
    """A way to make the pictures of a planner."""

    planner: Plans
    chunk: int  # pictures that are made together

    def make(self, count: int) -> float:
        """Make and write the first `count` pictures; the seconds that the model was at work."""


class Infgen:
    """What `infgen run` does between reading the tables and the records."""

    def __init__(self, settings: RunSettings, knows_nothing: bool = False):
        self._settings = settings
        self.planner, _, _ = prepare(settings, Pinned(), Silent())
        self.painter = load(settings.model, self.planner.count * (1 + self.planner.most_objects))
        request = self.planner.request
        prompts = [Prompt(row.prompt, row.negative_prompt) for row in request.backgrounds]
        prompts += [Prompt(row.prompt, row.negative_prompt) for row in request.classes]
        self.painter.prepare(prompts)
        self.painter.forget_text_encoders()
        if knows_nothing:
            self.painter.inpaint = seen(self.painter.inpaint)  # type: ignore[method-assign]
        self.chunk = self.painter.batch_size

    def make(self, count: int) -> float:
        # a pipeline of its own, or the scenes of the repeat before would be at hand still
        pipeline = Pipeline(self.planner, self._settings, self.painter)
        before = self.painter.busy
        for made in pipeline.in_batches(range(count)):
            if made.failed:
                raise SystemExit(f"infgen couldn't make a picture: {made.line.decode()}")
        return self.painter.busy - before


def seen(inpaint: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but with results that have changed under the whole mask and nowhere else."""

    def call(pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], *others: Any) -> Any:
        inpaint(pictures, masks, *others)
        far = np.uint8(128)  # the sum is modulo 256
        return [
            np.where(mask[:, :, None], picture + far, picture)
            for picture, mask in zip(pictures, masks, strict=True)
        ]

    return call


class Loop:
    """A plain loop over diffusers' pipelines: scenes some at a time, then object after object of
    each. The options are the pipelines' own."""

    def __init__(
        self,
        pipes: tuple[Pipe, Pipe],
        planner: Plans,
        out: Path,
        together: int,
        scene_options: dict[str, Any],
        object_options: dict[str, Any],
    ):
        self._scenes, self._inpaint = pipes
        self.planner, self._out = planner, out
        self.chunk = together * planner.settings.per_background
        size = dict(zip(("width", "height"), planner.canvas, strict=True))
        self._scene_options, self._object_options = scene_options | size, object_options | size
        self._busy = 0.0
        out.mkdir(parents=True, exist_ok=True)

    def make(self, count: int) -> float:
        self._busy = 0.0
        for start in range(0, count, self.chunk):
            plans = plans_of(self.planner, start, min(start + self.chunk, count))
            scenes = self._paint_scenes(plans)
            for plan in plans:
                picture = self._paint_objects(scenes[plan.background.number], plan)
                picture.save(self._out / f"{plan.index}.jpg", quality=90)
        return self._busy

    def _paint_scenes(self, plans: Sequence[ImagePlan]) -> dict[int, Image.Image]:
        wanted = {plan.background.number: plan.background for plan in plans}
        pictures = self._call(
            self._scenes,
            prompt=[background.prompt for background in wanted.values()],
            negative_prompt=[background.negative_prompt for background in wanted.values()],
            **self._scene_options,
        )
        return dict(zip(wanted, pictures, strict=True))

    def _paint_objects(self, picture: Image.Image, plan: ImagePlan) -> Image.Image:
        for wanted in plan.objects:
            mask = Image.new("L", plan.size)
            x0, y0, x1, y1 = (round(edge) for edge in wanted.box.xyxy)
            mask.paste(255, (x0, y0, x1, y1))
            [picture] = self._call(
                self._inpaint,
                prompt=wanted.prompt,
                negative_prompt=wanted.negative_prompt,
                image=picture,
                mask_image=mask,
                **self._object_options,
            )
        return picture

    def _call(self, pipe: Pipe, **options: Any) -> list[Image.Image]:
        began = time.perf_counter()
        pictures: list[Image.Image] = pipe(**options).images
        self._busy += time.perf_counter() - began
        return pictures


def plain_pipe(folder: Path, device: str, dtype: torch.dtype) -> Pipe:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device, dtype)


def ancestor_way(settings: RunSettings, folder: Path, device: str) -> Way:
    scenes = plain_pipe(folder / "scenes", device, torch.float32)
    inpaint = diffusers.AutoPipelineForInpainting.from_pipe(scenes)
    inpaint.set_progress_bar_config(disable=True)
    planner, _, _ = prepare(settings, Pinned(), Silent())
    return Loop(
        (scenes, inpaint),
        planner,
        settings.out,
        ANCESTOR_TOGETHER,
        {"num_inference_steps": ANCESTOR_STEPS[0]},
        {"num_inference_steps": ANCESTOR_STEPS[1], "strength": ANCESTOR_STRENGTH},
    )


def plain_way(settings: RunSettings, folder: Path, device: str, row: Preset) -> Way:
    scenes, inpaint = (
        plain_pipe(folder / name, device, torch.bfloat16) for name in ("scenes", "inpaint")
    )
    planner, _, _ = prepare(settings, Pinned(), Silent())
    options = {"num_inference_steps": settings.model.steps, "guidance_scale": row.guidance}
    objects = options | {"strength": row.strength}
    return Loop((scenes, inpaint), planner, settings.out, 1, options, objects)


# ---- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What is to be measured: a way, the pictures it makes in a repeat (None: two chunks), and the
    FLOPs of a scene and of an object."""

    model: str
    steps: str
    way: str
    build: Callable[[], Way]
    pictures: int | None
    scene_flops: float
    object_flops: float


@dataclass(frozen=True)
class Measured:
    """A way's numbers: what each repeat made, in how many seconds, at what cost."""

    model: str
    steps: str
    way: str
    pictures: int
    scenes: int
    objects: int
    flops: float
    seconds: list[float]
    idle: float | None
    memory_gb: float | None

    def rate(self, count: float) -> float:
        """So many per second, in the median."""
        return count / median(self.seconds)


def measure(case: Case, repeats: int, device: str) -> Measured:
    """Build a way, warm it up, let it make its pictures some times, and clear it away."""
    way = case.build()
    count = case.pictures or 2 * way.chunk
    way.make(min(count, way.chunk))
    forget_peak(device)
    seconds, shares = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        busy = way.make(count)
        seconds.append(time.perf_counter() - began)
        shares.append(1 - busy / seconds[-1])
    memory = peak_gb(device)
    idle = idle_gpu(way, count) if device == "cuda" else median(shares)
    plans = plans_of(way.planner, 0, count)
    scenes = len({plan.background.number for plan in plans})
    objects = sum(len(plan.objects) for plan in plans)
    flops = scenes * case.scene_flops + objects * case.object_flops
    del way
    clear(device)
    name = (case.model, case.steps, case.way)
    return Measured(*name, count, scenes, objects, flops, seconds, idle, memory)


def idle_gpu(way: Way, count: int) -> float | None:
    """The share of the time in which nothing ran on the GPU, in a repeat of its own, as profiling
    slows the launches a little. None: the profiler saw nothing."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        began = time.perf_counter()
        way.make(count)
        wall = time.perf_counter() - began
    # the raw events: the profiler's own list of them would take minutes for millions of kernels
    events = profiler.profiler.kineto_results.events()
    spans = [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in events
        if event.device_type() == DeviceType.CUDA
    ]
    return 1 - covered(spans) / 1e9 / wall if spans else None


def covered(spans: Iterable[tuple[int, int]]) -> int:
    """How much of a line the spans (first, end) cover together."""
    total, done = 0, None
    for first, end in sorted(spans):
        done = first if done is None else max(first, done)
        total += max(end - done, 0)
        done = max(end, done)
    return total


def measure_limit(device: str) -> float:
    """FLOP/s of a large matrix product in bf16: the best of some rounds."""
    side, products = (8192, 20) if device == "cuda" else (1024, 4)
    left, right = (torch.randn(side, side, device=device).to(torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        wait_for(device)
        began = time.perf_counter()
        for _ in range(products):
            left @ right
        wait_for(device)
        best = min(best, time.perf_counter() - began)
    return products * 2 * side**3 / best


def wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def clear(device: str) -> None:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def forget_peak(device: str) -> None:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_gb(device: str) -> float | None:
    """The most memory that was in use: of the GPU, or on Linux the process's own."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    [line] = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


# ---- three ways, two models ----------------------------------------------------------------------


def compare(arguments: argparse.Namespace, device: str) -> list[Measured]:
    """All that was asked for, model after model; each result is told as soon as it is there."""
    rows: list[Measured] = []
    for name in arguments.models:
        architecture = ARCHITECTURES[name]
        if arguments.shrunken:
            architecture = shrunken(architecture)
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            write_tables(Path(folder), arguments.objects)
            tell(f"{name}: writing {architecture.disk_gb} GB of random weights to {folder}")
            write_model(architecture, Path(folder), device)
            clear(device)
            for case in cases_of(architecture, Path(folder), arguments):
                rows.append(measure(case, arguments.repeats, device))
                rate = rows[-1].rate(rows[-1].pictures)
                tell(f"{case.model}, {case.steps} steps, {case.way}: {rate:.3g} pictures/s")
    return rows


def cases_of(
    architecture: Architecture, folder: Path, arguments: argparse.Namespace
) -> Iterator[Case]:
    """All ways to use one model, the ancestor's only with SDXL."""
    device, name, row = arguments.device, architecture.name, architecture.preset

    def settings(steps: int, canvas: int | None = None) -> RunSettings:
        model = ModelSettings(
            model=str(folder / "scenes"),
            inpaint_model=str(folder / "inpaint"),
            steps=steps,
            device=device,
            dtype="bf16",
            batch_size=arguments.batch_size,
            compile="on" if arguments.compile else "off",
        )
        return settings_of(folder, model, arguments.layouts, canvas, attempts=1)

    cases = []
    if name == "sdxl":
        canvas, (first, second) = int(architecture.side * ANCESTOR_CANVAS), ANCESTOR_STEPS
        costs = costs_of(architecture, canvas)
        cases.append(
            Case(
                name,
                f"{first}, {second}",
                "ancestor",
                partial(ancestor_way, settings(second, canvas), folder, device),
                arguments.loop_images,
                costs.scene(first),
                costs.thing(second, ANCESTOR_STRENGTH, 4),
            )
        )
    costs = costs_of(architecture, architecture.side)
    for steps in arguments.steps:
        work = costs.scene(steps), costs.thing(steps, row.strength, 9)
        plain = partial(plain_way, settings(steps), folder, device, row)
        ours = partial(Infgen, settings(steps), knows_nothing=True)
        cases += [
            Case(name, str(steps), "plain", plain, arguments.loop_images, *work),
            Case(name, str(steps), "infgen", ours, arguments.images, *work),
        ]
    return (case for case in cases if case.way in arguments.ways)


def table_of(rows: Sequence[Measured], limit: float) -> str:
    lines = [
        "| model | steps | way | images/s (of the repeats) | scenes/s | objects/s "
        "| of the bf16 limit | device idle | peak memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = (row.pictures / end for end in (max(row.seconds), min(row.seconds)))
        idle = "?" if row.idle is None else f"{row.idle:.1%}"
        memory = "?" if row.memory_gb is None else f"{row.memory_gb:.1f} GB"
        lines.append(
            f"| {row.model} | {row.steps} | {row.way} "
            f"| {row.rate(row.pictures):.3g} ({low:.3g} to {high:.3g}) "
            f"| {row.rate(row.scenes):.3g} | {row.rate(row.objects):.3g} "
            f"| {row.rate(row.flops) / limit:.1%} | {idle} | {memory} |"
        )
    return "\n".join(lines)


def ratios_of(rows: Sequence[Measured]) -> list[dict[str, Any]]:
    """How many times as many pictures infgen makes per second as the others of the same run."""
    rates = {(row.model, row.steps, row.way): row.rate(row.pictures) for row in rows}
    ancestor = next((row.rate(row.pictures) for row in rows if row.way == "ancestor"), None)
    return [
        {
            "model": model,
            "steps": steps,
            "plain": rate / plain if (plain := rates.get((model, steps, "plain"))) else None,
            "ancestor": rate / ancestor if ancestor else None,
        }
        for (model, steps, way), rate in rates.items()
        if way == "infgen"
    ]


def ratio_table(ratios: Sequence[dict[str, Any]]) -> str:
    lines = ["| model | steps | infgen / plain | infgen / ancestor |", "|---|---|---|---|"]
    for one in ratios:
        plain, ancestor = (
            f"{one[name]:.2f}" if one[name] else "" for name in ("plain", "ancestor")
        )
        lines.append(f"| {one['model']} | {one['steps']} | {plain} | {ancestor} |")
    return "\n".join(lines)


# ---- overhead, on a CPU --------------------------------------------------------------------------


def measure_overhead(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was made, and of each pair of neighbouring repeats the seconds with infgen and of the
    bare calls, on the wall and of the processor; `outside` is the share of infgen's wall time in
    which the painter wasn't at work."""
    model = ModelSettings(
        model=arguments.model,
        steps=arguments.steps[0] if arguments.steps else None,
        device="cpu",
        batch_size=arguments.batch_size,
    )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        write_tables(Path(folder), arguments.objects)
        way = Infgen(settings_of(Path(folder), model, arguments.layouts))
        count = arguments.images
        with recorded(way.painter) as asked, counted() as calls:
            way.make(count)
        bare = BareCalls(way.painter, asked)
        with counted() as bare_calls:
            bare()
        pairs, outside = [], []
        for repeat in range(arguments.repeats):
            seconds = {}
            for ours in (True, False) if repeat % 2 else (False, True):
                before = way.painter.busy
                seconds[ours] = timed(partial(way.make, count) if ours else bare)
                if ours:
                    outside.append(1 - (way.painter.busy - before) / seconds[ours][0])
            pairs.append((seconds[True], seconds[False]))
    return {
        "model": way.painter.names[-1],
        "steps": bare.steps,
        "batch_size": way.painter.batch_size,
        "pictures": count,
        "objects": sum(len(plan.objects) for plan in plans_of(way.planner, 0, count)),
        "wall": [(ours[0], bare[0]) for ours, bare in pairs],
        "processor": [(ours[1], bare[1]) for ours, bare in pairs],
        "outside": median(outside),
        "calls": dict(calls),
        "bare_calls": dict(bare_calls),
    }


def timed(call: Make) -> tuple[float, float]:
    """Seconds on the wall, and of the processor over all threads."""
    began, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - processor


Asked = list[tuple[str, tuple[Any, ...]]]


@contextmanager
def recorded(painter: Painter) -> Iterator[Asked]:
    """What the painter is asked for: (method, arguments) in order."""
    asked: Asked = []

    def spied(name: str) -> Callable[..., Any]:
        method = getattr(painter, name)

        def call(*arguments: Any) -> Any:
            asked.append((name, arguments))
            return method(*arguments)

        return call

    for name in ("scenes", "inpaint"):
        setattr(painter, name, spied(name))
    try:
        yield asked
    finally:
        for name in ("scenes", "inpaint"):
            delattr(painter, name)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often something goes through the networks, by network and batch size."""
    calls: Counter[str] = Counter()
    kinds = ("UNet2DConditionModel", "Encoder", "Decoder")

    def note(module: torch.nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        if (kind := type(module).__name__) in kinds:
            calls[f"{kind} x {len(inputs[0])}"] += 1

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        yield calls
    finally:
        hook.remove()


class BareCalls:
    """The calls of diffusers' pipelines that answer what a painter was asked for, in its batches
    and with its own pipelines: tensors in, decoded tensors out, nothing before or after. Texts are
    encoded beforehand."""

    def __init__(self, painter: Painter, asked: Asked):
        scenes, inpaint = painter._scenes, painter._inpaint
        if scenes is not inpaint or inpaint.row.family != "sd":
            raise SystemExit("the overhead is measured with one Stable Diffusion 1 model for both")
        self._scenes, self._inpaint = scenes.scenes, inpaint.inpaint
        self._row, self._words, self._batch = inpaint.row, inpaint.words, painter.batch_size
        self.steps = inpaint.row.steps
        self._calls = [call for name, of in asked for call in self._prepared(name, *of)]

    def __call__(self) -> None:
        with torch.no_grad():
            for call in self._calls:
                call()

    def _prepared(self, name: str, *asked: Any) -> Iterator[Make]:
        """A call for every batch of what was asked; the last is filled up, as the painter does."""
        prompts = asked[0] if name == "scenes" else asked[2]
        for start in range(0, len(prompts), self._batch):
            rows = list(range(len(prompts)))[start : start + self._batch]
            rows += rows[-1:] * (self._batch - len(rows))
            options = self._options([prompts[row] for row in rows])
            if name == "inpaint":
                pictures = [torch.from_numpy(asked[0][row]) for row in rows]
                masks = [torch.from_numpy(asked[1][row]) for row in rows]
                yield self._inpainting(torch.stack(pictures), torch.stack(masks), options)
            elif self._scenes is None:  # a UNet that can only inpaint repaints everything
                width, height = asked[1]
                nothing = torch.full((len(rows), height, width, 3), 127, dtype=torch.uint8)
                yield self._inpainting(nothing, torch.ones_like(nothing[..., 0]), options, 1.0)
            else:
                yield self._painting(self._scenes, asked[1], options)

    def _options(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        return {
            "prompt_embeds": self._embed([prompt.text for prompt in prompts]),
            "negative_prompt_embeds": self._embed([prompt.negative for prompt in prompts]),
            "num_inference_steps": self._row.steps,
            "guidance_scale": self._row.guidance,
            "output_type": "pt",
        }

    def _embed(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.stack([embedding[0] for embedding in self._words(texts)])

    def _painting(self, pipe: Pipe, size: tuple[int, int], options: dict[str, Any]) -> Make:
        return lambda: pipe(width=size[0], height=size[1], **options)

    def _inpainting(
        self,
        pictures: torch.Tensor,
        masks: torch.Tensor,
        options: dict[str, Any],
        strength: float | None = None,
    ) -> Make:
        strength = self._row.strength if strength is None else strength
        images, masks = pictures.permute(0, 3, 1, 2) / 255, masks[:, None].float()
        height, width = images.shape[-2:]
        return lambda: self._inpaint(
            image=images, mask_image=masks, width=width, height=height, strength=strength, **options
        )


def overhead_table(found: dict[str, Any]) -> str:
    alike = found["calls"] == found["bare_calls"]
    lines = [
        "{model}: {pictures} pictures, {objects} objects planned, {steps} steps, batches of "
        "{batch_size}; the networks were called ".format(**found)
        + ("alike" if alike else "differently: {calls}, bare {bare_calls}".format(**found)),
        "",
        "| | bare calls | infgen | overhead (of the pairs) |",
        "|---|---|---|---|",
    ]
    for name in ("wall", "processor"):
        ours, bare = (median(seconds) for seconds in zip(*found[name], strict=True))
        over = [one / other - 1 for one, other in found[name]]
        lines.append(
            f"| {name} | {bare:.2f} s | {ours:.2f} s "
            f"| {median(over):+.1%} ({min(over):+.1%} to {max(over):+.1%}) |"
        )
    outside = found["outside"]
    return "\n".join(
        [*lines, "", f"The painter wasn't at work for {outside:.1%} of infgen's time."]
    )


# ---- main ----------------------------------------------------------------------------------------


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine(device: str) -> dict[str, str]:
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else _processor(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The CPU's name, and how many cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(names, platform.processor() or 'CPU')}, {torch.get_num_threads()} threads"


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer repeats, steps and pictures")
    add("--device", choices=("auto", "cuda", "cpu"), default="auto")
    add("--steps", type=int, nargs="+", help="(8 20; the model's own for the overhead)")
    add("--images", type=int, help="pictures that infgen makes in a repeat (two batches; 24)")
    add("--objects", type=int, default=2, help="objects per picture (2)")
    add("--layouts", type=int, default=1, help="pictures per scene (1)")
    add("--batch-size", type=int, help="of infgen (as it chooses)")
    add("--repeats", type=int, help="(3; 5 pairs for the overhead)")
    add("--folder", type=Path, help="for temporary files: up to 14 GB (the system's)")
    add("--json", type=Path, help="write all numbers there too")
    gpu = parser.add_argument_group("three ways, two models (on a GPU)").add_argument
    gpu("--shrunken", action="store_true", help="tiny networks of the same kinds, on any device")
    gpu("--models", nargs="+", choices=ARCHITECTURES, default=[*ARCHITECTURES])
    gpu("--ways", nargs="+", choices=WAYS, default=WAYS, help="the ancestor goes with sdxl")
    gpu("--loop-images", type=int, help="pictures that the loops make in a repeat (4)")
    gpu("--compile", action="store_true", help="compile infgen's networks")
    cpu = parser.add_argument_group("overhead (on a CPU)").add_argument
    cpu("--model", default="tiny", help="a Stable Diffusion 1 folder that does both halves (tiny)")
    arguments = parser.parse_args(words)
    if arguments.device == "auto":
        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    return arguments


def _fill(arguments: argparse.Namespace, **defaults: Any) -> None:
    """What the user left open."""
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def main(words: Sequence[str] | None = None) -> None:
    arguments = parse(words)
    device, quick = arguments.device, arguments.quick
    report: dict[str, Any] = {"machine": machine(device)}
    print(", ".join(f"{name} {value}" for name, value in report["machine"].items()) + "\n")
    try:
        if device == "cpu" and not arguments.shrunken:
            _fill(arguments, repeats=3 if quick else 5, images=8 if quick else 24)
            report["overhead"] = measure_overhead(arguments)
            print(overhead_table(report["overhead"]))
        else:
            _fill(
                arguments,
                steps=(8,) if quick else (8, 20),
                repeats=1 if quick else 3,
                loop_images=1 if quick else 4,
                batch_size=8 if quick and device == "cuda" else None,
            )
            limit = measure_limit(device)
            rows = compare(arguments, device)
            ratios = ratios_of(rows)
            report |= {"limit": limit, "rows": [vars(row) for row in rows], "ratios": ratios}
            print(f"The device's limit: {limit / 1e12:.3g} TFLOP/s in bf16, measured.\n")
            print(table_of(rows, limit) + "\n\n" + IDLE[device] + "\n\n" + ratio_table(ratios))
    except InfgenError as error:
        raise SystemExit(str(error)) from None
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    for log in (diffusers.utils.logging, transformers.utils.logging):
        log.disable_progress_bar()
        log.set_verbosity_error()
    main()
