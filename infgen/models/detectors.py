"""Detectors that find things by their names (zero-shot): Grounding DINO and its kin, and OWLv2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from infgen.models.detections import Detection, best_detections
from infgen.models.frames import Look, colours, fitted, padded, shape_within
from infgen.models.turns import Question, Turns

DELIMITERS = re.compile("[.?]")  # where Grounding DINO ends a phrase, whoever wrote them
GREY = 0.5  # what OWLv2's authors fill pictures up with (transformers 5 takes black)

Guesses = tuple[np.ndarray, np.ndarray]  # boxes (N, 4) xyxy in pixels, scores (N, texts) 0..1


# ---- Grounding DINO ------------------------------------------------------------------------------


class Phrases(NamedTuple):
    """As many of a picture's texts as the model reads at once: the tokens of all of them, and where
    among these each text's are. `first` is the position of the first of them in `texts`."""

    picture: int
    first: int
    tokens: list[int]
    spans: list[slice]


class GroundingDetector:
    """Grounding DINO, and MM Grounding DINO (LLMDet): `detect` as eyes.Detector says.

    These models read all phrases as one text, "a red ball. a blue cube.", and answer per token.
    A phrase's score is the mean over its tokens, as in their authors' evaluation, so an article or
    an adjective that says little lowers it. Which tokens are whose is known from putting the text
    together; phrases that are too many for one text become several.
    """

    def __init__(self, model: Any, tokenizer: Any, look: Look, turns: Turns):
        self._model, self._tokenizer, self._look, self._turns = model, tokenizer, look, turns
        # a tokenizer may come set up to cut and fill up texts; its first use ends that, and from
        # then on several threads can use it
        [self._dot] = tokenizer(".", add_special_tokens=False)["input_ids"]

    def detect(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[list[Detection]]:
        by_shape: dict[tuple[int, int], list[Phrases]] = {}
        for position, (picture, own) in enumerate(zip(pictures, texts, strict=True)):
            # apart, so that nothing is padded, and no picture depends on its neighbours
            same = by_shape.setdefault(self._shape(picture), [])
            same.extend(self._phrases(position, own))
        found: list[list[Guesses]] = [[] for _ in pictures]
        for shape, same in by_shape.items():
            guesses = self._turns.work(same, partial(self._guess, pictures, shape))
            for row, (boxes, scores) in zip(same, guesses, strict=True):
                every = np.zeros((len(boxes), len(texts[row.picture])), np.float32)
                every[:, row.first : row.first + len(row.spans)] = scores
                found[row.picture].append((boxes, every))
        return [
            best_detections(*_joined(own), size_of(picture)) if own else []
            for picture, own in zip(pictures, found, strict=True)
        ]

    def _shape(self, picture: np.ndarray) -> tuple[int, int]:
        return shape_within(picture.shape[:2], self._look.shortest, self._look.longest)

    def _phrases(self, picture: int, texts: Sequence[str]) -> list[Phrases]:
        """The texts as the model reads them, in as few goes as it can."""
        most = self._model.config.max_text_len - 1  # the last is for the end
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        goes: list[Phrases] = []
        for position, text in enumerate(texts):
            plain = DELIMITERS.sub(" ", text).lower()
            tokens = self._tokenizer(plain, add_special_tokens=False)["input_ids"][: most - 2]
            if not goes or len(goes[-1].tokens) + len(tokens) + 1 > most:
                goes.append(Phrases(picture, position, [start], []))
            go = goes[-1]
            go.spans.append(slice(len(go.tokens), len(go.tokens) + len(tokens)))
            go.tokens.extend([*tokens, self._dot])
        for go in goes:
            go.tokens.append(end)
        return goes

    def _guess(
        self, pictures: Sequence[np.ndarray], shape: tuple[int, int], batch: Sequence[Phrases]
    ) -> list[Guesses]:
        device = self._turns.device
        ids = [torch.tensor(row.tokens, device=device) for row in batch]
        seen = [fitted(colours(pictures[row.picture], device), shape, self._look) for row in batch]
        answer = self._model(
            pixel_values=torch.cat(seen).to(device),
            input_ids=_side_by_side(ids, self._tokenizer.pad_token_id),
            attention_mask=_side_by_side([torch.ones_like(one) for one in ids], 0),
        )
        logits, boxes = (t.float().cpu().numpy() for t in (answer.logits, answer.pred_boxes))
        return [
            (
                corners(boxes[number], *size_of(pictures[row.picture])),
                phrase_scores(logits[number], row.spans),
            )
            for number, row in enumerate(batch)
        ]


def _joined(guesses: Sequence[Guesses]) -> Guesses:
    boxes, scores = zip(*guesses, strict=True)
    return np.concatenate(boxes), np.concatenate(scores)


def _side_by_side(rows: Sequence[torch.Tensor], filling: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=filling)


def phrase_scores(logits: np.ndarray, spans: Sequence[slice]) -> np.ndarray:
    """(N, phrases) float32 0..1 from (N, tokens) logits: the mean over each phrase's tokens, which
    `spans` tells; 0 for one without any."""
    each = sigmoid(logits)
    scores = [each[:, span].mean(1) if span.stop > span.start else each[:, 0] * 0 for span in spans]
    return np.stack(scores, 1)


# ---- OWLv2 ---------------------------------------------------------------------------------------


class Owlv2Detector:
    """OWLv2: `detect` as eyes.Detector says. It sees pictures filled up to a square, and tells
    boxes as shares of that square's side."""

    def __init__(self, model: Any, tokenizer: Any, look: Look, turns: Turns):
        self._model, self._tokenizer, self._look, self._turns = model, tokenizer, look, turns
        self._room = model.config.text_config.max_position_embeddings  # in tokens

    def detect(
        self, pictures: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
    ) -> list[list[Detection]]:
        questions = [Question(*pair) for pair in zip(pictures, texts, strict=True)]
        guesses = iter(self._turns.work([one for one in questions if one.texts], self._guess))
        return [
            best_detections(*next(guesses), size_of(one.picture)) if one.texts else []
            for one in questions
        ]

    def _guess(self, questions: Sequence[Question]) -> list[Guesses]:
        device, side = self._turns.device, self._look.longest
        most = max(len(one.texts) for one in questions)  # all pictures are asked for as many
        asked = [
            text for one in questions for text in (*one.texts, *[""] * (most - len(one.texts)))
        ]
        words = self._tokenizer(
            asked,
            padding="max_length",
            truncation=True,
            max_length=self._room,
            return_tensors="pt",
        )
        seen = [
            fitted(
                padded(colours(picture, device), max(picture.shape[:2]), GREY),
                (side, side),
                self._look,
            )
            for picture, _ in questions
        ]
        answer = self._model(
            pixel_values=torch.cat(seen).to(device),
            input_ids=words["input_ids"].to(device),
            attention_mask=words["attention_mask"].to(device),
        )
        logits, boxes = (t.float().cpu().numpy() for t in (answer.logits, answer.pred_boxes))
        return [
            (
                corners(boxes[number], *[max(picture.shape[:2])] * 2),
                sigmoid(logits[number, :, : len(texts)]),
            )
            for number, (picture, texts) in enumerate(questions)
        ]


# ---- both ----------------------------------------------------------------------------------------


def size_of(picture: np.ndarray) -> tuple[int, int]:
    """(width, height)"""
    return picture.shape[1], picture.shape[0]


def corners(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """(N, 4) xyxy in pixels from (N, 4) center, width and height as shares of `width` x `height`
    pixels."""
    centers, halves = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([centers - halves, centers + halves], 1) * [width, height, width, height]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """0..1, float32, without running over."""
    return (0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))).astype(np.float32)
