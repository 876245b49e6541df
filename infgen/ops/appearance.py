"""What appeared in a crop that a model painted: the object's outline, from the change alone.

Two pictures of the same crop are compared, (S, S, 3) uint8 RGB: before and after, colours matched
(ops/matching). `denoise` is (S, S) bool, where the model was to paint. It paints the background
there anew as well, so that everything changes a little: how much, shows at the rim of the mask,
which objects seldom reach. What changed more is where GrabCut starts from (Rother et al., 2004),
which then sees colour and change together. How an object that was found runs exactly its colours
say, against what is known around it.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 256  # pixels a side at which outlines are drawn: larger crops are scaled down
NEARBY = 2  # pixels by which texture may move
SMOOTH = 1.5  # pixels, standard deviation

LEAST_CHANGE = 8.0  # grey levels
_ABOVE_RIM = 1.2  # times what most of the rim reaches
_MOST = 0.85  # of the rim
_TAIL = 3.0  # times what half of the rim reaches: the rest is an object that touches it
_STRONG = 0.95  # of the mask lies below what is called the strongest change
_OF_STRONGEST = (0.2, 0.5)  # of that: the bar is in between
_LEAST_SHARE = 0.01  # of the denoise mask: less is no object

_ROUNDS = 2  # of GrabCut
_WEIGHT = 40.0  # levels in its third channel for e times the change
_CERTAIN_CHANGE, _CERTAIN_DEPTH = 0.5, 0.25  # shares: what is beyond both is object for certain
_GREW = (0.5, 2.5)  # times its start that GrabCut's answer may have: beyond, it lost the object
_SAME = 0.75  # IoU with the outline by change that one by colours must have
_LEAST_PART = 0.1  # of the weight of the largest part
_BRIDGE = 2  # pixels: half of a gap that doesn't part anything
_HOLLOW = 0.5  # of the start's mean change: less of it may be a hole
_LEAST_HOLE = 0.03  # of the object: smaller ones belong to it
_SEED = 0  # of OpenCV's random numbers, which belong to the calling thread


def change_map(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """By how many grey levels each pixel changed, (S, S) float32: as far as `after` isn't within
    what `before` shows nearby, or the other way round. Texture that only moved a little is no
    change."""
    change = cv2.max(_out_of_range(before, after), _out_of_range(after, before))
    red, green, blue = cv2.split(change)  # OpenCV's maximum is many times as fast as numpy's
    largest = cv2.max(cv2.max(red, green), blue).astype(np.float32)
    return cv2.GaussianBlur(largest, (0, 0), SMOOTH)


def _out_of_range(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """By how much each value of `picture` lies outside of what `other` shows nearby, uint8."""
    kernel = np.ones((2 * NEARBY + 1,) * 2, np.uint8)
    darkest, brightest = cv2.erode(other, kernel), cv2.dilate(other, kernel)
    return cv2.max(cv2.subtract(picture, brightest), cv2.subtract(darkest, picture))


def outline(before: np.ndarray, after: np.ndarray, denoise: np.ndarray, cell: int) -> np.ndarray:
    """The object that appeared under `denoise`, made of cells of `cell` pixels: (S, S) bool, of
    which all larger parts are kept. Empty if that is (nearly) nothing. Equal pictures have equal
    outlines, whatever the thread."""
    side = len(denoise)
    if side > SIDE:
        found = outline(*shrunk(before, after, denoise), max(cell * SIDE // side, 2))
        return resized(found, side) & denoise
    change = change_map(before, after)
    start = _changed(change, denoise, cell)
    if start.sum() < max(_LEAST_SHARE * denoise.sum(), 1):
        return np.zeros_like(denoise)
    cut = _grab_cut(after, change, denoise, start, cell)
    whole = _parts(cut, change) & denoise
    low, high = _GREW
    if not low * start.sum() <= whole.sum() <= high * start.sum():
        return start
    return whole & ~_holes(whole, cut, change)


def refined(
    found: np.ndarray, before: np.ndarray, after: np.ndarray, denoise: np.ndarray, cell: int
) -> np.ndarray:
    """An outline that `outline` gave, drawn once more by colours alone: what was painted anew
    beside the object may have changed as much, but looks like the rest of the picture. It stays
    as it is where that makes quite another thing of it."""
    side = len(denoise)
    if side > SIDE:
        drawn = refined(
            resized(found, SIDE), *shrunk(before, after, denoise), max(cell * SIDE // side, 2)
        )
        large = resized(drawn, side) & denoise
        return large if large.any() else found
    if not found.any():
        return found
    change = change_map(before, after)
    states = np.where(denoise, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    states[found] = cv2.GC_PR_FGD
    cut = _cut(cv2.cvtColor(after, cv2.COLOR_RGB2LAB), states, denoise, 2 * cell)
    if cut is None:
        return found
    whole = _parts(cut, change) & denoise
    drawn = whole & ~_holes(whole, cut, change)
    same = np.count_nonzero(drawn & found) >= _SAME * np.count_nonzero(drawn | found)
    return drawn if same else found


def rim_of(denoise: np.ndarray, width: float) -> np.ndarray:
    """The outermost `width` pixels of the mask, (S, S) bool. The crop's border is no end of it."""
    wide = np.pad(denoise.astype(np.uint8), 1, mode="edge")
    depth = cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    return denoise & (depth <= width)


def shrunk(
    before: np.ndarray, after: np.ndarray, denoise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both pictures and the mask of a larger crop at SIDE pixels a side; of the mask what lies
    wholly under it."""
    small = (cv2.resize(one, (SIDE,) * 2, interpolation=cv2.INTER_AREA) for one in (before, after))
    return *small, resized(denoise, SIDE, 0.999)  # type: ignore[return-value]


def resized(mask: np.ndarray, side: int, bar: float = 0.5) -> np.ndarray:
    """(S, S) bool at `side` pixels a side: true where it covers the share `bar` of a pixel."""
    kind = cv2.INTER_AREA if side < len(mask) else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (side, side), interpolation=kind) >= bar


def _changed(change: np.ndarray, denoise: np.ndarray, cell: int) -> np.ndarray:
    """What changed more than the background that was painted anew, (S, S) bool."""
    rim = rim_of(denoise, cell)
    if not rim.any():  # nothing is masked, or all of the crop
        rim = denoise
    if not rim.any():
        return np.zeros_like(denoise)
    low, high = (share * float(np.quantile(change[denoise], _STRONG)) for share in _OF_STRONGEST)
    half, most = np.quantile(change[rim], (0.5, _MOST)).tolist()
    repainted = _ABOVE_RIM * min(most, _TAIL * half)
    bar = max(min(max(repainted, low), high), LEAST_CHANGE)
    return _parts((change > bar) & denoise, change) & denoise


def _grab_cut(
    after: np.ndarray, change: np.ndarray, denoise: np.ndarray, start: np.ndarray, cell: int
) -> np.ndarray:
    """GrabCut's opinion, (S, S) bool, on lightness, blue against yellow, and change."""
    states = np.where(denoise, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    states[start] = cv2.GC_PR_FGD
    states[_holes(start, change > _HOLLOW * change[start].mean(), change)] = cv2.GC_PR_BGD
    depth = cv2.distanceTransform(start.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    strong = change >= np.quantile(change[start], _CERTAIN_CHANGE)
    states[strong & (depth >= _CERTAIN_DEPTH * depth.max())] = cv2.GC_FGD
    lab = cv2.cvtColor(after, cv2.COLOR_RGB2LAB)
    weight = 128 + _WEIGHT * np.log((change + 2) / (change[start].min() + 2))
    shown = np.dstack([lab[..., 0], lab[..., 2], weight.clip(0, 255).astype(np.uint8)])
    found = _cut(shown, states, denoise, cell)
    return start if found is None else found


def _cut(
    shown: np.ndarray, states: np.ndarray, denoise: np.ndarray, around: int
) -> np.ndarray | None:
    """What GrabCut makes of the states, (S, S) bool, as it sees the mask and `around` pixels more;
    None if there is nothing to tell the object from."""
    x, y, width, height = cv2.boundingRect(denoise.view(np.uint8))
    near = (
        slice(max(y - around, 0), y + height + around),
        slice(max(x - around, 0), x + width + around),
    )
    shown, states = np.ascontiguousarray(shown[near]), np.ascontiguousarray(states[near])
    if not np.isin(states, (cv2.GC_BGD, cv2.GC_PR_BGD)).any():
        return None
    cv2.setRNGSeed(_SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(shown, states, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.zeros_like(denoise)
    found[near] = (states & 1) != 0
    return found & denoise


def _parts(mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The larger parts of (S, S) bool `mask`, narrow gaps bridged and holes filled."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BRIDGE + 1,) * 2)
    whole = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels = cv2.connectedComponents(whole)
    weight = np.bincount(labels.ravel(), (weights * mask).ravel(), count)
    weight[0] = 0
    kept = (weight > 0) & (weight >= _LEAST_PART * weight.max())
    outlines, _ = cv2.findContours(
        kept[labels].view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    filled = np.zeros_like(whole)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.view(bool)


def _holes(whole: np.ndarray, cut: np.ndarray, change: np.ndarray) -> np.ndarray:
    """What GrabCut leaves open in the object, is large, and changed less: the hole of a ring."""
    open_ = cv2.morphologyEx((whole & ~cut).view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    count, labels = cv2.connectedComponents(open_)
    sizes = np.bincount(labels.ravel(), minlength=count)
    changes = np.bincount(labels.ravel(), change.ravel(), count) / np.maximum(sizes, 1)
    own = float(change[cut & whole].mean()) if (cut & whole).any() else 0.0
    holes = (sizes >= _LEAST_HOLE * whole.sum()) & (changes < own / 2)
    holes[0] = False
    return holes[labels]
