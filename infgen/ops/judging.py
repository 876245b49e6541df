"""Whether what a model painted is what was asked for: measures of the object, and a table of bars.

Measures are plain numbers by name, so that each can be recorded, looked at and argued about. The
table says from which value on a painted object isn't used, and in which words that is counted.
What measures there are depends on who looked: some need a detector or a scorer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from infgen.ops.appearance import SIDE, change_map, resized, rim_of, shrunk
from infgen.ops.masks import tight_box
from infgen.records.box import Box

NOTHING = "nothing appeared"
_EDGE = 1.5  # pixels to the end of what was denoised at which an outline lies on it
_NEAR = 3  # pixels around an object that belong to neither it nor what is around it
_CORE = 2  # pixels off an object's outline from which its surface is looked at
_SAME_COLOUR = 6  # grey levels
_STILL = 8.0  # grey levels squared: variance below it is neither smooth nor rough
_CALM = 4.0  # grey levels: a change of the surroundings that says nothing
_THUMBNAIL = 24  # pixels a side
_BIN = 8  # grey levels of OpenCV's 8-bit Lab in which colours count as one
_NEAR_LIGHT, _NEAR_COLOUR = 4, 1  # bins by which a colour may differ from one that is known


class Rule(NamedTuple):
    """An object isn't used if `measure` is known and less than `least` or more than `most`."""

    reason: str
    measure: str
    least: float = float("-inf")
    most: float = float("inf")

    def fails(self, measures: Mapping[str, float]) -> bool:
        value = measures.get(self.measure)
        return value is not None and not self.least <= value <= self.most


RULES: tuple[Rule, ...] = (  # in this order: the first that fails is the reason
    Rule("too little appeared", "fill", least=0.12),
    Rule("one flat colour", "one_colour", most=0.75),
    Rule("nothing but noise", "roughness", most=0.29),
    Rule("hardly differs from its surroundings", "contrast", least=2.4),
    Rule("in the wrong place", "overlap", least=0.3),
    Rule("cut off", "cut_off", most=0.25),
    Rule("several, or in pieces", "rival", most=0.16),
    Rule("like another one in the picture", "likeness", most=0.995),
    Rule("not detected", "detection", least=0.1),
    Rule("detected elsewhere", "detection_overlap", least=0.3),
    Rule("detected several times", "detections", most=1),
    Rule("looks more like something else", "lead", least=0.0),
)

GROUND_RULES: tuple[Rule, ...] = (  # of decoys
    Rule("shows something new", "news", most=0.015),
)


def judge(measures: Mapping[str, float], rules: Sequence[Rule] = RULES) -> str:
    """The first reason not to use an object; empty if there is none."""
    return next((rule.reason for rule in rules if rule.fails(measures)), "")


def measure(
    before: np.ndarray, after: np.ndarray, denoise: np.ndarray, thing: np.ndarray, asked: Box
) -> dict[str, float]:
    """What can be told of an object without any model. Arguments as in ops/appearance; `thing`,
    (S, S) bool, is its outline and not empty, `asked` the box that it was to fill, in pixels.

    fill        its area, of the asked box
    overlap     IoU of its box with the asked one
    contrast    how much more it changed than what was painted around it
    cut_off     the longest stretch of its outline on the end of what was denoised (the canvas's
                border is none), of its size (the root of its area)
    rival       area of its second largest part, of the largest
    one_colour  share of its surface within a few grey levels of one colour
    roughness   mean square difference of neighbours, of what is expected of white noise
    """
    if (side := len(denoise)) > SIDE:  # bars are for the scale at which outlines are drawn
        small, scale = resized(thing, SIDE), SIDE / side
        thing = small if small.any() else resized(thing, SIDE, 1e-6)
        before, after, denoise = shrunk(before, after, denoise)
        asked = Box(*(edge * scale for edge in asked.xyxy))
    box = tight_box(thing)
    assert box is not None
    change = change_map(before, after)
    grown = cv2.dilate(thing.view(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)) != 0
    around = denoise & ~grown
    calm = float(change[around].mean()) if around.any() else 0.0
    surface = _surface(thing)
    colours = after[surface].astype(np.float32)
    return {
        name: round(float(value), 4)
        for name, value in {
            "fill": np.count_nonzero(thing) / asked.area,
            "overlap": box.iou(asked),
            "contrast": float(change[thing].mean()) / (calm + _CALM),
            "cut_off": _cut_off(thing, denoise),
            "rival": _rival(thing),
            "one_colour": _one_colour(colours),
            "roughness": _roughness(after, surface),
        }.items()
    }


def measure_ground(before: np.ndarray, after: np.ndarray, denoise: np.ndarray) -> dict[str, float]:
    """What can be told of a place that was to show its background again. Arguments as above.

    news        the largest part in colours that weren't anywhere in the crop, lighter or darker
                ones neither, of what was denoised
    """
    if len(denoise) > SIDE:
        before, after, denoise = shrunk(before, after, denoise)
    one, other = (_binned(picture) for picture in (before, after))
    known = np.zeros((256 // _BIN,) * 3, np.uint8)
    known[one[..., 0], one[..., 1], one[..., 2]] = 1
    for axis, reach in enumerate((_NEAR_LIGHT, _NEAR_COLOUR, _NEAR_COLOUR)):
        known = _grown(known, axis, reach)
    new = (known[other[..., 0], other[..., 1], other[..., 2]] == 0) & denoise
    _, _, parts, _ = cv2.connectedComponentsWithStats(new.view(np.uint8))
    largest = int(parts[1:, cv2.CC_STAT_AREA].max(initial=0))
    return {"news": round(largest / max(int(np.count_nonzero(denoise)), 1), 4)}


def _binned(picture: np.ndarray) -> np.ndarray:
    """The bin of each pixel's colour, (S, S, 3) uint8."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1)
    bins: np.ndarray = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB) // _BIN
    return bins


def _grown(known: np.ndarray, axis: int, reach: int) -> np.ndarray:
    """(n, n, n) uint8 with what lies within `reach` bins along an axis of anything set, set too."""
    rows = np.moveaxis(known, axis, 0)
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    grown = cv2.dilate(flat, np.ones((2 * reach + 1, 1), np.uint8))
    return np.moveaxis(grown.reshape(rows.shape), 0, axis)


def thumbnail(picture: np.ndarray, box: Box) -> np.ndarray:
    """What `box` shows of (H, W, 3) uint8 `picture`, as (24, 24, 3) float32 of mean 0 and norm 1,
    for `likeness`."""
    x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
    part = picture[max(y0, 0) : max(y1, y0 + 1), max(x0, 0) : max(x1, x0 + 1)]
    small = cv2.resize(part, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    small = small.astype(np.float32) - small.mean(axis=(0, 1), dtype=np.float32)
    return small / max(float(np.linalg.norm(small)), 1e-6)


def likeness(one: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """The greatest correlation of a thumbnail with others, either way round: -1 to 1."""
    turned = one[:, ::-1]
    views = (one, turned)
    return max((float((v * other).sum()) for other in others for v in views), default=-1.0)


def _cut_off(thing: np.ndarray, denoise: np.ndarray) -> float:
    wide = cv2.copyMakeBorder(thing.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inside = cv2.erode(wide, np.ones((3, 3), np.uint8))[1:-1, 1:-1] != 0
    outline = thing & ~inside
    on_edge = outline & rim_of(denoise, _EDGE)
    _, _, stretches, _ = cv2.connectedComponentsWithStats(on_edge.view(np.uint8), connectivity=8)
    longest = int(stretches[1:, cv2.CC_STAT_AREA].max(initial=0))
    return float(longest / np.count_nonzero(thing) ** 0.5)


def _rival(thing: np.ndarray) -> float:
    _, _, stats, _ = cv2.connectedComponentsWithStats(thing.view(np.uint8))
    areas: list[int] = sorted(stats[1:, cv2.CC_STAT_AREA].tolist())
    return areas[-2] / areas[-1] if len(areas) > 1 else 0.0


def _surface(thing: np.ndarray) -> np.ndarray:
    """The object without its soft edge, as far as there is anything left."""
    kernel = np.ones((2 * _CORE + 1,) * 2, np.uint8)
    core = cv2.erode(thing.view(np.uint8), kernel) != 0
    return core if core.any() else thing


def _one_colour(colours: np.ndarray) -> float:
    away = np.abs(colours - np.median(colours, axis=0)).max(axis=1)
    return float((away <= _SAME_COLOUR).mean())


def _roughness(picture: np.ndarray, surface: np.ndarray) -> float:
    """Of white noise neighbours differ by twice the variance: 1; of anything smooth by little."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    step = grey[:, 1:] - grey[:, :-1]
    both = surface[:, 1:] & surface[:, :-1]
    if not both.any():
        return 0.0
    return float((step[both] ** 2).mean() / (2 * (grey[surface].var() + _STILL)))
