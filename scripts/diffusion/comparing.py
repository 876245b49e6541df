"""Three ways, two models: what is measured on a GPU, and the tables of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from diffusion.architectures import ARCHITECTURES, Architecture, costs_of, shrunken, write_model
from diffusion.measuring import Case, Measured, clear, measure
from diffusion.tables import settings_of, write_tables
from diffusion.ways import ANCESTOR_STEPS, ANCESTOR_STRENGTH, Infgen, ancestor_way, plain_way

from infgen.batch.settings import RunSettings
from infgen.models.settings import ModelSettings

ANCESTOR_CANVAS = 0.75  # of SDXL's native side: 768


def compare(arguments: argparse.Namespace, device: str) -> list[Measured]:
    """All that was asked for, model after model; each result is told as soon as it is there."""
    rows: list[Measured] = []
    for name in arguments.models:
        architecture = ARCHITECTURES[name]
        if arguments.shrunken:
            architecture = shrunken(architecture)
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            write_tables(Path(folder), arguments.objects)
            tell(f"{name}: writing {architecture.disk_gb} GB of random weights to {folder}")
            write_model(architecture, Path(folder), device)
            clear(device)
            for case in cases_of(architecture, Path(folder), arguments):
                rows.append(measure(case, arguments.repeats, device))
                rate = rows[-1].rate(rows[-1].pictures)
                tell(f"{case.model}, {case.steps} steps, {case.way}: {rate:.3g} pictures/s")
    return rows


def cases_of(
    architecture: Architecture, folder: Path, arguments: argparse.Namespace
) -> Iterator[Case]:
    """All ways to use one model, the ancestor's only with SDXL."""
    device, name, row = arguments.device, architecture.name, architecture.preset

    def settings(steps: int, canvas: int | None = None) -> RunSettings:
        model = ModelSettings(
            model=str(folder / "scenes"),
            inpaint_model=str(folder / "inpaint"),
            steps=steps,
            device=device,
            dtype="bf16",
            batch_size=arguments.batch_size,
            compile="on" if arguments.compile else "off",
        )
        return settings_of(folder, model, arguments.layouts, canvas, attempts=1)

    cases = []
    if name == "sdxl":
        canvas, (first, second) = int(architecture.side * ANCESTOR_CANVAS), ANCESTOR_STEPS
        costs = costs_of(architecture, canvas)
        cases.append(
            Case(
                name,
                f"{first}, {second}",
                "ancestor",
                partial(ancestor_way, settings(second, canvas), folder, device),
                arguments.loop_images,
                costs.scene(first),
                costs.thing(second, ANCESTOR_STRENGTH, 4),
            )
        )
    costs = costs_of(architecture, architecture.side)
    for steps in arguments.steps:
        work = costs.scene(steps), costs.thing(steps, row.strength, 9)
        plain = partial(plain_way, settings(steps), folder, device, row)
        ours = partial(Infgen, settings(steps), knows_nothing=True)
        cases += [
            Case(name, str(steps), "plain", plain, arguments.loop_images, *work),
            Case(name, str(steps), "infgen", ours, arguments.images, *work),
        ]
    return (case for case in cases if case.way in arguments.ways)


def table_of(rows: Sequence[Measured], limit: float) -> str:
    lines = [
        "| model | steps | way | images/s (of the repeats) | scenes/s | objects/s "
        "| of the bf16 limit | device idle | peak memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = (row.pictures / end for end in (max(row.seconds), min(row.seconds)))
        idle = "?" if row.idle is None else f"{row.idle:.1%}"
        memory = "?" if row.memory_gb is None else f"{row.memory_gb:.1f} GB"
        lines.append(
            f"| {row.model} | {row.steps} | {row.way} "
            f"| {row.rate(row.pictures):.3g} ({low:.3g} to {high:.3g}) "
            f"| {row.rate(row.scenes):.3g} | {row.rate(row.objects):.3g} "
            f"| {row.rate(row.flops) / limit:.1%} | {idle} | {memory} |"
        )
    return "\n".join(lines)


def ratios_of(rows: Sequence[Measured]) -> list[dict[str, Any]]:
    """How many times as many pictures infgen makes per second as the others of the same run."""
    rates = {(row.model, row.steps, row.way): row.rate(row.pictures) for row in rows}
    ancestor = next((row.rate(row.pictures) for row in rows if row.way == "ancestor"), None)
    return [
        {
            "model": model,
            "steps": steps,
            "plain": rate / plain if (plain := rates.get((model, steps, "plain"))) else None,
            "ancestor": rate / ancestor if ancestor else None,
        }
        for (model, steps, way), rate in rates.items()
        if way == "infgen"
    ]


def ratio_table(ratios: Sequence[dict[str, Any]]) -> str:
    lines = ["| model | steps | infgen / plain | infgen / ancestor |", "|---|---|---|---|"]
    for one in ratios:
        plain, ancestor = (
            f"{one[name]:.2f}" if one[name] else "" for name in ("plain", "ancestor")
        )
        lines.append(f"| {one['model']} | {one['steps']} | {plain} | {ancestor} |")
    return "\n".join(lines)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
