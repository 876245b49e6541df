"""The queue before the model: full batches, in an order that depends on no clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from infgen.batch.lanes import Ticket, painted
from infgen.models.prompts import PainterStopped, Prompt, Rejected
from infgen.ops.seeds import stream
from infgen.ops.shapes import draw_shape
from infgen.records.box import Box
from infgen.records.errors import DeviceFull
from infgen.records.plan import BackgroundPlan, ImagePlan, ObjectPlan
from infgen.stages.inpaint import Inpaint, InpaintSettings, Scene
from infgen.stages.verify import Verify

BATCH, SIDE = 8, 96
SHAPE = draw_shape(stream(0, 0, "test shape"))
WHATEVER = Verify(strict=False)  # labels what is painted, spots too
PLACES = [Box(x, y, x + 20, y + 20) for x in (10, 62) for y in (10, 62)]


class Spots:
    """A painter that makes the masked part bright, but for prompts that say otherwise, and keeps
    count of what it was asked."""

    native_size, cell = 32, 8

    def __init__(self, slow: threading.Event | None = None):
        self.batches: list[list[str]] = []
        self.stopped = threading.Event()
        self._turn, self._slow = threading.Lock(), slow

    def stop(self) -> None:
        self.stopped.set()

    def inpaint(
        self,
        pictures: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
    ) -> list[np.ndarray | Rejected]:
        with self._turn:
            texts = [prompt.text for prompt in prompts]
            self.batches.append(texts)
            if "bug" in " ".join(texts):
                raise ValueError("a bug")
            if "full" in texts:
                raise DeviceFull("no memory")
            if self._slow and len(self.batches) > 2:
                self.stopped.wait(60)
                raise PainterStopped
            return [
                Rejected("black")
                if text == "black"
                else np.where(mask[..., None], np.uint8(250), picture)
                for picture, mask, text in zip(pictures, masks, texts, strict=True)
            ]


def tickets(counts: Sequence[Sequence[str]], chunk: int = BATCH) -> Iterator[list[Ticket]]:
    """Pictures with an object for every text."""
    made = []
    for index, texts in enumerate(counts):
        objects = tuple(
            ObjectPlan(0, box, "inpaint", prompt=text, seed=number, shape=SHAPE)
            for number, (text, box) in enumerate(zip(texts, PLACES, strict=False))
        )
        plan = ImagePlan(index, "train", (SIDE, SIDE), BackgroundPlan(index, 0), objects)
        made.append(Ticket(plan, Scene(plan, np.full((SIDE, SIDE, 3), 90, np.uint8))))
    for start in range(0, len(made), chunk):
        yield made[start : start + chunk]


def run(painter: Spots, counts: Sequence[Sequence[str]], attempts: int = 2) -> list[Ticket]:
    stage = Inpaint(painter, InpaintSettings(attempts), 0.0, WHATEVER)  # type: ignore[arg-type]
    return list(painted(stage, tickets(counts), lambda: BATCH))


def mixed(count: int) -> list[list[str]]:
    """Pictures of 0 to 4 objects, one object in eight never usable."""
    rng = stream(0, 0, "test counts")
    return [
        ["black" if rng.random() < 0.125 else f"{index}/{n}" for n in range(int(rng.random() * 5))]
        for index in range(count)
    ]


def test_batches_are_full_whatever_the_pictures_hold() -> None:
    painter, counts = Spots(), mixed(200)
    made = run(painter, counts)
    assert sorted(ticket.plan.index for ticket in made) == list(range(200))
    asked = sum(2 if text == "black" else 1 for texts in counts for text in texts)
    assert sum(map(len, painter.batches)) == asked
    padding = len(painter.batches) * BATCH - asked
    assert padding <= 0.1 * asked  # layer by layer it would be about half of it


def test_each_picture_gets_its_own_objects_in_order() -> None:
    painter, counts = Spots(), mixed(60)
    for ticket in run(painter, counts):
        scene = ticket.scene
        assert isinstance(scene, Scene)
        texts = counts[ticket.plan.index]
        told = [one.reason for one in scene.dropped]
        assert told.count("black") == texts.count("black")
        assert len(scene.painted) == len(texts) - texts.count("black")
    order = [text for batch in painter.batches for text in batch if text != "black"]
    for index in range(60):
        mine = [text for text in order if text.startswith(f"{index}/")]
        assert mine == sorted(mine, key=lambda text: int(text.split("/")[1]))


def test_the_batches_are_the_same_every_time() -> None:
    """Two threads paint and stitch; which is faster decides at most who of two goes first."""
    first, second = Spots(), Spots()
    run(first, mixed(120))
    run(second, mixed(120))
    assert sorted(map(sorted, first.batches)) == sorted(map(sorted, second.batches))


def test_only_the_picture_at_fault_is_lost() -> None:
    counts = [[f"{index}/0", f"{index}/1"] for index in range(20)]
    counts[5] = ["5/0", "bug"]
    made = run(Spots(), counts)
    failed = [ticket for ticket in made if isinstance(ticket.scene, Exception)]
    assert [ticket.plan.index for ticket in failed] == [5]
    assert all(ticket.scene.position == 2 for ticket in made if isinstance(ticket.scene, Scene))


def test_what_no_picture_would_escape_ends_it() -> None:
    with pytest.raises(DeviceFull):
        run(Spots(), [["a"], ["full"], ["b"]])


def test_a_reader_that_leaves_early_waits_for_no_batch() -> None:
    painter = Spots(slow=threading.Event())
    stage = Inpaint(painter, InpaintSettings(1), 0.0)  # type: ignore[arg-type]
    made = painted(stage, tickets([["a"]] * 100), lambda: BATCH)
    next(made)
    made.close()  # type: ignore[attr-defined]
    assert painter.stopped.is_set()


def test_nothing_comes_of_nothing() -> None:
    assert run(Spots(), []) == []
    assert [ticket.plan.index for ticket in run(Spots(), [[], []])] == [0, 1]
