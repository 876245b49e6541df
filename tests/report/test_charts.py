"""Charts as a page takes them: whole, of its own colours, and nothing from anywhere else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from infgen.records.plan import Dropped
from infgen.report.charts import CHARTS, draw_charts
from infgen.report.charts.drawing import most
from infgen.report.colours import GREY, class_colours, own_colours
from infgen.report.contents import Chart
from infgen.report.figures import Channels, Figures, FigureTally, LooksTally, Round
from tests.report.items import foreign, instance, made, thing, tries

ODD = ("a$b$_{1}^2", "<b>&\"'", "日本語", "", "\x00\n tab\t", "one", "two", "three", "four", "five")


def figures_of(names: tuple[str, ...], pictures: int = 60, own: bool = True) -> Figures:
    rng = np.random.default_rng(len(names))
    tally, looks = FigureTally(names, "infgen"), LooksTally()
    for number in range(pictures):
        looks.add(4, (number, 2 * number, 9), (number * number, 4 * number * number, 81))
        boxes = [
            (int(rng.integers(len(names))), *xy, *(xy + rng.uniform(2, 200, 2)))
            for xy in rng.uniform(0, 400, (int(rng.integers(5)), 2))
        ]
        split = ("train", "val", "test")[number % 3]
        if own:
            objects = [instance(*box, tries=tries("cut $off$ <", "")) for box in boxes]
            gone = (Dropped(0, "no room & more"),)
            tally.add(made(number, *objects, split=split, dropped=gone))
        else:
            tally.add(foreign(number, *(thing(*box) for box in boxes), split=split))
    channels = {"images/train": Channels((0.4, 0.5, 0.6), (0.2, 0.2, 0.2)),
                "mask_jpg": Channels((0.1,), (0.3,))}  # fmt: skip
    return tally.figures(looks.looks(pictures), channels, [Round(60, 2.0, 3), Round(5)])


@pytest.fixture(scope="module")
def charts() -> list[Chart]:
    return draw_charts(figures_of(ODD))


def test_every_chart_is_there_where_all_is_known(charts: list[Chart]) -> None:
    assert [chart.key for chart in charts] == list(CHARTS)


@pytest.mark.parametrize("key", CHARTS)
def test_a_chart_is_one_whole_element_of_its_own(charts: list[Chart], key: str) -> None:
    [chart] = [chart for chart in charts if chart.key == key]
    root = ET.fromstring(chart.svg)
    assert root.tag.endswith("svg") and root.get("aria-label") == chart.title
    assert not {"width", "height"} & set(root.attrib)
    for name, value in (pair for one in root.iter() for pair in one.attrib.items()):
        if name.endswith("href"):
            assert value.startswith(("#", "data:image/png;base64,")), value
        if name == "id":
            assert value.startswith(f"{key}-")
    ids = {one.get("id") for one in root.iter()}
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", chart.svg)) <= ids
    assert not re.search(r"<(style|script|metadata|foreignObject|!DOCTYPE|\?xml)", chart.svg)
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", chart.svg)
    assert "#000000" not in chart.svg and "currentColor" in chart.svg
    assert "DejaVu" not in chart.svg  # the page's own font
    assert len(re.findall(r"<text", chart.svg)) >= 3


@pytest.mark.parametrize("key", CHARTS)
def test_a_chart_has_its_numbers_beside_it(charts: list[Chart], key: str) -> None:
    [chart] = [chart for chart in charts if chart.key == key]
    assert chart.rows and chart.caption.endswith(".")
    assert all(len(row) == len(chart.header) for row in chart.rows)
    assert all(isinstance(cell, str) for row in chart.rows for cell in row)


def test_names_are_shown_as_they_are(charts: list[Chart]) -> None:
    [balance] = [chart for chart in charts if chart.key == "classes"]
    shown = {text.text for text in ET.fromstring(balance.svg).iter() if text.text}
    assert {"a$b$_{1}^2", "<b>&\"'", "日本語", "(no name)"} <= shown


def test_equal_figures_have_equal_charts(charts: list[Chart]) -> None:
    again = draw_charts(figures_of(ODD))
    assert [chart.svg for chart in again] == [chart.svg for chart in charts]


def test_of_hundreds_of_classes_the_largest_are_shown_and_the_others_told() -> None:
    names = tuple(f"a class with a very long name, number {n}" for n in range(300))
    figures = figures_of(names, 200)
    charts = {chart.key: chart for chart in draw_charts(figures)}
    balance = charts["classes"]
    assert balance.svg.count("<text") < 60 and len(balance.rows) == 300
    assert "the other 276 have" in balance.caption
    totals = sorted((one.total for one in figures.classes), reverse=True)
    assert f"have {sum(totals[24:]):,} together" in balance.caption
    assert sum(len(chart.svg) for chart in charts.values()) < 600_000
    assert re.search(r">\d+ others<", charts["sides"].svg)
    bars = re.findall(r"fill: (#[0-9a-f]{6})", balance.svg)
    largest = most(figures.totals, 24)
    colours = {"#" + bytes(own_colours(figures.totals)[number]).hex() for number in largest}
    assert len(colours) == 24 and colours <= set(bars)  # no colour stands for two of them


def test_classes_share_no_colour_but_grey() -> None:
    totals = [*range(150, 0, -1), *range(1000, 1150)]
    colours = own_colours(totals)
    shown = [colour for colour in colours if colour != GREY]
    assert len(set(shown)) == len(shown) > 90
    smallest = min(total for total, one in zip(totals, colours, strict=True) if one != GREY)
    assert sum(total > smallest for total in totals) == len(shown) - 1
    assert own_colours(totals[:90]) == class_colours(90)
    assert colours[150:].count(GREY) == 150 - len(shown) and colours[-1] == class_colours(1)[0]


def test_a_foreign_dataset_has_the_charts_that_say_something() -> None:
    figures = figures_of(("cat", "dog"), own=False)
    figures.looks, figures.channels, figures.rounds = None, {}, []
    keys = [chart.key for chart in draw_charts(figures)]
    assert keys == ["classes", "per-picture", "coco-sizes", "sides", "aspects", "centres",
                    "overlap"]  # fmt: skip


def test_one_picture_or_none_can_be_drawn() -> None:
    tally = FigureTally(("cat",), "coco")
    assert [chart.key for chart in draw_charts(tally.figures())] == ["classes"]
    tally.add(foreign(0))
    assert [chart.key for chart in draw_charts(tally.figures())] == ["classes", "per-picture"]
    tally.add(foreign(1, thing(0, 1, 1, 2, 2)))
    assert len(draw_charts(tally.figures())) == 6  # nothing can overlap
    tally.add(foreign(2, thing(0, 1, 1, 2, 2), thing(0, 3, 3, 4, 4)))
    assert len(draw_charts(tally.figures())) == 7
    crowds = FigureTally(("cat",), "coco")
    crowds.add(foreign(0, thing(0, 0, 0, 50, 50, crowd=True)))
    assert {chart.key for chart in draw_charts(crowds.figures())} >= {"classes", "per-picture"}


def test_numbers_in_the_tables_are_the_figures(charts: list[Chart]) -> None:
    figures = figures_of(ODD)
    tables = {chart.key: chart for chart in charts}
    for row, one in zip(tables["classes"].rows, figures.classes, strict=True):
        assert row[2] == f"{one.total:,}" and row[0] == one.name
    assert sum(int(row[1]) for row in tables["per-picture"].rows) == figures.counted
    passed = sum(int(row[3]) for row in tables["verdicts"].rows if row[1] == "passed and labelled")
    assert passed == figures.objects
    assert ["1", "60", "2.0", "30.0", "3"] in list(map(list, tables["throughput"].rows))


def test_medians_are_near_the_true_ones() -> None:
    rng = np.random.default_rng(5)
    sides = np.exp(rng.uniform(2.5, 5.5, (4000, 2)))
    tally = FigureTally(("cat",), "coco")
    for number, (width, height) in enumerate(sides.tolist()):
        tally.add(foreign(number, thing(0, 0, 0, width, height)))
    charts = {chart.key: chart for chart in draw_charts(tally.figures())}
    [row] = charts["sides"].rows
    told = [float(cell.replace(",", "")) for cell in row[1:]]
    areas = sides.prod(axis=1)
    true = [*np.median(sides, axis=0), *np.quantile(areas, [0.5, 0.05, 0.95])]
    assert np.allclose(told, true, rtol=0.12)
