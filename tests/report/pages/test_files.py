"""A report's files: alike every time, of bounded size, and without anything but text in them."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

import infgen
from infgen.batch.store import Store
from infgen.ops.judging import GROUND_RULES, RULES
from infgen.ops.rle import encode_rle
from infgen.records.box import Box
from infgen.report import colours
from infgen.report.contents import Contents
from infgen.report.items import Item, Thing, item_of
from infgen.report.pages import album, write_pages
from infgen.report.pages.thumbnails import GREY, SIDE
from infgen.report.pages.words import MEASURES
from tests.making import Tables, save, snapshot
from tests.report.pages.site import FAILED, MARKED, TRIED, Site, make_foreign_site

pytestmark = pytest.mark.xdist_group("pages")
BARE = Contents("Nothing", (), 0, [], [], [], [])


def data_of(folder: Path, name: str) -> Any:
    """What a script hands to the page."""
    text = (folder / f"data/{name}.js").read_text("ascii")
    assert "<" not in text and text.startswith(f'infgen.receive("{name}",')
    return json.loads(text.removeprefix(f'infgen.receive("{name}",').removesuffix(");\n"))


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_equal_inputs_give_equal_bytes(site: Site, tmp_path: Path) -> None:
    again = site.folder.parent / "again"
    first = write_pages(again, site.contents, site.gallery, site.rejected)
    assert first == again / "index.html"
    assert snapshot(again) == snapshot(site.folder)
    assert {"index.html", "gallery.html", "rejects.html"} <= set(snapshot(again))


def test_only_what_infgen_wrote_before_is_removed(site: Site, tmp_path: Path) -> None:
    for name in ("gallery-007.jpg", "rejects-123.js", "large-00000003.jpg"):
        save(tmp_path / "data" / "x.jpg", np.zeros((4, 4, 3), np.uint8))
        (tmp_path / "data" / "x.jpg").rename(tmp_path / "data" / name)
    kept = {"figures.json", "mine-001.jpg", "gallery-1.jpg", "large-.jpg"}
    for name in kept:
        (tmp_path / "data" / name).write_text("mine")
    write_pages(tmp_path, site.contents, site.gallery, site.rejected)
    left = {path.name for path in (tmp_path / "data").iterdir()}
    assert kept <= left
    assert not left & {"gallery-007.jpg", "rejects-123.js", "large-00000003.jpg"}


def test_names_are_text_wherever_they_stand(site: Site) -> None:
    for name in ("index.html", "gallery.html", "rejects.html"):
        found = Elements((site.folder / name).read_text("utf-8")).found
        scripts = [attributes for tag, attributes in found if tag == "script"]
        assert scripts and all((one["src"] or "").startswith("data/") for one in scripts)
        assert not any(key.startswith("on") for _, attributes in found for key in attributes)
        assert not any(tag == "b" for tag, _ in found)
    assert data_of(site.folder, "gallery")["classes"][1][0] == site.contents.classes[1]


def test_pages_ask_for_nothing_from_elsewhere(site: Site) -> None:
    for name, data in snapshot(site.folder).items():
        if not name.endswith(".jpg"):
            assert b"://" not in data and b"@import" not in data
        if name.endswith(".html"):
            for _, attributes in Elements(data.decode()).found:
                for key in ("src", "href"):
                    assert ":" not in (attributes.get(key) or "").removeprefix("data:,")


def test_every_picture_is_told_of_once_and_where_it_is(site: Site) -> None:
    index = data_of(site.folder, "gallery")
    assert [one["number"] for one in index["pictures"]] == [item.number for item in site.gallery]
    parts = [data_of(site.folder, f"gallery-{n:03d}") for n in range(len(index["sheets"]))]
    details = [one for part in parts for one in part]
    assert len(details) == len(site.gallery) and len(parts) > 1
    for item, line, detail in zip(site.gallery, index["pictures"], details, strict=True):
        assert (site.folder / unquote(detail["href"])).read_bytes() == item.read()
        assert [one["rle"] for one in detail["things"]] == [thing.rle for thing in item.things]
        assert [one[0] for one in line["objects"]] == [thing.class_id for thing in item.things]


def test_thumbnails_lie_where_the_index_says(site: Site) -> None:
    index = data_of(site.folder, "gallery")
    for line in index["pictures"][::7]:
        sheet = cv2.imread(str(site.folder / f"data/gallery-{line['part']:03d}.jpg"))
        assert list(sheet.shape[1::-1]) == index["sheets"][line["part"]]
        x, y, width, height = line["place"]
        picture = cv2.imdecode(np.frombuffer(site.item(line["number"]).read(), np.uint8), 1)
        assert (width, height) == picture.shape[1::-1]  # small ones keep their size
        far = np.abs(sheet[y : y + height, x : x + width].astype(int) - picture)
        assert far.mean() < 6


def test_rejects_hold_what_was_left_out_tried_again_or_marked(site: Site) -> None:
    lines = {one["number"]: one for one in data_of(site.folder, "rejects")["pictures"]}
    assert set(lines) == {TRIED, MARKED}  # one that failed has no picture
    assert [(one[0], one[3]) for one in lines[TRIED]["objects"]] == [(0, 2), (2, 1), (0, 0), (0, 0)]
    reasons = ["cut off", "no room in 64 tries", "several, or in pieces", "shows something new"]
    assert lines[TRIED]["reasons"] == reasons
    text = (site.folder / "rejects.html").read_text("utf-8")
    assert f'<th scope="row" class="number">{FAILED}</th>' in text and "broken &lt;script" in text


def test_every_measure_that_is_judged_has_words() -> None:
    assert {rule.measure for rule in (*RULES, *GROUND_RULES)} <= set(MEASURES)


# ---- other people's datasets -----------------------------------------------------------------


def test_odd_names_and_shapes_of_other_datasets(tmp_path: Path) -> None:
    foreign = make_foreign_site(tmp_path)
    lines = {one["number"]: one for one in data_of(foreign.folder, "gallery")["pictures"]}
    details = data_of(foreign.folder, "gallery-000")
    by_name = dict(zip([Path(item.file).name for item in foreign.gallery], details, strict=True))
    odd = by_name["a b#1 100%25 ä日.png"]["href"]
    assert odd == "../images/train/a%20b%231%20100%2525%20%C3%A4%E6%97%A5.png"
    places = [one["place"][2:] for one in lines.values()]
    assert [SIDE, 6] in places and [6, SIDE] in places and [1, 1] in places
    gone = [one for one in lines.values() if "trouble" in one]
    assert len(gone) == 1 and "No such file" in gone[0]["trouble"]


def test_pictures_that_are_gone_may_be_of_unknown_size(tmp_path: Path) -> None:
    item = Item(0, "train", (0, 0), tmp_path, "gone.png")
    write_pages(tmp_path / "report", replace(BARE, pictures=1), [item], [])
    [line] = data_of(tmp_path / "report", "gallery")["pictures"]
    assert line["size"] == line["place"][2:] == [1, 1] and "No such file" in line["trouble"]


def test_a_report_of_nothing_has_all_of_its_pages(tmp_path: Path) -> None:
    write_pages(tmp_path, BARE, [], [])
    assert "There are no pictures" in (tmp_path / "index.html").read_text()
    assert "Nothing was thrown away" in (tmp_path / "rejects.html").read_text()
    assert data_of(tmp_path, "gallery")["pictures"] == []
    write_pages(
        tmp_path, replace(BARE, classes=("a", "b"), colours=(colours.GREY, (1, 2, 3))), [], []
    )
    index = data_of(tmp_path, "gallery")
    assert index["grey"] == 1 and [one[1] for one in index["classes"]] == ["#8c8c91", "#010203"]
    assert not list((tmp_path / "data").glob("*.jpg"))


def test_pictures_that_no_browser_reads_are_written_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    items = []
    for number in range(3):
        save(tmp_path / f"{number}.tif", rng.integers(0, 256, (900, 2000, 3), np.uint8))
        items.append(Item(number, "train", (2000, 900), tmp_path, f"{number}.tif"))
    folder = tmp_path / "report"
    write_pages(folder, replace(BARE, pictures=3), items, [])
    written = sorted(path.name for path in (folder / "data").glob("large-*"))
    assert written == [f"large-{number:08d}.jpg" for number in range(3)]
    copy = cv2.imread(str(folder / "data" / written[0]))
    assert copy.shape == (576, 1280, 3)
    one = (folder / "data" / written[0]).stat().st_size
    monkeypatch.setattr(album, "LARGE_BYTES", int(1.5 * one))
    write_pages(folder, replace(BARE, pictures=3), items, [])
    assert [path.name for path in (folder / "data").glob("large-*")] == [written[0]]
    hrefs = [one["href"] for one in data_of(folder, "gallery-000")]
    assert hrefs == [f"data/{written[0]}", "", ""]


def test_pictures_in_archives_are_written_once_more(tmp_path: Path, tables: Tables) -> None:
    root = tmp_path / "set"
    manifest = infgen.run(**tables.settings(out=root, images=3, pack="zip", format=["coco"]))
    items = [item_of(entry, root) for entry in Store(root).entries()]
    assert all(item.packed for item in items)
    names = tuple(one.name for one in manifest.classes)
    write_pages(root / "report", replace(BARE, classes=names, pictures=3), items, [])
    for item, detail in zip(items, data_of(root / "report", "gallery-000"), strict=True):
        assert detail["href"] == f"data/large-{item.number:08d}.jpg"
        assert detail["file"].endswith(".zip") and item.file in detail["file"]
        shown = cv2.imread(str(root / "report" / detail["href"]))
        assert shown.shape[1::-1] == item.size


def test_what_is_no_picture_gets_a_grey_tile_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"this is text")
    item = Item(0, "train", (400, 200), tmp_path, "a.png")
    write_pages(tmp_path / "report", replace(BARE, pictures=1), [item], [])
    [line] = data_of(tmp_path / "report", "gallery")["pictures"]
    assert line["place"][2:] == [SIDE, SIDE // 2] and "isn't a picture" in line["trouble"]
    sheet = cv2.imread(str(tmp_path / "report/data/gallery-000.jpg"))
    assert np.abs(sheet[5:100, 5:200].astype(int) - GREY).max() <= 2


def test_files_stay_small_whatever_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures of 100 objects each: the index is read at once, the rest bit by bit."""
    save(tmp_path / "a.jpg", np.full((480, 640, 3), 90, np.uint8))
    jagged = np.random.default_rng(0).random((30, 30)) < 0.9
    things = []
    for number in range(100):
        mask = np.zeros((480, 640), bool)
        x, y = 60 * (number % 10), 44 * (number // 10)
        mask[y : y + 30, x : x + 30] = jagged
        things.append(Thing(number, Box(x, y, x + 30, y + 30), encode_rle(mask), 810))
    items = [Item(n, "train", (640, 480), tmp_path, "a.jpg", tuple(things)) for n in range(400)]
    names = tuple(f"class {n}" for n in range(100))
    write_pages(tmp_path / "report", replace(BARE, classes=names, pictures=100_000), items, [])
    sizes = {name: len(data) for name, data in snapshot(tmp_path / "report").items()}
    parts = [name for name in sizes if name.startswith("data/gallery-")]
    assert len(parts) >= 2 * 400 / album.PER_PART
    assert max(sizes[name] for name in parts) < album.PART_BYTES * 1.2
    assert sizes["data/gallery.js"] * 2000 / 400 < 6_000_000  # for the usual sample
    assert all(size < 60_000 for name, size in sizes.items() if name.endswith(".html"))
    text = (tmp_path / "report/gallery.html").read_text()
    assert "400 of 100,000 pictures" in text
