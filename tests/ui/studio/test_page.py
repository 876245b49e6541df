"""The studio's page in a real browser: nothing in the console, nothing asked of anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infgen.batch.marks import read_marks
from infgen.batch.store import open_finished
from tests.making import draw_scene, make_tables, save
from tests.ui.studio.served import PASSWORD, USER, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("studio")

PROGRESS = "document.querySelector('#progress')"
DONE = f"({PROGRESS}?.querySelector('progress')?.value ?? 0)"
LATE = """
const ask = window.fetch;
window.fetch = async (...question) => {
  const answer = await ask(...question);
  const streams = String(question[0].url ?? question[0]).includes("queue/data");
  if (window.late && streams) await new Promise(done => setTimeout(done, window.late));
  return answer;
};"""
"""Has the queue's answers come late, by window.late milliseconds."""
WAIT = 30_000  # milliseconds that anything may take on a busy machine


@pytest.fixture
def page(chromium: Browser, studio: Served) -> Iterator[Page]:
    """A window of somebody who has signed in."""
    with _window(chromium, studio) as page:
        page.goto(studio.url)
        assert page.url.endswith("/login")
        _sign_in(page, PASSWORD)
        page.wait_for_selector("#save")
        yield page


class _window:
    """A window, and in the end: no word in its console, no request to anybody else."""

    def __init__(self, chromium: Browser, studio: Served, **options: Any):
        self._context = chromium.new_context(viewport={"width": 1200, "height": 900}, **options)
        self._context.set_default_timeout(WAIT)
        self._said: list[str] = []
        self._asked: list[str] = []
        self._url = studio.url

    def __enter__(self) -> Page:
        context = self._context
        context.on("console", lambda m: self._said.append(m.text) if m.type == "error" else None)
        context.on("weberror", lambda error: self._said.append(str(error.error)))
        context.on("request", lambda request: self._asked.append(request.url))
        return context.new_page()

    def __exit__(self, *error: object) -> None:
        self._context.close()
        own = (self._url, "data:", "blob:")
        assert [url for url in self._asked if not url.startswith(own)] == []
        assert self._said == []
        assert len(self._asked) > 10


def _sign_in(page: Page, password: str) -> None:
    page.fill("input[name=username]", USER)
    page.fill("input[name=password]", password)
    page.click("button")


def _fill(page: Page, field: str, value: object) -> None:
    page.fill(f"#{field} input, #{field} textarea", str(value))


def _tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def _settings(page: Page, **values: int) -> None:
    for name, value in values.items():
        _fill(page, f"set-{name}", value)


def _again(page: Page, studio: Served) -> Page:
    """Another window of the same person, instead of the one before."""
    other = page.context.new_page()
    page.close()
    other.goto(studio.url)
    row = "#background :text('a desk')"  # all else comes with the tables
    other.wait_for_selector(row, state="attached")
    return other


def _wait_for_run(page: Page, head: str, done: int = -1) -> None:
    """Wait until the page says so of the run, and more than so many are done; else tell what is."""
    from playwright.sync_api import Error

    said = f"([head, done]) => {PROGRESS}?.innerText.includes(head) && {DONE} > done"
    try:
        page.wait_for_function(said, arg=[head, done])
    except Error as error:
        raise AssertionError(f"{head}, more than {done}? {page.inner_text('body')}") from error


def test_who_hasnt_signed_in_or_not_any_more_is_led_there(
    chromium: Browser, studio: Served
) -> None:
    context = chromium.new_context()
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(studio.url)
    _sign_in(page, "wrong")
    assert page.inner_text("[role=alert]") == "That isn't right. Try again."
    page.goto(studio.url)
    assert page.url.endswith("/login")
    _sign_in(page, PASSWORD)
    page.wait_for_selector("#save")
    context.clear_cookies()  # as when the time is over
    page.click("#save")
    page.wait_for_url("**/login")
    _sign_in(page, PASSWORD)
    page.click("text=Sign out")
    page.wait_for_url("**/login")
    page.goto(studio.url)
    assert page.url.endswith("/login")
    context.close()


def test_from_tables_to_a_dataset(page: Page, studio: Served, tmp_path: Path) -> None:
    make_tables(studio.workspace)
    page = _again(page, studio)
    save(tmp_path / "mine.png", draw_scene(9))
    page.get_by_text("Pictures", exact=True).first.click()
    page.set_input_files("#pictures input", tmp_path / "mine.png")
    _fill(page, "folder", "own")
    page.wait_for_selector("#pictures :text('mine')")
    page.click("#keep")
    page.wait_for_selector("#there :text('A cell may say backgrounds/own')")
    assert (studio.workspace / "backgrounds/own/mine.png").exists()

    cell = page.locator("#background [role=gridcell]").nth(1)
    cell.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("<i>${1}")
    page.keyboard.press("Enter")
    page.click("#save")
    page.wait_for_selector("#mistakes :text('background.csv:2: num_imgs: \\'<i>${1}\\'')")
    cell.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.click("#save")
    page.wait_for_selector("#mistakes :text('Nothing is wrong')")
    assert "a desk,7,scenes" in (studio.workspace / "background.csv").read_text()

    _tab(page, "Preview")
    _settings(page, images=30, width=96, height=80)
    page.click("#boxes")
    page.wait_for_selector("#sheet img")
    assert "30 pictures of 96 x 80" in page.inner_text("#facts")
    first = page.get_attribute("#sheet img", "src")
    page.click("#samples")
    page.wait_for_function("src => document.querySelector('#sheet img').src != src", arg=first)

    _tab(page, "Run")
    _fill(page, "name", "../outside")
    page.click("#start")
    page.wait_for_selector(":text('\\'../outside\\' won\\'t do')")
    assert not (studio.workspace.parent / "outside").exists()
    page.locator(".toast-close").first.click()
    _fill(page, "name", "signs")
    page.click("#start")
    _wait_for_run(page, "Finished: signs")
    page.wait_for_selector("#newest img")
    folder = studio.workspace / "datasets" / "signs"
    assert open_finished(folder)[1].pictures == 30

    _tab(page, "Dataset")
    page.wait_for_selector("#gallery img")
    assert "Page 1 of 2" in page.inner_text("#dataset-facts")
    page.locator("#gallery button.thumbnail-item").nth(2).click()
    page.wait_for_function("document.querySelector('#chosen textarea, #chosen input').value == '2'")
    _fill(page, "reason", "a dark one")
    page.click("#mark")
    page.wait_for_selector("#gallery :text('2 · train · bad: a dark one')")
    assert read_marks(folder) == {2: "a dark one"}
    assert "1 of 30 pictures are marked" in page.inner_text("#marked")


def test_a_run_is_stopped_and_gone_on_with(page: Page, studio: Served) -> None:
    """It is too long to come to its end meanwhile. The page goes on being told how it stands when
    it asks just while the queue's answers end."""
    make_tables(studio.workspace)
    page.context.add_init_script(LATE)
    page = _again(page, studio)
    _tab(page, "Preview")
    _settings(page, images=20_000, width=320, height=240)
    _tab(page, "Run")
    _fill(page, "name", "long")
    page.click("#start")
    _wait_for_run(page, "Running: long")
    _wait_for_run(page, "Running: long", 0)
    page = _again(page, studio)  # whoever looks sees the same
    _tab(page, "Run")
    _wait_for_run(page, "Running: long")
    page.click("#stop")
    _wait_for_run(page, "Stopped: long")
    stopped = page.evaluate(DONE)
    assert 0 < stopped < 20_000

    page.evaluate("window.late = 1500")  # longer than from one look at the run to the next
    page.click("#start")  # the settings are still those of the run
    _wait_for_run(page, "Running: long")
    _wait_for_run(page, "Running: long", stopped)
    page.evaluate("window.late = 0")
    page.click("#stop")
    _wait_for_run(page, "Stopped: long")


def test_it_fits_a_phone_and_the_dark(chromium: Browser, studio: Served) -> None:
    with _window(chromium, studio, color_scheme="dark") as page:
        page.set_viewport_size({"width": 380, "height": 800})
        page.goto(studio.url)
        _sign_in(page, PASSWORD)
        page.wait_for_selector("#save")
        for tab in ("Preview", "Run", "Dataset", "Tables"):
            _tab(page, tab)
            assert page.evaluate("document.documentElement.scrollWidth") <= 380, tab
        brightness = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        assert max(brightness) < 60
