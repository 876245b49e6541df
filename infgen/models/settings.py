"""What the user may say about the diffusion model. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DEFAULT_MODEL = "sd15"


class ModelSettings(msgspec.Struct, frozen=True):
    """Which model paints, and how. None stands for what the preset says or the machine allows."""

    model: (
        Annotated[
            str,
            Meta(description="diffusion model: a preset (default: sd15), a hub id or a folder"),
        ]
        | None
    ) = None
    inpaint_model: (
        Annotated[str, Meta(description="another model for the objects: hub id or folder")] | None
    ) = None
    steps: (
        Annotated[int, Meta(ge=1, le=200, description="denoising steps (default: the preset's)")]
        | None
    ) = None
    guidance: (
        Annotated[
            float, Meta(ge=0, le=30, description="how closely prompts are followed (the preset's)")
        ]
        | None
    ) = None
    guidance_end: Annotated[
        float,
        Meta(ge=0, le=1, description="share of the steps that are guided: less is faster"),
    ] = 1.0
    strength: (
        Annotated[
            float,
            Meta(ge=0.05, le=1, description="how much of the masked area is repainted (preset's)"),
        ]
        | None
    ) = None
    device: Annotated[
        Literal["auto", "cuda", "mps", "cpu"], Meta(description="where the model runs")
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "bf16", "fp16", "fp32"],
        Meta(description="number format of the weights; auto: bf16 or fp16 on a GPU, fp32 else"),
    ] = "auto"
    batch_size: (
        Annotated[
            int, Meta(ge=1, le=512, description="pictures at a time (default: by free memory)")
        ]
        | None
    ) = None
    offload: Annotated[
        Literal["auto", "none", "model", "sequential"],
        Meta(description="keep weights in main memory; auto: where the GPU has too little"),
    ] = "auto"
    compile: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="compile the model; auto: on a GPU, where the job is long enough"),
    ] = "auto"
    safety_checker: Annotated[
        bool, Meta(description="reject pictures that the model's safety checker flags")
    ] = False

    @property
    def named(self) -> str:
        """The model that is meant."""
        return self.model or DEFAULT_MODEL


SegmenterName = Annotated[
    str, Meta(description="outlines objects in their boxes: hub id or folder")
]


class VerifySettings(msgspec.Struct, frozen=True):
    """What looks at painted objects before they are labelled: the change map alone, or zero-shot
    models beside it. The models are named by a hub id or a folder."""

    verify: Annotated[
        Literal["auto", "change", "detector", "off"],
        Meta(
            description="what judges painted objects; auto: the change map, and the models that "
            "are named or, on a GPU, downloaded before; change: that map alone; detector: always "
            "a detector, too; off: nothing beyond what is needed for labels"
        ),
    ] = "auto"
    detector: (
        Annotated[str, Meta(description="finds objects by their names: a hub id or a folder")]
        | None
    ) = None
    segmenter: SegmenterName | None = None
    scorer: (
        Annotated[str, Meta(description="says how well a name fits an object: hub id or folder")]
        | None
    ) = None

    @property
    def named(self) -> dict[str, str]:
        """The models that the user names, by their roles."""
        roles = {"detector": self.detector, "segmenter": self.segmenter, "scorer": self.scorer}
        return {role: name for role, name in roles.items() if name}


class DepthSettings(msgspec.Struct, frozen=True):
    """Depth maps of the finished pictures, and what depth does to sizes."""

    depth: Annotated[
        bool, Meta(description="write a depth map of every picture, as a model estimates it")
    ] = False
    depth_model: (
        Annotated[
            str,
            Meta(
                description="what estimates it: a hub id or a folder "
                "(default: depth-anything/Depth-Anything-V2-Small-hf)"
            ),
        ]
        | None
    ) = None
    depth_scale: Annotated[
        bool,
        Meta(
            description="objects on your own background pictures are the larger within their "
            "class's sizes the nearer their place is, as that model sees it"
        ),
    ] = False
    depth_bits: (
        Annotated[
            Literal["8", "16"],
            Meta(description="bits a pixel of depth maps (default: 16; JPEG in a --grid: 8)"),
        ]
        | None
    ) = None
