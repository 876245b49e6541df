"""Where weights lie, what fits beside them, what is compiled, and what happens when it fails."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("diffusers", reason="the diffusion extra isn't installed")

import torch

from infgen.models import assembly, placing, words
from infgen.models.families import FAMILIES, decode
from infgen.models.loader import load, resolve
from infgen.models.prompts import Prompt
from infgen.models.settings import ModelSettings
from infgen.records.errors import DeviceFull

CAT = [Prompt("a cat", "dogs")]
PICTURE, MASK = np.full((64, 64, 3), 99, np.uint8), np.zeros((64, 64), bool)
MASK[16:48, 16:48] = True


def settings(folder, **more):
    return ModelSettings(**{"model": str(folder), "steps": 2, "batch_size": 1} | more)


def out_of_memory(*args, **more):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


# ---- what goes where -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "expected"),
    [(17.0, "device"), (15.0, "encoders aside"), (8.7, "model"), (6.0, "model")],
)
def test_offloading_follows_free_memory(small, monkeypatch, free, expected):
    resolved = replace(resolve(settings(small("flux2"))), device="cuda")
    pipes = [assembly.load_pipe("Flux2KleinPipeline", small("flux2"), torch.float32)]
    sizes = {"text_encoder": 7.0, "transformer": 7.0, "vae": 0.5}
    names = {id(getattr(pipes[0], name)): size for name, size in sizes.items()}
    monkeypatch.setattr(placing, "_gb", lambda part: names[id(part)])
    monkeypatch.setattr(placing, "free_gb", lambda: free)
    monkeypatch.setattr(placing, "picture_gb", lambda half: 0.0)
    assert placing.choose_placing(resolved, pipes) == expected


@pytest.mark.parametrize(
    ("asked", "device", "pictures", "compiles"),
    [
        ("on", "cpu", 1, True),
        ("off", "cuda", 10**9, False),
        ("auto", "cpu", 10**9, False),
        ("auto", "cuda", 100, False),
        ("auto", "cuda", 10_000, True),
    ],
)
def test_only_long_jobs_on_a_gpu_are_compiled(
    small, monkeypatch, asked, device, pictures, compiles
):
    monkeypatch.setattr(placing, "find_spec", lambda name: True)
    monkeypatch.setattr(shutil, "which", lambda name: name == "gcc" or None)
    resolved = resolve(settings(small("sd"), compile=asked, steps=25))
    resolved = replace(resolved, device=device)
    assert placing.compiles(resolved, "device", pictures) is compiles
    assert not placing.compiles(resolved, "model", pictures) or asked == "on"


@pytest.mark.parametrize(("free", "batch"), [(200.0, 32), (24.0, 16), (4.0, 2), (1.0, 1)])
def test_batches_are_powers_of_two_that_fit(small, monkeypatch, free, batch):
    resolved = replace(
        resolve(ModelSettings(model=str(small("flux2")), dtype="bf16")), device="cuda"
    )
    monkeypatch.setattr(placing, "free_gb", lambda: free)
    monkeypatch.setattr(placing, "picture_gb", lambda half: 1.2)
    assert placing.choose_batch(resolved) == batch


def test_batches_on_a_cpu_are_small(small):
    assert placing.choose_batch(resolve(ModelSettings(model=str(small("sd"))))) == 4
    assert placing.choose_batch(resolve(ModelSettings(model=str(small("zimage"))))) == 1
    asked = ModelSettings(model=str(small("sd")), batch_size=7)
    assert placing.choose_batch(resolve(asked)) == 7


def test_batches_leave_room_for_what_offloading_brings(small, monkeypatch):
    """The largest part comes and goes: while it works there is less room than now."""
    resolved = replace(
        resolve(ModelSettings(model=str(small("flux2")), dtype="bf16")), device="cuda"
    )
    pipes = [assembly.load_pipe("Flux2KleinPipeline", small("flux2"), torch.float32)]
    monkeypatch.setattr(placing, "_gb", lambda part: 8.0)
    monkeypatch.setattr(placing, "free_gb", lambda: 14.5)
    monkeypatch.setattr(placing, "picture_gb", lambda half: 1.2)
    assert placing.choose_batch(resolved, pipes, "device") == 8
    assert placing.choose_batch(resolved, pipes, "model") == 4


@pytest.mark.parametrize("family", ["sd", "sdxl", "flux2", "zimage"])
def test_parts_go_back_after_a_call_and_after_decoding(small, monkeypatch, family):
    """The hooks are accelerate's own; they come to "cpu:0" and go to "cpu", both the CPU."""
    there = {}
    move = torch.nn.Module.to

    def follow(module, *args, **more):
        if args and isinstance(args[0], str | torch.device):
            there[type(module).__name__] = torch.device(args[0]).index == 0
        return move(module, *args, **more)

    monkeypatch.setattr(torch.nn.Module, "to", follow)
    monkeypatch.setattr(assembly, "choose_placing", lambda resolved, pipes: "model")
    painter = load(settings(small(family)))
    hand = painter._inpaint
    pictures, masks = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    draw = painter._draw(hand, CAT, [1], [0], 1.0)
    with torch.no_grad():
        latents = hand.family.inpaint(hand.inpaint, pictures, masks, draw)
        placing.put_back(hand.scenes, hand.inpaint)
        assert not any(there.values())
        decode(hand.inpaint.vae, hand.family.unscale(hand.inpaint, latents))
    assert [name for name in there if there[name]] == [type(hand.inpaint.vae).__name__]
    placing.put_back(hand.inpaint)
    assert not any(there.values())
    placing.put_back(None, load(settings(small("sd")))._inpaint.inpaint)  # hooks or not


def test_the_facts_of_a_run_are_plain_values(small):
    facts = load(settings(small("sd"))).facts
    assert facts["device"] == "cpu" and facts["device_name"]
    assert (facts["dtype"], facts["placing"], facts["batch_size"]) == ("fp32", "device", 1)
    assert facts["torch"] == torch.__version__ and facts["compiled"] is False


# ---- text encoders in turns ----------------------------------------------------------------------


class Card(str):
    """A device by this name is the CPU, and yet another place for those that follow the moves."""


@pytest.fixture
def card(monkeypatch):
    """What lies on the card (by class), as the text encoders saw it each time they worked; the name
    of what else came to it by itself; and `None` for when everything was placed."""
    there, seen = {}, []
    move, place = torch.nn.Module.to, assembly.place

    def follow(module, *args, **more):
        if args and isinstance(args[0], str | torch.device):
            there[id(module)] = (module, isinstance(args[0], Card))
            if isinstance(args[0], Card) and type(module).__name__ != "CLIPTextModel":
                seen.append(type(module).__name__)
        return move(module, *args, **more)

    def place_all(pipes, device, where):
        seen.append(None)
        place(pipes, device, where)
        for pipe in pipes:
            modules = (m for m in pipe.components.values() if isinstance(m, torch.nn.Module))
            there.update({id(module): (module, True) for module in modules})

    def look(module, args):
        if type(module).__name__ == "CLIPTextModel":
            seen.append({type(m).__name__ for m, on_card in there.values() if on_card})

    monkeypatch.setattr(torch.nn.Module, "to", follow)
    monkeypatch.setattr(assembly, "place", place_all)
    monkeypatch.setattr(words, "in_main_memory", lambda m: not there.get(id(m), (m, False))[1])
    hook = torch.nn.modules.module.register_module_forward_pre_hook(look)
    yield seen
    hook.remove()


def assembled(monkeypatch, asked, where, prompts=()):
    """A painter on the card."""
    monkeypatch.setattr(assembly, "choose_placing", lambda resolved, pipes: where)
    resolved = replace(resolve(asked), device=Card("cpu"))
    folders = {p.need: p.folder for half in resolved.halves for p in half.parts}
    return assembly.assemble(resolved, folders, 0, prompts, pytest.fail)


@pytest.mark.parametrize("where", ["device", "encoders aside"])
@pytest.mark.parametrize("second", [None, 1])
def test_prompts_known_ahead_are_encoded_before_the_rest_comes(
    small, monkeypatch, card, where, second
):
    asked = settings(small("sd"), guidance=3.0)
    if second:
        asked = settings(small("sd"), inpaint_model=str(small("sd", 9, seed=second)), guidance=3.0)
    painter = assembled(monkeypatch, asked, where, CAT)
    assert card == [{"CLIPTextModel"}] * (4 if second else 2) + [None]
    assert painter._scenes.inpaint.text_encoder is None
    card.clear()
    made = painter.scenes(CAT, (64, 64), [1]) + painter.inpaint([PICTURE], [MASK], CAT, [1])
    assert not card  # nothing was left to encode
    usual = load(asked)
    expected = usual.scenes(CAT, (64, 64), [1]) + usual.inpaint([PICTURE], [MASK], CAT, [1])
    assert all(np.array_equal(a, b) for a, b in zip(made, expected, strict=True))


def test_encoders_change_places_with_the_parts_of_both_models(small, monkeypatch, card):
    asked = settings(small("sd"), inpaint_model=str(small("sd", 9, seed=1)), guidance=1.0)
    painter = assembled(monkeypatch, asked, "encoders aside")
    card.clear()
    painter.prepare(CAT)
    assert [one for one in card if isinstance(one, set)] == [{"CLIPTextModel"}] * 2


def test_what_was_learnt_ahead_is_never_forgotten_and_the_rest_by_its_last_use(small, monkeypatch):
    pipe = assembly.load_pipe("StableDiffusionPipeline", small("sd"), torch.float32)
    known = words.Words([pipe], FAMILIES["sd"], "cpu", "device")
    encoded = []
    pipe.text_encoder.register_forward_pre_hook(lambda module, args: encoded.append(1))
    monkeypatch.setattr(words, "CACHE_BYTES", 2 * 77 * 16 * 4)  # two embeddings

    def asked(*texts):
        encoded.clear()
        assert len(known(texts)) == len(texts)
        return len(encoded)

    known.learn(f"ahead {number}" for number in range(5))
    assert asked("ahead 0", "ahead 4", "a") == 1
    assert asked("b") == 1
    assert asked("a") == 0
    assert asked("c") == 1  # in place of b
    assert asked("a", "ahead 1", "ahead 2", "ahead 3") == 0
    assert asked("b") == 1
    known.learn(["b"])
    assert asked("d", "e", "f") == 3
    assert asked("b", "e", "f") == 0


# ---- compiling -----------------------------------------------------------------------------------


def test_auto_compiles_only_where_there_is_a_c_compiler(small, monkeypatch):
    resolved = resolve(settings(small("sd"), steps=25))
    resolved = replace(resolved, device="cuda")
    monkeypatch.setattr(placing, "find_spec", lambda name: True)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not placing.compiles(resolved, "device", 10**9)
    monkeypatch.setenv("CC", "mine")
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "mine" else None)
    assert placing.compiles(resolved, "device", 10**9)


def test_parts_that_cannot_be_compiled_work_without(small, monkeypatch):
    def no_compiler(*args, **more):
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=no_compiler))
    told = []
    painter = load(settings(small("sd", 9), compile="on"), tell=told.append)
    [made] = painter.inpaint([PICTURE], [MASK], CAT, [1])
    names = [text.removeprefix("the model's ").split()[0] for text in told]
    assert sorted(names) == ["Decoder", "Encoder", "UNet2DConditionModel"]
    assert all("works uncompiled: " in text and "C compiler" in text for text in told)
    [usual] = load(settings(small("sd", 9))).inpaint([PICTURE], [MASK], CAT, [1])
    assert np.array_equal(made, usual)
    painter.inpaint([PICTURE], [MASK], CAT, [1])
    assert len(told) == 3


def test_a_lack_of_memory_is_not_the_compilers_fault(small, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **more: function)
    painter = load(settings(small("sd", 9), compile="on"), tell=pytest.fail)
    assert painter.facts["compiled"]
    hook = painter._inpaint.inpaint.unet.register_forward_pre_hook(out_of_memory)
    with pytest.raises(DeviceFull):
        painter.inpaint([PICTURE], [MASK], CAT, [1])
    hook.remove()
    painter.inpaint([PICTURE], [MASK], CAT, [1])


# ---- too little memory ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CUDA error: out of memory", True),
        ("HIP out of memory. Tried to allocate 20.00 MiB", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("Invalid buffer size: 16.00 GiB", True),
        ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if ...", False),
        ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", False),
        ("CUDA error: unspecified launch failure", False),
    ],
)
def test_a_lack_of_memory_has_many_names(text, expected):
    assert placing.is_out_of_memory(RuntimeError(text)) is expected


def test_a_model_that_is_too_large_to_load_is_one_sentence(small, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(torch.nn.Module, "to", out_of_memory)
        with pytest.raises(DeviceFull, match=r"memory .*use --offload model") as caught:
            load(settings(small("sd")))
    assert caught.value.exit_code == 4


def test_a_prompt_that_finds_no_memory_is_one_sentence(small):
    painter = load(settings(small("sd")))
    painter._scenes.scenes.text_encoder.register_forward_pre_hook(out_of_memory)
    with pytest.raises(DeviceFull), placing.memory_or_sentence():
        painter.prepare([Prompt("a new one")])
    with pytest.raises(RuntimeError, match="else"), placing.memory_or_sentence():
        raise RuntimeError("something else")
