"""Gradient-domain cloning: objects whose colours go over into their scene (Perez, Gangnet and
Blake, "Poisson image editing", 2003), screened so that they keep their own inside.

OpenCV's seamlessClone does without the screen, centres the bounding rectangle of its mask (a label
is off by as much as the mask isn't in the middle), leaks out of the mask, and goes through Fourier
transforms that differ from processor to processor. Here is nothing but sums and products of single
numbers, in one order: the same bytes everywhere.
"""

from __future__ import annotations

import math

import numpy as np

SWEEPS = 12  # at every scale; what is coarse was settled at the coarser ones
REACH = 0.1  # of the object's side: how far from its outline the scene's colours fade to a third


def extended(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`colours`, (3, h, w) float32, where they are `known`, (h, w) bool, and elsewhere the means of
    the nearest known ones (Gortler et al., "The lumigraph", 1996: pull and push). 0 where nothing
    is known."""
    if known.all() or max(known.shape) == 1:
        return np.where(known, colours, np.float32(0))
    count = in_fours(known.astype(np.float32))
    sums = in_fours(np.where(known, colours, np.float32(0)))
    coarse = extended(sums / np.maximum(count, 1), count > 0)
    return np.where(known, colours, _doubled(coarse, known.shape))


def cloned(colours: np.ndarray, scene: np.ndarray, inside: np.ndarray, mixed: bool) -> np.ndarray:
    """`colours` over `scene`, both (3, h, w) float32, inside of (h, w) bool; outside it is the
    scene. `colours` are known everywhere (`extended`).

    The gradients are the colours' own, or `mixed`, the scene's where these are steeper. At the
    array's border nothing is known of what lies beyond, and nothing is asked to match it.
    """
    steps = _steeper(colours, scene) if mixed else None
    length = max(REACH * math.sqrt(np.count_nonzero(inside)), 1.0)
    change = _solved(
        np.where(inside, np.float32(0), scene - colours), inside, steps, np.float32(length**-2)
    )
    return np.where(inside, colours + change, scene)


def membrane(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`values`, (channels, h, w) float32, where they are `known`, (h, w) bool, and elsewhere as
    smooth as a skin that is held there."""
    fixed = np.where(known, values, np.float32(0))
    return _solved(fixed, ~known, None, np.float32(0))


def in_fours(values: np.ndarray) -> np.ndarray:
    """Sums of every two by two, (..., ceil(h / 2), ceil(w / 2)) of (..., h, w): borders count
    twice."""
    if values.shape[-2] % 2:
        values = np.concatenate([values, values[..., -1:, :]], axis=-2)
    if values.shape[-1] % 2:
        values = np.concatenate([values, values[..., -1:]], axis=-1)
    left, right = values[..., ::2], values[..., 1::2]
    return (left[..., ::2, :] + left[..., 1::2, :]) + (right[..., ::2, :] + right[..., 1::2, :])


def _steeper(colours: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """What the scene's gradients have more than the colours', where they are steeper: divergence,
    (3, h, w)."""
    divergence = np.zeros_like(colours)
    for before, after in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[..., :-1], np.s_[..., 1:]),
    ):
        own, other = colours[after] - colours[before], scene[after] - scene[before]
        more = np.where(np.abs(other) > np.abs(own), other - own, np.float32(0))
        divergence[before] += more
        divergence[after] -= more
    return divergence


def _solved(
    values: np.ndarray, unknown: np.ndarray, steps: np.ndarray | None, screen: np.float32
) -> np.ndarray:
    """`values`, (channels, h, w) float32, where they are `unknown`, (h, w) bool, so that their
    Laplacian less `screen` times themselves is `steps` (None: 0). From coarse to fine, a few sweeps
    of Jacobi's each."""
    if max(unknown.shape) > 4:
        known = (~unknown).astype(np.float32)
        count = in_fours(known)
        coarse = _solved(
            in_fours(values * known) / np.maximum(count, 1),
            count == 0,
            None if steps is None else in_fours(steps),
            4 * screen,
        )
        values = np.where(unknown, _doubled(coarse, unknown.shape), values)
    weight = unknown.astype(np.float32) / (4 + screen)
    fixed = np.where(unknown, np.float32(0), values)
    if steps is not None:
        fixed = fixed - steps * weight
    wide = np.empty((len(values), unknown.shape[0] + 2, unknown.shape[1] + 2), np.float32)
    for _ in range(SWEEPS):
        wide[:, 1:-1, 1:-1] = values
        wide[:, 0], wide[:, -1] = wide[:, 1], wide[:, -2]
        wide[..., 0], wide[..., -1] = wide[..., 1], wide[..., -2]
        across = wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]
        values = (wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + across) * weight + fixed
    return values


def _doubled(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return values.repeat(2, axis=-2).repeat(2, axis=-1)[..., : shape[0], : shape[1]]
