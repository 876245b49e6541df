"""Pictures and what is known of them, in files of bounded size that a page reads when it needs to.

An album's index, NAME.js, has a line for each picture: what filters and sorting look at. The rest
(masks, boxes, provenance) is in parts, NAME-000.js and on, each of which goes with a sheet of
thumbnails, NAME-000.jpg. All are scripts that call infgen.receive(name, data), as pages from disk
may load no data otherwise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infgen.report.colours import GREY, Colour, class_colours, contrast
from infgen.report.contents import Contents
from infgen.report.items import Item
from infgen.report.pages.teller import Teller
from infgen.report.pages.thumbnails import Thumbnail, draw_sheet, read_picture
from infgen.report.pages.words import METHODS, measures_told
from infgen.sources.disk import write_file

PER_PART = 36  # pictures whose details and thumbnails are read together
PART_BYTES = 2**19  # of details, from which on a part is closed
MOST_THREADS = 8  # each of which holds a decoded picture, however large
LARGE_BYTES = 2**26  # of all the pictures that are written once more
SHOWN_BY_BROWSERS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif")


class Shelf:
    """The data folder of a report's `folder`: what was `written`, and how much room is left."""

    def __init__(self, folder: Path, data: str):
        self.folder, self.written = folder, set[str]()
        self._data, self._left = data, LARGE_BYTES

    def write(self, name: str, data: bytes) -> None:
        write_file(self.folder / self._data / name, data)
        self.written.add(name)

    def script(self, name: str, data: Any) -> None:
        """Write `data` as a script that hands it to the page. All of it is ASCII, without any "<":
        neither an odd letter nor a tag in it is ever more than text."""
        text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
        self.write(f"{name}.js", f'infgen.receive("{name}",{text});\n'.encode("ascii"))

    def large(self, number: int, picture: bytes) -> str:
        """Write a picture that the page couldn't show otherwise, and give its address: empty where
        there is no room for more."""
        name = f"large-{number:08d}.jpg"
        if name not in self.written:
            if len(picture) > self._left:
                return ""
            self._left -= len(picture)
            self.write(name, picture)
        return f"{self._data}/{name}"


class Album:
    """Pictures of one page, called `name`. With `rejects` their objects are those that were thrown
    away or tried again; else those that are labelled."""

    def __init__(self, name: str, contents: Contents, shelf: Shelf, rejects: bool = False):
        self._name, self._contents, self._shelf, self._rejects = name, contents, shelf, rejects
        self._teller = Teller(contents)

    def write(self, items: Sequence[Item]) -> None:
        """Write the index and the parts of `items`."""
        index: list[dict[str, Any]] = []
        sheets: list[tuple[int, int]] = []
        with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as pool:
            for number, part in enumerate(self._parts(items)):
                name = f"{self._name}-{number:03d}"
                thumbnails = list(pool.map(self._thumbnail, [item for item, _ in part]))
                pixels, places, size = draw_sheet(thumbnails)
                self._shelf.write(f"{name}.jpg", pixels)
                sheets.append(size)
                details = [one for _, one in part]
                for (item, detail), thumbnail, place in zip(part, thumbnails, places, strict=True):
                    detail["href"] = self._address(item, thumbnail)
                    index.append(self._line(item, thumbnail, number, place))
                self._shelf.script(name, details)
        self._shelf.script(self._name, self._head() | {"sheets": sheets, "pictures": index})

    def _parts(self, items: Sequence[Item]) -> Iterator[list[tuple[Item, dict[str, Any]]]]:
        """Items with their details, a few at a time: as many as thumbnails fit on a sheet, fewer
        where there is much to tell of them."""
        part: list[tuple[Item, dict[str, Any]]] = []
        room = PART_BYTES
        for item in items:
            detail = self._teller.details(item)
            size = len(json.dumps(detail))
            if part and (len(part) == PER_PART or size > room):
                yield part
                part, room = [], PART_BYTES
            part.append((item, detail))
            room -= size
        if part:
            yield part

    def _thumbnail(self, item: Item) -> Thumbnail:
        return read_picture(item, large=not self._can_be_shown(item))

    def _can_be_shown(self, item: Item) -> bool:
        return not item.packed and Path(item.file).suffix.lower() in SHOWN_BY_BROWSERS

    def _address(self, item: Item, thumbnail: Thumbnail) -> str:
        """Where a page in the report's folder finds the picture; empty if nowhere."""
        if thumbnail.large:
            return self._shelf.large(item.number, thumbnail.large)
        return _relative(item, self._shelf.folder) if self._can_be_shown(item) else ""

    def _head(self) -> dict[str, Any]:
        contents = self._contents
        colours = contents.colours or class_colours(len(contents.classes))
        return {
            "rejects": self._rejects,
            "grey": colours.count(GREY),
            "classes": [
                (name, _hex(colour), _hex(contrast(colour)))
                for name, colour in zip(contents.classes, colours, strict=True)
            ],
            "methods": METHODS,
            "measures": measures_told(),
        }

    def _line(
        self, item: Item, thumbnail: Thumbnail, part: int, place: Sequence[int]
    ) -> dict[str, Any]:
        """What is known of a picture before its details are read."""
        line = {
            "number": item.number,
            "split": item.split,
            "size": [max(side, 1) for side in item.size],
            "part": part,
            "place": place,
            **self._teller.summary(item, self._rejects),
        }
        return line | ({"trouble": thumbnail.trouble} if thumbnail.trouble else {})


def _hex(colour: Colour) -> str:
    return "#" + bytes(colour).hex()


def _relative(item: Item, folder: Path) -> str:
    """The picture's address from a page in `folder`. Every byte that isn't plainly a letter of an
    address is written as %XX, so that a name can hold anything."""
    path = item.folder / item.file
    try:
        steps = os.path.relpath(path, folder)
    except ValueError:  # another drive of a Windows machine
        return path.absolute().as_uri()
    return quote(os.fsencode(steps.replace(os.sep, "/")))
