"""Scorers that say how well texts fit a picture: SigLIP and SigLIP 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from infgen.models.frames import Look, colours, fitted
from infgen.models.turns import Question, Turns


class SiglipScorer:
    """SigLIP or SigLIP 2: `score` as eyes.Scorer says. Both were trained on texts in lower case,
    cut and filled up to 64 tokens, of which all count: so there is no attention mask. The tokens
    are put together here, as what a tokenizer adds by itself depends on its class, and that on the
    version of transformers."""

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
        seen = [
            fitted(colours(question.picture, device), (side, side), self._look)
            for question in questions
        ]
        answer = self._model(
            pixel_values=torch.cat(seen).to(device),
            input_ids=torch.tensor([self._tokens(text) for text in columns], device=device),
        )
        scores = answer.logits_per_image.float().sigmoid().cpu().numpy()
        return [
            scores[number, [columns[text.lower()] for text in question.texts]]
            for number, question in enumerate(questions)
        ]

    def _tokens(self, text: str) -> list[int]:
        """A text as the model reads it."""
        tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"][: self._room - 1]
        filling = [self._tokenizer.pad_token_id] * (self._room - 1 - len(tokens))
        return [*tokens, self._tokenizer.eos_token_id, *filling]
