"""Models that look at what was painted: from settings to loaded eyes, and what each can be asked.

`resolve_eyes` (from eye_choice.py) says beforehand what `load_eyes` will do. torch and transformers
are imported only inside `load_eyes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from infgen.models import hub
from infgen.models.detections import Detection
from infgen.models.eye_choice import ResolvedEyes, resolve_depth, resolve_eyes
from infgen.models.loader import one_at_a_time
from infgen.records.box import Box
from infgen.records.errors import InfgenError, InputError, MissingExtra

__all__ = [
    "Depth",
    "Detector",
    "Eyes",
    "ResolvedEyes",
    "Scorer",
    "Segmenter",
    "load_eyes",
    "resolve_depth",
    "resolve_eyes",
]


class Detector(Protocol):
    """Finds things by their names."""

    def detect(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[list[Detection]]:
        """Per picture, (H, W, 3) uint8 RGB of any size, what is in it of its own `texts`: best
        score first, each thing once (see `best_detections`).

        Raises:
            DeviceFull: not even one picture at a time fits into memory.
            DeviceLost: the device doesn't answer any more.
        """


class Segmenter(Protocol):
    """Outlines the thing in a box."""

    def segment(self, pictures: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[np.ndarray]:
        """Per picture, (H, W, 3) uint8 RGB of any size, the thing in its box: (H, W) bool, the best
        of the model's masks by its own estimate of their IoU. It may be empty, and may reach out of
        the box.

        Raises: as `Detector.detect`.
        """


class Scorer(Protocol):
    """Says how well texts fit pictures."""

    def score(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[np.ndarray]:
        """Per picture, (H, W, 3) uint8 RGB of any size, for each of its own `texts` how well it
        fits: (texts,) float32, 0..1, each by itself (they don't sum up to 1).

        Raises: as `Detector.detect`.
        """


class Depth(Protocol):
    """Estimates how far away things are."""

    metric: bool
    """True: depths are metres. False: they say only what is nearer than what, in the model's own
    units, and grow towards the camera."""

    def depths(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per picture, (H, W, 3) uint8 RGB of any size, its depth: (H, W) float32.

        Raises: as `Detector.detect`.
        """


@dataclass(frozen=True)
class Eyes:
    """The loaded models; None for what wasn't asked for."""

    detector: Detector | None = None
    segmenter: Segmenter | None = None
    scorer: Scorer | None = None
    depth: Depth | None = None


def load_eyes(resolved: ResolvedEyes) -> Eyes:
    """Load what the settings have been resolved to onto its device. Where a painter works there,
    too, load the eyes first: the painter takes account of the memory that is left.

    Raises:
        MissingExtra: torch or a package beside it isn't installed.
        InputError: anything else among the problems, a failed download, or damaged weights.
        DeviceFull: there is too little memory.
    """
    if resolved.missing:
        raise MissingExtra("\n".join(str(problem) for problem in resolved.problems))
    if resolved.problems:
        raise InputError(resolved.problems)
    if not resolved.eyes:
        return Eyes()
    folders = {role: hub.fetch(eye.found) for role, eye in resolved.eyes.items()}
    from infgen.models.eye_assembly import assemble_eye

    loaded = {}
    for role, eye in resolved.eyes.items():
        try:
            with one_at_a_time:
                loaded[role] = assemble_eye(eye, folders[role], resolved.device)
        except InfgenError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            if isinstance(error, ImportError):
                raise MissingExtra(f"--{role}: {eye.name} needs a package: {reason}") from error
            raise InputError(
                f"--{role}: {eye.name} can't be loaded, its files may be damaged or incomplete "
                f"({reason})"
            ) from error
    return Eyes(**loaded)
