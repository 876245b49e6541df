"""Where an object may be painted: shapes around its box, as the model's mask and for the matte.

A *shape* serves twice. Snapped outward to whole latent cells it's the *denoise mask*, which the
model is told; as it is, it's the room in which the stitch matte has its soft edge (ops/mattes).
Rectangles in either are what detectors learn instead of objects, so by default none is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infgen.ops.windows import Window
from infgen.records.box import Box

MARGIN_FRAC = 0.08  # of an object's size (the root of its box's area): denoised around the box
_MARGIN_SPREAD = 0.5  # a side's margin is at most this much larger
_MOST = 0.9  # of a window may be denoised where it could be more

Parameters = dict[str, Any]  # JSON-able


@dataclass(frozen=True)
class Shape:
    """`draw(rng)` decides, as JSON-able parameters; `apply(u, v, corner, **parameters)` obeys.

    `u`, (1, n), and `v`, (n, 1), are float32 and go from -1 to 1 over the box with its margins;
    `corner` = (u, v) are the greatest that any corner of the box itself has. The result, (n, n)
    bool, holds the whole box.
    """

    draw: Callable[[np.random.Generator], Parameters]
    apply: Callable[..., np.ndarray]


def draw_shape(rng: np.random.Generator, shapes: Sequence[str] | None = None) -> Parameters:
    """Decide what a box is denoised in: one of `shapes` (default: all that aren't rectangles) and
    its parameters, for target_shape.

    Raises:
        ValueError: a name isn't in SHAPES.
    """
    shapes = ROUND_SHAPES if shapes is None else shapes
    if unknown := sorted(set(shapes) - set(SHAPES)):
        raise ValueError(f"no shape {', '.join(unknown)}: there are {', '.join(SHAPES)}")
    first, *dice = rng.random(5).tolist()
    shape = shapes[int(first * len(shapes))]
    margins = [_tidy(1 + _MARGIN_SPREAD * die) for die in dice]
    return {"shape": shape, "margins": margins, **SHAPES[shape].draw(rng)}


def target_shape(
    window: Window, box: Box, drawn: Mapping[str, Any], margin_frac: float = MARGIN_FRAC
) -> np.ndarray:
    """Where an object for `box` (on the canvas) may be painted: (native, native) bool.

    It holds the box and, in the middle of each side, a margin of `margin_frac` of the object's size
    and at least a latent cell. The outermost cells of the window stay out of it, as context and to
    match colours with, but where the box itself reaches into them; at the canvas's borders they
    only do so if next to nothing would be left otherwise.
    """
    parameters = dict(drawn)
    shape, margins = SHAPES[parameters.pop("shape")], parameters.pop("margins")
    target = window.to_crop(box)
    margin = max(margin_frac * target.area**0.5, window.cell)
    left, top, right, bottom = (margin * factor for factor in margins)
    grown = Box(target.x0 - left, target.y0 - top, target.x1 + right, target.y1 + bottom)

    centers = np.arange(window.native) + 0.5
    u = _from_middle(centers, grown.x0, grown.x1)
    v = _from_middle(centers, grown.y0, grown.y1)
    corner = (
        _farthest(target.x0, target.x1, grown.x0, grown.x1),
        _farthest(target.y0, target.y1, grown.y0, grown.y1),
    )
    mask = shape.apply(u[None, :], v[:, None], corner, **parameters)
    return _leave_known(mask, window, target)


def _from_middle(at: np.ndarray, low: float, high: float) -> np.ndarray:
    """Places as -1 (`low`) to 1 (`high`)."""
    return ((at - (low + high) / 2) / ((high - low) / 2)).astype(np.float32)


def _farthest(start: float, stop: float, low: float, high: float) -> float:
    """How far from the middle a stretch reaches, as `_from_middle` counts."""
    return float(np.abs(_from_middle(np.array((start, stop)), low, high)).max())


def _leave_known(shape: np.ndarray, window: Window, target: Box) -> np.ndarray:
    """`shape` without the outermost cells on the sides where these have to stay known."""
    cell, far = window.cell, window.native - window.cell
    reached = (target.x0 < cell, target.y0 < cell, target.x1 > far, target.y1 > far)
    (width, height), side = window.canvas, window.side
    at_border = (
        window.x <= 0,
        window.y <= 0,
        window.x + side >= width,
        window.y + side >= height,
    )
    part = shape & _frame(window, [a or b for a, b in zip(reached, at_border, strict=True)])
    enough = snap_outward(part, cell).mean() <= _MOST
    return part if enough else shape & _frame(window, reached)


def _frame(window: Window, is_open: Sequence[bool]) -> np.ndarray:
    """All of the crop but the outermost cells at the left, top, right, bottom that aren't open."""
    left, top, right, bottom = (0 if opened else window.cell for opened in is_open)
    inside = np.zeros((window.native, window.native), bool)
    inside[top : window.native - bottom, left : window.native - right] = True
    return inside


def snap_outward(mask: np.ndarray, cell: int) -> np.ndarray:
    """(H, W) bool with every `cell` x `cell` square that `mask` touches wholly masked.

    This makes a shape a denoise mask. Pipelines bring masks to the latents by picking single
    pixels; of whole cells they can't pick wrong ones, and the model is told what was hidden.

    Raises:
        ValueError: H or W isn't a multiple of `cell`.
    """
    height, width = mask.shape
    if height % cell or width % cell:
        raise ValueError(f"a mask of {width} x {height} doesn't consist of cells of {cell}")
    cells = mask.reshape(height // cell, cell, width // cell, cell).any(axis=(1, 3))
    return cells.repeat(cell, axis=0).repeat(cell, axis=1)


# ---- shapes --------------------------------------------------------------------------------------


def _draw_nothing(rng: np.random.Generator) -> Parameters:
    return {}


def _rectangle(u: np.ndarray, v: np.ndarray, corner: tuple[float, float]) -> np.ndarray:
    return (np.abs(u) <= 1) & (np.abs(v) <= 1)


def _ellipse(u: np.ndarray, v: np.ndarray, corner: tuple[float, float]) -> np.ndarray:
    return _superellipse(u, v, corner, power=2.0)


def _draw_superellipse(rng: np.random.Generator) -> Parameters:
    """From nearly an ellipse to nearly a rectangle with round corners."""
    return {"power": _tidy(2.5 * (6 / 2.5) ** rng.random())}


def _superellipse(
    u: np.ndarray, v: np.ndarray, corner: tuple[float, float], power: float
) -> np.ndarray:
    return _radius(u, v, power) <= max(1.0, float(_radius(*corner, power)))


def _radius(u: np.ndarray | float, v: np.ndarray | float, power: float) -> np.ndarray:
    """1 on the superellipse that fills the square from -1 to 1 (Lamé, Hein)."""
    return (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power)


def _draw_blob(rng: np.random.Generator) -> Parameters:
    """Waves around the outline: (bumps all around, height, phase in turns) of each."""
    power, *dice = rng.random(7).tolist()
    waves = [
        [bumps, _tidy(0.15 * height / bumps), _tidy(phase)]
        for bumps, height, phase in zip((2, 3, 5), dice[:3], dice[3:], strict=True)
    ]
    return {"power": _tidy(2.5 + 2 * power), "waves": waves}


def _blob(
    u: np.ndarray,
    v: np.ndarray,
    corner: tuple[float, float],
    power: float,
    waves: Sequence[tuple[int, float, float]],
) -> np.ndarray:
    """A superellipse with bumps that only ever go outwards."""
    turn = np.arctan2(v, u)
    bumps = sum(
        height * (1 + np.cos(number * turn + 2 * np.pi * phase)) for number, height, phase in waves
    )
    return _radius(u, v, power) <= max(1.0, float(_radius(*corner, power))) * (1 + bumps)


def _tidy(value: float) -> float:
    return round(value, 4)


SHAPES = {
    "rectangle": Shape(_draw_nothing, _rectangle),
    "ellipse": Shape(_draw_nothing, _ellipse),
    "superellipse": Shape(_draw_superellipse, _superellipse),
    "blob": Shape(_draw_blob, _blob),
}
ROUND_SHAPES = tuple(name for name in SHAPES if name != "rectangle")
