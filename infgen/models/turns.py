"""A model's turns: bounded batches, one thread at a time, smaller ones where memory runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from infgen.models.placing import answers, is_out_of_memory
from infgen.records.errors import DeviceFull, DeviceLost

LARGEST_BATCH = {"cuda": 8, "mps": 2, "cpu": 2}


class Question(NamedTuple):
    """A picture, (H, W, 3) uint8 RGB, and what it may show."""

    picture: np.ndarray
    texts: Sequence[str]


Item = TypeVar("Item")
Result = TypeVar("Result")


class Turns:
    """Lets a model, by its `name` for people, work through lists on a device. `instead`: what the
    user can do without it."""

    def __init__(self, name: str, device: str, instead: str):
        self.device = device
        self.no_room = (
            f"the device has too little memory for {name}, even for one picture at a time: name a "
            f"smaller model, or {instead}"
        )
        self.batch_size = LARGEST_BATCH[device]
        self._turn = threading.Lock()

    def work(
        self, items: Sequence[Item], look: Callable[[Sequence[Item]], list[Result]]
    ) -> list[Result]:
        """What `look` answers to the items, a batch at a time, in their order. Where memory runs
        out the batch is halved, for good, and the same items come again.

        Raises:
            DeviceFull: there is too little memory even for one.
            DeviceLost: the device doesn't answer any more.
        """
        done: list[Result] = []
        while len(done) < len(items):
            with self._turn:
                done += self._batch(items[len(done) : len(done) + self.batch_size], look)
        return done

    def _batch(
        self, items: Sequence[Item], look: Callable[[Sequence[Item]], list[Result]]
    ) -> list[Result]:
        """The results; none of them if they have to be tried with fewer items."""
        try:
            with torch.inference_mode():
                return look(items)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                self._give_up_if_lost(error)
                raise
        # outside of the except clause, where the traceback no longer holds the tensors
        if self.device == "cuda":
            torch.cuda.empty_cache()
        if len(items) == 1:
            raise DeviceFull(self.no_room)
        self.batch_size = len(items) // 2
        return []

    def _give_up_if_lost(self, error: RuntimeError) -> None:
        if not answers(self.device):
            first = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            raise DeviceLost(f"{self.device} doesn't answer any more: {first}") from error
