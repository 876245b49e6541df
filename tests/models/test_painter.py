"""Every family's own pipelines, small and random, through the public loader."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

import torch

from infgen.models.loader import load
from infgen.models.painter import MOST_FAILURES
from infgen.models.pixels import in_range, to_device
from infgen.models.placing import is_out_of_memory
from infgen.models.prompts import PainterStopped, Prompt, Rejected
from infgen.models.settings import ModelSettings
from infgen.records.errors import DeviceFull, DeviceLost

KINDS = [("sd", 4), ("sd", 9), ("sdxl", 4), ("sdxl", 9), ("flux2", 4), ("zimage", 4)]
SIDE = 64
PROMPTS = [Prompt("a red ball"), Prompt("a blue cube", "blurry"), Prompt("sand")]


@pytest.fixture(scope="module")
def painters(small):
    """`painters("sd", 9)` is a painter with batches of 2; made once per kind."""
    made = {}

    def get(family, channels=4):
        if (family, channels) not in made:
            made[family, channels] = load(settings(small(family, channels)))
        painter = made[family, channels]
        painter.batch_size = 2
        return painter

    return get


def settings(folder, **more):
    return ModelSettings(
        **{"model": str(folder), "steps": 3, "guidance": 2.5, "batch_size": 2} | more
    )


def pictures(count, side=SIDE):
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return list(coarse.repeat(side // 4, 1).repeat(side // 4, 2))


def box(x0=16, y0=16, x1=48, y1=32, side=SIDE):
    mask = np.zeros((side, side), bool)
    mask[y0:y1, x0:x1] = True
    return mask


@contextmanager
def hooked(module, before_it):
    """Call `before_it` before every forward of a module of the real pipeline."""
    hook = module.register_forward_pre_hook(before_it)
    try:
        yield
    finally:
        hook.remove()


def apart(one, other):
    """The largest difference of any value."""
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_scenes_come_in_order_and_in_any_size(painters, kind):
    painter = painters(*kind)
    made = painter.scenes(PROMPTS, (70, 50), [1, 2, 3])
    assert [(p.shape, p.dtype) for p in made] == [((50, 70, 3), np.uint8)] * 3
    assert apart(made[0], made[1]) > 20
    [alone] = painter.scenes([PROMPTS[1]], (70, 50), [2])
    assert apart(alone, made[1]) <= 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_inpainting_is_whole_pictures_by_seed(painters, kind):
    painter = painters(*kind)
    before = pictures(3)
    made = painter.inpaint(before, [box()] * 3, PROMPTS, [1, 2, 3])
    assert [(p.shape, p.dtype) for p in made] == [((SIDE, SIDE, 3), np.uint8)] * 3
    again = painter.inpaint(before, [box()] * 3, PROMPTS, [1, 2, 3])
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))
    other = painter.inpaint(before, [box()] * 3, PROMPTS, [1, 2, 4])
    assert apart(other[2], made[2]) > 5


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_neighbours_in_the_batch_and_its_size_do_not_matter(painters, kind):
    painter = painters(*kind)
    before, masks, seeds = pictures(3), [box(), box(0, 0, 64, 64), box(8, 40, 24, 64)], [7, 8, 9]
    together = painter.inpaint(before, masks, PROMPTS, seeds)
    painter.batch_size = 1
    for i in range(3):
        [alone] = painter.inpaint(
            before[i : i + 1], masks[i : i + 1], PROMPTS[i : i + 1], [seeds[i]]
        )
        assert apart(alone, together[i]) <= 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_seeds_may_be_as_large_as_plans_make_them(painters, kind):
    painter = painters(*kind)
    made = painter.scenes(PROMPTS[:2], (SIDE, SIDE), [2**63 - 1, np.uint64(2**62)])
    assert apart(*made) > 5


@pytest.mark.parametrize("kind", [k for k in KINDS if k[1] == 9], ids=str)
def test_the_nine_channels_are_noise_mask_and_the_known_part(small, kind):
    """What the model is told of the masked area is grey; the mask is one to repaint."""
    painter = load(settings(small(*kind), strength=1.0))
    before = pictures(2)
    hidden = [np.where(box()[:, :, None], 77, picture).astype(np.uint8) for picture in before]
    seen = []
    with hooked(painter._inpaint.inpaint.unet, lambda module, args: seen.append(args[0].clone())):
        painter.inpaint(before, [box()] * 2, PROMPTS[:2], [1, 2])
        painter.inpaint(hidden, [box()] * 2, PROMPTS[:2], [1, 2])
    first, later = seen[0], seen[len(seen) // 2]
    assert torch.equal(first, later)  # not a trace of what was under the mask
    assert first.shape == (4, 9, SIDE // 4, SIDE // 4)
    assert torch.equal(first[0, 4], torch.from_numpy(box()[::4, ::4]).float())
    assert (first[:2, :4] != 0).all()


@pytest.mark.parametrize("kind", [k for k in KINDS if k[1] == 4], ids=str)
def test_without_nine_channels_the_known_part_returns_from_the_picture(painters, kind):
    """These pipelines put the picture's own latents back at every step."""
    painter = painters(*kind)
    before, mask, seen = pictures(2), box(0, 0, 64, 32), []
    decoder = painter._inpaint.inpaint.vae.decoder
    with hooked(decoder, lambda module, args: seen.append(args[0].clone())):
        painter.inpaint(before, [mask] * 2, PROMPTS[:2], [1, 2])
        painter.inpaint(before, [np.zeros_like(mask)] * 2, PROMPTS[:2], [1, 2])
    painted, unpainted = seen
    half = painted.shape[-2] // 2
    assert torch.allclose(painted[:, :, half:], unpainted[:, :, half:], atol=1e-5)
    assert not torch.allclose(painted[:, :, :half], unpainted[:, :, :half], atol=0.1)


@pytest.mark.parametrize("channels", [4, 9])
def test_below_full_strength_the_picture_shines_through(small, channels):
    """The first latents are the picture's own with noise of the step that it starts at."""
    painter = load(settings(small("sd", channels), steps=4, strength=0.5))
    pipe, seen = painter._inpaint.inpaint, []
    with hooked(pipe.unet, lambda module, args: seen.append(args)):
        painter.inpaint(pictures(2), [box()] * 2, PROMPTS[:2], [1, 2])
    assert len(seen) == 2
    draws = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    noise = torch.cat([torch.randn(1, 4, 16, 16, generator=generator) for generator in draws])
    with torch.no_grad():
        latents = pipe.vae.encode(
            in_range(to_device(np.stack(pictures(2)), "cpu"))
        ).latent_dist.mode()
    latents = latents * pipe.vae.config.scaling_factor
    expected = pipe.scheduler.add_noise(latents, noise, seen[0][1])
    assert torch.allclose(seen[0][0][:2, :4], expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_round_trip_keeps_sizes_and_is_the_vae_itself(painters, kind):
    painter = painters(*kind)
    odd = np.random.default_rng(1).integers(0, 256, (33, 41, 3), dtype=np.uint8)
    made = painter.roundtrip([*pictures(3), odd, pictures(1)[0]])
    assert [p.shape for p in made] == [(SIDE, SIDE, 3)] * 3 + [(33, 41, 3), (SIDE, SIDE, 3)]
    assert np.array_equal(made[0], made[4])
    vae = painter._inpaint.inpaint.vae
    with torch.no_grad():
        pixels = torch.from_numpy(pictures(1)[0]).permute(2, 0, 1)[None] / 127.5 - 1
        back = vae.decode(vae.encode(pixels).latent_dist.mode()).sample[0].permute(1, 2, 0)
    expected = ((back + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    assert apart(made[0], expected) <= 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_each_text_is_encoded_once(painters, kind):
    painter, texts = painters(*kind), []
    encoder = painter._inpaint.inpaint.text_encoder
    new = [Prompt("new 1", "bad"), Prompt("new 2", "bad"), Prompt("new 1", "bad")]
    guided = painter._inpaint.family.guided(painter._inpaint.inpaint, painter._inpaint.guidance)
    with hooked(encoder, lambda module, args: texts.append(1)):
        painter.prepare(new)
        painter.scenes(new, (SIDE, SIDE), [1, 2, 3])
        painter.inpaint(pictures(3), [box()] * 3, new, [1, 2, 3])
    assert len(texts) == (3 if guided else 2)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_encoders_that_were_put_aside_come_back_for_new_texts(small, painters, kind):
    fresh = load(settings(small(*kind)))
    fresh.forget_text_encoders()
    assert fresh._inpaint.inpaint.text_encoder is None
    made = fresh.scenes(PROMPTS, (SIDE, SIDE), [1, 2, 3])
    assert fresh._inpaint.inpaint.text_encoder is None
    expected = painters(*kind).scenes(PROMPTS, (SIDE, SIDE), [1, 2, 3])
    assert all(np.array_equal(a, b) for a, b in zip(made, expected, strict=True))
    assert len(fresh.inpaint(pictures(1), [box()], PROMPTS[2:], [1])) == 1


def test_strange_negatives_matter_only_with_guidance(painters):
    def paint(family, negative):
        return painters(family).scenes([Prompt("a ball", negative)], (SIDE, SIDE), [1])[0]

    assert apart(paint("sd", ""), paint("sd", "cubes and all that")) > 1
    assert apart(paint("flux2", ""), paint("flux2", "cubes and all that")) == 0  # distilled


def test_sdxl_says_nothing_with_zeros(painters):
    painter = painters("sdxl")
    [embedding] = painter._scenes.words([""])
    assert not any(part.any() for part in embedding)
    assert all(part.any() for part in painter._scenes.words(["x"])[0])


@pytest.mark.parametrize("kind", [("sd", 9), ("sdxl", 4), ("flux2", 4), ("zimage", 4)], ids=str)
def test_out_of_memory_halves_the_batch_and_keeps_the_seeds(painters, kind):
    painter = painters(*kind)
    before, prompts, seeds = pictures(3), PROMPTS, [1, 2, 3]
    expected = painter.inpaint(before, [box()] * 3, prompts, seeds)
    painter.batch_size = 4
    decoder = painter._inpaint.inpaint.vae.decoder
    with hooked(decoder, too_much_for(rows=2)):
        made = painter.inpaint(before, [box()] * 3, prompts, seeds)
    assert painter.batch_size == 2
    assert all(apart(a, b) <= 1 for a, b in zip(made, expected, strict=True))


def too_much_for(rows):
    """A part of the real pipeline that runs out of memory with more than `rows` pictures."""

    def fail(module, args):
        if len(args[0]) > rows:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    return fail


def test_no_memory_for_a_single_picture_is_one_sentence(painters):
    painter = painters("sd", 9)
    expected = pytest.raises(DeviceFull, match=r"too little memory .*use --offload model")
    with hooked(painter._inpaint.inpaint.unet, too_much_for(rows=0)), expected:
        painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])
    assert painter.batch_size == 1


def test_other_errors_are_not_taken_for_a_lack_of_memory(painters):
    painter = painters("sd", 9)

    def fail(module, args):
        raise RuntimeError("something else")

    with hooked(painter._inpaint.inpaint.unet, fail), pytest.raises(RuntimeError, match="else"):
        painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])


@pytest.mark.parametrize(
    "text", ["DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory", ""]
)
def test_each_device_says_it_in_its_own_words(text):
    assert is_out_of_memory(RuntimeError(text)) is bool(text)


def test_numbers_that_run_over_are_rejected_one_by_one(painters):
    painter = painters("sd", 9)
    unet = painter._inpaint.inpaint.unet

    def spoil(module, args, output):
        sample = output[0].clone()
        sample[[1, 3]] = torch.nan  # the second picture, without and with its prompt
        return (sample,)

    hook = unet.register_forward_hook(spoil)
    try:
        good, bad = painter.inpaint(pictures(2), [box()] * 2, PROMPTS[:2], [1, 2])
    finally:
        hook.remove()
    assert isinstance(good, np.ndarray)
    assert bad == Rejected("the model's numbers ran over")


def test_black_pictures_are_rejected(painters):
    painter = painters("sd", 9)
    hook = painter._inpaint.inpaint.vae.decoder.register_forward_hook(
        lambda module, args, output: torch.full_like(output, -1.0)
    )
    try:
        assert painter.scenes(PROMPTS[:1], (SIDE, SIDE), [1]) == [Rejected("the picture is black")]
        [dark] = painter.roundtrip(pictures(1))  # a photo may be black
        assert dark.max() == 0
    finally:
        hook.remove()


def test_crops_must_be_made_of_cells(painters):
    with pytest.raises(ValueError, match="isn't made of cells of 8"):
        painters("zimage").inpaint([pictures(1)[0][:60, :60]], [box()[:60, :60]], PROMPTS[:1], [1])


def test_nothing_asked_nothing_painted(painters):
    assert painters("sd").scenes([], (64, 64), []) == []
    assert painters("sd").inpaint([], [], [], []) == []
    assert painters("sd").roundtrip([]) == []


GUIDED = [("sd", 4), ("sd", 9), ("sdxl", 4), ("sdxl", 9)]


@pytest.mark.parametrize("kind", GUIDED, ids=str)
def test_guidance_that_ends_early_halves_the_work_of_the_steps_after(small, kind):
    """Ending at once must be, but for the first step, what no guidance is."""
    painter = load(settings(small(*kind), steps=4, strength=1.0, guidance_end=0.5))
    rows = []
    hand = painter._inpaint
    for unet in {id(pipe.unet): pipe.unet for pipe in (hand.scenes, hand.inpaint) if pipe}.values():
        unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    before, seeds = pictures(2), [3, 4]
    made = painter.inpaint(before, [box()] * 2, PROMPTS[:2], seeds)
    assert rows == [4, 4, 2, 2]
    rows.clear()
    painter.scenes(PROMPTS[:2], (SIDE, SIDE), seeds)
    assert rows == [4, 4, 2, 2]
    again = painter.inpaint(before, [box()] * 2, PROMPTS[:2], seeds)
    assert all(apart(a, b) == 0 for a, b in zip(made, again, strict=True))
    for other_end in (0.0, 1.0):
        other = load(settings(small(*kind), steps=4, strength=1.0, guidance_end=other_end))
        differs = other.inpaint(before, [box()] * 2, PROMPTS[:2], seeds)
        assert any(apart(a, b) > 0 for a, b in zip(made, differs, strict=True))


def test_steps_after_the_guidance_are_those_of_the_bare_pipeline_without(small):
    """The same latents, handed over at the step where guidance ends, come out alike."""
    painter = load(settings(small("sd", 4), steps=2, guidance_end=0.5))
    pipe, seen = painter._scenes.scenes, {}

    def remember(module, args, kwargs, output):
        seen.setdefault("calls", []).append((args[0], kwargs["encoder_hidden_states"], output[0]))

    hook = pipe.unet.register_forward_hook(remember, with_kwargs=True)
    painter.scenes(PROMPTS[1:2], (SIDE, SIDE), [7])
    hook.remove()
    _, (latents, words, output) = seen["calls"]
    positive = painter._scenes.words([PROMPTS[1].text])[0][0]
    assert all(torch.equal(row, positive) for row in words)  # not the negative prompt's
    bare = pipe.unet(latents, pipe.scheduler.timesteps[1], encoder_hidden_states=words)
    assert torch.allclose(bare.sample, output, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_painter_that_is_told_to_stop_does_so_within_a_step(small, kind):
    painter = load(settings(small(*kind), steps=4))
    hand, steps = painter._inpaint, []

    def count(module, args, kwargs=None):
        steps.append(1)
        painter.stop()

    denoiser = getattr(hand.inpaint, "unet", None) or hand.inpaint.transformer
    with hooked(denoiser, count), pytest.raises(PainterStopped):
        painter.inpaint(pictures(2), [box()] * 2, PROMPTS[:2], [1, 2])
    assert len(steps) == 1
    with pytest.raises(PainterStopped):
        painter.scenes(PROMPTS[:1], (SIDE, SIDE), [1])


def test_threads_take_turns_and_get_their_own_pictures(painters):
    painter = painters("sd", 9)
    before = pictures(6)
    alone = [painter.inpaint([b], [box()], PROMPTS[:1], [s])[0] for s, b in enumerate(before)]
    with ThreadPoolExecutor(3) as threads:
        ask = lambda s: painter.inpaint([before[s]], [box()], PROMPTS[:1], [s])[0]  # noqa: E731
        together = list(threads.map(ask, range(6)))
    assert all(apart(a, b) == 0 for a, b in zip(alone, together, strict=True))


def test_a_device_that_fails_whatever_it_is_asked_is_given_up(small):
    """Not one failed picture after the other to the end of the run."""
    painter = load(settings(small("sd", 9)))

    def fail(module, args):
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")

    with hooked(painter._inpaint.inpaint.unet, fail):
        for _ in range(MOST_FAILURES - 1):
            with pytest.raises(RuntimeError, match="unspecified"):
                painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])
        with pytest.raises(DeviceLost, match=r"fails on cpu .*unspecified launch failure$"):
            painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])
    assert len(painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])) == 1


def test_failures_with_successes_in_between_are_those_of_their_pictures(small):
    painter = load(settings(small("sd", 9)))

    def fail(module, args):
        raise RuntimeError("something else")

    for _ in range(MOST_FAILURES):
        with hooked(painter._inpaint.inpaint.unet, fail), pytest.raises(RuntimeError):
            painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])
        painter.inpaint(pictures(1), [box()], PROMPTS[:1], [1])
