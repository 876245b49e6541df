#!/usr/bin/env python
"""What the seam probe of `infgen audit` sees: the ancestor's stitching, infgen's copy-paste, and
real annotated objects.

    python scripts/bench_seams.py ../shared/data --out /tmp/seams

wants the folder of real pictures that is described in its README: `seed_pairs` (what the Infinite
Data Generator painted), `backgrounds`, `cutouts`, and `voc_mini` (real objects).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import infgen
from infgen.batch.audit import audit
from infgen.ops.masks import tight_box
from infgen.ops.rle import encode_rle
from infgen.ops.seeds import stream
from infgen.records.labelled import LabelledPicture
from infgen.report.audit.findings import Auc, Seams
from infgen.report.audit.seams import SeamProbe
from infgen.report.audit.settings import AuditSettings
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


def pasted(data: Path, photographs: str, out: Path, images: int) -> Path:
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
    )
    return out / "dataset"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--sample", type=int, default=120)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    seams = ancestor(data)
    print("the ancestor's stitching:", _shown(seams.decoys), "self test:", _shown(seams.self_test))
    real = voc_as_coco(data, arguments.out / "voc")
    # The second is a control: the same content as the real objects', so only seams are left.
    for name, photographs in (("landscapes", "backgrounds"), ("voc", "voc_mini/Images")):
        out = arguments.out / name
        dataset = pasted(data, photographs, out, arguments.images)
        settings = AuditSettings(out=out, reference=real, estimate="none", sample=arguments.sample)
        found = audit(dataset, settings).seams
        assert found is not None
        print(f"copy-paste over {photographs}: self test {_shown(found.self_test)}")
        print(f"  objects against like edges: {_shown(found.contours)}")
        print(
            f"  on as many pictures {_shown(found.contours_alike)}, real objects "
            f"{_shown(found.reference)}, excess {found.excess}"
        )


def _shown(found: Auc | None) -> str:
    return f"{found.auc:.3f} ({found.low:.3f}-{found.high:.3f})" if found else "-"


if __name__ == "__main__":
    main()
