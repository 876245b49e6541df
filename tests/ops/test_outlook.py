"""What plans amount to: counted as one would by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.outlook import CELLS, look_ahead, shared_fracs
from infgen.records.box import Box
from tests.asked import a_class, background, pictures, planner

sides = st.integers(1, 40)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), st.integers(0, 60), st.integers(0, 60), sides, sides
)


@given(st.lists(boxes, max_size=6))
def test_shared_areas_are_those_of_pixels(some: list[Box]) -> None:
    def cells(box: Box) -> set[tuple[int, int]]:
        x0, y0, x1, y1 = map(int, box.xyxy)
        return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}

    for number, share in enumerate(shared_fracs(some)):
        own = cells(some[number])
        others = [cells(box) for rank, box in enumerate(some) if rank != number]
        assert share == max((len(own & other) for other in others), default=0) / len(own)


def test_an_outlook_counts_what_the_plans_hold() -> None:
    classes = (
        a_class("coin", (1, 3)),
        a_class("note", (0, 2)),
        a_class("wall", (1, 1), x_range=(0.0, 0.2), y_range=(0.8, 1.0)),
        a_class("never", (0, 0)),
    )
    rows = (background(30, *pictures(3, "scene")), background(10, plain="colour"))
    source = planner(rows, classes, val_frac=0.3, max_overlap=1.0)
    plans = [source.plan(index) for index in source.indices]
    seen = look_ahead(source, plans)
    assert (seen.seen, seen.total, seen.files, seen.layouts) == (40, 40, 3, 1)
    assert seen.generated == 0 and seen.scenes.total() == 30
    for class_id, one in enumerate(seen.classes):
        own = [box for plan in plans for box in plan.objects if box.class_id == class_id]
        assert one.objects == len(own) == len(one.widths) == one.cutouts.total()
        assert one.widths == [box.box.width for box in own]
        showing = {p.index for p in plans if any(box.class_id == class_id for box in p.objects)}
        assert one.pictures.total() == len(showing)
        assert one.centers.sum() == len(own)
    assert seen.splits.total() == 40 and set(seen.splits) == {"train", "val"}
    assert seen.decoys == sum(len(plan.decoys) for plan in plans) > 0
    assert seen.objects == sum(number * times for number, times in seen.counts.items())
    wall = seen.classes[2].centers
    assert wall[: CELLS // 2].sum() == 0 and wall[:, CELLS // 2 :].sum() == 0
    assert not seen.classes[3].wanted and seen.classes[0].wanted
    half = look_ahead(source, plans[:20])
    assert half.scaled(half.seen) == 40


def test_generated_scenes_are_counted() -> None:
    source = planner(background(8), a_class(), method="inpaint", per_background=2)
    seen = look_ahead(source, map(source.plan, source.indices))
    assert (seen.generated, seen.layouts, seen.files) == (16, 2, 0)


def test_boxes_that_must_overlap_are_counted_so() -> None:
    crowd = a_class("coin", (4, 4), x_range=(0.4, 0.6), y_range=(0.4, 0.6))
    close = planner(background(20, *pictures(2)), crowd, max_overlap=1.0)
    apart = planner(background(20, *pictures(2)), a_class("coin", (1, 1)))
    one, other = (look_ahead(p, map(p.plan, p.indices)) for p in (close, apart))
    assert one.classes[0].overlapping > 0.5 * one.planned
    assert other.classes[0].overlapping == 0
