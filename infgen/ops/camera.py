"""One camera for all of a picture: cutouts as soft as their scene, then one finish over everything.

A cutout is mostly sharper than the photograph that it is laid on (which was scaled up to fill the
canvas, or was never sharp), and has a grain and a compression of its own. A detector learns to see
that sooner than it learns objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np

from infgen.ops.seeds import stream
from infgen.records.plan import Finish

# ---- as soft as the scene ------------------------------------------------------------------------

REBLUR = 1.1  # pixels: the less a picture loses by it, the softer it was
PER_VARIANCE = 0.5  # by how much softness grows for each square pixel of blur: the median of 33
# photographs at half, full and twice their size (0.35 to 0.75 for eight in ten)
SOFTEST = 2.0  # pixels: beyond it small objects would lose their shape
FAINTEST_BLUR = 0.2  # pixels: nobody sees less
EDGE, STEEPER = 64.0, 4.0  # an edge: squared grey levels in two pixels, and times the mean
FEWEST = 64  # pixels on edges that tell something
BAND, EVERY = 24, 240  # rows of large pictures that are looked at, of so many
SOLID = 250  # alpha of what tells how soft a cutout is
RIM = 9  # pixels across its outline on which the outline would tell, too


def softness(picture: np.ndarray, inside: np.ndarray | None = None) -> float | None:
    """How soft the edges in an (H, W, 3) uint8 RGB picture are, or in the part of it that is
    `inside`, (H, W) bool; None where there are too few edges to tell.

    About the square of a blur in pixels, times PER_VARIANCE, plus what even sharp pictures have.
    From how much of the edges' steepness blurring once more takes away (after Zhuo and Sim,
    "Defocus map estimation from a single image", 2011). In whole numbers, so alike everywhere.
    """
    parts = [_steepness(picture[rows]) for rows in _bands(len(picture), inside is None)]
    steep, after = (cv2.vconcat([part[number] for part in parts]) for number in (0, 1))
    room = after.size
    if inside is not None:
        kept = inside[1:-1, 1:-1].astype(np.uint8)
        steep, after = cv2.copyTo(steep, kept), cv2.copyTo(after, kept)
        room = cv2.countNonZero(kept)
    if room < FEWEST:
        return None
    least = math.floor(max(STEEPER * _sum(after) / room, EDGE))
    edges = cv2.inRange(after, least + 1, math.inf)
    if cv2.countNonZero(edges) < FEWEST:
        return None
    lost = _sum(cv2.copyTo(steep, edges)) / _sum(cv2.copyTo(after, edges))
    return REBLUR**2 / max(lost * lost - 1, 0.01)


def _bands(height: int, sparsely: bool) -> Iterator[slice]:
    """Of a large picture a tenth of the rows is enough."""
    if not sparsely or height < 2 * EVERY:
        yield slice(height)
        return
    for first in range((EVERY - BAND) // 2, height - BAND + 1, EVERY):
        yield slice(first, first + BAND)


def _steepness(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared differences across two pixels, (h - 2, w - 2) float32 of whole numbers, of a picture
    as it is and blurred once more."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return _squared(grey), _squared(cv2.GaussianBlur(grey, (5, 5), REBLUR))


def _squared(grey: np.ndarray) -> np.ndarray:
    across = cv2.absdiff(grey[1:-1, 2:], grey[1:-1, :-2])
    down = cv2.absdiff(grey[2:, 1:-1], grey[:-2, 1:-1])
    squares = np.zeros(across.shape, np.float32)
    cv2.accumulateSquare(across, squares)
    return cv2.accumulateSquare(down, squares)


def _sum(values: np.ndarray) -> float:
    """Of whole numbers, so exact in whatever order they are added."""
    return cv2.sumElems(values)[0]


def cutout_softness(patch: np.ndarray) -> float | None:
    """The softness of what is opaque in `patch`, (h, w, 4) uint8 premultiplied, without its rim."""
    if min(patch.shape[:2]) < 2 * RIM:
        return None
    solid = (cv2.extractChannel(patch, 3) >= SOLID).astype(np.uint8)
    inside = cv2.erode(
        solid, np.ones((RIM, RIM), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return softness(cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB), inside.astype(bool))


def missing_blur(own: float | None, scene: float | None) -> float:
    """The standard deviation in pixels of the blur that makes something as soft as its scene, from
    the softness of both; 0 where it is as soft already, or nobody can tell. Nothing is sharpened:
    that would invent detail, and leave halos."""
    if own is None or scene is None or scene <= own:
        return 0.0
    blur = math.sqrt((scene - own) / PER_VARIANCE)
    return 0.0 if blur < FAINTEST_BLUR else min(blur, SOFTEST)


def soften(patch: np.ndarray, blur: float) -> tuple[np.ndarray, int]:
    """`patch`, (h, w, 4) uint8 premultiplied, blurred by `blur` pixels (standard deviation), alpha
    too; and the margin in pixels by which it has grown on every side."""
    if not blur:
        return patch, 0
    margin = max(round(2 * blur), 1)
    grown = cv2.copyMakeBorder(patch, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    side = 2 * margin + 1
    return cv2.GaussianBlur(grown, (side, side), blur, borderType=cv2.BORDER_CONSTANT), margin


# ---- the finish ----------------------------------------------------------------------------------

MOST_BLUR, MOST_GRAIN, MOST_LOSS = 1.2, 6.0, 20  # at full strength
STEP = 0.5  # grey levels between the strengths of grain, each of which has a tile of its own
TILE = 512  # pixels a side


def draw_finish(rng: np.random.Generator, strength: float) -> Finish | None:
    """What a picture goes through at the end, for a `strength` of 0 (nothing) to 1."""
    if not strength:
        return None
    blur, grain, loss, x, y = rng.random(5).tolist()
    return Finish(
        blur=round(strength * MOST_BLUR * (1 + blur) / 2, 3),
        grain=round(strength * MOST_GRAIN * (1 + grain) / 2 / STEP) * STEP,
        grain_at=(int(x * TILE), int(y * TILE)),
        quality_loss=round(strength * MOST_LOSS * loss),
    )


def apply_finish(picture: np.ndarray, finish: Finish) -> np.ndarray:
    """A copy of an (H, W, 3) uint8 picture, softer and grainier as `finish` says (the loss of
    quality is for whoever encodes it). The same bytes on every processor."""
    seen = cv2.GaussianBlur(picture, (3, 3), finish.blur) if finish.blur else picture.copy()
    if finish.grain:
        lighter, darker = _grain(finish.grain)
        for rows, tile_rows in _laps(len(seen), finish.grain_at[1]):
            for columns, tile_columns in _laps(seen.shape[1], finish.grain_at[0]):
                part, tile = seen[rows, columns], (tile_rows, tile_columns)
                cv2.add(part, lighter[tile], dst=part)
                cv2.subtract(part, darker[tile], dst=part)
    return seen


def _laps(length: int, start: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of a side, and the pieces of the tile that cover them, around and around."""
    done = 0
    while done < length:
        piece = min(TILE - start, length - done)
        yield slice(done, done + piece), slice(start, start + piece)
        done, start = done + piece, 0


@lru_cache(maxsize=16)
def _grain(strength: float) -> tuple[np.ndarray, np.ndarray]:
    """By how much brightness noise of this standard deviation in grey levels makes pixels lighter,
    and darker: (TILE, TILE, 3) uint8, alike in all channels. A sum of twelve dice is near enough to
    the normal distribution, and the same everywhere."""
    rng = stream(0, 0, "grain")
    noise = sum((rng.random((TILE, TILE)) for _ in range(12)), np.zeros((TILE, TILE))) - 6
    levels = np.rint(noise * strength)
    return tuple(  # type: ignore[return-value]
        cv2.merge([np.maximum(signed, 0).astype(np.uint8)] * 3) for signed in (levels, -levels)
    )
