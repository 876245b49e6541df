"""The weights in infgen/ops/clues.py and outlines.py, fitted to pictures whose truth is known.

    python scripts/fit_refit.py [--shared ../shared/data] [--pairs 120] [--leave-one-out]

A pair is a photograph, and the same with cutouts in boxes that were repainted: with other content
of the photograph, shifted, mirrored, warped and toned, as a model makes the background anew around
what it paints. Half of the pairs are for fitting; the others, of the same photographs and cutouts
but laid out otherwise, say how well it went. No picture that a diffusion model made takes part.

The constants beside the weights were set by hand, looking at pictures that SDXL-Turbo painted
(`seed_pairs`). --leave-one-out says how much that flatters: for each of these pictures, every
constant may take its value or one of two others, whichever is best on the rest of the pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from infgen.ops import clues, outlines, refit, scene
from infgen.ops.masks import tight_box
from infgen.ops.refit import find_objects
from infgen.ops.scene import Scene
from infgen.records.box import Box

SIDE = 512  # of the pictures
OVERLAP = 24  # pixels by which boxes may reach into each other


@dataclass(frozen=True)
class Truth:
    """A made-up pair: (H, W, 3) uint8 RGB twice, (H, W) bool for each object, and the boxes that
    were repainted."""

    before: np.ndarray
    after: np.ndarray
    masks: tuple[np.ndarray, ...]
    repainted: tuple[Box, ...]

    @property
    def boxes(self) -> list[Box]:
        return [box for box in map(tight_box, self.masks) if box is not None]


def make_pair(rng: np.random.Generator, photo: np.ndarray, cutouts: list[np.ndarray]) -> Truth:
    """A pair from a (H, W, 3) uint8 `photo` and some of the (h, w, 4) uint8 `cutouts`."""
    before = _crop(rng, photo)
    canvas = before.astype(np.float32)
    masks: list[np.ndarray] = []
    boxes = _boxes(rng)
    for box in boxes:
        content = _other_content(rng, before, canvas, box)
        cutout = cutouts[rng.integers(len(cutouts))]
        alpha, colours = _place(rng, cutout[:, ::-1] if rng.random() < 0.5 else cutout, box)
        painted = colours * alpha[..., None] + content * (1 - alpha[..., None])
        matte = cv2.GaussianBlur(_filled(box), (0, 0), rng.uniform(2, 12))
        canvas = _through_vae(rng, canvas + (painted - canvas) * matte[..., None])
        mask = alpha * matte > 0.5
        masks = [one & ~mask for one in masks] + [mask]
    after = canvas.clip(0, 255).astype(np.uint8)
    seen = tuple(mask for mask in masks if mask.sum() > 0.01 * SIDE * SIDE)
    return Truth(before, after, seen, tuple(Box(*box) for box in boxes))


def _crop(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    scale = 1.001 * SIDE / min(photo.shape[:2])
    photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    y, x = (rng.integers(0, side - SIDE + 1) for side in photo.shape[:2])
    return photo[y : y + SIDE, x : x + SIDE]


def _boxes(rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
    wanted, boxes = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15])), []
    for _ in range(20):
        width, height = rng.uniform(0.28, 0.7, 2) * SIDE
        x, y = rng.uniform(0, SIDE - width), rng.uniform(0, SIDE - height)
        box = (int(x), int(y), int(x + width), int(y + height))
        apart = all(
            min(box[2], b[2]) - max(box[0], b[0]) < OVERLAP
            or min(box[3], b[3]) - max(box[1], b[1]) < OVERLAP
            for b in boxes
        )
        if 0.4 < width / height < 2.5 and apart and len(boxes) < wanted:
            boxes.append(box)
    return boxes or [(100, 120, 380, 400)]


def _filled(box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return mask


def _other_content(
    rng: np.random.Generator,
    before: np.ndarray,
    canvas: np.ndarray,
    box: tuple[int, int, int, int],
) -> np.ndarray:
    """What a model might make of the background: the same kind of scene, other things in it, its
    colours leaning towards what surrounds the box."""
    content = before[:, ::-1] if rng.random() < 0.5 else before
    content = np.roll(content, int(rng.uniform(0.15, 0.85) * SIDE), axis=1)
    content = np.roll(content, int(rng.normal(0, 0.04) * SIDE), axis=0)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    bends = [
        cv2.resize(rng.normal(0, 1, (6, 6)).astype(np.float32), (SIDE, SIDE),
                   interpolation=cv2.INTER_CUBIC) * rng.uniform(2, 14)
        for _ in range(2)
    ]  # fmt: skip
    content = cv2.remap(content, x + bends[0], y + bends[1], cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_REFLECT).astype(np.float32)  # fmt: skip
    content = content * rng.uniform(0.88, 1.1) + rng.normal(0, 8, 3)
    mask = _filled(box).astype(np.uint8)
    kernel = np.ones((31, 31), np.uint8)
    ring = (cv2.dilate(mask, kernel) != 0) & (mask == 0)
    edge = (mask != 0) & (cv2.erode(mask, kernel) == 0)
    return content + 0.7 * (canvas[ring].mean(0) - content[edge].mean(0))


def _place(
    rng: np.random.Generator, cutout: np.ndarray, box: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The cutout somewhere in the box: alpha (H, W) 0..1 and colours (H, W, 3)."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = rng.uniform(0.6, 1.0) * min(width / cutout.shape[1], height / cutout.shape[0])
    cutout = cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    h, w = cutout.shape[:2]
    x = int((box[0] + box[2] - w) / 2 + rng.normal(0, 0.12) * width)
    y = int((box[1] + box[3] - h) / 2 + rng.normal(0, 0.12) * height)
    canvas = np.zeros((SIDE + 2 * h, SIDE + 2 * w, 4), np.float32)
    x, y = min(max(x, -w), SIDE), min(max(y, -h), SIDE)
    canvas[y + h : y + 2 * h, x + w : x + 2 * w] = cutout
    canvas = canvas[h : h + SIDE, w : w + SIDE]
    return canvas[..., 3] / 255, canvas[..., :3]


def _through_vae(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A little softer, with noise where there is texture."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7)
    detail = picture - soft
    busy = cv2.GaussianBlur(np.abs(detail).mean(2), (0, 0), 2)[..., None]
    noise = cv2.GaussianBlur(rng.normal(0, 1, picture.shape).astype(np.float32), (0, 0), 1.0)
    return soft + 0.5 * detail + noise * (2 + 1.5 * busy)


def make_pairs(shared: Path, count: int, seed: int = 100) -> Iterator[Truth]:
    photos = sorted((shared / "backgrounds").iterdir())
    cutouts = [one for path in sorted((shared / "cutouts").glob("*/*"))
               if _is_whole(one := _read(path, cv2.COLOR_BGRA2RGBA))]  # fmt: skip
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        photo = _read(photos[number % len(photos)], cv2.COLOR_BGR2RGB)
        yield make_pair(rng, photo, cutouts)


def _read(path: Path, colours: int) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), colours)


def _is_whole(cutout: np.ndarray) -> bool:
    """Large enough, and in one piece."""
    opaque = (cutout[..., 3] > 127).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(opaque)
    return min(opaque.shape) >= 60 and parts[1:, 4].max() > 0.93 * parts[1:, 4].sum()


# ---- fitting -------------------------------------------------------------------------------------


def fit_logistic(
    rows: np.ndarray, share: np.ndarray, weight: np.ndarray, ridge: float = 1.0
) -> np.ndarray:
    """Weights of a logistic regression of `share` 0..1 on (n, k) `rows`, the last being 1."""
    best = np.zeros(rows.shape[1])
    for _ in range(20):
        guess = 1 / (1 + np.exp(-rows @ best))
        steep = (rows * (weight * guess * (1 - guess))[:, None]).T @ rows + ridge * np.eye(
            len(best)
        )
        best += np.linalg.solve(steep, rows.T @ (weight * (share - guess)) - ridge * best)
    return best


def fit_clues(pairs: list[Truth]) -> np.ndarray:
    rows, shares, weights = [], [], []
    for pair in pairs:
        scene = Scene.of(pair.before, pair.after)
        if not pair.masks:
            continue
        truth = np.logical_or.reduce(pair.masks).astype(np.float32)
        truth = cv2.resize(truth, scene.region.shape[::-1], interpolation=cv2.INTER_AREA) > 0
        for region in scene.regions():
            ours = clues.clues_of(scene, region)
            rows.append(np.column_stack([ours, np.ones(len(ours))]))
            shares.append(truth[region])
            weights.append(np.full(len(ours), 1000 / len(ours)))
    return fit_logistic(
        np.concatenate(rows), np.concatenate(shares).astype(float), np.concatenate(weights)
    )


def fit_traits(pairs: list[Truth]) -> np.ndarray:
    """Every outline, the chosen or not, against the truth that it overlaps most."""
    rows, shares = [], []
    for pair in pairs:
        scene = Scene.of(pair.before, pair.after)
        for region in scene.regions():
            for part, traits in outlines.candidates(scene, region):
                box = tight_box(scene.full_size(part))
                if box is not None:
                    rows.append(traits)
                    shares.append(max((box.iou(one) for one in pair.boxes), default=0.0))
    return fit_logistic(np.array(rows), np.array(shares), np.ones(len(rows)))


def judge(pairs: list[Truth]) -> tuple[float, float, float]:
    """Mean IoU of the true boxes with what was found, its correlation with the confidence, and
    objects found per true one."""
    from labels.relabel import match

    overlaps, sure, number = [], [], 0
    for pair in pairs:
        found = find_objects(pair.before, pair.after)
        number += len(found)
        for overlap, one in match(pair.boxes, found):
            overlaps.append(overlap)
            sure.append(one.confidence if one else 0.0)
    return (
        float(np.mean(overlaps)),
        float(np.corrcoef(overlaps, sure)[0, 1]),
        number / len(overlaps),
    )


# ---- leaving one picture out ---------------------------------------------------------------------

OTHERS: dict[str, tuple[ModuleType, tuple[Any, Any]]] = {
    "SIDE": (scene, (144, 256)),
    "_WINDOW": (scene, (2.0, 4.5)),
    "_FLAT": (scene, (10.0, 40.0)),
    "_ALIKE": (scene, (0.4, 0.6)),
    "_MOVED": (scene, (4.0, 8.0)),
    "_LEAST_REGION": (scene, (0.02, 0.1)),
    "RIM": (clues, (3, 6)),
    "_PALETTES": (clues, ((6, 14), (11, 28))),
    "_ROUNDS": (outlines, (3, 8)),
    "_LEAST_PART": (outlines, (0.025, 0.1)),
    "_BRIDGE": (outlines, (0.04, 0.09)),
    "_LEAST_PIECE": (outlines, (0.1, 0.22)),
    "MIN_CONFIDENCE": (refit, (0.3, 0.5)),
    "_SAME": (refit, (0.2, 0.45)),
}
"""Constants that were set by hand, and two other values of each."""


def leave_one_out(folder: Path) -> tuple[float, float, dict[str, str]]:
    """Mean IoUs of `seed_pairs`' hand-drawn boxes with what is found: with the constants as they
    are, and held out; and what was chosen for each picture without seeing it."""
    from labels.relabel import measure

    tried = {"as it is": measure(folder)}
    for name, (module, values) in OTHERS.items():
        own = getattr(module, name)
        for value in values:
            _set(module, name, value)
            tried[f"{name} {value}"] = measure(folder)
        _set(module, name, own)
    usual = tried["as it is"]
    held_out, chosen = [], {}
    for picture in dict.fromkeys(row.picture for row in usual):
        best = max(tried, key=lambda one: _mean(tried[one], but=picture))
        chosen[picture] = best
        held_out += [row.iou for row in tried[best] if row.picture == picture]
    return _mean(usual), float(np.mean(held_out)), chosen


def _mean(rows: list[Any], but: str = "") -> float:
    return float(np.mean([row.iou for row in rows if row.picture != but]))


def _set(module: ModuleType, name: str, value: Any) -> None:
    """Change a constant, also where it is imported."""
    for one in {module, outlines if name == "RIM" else module}:
        setattr(one, name, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--shared", type=Path, default=beside)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--leave-one-out", action="store_true")
    arguments = parser.parse_args()
    if arguments.leave_one_out:
        usual, held_out, chosen = leave_one_out(arguments.shared / "seed_pairs")
        print(f"mean IoU {usual:.3f}, held out {held_out:.3f}")
        print(*(f"{picture}: {one}" for picture, one in chosen.items()), sep="\n")
        return
    pairs = list(make_pairs(arguments.shared, arguments.pairs))
    fitting, testing = pairs[::2], pairs[1::2]
    clues.WEIGHTS = fit_clues(fitting)
    print("clues.WEIGHTS =", clues.WEIGHTS.round(2).tolist(), flush=True)
    outlines.WEIGHTS = fit_traits(fitting)
    print("outlines.WEIGHTS =", outlines.WEIGHTS.round(2).tolist(), flush=True)
    for name, some in (("fitted to", fitting), ("others", testing)):
        overlap, correlation, ratio = judge(some)
        print(
            f"{name}: IoU {overlap:.3f}, correlation with confidence {correlation:.2f}, "
            f"found per object {ratio:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
