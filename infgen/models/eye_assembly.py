"""Weights to models that look: loaded, placed and dressed as eyes.py says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers

from infgen.models.depths import DepthEstimator
from infgen.models.detectors import GroundingDetector, Owlv2Detector
from infgen.models.eye_choice import Eye
from infgen.models.frames import look_of
from infgen.models.known_eyes import ARCHITECTURES
from infgen.models.placing import memory_or_sentence
from infgen.models.scorers import SiglipScorer
from infgen.models.segmenters import SamSegmenter
from infgen.models.turns import Turns
from infgen.models.verdict import hushed
from infgen.records.errors import InputError

# newer transformers call it `dtype`; older ones know only `torch_dtype`
RELEASE = tuple(int(number) for number in transformers.__version__.split(".")[:2])
WITHOUT = {"depth": "leave --depth out"}  # what can be done without a model
DTYPE_WORD = "dtype" if RELEASE >= (4, 56) else "torch_dtype"


def assemble_eye(eye: Eye, folder: Path, device: str) -> Any:
    """A detector, segmenter, scorer or depth estimator from files on this disk.

    Raises:
        InputError: some of the weights are missing.
        DeviceFull: there is too little memory.
    """
    kind = eye.architecture
    with _quietly():
        model = _load(eye, folder)
        reader = _reader(eye, folder)
    turns = Turns(eye.name, device, WITHOUT.get(eye.role, "use --verify change"))
    with memory_or_sentence(turns.no_room):
        model.to(device)
    if eye.role == "depth":
        return DepthEstimator(model, reader, turns)
    look = look_of(kind, eye.found.configs)
    if eye.role == "segmenter":
        return SamSegmenter(model, look, turns, stretches=kind != "sam")
    if eye.role == "scorer":
        return SiglipScorer(model, reader, look, turns)
    kinds = Owlv2Detector if kind == "owlv2" else GroundingDetector
    return kinds(model, reader, look, turns)


def _reader(eye: Eye, folder: Path) -> Any:
    """What makes texts, or for depth pictures, into what the model reads. (The other models get
    their pictures from frames.py.)"""
    if eye.role in ("detector", "scorer"):
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if eye.role == "depth":
        return transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return None


def _load(eye: Eye, folder: Path) -> Any:
    """The bare model, in 32 bits (whatever its files hold), in eval mode, on the CPU."""
    kind = getattr(transformers, ARCHITECTURES[eye.architecture].class_name)
    model, info = kind.from_pretrained(
        folder,
        local_files_only=True,
        output_loading_info=True,
        **{DTYPE_WORD: torch.float32},
    )
    made_up = {*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])}
    if made_up:
        raise InputError(
            f"--{eye.role}: {eye.name} lacks some of its weights ({min(made_up)}"
            f"{f' and {len(made_up) - 1} more' if len(made_up) > 1 else ''}): download it again"
        )
    return model.eval()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without progress bars, and without what transformers says of torchvision and of weights that
    it doesn't use."""
    log = transformers.utils.logging
    shown = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        with hushed():
            yield
    finally:
        if shown:
            log.enable_progress_bar()
