"""The pages as people use them, opened from disk in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from infgen.ops.rle import decode_rle, encode_rle
from infgen.report.items import Item
from tests.making import wait_until
from tests.report.pages.site import (
    HOSTILE,
    MARKED,
    NAMES,
    SEED,
    TRIED,
    WHY,
    Site,
    make_foreign_site,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("pages")
DESK, PHONE = (1300, 850), (360, 720)


@dataclass
class Watched:
    """A page, and all that went wrong in it or was asked for."""

    page: Page
    trouble: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def count(self) -> int:
        """The number that the gallery says match."""
        return int((self.page.text_content("#status") or "").split()[0].replace(",", ""))

    def drawn(self, selector: str) -> Any:
        """(h, w) opacity of what is drawn on a canvas."""
        png = self.page.eval_on_selector(selector, "canvas => canvas.toDataURL()")
        data = np.frombuffer(base64.b64decode(png.split(",")[1]), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[..., 3]


Opener = Callable[..., Watched]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_foreign_site(tmp_path_factory.mktemp("foreign"))


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opener]:
    """`opened(address, size=..., scheme=...)`. When the test ends, no page may have had an error,
    asked for anything but files, or run a name as code."""
    watched: list[Watched] = []

    def open_page(address: str, size: tuple[int, int] = DESK, scheme: Any = "light") -> Watched:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        one = Watched(context.new_page())
        watched.append(one)
        page = one.page
        page.on("console", lambda message: one.trouble.append(message.text))
        page.on("pageerror", lambda error: one.trouble.append(str(error)))
        page.on("requestfailed", lambda request: one.trouble.append(request.url))
        page.on("dialog", lambda dialog: one.trouble.append(dialog.message))
        page.on("request", lambda request: one.asked.append(request.url))
        page.goto(address)
        until(page, "!document.getElementById('status')?.textContent.includes('…')")
        return one

    yield open_page
    for one in watched:
        assert one.page.evaluate("window.hacked") is None
        assert one.trouble == []
        assert one.asked and all(url.startswith(("file://", "data:")) for url in one.asked)
        one.page.context.close()


def until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true. (Playwright's own way evaluates it in the page
    from the second time on, which the pages' policy forbids.)"""
    wait_until(lambda: page.evaluate(expression), expression)


def wait_for_picture(page: Page, number: int) -> None:
    until(
        page,
        f"document.getElementById('viewer-title').textContent.startsWith('Picture {number} ')"
        " && document.getElementById('told').childElementCount > 0",
    )


def card(number: int) -> str:
    return f'.card[aria-label^="Picture {number},"]'


# ---- filters -------------------------------------------------------------------------------------


def shows(item: Item, class_id: int, least: int = 0) -> bool:
    return any(one.class_id == class_id and one.area >= least for one in item.things)


def test_filters_change_how_many_match(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    page = one.page
    assert one.count() == len(site.gallery)
    assert f"{len(site.gallery)} of 100,000 pictures" in (page.text_content(".lead") or "")
    page.get_by_role("checkbox", name="coin").check()
    coins = [item for item in site.gallery if shows(item, 0)]
    assert one.count() == len(coins) < len(site.gallery)
    page.get_by_role("checkbox", name="val ").check()
    assert one.count() == sum(item.split == "val" for item in coins)
    page.click("#reset")
    assert one.count() == len(site.gallery)


def test_an_object_passes_all_filters_of_objects_by_itself(opened: Opener, site: Site) -> None:
    areas = sorted(thing.area for item in site.gallery for thing in item.things)
    least = areas[len(areas) * 2 // 3]
    one = opened(site.page("gallery.html"))
    one.page.get_by_role("checkbox", name="coin").check()
    one.page.get_by_label("Object size in pixels, from").fill(str(least**0.5))
    assert one.count() == sum(shows(item, 0, least) for item in site.gallery)
    beside = sum(
        shows(item, 0) and any(thing.area >= least for thing in item.things)
        for item in site.gallery
    )
    assert one.count() != beside


def test_ranges_verdicts_and_scores_filter(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    page = one.page
    page.get_by_label("Objects per picture, from").fill("2")
    page.get_by_label("Objects per picture, to").fill("3")
    assert one.count() == sum(2 <= len(item.things) <= 3 for item in site.gallery)
    page.click("#reset")
    page.get_by_label("accepted after further tries").check()
    assert one.count() == 1
    assert page.locator(card(TRIED)).count() == 1
    page.click("#reset")
    page.get_by_label("Score, from").fill("0.7")
    assert one.count() == 0
    assert page.get_by_text("No pictures match").is_visible()
    page.click("#reset-too")
    assert one.count() == len(site.gallery)


def test_everything_that_is_chosen_is_kept_in_the_address(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    page = one.page
    page.get_by_role("checkbox", name="coin").check()
    page.get_by_label("Objects per picture, from").fill("2")
    page.select_option("#sort", "most")
    page.click('#toggles [data-layer="masks"]')
    count, first = one.count(), page.locator(".card").first.get_attribute("aria-label")
    again = opened(page.url)
    assert again.count() == count < len(site.gallery)
    assert again.page.locator(".card").first.get_attribute("aria-label") == first
    assert again.page.get_by_role("checkbox", name="coin").is_checked()
    assert again.page.input_value("#sort") == "most"
    pressed = again.page.get_attribute('#toggles [data-layer="masks"]', "aria-pressed")
    assert pressed == "false"


def test_sorting_by_the_most_objects(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    one.page.select_option("#sort", "most")
    shown = one.page.locator(".card").evaluate_all(
        "cards => cards.map(card => parseInt(card.getAttribute('aria-label').split(' ')[1]))"
    )
    counts = [len(site.item(number).things) for number in shown]
    assert counts == sorted(counts, reverse=True) and len(counts) == len(site.gallery)


# ---- what is drawn -------------------------------------------------------------------------------


def test_masks_in_the_browser_are_those_of_the_records(opened: Opener, site: Site) -> None:
    """Noise, holes, single pixels, whole columns, everything and nothing."""
    rng = np.random.default_rng(0)
    masks = [rng.random((23, 17)) < share for share in (0.02, 0.3, 0.5, 0.9)]
    masks += [np.zeros((23, 17), bool), np.ones((23, 17), bool), np.eye(23, 17, dtype=bool)]
    masks.append(masks[5].copy())
    masks[-1][:, 4:9] = False
    masks += [decode_rle(thing.rle, item.size) for item in site.gallery for thing in item.things]
    asked = [[encode_rle(mask), mask.shape[0]] for mask in masks]
    page = opened(site.page("gallery.html")).page
    answers = page.evaluate(
        """asked => asked.map(([rle, height]) => {
            const mask = infgen.drawing.decode(rle, height);
            return mask && [mask.x, mask.y, mask.width, mask.height, Array.from(mask.bits)];
        })""",
        asked,
    )
    for mask, answer in zip(masks, answers, strict=True):
        seen = np.zeros(mask.shape, bool)
        if answer:
            x, y, width, height, bits = answer
            seen[y : y + height, x : x + width] = np.reshape(bits, (height, width))
        assert np.array_equal(seen, mask)
    assert len(masks) > 50


def test_outlines_are_drawn_along_the_edges_of_pixels(opened: Opener, site: Site) -> None:
    rng = np.random.default_rng(1)
    masks = [rng.random((12, 16)) < share for share in (0.1, 0.5, 0.8)]
    masks += [np.ones((12, 16), bool), np.eye(12, 16, dtype=bool) | np.eye(12, 16, 1, dtype=bool)]
    one = opened(site.page("gallery.html"))
    for mask in masks:
        one.page.evaluate(
            """rle => {
                document.getElementById("drawn")?.remove();
                const canvas = infgen.element("canvas", { id: "drawn" });
                Object.assign(canvas.style, { width: "128px", height: "96px" });
                document.body.append(canvas);
                const mark = { thing: { rle }, colour: "#d55e00", contrast: "#fff", mask: true };
                infgen.drawing.draw(canvas, [16, 12], [mark]);
            }""",
            encode_rle(mask),
        )
        drawn = one.drawn("#drawn")
        assert drawn.shape == (96, 128)
        assert np.array_equal(drawn > 0, mask.repeat(8, axis=0).repeat(8, axis=1))


def test_toggles_and_keys_change_what_is_drawn(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    page = one.page
    number = next(item.number for item in site.gallery if len(item.things) > 1)
    canvas = f"{card(number)} canvas"
    page.wait_for_selector(canvas)
    until(page, f"document.querySelector('{canvas}').width > 10".replace("'", "`"))
    both = one.drawn(canvas)
    page.keyboard.press("m")
    boxes = one.drawn(canvas)
    page.keyboard.press("b")
    nothing = one.drawn(canvas)
    page.click('#toggles [data-layer="masks"]')
    masks = one.drawn(canvas)
    assert not nothing.any()
    assert masks.any() and boxes.any()
    assert not np.array_equal(both, boxes) and not np.array_equal(both, masks)
    width, height = site.item(number).size
    inside = np.zeros((height, width), bool)
    for thing in site.item(number).things:
        inside |= decode_rle(thing.rle, (width, height))
    rows = (np.arange(masks.shape[0]) + 0.5) * height // masks.shape[0]
    columns = (np.arange(masks.shape[1]) + 0.5) * width // masks.shape[1]
    asked = inside[rows.astype(int)][:, columns.astype(int)]
    assert np.mean((masks > 30) == asked) > 0.99  # but for edges, which may share a screen's pixel


def test_thumbnails_show_their_own_picture(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html", "#layers="))
    page = one.page
    number = site.gallery[3].number
    page.wait_for_selector(f"{card(number)} canvas", state="attached")
    page.wait_for_load_state("networkidle")
    import cv2

    shot = page.locator(f"{card(number)} .thumb").screenshot()
    seen = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    means = []
    for item in site.gallery[:8]:
        picture = cv2.imdecode(np.frombuffer(item.read(), np.uint8), cv2.IMREAD_COLOR)
        fitted = cv2.resize(picture, seen.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        means.append(float(np.abs(fitted.astype(int) - seen).mean()))
    assert int(np.argmin(means)) == 3 and means[3] < 8


def test_only_cards_in_view_have_a_canvas(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"), size=PHONE)
    one.page.wait_for_selector(".card canvas", state="attached")
    cards = one.page.locator(".card").count()
    assert cards == len(site.gallery)
    assert 0 < one.page.locator(".card canvas").count() < cards


# ---- one picture ---------------------------------------------------------------------------------


def test_a_picture_tells_its_labels_and_how_it_was_made(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    page = one.page
    page.click(card(TRIED))
    wait_for_picture(page, TRIED)
    assert page.url.endswith(f"#picture={TRIED}")
    cells = page.locator("#labels tr.object > *").all_text_contents()
    assert cells == ["coin", "10, 10 – 41, 30", "595", "100 %", "inpainted", "0.625"]
    told = page.inner_text("#told")
    for words in (
        "a gold coin", str(SEED), "narrow", "harmonized: lab", "drop, falls 0.10, 0.20",
        "hue (by 9)", "stretch of its outline that is cut off", "0.41, 0.25 is the most",
        "several, or in pieces", "shows something new", "score 0.77", "rotate (degrees 3.25)",
        "scenes/scene_", "8, 9 – 44, 33.5", "images/train/",
    ):  # fmt: skip
        assert words in told, words
    until(page, "document.getElementById('large').naturalWidth === 96")


def test_what_is_pointed_at_stands_out(opened: Opener, site: Site) -> None:
    item = next(item for item in site.gallery if len(item.things) > 2 and item.number != TRIED)
    one = opened(site.page("gallery.html", f"#layers=boxes&picture={item.number}"))
    page = one.page
    wait_for_picture(page, item.number)
    before = one.drawn("#over")
    page.locator("#labels .opener").nth(1).focus()
    during = one.drawn("#over")
    mask = decode_rle(item.things[1].rle, item.size)
    y, x = (int(values[len(values) // 2]) for values in np.nonzero(mask))
    scale = during.shape[1] / item.size[0]
    at = int((y + 0.5) * scale), int((x + 0.5) * scale)
    assert during[at] > 0 and before[at] == 0  # its mask shows, though masks are off
    page.locator("#viewer-title").focus()
    assert np.array_equal(one.drawn("#over"), before)


def test_the_keyboard_is_enough(opened: Opener, site: Site) -> None:
    one = opened(site.page("gallery.html"))
    page = one.page
    numbers = [item.number for item in site.gallery]
    page.locator(card(numbers[0])).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_for_picture(page, numbers[1])
    page.keyboard.press("ArrowRight")
    wait_for_picture(page, numbers[2])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    wait_for_picture(page, numbers[3])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    until(page, "document.getElementById('said').textContent.includes('copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == site.page("gallery.html", f"#picture={numbers[3]}")
    page.keyboard.press("d")
    assert page.get_attribute('#viewer-toggles [data-layer="decoys"]', "aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith(f"Picture {numbers[3]},")
    until(page, "!location.hash.includes('picture=')")
    pressed = page.get_attribute('#toggles [data-layer="decoys"]', "aria-pressed")
    assert pressed == "true" and "layers=" in page.url  # what was chosen beside it stays
    one.page.go_back()
    assert page.url == "about:blank"  # opened, moved on and closed are no steps that are left


def test_going_back_closes_the_picture_and_takes_filters_back(opened: Opener, site: Site) -> None:
    one = opened(site.page("index.html"))
    page = one.page
    page.get_by_role("link", name="Gallery").click()
    page.wait_for_selector(".card")
    until(page, "infgen.album.data !== undefined")
    page.get_by_role("checkbox", name="coin").check()
    coins = one.count()
    page.get_by_label("Objects per picture, from").press_sequentially("12")
    assert one.count() < coins
    page.go_back()  # all that was typed is one step
    assert (
        one.count() == coins and page.input_value('[aria-label="Objects per picture, from"]') == ""
    )
    first, second = page.evaluate("infgen.album.matches.slice(0, 2).map((one) => one.number)")
    page.click(card(first))
    wait_for_picture(page, first)
    page.keyboard.press("ArrowRight")
    wait_for_picture(page, second)
    page.go_back()
    page.wait_for_selector("#viewer", state="hidden")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith(f"Picture {second},") and one.count() == coins
    page.go_forward()
    wait_for_picture(page, second)
    page.click("#close")
    until(page, "!location.hash.includes('picture=')")
    assert page.get_by_role("checkbox", name="coin").is_checked()
    page.go_back()
    assert one.count() == len(site.gallery)
    assert not page.get_by_role("checkbox", name="coin").is_checked()
    page.go_back()
    assert page.url.endswith("index.html")


def test_links_open_their_picture_or_say_that_it_is_not_there(opened: Opener, site: Site) -> None:
    page = opened(site.page("gallery.html", f"#picture={TRIED}")).page
    wait_for_picture(page, TRIED)
    other = opened(site.page("gallery.html", "#picture=99999")).page
    assert "Picture 99999 isn't among them" in (other.text_content("#status") or "")
    assert not other.locator("#viewer").is_visible()


def test_another_address_closes_the_picture(opened: Opener, site: Site) -> None:
    page = opened(site.page("gallery.html", f"#picture={TRIED}")).page
    for address, said in (("class=999", "0 of"), ("picture=99999", "isn't among them")):
        wait_for_picture(page, TRIED)
        page.evaluate("address => (location.hash = address)", address)
        page.wait_for_selector("#viewer", state="hidden")
        assert said in page.inner_text("#status")
        page.evaluate("address => (location.hash = address)", f"picture={TRIED}")


def test_other_datasets_with_odd_names_and_shapes(opened: Opener, foreign: Site) -> None:
    one = opened(foreign.page("gallery.html"))
    page = one.page
    assert one.count() == 5
    by_name = {Path(item.file).name: item for item in foreign.gallery}
    odd = by_name["a b#1 100%25 ä日.png"]
    page.click(card(odd.number))
    wait_for_picture(page, odd.number)
    until(page, "document.getElementById('large').naturalWidth === 60")
    page.keyboard.press("Escape")
    until(page, "!location.hash.includes('picture=')")
    assert page.get_by_text("No such file").count() == 1
    one.page.goto(foreign.page("gallery.html", f"#picture={by_name['gone.png'].number}"))
    page.reload()
    wait_for_picture(page, by_name["gone.png"].number)
    assert "can't be read" in page.inner_text("#told")


# ---- the other pages -----------------------------------------------------------------------------


def test_rejects_say_what_and_why(opened: Opener, site: Site) -> None:
    one = opened(site.page("rejects.html"))
    page = one.page
    rows = page.locator("#rejects tbody tr")
    assert rows.count() == 2 and page.inner_text("#rejects-count") == "2 rows"
    page.get_by_label("Find").fill("COIN cut")
    assert page.inner_text("#rejects-count") == "1 of 2 rows"
    assert rows.first.is_visible() and not rows.last.is_visible()
    assert one.count() == 2
    page.get_by_label("cut off").check()
    assert one.count() == 1
    page.click(card(TRIED))
    wait_for_picture(page, TRIED)
    drawn = one.drawn("#over")
    scale = drawn.shape[1] / 96
    stretch = drawn[int(41 * scale) : int(74 * scale), round(50 * scale)]
    assert 0.3 < (stretch > 100).mean() < 0.9  # dashes
    page.keyboard.press("Escape")
    page.click("#reset")
    page.click(card(MARKED))
    wait_for_picture(page, MARKED)
    assert WHY.split("<")[0] in page.inner_text("#told")


def test_the_first_page_leads_to_the_pictures(opened: Opener, site: Site) -> None:
    one = opened(site.page("index.html"))
    page = one.page
    page.wait_for_selector(".strip canvas")
    assert page.locator(".strip .card").count() == 8
    assert HOSTILE.split("\u2028")[0] in page.inner_text("h1")
    page.get_by_text("The numbers").click()
    cells = page.locator("#counts tbody th").all_text_contents()
    assert cells == [HOSTILE, "coin"]
    page.locator(".strip .card").nth(1).click()
    page.wait_for_selector("#viewer[open]")
    assert "gallery.html#picture=" in page.url


@pytest.mark.parametrize("name", ["index.html", "gallery.html", "rejects.html"])
def test_phones_need_not_scroll_sideways(opened: Opener, site: Site, name: str) -> None:
    page = opened(site.page(name), size=PHONE).page
    page.wait_for_selector(".card")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    if name == "gallery.html":
        page.click(card(TRIED))
        wait_for_picture(page, TRIED)
        wide = "e => e.scrollWidth - e.clientWidth"
        assert page.eval_on_selector("#viewer", wide) <= 0
        assert page.eval_on_selector(".viewer-body", wide) <= 0
        assert page.locator("#close").is_visible()


def test_light_and_dark(opened: Opener, site: Site) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = opened(site.page("gallery.html"), scheme="dark").page
    light = opened(site.page("gallery.html")).page
    assert light.evaluate(paper) == "rgb(255, 255, 255)" != dark.evaluate(paper)
    light.click("#theme")
    assert light.inner_text("#theme") == "Colours: light"
    light.click("#theme")
    assert light.evaluate(paper) == dark.evaluate(paper)
    light.click('a[href="rejects.html"]')  # and it stays so
    light.wait_for_selector("h1:has-text('Rejects')")
    assert light.evaluate(paper) == dark.evaluate(paper)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(opened: Opener, site: Site, scheme: str) -> None:
    """Contrast as WCAG counts it: 4.5 for text, 3 for the edges of what can be operated."""
    page = opened(site.page("index.html"), scheme=scheme).page
    colours = page.evaluate(
        """names => names.map(name => {
            const made = infgen.element("span", { style: { color: `var(--${name})` } });
            document.body.append(made);
            return getComputedStyle(made).color.match(/\\d+/g).map(Number);
        })""",
        ["paper", "raised", "ink", "quiet", "link", "warn", "edge"],
    )

    def brightness(colour: list[int]) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
                  for v in (value / 255 for value in colour)]  # fmt: skip
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    paper, raised, *words, edge = map(brightness, colours)
    for ground in (paper, raised):
        for word, least in [(word, 4.5) for word in words] + [(edge, 3.0)]:
            low, high = sorted((ground, word))
            assert (high + 0.05) / (low + 0.05) >= least


def test_every_control_has_a_name(opened: Opener, site: Site) -> None:
    page = opened(site.page("gallery.html", f"#picture={TRIED}")).page
    wait_for_picture(page, TRIED)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a[href]")].filter(one =>
            !one.textContent.trim() && !one.ariaLabel && !one.labels?.length).length"""
    )
    assert nameless == 0
    assert page.locator("main").count() == page.locator("h1").count() == 1
    assert NAMES[2][:20] in page.locator("#filters").inner_text()
