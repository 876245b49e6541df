#!/usr/bin/env python
"""What the seam probe of `infgen audit` sees: the ancestor's stitching, infgen's copy-paste, real
annotated objects, and these moved elsewhere in their own pictures (what is seen there is mostly
that objects don't belong where they are).

    python scripts/bench_seams.py ../shared/data --out /tmp/seams

wants the folder of real pictures that is described in its README: `seed_pairs` (what the Infinite
Data Generator painted), `backgrounds`, `cutouts`, and `voc_mini` (real objects).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
from PIL import Image

import infgen
from infgen.batch.audit import audit
from infgen.batch.encoding import encode_picture
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle, encode_rle
from infgen.ops.seeds import stream
from infgen.records.box import Box
from infgen.records.labelled import LabelledObject, LabelledPicture
from infgen.report.audit.findings import Auc, Seams
from infgen.report.audit.seams import SMALLEST, SeamProbe
from infgen.report.audit.settings import AuditSettings
from infgen.sources.datasets import open_dataset
from infgen.sources.pictures import read_any

# What the ancestor repainted in the safari pictures, xyxy, as seen in their differences from the
# pictures before. For the forest fires it left the boxes in files.
SAFARI = {
    0: [(155, 0, 605, 475), (35, 105, 345, 515)],
    1: [(10, 120, 705, 730)],
    4: [(140, 295, 510, 735)],
    5: [(40, 0, 405, 415)],
    7: [(235, 120, 605, 465), (300, 355, 768, 720)],
    8: [(45, 150, 635, 660)],
}
FIRES = range(4)
VOID, VOID_REACH = 255, 6  # VOC's border value, and the pixels of it that can belong to an object
CELL = "12%,12%,45%,45%"  # object sizes: width_min, height_min, width_max, height_max


def ancestor(data: Path, seed: int = 0) -> Seams:
    """The verdict on the ancestor's whole-canvas stitching: its rectangles are the decoys."""
    folder, probe = data / "seed_pairs", SeamProbe()
    for number, (name, mask) in enumerate(_repainted(folder)):
        rle = encode_rle(mask)
        picture = LabelledPicture(folder / name, "train", mask.shape[::-1], decoys=(rle,))
        probe.add(picture, read_any(folder / name), stream(seed, number, "seams"))
    return probe.seams(None, stream(seed, 0, "verdict"))


def _repainted(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Picture names, and (H, W) bool of what was repainted."""
    found = []
    for number, boxes in SAFARI.items():
        mask = np.zeros((768, 768), bool)
        for x0, y0, x1, y1 in boxes:
            mask[y0:y1, x0:x1] = True
        found.append((f"safari_x_{number}.png", mask))
    for number in FIRES:
        requested = np.load(folder / f"forest_fire_y_{number}.npy")
        found.append((f"forest_fire_x_{number}.png", requested.any(axis=2)))
    return found


def voc_as_coco(data: Path, out: Path) -> Path:
    """The real objects of voc_mini as a COCO file (its path). Of the void border that VOC leaves
    around objects, what is nearer to an object than to the background is taken for the object."""
    images, annotations, names = [], [], {}
    for number, path in enumerate(sorted((data / "voc_mini/Images").glob("*.jpg")), 1):
        labels = np.array(Image.open(data / "voc_mini/Masks" / f"{path.stem}.png"))
        height, width = labels.shape
        images.append({"id": number, "file_name": path.name, "width": width, "height": height})
        for mask in _objects(labels):
            box = tight_box(mask)
            assert box is not None
            rle = {"size": [height, width], "counts": encode_rle(mask)}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": names.setdefault("object", 1),
                    "bbox": list(box.as_coco()),
                    "segmentation": rle,
                    "iscrowd": 0,
                }
            )
        (out / "images").mkdir(parents=True, exist_ok=True)
        (out / "images" / path.name).write_bytes(path.read_bytes())
    file = out / "real.json"
    categories = [{"id": number, "name": name} for name, number in names.items()]
    index = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(index))
    return file


def _objects(labels: np.ndarray) -> list[np.ndarray]:
    """(H, W) bool masks of the instances in VOC's (H, W) label picture."""
    ids = [number for number in np.unique(labels) if number not in (0, VOID)]
    away = np.stack([_distance(labels == number) for number in (0, *ids)])
    nearest = away.argmin(axis=0)
    void = (labels == VOID) & (away.min(axis=0) <= VOID_REACH)
    return [(labels == one) | (void & (nearest == rank)) for rank, one in enumerate(ids, 1)]


def _distance(mask: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def probed(pictures: Iterable[tuple[LabelledPicture, np.ndarray]], seed: int) -> SeamProbe:
    """A probe that has looked at pictures, (H, W, 3) uint8 RGB, and their labels."""
    probe = SeamProbe()
    for number, (picture, pixels) in enumerate(pictures):
        probe.add(picture, pixels, stream(seed, number, "seams"))
    return probe


def real_objects(file: Path, seeds: int = 8) -> str:
    """Real objects against like edges: the mean over draws of these, with its bounds' means."""
    found = []
    for seed in range(seeds):
        auc = probed(_opened(file), seed).seams(None, stream(seed, 0, "verdict")).contours
        assert auc is not None
        found.append((auc.auc, auc.low, auc.high))
    return "{:.3f} ({:.3f}-{:.3f})".format(*np.mean(found, axis=0))


def _opened(place: Path) -> Iterator[tuple[LabelledPicture, np.ndarray]]:
    for picture in open_dataset(place).pictures():
        yield picture, read_any(picture.path)


def moved(file: Path, seed: int, rounds: int = 4) -> Iterator[tuple[LabelledPicture, np.ndarray]]:
    """Real objects at another place of their own pictures, encoded once more: as sharp, as grainy
    and as bright as what they lie on, and hard-edged."""
    for number, (picture, pixels) in enumerate(
        entry for _ in range(rounds) for entry in _opened(file)
    ):
        rng, before = stream(seed, number, "moved"), pixels.copy()
        masks = [decode_rle(one.rle, picture.size) for one in picture.objects]
        taken, copies = np.logical_or.reduce(masks), []
        for which in rng.permutation(len(masks)):
            copy = _elsewhere(masks[which], taken, rng)
            if copy.sum() < SMALLEST:
                continue
            pixels[copy] = before[masks[which]]
            taken |= cv2.dilate(copy.astype(np.uint8), np.ones((9, 9))).astype(bool)
            copies.append(labelled(encode_rle(copy)))
        bgr = cv2.imdecode(encode_picture(pixels, "jpg"), cv2.IMREAD_COLOR)
        assert bgr is not None
        name = picture.path.with_stem(f"{picture.path.stem} {number}")
        originals = tuple(one.rle for one in picture.objects)
        yield (
            msgspec.structs.replace(
                picture, path=name, scene=picture.path.name, objects=tuple(copies), decoys=originals
            ),
            bgr[..., ::-1].copy(),
        )


def _elsewhere(mask: np.ndarray, taken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool `mask` moved to where nothing is `taken`; empty if no such place is found."""
    box = tight_box(mask)
    assert box is not None
    x0, y0, x1, y1 = map(int, box.xyxy)
    height, width = mask.shape
    for _ in range(20):
        x, y = int(rng.integers(width - (x1 - x0) + 1)), int(rng.integers(height - (y1 - y0) + 1))
        copy = np.zeros_like(mask)
        copy[y : y + y1 - y0, x : x + x1 - x0] = mask[y0:y1, x0:x1]
        if not (copy & taken).any():
            return copy
    return np.zeros_like(mask)


def labelled(rle: str) -> LabelledObject:
    return LabelledObject(0, Box(0, 0, 1, 1), rle)


def pasted(data: Path, photographs: str, out: Path, images: int, seed: int) -> Path:
    """A dataset of the shared cutouts on some of the shared photographs (its folder)."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "background.csv").write_text(f"prompt,num_imgs,images\nx,,{data / photographs}\n")
    rows = ["prompt,min_appear,max_appear,width_min,height_min,width_max,height_max,name,cutouts"]
    for folder in sorted(path for path in (data / "cutouts").iterdir() if path.is_dir()):
        rows.append(f"a {folder.name},0,1,{CELL},{folder.name},{folder}")
    (out / "classes.csv").write_text("\n".join(rows) + "\n")
    infgen.run(
        backgrounds=out / "background.csv",
        classes=out / "classes.csv",
        out=out / "dataset",
        method="paste",
        images=images,
        width=640,
        height=480,
        seed=seed,
        report=False,
    )
    return out / "dataset"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--sample", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    seams = ancestor(data)
    print("the ancestor's stitching:", shown(seams.decoys), "self test:", shown(seams.self_test))
    real = voc_as_coco(data, arguments.out / "voc")
    print("real objects against like edges:", real_objects(real))
    reference, rng = probed(_opened(real), arguments.seed), stream(arguments.seed, 0, "verdict")
    elsewhere = probed(moved(real, arguments.seed), arguments.seed).seams(reference, rng)
    print("the same, elsewhere in their pictures:", _both(elsewhere))
    # The second is a control: the same content as the real objects', so only seams are left.
    for name, photographs in (("landscapes", "backgrounds"), ("voc", "voc_mini/Images")):
        out = arguments.out / name
        dataset = pasted(data, photographs, out, arguments.images, arguments.seed)
        settings = AuditSettings(
            out=out,
            reference=real,
            estimate="none",
            sample=arguments.sample,
            seed=arguments.seed,
        )
        found = audit(dataset, settings).seams
        assert found is not None
        print(f"copy-paste over {photographs}: self test {shown(found.self_test)}")
        print(f"  objects against like edges: {_both(found)}")
        print(f"  real objects {shown(found.reference)}, excess {found.excess}")
        print(f"  decoys against untouched places: {shown(found.decoys)}")
        print(f"  decoys against like edges: {shown(found.decoy_edges)}")


def _both(found: Seams) -> str:
    """On all pictures, and on as many as there are with real objects."""
    few = found.contours_alike.pictures if found.contours_alike else 0
    return f"{shown(found.contours)}, on {few} pictures {shown(found.contours_alike)}"


def shown(found: Auc | None) -> str:
    """A figure and its bounds."""
    return f"{found.auc:.3f} ({found.low:.3f}-{found.high:.3f})" if found else "-"


if __name__ == "__main__":
    main()
