#!/usr/bin/env python
"""What the seam probe of `infgen audit` sees of what the tiny checkpoint paints, beside its drawn
world's true pictures: these are to it what photographs are to a large model.

    python scripts/bench_tiny_seams.py --out /tmp/tiny

takes five to ten minutes for its 110 pictures on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tiny_world
from bench_seams import labelled, probed, shown

import infgen
from infgen.batch.audit import audit
from infgen.batch.encoding import encode_picture
from infgen.ops.camera import apply_finish, draw_finish
from infgen.ops.rle import encode_rle
from infgen.ops.seeds import stream
from infgen.records.labelled import LabelledPicture
from infgen.report.audit.settings import AuditSettings

TABLES = Path(__file__).resolve().parents[1] / "prompts" / "tiny"
SIDE = 128  # pixels
SHARES = (0.22, 0.44)  # of the side: a thing's longer one
DEGRADE, QUALITY = 0.5, 90  # as runs have them


def painted(out: Path, images: int, seed: int) -> Path:
    """A dataset of the tiny checkpoint with all settings as they are, but for more decoys."""
    infgen.run(
        backgrounds=TABLES / "background.csv",
        classes=TABLES / "classes.csv",
        out=out / "dataset",
        model="tiny",
        images=images,
        width=SIDE,
        height=SIDE,
        decoys=1.0,
        seed=seed,
        report=False,
    )
    return out / "dataset"


def drawn(count: int, seed: int) -> Iterator[tuple[LabelledPicture, np.ndarray]]:
    """True pictures of the same world, (SIDE, SIDE, 3) uint8 RGB, finished and encoded as infgen's
    are: scenes with a few things, and what is seen of each."""
    for number in range(count):
        rng = stream(seed, number, "drawn")
        scenes, things = list(tiny_world.SCENES), list(tiny_world.THINGS.values())
        pixels = tiny_world.draw_scene(scenes[number % len(scenes)], rng, SIDE)
        masks: list[np.ndarray] = []
        for which in rng.permutation(len(things))[: rng.integers(2, 5)]:
            mask = _put(pixels, things[which], rng)
            masks = [before & ~mask for before in masks] + [mask]
        finish = draw_finish(rng, DEGRADE)
        assert finish is not None
        data = encode_picture(apply_finish(pixels, finish), "jpg", QUALITY - finish.quality_loss)
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert bgr is not None
        objects = tuple(labelled(encode_rle(mask)) for mask in masks if mask.any())
        picture = LabelledPicture(Path(f"{number}.jpg"), "train", (SIDE, SIDE), objects)
        yield picture, bgr[..., ::-1].copy()


def _put(pixels: np.ndarray, thing: tiny_world.Thing, rng: np.random.Generator) -> np.ndarray:
    """Draw a thing into a picture, in place: (SIDE, SIDE) bool, where it is."""
    longer = SIDE * rng.uniform(*SHARES)
    size = round(longer * min(1, thing.aspect)), round(longer / max(1, thing.aspect))
    x, y = (int(rng.integers(SIDE - side + 1)) for side in size)
    place = np.s_[y : y + size[1], x : x + size[0]]
    rgba = tiny_world.cutout(thing, size, rng).astype(np.float32)
    weight = rgba[..., 3:] / 255
    pixels[place] = np.rint(pixels[place] + weight * (rgba[..., :3] - pixels[place]))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[place] = weight[..., 0] >= 0.5
    return mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=110)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    dataset = painted(arguments.out, arguments.images, arguments.seed)
    settings = AuditSettings(
        out=arguments.out, estimate="none", sample=arguments.images, seed=arguments.seed
    )
    found = audit(dataset, settings).seams
    assert found is not None
    print(f"the tiny checkpoint: self test {shown(found.self_test)}")
    print(f"  decoys against untouched places: {shown(found.decoys)}")
    print(f"  decoys against like edges: {shown(found.decoy_edges)}")
    print(f"  objects against like edges: {shown(found.contours)}")
    true = probed(drawn(arguments.images, arguments.seed), arguments.seed)
    of_true = true.seams(None, stream(arguments.seed, 0, "verdict"))
    print(f"  true things against like edges: {shown(of_true.contours)}")


if __name__ == "__main__":
    main()
