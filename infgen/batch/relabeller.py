"""What is done with one pair: what appeared is found, judged, labelled, and the picture kept."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np

from infgen.batch.made import Made, as_line, told_failure
from infgen.batch.settings import RelabelSettings
from infgen.models.eyes import Segmenter
from infgen.ops.dealing import choose_val
from infgen.ops.masks import same_thing, tight_box
from infgen.ops.refit import Found, find_objects, find_requested
from infgen.ops.rle import encode_rle
from infgen.records.errors import REFUSED
from infgen.records.pairs import Pair, Pairs
from infgen.records.plan import BackgroundPlan, Dropped
from infgen.records.sample import Entry, Instance
from infgen.sources.disk import write_file
from infgen.sources.pictures import read_rgb

METHOD = "relabel"
UNSURE, NOT_FOUND = "unsure", "not found"  # why an object has no label


class Relabelling:
    """Labels pictures by index into `settings.out`; sent to every worker process once, unless there
    is a `segmenter`."""

    def __init__(self, pairs: Pairs, settings: RelabelSettings):
        self.pairs, self.settings = pairs, settings
        self.segmenter: Segmenter | None = None
        scenes = Counter(pair.before.sha256 for pair in pairs.pairs)
        self._scenes = {sha256: number for number, sha256 in enumerate(scenes)}
        self._val = choose_val(scenes, settings.val_frac, settings.seed)
        self._first = {
            pair.before.sha256: index
            for index, pair in reversed(list(enumerate(pairs.pairs)))
        }  # fmt: skip

    @property
    def splits(self) -> tuple[str, ...]:
        return ("train", "val") if self._val else ("train",)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the split."""
        if self.settings.val_frac > 0 and not self._val:
            return ("all pictures have the same background, so val stays empty",)
        return ()

    def __call__(self, index: int) -> Made:
        """Label picture `index` and put it into the dataset.

        A picture that can't be labelled becomes a record of why; only a disk that refuses to take
        any (StorageError), or a device that gives up, stops the run.
        """
        try:
            entry = self._keep(index)
        except REFUSED:
            raise
        except Exception as error:
            return self.failed(index, *told_failure(error))
        return Made(as_line(entry), background_file=entry.background_file)

    def failed(self, index: int, reason: str, trace: str = "") -> Made:
        """The record of a picture that couldn't be labelled."""
        return Made(as_line(self._entry(index, failure=reason)), True, trace)

    def _keep(self, index: int) -> Entry:
        pair = self.pairs.pairs[index]
        objects, dropped = self._judge(pair, _find(pair, self.segmenter))
        data = pair.after.path.read_bytes()  # every byte of it stays as it is
        file = f"images/{self._split(pair)}/{pair.stem}{pair.after.path.suffix.lower()}"
        write_file(self.settings.out / file, data)
        background = self._background_file(pair)
        if background and index == self._first[pair.before.sha256]:
            write_file(self.settings.out / background, pair.before.path.read_bytes())
        return self._entry(
            index,
            file=file,
            bytes=len(data),
            objects=objects,
            dropped=dropped,
            background_file=background,
        )

    def _judge(
        self, pair: Pair, found: list[Found | None]
    ) -> tuple[tuple[Instance, ...], tuple[Dropped, ...]]:
        """Labels for what is sure enough, and why the others have none."""
        objects: list[Instance] = []
        dropped: list[Dropped] = []
        for number, one in enumerate(found):
            wanted = pair.wanted[number if pair.boxes else 0]
            if one is None:
                dropped.append(Dropped(wanted.class_id, NOT_FOUND, wanted.box))
            elif one.confidence < self.settings.min_confidence:
                dropped.append(Dropped(wanted.class_id, UNSURE, one.box))
            else:
                objects.append(
                    Instance(
                        id=len(objects) + 1,
                        class_id=wanted.class_id,
                        box=one.box,
                        requested=wanted.box,
                        rle=encode_rle(one.mask),
                        area=int(one.mask.sum()),
                        visible_frac=1.0,
                        method=METHOD,
                        score=round(one.confidence, 4),
                    )
                )
        if pair.wanted and not found:
            dropped.append(Dropped(pair.wanted[0].class_id, NOT_FOUND))
        return tuple(objects), tuple(dropped)

    def _entry(self, index: int, file: str = "", bytes: int = 0, **facts: object) -> Entry:
        pair = self.pairs.pairs[index]
        scene = self._scenes[pair.before.sha256]
        return msgspec.structs.replace(
            Entry(
                index=index,
                split=self._split(pair),
                size=pair.after.size,
                file=file,
                bytes=bytes,
                background=BackgroundPlan(
                    number=scene,
                    row=0,
                    picture=pair.before.name,
                    scaled_size=pair.before.size,
                ),
            ),
            **facts,
        )

    def _split(self, pair: Pair) -> str:
        return "val" if pair.before.sha256 in self._val else "train"

    def _background_file(self, pair: Pair) -> str:
        if not self.settings.keep_backgrounds:
            return ""
        ending = pair.before.path.suffix.lower()
        return f"backgrounds/{self._scenes[pair.before.sha256]:08d}{ending}"


def _find(pair: Pair, segmenter: Segmenter | None) -> list[Found | None]:
    """What appeared: for each of the boxes that were asked for, or else whatever there is."""
    before, after = read_rgb(pair.before), read_rgb(pair.after)
    if not pair.wanted:
        return []
    found = find_requested(before, after, pair.boxes) or [*find_objects(before, after)]
    things = [one for one in found if one is not None]
    if segmenter is None or not things:
        return found
    drawn = iter(segmenter.segment([after] * len(things), [one.box for one in things]))
    taken = np.zeros(after.shape[:2], bool)
    return [_redrawn(one, next(drawn), taken) if one is not None else None for one in found]


def _redrawn(one: Found, drawn: np.ndarray, taken: np.ndarray) -> Found | None:
    """The object with a segmenter's outline, (H, W) bool, if that is of the same thing, without the
    pixels that are `taken` by others; these become its own."""
    mask = (drawn if same_thing(one.mask, drawn) else one.mask) & ~taken
    taken |= mask
    box = tight_box(mask)
    return Found(mask, box, one.confidence) if box else None
