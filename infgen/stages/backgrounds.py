"""The background stage: scenes that a model paints, the user's pictures cut to the canvas, or plain
ones drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from infgen.models.prompts import Prompt, Rejected
from infgen.ops.framing import is_scaled_whole, source_spans
from infgen.ops.seeds import attempt_seed
from infgen.records.errors import PictureError
from infgen.records.plan import BackgroundPlan, ImagePlan
from infgen.records.specs import Picture
from infgen.records.verdict import Sighting
from infgen.sources.pictures import PictureCache, read_rgb

if TYPE_CHECKING:
    from infgen.models.painter import Painter

CACHE_BYTES = 96 * 2**20
SCENE_ATTEMPTS = 3

Look = Callable[[Sequence[np.ndarray]], Sequence[tuple[Sighting, ...]]]


class Backgrounds:
    """Makes canvases. `pictures` are the user's background files by name; `painter` paints the
    scenes that there are only prompts for.

    With `parity` the user's pictures and plain ones go through the painter's VAE. What a model
    paints bears its VAE's traces: where they were only there, a detector would learn to see them
    (on such fingerprints: arXiv 2602.00192).

    `look` says what of the classes is to be seen in pictures. A scene that shows some is painted
    again, a few times; what is left of them, and what the user's pictures show, `sighted` tells.
    """

    def __init__(
        self,
        pictures: Mapping[str, Picture],
        painter: Painter | None = None,
        parity: bool = False,
        look: Look | None = None,
    ):
        self._pictures, self._painter, self._parity = pictures, painter, parity
        self._look = look
        self._sighted: dict[int, tuple[Sighting, ...]] = {}  # by background number
        self._cache = PictureCache(CACHE_BYTES)
        self._scenes: dict[int, np.ndarray | PictureError] = {}
        self._drawn: tuple[BackgroundPlan, np.ndarray] | None = None

    def make(self, plans: Sequence[ImagePlan]) -> list[np.ndarray | PictureError]:
        """A fresh (H, W, 3) uint8 RGB canvas for each plan, in order; or why there is none: its
        file is gone or has changed, or the model can't paint it."""
        wanted = {plan.background.number for plan in plans}
        self._sighted = {number: s for number, s in self._sighted.items() if number in wanted}
        self._paint([plan for plan in plans if plan.background.prompt])
        canvases = [self._canvas(plan) for plan in plans]
        own = [
            number
            for number, plan in enumerate(plans)
            if isinstance(canvases[number], np.ndarray) and not plan.background.prompt
        ]
        if self._parity and own:
            assert self._painter is not None
            copies = self._painter.roundtrip([canvases[number] for number in own])  # type: ignore[misc]
            for number, copy in zip(own, copies, strict=True):
                canvases[number] = copy
        self._look_at({plans[one].background.number: canvases[one] for one in own})
        return canvases

    def sighted(self, plan: ImagePlan) -> tuple[Sighting, ...]:
        """What of the classes is to be seen in the background that was made for this plan, by the
        last call."""
        return self._sighted.get(plan.background.number, ())

    def _look_at(self, pictures: Mapping[int, np.ndarray | PictureError]) -> None:
        """Look at backgrounds, by their numbers, that nobody has looked at."""
        new = {number: picture for number, picture in pictures.items()
               if number not in self._sighted and isinstance(picture, np.ndarray)}  # fmt: skip
        if self._look and new:
            self._sighted.update(zip(new, self._look(list(new.values())), strict=True))

    def _canvas(self, plan: ImagePlan) -> np.ndarray | PictureError:
        if plan.background.prompt:
            scene = self._scenes[plan.background.number]
            return scene.copy() if isinstance(scene, np.ndarray) else scene
        if not plan.background.picture:
            return self._plain(plan.background, plan.size)
        try:
            return self._cut(plan.background, plan.size)
        except PictureError as error:
            return error

    def _plain(self, plan: BackgroundPlan, canvas: tuple[int, int]) -> np.ndarray:
        """The last one is kept, for the layouts that share it."""
        if self._drawn is None or self._drawn[0] != plan:
            self._drawn = (plan, draw_plain(plan, canvas))
        return self._drawn[1].copy()

    def _paint(self, plans: Sequence[ImagePlan]) -> None:
        """Have the scenes of these plans at hand, by background number, each painted once. Those of
        the last call are still there, for the layouts that share them."""
        wanted = {plan.background.number: plan for plan in plans}
        self._scenes = {number: s for number, s in self._scenes.items() if number in wanted}
        fresh = [plan for number, plan in wanted.items() if number not in self._scenes]
        made: dict[int, np.ndarray | PictureError] = {}  # kept when all have been looked at
        for attempt in range(SCENE_ATTEMPTS):
            for plan, scene in zip(fresh, self._ask(fresh, attempt), strict=True):
                number = plan.background.number
                if not isinstance(scene, Rejected):
                    made[number] = scene
                    self._sighted.pop(number, None)
                elif not isinstance(made.get(number), np.ndarray):  # else that is better than none
                    text = f"no usable scene in {SCENE_ATTEMPTS} tries: {scene.reason}"
                    made[number] = PictureError(text)
                    self._sighted.pop(number, None)
            numbers = [plan.background.number for plan in fresh]
            self._look_at({number: made[number] for number in numbers})
            fresh = [
                plan
                for plan, number in zip(fresh, numbers, strict=True)
                if isinstance(made[number], Exception) or self._sighted.get(number)
            ]
        self._scenes |= made

    def _ask(self, plans: Sequence[ImagePlan], attempt: int) -> list[np.ndarray | Rejected]:
        if not plans:
            return []
        assert self._painter is not None  # the methods are chosen so
        scenes = [plan.background for plan in plans]
        return self._painter.scenes(
            [Prompt(scene.prompt, scene.negative_prompt) for scene in scenes],
            plans[0].size,
            [attempt_seed(scene.seed, attempt) for scene in scenes],
        )

    def _cut(self, plan: BackgroundPlan, canvas: tuple[int, int]) -> np.ndarray:
        """The planned window of the picture. Scaled pictures are what is cached: the scale depends
        on nothing but the file and the canvas, so each is decoded and resized once. Where that
        would be huge (a panorama behind an upright canvas), only the window is scaled."""
        picture = self._pictures[plan.picture]
        if is_scaled_whole(plan):
            scaled = self._cached(
                picture, plan.scaled_size, lambda: _scale(read_rgb(picture), plan.scaled_size)
            )
            (x, y), (width, height) = plan.offset, canvas
            window = scaled[y : y + height, x : x + width]
        else:
            pixels = self._cached(picture, picture.size, lambda: read_rgb(picture))
            columns, rows = source_spans(plan, (pixels.shape[1], pixels.shape[0]), canvas)
            window = _scale(pixels[rows, columns], canvas)
        return cv2.flip(window, 1) if plan.flip else window.copy()

    def _cached(
        self, picture: Picture, size: tuple[int, int], make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        pixels: np.ndarray = self._cache.get(
            (picture.sha256, size), make, size_of=lambda pixels: pixels.nbytes
        )
        return pixels


def _scale(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = size[0] <= pixels.shape[1] and size[1] <= pixels.shape[0]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def draw_plain(plan: BackgroundPlan, canvas: tuple[int, int]) -> np.ndarray:
    """A plain background from the plan's seed: (H, W, 3) uint8 RGB.

    `plan.plain` is a row of PLAIN (`plain:noise`), or `plain` for any of them.
    """
    rng = np.random.default_rng(plan.seed)
    kind = plan.plain.partition(":")[2] or sorted(PLAIN)[rng.integers(len(PLAIN))]
    return PLAIN[kind](rng, canvas)


def _colour(rng: np.random.Generator, canvas: tuple[int, int]) -> np.ndarray:
    """One colour everywhere."""
    channels = [np.full(canvas[::-1], value, np.uint8) for value in rng.integers(256, size=3)]
    return cv2.merge(channels)


def _gradient(rng: np.random.Generator, canvas: tuple[int, int]) -> np.ndarray:
    """Two colours, blended along a random direction."""
    (width, height), angle = canvas, rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    x, y = np.cos(angle) * x, np.sin(angle) * y
    reach = np.abs(x).max() + np.abs(y).max()
    ramp = (x[None, :] / (2 * reach) + (y[:, None] / (2 * reach) + 0.5)).astype(np.float32)
    start, end = rng.uniform(0, 255, (2, 3))
    return cv2.merge(
        [cv2.convertScaleAbs(ramp, alpha=b - a, beta=a) for a, b in zip(start, end, strict=True)]
    )


def _noise(rng: np.random.Generator, canvas: tuple[int, int]) -> np.ndarray:
    """Soft coloured noise in several sizes, around a random colour."""
    finest = 81
    pixels = np.full((finest, finest, 3), rng.uniform(60, 195, 3), np.float32)
    for cells, strength in ((3, 60), (9, 35), (27, 20), (finest, 10)):
        grain = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        pixels += cv2.resize(grain, (finest, finest), interpolation=cv2.INTER_CUBIC)
    small = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return cv2.resize(small, canvas, interpolation=cv2.INTER_CUBIC)


PLAIN = {"colour": _colour, "gradient": _gradient, "noise": _noise}
