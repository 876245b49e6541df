"""Verification by the change map alone, of what a simulated model does right and wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simulated_model
from simulated_model import SimulatedModel

from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.ops.seeds import attempt_seed, stream
from infgen.ops.shapes import draw_shape
from infgen.ops.windows import context_window
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.records.sample import Sample
from infgen.sources.pictures import read_any
from infgen.stages.inpaint import Inpaint, InpaintSettings
from infgen.stages.verify import Verify

CANVAS = (640, 480)
RIGHT_PLACE = 0.3  # IoU of the true box with the asked one
SIDES = (70.0, 300.0)  # pixels, longer side of the asked boxes


class Try(NamedTuple):
    """One painted object: what is wrong with it ("" for nothing), the reason for which it wasn't
    used ("" if it was), and the overlap of the true box with the asked one and with the label, and
    of the true mask with the label's (0 where there is no label)."""

    wrong: str
    reason: str
    asked: float
    box: float
    mask: float


def judged(shared: Path, count: int = 400, seed: int = 7, drift: float = 1.0) -> list[Try]:
    """What verification says of `count` objects that a simulated model paints, one a picture."""
    model = SimulatedModel(_whole_cutouts(shared / "cutouts"), drift=drift)
    photographs = [
        _covering(read_any(path), CANVAS) for path in sorted((shared / "backgrounds").iterdir())
    ]
    names = sorted(model.cutouts)
    plans = [_one_object(names, model, number, seed) for number in range(count)]
    canvases = [photographs[number % len(photographs)].copy() for number in range(count)]
    stage = Inpaint(model, InpaintSettings(attempts=1), 0.3, Verify(names))  # type: ignore[arg-type]
    return [_tried(plan, sample, model)
            for plan, canvas in zip(plans, canvases, strict=True)
            for sample in stage.paint([canvas], [plan])]  # fmt: skip


def _one_object(names: list[str], model: SimulatedModel, number: int, seed: int) -> ImagePlan:
    rng = stream(seed, number, "bench")
    class_id = number % len(names)
    cutouts = model.cutouts[names[class_id]]
    height, width = cutouts[number % len(cutouts)].shape[:2]
    aspect = float(np.clip(width / height * np.exp(rng.uniform(-0.3, 0.3)), 0.35, 2.8))
    longer = float(rng.uniform(*SIDES))
    width, height = longer * min(1, aspect), longer / max(1, aspect)
    x, y = rng.uniform((0, 0), (CANVAS[0] - width, CANVAS[1] - height)).tolist()
    wanted = ObjectPlan(
        class_id,
        Box(x, y, x + width, y + height),
        "inpaint",
        prompt=names[class_id],
        seed=int(rng.integers(2**62)),
        shape=draw_shape(rng),
    )
    return ImagePlan(number, "train", CANVAS, BackgroundPlan(number, 0), (wanted,))


def _tried(plan: ImagePlan, sample: Sample, model: SimulatedModel) -> Try:
    [wanted] = plan.objects
    truth = model.painted[attempt_seed(wanted.seed, 0)]
    window = context_window(wanted.box, CANVAS, model.native_size, model.cell)
    mask = np.zeros(CANVAS[::-1], bool)
    mask[window.place] = window.uncrop(truth.mask)
    true_box = tight_box(mask)
    asked = true_box.iou(wanted.box) if true_box else 0.0
    wrong = truth.defect or ("" if asked >= RIGHT_PLACE else "in the wrong place")
    if not sample.instances:
        return Try(wrong, sample.dropped[0].reason, asked, 0.0, 0.0)
    [label] = sample.instances
    found = decode_rle(label.rle, CANVAS)
    both, either = np.count_nonzero(found & mask), np.count_nonzero(found | mask)
    return Try(wrong, "", asked, true_box.iou(label.box) if true_box else 0.0, both / either)


def _whole_cutouts(folder: Path) -> dict[str, list[np.ndarray]]:
    """RGBA cutouts in one piece, large enough to be painted, by class. (VOC's objects have gaps
    where something stood before them.)"""
    found: dict[str, list[np.ndarray]] = {}
    for path in sorted(folder.glob("*/*.png")):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        if max(pixels.shape[:2]) >= 110 and _is_whole(pixels[..., 3]):
            found.setdefault(path.parent.name, []).append(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA))
    return found


def _is_whole(alpha: np.ndarray) -> bool:
    scale = 150 / max(alpha.shape)
    small = cv2.resize(alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for bridged in (1, 5):
        opened = cv2.morphologyEx((small >= 128).astype(np.uint8), cv2.MORPH_OPEN,
                                  np.ones((bridged, bridged), np.uint8))  # fmt: skip
        _, _, parts, _ = cv2.connectedComponentsWithStats(opened)
        areas = parts[1:, cv2.CC_STAT_AREA]
        if not areas.size or areas.max() < 0.9 * areas.sum():
            return False
    return True


def _covering(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    scale = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=kind)
    return np.ascontiguousarray(scaled[: size[1], : size[0]])


class Verdicts(NamedTuple):
    """`precision`: of the labels given, those on what is right; `recall`: of what was painted
    right, what got a label; `caught`: of what was painted wrong, what got none. `asked` and `label`
    are the median IoUs of boxes with the true ones, where there is a label."""

    precision: float
    recall: float
    caught: float
    asked: float
    label: float
    mask: float


def summed_up(tries: Sequence[Try]) -> Verdicts:
    right = [one for one in tries if not one.wrong]
    labelled = [one for one in tries if not one.reason]
    good = [one for one in labelled if not one.wrong]
    wrong = len(tries) - len(right)
    return Verdicts(
        len(good) / len(labelled),
        len(good) / len(right),
        1 - (len(labelled) - len(good)) / wrong,
        float(np.median([one.asked for one in labelled])),
        float(np.median([one.box for one in labelled])),
        float(np.mean([one.mask for one in good])),
    )


def verify_table(shared: Path) -> str:
    lines = ["| repainted beside it | labels right | right ones labelled | wrong ones caught "
             "| box IoU asked, P50 | box IoU labelled, P50 | mask IoU |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    kept: Counter[str] = Counter()
    for name, drift in (("slightly", 1.0), ("twice as much", 2.0)):
        tries = judged(shared, drift=drift)
        lines.append(f"| {name} | " + " | ".join(f"{v:.2f}" for v in summed_up(tries)) + " |")
        kept.update(f"{one.wrong} ({name})" for one in tries if one.wrong and not one.reason)
    missed = ", ".join(f"{count} {what}" for what, count in kept.most_common())
    rates = ", ".join(f"{rate:.0%} {name}" for name, rate in simulated_model.DEFECTS.items())
    return "\n".join([*lines, "", f"Injected: {rates}. Not caught, of 400 each: {missed}."])
