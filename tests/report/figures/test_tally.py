"""What is counted, held against counts made otherwise."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from infgen.records.plan import Dropped
from infgen.report.figures import Figures, FigureTally, LooksTally, rounds_of, tally
from infgen.report.figures.bins import ASPECTS, BINS, GRID, MOST_COUNTED, SIDES, bins_of
from infgen.report.figures.pairs import MOST_PAIRED, overlaps
from infgen.report.items import Item, Thing
from tests.report.items import SIZE, foreign, instance, made, thing, tries

CLASSES = ("cat", "dog", "owl")


def count(items: list[Item], classes: tuple[str, ...] = CLASSES) -> Figures:
    counter = FigureTally(classes, "coco")
    for item in items:
        counter.add(item)
    return counter.figures()


def random_things(rng: np.random.Generator, most: int = 9) -> list[Thing]:
    things = []
    for _ in range(rng.integers(0, most)):
        x, y = rng.uniform(0, (500, 400))
        width, height = np.exp(rng.uniform(1, 5.9, 2))
        class_id = int(rng.integers(len(CLASSES)))
        things.append(thing(class_id, x, y, x + width, y + height, crowd=rng.random() < 0.1))
    return things


def random_items(seed: int, number: int) -> list[Item]:
    rng = np.random.default_rng(seed)
    splits = ("val", "train", "test", "more")
    return [
        foreign(n, *random_things(rng), split=splits[int(rng.integers(4))]) for n in range(number)
    ]


# ---- against other counts ------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def few_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The buffer is emptied many times even of few pictures."""
    monkeypatch.setattr(tally, "TOGETHER", 7)


def test_classes_and_splits_are_counted_as_by_hand() -> None:
    items = random_items(0, 80)
    figures = count(items)
    assert figures.pictures == {
        split: sum(item.split == split for item in items)
        for split in ("train", "val", "test", "more")
    }
    assert list(figures.pictures) == ["train", "val", "test", "more"]
    assert figures.objects == sum(len(item.things) for item in items)
    assert figures.negatives == sum(not item.things for item in items)
    for class_id, one in enumerate(figures.classes):
        own = [(i.split, t) for i in items for t in i.things if t.class_id == class_id]
        assert one.objects == {**dict.fromkeys(figures.pictures, 0), **Counter(s for s, _ in own)}
        assert one.images == {
            split: sum(
                any(t.class_id == class_id for t in i.things) for i in items if i.split == split
            )
            for split in figures.pictures
        }
        assert one.crowds == sum(t.crowd for _, t in own) > 0
        assert one.boxes_only == sum(not t.crowd for _, t in own) == one.told_apart


def test_sizes_shapes_and_places_are_as_numpy_has_them() -> None:
    items = random_items(1, 80)
    figures = count(items)
    for class_id, one in enumerate(figures.classes):
        own = [t for i in items for t in i.things if t.class_id == class_id and not t.crowd]
        boxes = np.array([t.box.xyxy for t in own])
        sides = boxes[:, 2:] - boxes[:, :2]
        assert one.widths == np.histogram(sides[:, 0], SIDES)[0].tolist()
        assert one.heights == np.histogram(sides[:, 1], SIDES)[0].tolist()
        ratios = np.clip(sides[:, 0] / sides[:, 1], ASPECTS[0], ASPECTS[-1])
        assert one.aspects == np.histogram(ratios, ASPECTS)[0].tolist()
        areas = np.array([t.area for t in own])
        assert one.sizes == {
            "small": int((areas < 1024).sum()),
            "medium": int(((areas >= 1024) & (areas < 9216)).sum()),
            "large": int((areas >= 9216).sum()),
        }
        x, y = ((boxes[:, axis] + boxes[:, axis + 2]) / 2 / SIZE[axis] for axis in (0, 1))
        inside = [np.clip(v, 0, 0.999) for v in (y, x)]
        expected = np.histogram2d(*inside, bins=GRID, range=((0, 1), (0, 1)))[0]
        assert one.centres == expected.astype(int).tolist()


def test_overlaps_are_those_of_pycocotools() -> None:
    items = random_items(2, 60)
    figures = count(items)
    ious: list[float] = []
    overlapping: Counter[int] = Counter()
    for item in items:
        own = [one for one in item.things if not one.crowd]
        if not own:
            continue
        boxes = np.array([one.box.as_coco() for one in own])
        table = coco_mask.iou(boxes, boxes, [0] * len(own))
        ious += table[np.triu_indices(len(own), 1)].tolist()
        np.fill_diagonal(table, 0)
        overlapping.update(
            one.class_id for one, row in zip(own, table, strict=True) if row.max() > 0
        )
    positive = [iou for iou in ious if iou > 0]
    assert figures.pairs == len(positive) > 30
    assert figures.ious == np.histogram(positive, BINS["ious"])[0].tolist()
    assert [one.overlapping for one in figures.classes] == [overlapping[n] for n in range(3)]


def test_a_crowded_picture_is_paired_as_far_as_it_is_said() -> None:
    count_of = MOST_PAIRED + 5
    boxes = np.tile([[0.0, 0.0, 1.0, 1.0]], (count_of + 2, 1))
    pictures = np.array([0] * count_of + [1, 1])
    pairs = [(one, other) for one, other, _ in overlaps(boxes, pictures)]
    most = max(int(other[pictures[other] == 0].max(initial=0)) for _, other in pairs)
    assert most == MOST_PAIRED - 1
    total = sum(len(one) for one, _ in pairs)
    assert total == MOST_PAIRED * (MOST_PAIRED - 1) // 2 + 1
    crowd = [thing(0, n % 60 * 10, 0, n % 60 * 10 + 5, 5) for n in range(count_of)]
    figures = count([foreign(0, *crowd)])
    assert figures.not_paired == 1 and figures.per_picture[MOST_COUNTED + 1] == 1


@given(seed=st.integers(0, 99), order=st.randoms(use_true_random=False))
def test_no_order_of_pictures_changes_anything(seed: int, order: random.Random) -> None:
    items = random_items(seed, 12)
    items += [
        made(20, instance(1, 0, 0, 9, 9, tries=tries("cut off", "")), dropped=(Dropped(2, "x"),)),
        made(21, split="val", size=(9, 9)),
        made(22, failure="no luck", file="", bytes=0),
        made(23, instance(0, 1, 1, 5, 5), marked="ugly"),
    ]
    shuffled = order.sample(items, len(items))
    assert msgspec.to_builtins(count(shuffled)) == msgspec.to_builtins(count(items))


# ---- what infgen knows of its own ----------------------------------------------------------------


def test_verdicts_methods_and_what_is_visible() -> None:
    figures = count(
        [
            made(0, instance(0, 0, 0, 9, 9, visible_frac=0.35), instance(0, 20, 0, 29, 9)),
            made(1, instance(1, 0, 0, 9, 9, method="inpaint", tries=tries("cut off", "small", ""))),
            made(2, instance(1, 0, 0, 9, 9, method="given", visible_frac=0.5)),
            made(3, instance(2, 0, 0, 9, 9, method="convert")),
            made(4, dropped=(Dropped(2, "no room"), Dropped(2, "failed", None, tries("small")))),
        ]
    )
    cat, dog, owl = figures.classes
    assert cat.visible == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert dog.visible == [0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert sum(owl.visible) == 0  # whoever made it knows
    assert (cat.methods, cat.blends) == ({"paste": 2}, {"alpha": 2})
    assert dog.methods == {"given": 1, "inpaint": 1} and dog.blends == {"alpha": 1}
    assert (owl.methods, owl.blends) == ({"convert": 1}, {})
    assert (dog.judged, dog.rejected) == (1, {"cut off": 1, "small": 1})
    assert (owl.dropped, owl.rejected) == ({"failed": 1, "no room": 1}, {"small": 1})


def test_failed_and_marked_pictures_are_counted_as_such_alone() -> None:
    figures = count(
        [
            made(0, instance(0, 0, 0, 9, 9)),
            made(1, failure="no", file="", bytes=0),
            made(2, instance(0, 0, 0, 9, 9), instance(0, 1, 1, 9, 9), marked="ugly"),
            foreign(3, thing(1, 0, 0, 5, 5), failure="gone"),
        ]
    )
    assert (figures.counted, figures.failed, figures.marked, figures.objects) == (1, 2, 1, 1)
    assert figures.pairs == 0 and figures.classes[0].methods == {"paste": 1}


def test_nothing_at_all_has_figures() -> None:
    figures = count([], ())
    assert figures.counted == figures.objects == 0 and figures.looks is None
    json.dumps(msgspec.to_builtins(figures))


def test_figures_json_can_be_read_back() -> None:
    figures = count(random_items(3, 20))
    assert msgspec.json.decode(msgspec.json.encode(figures), type=Figures) == figures


# ---- looks, and the log --------------------------------------------------------------------------


def test_looks_are_those_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    looks = LooksTally()
    brightness, reds, spreads = [], [], []
    for _ in range(20):
        low, high = sorted(rng.integers(0, 255, 2).tolist())
        picture = rng.integers(low, high + 1, (8, 9, 3))
        sums, squares = picture.sum(axis=(0, 1)), (picture**2).sum(axis=(0, 1))
        looks.add(72, sums.tolist(), squares.tolist())
        brightness.append((picture @ [0.299, 0.587, 0.114]).mean())
        reds.append(picture[..., 0].mean())
        spreads.append(picture.std(axis=(0, 1)).mean())
    found = looks.looks(20)
    assert found is not None and found.all and found.pictures == 20
    edges = BINS["levels"]
    for counts, values in ((found.brightness, brightness), (found.red, reds),
                           (found.contrast, spreads)):  # fmt: skip
        assert counts == np.histogram(values, edges)[0].tolist()


@pytest.mark.parametrize("edges", BINS.values(), ids=BINS.keys())
def test_every_value_has_one_bin(edges: tuple[float, ...]) -> None:
    values = np.array([-1e9, *edges, 1e12])
    found = bins_of(values, edges)
    last = len(edges) - 2
    assert found.tolist() == [0, *range(last + 1), last, last]


def test_rounds_are_read_from_a_log_that_was_cut_short() -> None:
    lines: list[dict[str, Any]] = [
        {"event": "painting", "missing": 30, "of": 30, "workers": 2},
        {"event": "painting", "missing": 12, "of": 30, "workers": None},
        {"event": "model", "device": "cpu"},
        {"event": "painted", "seconds": 2.5},
        {"event": "finished", "pictures": 30},
    ]
    text = [json.dumps(line).encode() + b"\n" for line in lines]
    rounds = rounds_of([*text[:1], b'{"event": "pai', *text[1:]])
    assert [(one.pictures, one.seconds, one.workers) for one in rounds] == [
        (30, None, 2),
        (12, 2.5, None),
    ]
