"""Run a notebook from top to bottom in a folder, as Jupyter would, and keep what it shows.

    python tests/run_notebook.py NOTEBOOK FOLDER EXECUTED

A program of its own: asyncio, which drives the kernel, has no place beside a browser under test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

notebook, folder, executed = map(Path, sys.argv[1:])
cells = nbformat.read(notebook, as_version=4)
NotebookClient(
    cells, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
).execute()
nbformat.write(cells, executed)
