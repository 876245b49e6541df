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
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simulated_model
import tiny_oracle
import tiny_world
from simulated_model import SimulatedModel
from tiny_oracle import Held, judged_label, things_of

import infgen
from infgen.batch.bank import BARS, Easel
from infgen.batch.settings import BankSettings
from infgen.batch.store import Store
from infgen.models.loader import load
from infgen.models.prompts import Prompt
from infgen.models.resolve import resolve
from infgen.models.settings import ModelSettings
from infgen.ops.cutting import NoCutout, cut_out, outline
from infgen.ops.masks import tight_box
from infgen.ops.refit import Found, find_objects
from infgen.ops.rle import decode_rle
from infgen.ops.seeds import attempt_seed, stream
from infgen.ops.shapes import draw_shape
from infgen.ops.windows import context_window
from infgen.records.box import Box
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.records.sample import Sample
from infgen.sources.tables import read_classes
from infgen.stages.inpaint import Inpaint, InpaintSettings
from infgen.stages.verify import Verify

Finder = Callable[[np.ndarray, np.ndarray], list[Found]]


class Row(NamedTuple):
    """A hand-drawn object: its picture and class, the overlap of what was found for it, how sure
    that was (0: nothing was found), how many objects were found in the picture, and seconds."""

    picture: str
    name: str
    iou: float
    confidence: float
    found: int
    seconds: float


# ---- relabel -------------------------------------------------------------------------------------


def measure(folder: Path, find: Finder = find_objects) -> list[Row]:
    """What `find` makes of the pictures in `seed_pairs` that have hand-drawn boxes."""
    rows = []
    boxes = json.loads((folder / "boxes.json").read_text())
    for picture, objects in boxes.items():
        if picture == "note":
            continue
        name, number = picture.rsplit("_", 1)
        before, after = (_read(folder / f"{name}_{kind}_{number}.png") for kind in ("bg", "x"))
        began = time.perf_counter()
        found = find(before, after)
        seconds = time.perf_counter() - began
        truths = [Box(*one["box"]) for one in objects]
        for one, (iou, match_) in zip(objects, match(truths, found), strict=True):
            sure = match_.confidence if match_ else 0.0
            rows.append(Row(picture, one["class"], iou, sure, len(found), seconds))
    return rows


def match(truths: Sequence[Box], found: Sequence[Found]) -> list[tuple[float, Found | None]]:
    """For each true box its overlap with the object that was found for it: the best pairs first,
    none used twice."""
    pairs = sorted(
        ((truth.iou(one.box), i, j) for i, truth in enumerate(truths)
         for j, one in enumerate(found)),
        reverse=True,
    )  # fmt: skip
    answer: dict[int, tuple[float, Found | None]] = {}
    used: set[int] = set()
    for iou, i, j in pairs:
        if i not in answer and j not in used and iou > 0:
            answer[i] = (iou, found[j])
            used.add(j)
    return [answer.get(i, (0.0, None)) for i in range(len(truths))]


def changed_region(before: np.ndarray, after: np.ndarray, bar: float = 12.0) -> list[Found]:
    """The simple way: the box of the largest part that changed by `bar` grey levels or more."""
    change = np.abs(before.astype(float) - after).max(axis=2).astype(np.float32)
    changed = (cv2.GaussianBlur(change, (0, 0), 3) > bar).astype(np.uint8)
    count, labels, parts, _ = cv2.connectedComponentsWithStats(changed)
    if count < 2:
        return []
    mask = labels == 1 + parts[1:, 4].argmax()
    box = tight_box(mask)
    return [Found(mask, box, 1.0)] if box else []


def as_markdown(rows: Sequence[Row], simple: Sequence[Row]) -> str:
    lines = ["| picture | object | IoU | confidence | IoU of the changed region |",
             "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {row.picture} | {row.name} | {row.iou:.2f} | {row.confidence:.2f} | {other.iou:.2f} |"
        for row, other in zip(rows, simple, strict=True)
    ]
    mean, simply = (np.mean([row.iou for row in some]) for some in (rows, simple))
    lines.append(f"| **mean** | | **{mean:.2f}** | | {simply:.2f} |")
    seconds = {row.picture: row.seconds for row in rows}.values()
    lines += [
        "",
        f"{np.mean(list(seconds)):.2f} s a picture. Labels kept, by least confidence:",
        "",
    ]
    lines += ["| least confidence | labels | their mean IoU |", "|---|---|---|"]
    for bar in (0.0, 0.3, 0.4, 0.5, 0.6):
        kept = [row.iou for row in rows if row.confidence >= bar and row.confidence > 0]
        lines.append(f"| {bar} | {len(kept)} | {np.mean(kept) if kept else float('nan'):.2f} |")
    return "\n".join(lines)


def _read(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"{path} can't be read")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


# ---- verify --------------------------------------------------------------------------------------

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
        _covering(_read(path), CANVAS) for path in sorted((shared / "backgrounds").iterdir())
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


# ---- tiny ----------------------------------------------------------------------------------------


def tiny_labels(images: int, verify: str = "change", seed: int = 0) -> tuple[list[Held], int]:
    """The labels of a run with the tiny checkpoint, and how many objects it left out."""
    prompts = Path(__file__).resolve().parents[1] / "prompts" / "tiny"
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
            shown = _read(out / entry.file)
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


# ---- bank ----------------------------------------------------------------------------------------


class Cut(NamedTuple):
    """A try at a cutout: its class, why there is none ("" if there is), and the IoU of its outline
    with the oracle's pixels."""

    name: str
    reason: str
    iou: float


def bank_tries(each: int) -> list[Cut]:
    """What a bank makes of `each` tries at every class of the tiny checkpoint's."""
    table = Path(__file__).resolve().parents[1] / "prompts" / "tiny" / "classes.csv"
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
