"""How fast the diffusion path is, beside the plain loops that people write.

    python scripts/bench_diffusion.py                      # on a GPU: three ways, two models
    python scripts/bench_diffusion.py --quick              # the same, a first look in minutes
    python scripts/bench_diffusion.py --model tiny         # on a CPU: infgen's overhead
    python scripts/bench_diffusion.py --shrunken --quick   # anywhere: does the GPU's part run

On a GPU, for Stable Diffusion 1.5 at 512 and SDXL at 1024, in one run on one device:

ancestor  the Infinite Data Generator's recipe: SDXL in 32 bits, on 768x768; scenes four at a time
          with 2 steps, objects one by one with 3 (of which strength 0.5 leaves one), each over the
          whole canvas
plain     diffusers' own pipelines in bf16: a scene, then its objects one after the other, each over
          the whole canvas at the model's native size; the same steps and guidance as infgen
infgen    `Pipeline.in_batches`, as a run calls it: planned from two CSVs, painted in batches into
          windows, stitched, labelled, written as JPEG

The networks are the true architectures with random weights, built here from their public configs:
they paint noise at true speed. Nothing is downloaded. They are written to a temporary folder (4.3
GB, then 14 GB) and loaded from there as a user's own folders are. infgen would throw their objects
away as noise: once painted, each is replaced by a thing that is sure to be seen, so that all that
follows has to be done. None is tried twice.

On a CPU: by how much infgen's run takes longer than the bare pipeline calls in it, with the same
networks, batches, prompts, pictures and masks. What is over goes into planning, windows, noise,
colour match, change maps, mattes, labels and JPEG, as far as it isn't hidden behind the painting.
Where others use the machine too, trust the processor's time, with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # everything is made here
# On a CPU that others use too, threads that wait for each other must sleep: spinning costs tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from diffusion.architectures import ARCHITECTURES
from diffusion.comparing import compare, ratio_table, ratios_of, table_of
from diffusion.measuring import measure_limit
from diffusion.overhead import measure_overhead, overhead_table

from infgen.records.errors import InfgenError

IDLE = {
    "cuda": "Device idle: the share of the time in which no kernel ran, in one profiled repeat.",
    "cpu": "Device idle: the share of the time outside of the model's calls.",
}
WAYS = ("ancestor", "plain", "infgen")


def machine(device: str) -> dict[str, str]:
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else _processor(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The CPU's name, and how many cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(names, platform.processor() or 'CPU')}, {torch.get_num_threads()} threads"


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer repeats, steps and pictures")
    add("--device", choices=("auto", "cuda", "cpu"), default="auto")
    add("--steps", type=int, nargs="+", help="(8 20; the model's own for the overhead)")
    add("--images", type=int, help="pictures that infgen makes in a repeat (two batches; 24)")
    add("--objects", type=int, default=2, help="objects per picture (2)")
    add("--layouts", type=int, default=1, help="pictures per scene (1)")
    add("--batch-size", type=int, help="of infgen (as it chooses)")
    add("--repeats", type=int, help="(3; 5 pairs for the overhead)")
    add("--folder", type=Path, help="for temporary files: up to 14 GB (the system's)")
    add("--json", type=Path, help="write all numbers there too")
    gpu = parser.add_argument_group("three ways, two models (on a GPU)").add_argument
    gpu("--shrunken", action="store_true", help="tiny networks of the same kinds, on any device")
    gpu("--models", nargs="+", choices=ARCHITECTURES, default=[*ARCHITECTURES])
    gpu("--ways", nargs="+", choices=WAYS, default=WAYS, help="the ancestor goes with sdxl")
    gpu("--loop-images", type=int, help="pictures that the loops make in a repeat (4)")
    gpu("--compile", action="store_true", help="compile infgen's networks")
    cpu = parser.add_argument_group("overhead (on a CPU)").add_argument
    cpu("--model", default="tiny", help="a Stable Diffusion 1 folder that does both halves (tiny)")
    arguments = parser.parse_args(words)
    if arguments.device == "auto":
        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    return arguments


def _fill(arguments: argparse.Namespace, **defaults: Any) -> None:
    """What the user left open."""
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def main(words: Sequence[str] | None = None) -> None:
    arguments = parse(words)
    device, quick = arguments.device, arguments.quick
    report: dict[str, Any] = {"machine": machine(device)}
    print(", ".join(f"{name} {value}" for name, value in report["machine"].items()) + "\n")
    try:
        if device == "cpu" and not arguments.shrunken:
            _fill(arguments, repeats=3 if quick else 5, images=8 if quick else 24)
            report["overhead"] = measure_overhead(arguments)
            print(overhead_table(report["overhead"]))
        else:
            _fill(
                arguments,
                steps=(8,) if quick else (8, 20),
                repeats=1 if quick else 3,
                loop_images=1 if quick else 4,
                batch_size=8 if quick and device == "cuda" else None,
            )
            limit = measure_limit(device)
            rows = compare(arguments, device)
            ratios = ratios_of(rows)
            report |= {"limit": limit, "rows": [vars(row) for row in rows], "ratios": ratios}
            print(f"The device's limit: {limit / 1e12:.3g} TFLOP/s in bf16, measured.\n")
            print(table_of(rows, limit) + "\n\n" + IDLE[device] + "\n\n" + ratio_table(ratios))
    except InfgenError as error:
        raise SystemExit(str(error)) from None
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    for log in (diffusers.utils.logging, transformers.utils.logging):
        log.disable_progress_bar()
        log.set_verbosity_error()
    main()
