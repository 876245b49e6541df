"""Which pictures a report shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infgen.records.plan import Dropped
from infgen.report.items import Item
from infgen.report.sample import EACH, REJECTS, WHOLE, Sample
from tests.report.items import foreign, instance, made, thing, tries


def sample_of(items: list[Item], most: int) -> Sample:
    sample = Sample(sum(not (item.failure or item.marked) for item in items), most)
    for item in items:
        sample.add(item)
    return sample


def numbers(items: list[Item]) -> list[int]:
    return [item.number for item in items]


@given(total=st.integers(0, 60), most=st.integers(1, 70))
def test_all_are_shown_or_as_many_as_wanted_from_end_to_end(total: int, most: int) -> None:
    items = [foreign(n, thing(0, 0, 0, 9, 9)) for n in range(total)]
    shown = numbers(sample_of(items, most).chosen())
    assert len(shown) == min(total, most) and shown == sorted(set(shown))
    gaps = [after - before for before, after in zip([-1, *shown], [*shown, total], strict=False)]
    assert max(gaps, default=0) <= -(-total // min(most, total or 1)) + 1


def test_rare_classes_are_shown_too() -> None:
    items = [foreign(n, thing(0, 0, 0, 9, 9)) for n in range(5000)]
    for class_id, place in ((1, 33), (1, 2222), (2, 4999), *((3, n) for n in range(7, 5000, 100))):
        items[place] = foreign(place, thing(class_id, 0, 0, 9, 9))
    shown = sample_of(items, 100).chosen()
    assert len(shown) == 100 and numbers(shown) == sorted(set(numbers(shown)))
    assert {33, 2222, 4999} <= set(numbers(shown))
    rare = [item.number for item in shown if item.things[0].class_id == 3]
    assert len(rare) >= EACH and max(rare) - min(rare) > 2000


def test_of_more_classes_than_pictures_half_stay_spread() -> None:
    items = [foreign(n, thing(n % 500, 0, 0, 9, 9)) for n in range(5000)]
    shown = sample_of(items, 40).chosen()
    assert len(shown) == 40


def test_failed_and_marked_pictures_are_rejects_only() -> None:
    items = [made(n, instance(0, 0, 0, 9, 9)) for n in range(10)]
    items[3] = made(3, failure="no luck", file="", bytes=0)
    items[5] = made(5, instance(0, 0, 0, 9, 9), marked="ugly")
    sample = sample_of(items, 100)
    assert numbers(sample.chosen()) == [0, 1, 2, 4, 6, 7, 8, 9]
    assert numbers(sample.rejected()) == [3, 5]


def test_every_reason_is_among_the_rejects() -> None:
    items = [made(n, dropped=(Dropped(0, "no room"),)) for n in range(4000)]
    items[1234] = made(1234, dropped=(Dropped(0, "hidden"),))
    items[77] = made(77, instance(0, 0, 0, 9, 9, tries=tries("cut off", "")))
    items[78] = made(78, dropped_decoys=(Dropped(0, "a thing"),))
    items[79] = made(79, instance(0, 0, 0, 9, 9, tries=tries("")))  # the first try was used
    shown = numbers(sample_of(items, 10).rejected())
    assert {77, 78, 1234} <= set(shown) and 79 not in shown
    assert len(shown) == REJECTS + 3
    assert max(shown) > 3500 and shown == sorted(shown)


def test_failures_are_bounded() -> None:
    items = [made(n, failure=f"reason {n}", file="", bytes=0) for n in range(3 * WHOLE)]
    assert len(sample_of(items, 10).rejected()) == WHOLE
