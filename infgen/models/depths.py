"""Models that estimate depth from a single picture: Depth Anything, DPT (MiDaS), GLPN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from infgen.models.turns import Turns

METRIC = ("glpn",)  # architectures whose models all answer in metres


class DepthEstimator:
    """Any of transformers' depth models with its own image processor: `depths` and `metric` as
    eyes.Depth says."""

    def __init__(self, model: Any, processor: Any, turns: Turns):
        self._model, self._processor, self._turns = model, processor, turns
        config = model.config
        kind = getattr(config, "depth_estimation_type", "relative")  # Depth Anything has both
        self.metric: bool = config.model_type in METRIC or kind == "metric"

    def depths(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        by_shape: dict[tuple[int, ...], list[int]] = {}  # what goes together is of one shape
        for number, picture in enumerate(pictures):
            by_shape.setdefault(picture.shape, []).append(number)
        found: list[np.ndarray] = [np.empty(0)] * len(pictures)
        for numbers in by_shape.values():
            same = self._turns.work([pictures[number] for number in numbers], self._estimate)
            for number, depth in zip(numbers, same, strict=True):
                found[number] = depth
        return found

    def _estimate(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Depths of pictures of one shape."""
        shapes = [picture.shape[:2] for picture in pictures]
        seen = self._processor(
            list(pictures), return_tensors="pt", input_data_format="channels_last"
        )
        answer = self._model(pixel_values=seen["pixel_values"].to(self._turns.device))
        done = self._processor.post_process_depth_estimation(answer, target_sizes=shapes)
        return [one["predicted_depth"].float().cpu().numpy().reshape(shape)
                for one, shape in zip(done, shapes, strict=True)]  # fmt: skip
