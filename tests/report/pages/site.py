"""A report of a small dataset, made by infgen, with something of everything that pages tell of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import infgen
from infgen.batch.store import Store
from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from infgen.records.plan import Change, Dropped, Look, Shadow
from infgen.records.sample import Entry
from infgen.records.verdict import Sighting, Verdict
from infgen.report.contents import Chart, Contents
from infgen.report.items import Item, item_of, items_of
from infgen.report.pages import write_pages
from infgen.sources.datasets import open_dataset
from tests.foreign import Label, Shot, masked, write_foreign
from tests.making import make_tables

HOSTILE = '<script>window.hacked=1</script></script>" onerror="window.hacked=1" \u2028\u202e&amp;'
NAMES = ("coin", HOSTILE, "a name that goes on and on " * 12)
PICTURES = 40
CHART = Chart("counts", "Objects", "How many <b>there</b> are.",
              '<svg viewBox="0 0 9 9"><path d="M0 9L9 0" stroke="currentColor"/></svg>',
              ("class", "objects"), [(HOSTILE, "3"), ("coin", "5")])  # fmt: skip

TRIED = (
    5  # a picture of which an object was tried twice, one left out, and one seen without a label
)
MARKED, FAILED = 7, 9
SEED = 4711
WHY = f"it floats {HOSTILE}"
TRIES = (Verdict("cut off", {"fill": 0.9, "cut_off": 0.41}), Verdict("", {"fill": 1.1}))


@dataclass(frozen=True)
class Site:
    """A report in `folder`, and what it was made of."""

    folder: Path
    contents: Contents
    gallery: list[Item]
    rejected: list[Item]

    def page(self, name: str, address: str = "") -> str:
        return (self.folder / name).as_uri() + address

    def item(self, number: int) -> Item:
        return next(item for item in self.gallery if item.number == number)


def make_site(root: Path) -> Site:
    """The report of a dataset as users make it; of some records more is told than a CPU paints."""
    tables = make_tables(root / "input", names=NAMES)
    manifest = infgen.run(**tables.settings(out=root / "set", images=PICTURES, decoys=1.0))
    items = [_item(entry, root / "set") for entry in Store(root / "set").entries()]
    rejects = [("coin", "left out", "cut off", 3), (HOSTILE, "picture", WHY, 1)]
    contents = Contents(f"A set {HOSTILE}", NAMES, 100_000, [("objects", "12"), ("odd", HOSTILE)],
                        [f"Mind {HOSTILE}"], [CHART], rejects, manifest,
                        ("a gold coin", HOSTILE, ""))  # fmt: skip
    rejected = [item for item in items if item.number in (TRIED, MARKED, FAILED)]
    gallery = [item for item in items if not item.failure]
    write_pages(root / "set/report", contents, gallery, rejected)
    return Site(root / "set/report", contents, gallery, rejected)


def _item(entry: Entry, folder: Path) -> Item:
    replace = msgspec.structs.replace
    if entry.index == FAILED:
        return item_of(replace(entry, file="", failure=f"broken {HOSTILE}", objects=()), folder)
    if entry.index == TRIED:
        entry = replace(entry, **_tried(entry))
    return item_of(entry, folder, WHY if entry.index == MARKED else "")


def _tried(entry: Entry) -> dict[str, Any]:
    """Facts as a diffusion model leaves them."""
    look = Look("narrow", "lab", Shadow("drop", (0.1, 0.2), 0.05, 0.4), (Change("hue", {"by": 9}),))
    mask = np.zeros((80, 96), bool)
    mask[10:30, 10:41] = True
    mask[15:20, 20:25] = False
    first = msgspec.structs.replace(
        entry.objects[0], id=1, class_id=0, box=Box(10, 10, 41, 30), requested=Box(8, 9, 44, 33.5),
        rle=encode_rle(mask), area=int(mask.sum()), method="inpaint", cutout="", score=0.625,
        tries=TRIES, look=look, seed=SEED,
    )  # fmt: skip
    dropped = Dropped(2, "several, or in pieces", Box(50, 40, 90, 75), (Verdict("cut off", {}),))
    return {
        "objects": (first,),
        "dropped": (dropped, Dropped(0, "no room in 64 tries")),
        "dropped_decoys": (Dropped(0, "shows something new", Box(1, 2, 30, 40)),),
        "sighted": (Sighting(1, 0.77, Box(60, 5, 70, 15)),),
        "changes": (Change("rotate", {"degrees": 3.25}, "nearest"),),
    }


def make_foreign_site(root: Path) -> Site:
    """The report of somebody else's dataset, with names and shapes that try a page hard."""
    hole = np.zeros((200, 8000), bool)
    hole[50:150, 3000:5000], hole[80:120, 3500:4500] = True, False
    dot = np.zeros((40, 60), bool)
    dot[20, 30] = True
    shots = [
        Shot("a b#1 100%25 ä日.png", (60, 40), [masked(0, dot), Label(1, Box(-5, -5, 20.5, 20.5))]),
        Shot("long.png", (8000, 200), [masked(1, hole)], 1),
        Shot("tall.png", (20, 900), [], 2),
        Shot("one.png", (1, 1), [masked(0, np.ones((1, 1), bool))], 3),
        Shot("gone.png", (30, 30), [masked(0, np.ones((30, 30), bool), crowd=True)], 4),
    ]
    write_foreign(root, shots, classes=("cat", HOSTILE))
    dataset = open_dataset(root)
    items = list(items_of(dataset.pictures(), root))
    (root / "images/train/gone.png").unlink()
    contents = Contents("Foreign", tuple(dataset.classes), len(items), [], [], [], [])
    write_pages(root / "report", contents, items, [])
    return Site(root / "report", contents, items, [])
