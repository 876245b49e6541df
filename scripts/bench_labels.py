"""How true infgen's labels are, measured. Prints Markdown.

    python scripts/bench_labels.py [--shared ../shared/data] [verify] [tiny] [bank] [relabel]

verify    A simulated model paints real cutouts over photographs and does, at known rates, what
          diffusion models do wrong; infgen's inpainting stage judges it by the change map alone.
tiny      The tiny checkpoint's labels, judged by the oracle, of which infgen knows nothing.
bank      Cutouts of things that the tiny checkpoint painted on backdrops, held against the oracle.
relabel   What `infgen relabel` finds in the Infinite Data Generator's published pictures (painted
          by SDXL-Turbo; boxes drawn by hand), beside two simpler ways.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from labels.bank import bank_table
from labels.relabel import as_markdown, changed_region, measure
from labels.tiny import tiny_table
from labels.verify import verify_table

PARTS: dict[str, Callable[[Path], str]] = {
    "verify": verify_table,
    "tiny": lambda shared: tiny_table(96),
    "bank": lambda shared: bank_table(14),
    "relabel": lambda shared: as_markdown(
        measure(shared / "seed_pairs"), measure(shared / "seed_pairs", changed_region)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--shared", type=Path, default=beside)
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"## {name}\n\n{PARTS[name](arguments.shared)}\n", flush=True)


if __name__ == "__main__":
    main()
