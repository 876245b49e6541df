"""The tab of the run: started, watched, stopped, gone on with."""

from __future__ import annotations

from typing import Any

import gradio as gr

from infgen.records.errors import InfgenError
from infgen.ui.studio.asked import read_asked
from infgen.ui.studio.form import Form
from infgen.ui.studio.jobs import BUSY, LOOK, Status
from infgen.ui.studio.look import run_shown
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.tables_tab import TablesTab
from infgen.ui.studio.telling import UNASKED, shown

BEAT = 1.0  # seconds between looks at the run
NEWEST = 12  # pictures that are shown as they arrive


class RunTab:
    """What the run does, the same in every window."""

    def __init__(self, studio: Studio, tables: TablesTab, form: Form):
        self._studio, self._tables, self._form = studio, tables, form
        with gr.Row(equal_height=True):
            self.name = gr.Textbox(
                label="Out",
                info="Name of the dataset; one that was stopped is gone on with",
                value="dataset",
                max_lines=1,
                scale=2,
                elem_id="name",
            )
            with gr.Column(scale=1, min_width=200):
                start = gr.Button("Start, or go on", variant="primary", elem_id="start")
                stop = gr.Button("Stop", variant="stop", elem_id="stop")
        progress = gr.HTML(elem_id="progress")
        pictures = gr.Gallery(
            label="Newest pictures, with their labels",
            show_label=False,
            columns=4,
            height="auto",
            object_fit="contain",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="newest",
        )
        seen = gr.State("")
        quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.shown = [progress, pictures, start, stop, seen]
        outputs = self.shown
        gr.Timer(BEAT).tick(self._look, seen, outputs, **UNASKED)
        inputs = [self.name, *tables.inputs, *form.fields]
        start.click(shown(studio, self._start), inputs, outputs, **quietly)
        stop.click(shown(studio, self._stop), seen, outputs, **quietly)

    def read(self) -> list[Any]:
        """The name and the settings of the newest dataset, to begin with."""
        studio = self._studio
        name = studio.status()["dataset"] or next(iter(studio.workspace.datasets()), "dataset")
        name = "dataset" if name == LOOK else name
        try:
            asked = read_asked(studio.workspace, name)
        except InfgenError:
            asked = {}
        return [name, *self._form.filled(asked)]

    def opened(self) -> list[Any]:
        """What the tab shows when it is opened; before it isn't there to be shown anything."""
        return self._look("")

    def _start(self, name: str, *values: Any) -> list[Any]:
        count = len(self._tables.inputs)
        self._tables.save(*values[:count])
        self._studio.start(name, self._form.asked(values[count:]))
        return self._look("")

    def _stop(self, seen: str) -> list[Any]:
        self._studio.stop()
        return self._look(seen)

    def _look(self, seen: str) -> list[Any]:
        """How it stands; what hasn't changed since it was `seen` isn't sent again."""
        status = self._studio.status()
        if status["state"] == "idle":
            status = status | {"said": self._unfinished()}
        newest = self._newest(status)
        now = repr((status, newest))
        if now == seen:
            return [gr.skip()] * 4 + [seen]
        busy = status["state"] in BUSY
        same = repr(newest) in seen
        return [
            run_shown(status),
            gr.skip() if same else newest,
            gr.update(interactive=not busy),
            gr.update(interactive=status["state"] == "running"),
            now,
        ]

    def _unfinished(self) -> list[str]:
        workspace = self._studio.workspace
        names = [name for name in workspace.datasets() if not workspace.is_finished(name)]
        return [f"'{name}' isn't finished: start it again to go on with it" for name in names]

    def _newest(self, status: Status) -> list[tuple[str, str]]:
        name = status["dataset"]
        if not name or name == LOOK or not self._studio.workspace.has(name):
            return []
        try:
            entries = self._studio.newest(name, NEWEST)
            files = [str(self._studio.drawn(name, entry)) for entry in entries]
        except (InfgenError, OSError):  # it is being made, or taken away, just now
            return []
        captions = [f"{entry.index} · {entry.split}" for entry in entries]
        return list(zip(files, captions, strict=True))
