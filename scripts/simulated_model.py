"""A diffusion model played by photographs: it paints real cutouts into the masks it is given, and
at known rates does what diffusion models do wrong. It answers as `infgen.models.painter.Painter`
does, so that infgen's own inpainting stage runs on it, and it knows the truth.

Around the object it repaints what it was given, as a model does: moved a little, in slightly other
colours, with other grain; and everything went once through something like a VAE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from infgen.models.prompts import Prompt

SIDE, CELL = 256, 8
FILLS = (0.62, 0.97)  # of the room's sides, that a good object takes
DEFECTS = {  # rates
    "missing": 0.08,
    "cut off": 0.08,
    "shifted": 0.06,
    "doubled": 0.06,
    "flat": 0.03,
    "black": 0.02,
    "noise": 0.03,
    "in pieces": 0.04,
}


@dataclass(frozen=True)
class Painted:
    """What really was painted: the defect ("" for none) and the object's mask, (S, S) bool."""

    defect: str
    mask: np.ndarray


class SimulatedModel:
    """`cutouts` are straight RGBA, (h, w, 4) uint8, by prompt; any other prompt is background.
    `painted` holds the truth by seed. `drift` scales how much is repainted beside the object."""

    native_size, cell = SIDE, CELL

    def __init__(
        self,
        cutouts: Mapping[str, Sequence[np.ndarray]],
        rates: Mapping[str, float] = DEFECTS,
        drift: float = 1.0,
    ):
        self.cutouts, self._rates, self._drift = cutouts, rates, drift
        self.painted: dict[int, Painted] = {}

    def inpaint(
        self,
        pictures: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
    ) -> list[np.ndarray]:
        asked = zip(pictures, masks, prompts, seeds, strict=True)
        return [self._paint(*one) for one in asked]

    def roundtrip(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [_through_vae(picture) for picture in pictures]

    def stop(self) -> None:
        """There is nothing to stop."""

    def _paint(
        self, picture: np.ndarray, room: np.ndarray, prompt: Prompt, seed: int
    ) -> np.ndarray:
        rng = np.random.default_rng(seed)
        scene = _repainted(picture, room, rng, self._drift)
        nothing = np.zeros(room.shape, bool)
        if prompt.text not in self.cutouts:
            self.painted[seed] = Painted("", nothing)
            return _through_vae(scene)
        cutout = min(self.cutouts[prompt.text], key=lambda one: _misfit(one, room))
        names = ["", *self._rates]
        rates = [1 - sum(self._rates.values()), *self._rates.values()]
        defect = names[int(rng.choice(len(names), p=rates))]
        layers = [] if defect in ("missing", "black") else _layers(cutout, room, defect, rng)
        mask = np.maximum.reduce([layer[..., 3] for layer in layers], initial=0) >= 128
        mask = nothing | mask
        for layer in layers:
            scene = _over(scene, layer, room)
        if defect in ("flat", "noise"):
            scene[mask] = _SPOILS[defect](scene, rng)[mask]
        elif defect == "black":
            scene[room] = rng.integers(0, 6, (*room.shape, 3), np.uint8)[room]
        self.painted[seed] = Painted(defect, mask & room)
        return _through_vae(scene)


# ---- the scene -----------------------------------------------------------------------------------


def _through_vae(picture: np.ndarray) -> np.ndarray:
    """A little softer, with the small errors of a decoder; always the same for the same picture."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.55)
    error = np.random.default_rng(1).normal(0, 1.5, (*picture.shape[:2], 1))
    return (soft + error + (1.0, -0.5, 1.5)).round().clip(0, 255).astype(np.uint8)


def _repainted(
    picture: np.ndarray, room: np.ndarray, rng: np.random.Generator, drift: float
) -> np.ndarray:
    """`picture` with what is under `room` moved by a pixel or three, in other colours and grain."""
    side = len(room)
    across, down = (drift * 2.5 * _waves(side, rng, 24) for _ in range(2))
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    moved = cv2.remap(
        picture, columns + across, rows + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)
    moved += drift * 4 * np.dstack([_waves(side, rng, 32) for _ in range(3)])
    moved += drift * rng.normal(0, 3, (side, side, 1)).astype(np.float32)
    share = cv2.GaussianBlur(room.astype(np.float32), (0, 0), 2)[..., None] * room[..., None]
    return (picture + share * (moved - picture)).round().clip(0, 255).astype(np.uint8)


def _waves(side: int, rng: np.random.Generator, scale: float) -> np.ndarray:
    """Smooth noise of standard deviation 1, (side, side) float32."""
    noise = rng.standard_normal((side, side)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), scale / 2)
    return smooth / smooth.std()


# ---- the object ----------------------------------------------------------------------------------


def _layers(
    cutout: np.ndarray, room: np.ndarray, defect: str, rng: np.random.Generator
) -> list[np.ndarray]:
    """What is laid over the scene: (S, S, 4) uint8 straight RGBA each."""
    if rng.random() < 0.5:
        cutout = cutout[:, ::-1]
    if defect == "cut off":
        return [_beyond(cutout, room, rng)]
    if defect == "shifted":
        return [_in_a_corner(cutout, room, rng)]
    if defect == "doubled":
        return _side_by_side(cutout, room, rng)
    whole = _fitted(cutout, room, rng.uniform(*FILLS), rng)
    return _broken(whole, rng) if defect == "in pieces" else [whole]


def _sides(room: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(room.any(1)), np.flatnonzero(room.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _misfit(cutout: np.ndarray, room: np.ndarray) -> float:
    """How far the shapes of a cutout and of a room are from each other."""
    x0, y0, x1, y1 = _sides(room)
    return abs(float(np.log(cutout.shape[1] * (y1 - y0) / (cutout.shape[0] * (x1 - x0)))))


def _placed(cutout: np.ndarray, side: int, scale: float, x: float, y: float) -> np.ndarray:
    """The cutout at `scale` around (x, y) on an empty square, cut off at its border."""
    height, width = (max(round(length * scale), 2) for length in cutout.shape[:2])
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    premultiplied = cutout.astype(np.float32)
    premultiplied[..., :3] *= premultiplied[..., 3:] / 255
    patch = cv2.resize(premultiplied, (width, height), interpolation=kind)
    patch[..., :3] /= np.maximum(patch[..., 3:], 1) / 255
    shift = np.float32([[1, 0, round(x - width / 2)], [0, 1, round(y - height / 2)]])
    laid = cv2.warpAffine(patch, shift, (side, side), flags=cv2.INTER_NEAREST)
    return laid.round().clip(0, 255).astype(np.uint8)


def _fitted(
    cutout: np.ndarray, room: np.ndarray, fill: float, rng: np.random.Generator
) -> np.ndarray:
    """The cutout within `room`: as large as `fill` says, or smaller where the room is round."""
    x0, y0, x1, y1 = _sides(room)
    height, width = cutout.shape[:2]
    scale = fill * min((x1 - x0) / width, (y1 - y0) / height)
    across, down = rng.uniform(-0.5, 0.5, 2)
    while True:
        x = (x0 + x1) / 2 + across * max(x1 - x0 - width * scale, 0)
        y = (y0 + y1) / 2 + down * max(y1 - y0 - height * scale, 0)
        laid = _placed(cutout, len(room), scale, x, y)
        seen = laid[..., 3] > 8
        if not (
            seen & ~cv2.erode(room.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        ).any():
            return laid
        scale, across, down = 0.96 * scale, 0.8 * across, 0.8 * down


def _beyond(cutout: np.ndarray, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The cutout so that 15 to 50 % of it lie outside of `room`."""
    x0, y0, x1, y1 = _sides(room)
    height, width = cutout.shape[:2]
    while True:
        scale = rng.uniform(0.8, 1.25) * min((x1 - x0) / width, (y1 - y0) / height)
        x, y = rng.uniform((x0, y0), (x1, y1))
        whole = cv2.copyMakeBorder(room.astype(np.uint8), *(len(room),) * 4, cv2.BORDER_CONSTANT)
        laid = _placed(cutout, 3 * len(room), scale, x + len(room), y + len(room))[..., 3] >= 128
        inside = (laid & (whole != 0)).sum() / max(laid.sum(), 1)
        if 0.5 <= inside <= 0.85:
            return _placed(cutout, len(room), scale, x, y)


def _in_a_corner(cutout: np.ndarray, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small one, away from the middle."""
    x0, y0, x1, y1 = _sides(room)
    height, width = cutout.shape[:2]
    scale = rng.uniform(0.3, 0.42) * min((x1 - x0) / width, (y1 - y0) / height)
    reach = 1.0
    across, down = rng.choice([-0.5, 0.5], 2)
    while True:
        x = (x0 + x1) / 2 + reach * across * (x1 - x0 - width * scale)
        y = (y0 + y1) / 2 + reach * down * (y1 - y0 - height * scale)
        laid = _placed(cutout, len(room), scale, x, y)
        if not ((laid[..., 3] > 8) & ~room).any():
            return laid
        reach *= 0.95


def _side_by_side(
    cutout: np.ndarray, room: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Two of them, each in its half of the room, with a gap of a tenth of it at most."""
    x0, y0, x1, y1 = _sides(room)
    gap = rng.uniform(0.02, 0.1)
    halves = []
    for first in (True, False):
        half = room.copy()
        wide = x1 - x0 >= y1 - y0
        start, stop = (x0, x1) if wide else (y0, y1)
        middle, air = (start + stop) // 2, round(gap * (stop - start) / 2)
        taken = slice(middle - air, None) if first else slice(0, middle + air)
        half[(slice(None), taken) if wide else taken] = False
        halves.append(_fitted(cutout if first else cutout[:, ::-1], half, 0.97, rng))
    return halves


def _broken(layer: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The object with a band across it gone, so that a third of it hangs in the air."""
    alpha = layer[..., 3] >= 128
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    torn = layer.copy()
    share, width = rng.uniform(0.3, 0.7), 0.12
    along = columns if len(columns) >= len(rows) else rows
    first = along[0] + round(share * len(along))
    band = slice(first, first + max(round(width * len(along)), 5))
    torn[(slice(None), band) if along is columns else band] = 0
    return [torn]


def _over(scene: np.ndarray, layer: np.ndarray, room: np.ndarray) -> np.ndarray:
    alpha = layer[..., 3:].astype(np.float32) / 255 * room[..., None]
    return (scene + alpha * (layer[..., :3] - scene.astype(np.float32))).round().astype(np.uint8)


# ---- what went wrong with it ---------------------------------------------------------------------


def _flat(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.broadcast_to(rng.integers(60, 200, 3, np.uint8), scene.shape)


def _noise(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, scene.shape, np.uint8)


_SPOILS = {"flat": _flat, "noise": _noise}
