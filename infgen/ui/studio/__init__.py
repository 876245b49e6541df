"""The studio: a page in the browser to edit the tables, look, run and browse (extra `ui`)."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from infgen.records.errors import MissingExtra
from infgen.ui.studio.settings import ServeSettings

if TYPE_CHECKING:
    from infgen.ui.studio.server import Server

HEIGHT = 900  # of the studio in a notebook, in pixels


def serve(settings: ServeSettings, inline: bool = False) -> Server:
    """Serve the studio from another thread; `inline` shows it in the notebook that this runs in.

    Raises:
        MissingExtra: gradio isn't installed.
        InputError: the settings won't do, or would let strangers in.
        FolderBusy: another studio has the workspace.
    """
    if find_spec("gradio") is None:
        raise MissingExtra("infgen serve needs gradio: pip install 'infgen[ui]'")
    from infgen.ui.studio.server import Server

    server = Server(settings, inline)
    if inline:
        _show(server)
    return server


def _show(server: Server) -> None:
    """Put the studio into the output of a notebook's cell."""
    if "google.colab" in sys.modules:
        from google.colab import output  # type: ignore[import-not-found]

        output.serve_kernel_port_as_iframe(server.port, height=str(HEIGHT))
        return
    from IPython.display import IFrame, display

    display(IFrame(server.link, width="100%", height=HEIGHT))
