"""Prompt embeddings, each made once; and text encoders, there only while they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from infgen.models.families import Embedding, Family, Pipe
from infgen.models.prompts import Prompt

CACHE_BYTES = 2**30  # for texts that nobody announced


def texts_of(prompts: Sequence[Prompt], guided: bool) -> list[str]:
    """What has to be encoded: the texts, and where they count, the negative ones after them."""
    return [prompt.text for prompt in prompts] + [p.negative for p in prompts if guided]


class Words:
    """The embeddings of one model's prompts, kept in main memory.

    Texts are encoded one at a time, so an embedding doesn't depend on what else was asked for.
    `pipes` are all that share the text encoders; the first encodes. With the `placing` "encoders
    aside" these start in main memory, and to encode they change places with everything else that is
    on the device (of `all_pipes`, where there are more), since it can't hold both; with "model" and
    "sequential" the pipelines themselves see to that.
    """

    def __init__(
        self,
        pipes: Sequence[Pipe],
        family: Family,
        device: str,
        placing: str,
        all_pipes: Sequence[Pipe] = (),
    ):
        self._pipes, self._family, self._device = pipes, family, device
        self._all_pipes = all_pipes or pipes
        self._hooked = placing in ("model", "sequential")
        self._takes_turns = placing == "encoders aside"
        self._encoders: dict[str, Any] = {}
        self._learnt: dict[str, Embedding] = {}  # never forgotten
        self._met: dict[str, Embedding] = {}  # the longest unused first
        if self._takes_turns:
            self.put_encoders_aside()

    def __call__(self, texts: Sequence[str]) -> list[Embedding]:
        """The embeddings of the texts, in order, on the device."""
        self._met |= self._encode(texts)
        for text in texts:
            if text in self._met:
                self._met[text] = self._met.pop(text)
        known = self._met | self._learnt
        found = [tuple(part.to(self._device) for part in known[text]) for text in texts]
        self._make_room()
        return found

    def learn(self, texts: Iterable[str]) -> None:
        """Encode what isn't known yet, and keep all of it for good."""
        texts = list(texts)
        self._learnt |= self._encode(texts)
        self._learnt |= {text: self._met.pop(text) for text in set(texts) & self._met.keys()}

    def _encode(self, texts: Iterable[str]) -> dict[str, Embedding]:
        """The embeddings of those texts that aren't known."""
        known = self._learnt.keys() | self._met.keys()
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if not new:
            return {}
        with self._at_work() as pipe, torch.no_grad():
            embeddings = (self._family.embed(pipe, text, self._device) for text in new)
            return {
                text: tuple(part.cpu() for part in embedding)
                for text, embedding in zip(new, embeddings, strict=True)
            }

    def _make_room(self) -> None:
        """Forget texts that weren't used for long, where very many have been met."""
        size = sum(part.nbytes for embedding in self._met.values() for part in embedding)
        for text in list(self._met):
            if size <= CACHE_BYTES:
                break
            size -= sum(part.nbytes for part in self._met.pop(text))

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
        others = self._on_device() if encoders and self._takes_turns else []
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

    def _on_device(self) -> list[torch.nn.Module]:
        """All parts of all pipelines that are on the device: before everything is placed, none."""
        parts = (part for pipe in self._all_pipes for part in pipe.components.values())
        modules = {id(part): part for part in parts if isinstance(part, torch.nn.Module)}
        return [module for module in modules.values() if not in_main_memory(module)]

    def _put(self, parts: Mapping[str, Any]) -> None:
        for pipe in self._pipes:
            for name, part in parts.items():
                setattr(pipe, name, part)


def in_main_memory(module: torch.nn.Module) -> bool:
    """Whether the module's weights are there, and not on a GPU."""
    return all(parameter.device.type == "cpu" for parameter in module.parameters())
