"""What appeared between two pictures of a scene: objects' masks and boxes, with no model at all.

Pictures are (H, W, 3) uint8 RGB of equal shape. Whoever painted the object repainted a region
around it, too, often a whole box of sky and grass; so that something changed says little. The
object is told from its region by what a repainted background can't hide: it goes on smoothly from
the region's rim, and its colours and textures are those of the known scene. Three steps:

    the repainted region   where the local structure of both pictures differs     _repainted
    clues for each pixel   logistic regression of eight of them: how much object  _clues, _CLUES
    outlines               GrabCut on lightness, hue and that; several of them    _outlines

What is found is held against what the other outlines say; that, and how it stands out, is its
confidence, again a regression (_traits, _TRAITS). Both were fitted by scripts/fit_refit.py to
photographs with cutouts pasted into regions that were repainted by simple means, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from infgen.ops.masks import tight_box
from infgen.records.box import Box

MIN_CONFIDENCE = 0.4

SIDE = 192  # pixels of the longer side at which the search goes on: more shows texture, not objects
_WINDOW = 3.0  # pixels, standard deviation, in which structure is compared
_FLAT = 20.0  # lightness squared: contrast below it is noise
_ALIKE = 0.5  # correlation below which a window was repainted
_MOVED = 8.0  # Lab units by which the mean colour of what wasn't repainted may differ
_LEAST = 60  # pixels of a region: less is no object
_LEAST_REGION = 0.05  # of the largest region
_NO_ODDS = -8.0  # of what wasn't repainted (log odds)
_RIM = 4  # pixels: what lies this close to the region's edge is taken for background
_PALETTES = (8, 20)  # colours and textures into which a region is sorted: coarse and fine
_ROUNDS = 5  # of GrabCut
_LEAST_PART = 0.05  # of the weight of the largest: less is no object of its own
_SAME = 0.3  # of the smaller of two outlines: more in common, and they are of one object
_BRIDGE = 0.06  # of the root of an outline's area: half of what is narrow
_LEAST_PIECE = 0.15  # of an outline's core
_ROOM = 0.1  # of a requested box's sides: painters paint a little beyond it
_SEED = 0  # of OpenCV's random numbers, which belong to the calling thread

_CLUES = np.array([1.2, 0.29, -0.35, -0.52, 0.92, 0.89, 3.27, -0.33, -2.65])
_TRAITS = np.array([2.02, 1.35, 1.62, 0.62, -1.16, -0.81, 0.28, -1.94, -0.92])


@dataclass(frozen=True)
class Found:
    """An object: `mask` is (H, W) bool, `box` tight around it, `confidence` 0..1 the overlap (IoU)
    that its box is thought to have with the true one."""

    mask: np.ndarray
    box: Box
    confidence: float


def find_objects(before: np.ndarray, after: np.ndarray) -> list[Found]:
    """The objects that appeared, the surest first. Their masks don't overlap. Equal pictures give
    equal objects, whatever the thread."""
    scene = _Scene.of(before, after)
    outlined = [one for region in scene.regions() for one in scene.search(region)]
    found: list[Found] = []
    taken = np.zeros(after.shape[:2], bool)
    for one in sorted(outlined, key=lambda one: -one.confidence):
        mask = scene.full_size(one.mask) & ~taken
        taken |= mask
        if (box := tight_box(mask)) is not None:
            found.append(Found(mask, box, one.confidence))
    return found


def find_requested(
    before: np.ndarray, after: np.ndarray, boxes: Sequence[Box]
) -> list[Found | None]:
    """For each requested box the one object that appeared in it or right beside it; None where
    nothing changed. What lies in several boxes belongs to the one whose middle is nearest."""
    scene = _Scene.of(before, after)
    places = scene.places(boxes)
    found: list[Found | None] = []
    for number in range(len(boxes)):
        parts = scene.search(scene.region & (places == number))
        if not parts:
            found.append(None)
            continue
        mask = scene.full_size(np.logical_or.reduce([part.mask for part in parts]))
        box = tight_box(mask)
        surest = max(part.confidence for part in parts)
        found.append(Found(mask, box, surest) if box is not None else None)
    return found


@dataclass(frozen=True)
class Outlined:
    """An object at the size of the search: (h, w) bool, and its confidence."""

    mask: np.ndarray
    confidence: float

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))

    def shared(self, other: Outlined) -> int:
        """Pixels in common."""
        return int(np.count_nonzero(self.mask & other.mask))

    def is_same(self, other: Outlined) -> bool:
        """Whether both outline one object, well or badly."""
        return self.shared(other) >= _SAME * min(self.area, other.area)


class _Scene:
    """Both pictures at the size of the search, in Lab (lightness 0..100)."""

    def __init__(self, before: np.ndarray, after: np.ndarray, size: tuple[int, int]):
        self.size = size  # (width, height) of the pictures that were given
        self.rgb, self.before, self.after = after, _lab(before), _lab(after)
        self.change = np.linalg.norm(_blur(self.before, 1.5) - _blur(self.after, 1.5), axis=2)
        self.region = _repainted(self.before, self.after, self.change)

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> _Scene:
        if before.shape != after.shape:
            raise ValueError(f"pictures of {before.shape} and {after.shape} are no pair")
        height, width = after.shape[:2]
        scale = min(SIDE / max(height, width), 1.0)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        return cls(
            cv2.resize(before, size, interpolation=cv2.INTER_AREA),
            cv2.resize(after, size, interpolation=cv2.INTER_AREA),
            (width, height),
        )

    def regions(self) -> list[np.ndarray]:
        """The connected parts of the repainted region that could hold an object, (h, w) bool."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(self.region.astype(np.uint8))
        areas = stats[1:, cv2.CC_STAT_AREA]
        least = max(_LEAST, _LEAST_REGION * areas.max(initial=0))
        return [labels == number for number in range(1, count) if areas[number - 1] >= least]

    def full_size(self, mask: np.ndarray) -> np.ndarray:
        """(h, w) bool at the size of the pictures."""
        smooth = cv2.resize(mask.astype(np.float32), self.size, interpolation=cv2.INTER_LINEAR)
        return smooth >= 0.5

    def places(self, boxes: Sequence[Box]) -> np.ndarray:
        """(h, w) int: the number of the box that each pixel belongs to, -1 for none."""
        height, width = self.region.shape
        x = (np.arange(width) + 0.5) * self.size[0] / width
        y = (np.arange(height)[:, None] + 0.5) * self.size[1] / height
        places = np.full((height, width), -1)
        nearest = np.full((height, width), 1 + 2 * _ROOM)
        for number, box in enumerate(boxes):
            (middle_x, middle_y) = box.center
            away = np.maximum(abs(x - middle_x) / box.width, abs(y - middle_y) / box.height) * 2
            closer = away < nearest
            places[closer], nearest[closer] = number, away[closer]
        return places

    def search(self, region: np.ndarray) -> list[Outlined]:
        """The objects in (h, w) bool `region`."""
        if np.count_nonzero(region) < _LEAST:
            return []
        return _apart(
            [
                Outlined(part, float(_share(traits @ _TRAITS)))
                for part, traits in self.candidates(region)
            ]
        )

    def candidates(self, region: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All outlines in `region`, (h, w) bool, with their traits."""
        odds = np.full(region.shape, _NO_ODDS, np.float32)
        odds[region] = _clues(self, region) @ _CLUES[:-1] + _CLUES[-1]
        outlines = _outlines(self.rgb, odds, region)
        for parts in outlines:
            for part in parts:
                yield part, _traits(self, part, parts, outlines, odds, region)


def _apart(judged: Sequence[Outlined]) -> list[Outlined]:
    """The surest, and whatever else is sure and another object. An outline of several objects that
    others show one by one gives way to them, even if it is the surer one: neighbours make a large
    and outstanding whole."""
    kept: list[Outlined] = []
    for one in sorted(judged, key=lambda one: -one.confidence):
        if kept and one.confidence < MIN_CONFIDENCE:
            break
        if not any(one.is_same(other) for other in kept):
            kept += _members(one, judged) or [one]
    return kept


def _members(whole: Outlined, judged: Sequence[Outlined]) -> list[Outlined]:
    """Two or more sure outlines that don't overlap and together make up most of `whole`."""
    members: list[Outlined] = []
    for one in sorted(judged, key=lambda one: -one.confidence):
        within = one.shared(whole) > 0.9 * one.area and one.area < 0.88 * whole.area
        apart = all(one.shared(other) < 0.1 * min(one.area, other.area) for other in members)
        if one.confidence >= MIN_CONFIDENCE and within and apart and one.area > 0.12 * whole.area:
            members.append(one)
    covered = sum(one.area for one in members)
    return members if len(members) > 1 and covered >= 0.6 * whole.area else []


# ---- where something was painted -----------------------------------------------------------------


def _repainted(before: np.ndarray, after: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(h, w) bool: whatever a model made anew, background included.

    What merely went through a VAE keeps its structure (windows of lightness correlate) and its mean
    colour; where there is no structure to compare, the colour alone tells.
    """
    one, other = before[..., 0], after[..., 0]
    mean, other_mean = _blur(one, _WINDOW), _blur(other, _WINDOW)
    variance = _blur(one * one, _WINDOW) - mean * mean
    other_variance = _blur(other * other, _WINDOW) - other_mean * other_mean
    common = _blur(one * other, _WINDOW) - mean * other_mean
    alike = (2 * common + _FLAT) / (variance + other_variance + _FLAT)
    changed = ((alike < _ALIKE) | (change > _MOVED)).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, _disk(3))
    return _filled(cv2.morphologyEx(changed, cv2.MORPH_OPEN, _disk(4)))


# ---- what speaks for an object -------------------------------------------------------------------


def _clues(scene: _Scene, region: np.ndarray) -> np.ndarray:
    """What each pixel of the region (in row order) has of an object, (n, 8) float32. Most count in
    terms of the region's mean, so that pictures of any contrast compare.

    0  how many edges a way from outside the region has to cross (geodesic distance)
    1  how deep in the region it lies
    2  its palette colour lies on the region's rim less than elsewhere (negative: more)
    3  its palette colour is one of the known scene
    4  how much its palette colour changed
    5  local contrast
    6  how deep its palette colour lies in the region
    7  how sharp it is
    """
    known = ~region
    outside = known.copy()
    if not outside.any():  # all was repainted: the picture's border is the rim
        outside[[0, -1]] = outside[:, [0, -1]] = True
    lightness = scene.after[..., 0]
    way = _edges_crossed(_blur(scene.after, 0.7), outside)[region]
    depth = _depth(region)
    deep = (depth / max(float(depth.max()), 1.0))[region]
    contrast = _contrast(lightness)
    gradients = [cv2.Sobel(lightness, cv2.CV_32F, *along) for along in ((1, 0), (0, 1))]
    sharpness = np.log1p(_blur(np.hypot(*gradients), 2.0))
    by_palette = _palette_clues(scene, region, depth, deep)
    return np.stack(
        [
            np.log(_relative(way) + 0.05),
            deep,
            *by_palette[:2],
            np.log(_relative(by_palette[2]) + 0.05),
            np.log(_relative(contrast[region]) + 0.1),
            by_palette[3] - deep.mean(),
            sharpness[region] - np.median(sharpness),
        ],
        axis=1,
    ).astype(np.float32)


def _palette_clues(
    scene: _Scene, region: np.ndarray, depth: np.ndarray, deep: np.ndarray
) -> np.ndarray:
    """Clues 2, 3, 4, 6, (4, n): the region's colours and textures sorted into palettes, and what
    holds for the whole of an entry. Averaged over the palettes."""
    looks = [np.dstack([_blur(lab, 1.5), _contrast(lab[..., 0])]) for lab in
             (scene.before, scene.after)]  # fmt: skip
    ours = looks[1][region]
    known = np.concatenate([looks[0][::3, ::3].reshape(-1, 4), looks[1][~region][::9]])
    rim = (depth <= _RIM)[region]
    sums = np.zeros((4, len(ours)))
    for count in _PALETTES:
        entries = _palette(ours, min(count, len(ours)))
        number, off = _nearest(ours, entries)
        known_number, known_off = _nearest(known, entries)
        members = np.bincount(number, minlength=count) + 1e-9
        on_rim = np.bincount(number, rim, count)
        in_scene = np.bincount(known_number[known_off < 2 * off.mean()], minlength=count)
        share = rim.mean()
        rows = (
            np.log((on_rim + 5 * share + 1) / ((members + 5) * share + 1)),
            np.log((in_scene / len(known) + 0.002) / (members / len(ours) + 0.002)),
            np.bincount(number, scene.change[region], count) / members,
            np.bincount(number, deep, count) / members,
        )
        sums += np.stack([row[number] for row in rows])
    return sums / len(_PALETTES)


def _palette(looks: np.ndarray, count: int) -> np.ndarray:
    """(count, 4) float32 that stand for (n, 4) `looks`."""
    some = np.ascontiguousarray(looks[:: max(1, len(looks) // 4000)], np.float32)
    cv2.setRNGSeed(_SEED)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 0.5)
    labels = np.zeros((len(some), 1), np.int32)
    _, _, entries = cv2.kmeans(some, min(count, len(some)), labels, stop, 1, cv2.KMEANS_PP_CENTERS)
    return entries


def _nearest(looks: np.ndarray, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The entry that each look comes nearest to, and how far it is off."""
    square = (looks**2).sum(1)[:, None] + (entries**2).sum(1) - 2 * looks @ entries.T
    number = square.argmin(1)
    return number, np.sqrt(np.maximum(square[np.arange(len(looks)), number], 0))


_STEPS = [(0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1)]


def _edges_crossed(lab: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The least colour change that a way from `outside` to each pixel adds up to, (h, w) float32.

    Every pixel asks its eight neighbours, all at once, until nothing gets shorter: at this size
    that takes less than a queue would.
    """
    height, width = outside.shape
    wide = np.pad(lab, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = [(slice(1 + y, 1 + y + height), slice(1 + x, 1 + x + width)) for y, x in _STEPS]
    steps = [np.linalg.norm(wide[window] - lab, axis=2) + 0.05 for window in windows]
    way = np.where(outside, 0, 1e6).astype(np.float32)
    for _ in range(height * width):
        around = np.pad(way, 1, constant_values=1e6)
        shorter = way
        for window, step in zip(windows, steps, strict=True):
            shorter = np.minimum(shorter, around[window] + step)
        if np.array_equal(shorter, way):
            break
        way = shorter
    return way


# ---- outlines ------------------------------------------------------------------------------------


def _outlines(rgb: np.ndarray, odds: np.ndarray, region: np.ndarray) -> list[list[np.ndarray]]:
    """Several opinions on where the objects are: lists of (h, w) bool.

    GrabCut starts from what is more likely object than a bar says, and sees lightness, hue and the
    odds themselves as its three colours, so that what the clues tell of weighs along with edges.
    """
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    smooth = _blur(_share(odds).astype(np.float32), 1.0)
    shown = np.dstack([lab[..., 0].astype(float), 128 + 2.5 * (lab[..., 2] - 128.0),
                       128 + 18 * np.log((smooth + 1e-3) / (1 - smooth + 1e-3))])  # fmt: skip
    shown = shown.clip(0, 255).astype(np.uint8)
    bars = [_otsu(smooth[region]), 0.3 * float(np.quantile(smooth[region], 0.98)), 0.2]
    bars.append(float(_share(_otsu(np.log((smooth[region] + 1e-4) / (1.0001 - smooth[region]))))))
    found = []
    for bar in bars:
        start = (smooth > bar) & region
        if not start.any() or start.all():
            continue
        found.append(_parts(start, smooth))
        states = np.where(region, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
        states[start] = cv2.GC_PR_FGD
        cv2.setRNGSeed(_SEED)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(shown, states, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
        parts = _parts((states & 1) != 0, smooth)
        found.append(parts)
    apart = [[piece for part in parts for piece in _pieces(part)] for parts in found]
    return [parts for parts in (*found, *apart) if parts]


def _parts(mask: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """The parts of (h, w) bool `mask` that could be objects: gaps bridged, holes filled."""
    whole = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disk(2))
    whole = cv2.morphologyEx(_filled(whole).astype(np.uint8), cv2.MORPH_OPEN, _disk(1))
    count, labels = cv2.connectedComponents(whole)
    weight = np.bincount(labels.ravel(), (weights * mask).ravel(), count)[1:]
    if not weight.size or weight.max() <= 0:
        return []
    return [labels == 1 + part for part in np.flatnonzero(weight >= _LEAST_PART * weight.max())]


def _pieces(part: np.ndarray) -> list[np.ndarray]:
    """The two or more masses that narrow bridges join, (h, w) bool each; none for a single one."""
    radius = max(2, round(_BRIDGE * part.sum() ** 0.5))
    core = cv2.erode(part.astype(np.uint8), _disk(radius))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    large = [n for n in range(1, count) if stats[n, 4] >= _LEAST_PIECE * core.sum()]
    if len(large) < 2:
        return []
    return [
        (cv2.dilate((labels == n).astype(np.uint8), _disk(radius + 1)) != 0) & part for n in large
    ]


def _otsu(values: np.ndarray) -> float:
    """The value that parts `values` best into two."""
    low, high = float(values.min()), float(values.max())
    scaled = ((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    bar, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return low + bar * (high - low) / 255


# ---- how sure that is ----------------------------------------------------------------------------


def _traits(
    scene: _Scene,
    part: np.ndarray,
    siblings: Sequence[np.ndarray],
    outlines: Sequence[Sequence[np.ndarray]],
    odds: np.ndarray,
    region: np.ndarray,
) -> np.ndarray:
    """What an outlined part has of a whole object, (7,): agreement with the other outlines, odds
    inside and above those around it, contrast of colour with what is around it, share of the
    region, share of its edge on the region's edge, and 1."""
    box = tight_box(part)
    assert box is not None
    others = [max((box.iou(b) for b in map(tight_box, parts) if b), default=0.0)
              for parts in outlines if parts is not siblings]  # fmt: skip
    around = (cv2.dilate(part.astype(np.uint8), _disk(6)) != 0) & ~part
    chance = _share(odds)
    edge = part & (cv2.erode(part.astype(np.uint8), _disk(1)) == 0)
    edge = edge if edge.any() else part  # it fills the picture
    return np.array(
        [
            float(np.mean(others)) if others else 0.0,
            float(chance[part].mean()),
            float(chance[part].mean() - (chance[around].mean() if around.any() else 0)),
            float(np.log(part.sum() / region.sum())),
            float(chance[part].sum() / chance[region].sum()),
            float(part.sum() / box.area),
            float(_sharp(scene)[edge].mean() / (_sharp(scene)[region].mean() + 1e-6)),
            float((_depth(region)[edge] <= _RIM).mean()),
            1.0,
        ]
    )


# ---- small tools ---------------------------------------------------------------------------------


def _lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _blur(values: np.ndarray, deviation: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), deviation)


def _contrast(lightness: np.ndarray, deviation: float = 2.0) -> np.ndarray:
    """The local standard deviation."""
    mean = _blur(lightness, deviation)
    return np.sqrt(np.maximum(_blur(lightness * lightness, deviation) - mean * mean, 0))


def _depth(region: np.ndarray) -> np.ndarray:
    """Pixels to the region's edge; the picture's border is none."""
    wide = np.pad(region.astype(np.uint8), 1, mode="edge")
    return cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]


def _sharp(scene: _Scene) -> np.ndarray:
    lab = _blur(scene.after, 0.7)
    gradients = [cv2.Sobel(lab, cv2.CV_32F, *along) for along in ((1, 0), (0, 1))]
    return np.linalg.norm(np.concatenate(gradients, axis=2), axis=2)


def _relative(values: np.ndarray) -> np.ndarray:
    return values / (values.mean() + 1e-6)


def _share(odds: np.ndarray | float) -> np.ndarray:
    """Log odds as a share, 0..1."""
    return 1 / (1 + np.exp(-np.asarray(odds, np.float64)))


def _filled(mask: np.ndarray) -> np.ndarray:
    """(h, w) uint8 without its holes, as bool."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(mask)
    cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
    return whole != 0


def _disk(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
