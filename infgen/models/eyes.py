"""From settings to loaded eyes: models that find, outline and score what was painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from infgen.models.detections import Detection
from infgen.records.box import Box


class Detector(Protocol):
    """Finds things by their names."""

    def detect(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[list[Detection]]:
        """Per picture, (H, W, 3) uint8 RGB of any size, what is in it of its own `texts`."""


class Segmenter(Protocol):
    """Outlines the thing in a box."""

    def segment(self, pictures: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[np.ndarray]:
        """Per picture, (H, W, 3) uint8 RGB of any size, the thing in its box: (H, W) bool."""


class Scorer(Protocol):
    """Says how well texts fit pictures."""

    def score(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[np.ndarray]:
        """Per picture, (H, W, 3) uint8 RGB of any size, (texts,) float32, 0..1, for its texts."""


@dataclass(frozen=True)
class Eyes:
    """The loaded models; None for what wasn't asked for."""

    detector: Detector | None = None
    segmenter: Segmenter | None = None
    scorer: Scorer | None = None
