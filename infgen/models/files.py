"""Which of a model's files are to be loaded. Pure: names in, names out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

INDEX, CONFIG, CARD = "model_index.json", "config.json", "README.md"
PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
CONFIGS = SCHEDULER, UNET, VAE = (
    "scheduler/scheduler_config.json", f"unet/{CONFIG}", f"vae/{CONFIG}",
)  # fmt: skip
"""Small files that are read before a download: they say what size the model paints and how."""
LORA = "pytorch_lora_weights.safetensors"
Kind = Literal["pipeline", "weights", "lora", "vision", "vision-text"]
MARKS: Mapping[Kind, str] = {
    "pipeline": INDEX, "weights": CONFIG, "lora": LORA, "vision": CONFIG, "vision-text": CONFIG,
}  # fmt: skip
"""The file that says what a folder is."""
MAKERS: Mapping[Kind, str] = {
    "pipeline": "diffusers", "weights": "diffusers", "lora": "diffusers",
    "vision": "transformers", "vision-text": "transformers",
}  # fmt: skip
"""Whose format it is."""
UNNEEDED = ("safety_checker", "feature_extractor", "image_encoder")
WEIGHTLESS = ("scheduler", "tokenizer", "processor", "feature_extractor")
WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?P<half>\.fp16)?"
    r"(?:-\d{5}-of-(?P<shards>\d{5}))?(?P<half_too>\.fp16)?\.(?P<format>safetensors|bin)"
)
SMALL = (".json", ".txt", ".model", ".jinja")


class Need(NamedTuple):
    """Files of one model. `source` is a folder or a hub id; a `pipeline` is a folder of components
    with an index, `weights` a single model, a `lora` one file, `vision` a single model with what
    says how it looks at pictures, `vision-text` the same with a vocabulary. `only` names the
    components of a pipeline that are wanted (none: all but `without`)."""

    source: str
    revision: str | None = None
    kind: Kind = "pipeline"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = UNNEEDED


class Chosen(NamedTuple):
    """The files to load, the components of which there are none, and those of the files that are
    read before a download."""

    files: list[str]
    lacking: list[str]
    small: list[str]


VOCABULARIES: tuple[set[str], ...] = (
    {"tokenizer.json"},
    {"vocab.json", "merges.txt"},
    {"tokenizer.model"},
    {"spiece.model"},
    {"vocab.txt"},
)
"""Files of which a tokenizer needs one set."""


def choose_files(files: Iterable[str], need: Need, index: Mapping[str, Any], half: bool) -> Chosen:
    """Of all files of a model, those to load: configs, vocabularies, and for each component one set
    of weights (safetensors rather than pickles; 16-bit where `half`)."""
    files = sorted(files)
    if need.kind == "lora":
        return Chosen([LORA], [], []) if LORA in files else Chosen([], [LORA], [])
    if need.kind != "pipeline":
        return _choose_single([name for name in files if "/" not in name], need, half)
    chosen, lacking = [INDEX, *(name for name in files if name == CARD)], []
    for component in components(index, need):
        inside = [name for name in files if name.startswith(component + "/")]
        small = [name for name in inside if name.endswith(SMALL) and name.count("/") == 1]
        weights = _weights(inside, half)
        chosen += small + weights
        if not small or not (weights or any(word in component for word in WEIGHTLESS)):
            lacking.append(component)
        elif component.startswith("tokenizer") and not _has_vocabulary(inside):
            lacking.append(f"{component}'s vocabulary")
    return Chosen(chosen, lacking, [name for name in chosen if name in CONFIGS])


def _choose_single(files: list[str], need: Need, half: bool) -> Chosen:
    """The same for a model that isn't made of components: its files lie side by side."""
    weights = _weights(files, half)
    lacking = [] if weights else ["weights"]
    if need.kind == "weights":
        return Chosen([CONFIG, *weights], lacking, [])
    if CONFIG not in files:
        lacking.append(CONFIG)
    if not {PREPROCESSOR, PROCESSOR} & {*files}:
        lacking.append(PREPROCESSOR)
    if need.kind == "vision-text" and not _has_vocabulary(files):
        lacking.append("vocabulary")
    small = [name for name in files if name.endswith(SMALL)]
    card = [name for name in files if name == CARD]
    told = [name for name in small if name in (CONFIG, PREPROCESSOR, PROCESSOR)]
    return Chosen([*card, *small, *weights], lacking, told)


def components(index: Mapping[str, Any], need: Need) -> list[str]:
    """The parts of a pipeline that are wanted, by its index (`name: [library, class]`)."""
    present = [
        name
        for name, value in index.items()
        if not name.startswith("_") and isinstance(value, list) and value[0] is not None
    ]
    return [
        name for name in present if (name in need.only if need.only else name not in need.without)
    ]


def _has_vocabulary(files: Iterable[str]) -> bool:
    """Whether a tokenizer knows words; without them transformers makes one that knows none."""
    names = {PurePosixPath(name).name for name in files}
    return any(needed <= names for needed in VOCABULARIES)


def _weights(files: Iterable[str], half: bool) -> list[str]:
    """The best complete set of weight files of one component."""
    sets: dict[tuple[bool, bool], list[str]] = {}
    shards: dict[tuple[bool, bool], int] = {}
    for name in files:
        if match := WEIGHTS.fullmatch(PurePosixPath(name).name):
            is_half = bool(match["half"] or match["half_too"])
            key = (match["format"] == "bin", is_half != half)  # sorts the preferred first
            sets.setdefault(key, []).append(name)
            shards[key] = int(match["shards"] or 1)
    complete = [key for key in sorted(sets) if len(sets[key]) >= shards[key]]
    return sets[complete[0]] if complete else []
