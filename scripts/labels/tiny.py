"""The tiny checkpoint's labels, held against the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tiny_oracle
from tiny_oracle import Held, judged_label, things_of

import infgen
from infgen.batch.store import Store
from infgen.ops.rle import decode_rle
from infgen.sources.pictures import read_any


def tiny_labels(images: int, verify: str = "change", seed: int = 0) -> tuple[list[Held], int]:
    """The labels of a run with the tiny checkpoint, and how many objects it left out."""
    prompts = Path(__file__).resolve().parents[2] / "prompts" / "tiny"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "dataset"
        infgen.run(
            backgrounds=prompts / "background.csv",
            classes=prompts / "classes.csv",
            out=out,
            model="tiny",
            images=images,
            image_format="png",
            verify=verify,
            seed=seed,
            report=False,
        )
        things = things_of(out)
        held, left_out = [], 0
        for entry in Store(out).entries():
            shown = read_any(out / entry.file)
            left_out += sum(bool(one.tries) for one in entry.dropped)
            for label in entry.objects:
                mask = decode_rle(label.rle, entry.size)
                if label.visible_frac == 1.0:
                    held.append(judged_label(shown, things[label.class_id], mask, label.box))
    return held, left_out


def tiny_table(images: int) -> str:
    lines = ["| labels are given | labels that hold | objects labelled | mask IoU |",
             "|---|---|---|---|"]  # fmt: skip
    for name, verify in (("to whatever appears", "off"), ("after verification", "change")):
        held, left_out = tiny_labels(images, verify)
        share = np.mean([one.holds for one in held])
        mask = np.mean([one.mask for one in held])
        kept = len(held) / (len(held) + left_out)
        lines.append(f"| {name} | {share:.3f} of {len(held)} | {kept:.2f} | {mask:.2f} |")
    agreed = ", ".join(f"{share:.3f} {what}" for what, share in tiny_oracle.agreed().items())
    lines += ["", f"The oracle itself, on drawn things, says of labels that they hold: {agreed}."]
    return "\n".join(lines)
