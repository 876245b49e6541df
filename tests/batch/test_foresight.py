"""A plan looked at before it is paid for: the files, what it takes, and what is said of it."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import infgen
from infgen.batch import foresight, memory
from infgen.batch.estimate import Estimate, estimate, is_cheap, work_of
from infgen.batch.foresight import foresee
from infgen.batch.memory import (
    LEAD_BYTES,
    TORCH_BYTES,
    WORKER_BYTES,
    held_bytes,
    memory_of,
    memory_of_machine,
)  # fmt: skip
from infgen.batch.packing import Shelf
from infgen.batch.pipeline import Pipeline
from infgen.batch.runner import plan_with_means
from infgen.batch.samples import paint_samples
from infgen.batch.settings import make_settings
from infgen.batch.told import in_time, rows_of
from infgen.models.presets import PRESETS
from infgen.ops.outlook import ClassOutlook, Outlook, look_ahead
from infgen.records.errors import InputError
from tests.making import Tables, infgen_here, make_tables, snapshot

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("foresight")
NAMES = ("coin", '<b>note & "co"</b>', "größe 大")


class Heard:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def say(self, text: str) -> None: ...
    def start(self, what: str, total: int, done: int = 0) -> None: ...
    def advance(self, failed: bool = False) -> None: ...
    def stop(self) -> None: ...
    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A preview of 40 pictures of three classes, with two concerns, as files and as answers."""
    folder = tmp_path_factory.mktemp("foresight")
    tables = make_tables(folder / "input", names=NAMES)
    settings = make_settings(tables.settings(images=40, out=folder / "dataset", augment="light"))
    heard = Heard()
    page = folder / "plan.html"
    seen = foresee(settings, page, 5, heard)
    return SimpleNamespace(folder=folder, page=page, seen=seen, heard=heard, settings=settings)


# ---- the files -----------------------------------------------------------------------------------


def test_both_files_are_written_by_default(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    path = infgen.preview(**tables.settings(), count=2)
    assert path == Path("infgen-preview.png") and path.read_bytes().startswith(b"\x89PNG")
    assert sorted(file.name for file in here.iterdir()) == [
        "infgen-preview.html", "infgen-preview.png",
    ]  # fmt: skip


def test_an_ending_picks_one(tables: Tables, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    page = infgen.preview(**tables.settings(), file=tmp_path / "a.html", count=1)
    sheet = infgen.preview(**tables.settings(), file=tmp_path / "b.PNG", count=1)
    assert set(snapshot(tmp_path)) - set(before) == {"a.html", "b.PNG"}
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert sheet.read_bytes().startswith(b"\x89PNG")
    for wrong in ("c.htm", "c"):
        with pytest.raises(InputError, match=r"ends in \.png or \.html"):
            infgen.preview(**tables.settings(), file=tmp_path / wrong)
    with pytest.raises(InputError, match="there is no format x"):
        infgen.preview(**tables.settings(), file=tmp_path / "c.html", format="x")


def test_the_command_line_ends_with_the_paths(tables: Tables, tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    done = infgen_here("preview", *tables.options(), "--file", file, "--count", 2)
    assert done.returncode == 0, done.stderr
    *rows, blank, last = done.stdout.splitlines()
    assert (blank, last) == ("", str(file))
    assert [row.split()[0] for row in rows] == ["pictures", "objects", "time", "disk", "memory"]
    assert re.match(r"pictures +12$", rows[0])


# ---- what it takes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"format": "coco,yolo"}, {"format": "hf,masks,voc", "image_format": "png"},
     {"format": "npy,idg", "per_background": 2},
     {"format": "coco", "grid": True, "placements": 5, "images": None}],
)  # fmt: skip
def test_disk_is_what_a_run_takes(tables: Tables, tmp_path: Path, more: dict[str, Any]) -> None:
    """The estimate is within a third of what the run writes, links counted once."""
    more = {"images": 48, "width": 200, "height": 160, "out": tmp_path / "dataset"} | more
    asked = tables.settings(**more)
    seen = foresee(make_settings(asked), tmp_path / "plan.html", 1)
    assert not (tmp_path / "dataset").exists()
    infgen.run(**asked)
    files = [path for path in (tmp_path / "dataset").rglob("*") if path.is_file()]
    skipped = {"preview.png", "run.log", "run.toml", "manifest.json", "statistics.json"}
    nodes = {path.stat().st_ino: path.stat().st_size for path in files if path.name not in skipped}
    disk = dict(seen.estimate)["disk"]
    number, unit = re.match(r"about ([\d.]+) (kB|MB)", disk).groups()
    told = float(number) * {"kB": 1e3, "MB": 1e6}[unit]
    assert 0.75 < told / sum(nodes.values()) < 1.33, disk
    for name in more["format"].split(","):
        assert f"{name} " in disk


def test_time_and_memory_are_those_of_the_samples(tables: Tables, tmp_path: Path) -> None:
    settings = make_settings(tables.settings(images=500, out=tmp_path / "dataset", format="masks"))
    planner, means = plan_with_means(settings)
    outlook = look_ahead(planner, map(planner.plan, range(500)))
    samples = list(paint_samples(planner, means, settings, range(4), Heard()))
    paces = [foresight.Painted(one.plan, one.entry, one.files, 2.0) for one in samples]
    found = estimate(planner, settings, outlook, None, paces)
    assert found.seconds is not None and 1000 <= found.seconds < 1000 + 500
    assert found.timed == 4 and found.objects == outlook.objects
    assert found.work is None
    work = work_of(means_of("tiny", "cpu", True), an_outlook(), settings)
    timed = rows_of(estimate(planner, settings, outlook, work, paces))
    assert "on cpu, by 4 pictures made just now" in dict(timed)["time"]
    nothing = estimate(planner, settings, outlook, None, [])
    assert nothing.seconds is None and nothing.disk is None
    rows = dict(rows_of(nothing))
    assert "not known: no picture could be made" in rows["time"] and "are free" in rows["disk"]


@pytest.mark.parametrize("size", [(640, 480), (1200, 900)])
def test_memory_is_what_pictures_take(
    tables: Tables, tmp_path: Path, size: tuple[int, int]
) -> None:
    """All that is held of pictures, as Python counts it (not what OpenCV does by itself), is no
    more than is told, and half of it or more. What processes take besides was measured."""
    asked = {"images": 8, "width": size[0], "height": size[1], "degrade": 0}
    settings = make_settings(tables.settings(out=tmp_path / "none", **asked))
    planner, _ = plan_with_means(settings)
    shelf = Shelf(lambda file, data: 0)
    list(Pipeline(planner, settings).make([0], shelf))  # whatever it imports
    tracemalloc.start()
    pipeline = Pipeline(planner, settings)
    for index in planner.indices:
        list(pipeline.make([index], shelf))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    held = held_bytes(planner)
    assert held / 2 < most < held, (most, held)
    alone, model = memory_of(planner, 1), memory_of(planner, 1, 2e9)
    assert LEAD_BYTES + held < alone < LEAD_BYTES + 2 * held
    assert memory_of(planner, 3) - alone == 3 * WORKER_BYTES + 2 * held
    assert model - alone == TORCH_BYTES + 2e9


def means_of(preset: str, device: str, inpaints: bool, download: int = 0) -> Any:
    """What a run paints with, as far as its work goes."""
    half = SimpleNamespace(row=PRESETS[preset])
    model = SimpleNamespace(
        scenes=half, inpaint=half, halves=(half,), names=(preset,), device=device,
        download_bytes=download,
    )  # fmt: skip
    return SimpleNamespace(model=model, method="inpaint" if inpaints else "paste", eyes=None)


def an_outlook() -> Outlook:
    one = ClassOutlook("owl", widths=[9.0] * 30, heights=[9.0] * 30, objects=30)
    return Outlook(
        canvas=(64, 64), total=1000, method="inpaint", classes=[one], files=0, layouts=2, seen=100,
        counts=Counter({0: 100}), generated=40, decoys=10,
    )  # fmt: skip


def test_steps_of_a_model_are_counted_and_no_time_is_made_up(tables: Tables) -> None:
    settings = make_settings(tables.settings(attempts=3))
    work = work_of(means_of("sd15", "cpu", True), an_outlook(), settings)
    assert work is not None
    assert (work.scenes, work.tries, work.attempts) == (200, 400, 3)
    assert work.steps == 600 * 25 and work.tflop == pytest.approx(600 * 25 * 0.8 * 2)
    assert not is_cheap(work, 6, 1000)
    planner, _ = plan_with_means(settings)
    rows = dict(rows_of(estimate(planner, settings, an_outlook(), work, [])))
    assert rows["time"] == "not known: the model isn't timed here"
    assert rows["model steps"].startswith("15,000, about 24.0 PFLOP")
    assert rows["memory"] == "about 5.5 GB on cpu" and "some up to 3 times" in rows["to paint"]


@pytest.mark.parametrize(
    "preset, device, download, cheap",
    [("tiny", "cpu", 0, True), ("sd15", "cpu", 0, False), ("sd15-fast", "cuda", 0, True),
     ("sdxl", "cuda", 7_000_000_000, False), ("z-image", "cuda", 0, False)],
)  # fmt: skip
def test_only_what_is_quick_and_there_is_timed(
    tables: Tables, preset: str, device: str, download: int, cheap: bool
) -> None:
    settings = make_settings(tables.settings())
    work = work_of(means_of(preset, device, True, download), an_outlook(), settings)
    assert is_cheap(work, 6, 1000) == cheap


def test_models_that_only_paint_scenes_try_no_objects(tables: Tables) -> None:
    work = work_of(
        means_of("flux2-klein", "cuda", False), an_outlook(), make_settings(tables.settings())
    )
    assert work is not None and (work.scenes, work.tries, work.steps) == (200, 0, 800)
    assert work.tflop == 800 * 35  # without guidance


def test_a_machine_that_is_too_small_is_told_of() -> None:
    facts: dict[str, Any] = dict.fromkeys(
        ("pictures", "objects", "workers", "timed", "pictures_bytes"), 1
    )
    fine = Estimate(**facts, seconds=1.0, disk=5, formats={}, memory=5, free=6)
    assert fine.concerns == []
    full = Estimate(**facts, seconds=1.0, disk=7_000_000, formats={}, memory=5, free=6_000_000)
    [text] = full.concerns
    assert "6.0 MB left" in text and "7.0 MB" in text and "--out" in text
    if there := memory_of_machine():
        [text] = Estimate(
            **facts, seconds=None, disk=None, formats={}, memory=2 * there, free=6
        ).concerns
        assert "--workers" in text


@pytest.mark.parametrize(
    ("member", "limits", "least"),
    [
        ("0::/job/step\n", {"job": "5000", "job/step": "max"}, 5000),
        ("0::/\n", {"": "7000"}, 7000),  # as a container sees it
        ("9:cpu:/\n4:memory,x:/a\n0::/\n", {"memory/a": f"{2**63 - 4096}", "memory": "8000"}, 8000),
        ("4:memory:/of/the/machine\n", {"memory": "9000"}, 9000),  # whose paths aren't seen there
        ("0::/job\n", {"job": "max"}, None),
        ("0::/job\n", {"job": f"{2**62}"}, None),
        (None, {}, None),
    ],
)
def test_limits_of_containers_and_jobs_count(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    member: str | None,
    limits: dict[str, str],
    least: int | None,
) -> None:
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "self")
    whole = memory_of_machine()
    if member is not None:
        (tmp_path / "self").write_text(member)
    for group, limit in limits.items():
        file = "memory.limit_in_bytes" if "memory" in group else "memory.max"
        (tmp_path / "cgroup" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / group / file).write_text(f"{limit}\n")
    assert memory_of_machine() == (least or whole)


def test_times_are_said_as_a_person_would() -> None:
    said = [in_time(seconds) for seconds in (0.2, 1, 89, 90, 5400, 36_000, 864_000)]
    assert said == [
        "1 second", "1 second", "89 seconds", "1.5 minutes", "1.5 hours", "10 hours", "10 days",
    ]  # fmt: skip


# ---- what is said --------------------------------------------------------------------------------


def test_concerns_are_told_and_on_the_page(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foresight, "MOST_PLANS", 300)
    heard = Heard()
    settings = make_settings(tables.settings(images=3000, val_frac=0.0))
    seen = foresee(settings, tmp_path / "plan.html", 1, heard)
    assert any("few cutouts for so many pastes" in text for text in heard.warnings)
    assert any("6 backgrounds for 3,000 pictures" in text for text in heard.warnings)
    assert tuple(heard.warnings) == seen.concerns
    page = text_of(tmp_path / "plan.html")
    for text in heard.warnings:
        assert text in page
    assert "Counted in 300 of 3,000 plans, spread evenly." in page


def test_pictures_that_cannot_be_made_are_told_of(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = foresight.plan_with_means

    def damaging(*arguments: Any) -> Any:
        found = plan(*arguments)
        for file in (tables.backgrounds.parent / "scenes").iterdir():
            file.write_bytes(b"no picture")
        return found

    monkeypatch.setattr(foresight, "plan_with_means", damaging)
    heard = Heard()
    foresee(make_settings(tables.settings()), tmp_path / "plan.html", 2, heard)
    assert any(text.startswith("picture 0 can't be made: ") for text in heard.warnings)
    assert "not known: no picture could be made" in text_of(tmp_path / "plan.html")


# ---- the page ------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Its text, its tags, and whatever it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: Counter[str] = Counter()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.loads += [str(value) for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def text_of(path: Path) -> str:
    return " ".join("".join(parsed(path).text).split())


def test_the_page_is_one_file_that_loads_nothing(looked: SimpleNamespace) -> None:
    page = parsed(looked.page)
    assert all(place.startswith(("data:", "#")) for place in page.loads)
    assert sum(place.startswith("data:image/jpeg") for place in page.loads) >= 5 + 2 * 6
    assert not page.tags.keys() & {"script", "iframe", "object"} and "b" not in page.tags
    css = looked.page.read_text(encoding="utf-8")
    assert "@import" not in css and "http:" not in css.replace("http://www.w3.org", "")
    for name in NAMES:
        assert name in text_of(looked.page)
    for name, value in looked.seen.estimate:
        assert name in text_of(looked.page) and value in text_of(looked.page)


def test_charts_are_the_same_every_time(looked: SimpleNamespace) -> None:
    from infgen.report.plan_page.charts import charts_of

    planner, _ = plan_with_means(looked.settings)
    outlook = look_ahead(planner, map(planner.plan, planner.indices))
    first, again = charts_of(outlook), charts_of(outlook)
    assert first == again
    assert {chart.key for chart in first} == {"objects", "counts", "sizes", "places"}
    for chart in first:
        assert all(len(row) == len(chart.header) for row in chart.rows) and chart.rows
        assert "currentColor" in chart.svg and "<metadata" not in chart.svg
    ids = [name for chart in first for name in re.findall(r' id="([^"]+)"', chart.svg)]
    assert len(ids) == len(set(ids))  # they share a page
    objects = next(chart for chart in first if chart.key == "objects")
    assert [int(row[1]) for row in objects.rows] == [one.objects for one in outlook.classes]


@pytest.fixture
def opened(chromium: Browser, looked: SimpleNamespace) -> Callable[..., Page]:
    """`opened(width, scheme)` is the page in a browser; it must load nothing and complain of
    nothing."""

    def open_it(width: int, scheme: str) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url))
        page.goto(looked.page.as_uri())
        own = (looked.page.as_uri(), "data:")
        assert [text for text in wrong if not text.startswith(own)] == []
        return page

    return open_it


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (1280, "dark"), (360, "light")])
def test_the_page_in_a_browser(opened: Callable[..., Page], width: int, scheme: str) -> None:
    page = opened(width, scheme)
    page.evaluate("document.querySelector('.tag').textContent = 'x'.repeat(300)")  # as names may be
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper, ink = (
        page.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
    assert (light[0] > 600 > light[1]) if scheme == "light" else (light[0] < 150 < light[1])
    fill = page.evaluate("getComputedStyle(document.querySelector('.chart svg text')).fill")
    assert fill == ink
    for image in page.locator("svg image").all()[:3]:
        assert image.bounding_box()["width"] > 50
    page.context.close()


def test_boxes_can_be_hidden_by_mouse_and_keyboard(opened: Callable[..., Page]) -> None:
    page = opened(1280, "light")
    box = page.locator(".tiles .boxes").first
    assert box.is_visible() and "object" in page.locator(".tiles svg").first.get_attribute(
        "aria-label"
    )
    page.get_by_text("boxes", exact=True).click()
    assert not box.is_visible()
    page.locator("#show-boxes").focus()
    page.keyboard.press("Space")
    assert box.is_visible()
    page.context.close()
