"""An example for an empty workspace: drawn shapes on drawn grounds, pasted on any machine."""

from __future__ import annotations

import cv2
import numpy as np

from infgen.batch.encoding import encode_picture
from infgen.records.errors import InputError
from infgen.sources.disk import write_file
from infgen.ui.studio.workspace import TABLES, Workspace

SIDE = 160  # pixels of a cutout
COLOURS = ((196, 64, 52), (52, 104, 180), (222, 160, 40), (74, 140, 88))

TEXTS = {
    "background.csv": "prompt,num_imgs,images\na coloured wall,20,plain:gradient\n",
    "classes.csv": (
        "prompt,min_appear,max_appear,width_min,height_min,width_max,height_max,name,cutouts\n"
        "a ring,0,2,12%,12%,28%,28%,ring,cutouts/ring\n"
        "a star with five points,1,3,10%,10%,24%,24%,star,cutouts/star\n"
    ),
}


def put_example(workspace: Workspace) -> None:
    """Write both tables, and the pictures that they name.

    Raises:
        InputError: the workspace has tables with rows already.
    """
    for table in TABLES:
        if workspace.grid(table)[1]:
            raise InputError(f"{table} has rows: the example is for empty tables")
    for number, colour in enumerate(COLOURS):
        for name, outline in SHAPES.items():
            data = encode_picture(_cutout(outline, colour), "png").data
            write_file(workspace.root / f"cutouts/{name}/{name}_{number}.png", data)
    for table, text in TEXTS.items():
        workspace.write_text(table, text)


def _cutout(outlines: list[np.ndarray], colour: tuple[int, int, int]) -> np.ndarray:
    """(SIDE, SIDE, 4) uint8 RGBA: the area between the outlines, lit from above."""
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(alpha, [np.rint(one * 16).astype(np.int32) for one in outlines], 255,
                 cv2.LINE_AA, shift=4)  # fmt: skip
    light = np.linspace(1.15, 0.8, SIDE)[:, None, None]
    shaded = np.clip(light * np.array(colour), 0, 255).repeat(SIDE, axis=1)
    return np.dstack((shaded.astype(np.uint8), alpha))


def _around(radii: list[float], corners: int) -> np.ndarray:
    """Corners around the middle, (corners, 2), at these radii by turns, in parts of half a side."""
    angles = np.arange(corners) * 2 * np.pi / corners - np.pi / 2
    radius = np.resize(radii, corners)[:, None] * SIDE / 2
    return SIDE / 2 + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1)


SHAPES = {
    "ring": [_around([0.94], 96), _around([0.58], 96)],
    "star": [_around([0.96, 0.42], 10)],
}
"""The outlines of what there is, (n, 2) pixels each."""
