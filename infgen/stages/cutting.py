"""The cutting stage: objects of the user's own pictures, each as a cutout to be pasted."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.backdrops import cut_crop
from infgen.ops.blend import OPAQUE, content
from infgen.ops.cutting import NoCutout
from infgen.records.taken import Extent

MOST_CLEAR = 0.001  # of a picture: transparent pixels that are a slip of the hand


class CuttingSettings(msgspec.Struct, frozen=True):
    """How objects are told from what is around them."""

    matte: Annotated[
        Literal["auto", "white", "chroma", "grabcut", "none"],
        Meta(
            description="what opaque pictures of a class folder are cut out of: white (or any even "
            "backdrop), chroma (a key colour), grabcut (anything else), none (all is object); "
            "auto: by the picture's border"
        ),
    ] = "auto"


class Snippet(NamedTuple):
    """A cutout: (h, w, 4) uint8 RGBA, straight alpha, in a word or two how it was cut out, and its
    extent in its picture."""

    rgba: np.ndarray
    how: str
    extent: Extent = (100.0, 100.0)


def cut_picture(picture: np.ndarray, settings: CuttingSettings) -> Snippet:
    """The object of a picture that shows no other, (H, W, 3) uint8 RGB, or (H, W, 4) RGBA, of which
    the transparency is taken as it is.

    Raises:
        NoCutout: it can't be cut out; says why.
    """
    if picture.shape[2] == 4 and np.mean(picture[..., 3] < OPAQUE) > MOST_CLEAR:
        rgba, how = picture, "transparency"
    else:
        rgba, how = cut_crop(np.ascontiguousarray(picture[..., :3]), settings.matte)
    if rgba[..., 3].max() < OPAQUE:
        raise NoCutout("more than half transparent all over")
    window = content(rgba)
    return Snippet(rgba[window], how, _extent(window, picture.shape))


def _extent(window: tuple[slice, slice], shape: tuple[int, ...]) -> Extent:
    height, width = (100 * (part.stop - part.start) / side
                     for part, side in zip(window, shape, strict=False))  # fmt: skip
    return round(width, 2), round(height, 2)
