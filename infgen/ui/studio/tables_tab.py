"""The tab of the two tables, and of the pictures that they name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from infgen.records.errors import InputError
from infgen.ui.studio.example import put_example
from infgen.ui.studio.files import KINDS, folders
from infgen.ui.studio.look import mistakes_shown
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.telling import shown
from infgen.ui.studio.workspace import TABLES

Rows = Sequence[Sequence[Any]]

WHAT = {"background.csv": "Scenes", "classes.csv": "Objects"}
WIDTHS = {"prompt": 320, "images": 220, "negative_prompt": 220, "name": 140, "cutouts": 180}
"""Of columns, in pixels; all others are as wide as their names."""
MOST_UPLOADED = 1_000_000  # bytes of a table


class TablesTab:
    """The tables as grids, and as text; what was read is remembered, so that what somebody else has
    saved meanwhile isn't overwritten."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._seen = gr.State({"read": "", "texts": ""})  # one for each window, changed in place
        self._read = gr.Textbox(visible="hidden")  # of what the grids show, and comes with them
        self._grids = [_grid(table) for table in TABLES]
        with gr.Row():
            more = [gr.Button(f"Add a row of {WHAT[table].lower()}", size="sm") for table in TABLES]
        with gr.Row():
            save = gr.Button("Save and check", variant="primary", elem_id="save")
            reload = gr.Button("Read again")
            example = gr.Button("Put an example there", elem_id="example")
        self._message = gr.HTML(elem_id="mistakes")
        gr.Markdown("Download " + " · ".join(f"[{table}](/tables/{table})" for table in TABLES))
        with gr.Accordion("As text", open=False):
            self._texts = [
                gr.Textbox(label=f"{WHAT[table]}: {table}", lines=6, max_lines=16,
                           elem_classes="mono", elem_id=table.partition(".")[0] + "-text")
                for table in TABLES
            ]  # fmt: skip
            with gr.Row():
                take = gr.Button("Use this text", elem_id="use-text")
                files = gr.UploadButton(
                    "Upload CSV files", file_count="multiple", file_types=[".csv"],
                    elem_id="upload-tables",
                )  # fmt: skip
        self.pictures = Pictures(studio)
        hidden: dict[str, Any] = {"api_visibility": "private"}
        for button, grid in zip(more, self._grids, strict=True):
            button.click(_with_row, grid, grid, show_progress="hidden", **hidden)
        save.click(shown(studio, self._save), self.inputs, self.all, **hidden)
        reload.click(shown(studio, self.read), self._seen, self.all, **hidden)
        example.click(shown(studio, self._example), self._seen, self.all, **hidden)
        shown_texts = [self._seen, self._read, *self._texts]
        take.click(shown(studio, self._take), shown_texts, self.all, **hidden)
        files.upload(shown(studio, self._upload), [self._seen, files], self.all, **hidden)

    @property
    def inputs(self) -> list[Any]:
        """What `save` takes."""
        return [self._seen, self._read, *self._grids]

    @property
    def all(self) -> list[Any]:
        """What `read` gives."""
        return [self._read, *self._grids, *self._texts, self._message]

    @property
    def seen(self) -> Any:
        """What `read` takes."""
        return self._seen

    def read(self, seen: dict[str, str], message: str = "") -> list[Any]:
        """The tables as they are on disk, which is noted as `seen`."""
        grids = []
        for table in TABLES:
            try:
                names, rows = self._studio.workspace.grid(table)
            except InputError as error:
                names, rows = [column.name for column in TABLES[table][1]], []
                message = message or mistakes_shown([str(error)])
            value = {"headers": names, "data": rows or [[""] * len(names)]}
            grids.append(gr.update(value=value, column_widths=list(map(_width, names))))
        try:
            texts = self._on_disk()
        except InputError as error:
            texts, message = [""] * len(TABLES), message or mistakes_shown([str(error)])
        seen["read"] = seen["texts"] = _hash(texts)
        return [seen["read"], *grids, *texts, message]

    def save(self, seen: dict[str, str], read: str, *grids: Rows) -> None:
        """Write the tables as the page shows them, if they were changed there.

        Raises:
            InputError: the page doesn't show yet what was `read`, somebody else has changed them
                meanwhile, or a file can't be shown as rows.
        """
        for table, grid in zip(TABLES, grids, strict=True):
            rows = [row for cells in grid if any(row := [_as_text(cell) for cell in cells])]
            try:
                names, before = self._studio.workspace.grid(table)
            except InputError:
                if rows:
                    raise
                continue  # what is wrong with it is told by those who read it
            if rows != [row for row in before if any(row)]:
                self._refuse_if_changed(seen, read)
                self._studio.workspace.write_grid(table, names, rows)
                seen["texts"] = _hash(self._on_disk())

    def _save(self, seen: dict[str, str], read: str, *grids: Rows) -> list[Any]:
        self.save(seen, read, *grids)
        return self.read(seen, mistakes_shown(self._studio.mistakes()))

    def _take(self, seen: dict[str, str], read: str, *texts: str) -> list[Any]:
        self._refuse_if_changed(seen, read)
        return self.read(seen, mistakes_shown(self._studio.save_tables(*texts)))

    def _example(self, seen: dict[str, str]) -> list[Any]:
        put_example(self._studio.workspace)
        return self.read(seen, mistakes_shown(self._studio.mistakes()))

    def _upload(self, seen: dict[str, str], files: list[str]) -> list[Any]:
        for file in map(Path, files):
            if file.name not in TABLES:
                raise InputError(f"{file.name}: the tables are called {' and '.join(TABLES)}")
            if file.stat().st_size > MOST_UPLOADED:
                raise InputError(f"{file.name} is too large for a table")
            try:
                text = file.read_text(encoding="utf-8-sig")
            except UnicodeDecodeError:
                raise InputError(f"{file.name} isn't UTF-8 text: save it as 'CSV UTF-8'") from None
            self._studio.workspace.write_text(file.name, text)
        return self.read(seen, mistakes_shown(self._studio.mistakes()))

    def _on_disk(self) -> list[str]:
        return [self._studio.workspace.text(table) for table in TABLES]

    def _refuse_if_changed(self, seen: dict[str, str], read: str) -> None:
        if read != seen["read"]:  # else what isn't shown yet would be taken for deleted
            raise InputError("the tables are just being read: try again in a moment")
        if seen["texts"] != _hash(self._on_disk()):
            raise InputError("the tables have been changed elsewhere meanwhile: read them again")


class Pictures:
    """What is uploaded, and what there is."""

    def __init__(self, studio: Studio):
        self._studio = studio
        with gr.Accordion("Pictures", open=False):
            gr.Markdown(
                "Backgrounds are any pictures; cutouts are PNG or WebP with a transparent "
                "background. A cell of `images` or `cutouts` names their folder."
            )
            with gr.Row():
                kind = gr.Radio(list(KINDS), value="backgrounds", label="What they are")
                folder = gr.Textbox(label="Folder", max_lines=1, elem_id="folder",
                                    info="A new one, or one that is there")  # fmt: skip
            files = gr.File(label="Pictures", file_count="multiple", file_types=["image"],
                            height=140, elem_id="pictures")  # fmt: skip
            keep = gr.Button("Put them there", elem_id="keep")
            self.shown = gr.Markdown(elem_id="there")
        keep.click(
            shown(studio, self._keep),
            [files, kind, folder],
            [files, self.shown],
            api_visibility="private",
        )

    def _keep(self, files: list[str] | None, kind: str, folder: str) -> tuple[None, str]:
        cell = self._studio.upload(files or [], kind, folder)
        return None, f"A cell may say `{cell}` now.\n\n{self.there()}"

    def there(self) -> str:
        """The folders that cells can name."""
        lines = [f"- `{name}`: {count:,}" for name, count in folders(self._studio.workspace)]
        return "\n".join(lines) or "There are none yet."


def _grid(table: str) -> gr.Dataframe:
    return gr.Dataframe(
        headers=[column.name for column in TABLES[table][1]],
        type="array",
        datatype="str",
        interactive=True,
        wrap=False,
        label=f"{WHAT[table]}: {table}",
        elem_id=table.partition(".")[0],
        max_height=320,
    )


def _width(name: str) -> str:
    return f"{WIDTHS.get(name, 9 * len(name) + 40)}px"


def _with_row(rows: list[list[Any]]) -> list[list[Any]]:
    return [*rows, [""] * len(rows[0])] if rows else rows


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _hash(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
