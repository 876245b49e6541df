"""Which files a picture has, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from infgen.batch.encoding import encode_picture
from infgen.batch.settings import PictureSettings
from infgen.ops.blend import Pyramid, blend_over, crop_to_content, fit, premultiply
from infgen.ops.grid import Cell, GridPlanner
from infgen.ops.plans import Plans
from infgen.ops.rle import decode_rle
from infgen.records.plan import ImagePlan
from infgen.records.sample import Entry, Sample
from infgen.sources.pictures import read_rgba

MASK_QUALITY = 95  # of JPEG, at the least: coarser, the black around a mask isn't black


class Layout(Protocol):
    """`file` is a picture's path in the dataset (POSIX slashes), `beside` gives its other files:
    (path, bytes). `bare` makes the background without its object, and `first` is the first picture
    of what they are kept in together (an archive, or the folder)."""

    def file(self, plan: ImagePlan) -> str: ...

    def beside(
        self, plan: ImagePlan, sample: Sample, bare: Callable[[], np.ndarray], first: int
    ) -> Iterator[tuple[str, memoryview]]: ...


def layout_of(planner: Plans, pictures: PictureSettings) -> Layout:
    """How a run's files are called."""
    if isinstance(planner, GridPlanner):
        return GridLayout(planner, pictures)
    return BySplit(pictures.image_format)


class BySplit:
    """images/<split>/<index>, and nothing beside it."""

    def __init__(self, ending: str):
        self._ending = ending

    def file(self, plan: ImagePlan) -> str:
        return f"images/{plan.split}/{plan.index:08d}.{self._ending}"

    def beside(
        self, plan: ImagePlan, sample: Sample, bare: Callable[[], np.ndarray], first: int
    ) -> Iterator[tuple[str, memoryview]]:
        return iter(())


class GridLayout:
    """The folders and names of FOLDERS and NAMES, all numbers from 1, but for the flip.

    Each picture has its mask, white on black. The first one of a background has the background, as
    it is behind its pictures, and the first one of a foreground the foreground, on white.
    """

    def __init__(self, planner: GridPlanner, pictures: PictureSettings):
        self._planner = planner
        self._ending = pictures.image_format
        self._quality = pictures.jpeg_quality

    def file(self, plan: ImagePlan) -> str:
        return self._path("picture", self._planner.cell(plan.index))

    def beside(
        self, plan: ImagePlan, sample: Sample, bare: Callable[[], np.ndarray], first: int
    ) -> Iterator[tuple[str, memoryview]]:
        cell = self._planner.cell(plan.index)
        mask_quality = max(self._quality, MASK_QUALITY)
        yield self._path("mask", cell), self._encoded(_mask(plan, sample), mask_quality)
        if self._is_first_of_background(plan.index, first):
            yield self._path("background", cell), self._encoded(bare(), self._quality)
        if self._is_first_of_foreground(plan.index, first):
            shown = self._foreground(cell)
            yield self._path("foreground", cell), self._encoded(shown, self._quality)

    def _path(self, what: str, cell: Cell) -> str:
        foreground, background, flip, placement = cell
        name = NAMES[what].format(fg=foreground + 1, bg=background + 1, flip=flip, k=placement + 1)
        return f"{FOLDERS[what]}_{self._ending}/{name}.{self._ending}"

    def _encoded(self, pixels: np.ndarray, quality: int) -> memoryview:
        return encode_picture(pixels, self._ending, quality).data

    def _is_first_of_background(self, index: int, first: int) -> bool:
        return index == first or index % self._planner.layouts == 0

    def _is_first_of_foreground(self, index: int, first: int) -> bool:
        """Whether the picture before it that shows the same cutout, if there is one, lies before
        `first`."""
        planner = self._planner
        if index % planner.repeats:
            return index == first
        return index - planner.layouts + planner.repeats - 1 < first

    def _foreground(self, cell: Cell) -> np.ndarray:
        """The cutout as large as the canvas has room for it, in its middle: (H, W, 3) uint8."""
        _, picture = self._planner.foregrounds[cell.foreground]
        width, height = self._planner.canvas
        pyramid = Pyramid(premultiply(crop_to_content(read_rgba(picture))), (width, height))
        size = fit(pyramid.size, (width, height))
        small = pyramid.scale(size)
        shown = np.full((height, width, 3), 255, np.uint8)
        x, y = (width - size[0]) // 2, (height - size[1]) // 2
        blend_over(shown[y : y + size[1], x : x + size[0]], small)
        return shown


def _mask(plan: ImagePlan, sample: Sample) -> np.ndarray:
    """(H, W) uint8: 255 where an object is to be seen, 0 elsewhere."""
    covered = sample.covered
    if covered is None:
        covered = np.zeros(plan.size[::-1], bool)
        for instance in sample.instances:
            covered |= decode_rle(instance.rle, plan.size)
    return covered.view(np.uint8) * np.uint8(255)


def depth_file(entry: Entry, gridded: bool) -> str:
    """The path of a finished picture's depth map: JPEG only where all of a grid is."""
    if not gridded:
        return f"depth/{entry.split}/{entry.stem}.png"
    ending = PurePosixPath(entry.file).suffix
    return f"{FOLDERS['depth']}_{ending[1:]}/depth_{entry.stem}{ending}"


# By what a file shows: the folder, to which the pictures' format is added, and the name. `depth` is
# what belongs to the picture of the same numbers.
FOLDERS = {
    "picture": "fg_bg",
    "mask": "mask_black",
    "background": "bg",
    "foreground": "fg",
    "depth": "depth",
}
NAMES = {
    "picture": "fg_bg_{fg}_{bg}_{flip}_{k}",
    "mask": "bg_mask_{fg}_{bg}_{flip}_{k}",
    "background": "bg_img_{bg}",
    "foreground": "fg_img_{fg}",
    "depth": "depth_fg_bg_{fg}_{bg}_{flip}_{k}",
}
