"""Cutouts of things that the tiny checkpoint painted, held against the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tiny_world

from infgen.batch.bank import BARS, Easel
from infgen.batch.settings import BankSettings
from infgen.models.loader import load
from infgen.models.prompts import Prompt
from infgen.models.resolve import resolve
from infgen.models.settings import ModelSettings
from infgen.ops.cutting import NoCutout, cut_out, outline
from infgen.ops.rle import decode_rle
from infgen.records.sample import Sample
from infgen.sources.tables import read_classes
from infgen.stages.inpaint import Inpaint, InpaintSettings
from infgen.stages.verify import Verify


class Cut(NamedTuple):
    """A try at a cutout: its class, why there is none ("" if there is), and the IoU of its outline
    with the oracle's pixels."""

    name: str
    reason: str
    iou: float


def bank_tries(each: int) -> list[Cut]:
    """What a bank makes of `each` tries at every class of the tiny checkpoint's."""
    table = Path(__file__).resolve().parents[2] / "prompts" / "tiny" / "classes.csv"
    settings = BankSettings(classes=table, model=ModelSettings(model="tiny"))
    specs, _ = read_classes(table, (settings.width, settings.height))
    prompts = [Prompt(spec.prompt, spec.negative_prompt) for spec in specs]
    painter = load(resolve(settings.model), each * len(specs), prompts, print)
    easel = Easel(specs, settings, painter.native_size, "tiny")
    judge = Verify([spec.name for spec in specs], rules=BARS)
    stage = Inpaint(painter, InpaintSettings(attempts=1), 0, judge, all_of_it=True)
    cuts = []
    for number in range(each):
        plans = [easel.plan(spec, number) for spec in specs]
        samples = stage.paint([easel.backdrop(plan) for plan in plans], plans)
        cuts += [_cut(spec.name, sample, easel.backdrop(plan))
                 for spec, sample, plan in zip(specs, samples, plans, strict=True)]  # fmt: skip
    return cuts


def _cut(name: str, sample: Sample, backdrop: np.ndarray) -> Cut:
    if not sample.instances:
        return Cut(name, sample.dropped[-1].reason, 0.0)
    [label] = sample.instances
    thing = decode_rle(label.rle, backdrop.shape[1::-1])
    try:
        cut_out(sample.canvas, backdrop, thing)
    except NoCutout as error:
        return Cut(name, str(error), 0.0)
    full = next(one for one in tiny_world.THINGS if name in one)
    found = tiny_world.look(sample.canvas, full)
    if found is None:
        return Cut(name, "", 0.0)
    mask = outline(sample.canvas, backdrop, thing)
    pixels = tiny_world.spot(sample.canvas, full, found.box)
    return Cut(name, "", np.count_nonzero(mask & pixels) / np.count_nonzero(mask | pixels))


def bank_table(each: int) -> str:
    lines = ["| class | cutouts | mask IoU | of the worst |", "|---|---|---|---|"]
    cuts = bank_tries(each)
    for name in [*dict.fromkeys(cut.name for cut in cuts), "all"]:
        tries = [cut for cut in cuts if name in (cut.name, "all")]
        ious = [cut.iou for cut in tries if not cut.reason] or [float("nan")]
        good = sum(not cut.reason for cut in tries)
        lines.append(f"| {name} | {good} of {len(tries)} | {np.mean(ious):.2f} | {min(ious):.2f} |")
    return "\n".join(lines)
