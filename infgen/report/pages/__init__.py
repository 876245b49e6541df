"""A report as pages that open from disk: no server, no network, nothing from anywhere else.

    index.html          facts, notes, a strip of pictures, charts with their tables
    gallery.html        pictures with their labels drawn over them, filters, provenance
    rejects.html        what was thrown away, and why
    data/gallery.js     a line of facts for each picture, which is what filters look at
    data/gallery-000.js what is drawn and told of a few pictures, read when they come into view
    data/gallery-000.jpg  and their thumbnails; the same for rejects and the strip
    data/large-*.jpg    pictures that a browser can't get at, or can't show
    data/*.css, *.js    how it looks and what it does: assets/

Equal contents and items give equal bytes. Whatever comes from users (names, prompts, paths) is
escaped by jinja2 in pages, and as ASCII in scripts, where it is data and never code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import jinja2

from infgen.report.contents import Contents
from infgen.report.counts import count_of
from infgen.report.items import Item
from infgen.report.pages.album import Album, Shelf
from infgen.sources.disk import told, write_file

INDEX, DATA = "index.html", "data"
STRIP = 8  # pictures on the first page
_HERE = Path(__file__).parent
_OURS = re.compile(r"(gallery|rejects|strip)(-\d{3,})?\.(js|jpg)|large-\d+\.jpg")


def write_pages(
    folder: Path, contents: Contents, gallery: Sequence[Item], rejected: Sequence[Item]
) -> Path:
    """Write the report's pages into `folder`, and give the path of the first one.

    `gallery` is a sample of the dataset's pictures, `rejected` those that failed, were marked, or
    of which something was left out or tried again. A picture that can't be read gets a grey tile
    that says why. Files of an earlier report that aren't part of this one are removed from data/.

    Raises:
        StorageError: a page can't be written.
    """
    shelf = Shelf(folder, DATA)
    shown = [item for item in gallery if not item.failure]
    Album("gallery", contents, shelf).write(shown)
    Album("strip", contents, shelf).write(_spread(shown, STRIP))
    made = [item for item in rejected if not item.failure]
    Album("rejects", contents, shelf, rejects=True).write(made)
    for path in sorted((_HERE / "assets").iterdir()):
        shelf.write(path.name, path.read_bytes())
    facts = {
        "contents": contents,
        "shown": len(shown),
        "rejected": len(made),
        "strip": min(STRIP, len(shown)),
        "failures": [item for item in rejected if item.failure],
        "marked": [item for item in rejected if item.marked and not item.failure],
        "thrown": sum(row[3] for row in contents.rejects),
    }
    pages = _templates()
    for name in ("rejects.html", "gallery.html", INDEX):  # the page that people open comes last
        text = pages.get_template(name).render(page=name, **facts)
        write_file(folder / name, text.encode("utf-8", "replace"))  # a name may be half a letter
    _tidy(folder / DATA, shelf.written)
    return folder / INDEX


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count_of": count_of, "thousands": lambda number: f"{number:,}"}
    return environment


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` items, evenly from first to last."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def _tidy(folder: Path, needed: set[str]) -> None:
    """Remove what an earlier report left: nothing but names that are written here."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in needed:
            with told(path):
                path.unlink()
