"""The tab of what was made: looked at page by page, downloaded."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import gradio as gr

from infgen.ui.studio.look import size_shown
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.telling import shown


class DatasetTab:
    """A dataset of the workspace, 24 pictures at a time."""

    def __init__(self, studio: Studio):
        self._studio = studio
        with gr.Row():
            self.name = gr.Dropdown([], label="Dataset", interactive=True, elem_id="dataset-name")
            page = gr.Number(1, label="Page", precision=0, minimum=1, elem_id="page", min_width=80)
            with gr.Column(min_width=160):
                before, after = gr.Button("Page before"), gr.Button("Next page", elem_id="next")
        facts = gr.Markdown(elem_id="dataset-facts")
        gallery = gr.Gallery(
            label="Pictures, with their labels",
            columns=4,
            height="auto",
            object_fit="contain",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="gallery",
        )
        with gr.Row():
            pack = gr.Button("Make a ZIP of it", elem_id="pack")
            file = gr.File(label="ZIP", interactive=False, elem_id="zip")
        self.shown = [self.name, page, facts, gallery]
        quietly: dict[str, Any] = {"api_visibility": "private"}
        inputs = [self.name, page]
        self.name.input(shown(studio, self._first), self.name, self.shown, **quietly)
        page.submit(shown(studio, self._show), inputs, self.shown, **quietly)
        after.click(shown(studio, self._after), inputs, self.shown, **quietly)
        before.click(shown(studio, self._before), inputs, self.shown, **quietly)
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

    def _pack(self, name: str) -> Any:
        return gr.update(value=str(self._studio.download(name)), visible=True)

    def _show(self, name: str, page: int) -> list[Any]:
        studio = self._studio
        pages = studio.pages(name)
        page = min(max(int(page or 1), 1), pages)
        pictures = [
            (str(studio.drawn(name, entry)), f"{entry.index} · {entry.split}")
            for entry in studio.entries(name, page)
        ]
        choices = gr.update(choices=studio.workspace.datasets(), value=name)
        return [choices, page, self._facts(name, page, pages), pictures]

    def _facts(self, name: str, page: int, pages: int) -> str:
        files, size = self._studio.workspace.size_of(name)
        state = "finished" if self._studio.workspace.is_finished(name) else "not finished"
        lines = [f"Page {page:,} of {pages:,} · {state} · {files:,} files, {size_shown(size)}"]
        if self._studio.has_report(name):
            lines.append(f"[Open its report](/datasets/{quote(name)}/report/index.html)")
        return " · ".join(lines)
