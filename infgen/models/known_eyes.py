"""The models that infgen knows to look at pictures with, and the architectures that it can run.

Ids, licences and architectures are facts about the hub. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

Role = Literal["detector", "segmenter", "scorer", "depth"]


class EyeRow(msgspec.Struct, frozen=True):
    """A model by its hub id, with its architecture (`model_type` in its config) and the memory, in
    GB, that weights in 32 bits and one picture take: rounded up from what random weights of that
    size took on a CPU (of SlimSAM, and of SAM 2.1's second, what their next of kin took)."""

    id: str
    architecture: str
    licence: str
    memory_gb: float
    note: str


def _rows(*rows: EyeRow) -> dict[str, EyeRow]:
    return {row.id: row for row in rows}


DETECTORS = _rows(
    EyeRow(
        "IDEA-Research/grounding-dino-tiny",
        "grounding-dino",
        "Apache-2.0",
        2,
        "finds what short phrases name",
    ),
    EyeRow(
        "iSEE-Laboratory/llmdet_tiny",
        "mm-grounding-dino",
        "Apache-2.0",
        2,
        "the same idea, trained with longer descriptions",
    ),
    EyeRow(
        "google/owlv2-base-patch16-ensemble",
        "owlv2",
        "Apache-2.0",
        1.5,
        "reads 16 tokens a phrase; 'a photo of a ...' suits it",
    ),
)
SEGMENTERS = _rows(
    EyeRow("facebook/sam2.1-hiera-tiny", "sam2", "Apache-2.0", 1, "SAM 2.1, the smallest"),
    EyeRow("facebook/sam2.1-hiera-small", "sam2", "Apache-2.0", 1, "SAM 2.1, a little larger"),
    EyeRow("Zigeng/SlimSAM-uniform-77", "sam", "Apache-2.0", 2.5, "SAM with 77 % pruned away"),
)
SCORERS = _rows(
    EyeRow(
        "google/siglip2-base-patch16-224",
        "siglip",
        "Apache-2.0",
        2,
        "SigLIP 2: how well a phrase fits a picture",
    ),
)
DEPTHS = _rows(
    EyeRow(
        "depth-anything/Depth-Anything-V2-Small-hf",
        "depth_anything",
        "Apache-2.0",
        1,
        "which parts are nearer than others (--depth); the larger ones are non-commercial",
    ),
)
EYES: Mapping[Role, Mapping[str, EyeRow]] = {
    "detector": DETECTORS,
    "segmenter": SEGMENTERS,
    "scorer": SCORERS,
    "depth": DEPTHS,
}
"""The default of each role is its first."""

JUDGES: tuple[Role, ...] = ("detector", "segmenter", "scorer")
"""The roles that look at what was painted, before it is labelled."""


class Architecture(NamedTuple):
    """What models of one `model_type` are for, and the transformers class that loads them."""

    role: Role
    class_name: str


ARCHITECTURES: Mapping[str, Architecture] = {
    "grounding-dino": Architecture("detector", "GroundingDinoForObjectDetection"),
    "mm-grounding-dino": Architecture("detector", "MMGroundingDinoForObjectDetection"),
    "owlv2": Architecture("detector", "Owlv2ForObjectDetection"),
    "sam2": Architecture("segmenter", "Sam2Model"),
    # the hub's SAM 2 checkpoints are for video; the model for pictures is a part of that
    "sam2_video": Architecture("segmenter", "Sam2Model"),
    "sam": Architecture("segmenter", "SamModel"),
    # SigLIP 2 is SigLIP with other weights, but for the NaFlex models (model_type "siglip2")
    "siglip": Architecture("scorer", "SiglipModel"),
    "depth_anything": Architecture("depth", "DepthAnythingForDepthEstimation"),
    "dpt": Architecture("depth", "DPTForDepthEstimation"),
    "glpn": Architecture("depth", "GLPNForDepthEstimation"),
}


def default_of(role: Role) -> str:
    """The id of the model that a role has without being told."""
    return next(iter(EYES[role]))


def taken(role: Role) -> Iterable[str]:
    """The architectures that a role takes."""
    return [name for name, one in ARCHITECTURES.items() if one.role == role]
