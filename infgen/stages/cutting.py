"""The cutting stage: objects of the user's own pictures, each as a cutout to be pasted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from infgen.ops.backdrops import cut_crop
from infgen.ops.blend import OPAQUE, content
from infgen.ops.cutting import NoCutout, as_rgba, matte
from infgen.ops.grabbing import grab
from infgen.ops.groups import Shape, arrange, find_overlaps, number_pixels, spread_ids
from infgen.ops.masks import tight_box
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.labelled import LabelledObject
from infgen.records.taken import Extent

MOST_CLEAR = 0.001  # of a picture: transparent pixels that are a slip of the hand
AT_BORDER = 1.0  # pixels: boxes that come as near to the picture's border are cut off by it
ROOM = 0.15  # of a box's sides, and a few pixels, around it in which GrabCut sees what isn't in it
BARE = 0.08  # of that, that has to be nothing that has a label
FITS = 0.6  # IoU with its box from which an outline is of what the box is around

Segment = Callable[[np.ndarray, Sequence[Box]], list[np.ndarray]]


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
    boxes: Annotated[
        Literal["grabcut", "rectangle", "skip"],
        Meta(description="what is cut out of a dataset's boxes that have no masks"),
    ] = "grabcut"
    min_side: Annotated[
        int, Meta(ge=1, le=4096, description="pixels that a dataset's object has on each side")
    ] = 24
    keep_cut_off: Annotated[
        bool, Meta(description="also take what the picture's border cuts off")
    ] = False


class Snippet(NamedTuple):
    """A cutout: (h, w, 4) uint8 RGBA, straight alpha, in a word or two how it was cut out, and its
    extent in its picture. Of a label, its `number`; of a group, those of its members, with `ids`,
    (h, w) uint16: whose each pixel is, from 1, 0 for nobody's."""

    rgba: np.ndarray
    how: str
    extent: Extent
    number: int = 0
    members: tuple[int, ...] = ()
    ids: np.ndarray | None = None


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


# ---- labelled pictures ---------------------------------------------------------------------------


class Found(NamedTuple):
    """A label's object: its shape, and how that is known, or why it can't be cut out (`lacks`). The
    shape is then all of its box."""

    shape: Shape
    how: str = ""
    lacks: str = ""


def cut_labels(
    picture: np.ndarray,
    labels: Sequence[LabelledObject],
    settings: CuttingSettings,
    segment: Segment | None = None,
) -> tuple[list[Snippet], dict[int, str]]:
    """The cutouts of a picture's `labels`, lone objects and groups, and by number why the others
    are left out. The picture is (H, W, 3) uint8 RGB; `segment` outlines what is in boxes."""
    left_out = {n: "a crowd" for n, one in enumerate(labels) if one.crowd}
    found = _find(picture, labels, settings, segment)
    left_out |= {n: "outside its picture" for n in range(len(labels))
                 if n not in found and n not in left_out}  # fmt: skip
    numbers = list(found)
    shapes = [found[number].shape for number in numbers]
    boxes = [labels[number].box for number in numbers]
    size = (picture.shape[1], picture.shape[0])
    lacks = [found[number].lacks for number in numbers]
    if not settings.keep_cut_off:
        lacks = [why or ("cut off by the border" if _is_cut_off(box, size) else "")
                 for why, box in zip(lacks, boxes, strict=True)]  # fmt: skip
    snippets: list[Snippet] = []
    reasons: dict[int, str] = {}
    for piece in arrange([shape.box for shape in shapes], find_overlaps(shapes)):
        members = tuple(numbers[place] for place in piece)
        unfit = [place for place in piece if lacks[place]]
        for place in piece:
            reasons[numbers[place]] = lacks[place] or "in a group that is left out"
        if unfit:
            continue
        try:
            snippets.append(_cut_piece(picture, members, found, settings))
        except NoCutout as error:
            reasons |= dict.fromkeys(members, str(error))
    taken = {n for one in snippets for n in (one.members or (one.number,))}
    return snippets, left_out | {n: why for n, why in reasons.items() if n not in taken}


def _is_cut_off(box: Box, size: tuple[int, int]) -> bool:
    """Whether a box ends at the picture's border, or beyond."""
    low, (width, height) = min(box.x0, box.y0), size
    return low < AT_BORDER or box.x1 > width - AT_BORDER or box.y1 > height - AT_BORDER


def _cut_piece(
    picture: np.ndarray,
    members: tuple[int, ...],
    found: dict[int, Found],
    settings: CuttingSettings,
) -> Snippet:
    """One object, or a group of several.

    Raises:
        NoCutout: it is too small, or one of a group doesn't show.
    """
    shapes = [found[number].shape for number in members]
    lead = max(range(len(members)), key=lambda n: np.count_nonzero(shapes[n].mask))
    if min(shapes[lead].mask.shape) < settings.min_side:
        raise NoCutout("smaller than --min-side")
    window = _window(shapes, picture.shape)
    ids = number_pixels(shapes, window)
    x0, y0, x1, y1 = (int(edge) for edge in window.xyxy)
    pixels = picture[y0:y1, x0:x1]
    ways = sorted({found[number].how for number in members})
    if ways == ["rectangle"]:
        rgba = np.dstack([pixels, np.where(ids > 0, 255, 0).astype(np.uint8)])
    else:
        alpha, colour, _ = matte(pixels, ids > 0)
        rgba = as_rgba(alpha, colour)
    solid = rgba[..., 3] >= OPAQUE
    ids = np.where(solid, spread_ids(ids), 0).astype(np.uint16) if ids.any() else ids
    if np.unique(ids[ids > 0]).size < len(members):
        raise NoCutout("hidden in its group" if len(members) > 1 else "too thin")
    seen = content(rgba)
    how = " and ".join(ways)
    if len(members) == 1:
        return Snippet(rgba[seen], how, _extent(seen, picture.shape), members[0])
    extent = _extent(seen, picture.shape)
    return Snippet(rgba[seen], how, extent, members[lead], members, ids[seen])


def _window(shapes: Sequence[Shape], shape: tuple[int, ...]) -> Box:
    """The part of a picture around objects in which their edges are to be seen."""
    boxes = [one.box for one in shapes]
    x0, y0 = (min(getattr(box, edge) for box in boxes) for edge in ("x0", "y0"))
    x1, y1 = (max(getattr(box, edge) for box in boxes) for edge in ("x1", "y1"))
    room = 12 + max(x1 - x0, y1 - y0) // 40
    return Box(
        max(x0 - room, 0), max(y0 - room, 0),
        min(x1 + room, shape[1]), min(y1 + room, shape[0]),
    )  # fmt: skip


# ---- where they are ------------------------------------------------------------------------------


def _find(
    picture: np.ndarray,
    labels: Sequence[LabelledObject],
    settings: CuttingSettings,
    segment: Segment | None,
) -> dict[int, Found]:
    """The objects by their labels' numbers: none for crowds, and for what isn't in the picture."""
    size = (picture.shape[1], picture.shape[0])
    frames = {n: frame for n, one in enumerate(labels)
              if not one.crowd and (frame := _frame(one.box, size))}  # fmt: skip
    things = np.zeros(picture.shape[:2], bool)
    for frame in frames.values():
        things[_part(frame)] = True
    bare = [n for n in frames if not labels[n].rle]
    drawn: dict[int, np.ndarray] = {}
    if segment and bare and settings.boxes != "skip":
        drawn = dict(zip(bare, segment(picture, [labels[n].box for n in bare]), strict=True))
    found = {}
    for number, frame in frames.items():
        rle = labels[number].rle
        if rle:
            found[number] = _outlined(decode_rle(rle, size), frame, "mask")
        elif number in drawn:
            found[number] = _fitting(drawn[number], frame, "segmenter")
        elif settings.boxes == "rectangle":
            found[number] = Found(_all_of(frame), "rectangle")
        elif settings.boxes == "skip":
            found[number] = Found(_all_of(frame), lacks="a box without a mask")
        else:
            found[number] = _grabbed(picture, frame, things)
    return found


def _frame(box: Box, size: tuple[int, int]) -> Box | None:
    """The whole pixels of a box in a picture of (width, height); None if there are none."""
    inside = box.intersect(Box(0, 0, *size))
    if inside is None:
        return None
    x0, y0, x1, y1 = (round(edge) for edge in inside.xyxy)
    return Box(min(x0, size[0] - 1), min(y0, size[1] - 1), max(x1, x0 + 1), max(y1, y0 + 1))


def _all_of(frame: Box) -> Shape:
    mask = np.ones((int(frame.height), int(frame.width)), bool)
    return Shape(mask, int(frame.x0), int(frame.y0))


def _outlined(mask: np.ndarray, frame: Box, how: str) -> Found:
    """The object of an (H, W) bool mask over the picture."""
    tight = tight_box(mask)
    if tight is None:
        return Found(_all_of(frame), lacks="an empty mask")
    x0, y0, x1, y1 = (int(edge) for edge in tight.xyxy)
    return Found(Shape(mask[y0:y1, x0:x1], x0, y0), how)


def _fitting(mask: np.ndarray, frame: Box, how: str) -> Found:
    """The same, if the mask is of what the box is around."""
    tight = tight_box(mask)
    if tight is None or tight.iou(frame) < FITS:
        return Found(_all_of(frame), lacks="without a clear outline in its box")
    return _outlined(mask, frame, how)


def _grabbed(picture: np.ndarray, frame: Box, things: np.ndarray) -> Found:
    """What GrabCut takes for the object in a box, knowing where there are other `things`, (H, W)
    bool: these may look like it, so that they tell nothing of what is around it."""
    height, width = picture.shape[:2]
    across, down = 4 + int(ROOM * frame.width), 4 + int(ROOM * frame.height)
    around = _part(
        Box(
            max(frame.x0 - across, 0), max(frame.y0 - down, 0),
            min(frame.x1 + across, width), min(frame.y1 + down, height),
        )
    )  # fmt: skip
    own = np.zeros((height, width), bool)
    own[_part(frame)] = True
    found = Found(_all_of(frame), lacks="without a clear outline in its box")
    for inside in (things, own):
        if np.count_nonzero(~inside[around]) < BARE * inside[around].size:
            continue
        try:
            mask = grab(np.ascontiguousarray(picture[around]), inside[around], certain=True)
        except NoCutout:
            continue
        whole = np.zeros((height, width), bool)
        whole[around] = mask & own[around]
        found = _fitting(whole, frame, "GrabCut")
        if not found.lacks:
            break
    return found


def _part(box: Box) -> tuple[slice, slice]:
    x0, y0, x1, y1 = (int(edge) for edge in box.xyxy)
    return slice(y0, y1), slice(x0, x1)
