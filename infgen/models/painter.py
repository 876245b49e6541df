"""The painter: prompts and arrays in, pictures out, in batches that fit the device.

Imports torch; whatever only needs names and records takes `presets`, `prompts` or `resolve`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from infgen.models.choice import Resolved
from infgen.models.families import (
    Draw,
    Family,
    Pipe,
    call,
    decode_in_chunks,
    encode_in_chunks,
)
from infgen.models.pixels import Arriving, Results, in_range, to_device
from infgen.models.placing import answers, is_out_of_memory, memory_or_sentence, put_back
from infgen.models.presets import Preset
from infgen.models.prompts import PainterStopped, Prompt, Rejected
from infgen.models.words import Words, texts_of
from infgen.records.errors import DeviceFull, DeviceLost, PictureError

MOST_FAILURES = 16  # in a row, from which on nothing good is expected

Prepare = Callable[[list[int]], Callable[[], Arriving]]


@dataclass(frozen=True)
class Hand:
    """A loaded half: its pipelines (`scenes` None: it paints scenes by repainting everything), its
    numbers and its prompts."""

    row: Preset
    family: Family
    scenes: Pipe | None
    inpaint: Pipe
    words: Words
    safety_checker: Any = None
    feature_extractor: Any = None

    @property
    def guidance(self) -> float:
        """The row's, unless the model was distilled to do without."""
        asked, distilled = self.row.guidance, self.inpaint.config.get("is_distilled", False)
        return min(asked, 1.0) if distilled else asked


class Painter:
    """Paints whole scenes, and objects into masks.

    Every picture has a seed of its own and noise from a CPU generator, so it doesn't depend on what
    else is in the batch beyond the last bits of the arithmetic, and not on the device for its
    composition. Every batch has the same size (the last is filled up), so that a model is compiled
    once and a picture that is made again is the same to the bit. Several threads may ask: they take
    turns at the device, batch by batch.
    """

    def __init__(
        self,
        resolved: Resolved,
        scenes: Hand,
        inpaint: Hand,
        batch_size: int,
        device: str,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ):
        self.resolved, self.device, self.facts = resolved, device, facts
        self.batch_size = batch_size
        self.busy = 0.0  # seconds at work
        self._scenes, self._inpaint = scenes, inpaint
        self._turn, self._stopped = threading.Lock(), threading.Event()
        self._failures = 0  # in a row

    def stop(self) -> None:
        """Let whoever paints, or asks to from now on, have PainterStopped within a step."""
        self._stopped.set()

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise PainterStopped

    @property
    def native_size(self) -> int:
        """Side of the square, in pixels, that inpainting works best at."""
        return self._inpaint.row.native

    @property
    def cell(self) -> int:
        """Side of the square that one latent stands for, in pixels: denoise masks and crops are
        made of whole cells."""
        return self._inpaint.row.cell

    @property
    def licences(self) -> tuple[str, ...]:
        """One line per model."""
        return self.resolved.licences

    @property
    def names(self) -> tuple[str, ...]:
        """The models that paint scenes and objects, with revisions."""
        return tuple(half.name for half in self.resolved.halves)

    def scenes(
        self, prompts: Sequence[Prompt], size: tuple[int, int], seeds: Sequence[int]
    ) -> Results:
        """Pictures from text: (H, W, 3) uint8 RGB each, of `size` = (width, height), any size.

        `seeds` are whole numbers from 0 below 2**63, one per prompt.

        Raises:
            DeviceFull: not even one picture at a time fits into memory.
        """
        hand = self._scenes
        step = max(hand.row.cell, 8)  # some pipelines insist on 8 whatever their VAE does
        whole = (-(-size[0] // step) * step, -(-size[1] // step) * step)

        def make(rows: list[int]) -> Arriving:
            draw = self._draw(hand, prompts, seeds, rows, 1.0)
            if hand.scenes is not None:
                latents = call(hand.scenes, draw, whole)
            else:
                nothing = torch.zeros((len(rows), 3, *whole[::-1]), device=self.device)
                everything = torch.ones_like(nothing[:, :1])
                latents = hand.family.inpaint(hand.inpaint, nothing, everything, draw)
            return self._finish(hand, latents, size)

        return self._in_batches(len(prompts), lambda rows: partial(make, rows))

    def inpaint(
        self,
        pictures: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
    ) -> Results:
        """Repaint the masked parts: the model's own pictures, whole, for the caller to stitch.

        `pictures` are (S, S, 3) uint8 RGB, all of one size that is a multiple of the cell; `masks`
        (S, S) bool, true where to paint, made of whole cells. `seeds` as for `scenes`.

        Raises:
            DeviceFull: not even one picture at a time fits into memory.
        """
        hand = self._inpaint
        for picture in pictures:
            if picture.shape[0] % hand.row.cell or picture.shape[1] % hand.row.cell:
                raise ValueError(f"{picture.shape} isn't made of cells of {hand.row.cell} pixels")

        def prepare(rows: list[int]) -> Callable[[], Arriving]:
            before = to_device(np.stack([pictures[row] for row in rows]), self.device)
            where = to_device(np.stack([masks[row] for row in rows])[..., None], self.device)

            def make() -> Arriving:
                draw = self._draw(hand, prompts, seeds, rows, hand.row.strength)
                latents = hand.family.inpaint(hand.inpaint, in_range(before), where.float(), draw)
                return self._finish(hand, latents, (before.shape[-1], before.shape[-2]))

            return make

        return self._in_batches(len(pictures), prepare)

    def roundtrip(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The pictures, (H, W, 3) uint8 RGB of any sizes, as the VAE of inpainting gives them back.

        Raises:
            PictureError: the VAE answers with numbers that aren't finite.
            DeviceFull: not even one picture at a time fits into memory.
        """
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for position, picture in enumerate(pictures):
            by_shape.setdefault(picture.shape, []).append(position)
        results: dict[int, np.ndarray] = {}
        for positions in by_shape.values():
            same = [pictures[position] for position in positions]
            results.update(zip(positions, self._roundtrip(same), strict=True))
        return [results[position] for position in range(len(pictures))]

    def _roundtrip(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        (height, width), cell = pictures[0].shape[:2], self.cell
        margin = ((0, -height % cell), (0, -width % cell), (0, 0))
        vae = self._inpaint.inpaint.vae

        def prepare(rows: list[int]) -> Callable[[], Arriving]:
            padded = np.stack([np.pad(pictures[row], margin, "edge") for row in rows])
            before = to_device(padded, self.device)

            def make() -> Arriving:
                again = decode_in_chunks(vae, encode_in_chunks(vae, in_range(before)))
                put_back(self._inpaint.inpaint)
                return Arriving(again, (width, height), black_is_fine=True)

            return make

        made = self._in_batches(len(pictures), prepare)
        for result in made:
            if isinstance(result, Rejected):
                raise PictureError(f"the VAE can't copy a picture: {result.reason}")
        return [result for result in made if not isinstance(result, Rejected)]

    def prepare(self, prompts: Iterable[Prompt]) -> None:
        """Encode prompts ahead, so that the text encoders can be put aside for good.

        Raises:
            DeviceFull: there is too little memory.
        """
        prompts = list(prompts)
        with memory_or_sentence():
            for hand in {id(hand): hand for hand in (self._scenes, self._inpaint)}.values():
                hand.words.learn(self._texts(hand, prompts))

    def forget_text_encoders(self) -> None:
        """Free the device of the text encoders. Prompts that are known stay known; for another one
        the encoders visit the device again."""
        for hand in (self._scenes, self._inpaint):
            hand.words.put_encoders_aside()

    def _texts(self, hand: Hand, prompts: Sequence[Prompt]) -> list[str]:
        """What has to be encoded: the negative texts only where they count."""
        return texts_of(prompts, hand.family.guided(hand.inpaint, hand.guidance))

    def _draw(
        self,
        hand: Hand,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        rows: Sequence[int],
        strength: float,
    ) -> Draw:
        """What the pipelines need to know for a batch of `rows`."""
        embeddings = hand.words(self._texts(hand, [prompts[row] for row in rows]))
        words = hand.family.words(embeddings[: len(rows)], embeddings[len(rows) :] or None)
        generators = [torch.Generator("cpu").manual_seed(int(seeds[row])) for row in rows]
        return Draw(
            words,
            generators,
            hand.row.steps,
            hand.guidance,
            strength,
            self.resolved.settings.guidance_end,
            self._go_on,
        )

    @torch.no_grad()
    def _in_batches(self, count: int, prepare: Prepare) -> Results:
        """Make `count` pictures in full batches. Where memory runs out the batch is halved, for
        good, and the same pictures are made again.

        `prepare(rows)` brings what the rows need to the device, and gives what is to be done when
        it is their turn. That ends before the device has finished, so that it gets its next work
        from another thread in time.
        """
        done: Results = []
        while len(done) < count:
            done += self._one_batch(range(len(done), count), prepare)
        return done

    def _one_batch(self, left: range, prepare: Prepare) -> Results:
        """The results of the first of `left`; none of them if they have to be tried with fewer."""
        size = self.batch_size
        rows = list(left[:size])
        try:
            arriving = self._take_turn(prepare(rows + [rows[-1]] * (size - len(rows))))
            return arriving.results()[: len(rows)]
        except PainterStopped:
            raise
        except Exception as error:
            if not (isinstance(error, RuntimeError) and is_out_of_memory(error)):
                self._give_up_if_lost(error)
                raise
        # outside of the except clause, where the traceback no longer holds the tensors
        self._halve(size)
        return []

    def _take_turn(self, make: Callable[[], Arriving]) -> Arriving:
        with self._turn:
            self._go_on()
            began = time.perf_counter()
            try:
                arriving = make()
                self._failures = 0
                return arriving
            finally:
                self.busy += time.perf_counter() - began

    def _give_up_if_lost(self, error: Exception) -> None:
        """Raise DeviceLost if no other batch would fare better."""
        self._failures += 1
        if not answers(self.device) or self._failures >= MOST_FAILURES:
            first = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            raise DeviceLost(
                f"the model fails on {self.device} whatever it is asked: {first}"
            ) from error

    def _halve(self, size: int) -> None:
        """Go on with half of `size`, which was too much; another thread may have seen to it."""
        with self._turn:
            if self.batch_size == size:
                self._take_half()

    def _take_half(self) -> None:
        if self.device == "cuda":
            torch.cuda.empty_cache()
        if self.batch_size == 1:
            raise DeviceFull(
                "the device has too little memory for this model, even for one picture at a time: "
                "use --offload model or sequential, or a smaller --model"
            )
        self.batch_size //= 2

    def _finish(self, hand: Hand, latents: torch.Tensor, size: tuple[int, int]) -> Arriving:
        """Latents to pictures of `size` = (width, height)."""
        put_back(hand.scenes, hand.inpaint)
        pictures = decode_in_chunks(hand.inpaint.vae, hand.family.unscale(hand.inpaint, latents))
        put_back(hand.inpaint)
        return Arriving(pictures, size, hand.safety_checker, hand.feature_extractor)
