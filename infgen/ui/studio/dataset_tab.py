"""The tab of what was made: looked at page by page, downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import gradio as gr

from infgen.batch.marks import read_marks
from infgen.records.errors import InputError
from infgen.records.sample import Entry
from infgen.ui.studio.files import size_of
from infgen.ui.studio.jobs import BUSY
from infgen.ui.studio.look import run_shown, size_shown
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.telling import shown

BEAT = 0.5  # seconds between looks at a marking


class DatasetTab:
    """A dataset of the workspace, 24 pictures at a time."""

    def __init__(self, studio: Studio):
        self._studio = studio
        with gr.Row():
            self.name = gr.Dropdown([], label="Dataset", interactive=True, elem_id="dataset-name")
            page = gr.Number(1, label="Page", precision=0, minimum=1, elem_id="page", min_width=80)
            before = gr.Button("Page before", min_width=120)
            after = gr.Button("Next page", min_width=120, elem_id="next")
        facts = gr.Markdown(elem_id="dataset-facts")
        gallery = gr.Gallery(
            label="Pictures, with their labels",
            show_label=False,
            columns=4,
            height="auto",
            object_fit="contain",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="gallery",
        )
        with gr.Row(equal_height=True):
            chosen = gr.Textbox(
                label="Pictures",
                info="Numbers as in their names, with commas; a click on one adds it",
                max_lines=1,
                elem_id="chosen",
            )
            reason = gr.Textbox(
                label="Reason", info="What is bad about them", max_lines=1, elem_id="reason"
            )
            with gr.Column(min_width=160):
                mark = gr.Button("Mark as bad", elem_id="mark")
                unmark = gr.Button("Take the marks away", elem_id="unmark")
        marked = gr.HTML(elem_id="marked")
        pack = gr.Button("Make a ZIP of it", elem_id="pack")
        file = gr.File(label="Download", interactive=False, visible=False, elem_id="zip")
        self.shown = [self.name, page, facts, gallery]
        quietly: dict[str, Any] = {"api_visibility": "private"}
        inputs = [self.name, page]
        self.name.input(shown(studio, self._first), self.name, self.shown, **quietly)
        page.submit(shown(studio, self._show), inputs, self.shown, **quietly)
        after.click(shown(studio, self._after), inputs, self.shown, **quietly)
        before.click(shown(studio, self._before), inputs, self.shown, **quietly)
        gallery.select(self._choose, chosen, chosen, show_progress="hidden", **quietly)
        wanted = [self.name, page, chosen, reason]
        marking = [chosen, marked, *self.shown]
        mark.click(shown(studio, self._mark), wanted, marking, **quietly)
        unmark.click(shown(studio, self._unmark), wanted, marking, **quietly)
        pack.click(shown(studio, self._pack), self.name, file, **quietly)

    def opened(self, name: str | None) -> list[Any]:
        """What the tab shows when it is opened."""
        names = self._studio.workspace.datasets()
        if not names:
            empty = gr.update(choices=[], value=None)
            return [empty, 1, "There is no dataset yet: make one in the tab Run.", []]
        return self._first(name if name in names else names[0])

    def _first(self, name: str) -> list[Any]:
        return self._show(name, 1)

    def _after(self, name: str, page: int) -> list[Any]:
        return self._show(name, page + 1)

    def _before(self, name: str, page: int) -> list[Any]:
        return self._show(name, page - 1)

    def _choose(self, chosen: str, picked: gr.SelectData) -> str:
        """The numbers, with that of the picture that was clicked on, or without it."""
        number = picked.value["caption"].split(" ")[0]
        numbers = [one.strip() for one in chosen.split(",") if one.strip()]
        if number in numbers:
            numbers.remove(number)
        else:
            numbers.append(number)
        return ", ".join(numbers)

    def _mark(self, name: str, page: int, chosen: str, reason: str) -> Iterator[list[Any]]:
        yield from self._followed(name, page, chosen, reason, undo=False)

    def _unmark(self, name: str, page: int, chosen: str, reason: str) -> Iterator[list[Any]]:
        yield from self._followed(name, page, chosen, "", undo=True)

    def _followed(
        self, name: str, page: int, chosen: str, reason: str, undo: bool
    ) -> Iterator[list[Any]]:
        """How a marking stands, until it has ended, and then the page as it is now."""
        job = self._studio.marking(name, _numbers(chosen), reason, undo)
        while job.state in BUSY:
            yield [gr.skip(), run_shown(self._studio.told(job.status())), *[gr.skip()] * 4]
            job.wait(BEAT)
        status = self._studio.told(job.status())
        left = "" if status["state"] == "finished" else chosen
        yield [left, run_shown(status), *self._show(name, page)]

    def _pack(self, name: str) -> Any:
        return gr.update(value=str(self._studio.download(name)), visible=True)

    def _show(self, name: str, page: int) -> list[Any]:
        studio = self._studio
        pages = studio.pages(name)
        page = min(max(int(page or 1), 1), pages)
        marks = read_marks(studio.workspace.made(name))
        pictures = [
            (str(studio.drawn(name, entry)), _caption(entry, marks.get(entry.index)))
            for entry in studio.entries(name, page)
        ]
        choices = gr.update(choices=studio.workspace.datasets(), value=name)
        return [choices, page, self._facts(name, page, pages), pictures]

    def _facts(self, name: str, page: int, pages: int) -> str:
        lines = [f"Page {page:,} of {pages:,}"]
        if self._studio.workspace.is_finished(name):
            files, size = size_of(self._studio.workspace, name)
            lines.append(f"finished · {files:,} files, {size_shown(size)}")
        else:
            lines.append("not finished")
        if self._studio.has_report(name):
            lines.append(f"[Open its report](/datasets/{quote(name)}/report/index.html)")
        return " · ".join(lines)


def _caption(entry: Entry, marked: str | None) -> str:
    bad = "" if marked is None else f" · bad: {marked}" if marked else " · bad"
    return f"{entry.index} · {entry.split}{bad}"


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(one) for one in text.split(",") if one.strip()]
    except ValueError:
        raise InputError(f"pictures: '{text}' won't do: it takes numbers and commas") from None
    if not numbers:
        raise InputError("pictures: name at least one, or click on it")
    return numbers
