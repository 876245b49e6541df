"""What keeps one window from writing over what it doesn't show."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from infgen.records.errors import InputError
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.tables_tab import TablesTab
from infgen.ui.studio.workspace import Workspace
from tests.making import make_tables


def test_a_page_that_shows_nothing_yet_deletes_nothing(tmp_path: Path) -> None:
    studio = Studio(Workspace(tmp_path))
    make_tables(studio.workspace.root)
    before = studio.tables()
    with gr.Blocks():
        tab = TablesTab(studio)
    seen = {"read": "", "texts": ""}
    read, background, classes, *_ = tab.read(seen)  # on its way to the page
    with pytest.raises(InputError, match="being read: try again"):
        tab.save(seen, "", [], [])
    with pytest.raises(InputError, match="being read: try again"):
        tab._take(seen, "", "", "")
    assert studio.tables() == before
    grids = [grid["value"]["data"] for grid in (background, classes)]
    tab.save(seen, read, [*grids[0], grids[0][0]], grids[1])
    assert len(studio.workspace.grid("background.csv")[1]) == len(grids[0]) + 1
    tab.save(seen, read, *grids)  # the page needn't read what it has saved itself
    assert studio.workspace.grid("background.csv")[1] == grids[0]


def test_a_table_that_is_no_text_is_told_and_kept(tmp_path: Path) -> None:
    studio = Studio(Workspace(tmp_path))
    make_tables(studio.workspace.root)
    (tmp_path / "classes.csv").write_bytes(b"prompt\ncaf\xe9\n")
    with gr.Blocks():
        tab = TablesTab(studio)
    seen = {"read": "", "texts": ""}
    read, *_, message = tab.read(seen)
    assert "classes.csv" in message and "mistake" in message
    with pytest.raises(InputError):
        tab._take(seen, read, "", "")
    assert (tmp_path / "classes.csv").read_bytes() == b"prompt\ncaf\xe9\n"
