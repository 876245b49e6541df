"""Train and measure the tiny checkpoint: Stable Diffusion's architecture, from nothing.

    python scripts/train_tiny.py --out infgen/models/tiny --seed 0     # draw, train, save, measure
    python scripts/train_tiny.py --evaluate infgen/models/tiny         # measure alone

The script draws its own pictures (`tiny_world.py`), so nothing is downloaded and nobody's pictures
are in it. It trains, in this order: a CLIP tokenizer on the prompts' words, a KL-VAE (latent
diffusion, Rombach et al. 2022, arXiv 2112.10752), and, on cached latents, one inpainting UNet with
its CLIP text encoder. A CPU does; CUDA is used where there is one. It stops and resumes at any
time: state lies under `--work`, and every random number comes from (seed, step).

One UNet serves both pipelines. Its input has 9 channels: 4 noisy latents, the mask, 4 latents of
the masked picture. Text-to-image samples train with zeros in the last five, so the text-to-image
UNet is the same network with `conv_in.weight[:, :4]`, exactly.
"""

from __future__ import annotations

import os

# Idle OpenMP threads must sleep, or two processes on two cores slow each other down tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from tokenizers import trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tiny_world as world

CELL = 4  # pixels per latent
TOKENS = 24  # longest prompt
WIDTH = 64  # of a prompt's embedding
LATENTS = 4
TABLES_BEGIN, TABLES_END = "<!-- tables: written by train_tiny.py -->", "<!-- end of tables -->"


@dataclass(frozen=True)
class Recipe:
    """How much of everything. The defaults made the shipped checkpoint; `--smoke` shrinks them."""

    pool: int = 2400  # pictures the VAE learns from
    scenes: int = 3000  # empty scenes for text-to-image
    edits: int = 9000  # inpainting examples
    vae_steps: int = 2800
    vae_batch: int = 16
    vae_rate: float = 2e-3
    unet_steps: int = 4600
    unet_batch: int = 32  # a third of it text-to-image, the rest inpainting
    unet_rate: float = 1.2e-3
    save_every: int = 200


SMOKE = Recipe(pool=40, scenes=40, edits=60, vae_steps=20, unet_steps=20, save_every=10)


@dataclass(frozen=True)
class Job:
    """One training run: what, where, on which device."""

    recipe: Recipe
    seed: int
    work: Path
    device: torch.device

    def rng(self, *path: int) -> np.random.Generator:
        """Numbers for one step of one stage: the same after a resume as without."""
        return np.random.default_rng([self.seed, *path])

    def noise(self, *path: int) -> torch.Generator:
        return torch.Generator().manual_seed(int(self.rng(*path, 9).integers(2**62)))

    def autocast(self) -> torch.autocast:
        """bfloat16 on CUDA; float32 on a CPU, where bfloat16 gained nothing at these sizes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def fast(self, module: nn.Module) -> nn.Module:
        return module.to(self.device, memory_format=torch.channels_last)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def to_tensor(pictures: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 as (N, 3, H, W) in -1..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Warm-up over 150 steps, flat to half the run, then a cosine down to nothing."""
    late = max(0.0, (step / steps - 0.5) / 0.5)
    return peak * min(1.0, (step + 1) / 150) * 0.5 * (1 + math.cos(math.pi * late))


def train_loop(
    job: Job, name: str, steps: int, parts: dict[str, Any], one_step: Callable[[int], float]
) -> None:
    """Call `one_step` for each step, resuming from and saving `parts` (state_dict holders)."""
    path = job.work / f"{name}.pt"
    first = 0
    if path.exists():
        saved = torch.load(path, map_location=job.device, weights_only=True)
        for key, part in parts.items():
            part.load_state_dict(saved[key])
        first = saved["step"]
        say(f"{name}: resumed at step {first}")
    began, losses = time.monotonic(), []
    for step in range(first, steps):
        losses.append(one_step(step))
        done = step + 1
        if done % job.recipe.save_every == 0 or done == steps:
            state = {key: part.state_dict() for key, part in parts.items()}
            torch.save({"step": done, **state}, path.with_suffix(".tmp"))
            path.with_suffix(".tmp").replace(path)
            pace = (time.monotonic() - began) / (done - first)
            say(f"{name} {done}/{steps} loss {np.mean(losses):.4f} {pace:.2f} s/step")
            losses.clear()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, rate: float, clip: float) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()


# --- tokenizer and text encoder ------------------------------------------------------------------


def learn_tokenizer(folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer with byte pairs from our prompts; all printable ASCII still has ids."""
    backend = CLIPTokenizer().backend_tokenizer
    letters = [chr(code) for code in range(33, 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=["<|startoftext|>", "<|endoftext|>"],
        initial_alphabet=letters,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    backend.train_from_iterator([*world.every_wording(), *letters], trainer)
    model = json.loads(backend.to_str())["model"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [" ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tokens(tokenizer: CLIPTokenizer, prompts: Sequence[str]) -> Tensor:
    """Padded to full length, as the Stable Diffusion pipelines do."""
    batch = tokenizer(
        list(prompts), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
    )
    return batch.input_ids


# --- pictures ------------------------------------------------------------------------------------


@dataclass
class Edit:
    """One inpainting example: the picture before, with the thing, and with the mask blanked."""

    name: str
    scene: str
    before: world.Picture
    after: world.Picture
    mask: world.Mask
    whole_scene: bool  # not a zoomed part

    @property
    def blanked(self) -> np.ndarray:
        """Zero in -1..1 under the mask: what the inpaint pipelines give the VAE."""
        return np.where(self.mask[..., None], np.float32(127.5), self.before)


def pick(rng: np.random.Generator, names: Iterable[str]) -> str:
    choices = list(names)
    return choices[int(rng.integers(len(choices)))]


def draw_edit(rng: np.random.Generator) -> Edit:
    """A scene (two in five zoomed in, a quarter with other things there) and a thing in a box.

    The thing fills its box exactly. Two masks in three are that box, so that a full box is what a
    box asks for; the others are round and a little larger, as infgen's denoise masks are.
    """
    scene, name = pick(rng, world.SCENES), pick(rng, world.THINGS)
    before = world.draw_scene(scene, rng)
    zoom = rng.random() < 0.4
    if zoom:
        before = world.zoomed(before, rng)
    if rng.random() < 0.25:
        other = pick(rng, world.THINGS)
        before = world.paint(before, other, world.random_box(other, rng, full=0.0), rng)
    box = world.random_box(name, rng)
    mask = world.box_mask(box) if rng.random() < 0.67 else world.round_mask(box, rng)
    return Edit(name, scene, before, world.paint(before, name, box, rng), mask, not zoom)


def draw_pool(job: Job) -> np.ndarray:
    """Pictures for the VAE: edits with their thing, some with a blank as the masked input has."""
    pictures = []
    for number in range(job.recipe.pool):
        rng = job.rng(1, number)
        edit = draw_edit(rng)
        pictures.append(edit.blanked if rng.random() < 0.15 else edit.after)
    return np.stack([np.round(picture).astype(np.uint8) for picture in pictures])


# --- the VAE -------------------------------------------------------------------------------------


def new_vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=LATENTS,
        norm_num_groups=8,
        sample_size=world.SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def slopes(pictures: Tensor) -> tuple[Tensor, Tensor]:
    across = pictures[..., :, 1:] - pictures[..., :, :-1]
    down = pictures[..., 1:, :] - pictures[..., :-1, :]
    return across, down


def vae_loss(vae: AutoencoderKL, pictures: Tensor, noise: Tensor) -> Tensor:
    """L1 on pixels and on their slopes (the second keeps edges sharp), and a very light KL."""
    posterior = vae.encode(pictures).latent_dist
    decoded = vae.decode(posterior.mean + posterior.std * noise).sample
    pairs = zip(slopes(decoded), slopes(pictures), strict=True)
    edges = sum(
        (F.l1_loss(made, true) for made, true in pairs), torch.zeros((), device=noise.device)
    )
    divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
    return F.l1_loss(decoded, pictures) + 0.5 * edges + 3e-5 * divergence


def random_crops(pool: np.ndarray, count: int, side: int, rng: np.random.Generator) -> np.ndarray:
    room = pool.shape[1] - side + 1
    places = zip(
        rng.integers(len(pool), size=count), rng.integers(room, size=(count, 2)), strict=True
    )
    return np.stack([pool[i, y : y + side, x : x + side] for i, (y, x) in places])


def vae_pictures(job: Job, pool: np.ndarray, step: int) -> np.ndarray:
    """Small crops for half the steps, then whole pictures, a quarter as many.

    Crops are more varied; but group norms see other statistics in them than in whole pictures,
    which a VAE trained on crops alone gives back with faint wrong tints.
    """
    count, side = job.recipe.vae_batch, world.SIZE // 2
    if step >= job.recipe.vae_steps // 2:
        count, side = count // 4, world.SIZE
    return random_crops(pool, count, side, job.rng(2, step))


def train_vae(job: Job) -> AutoencoderKL:
    recipe, done = job.recipe, job.work / "vae"
    if done.exists():
        return AutoencoderKL.from_pretrained(done).to(job.device).requires_grad_(False)
    torch.manual_seed(job.seed)
    vae = new_vae()
    job.fast(vae)
    optimizer = torch.optim.AdamW(vae.parameters(), weight_decay=1e-4, betas=(0.9, 0.99))
    pool = draw_pool(job)
    say(f"vae: drew {len(pool)} pictures")

    def one_step(step: int) -> float:
        pictures = to_tensor(vae_pictures(job, pool, step))
        count, side = len(pictures), pictures.shape[-1] // CELL
        noise = torch.randn(count, LATENTS, side, side, generator=job.noise(2, step))
        with job.autocast():
            loss = vae_loss(vae, pictures.to(job.device), noise.to(job.device))
        rate = learning_rate(step, recipe.vae_steps, recipe.vae_rate)
        descend(optimizer, loss, rate, clip=1.0)
        return float(loss.detach())

    train_loop(job, "vae", recipe.vae_steps, {"vae": vae, "optimizer": optimizer}, one_step)
    whiten(vae, to_tensor(pool[:256]).to(job.device))
    vae.save_pretrained(done)
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def whiten(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Give each latent channel mean 0 and variance 1, inside quant_conv and post_quant_conv.

    Diffusion wants unit latents; with this the pipelines' one scaling factor is 1 and nothing else
    needs to know.
    """
    latents = torch.cat([vae.encode(part).latent_dist.mean for part in pictures.split(32)])
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:LATENTS] /= std[:, None, None, None]
    quant.bias[:LATENTS] = (quant.bias[:LATENTS] - mean) / std
    quant.bias[LATENTS:] -= 2 * std.log()
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= std[None, :, None, None]


# --- cached latents ------------------------------------------------------------------------------


@dataclass
class Cache:
    """Latents of all drawings, with what their prompts are made from."""

    scenes: Tensor
    scene_names: list[str]
    before: Tensor
    after: Tensor
    blanked: Tensor
    masks: Tensor
    edit_names: list[tuple[str, str]]  # thing, scene
    whole: list[int] = field(default_factory=list)  # edits fit for text-to-image


@torch.no_grad()
def encode(job: Job, vae: AutoencoderKL, pictures: np.ndarray) -> Tensor:
    with job.autocast():
        return vae.encode(to_tensor(pictures).to(job.device)).latent_dist.mean.float()


def latent_mask(masks: np.ndarray) -> Tensor:
    """To latent cells by nearest neighbour, as the inpaint pipelines do."""
    side = world.SIZE // CELL
    return F.interpolate(torch.from_numpy(masks)[:, None].float(), size=(side, side))


def chunks(count: int, size: int = 64) -> Iterator[range]:
    for first in range(0, count, size):
        yield range(first, min(first + size, count))


def encode_scenes(job: Job, vae: AutoencoderKL) -> tuple[Tensor, list[str]]:
    names = [list(world.SCENES)[i % len(world.SCENES)] for i in range(job.recipe.scenes)]
    parts = []
    for chunk in chunks(len(names)):
        drawn = np.stack([world.draw_scene(names[i], job.rng(3, i)) for i in chunk])
        parts.append(encode(job, vae, drawn))
    return torch.cat(parts), names


def build_cache(job: Job, vae: AutoencoderKL) -> Cache:
    path = job.work / "cache.pt"
    if path.exists():
        return Cache(**torch.load(path, map_location=job.device, weights_only=True))
    scenes, scene_names = encode_scenes(job, vae)
    say(f"cache: {len(scenes)} scenes")
    columns: dict[str, list[Tensor]] = {"before": [], "after": [], "blanked": [], "masks": []}
    names: list[tuple[str, str]] = []
    whole: list[int] = []
    for chunk in chunks(job.recipe.edits):
        edits = [draw_edit(job.rng(4, i)) for i in chunk]
        for key in ("before", "after", "blanked"):
            pictures = np.stack([getattr(edit, key).astype(np.float32) for edit in edits])
            columns[key].append(encode(job, vae, pictures))
        columns["masks"].append(latent_mask(np.stack([edit.mask for edit in edits])).to(job.device))
        names += [(edit.name, edit.scene) for edit in edits]
        whole += [i for i, edit in zip(chunk, edits, strict=True) if edit.whole_scene]
    tensors = {key: torch.cat(parts) for key, parts in columns.items()}
    cache = Cache(scenes, scene_names, **tensors, edit_names=names, whole=whole)
    torch.save(vars(cache), path)
    say(f"cache: {len(names)} edits")
    return cache


# --- the UNet ------------------------------------------------------------------------------------


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=world.SIZE // CELL,
        in_channels=2 * LATENTS + 1,
        out_channels=LATENTS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 80, 128),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def new_scheduler() -> DDIMScheduler:
    """v-prediction (Salimans & Ho 2022, arXiv 2202.00512) with zero terminal SNR and trailing steps
    (Lin et al. 2023, arXiv 2305.08891): the last noise level hides the picture wholly, so night
    comes out dark, snow bright, and few steps suffice."""
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        steps_offset=1,
        timestep_spacing="trailing",
    )


@dataclass
class Batch:
    """Clean latents, the five extra input channels, loss weights, prompts."""

    clean: Tensor
    extra: Tensor
    weight: Tensor
    prompts: list[str]


def text_to_image_batch(cache: Cache, count: int, rng: np.random.Generator) -> Batch:
    """Mostly empty scenes, one in eight with a thing anywhere. The extra channels are 0."""
    clean, prompts = [], []
    for _ in range(count):
        if rng.random() < 0.125:
            at = cache.whole[int(rng.integers(len(cache.whole)))]
            thing, scene = cache.edit_names[at]
            clean.append(cache.after[at])
            prompts.append(world.thing_prompt(thing, scene, rng))
        else:
            at = int(rng.integers(len(cache.scene_names)))
            clean.append(cache.scenes[at])
            prompts.append(world.scene_prompt(cache.scene_names[at], rng))
    latents = torch.stack(clean)
    side = latents.shape[-1]
    extra = latents.new_zeros(count, LATENTS + 1, side, side)
    return Batch(latents, extra, torch.ones_like(latents[:, :1]), prompts)


def inpaint_batch(cache: Cache, count: int, rng: np.random.Generator) -> Batch:
    """A thing into its mask; one in six instead the bare scene (removal), prompted as a scene.

    The loss counts four times as much inside the mask as outside, where the answer is in the input.
    """
    at = rng.integers(len(cache.edit_names), size=count)
    bare = rng.random(count) < 1 / 6
    clean = torch.stack(
        [(cache.before if b else cache.after)[i] for i, b in zip(at, bare, strict=True)]
    )
    prompts = []
    for i, without in zip(at, bare, strict=True):
        thing, scene = cache.edit_names[i]
        words = world.scene_prompt(scene, rng) if without else world.thing_prompt(thing, scene, rng)
        prompts.append(words)
    mask = cache.masks[torch.from_numpy(at)]
    extra = torch.cat((mask, cache.blanked[torch.from_numpy(at)]), 1)
    return Batch(clean, extra, 0.5 + 1.5 * mask, prompts)


def joined(one: Batch, two: Batch, rng: np.random.Generator) -> Batch:
    """Both, with a tenth of the prompts emptied for classifier-free guidance (arXiv 2207.12598)."""
    tensors = (torch.cat((getattr(one, k), getattr(two, k))) for k in ("clean", "extra", "weight"))
    prompts = ["" if rng.random() < 0.1 else words for words in (*one.prompts, *two.prompts)]
    return Batch(*tensors, prompts)


class Average(nn.Module):
    """An exponential moving average of modules' weights; the average is what ships."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.live = [p for module in modules for p in module.parameters()]
        copies = [nn.Parameter(p.detach().clone(), requires_grad=False) for p in self.live]
        self.copies = nn.ParameterList(copies)

    @torch.no_grad()
    def update(self, step: int) -> None:
        keep = min(0.998, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.copies), self.live, 1 - keep)

    @torch.no_grad()
    def apply_to_live(self) -> None:
        for live, copy in zip(self.live, self.copies, strict=True):
            live.copy_(copy)


def diffusion_loss(
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    batch: Batch,
    text: Tensor,
    rng: torch.Generator,
) -> Tensor:
    device = batch.clean.device
    noise = torch.randn(batch.clean.shape, generator=rng).to(device)
    times = torch.randint(0, scheduler.config.num_train_timesteps, (len(noise),), generator=rng)
    times = times.to(device)
    noisy = scheduler.add_noise(batch.clean, noise, times)
    target = scheduler.get_velocity(batch.clean, noise, times)
    sample = torch.cat((noisy, batch.extra), 1)
    guess = unet(sample.contiguous(memory_format=torch.channels_last), times, text).sample
    return (batch.weight * (guess.float() - target) ** 2).mean()


def train_unet(
    job: Job, cache: Cache, tokenizer: CLIPTokenizer
) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    recipe = job.recipe
    torch.manual_seed(job.seed)
    unet, text_encoder, scheduler = new_unet(), new_text_encoder(tokenizer), new_scheduler()
    job.fast(unet)
    text_encoder.to(job.device)
    average = Average((unet, text_encoder))
    optimizer = torch.optim.AdamW(average.live, weight_decay=0.01, betas=(0.9, 0.99), fused=True)

    def one_step(step: int) -> float:
        rng, third = job.rng(5, step), recipe.unet_batch // 3
        batch = joined(
            text_to_image_batch(cache, third, rng),
            inpaint_batch(cache, recipe.unet_batch - third, rng),
            rng,
        )
        with job.autocast():
            text = text_encoder(tokens(tokenizer, batch.prompts).to(job.device)).last_hidden_state
            loss = diffusion_loss(unet, scheduler, batch, text, job.noise(5, step))
        rate = learning_rate(step, recipe.unet_steps, recipe.unet_rate)
        descend(optimizer, loss, rate, clip=1.0)
        average.update(step)
        return float(loss.detach())

    parts = {"unet": unet, "text": text_encoder, "average": average, "optimizer": optimizer}
    train_loop(job, "unet", recipe.unet_steps, parts, one_step)
    average.apply_to_live()
    return unet.eval(), text_encoder.eval()


def train(job: Job, out: Path) -> None:
    job.work.mkdir(parents=True, exist_ok=True)
    tokenizer = learn_tokenizer(job.work / "tokenizer")
    vae = train_vae(job)
    say(f"vae: {reconstruction_db(vae, job):.1f} dB on unseen pictures")
    unet, text_encoder = train_unet(job, build_cache(job, vae), tokenizer)
    save(job, out, vae, unet, text_encoder, tokenizer)


def save(
    job: Job,
    out: Path,
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
) -> None:
    """The whole inpainting pipeline in the diffusers format, in float16."""
    pipeline = StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to("cpu", torch.float16)
    text_encoder.float()  # transformers loads the stored type, diffusers float32: let them agree
    pipeline.save_pretrained(out)
    index = json.loads((out / "model_index.json").read_text())
    index["_infgen"] = {  # what infgen can't know of a stranger's folder
        "first_channels": True,
        "steps": Sampler.steps,
        "guidance": Sampler.guidance,
        "dtype": "fp32",
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    for name in ("vocab.json", "merges.txt"):  # transformers 4 reads these, 5 tokenizer.json
        shutil.copy(job.work / "tokenizer" / name, out / "tokenizer" / name)
    say(f"saved {out}: {sum(f.stat().st_size for f in out.rglob('*')) / 1e6:.1f} MB")


@torch.no_grad()
def reconstruction_db(vae: AutoencoderKL, job: Job, count: int = 64) -> float:
    """Mean PSNR of the VAE round trip on new drawings."""
    drawn = to_tensor(np.stack([draw_edit(job.rng(6, i)).after for i in range(count)])).to(
        job.device
    )
    decoded = vae.decode(vae.encode(drawn).latent_dist.mean).sample.clamp(-1, 1)
    error = ((decoded - drawn) ** 2).mean((1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())


# --- measuring -----------------------------------------------------------------------------------


def text_to_image(inpaint: StableDiffusionInpaintPipeline) -> StableDiffusionPipeline:
    """The text-to-image pipeline hidden in the inpainting one: the first four input channels."""
    state = inpaint.unet.state_dict()
    state["conv_in.weight"] = state["conv_in.weight"][:, :LATENTS].clone()
    unet = UNet2DConditionModel.from_config(dict(inpaint.unet.config) | {"in_channels": LATENTS})
    unet.load_state_dict(state)
    parts = dict(inpaint.components) | {"unet": unet.to(inpaint.device, inpaint.unet.dtype).eval()}
    pipeline = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load(folder: Path, device: torch.device) -> StableDiffusionInpaintPipeline:
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def scene_wording(scene: str, number: int) -> str:
    return f"a photo of a {world.SCENE_WORDS[scene][number % len(world.SCENE_WORDS[scene])]}"


@dataclass(frozen=True)
class Sampler:
    """How the pipelines are called."""

    steps: int = 10
    guidance: float = 2.0
    batch: int = 16


@dataclass
class Trial:
    """One requested edit and what the oracle saw in the answer."""

    name: str  # of the thing asked for, or "" for removal
    scene: str
    before: world.Picture
    box: world.Box
    prompt: str
    answer: world.Picture | None = None  # the pipeline's own, nothing pasted back

    @property
    def pasted(self) -> world.Picture:
        assert self.answer is not None
        mask = world.box_mask(self.box)
        return np.where(mask[..., None], self.answer, self.before)

    @property
    def finding(self) -> world.Finding | None:
        return world.look(self.pasted, self.name)

    @property
    def iou(self) -> float:
        finding = self.finding
        return world.box_iou(finding.box, self.box) if finding else 0.0

    @property
    def right(self) -> bool:
        """The asked class in its colour and shape, filling the box, and no other class in sight."""
        finding = self.finding
        if finding is None or finding.shape < 0.6 or self.iou < 0.6:
            return False
        return world.seen_things(self.pasted) == {self.name}

    @property
    def spill(self) -> float:
        """Share of the thing's colour that the bare answer puts over 1 px outside the box."""
        assert self.answer is not None
        colour = world.colour_mask(self.answer, self.name)
        x0, y0, x1, y1 = self.box
        outside = colour.copy()
        outside[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = False
        return float(outside.sum() / max(colour.sum(), 1))


def asked_trials(seed: int, each: int) -> list[Trial]:
    """`each` boxes for every class in every scene, in three wordings in turn."""
    trials = []
    for scene in world.SCENES:
        for name in world.THINGS:
            for i in range(each):
                rng = np.random.default_rng([seed, 77, len(trials)])
                before = world.draw_scene(scene, rng)
                box, place = world.random_box(name, rng), world.SCENE_WORDS[scene][0]
                words = (name, f"a photo of a {name}", f"a {name} in the {place}")[i % 3]
                trials.append(Trial(name, scene, before, box, words))
    return trials


def removal_trials(seed: int, each: int) -> list[Trial]:
    """A thing to take away: the scene's own prompt in its box."""
    trials = []
    for scene in world.SCENES:
        for _ in range(each):
            rng = np.random.default_rng([seed, 78, len(trials)])
            name = pick(rng, world.THINGS)
            box = world.random_box(name, rng, full=0.0)
            before = world.paint(world.draw_scene(scene, rng), name, box, rng)
            trials.append(Trial("", scene, before, box, scene_wording(scene, len(trials))))
    return trials


def seeds(first: int, count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(first + i) for i in range(count)]


def answer(
    pipeline: StableDiffusionInpaintPipeline, trials: Sequence[Trial], sampler: Sampler, seed: int
) -> None:
    """Run the real pipeline on all trials, in batches."""
    for chunk in chunks(len(trials), sampler.batch):
        part = [trials[i] for i in chunk]
        masks = [
            Image.fromarray(world.box_mask(trial.box).astype(np.uint8) * 255) for trial in part
        ]
        made = pipeline(
            prompt=[trial.prompt for trial in part],
            image=[Image.fromarray(trial.before) for trial in part],
            mask_image=masks,
            height=world.SIZE,
            width=world.SIZE,
            num_inference_steps=sampler.steps,
            guidance_scale=sampler.guidance,
            generator=seeds(seed * 1_000_003 + chunk.start, len(part)),
            output_type="np",
        ).images
        for trial, picture in zip(part, made, strict=True):
            trial.answer = np.round(picture * 255).astype(np.uint8)


def backgrounds(
    pipeline: StableDiffusionPipeline, each: int, sampler: Sampler, seed: int
) -> dict[str, list[world.Picture]]:
    """`each` pictures per scene from text alone."""
    made = {}
    for number, scene in enumerate(world.SCENES):
        pictures = pipeline(
            prompt=[scene_wording(scene, i) for i in range(each)],
            height=world.SIZE,
            width=world.SIZE,
            num_inference_steps=sampler.steps,
            guidance_scale=sampler.guidance,
            generator=seeds(seed * 1_000_003 + 500_000 + number * each, each),
            output_type="np",
        ).images
        made[scene] = [np.round(picture * 255).astype(np.uint8) for picture in pictures]
    return made


def share(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def class_table(trials: Sequence[Trial]) -> str:
    """Right answers per class and scene; then mean IoU with the box and spill per class."""
    scenes = list(world.SCENES)
    rows = [
        f"| class | {' | '.join(scenes)} | all | IoU | spill |",
        "|---" * (len(scenes) + 4) + "|",
    ]
    for name in [*world.THINGS, ""]:
        own = [trial for trial in trials if name in ("", trial.name)]
        cells = [share(t.right for t in own if t.scene == scene) for scene in scenes]
        numbers = [
            *cells,
            *(share(getattr(t, key) for t in own) for key in ("right", "iou", "spill")),
        ]
        rows.append(f"| {name or '**all**'} | {' | '.join(f'{n:.2f}' for n in numbers)} |")
    return "\n".join(rows)


def background_table(made: dict[str, list[world.Picture]], removals: Sequence[Trial]) -> str:
    """Per scene: recognised, free of things, and removals that left no thing behind."""
    rows = ["| scene | recognised | free of things | removal clean |", "|---|---|---|---|"]
    for scene, pictures in made.items():
        known = share(world.recognise_scene(picture) == scene for picture in pictures)
        free = share(not world.seen_things(picture) for picture in pictures)
        clean = share(not world.seen_things(t.pasted) for t in removals if t.scene == scene)
        rows.append(f"| {scene} | {known:.2f} | {free:.2f} | {clean:.2f} |")
    return "\n".join(rows)


def contact_sheet(path: Path, pictures: Sequence[world.Picture], columns: int) -> None:
    """A grid of `pictures`, twice their size."""
    blank = np.full_like(pictures[0], 255)
    padded = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    sheet = Image.fromarray(np.vstack(rows))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.BICUBIC).save(path)


def evaluate(
    folder: Path, device: torch.device, seed: int, each: int, sampler: Sampler, sheets: Path | None
) -> str:
    """The success tables of the checkpoint in `folder`, as Markdown; contact sheets to `sheets`."""
    pipeline = load(folder, device)
    trials, removals = asked_trials(seed, each), removal_trials(seed, each)
    answer(pipeline, trials, sampler, seed)
    answer(pipeline, removals, sampler, seed + 1)
    made = backgrounds(text_to_image(pipeline), each, sampler, seed)
    if sheets:
        draw_sheets(sheets, trials, removals, made)
    counts = (
        f"{sampler.steps} steps, guidance {sampler.guidance:g}, seed {seed}: {len(trials)} boxes, "
        f"{sum(map(len, made.values()))} backgrounds, {len(removals)} removals."
    )
    return "\n\n".join((counts, class_table(trials), background_table(made, removals)))


def draw_sheets(
    folder: Path,
    trials: Sequence[Trial],
    removals: Sequence[Trial],
    made: dict[str, list[world.Picture]],
) -> None:
    """Contact sheets: what numbers don't show."""
    folder.mkdir(parents=True, exist_ok=True)
    contact_sheet(folder / "boxes.png", [t.pasted for t in trials][:168], 14)
    contact_sheet(folder / "removal.png", [p for t in removals for p in (t.before, t.pasted)], 16)
    contact_sheet(folder / "scenes.png", [p for group in made.values() for p in group[:12]], 12)
    failed = [trial.pasted for trial in trials if not trial.right]
    contact_sheet(folder / "failed.png", failed or [trials[0].before], 12)


def update_card(folder: Path, tables: str) -> None:
    """Put `tables` between the marks of the model card, if there is one."""
    card = folder / "README.md"
    if not card.exists():
        return
    head, _, rest = card.read_text(encoding="utf-8").partition(TABLES_BEGIN)
    _, mark, tail = rest.partition(TABLES_END)
    if mark:
        text = f"{head}{TABLES_BEGIN}\n{tables}\n{mark}{tail}"
        card.write_text(text, encoding="utf-8")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="train, and save the checkpoint here")
    parser.add_argument("--evaluate", type=Path, help="only measure this checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--work", type=Path, help="resumable state (default: under the temp folder)"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--each", type=int, default=12, help="boxes per class and scene measured")
    parser.add_argument("--steps", type=int, default=Sampler.steps)
    parser.add_argument("--guidance", type=float, default=Sampler.guidance)
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets to look at")
    parser.add_argument("--card", action="store_true", help="with --evaluate: renew its model card")
    parser.add_argument("--smoke", action="store_true", help="a minute's run that learns nothing")
    options = parser.parse_args(arguments)
    if not (options.out or options.evaluate):
        parser.error("say --out FOLDER to train or --evaluate FOLDER to measure")
    return options


def main() -> None:
    options = parsed()
    device = torch.device(options.device)
    if options.out:
        name = f"infgen-tiny-{'smoke-' if options.smoke else ''}{options.seed}"
        work = options.work or Path(tempfile.gettempdir()) / name
        train(Job(SMOKE if options.smoke else Recipe(), options.seed, work, device), options.out)
    sampler = Sampler(options.steps, options.guidance)
    folder = options.evaluate or options.out
    tables = evaluate(folder, device, options.seed, options.each, sampler, options.sheets)
    print(tables)
    if options.card or options.out:
        update_card(folder, tables)


if __name__ == "__main__":
    main()
