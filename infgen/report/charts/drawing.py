"""A sheet of axes, and the SVG that it becomes: one that any page can hold as a part of itself.

Whatever is black takes the page's own colour, and there is no ground, so that it can be seen on
light and on dark pages. Letters stay letters, in the page's font.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from infgen.report.colours import GREY, own_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rgb = tuple[float, float, float]
Colour = Rgb | tuple[float, float, float, float]  # with its opacity

WIDTH = 6.2  # inches, of 72 points each
LETTERS = 9.0  # points
BAR = 0.23  # inches from one bar to the next
HEAD, FOOT = 0.1, 0.5  # inches above and below the axes: the latter for what an axis means
LEGEND = 0.3  # inches for a line of the legend
SIDE, EDGE = 0.66, 0.32  # inches left of the axes, for numbers, and right of them
NAME = 22  # letters of a name

INK = "black"  # becomes the page's own
FAINT = 0.16  # opacity of the lines behind
QUIET: Rgb = (GREY[0] / 255, GREY[1] / 255, GREY[2] / 255)
RAMP: tuple[Rgb, ...] = ((0.34, 0.71, 0.91), (0.0, 0.45, 0.70), (0.84, 0.37, 0.0))

MOST_BARS, MOST_COLOURS = 24, 7


class Sheet:
    """A figure `height` inches high, with `panels` beside each other and `left` inches for what
    stands beside them; `legend` lines above."""

    def __init__(
        self,
        height: float,
        panels: int = 1,
        left: float = SIDE,
        legend: int = 0,
        gap: float = 0.55,
    ):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self._figure = Figure((WIDTH, height), facecolor="none")
        self._canvas = FigureCanvasSVG(self._figure)
        top = 1 - (HEAD + legend * LEGEND) / height
        wide = (WIDTH - left - EDGE - (panels - 1) * gap) / panels
        self.axes: list[Axes] = []
        for number in range(panels):
            place = (left + number * (wide + gap)) / WIDTH
            frame = (place, FOOT / height, wide / WIDTH, top - FOOT / height)
            self.axes.append(self._bare(frame))

    def _bare(self, frame: tuple[float, float, float, float]) -> Axes:
        axes = self._figure.add_axes(frame, facecolor="none")
        axes.tick_params(labelsize=LETTERS, length=2.5, width=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_linewidth(0.6)
        return axes

    def legend(self, names: Sequence[str], colours: Sequence[Colour]) -> None:
        """What the colours mean, above the axes."""
        from matplotlib.patches import Patch

        legend = self._figure.legend(
            [Patch(facecolor=colour, linewidth=0) for colour in colours],
            list(names),
            loc="upper left",
            ncols=4,
            frameon=False,
            fontsize=LETTERS,
            handlelength=1,
            handleheight=1,
            columnspacing=1.4,
            borderaxespad=0.2,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)

    def svg(self, key: str, title: str) -> str:
        """The drawing as an element for a page. `key` sets its ids apart from other drawings',
        `title` is what is read out for it."""
        import matplotlib

        kept: Any = {"svg.fonttype": "none", "svg.hashsalt": key, "font.size": LETTERS}
        drawn = io.StringIO()
        with matplotlib.rc_context(kept), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # the page's font may have it
            self._canvas.print_svg(drawn, metadata={"Date": None})
        return _for_page(drawn.getvalue(), key, title)


def _for_page(svg: str, key: str, title: str) -> str:
    """matplotlib's file as an inline element."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"\s*<style type=\"text/css\">.*?</style>", "", svg, flags=re.S)  # for all pages
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{key}-", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]*(; )?", "", svg)
    svg = svg.replace("#000000", "currentColor")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert size is not None
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {size[1]} {size[2]}" role="img" aria-label="{_escaped(title)}" '
        'fill="currentColor" stroke-linejoin="round" stroke-linecap="butt">'
    )
    return head + svg[svg.index(">") + 1 :].strip()


def _escaped(text: str) -> str:
    for letter, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(letter, code)
    return text


# ---- what charts have in common ------------------------------------------------------------------


def short(name: str, letters: int = NAME) -> str:
    """A name on one line, without its middle if it is long: names often differ at their ends."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split()) or "(no name)"
    tail = letters // 3
    return name if len(name) <= letters else f"{name[: letters - tail - 1]}…{name[-tail:]}"


def colours_of(totals: Sequence[int]) -> list[Rgb]:
    """The classes' own colours, by how many objects they have."""
    return [(red / 255, green / 255, blue / 255) for red, green, blue in own_colours(totals)]


def most(values: Sequence[int], count: int) -> list[int]:
    """The positions of the largest, largest first; of equal ones the first."""
    return sorted(range(len(values)), key=lambda number: (-values[number], number))[:count]


def bars_sheet(texts: Sequence[str], legend: int = 0, letters: int = NAME) -> Sheet:
    """A sheet for a bar for each text, from the top down."""
    shown = [short(text, letters) for text in texts]
    left = max(0.6, 0.2 + 0.075 * max(map(len, shown), default=0))
    sheet = Sheet(HEAD + FOOT + legend * LEGEND + BAR * max(len(shown), 2), 1, left, legend)
    name_bars(sheet.axes[0], shown)
    return sheet


def name_bars(axes: Axes, texts: Sequence[str]) -> None:
    """Make the axes ones of bars that lie, with a text beside each."""
    axes.set_ylim(max(len(texts), 2) - 0.5, -0.5)
    axes.set_yticks(range(len(texts)), texts)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.tick_params(axis="y", length=0)
    behind(axes, "x")


def beside(axes: Axes, end: float, row: int, text: str) -> None:
    """A text to the right of a bar that lies and ends there."""
    axes.annotate(text, (end, row), (5, 0), textcoords="offset points", va="center", fontsize=8)


def behind(axes: Axes, which: str) -> None:
    """Faint lines behind what is drawn."""
    axes.grid(axis=which, color=INK, alpha=FAINT, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def whole_numbers(axes: Axes, which: str) -> None:
    """An axis that counts things: few ticks, and short."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: brief(value)))


def brief(value: float) -> str:
    """A number that is round anyway: 7,500, 12k, 2.5M."""
    if value < 10_000:
        return f"{value:,.0f}"
    return f"{value / 1e3:g}k" if value < 1e6 else f"{value / 1e6:g}M"


def percents(axes: Axes, which: str) -> None:
    """An axis of shares."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])


def share(part: int, whole: int) -> str:
    """A share for a table; nothing of nothing has none."""
    return f"{part / whole:.1%}" if whole else "-"


def filled(counts: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The first bin of all these histograms that holds anything, and the one after the last."""
    held = [number for number, column in enumerate(zip(*counts, strict=True)) if any(column)]
    return (held[0], held[-1] + 1) if held else (0, 1)


def numbers(values: Sequence[int]) -> Iterator[str]:
    """Counts for a table."""
    return (f"{value:,}" for value in values)
