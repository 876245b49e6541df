"""Prompt embeddings, each made once; and text encoders, there only while they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from infgen.models.families import Embedding, Family, Pipe

CACHE_BYTES = 2**30


class Words:
    """The embeddings of one model's prompts, kept in main memory.

    Texts are encoded one at a time, so an embedding doesn't depend on what else was asked for.
    `pipes` are all that share the text encoders; the first encodes. With the `placing` "encoders
    aside" these start in main memory, and to encode they change places with everything else, since
    the device can't hold both; with "model" and "sequential" the pipelines themselves see to that.
    """

    def __init__(self, pipes: Sequence[Pipe], family: Family, device: str, placing: str):
        self._pipes, self._family, self._device = pipes, family, device
        self._hooked = placing in ("model", "sequential")
        self._takes_turns = placing == "encoders aside"
        self._encoders: dict[str, Any] = {}
        self._known: dict[str, Embedding] = {}
        if self._takes_turns:
            self.put_encoders_aside()

    def __call__(self, texts: Sequence[str]) -> list[Embedding]:
        """The embeddings of the texts, in order, on the device."""
        self.learn(texts)
        found = [tuple(part.to(self._device) for part in self._known[text]) for text in texts]
        self._make_room()
        return found

    def learn(self, texts: Iterable[str]) -> None:
        """Encode what isn't known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if not new:
            return
        with self._at_work() as pipe, torch.no_grad():
            for text in new:
                embedding = self._family.embed(pipe, text, self._device)
                self._known[text] = tuple(part.cpu() for part in embedding)

    def _make_room(self) -> None:
        """Forget the texts that were learnt first, where there are very many."""
        size = sum(part.nbytes for embedding in self._known.values() for part in embedding)
        for text in list(self._known):
            if size <= CACHE_BYTES:
                break
            size -= sum(part.nbytes for part in self._known.pop(text))

    def put_encoders_aside(self) -> None:
        """Free the device of the text encoders; they come back for a text that isn't known."""
        if self._encoders or self._hooked:
            return
        self._encoders = {n: getattr(self._pipes[0], n) for n in self._family.text_encoders}
        for encoder in self._encoders.values():
            encoder.to("cpu")
        # a pipeline takes its device from its parts, so these must not stay among them
        self._put(dict.fromkeys(self._encoders))
        if self._device == "cuda":
            torch.cuda.empty_cache()

    @contextmanager
    def _at_work(self) -> Iterator[Pipe]:
        """With the encoders on the device and in the pipelines; afterwards as it was before."""
        encoders, self._encoders = self._encoders, {}
        others = self._parts() if encoders and self._takes_turns else []
        self._put(encoders)
        try:
            for part in others:
                part.to("cpu")
            for part in encoders.values():
                part.to(self._device)
            yield self._pipes[0]
        finally:
            if encoders:
                self.put_encoders_aside()
            for part in others:
                part.to(self._device)

    def _parts(self) -> list[torch.nn.Module]:
        parts = (part for pipe in self._pipes for part in pipe.components.values())
        return list({id(p): p for p in parts if isinstance(p, torch.nn.Module)}.values())

    def _put(self, parts: Mapping[str, Any]) -> None:
        for pipe in self._pipes:
            for name, part in parts.items():
                setattr(pipe, name, part)
