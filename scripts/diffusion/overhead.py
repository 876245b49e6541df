"""Infgen's overhead on a CPU, beside the bare pipeline calls in its run."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from diffusion.tables import plans_of, settings_of, write_tables
from diffusion.ways import Infgen, Pipe

from infgen.models.painter import Painter
from infgen.models.prompts import Prompt
from infgen.models.settings import ModelSettings

Make = Callable[[], Any]


def measure_overhead(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was made, and of each pair of neighbouring repeats the seconds with infgen and of the
    bare calls, on the wall and of the processor; `outside` is the share of infgen's wall time in
    which the painter wasn't at work."""
    model = ModelSettings(
        model=arguments.model,
        steps=arguments.steps[0] if arguments.steps else None,
        device="cpu",
        batch_size=arguments.batch_size,
    )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        write_tables(Path(folder), arguments.objects)
        way = Infgen(settings_of(Path(folder), model, arguments.layouts))
        count = arguments.images
        with recorded(way.painter) as asked, counted() as calls:
            way.make(count)
        bare = BareCalls(way.painter, asked)
        with counted() as bare_calls:
            bare()
        pairs, outside = [], []
        for repeat in range(arguments.repeats):
            seconds = {}
            for ours in (True, False) if repeat % 2 else (False, True):
                before = way.painter.busy
                seconds[ours] = timed(partial(way.make, count) if ours else bare)
                if ours:
                    outside.append(1 - (way.painter.busy - before) / seconds[ours][0])
            pairs.append((seconds[True], seconds[False]))
    return {
        "model": way.painter.names[-1],
        "steps": bare.steps,
        "batch_size": way.painter.batch_size,
        "pictures": count,
        "objects": sum(len(plan.objects) for plan in plans_of(way.planner, 0, count)),
        "wall": [(ours[0], bare[0]) for ours, bare in pairs],
        "processor": [(ours[1], bare[1]) for ours, bare in pairs],
        "outside": median(outside),
        "calls": dict(calls),
        "bare_calls": dict(bare_calls),
    }


def timed(call: Make) -> tuple[float, float]:
    """Seconds on the wall, and of the processor over all threads."""
    began, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - processor


Asked = list[tuple[str, tuple[Any, ...]]]


@contextmanager
def recorded(painter: Painter) -> Iterator[Asked]:
    """What the painter is asked for: (method, arguments) in order."""
    asked: Asked = []

    def spied(name: str) -> Callable[..., Any]:
        method = getattr(painter, name)

        def call(*arguments: Any) -> Any:
            asked.append((name, arguments))
            return method(*arguments)

        return call

    for name in ("scenes", "inpaint"):
        setattr(painter, name, spied(name))
    try:
        yield asked
    finally:
        for name in ("scenes", "inpaint"):
            delattr(painter, name)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often something goes through the networks, by network and batch size."""
    calls: Counter[str] = Counter()
    kinds = ("UNet2DConditionModel", "Encoder", "Decoder")

    def note(module: torch.nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        if (kind := type(module).__name__) in kinds:
            calls[f"{kind} x {len(inputs[0])}"] += 1

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        yield calls
    finally:
        hook.remove()


class BareCalls:
    """The calls of diffusers' pipelines that answer what a painter was asked for, in its batches
    and with its own pipelines: tensors in, decoded tensors out, nothing before or after. Texts are
    encoded beforehand."""

    def __init__(self, painter: Painter, asked: Asked):
        scenes, inpaint = painter._scenes, painter._inpaint
        if scenes is not inpaint or inpaint.row.family != "sd":
            raise SystemExit("the overhead is measured with one Stable Diffusion 1 model for both")
        self._scenes, self._inpaint = scenes.scenes, inpaint.inpaint
        self._row, self._words, self._batch = inpaint.row, inpaint.words, painter.batch_size
        self.steps = inpaint.row.steps
        self._calls = [call for name, of in asked for call in self._prepared(name, *of)]

    def __call__(self) -> None:
        with torch.no_grad():
            for call in self._calls:
                call()

    def _prepared(self, name: str, *asked: Any) -> Iterator[Make]:
        """A call for every batch of what was asked; the last is filled up, as the painter does."""
        prompts = asked[0] if name == "scenes" else asked[2]
        for start in range(0, len(prompts), self._batch):
            rows = list(range(len(prompts)))[start : start + self._batch]
            rows += rows[-1:] * (self._batch - len(rows))
            options = self._options([prompts[row] for row in rows])
            if name == "inpaint":
                pictures = [torch.from_numpy(asked[0][row]) for row in rows]
                masks = [torch.from_numpy(asked[1][row]) for row in rows]
                yield self._inpainting(torch.stack(pictures), torch.stack(masks), options)
            elif self._scenes is None:  # a UNet that can only inpaint repaints everything
                width, height = asked[1]
                nothing = torch.full((len(rows), height, width, 3), 127, dtype=torch.uint8)
                yield self._inpainting(nothing, torch.ones_like(nothing[..., 0]), options, 1.0)
            else:
                yield self._painting(self._scenes, asked[1], options)

    def _options(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        return {
            "prompt_embeds": self._embed([prompt.text for prompt in prompts]),
            "negative_prompt_embeds": self._embed([prompt.negative for prompt in prompts]),
            "num_inference_steps": self._row.steps,
            "guidance_scale": self._row.guidance,
            "output_type": "pt",
        }

    def _embed(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.stack([embedding[0] for embedding in self._words(texts)])

    def _painting(self, pipe: Pipe, size: tuple[int, int], options: dict[str, Any]) -> Make:
        return lambda: pipe(width=size[0], height=size[1], **options)

    def _inpainting(
        self,
        pictures: torch.Tensor,
        masks: torch.Tensor,
        options: dict[str, Any],
        strength: float | None = None,
    ) -> Make:
        strength = self._row.strength if strength is None else strength
        images, masks = pictures.permute(0, 3, 1, 2) / 255, masks[:, None].float()
        height, width = images.shape[-2:]
        return lambda: self._inpaint(
            image=images, mask_image=masks, width=width, height=height, strength=strength, **options
        )


def overhead_table(found: dict[str, Any]) -> str:
    alike = found["calls"] == found["bare_calls"]
    lines = [
        "{model}: {pictures} pictures, {objects} objects planned, {steps} steps, batches of "
        "{batch_size}; the networks were called ".format(**found)
        + ("alike" if alike else "differently: {calls}, bare {bare_calls}".format(**found)),
        "",
        "| | bare calls | infgen | overhead (of the pairs) |",
        "|---|---|---|---|",
    ]
    for name in ("wall", "processor"):
        ours, bare = (median(seconds) for seconds in zip(*found[name], strict=True))
        over = [one / other - 1 for one, other in found[name]]
        lines.append(
            f"| {name} | {bare:.2f} s | {ours:.2f} s "
            f"| {median(over):+.1%} ({min(over):+.1%} to {max(over):+.1%}) |"
        )
    outside = found["outside"]
    return "\n".join(
        [*lines, "", f"The painter wasn't at work for {outside:.1%} of infgen's time."]
    )
