"""Scorers that say how well texts fit a picture: SigLIP and SigLIP 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from infgen.models.frames import Look, colours, fitted
from infgen.models.turns import Question, Turns


class SiglipScorer:
    """SigLIP or SigLIP 2: `score` as eyes.Scorer says. Both were trained on lower case, filled up
    to 64 tokens of which all count: so there is no attention mask."""

    def __init__(self, model: Any, tokenizer: Any, look: Look, turns: Turns):
        self._model, self._tokenizer, self._look, self._turns = model, tokenizer, look, turns
        self._room = model.config.text_config.max_position_embeddings  # in tokens

    def score(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[np.ndarray]:
        questions = [Question(*pair) for pair in zip(pictures, texts, strict=True)]
        return self._turns.work(questions, self._answer)

    def _answer(self, questions: Sequence[Question]) -> list[np.ndarray]:
        device, side = self._turns.device, self._look.longest
        every = {text.lower(): None for question in questions for text in question.texts}
        columns = {text: number for number, text in enumerate(every)}
        if not columns:
            return [np.zeros(0, np.float32) for _ in questions]
        words = self._tokenizer(
            list(columns),
            padding="max_length",
            truncation=True,
            max_length=self._room,
            return_tensors="pt",
        )
        seen = [
            fitted(colours(question.picture, device), (side, side), self._look)
            for question in questions
        ]
        answer = self._model(
            pixel_values=torch.cat(seen).to(device),
            input_ids=words["input_ids"].to(device),
        )
        scores = answer.logits_per_image.float().sigmoid().cpu().numpy()
        return [
            scores[number, [columns[text.lower()] for text in question.texts]]
            for number, question in enumerate(questions)
        ]
