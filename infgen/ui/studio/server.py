"""The studio behind an address: Gradio's page and endpoints behind the gate."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.responses import FileResponse, PlainTextResponse, Response

from infgen.records.errors import InfgenError, InputError
from infgen.ui.studio.door import Door
from infgen.ui.studio.files import no_room
from infgen.ui.studio.security import Gate
from infgen.ui.studio.settings import Keys, ServeSettings, is_loopback, keys_of
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.workspace import TABLES, Workspace

LAST_SECONDS = 10.0  # for what is being answered when it ends
FIRST_PORT, PORTS = 7860, 40
LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "[::1]"))
QUIET = {  # for Gradio, before it is imported: no calls outside, no files outside the workspace
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
SERVED = {  # by ending: what a dataset's report is made of
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}


class Server:
    """The studio, being served. `url` opens it, `key` is the key that was made for it, if one was;
    `close` (or the end of a `with` block) ends it and the run that is going on."""

    def __init__(self, settings: ServeSettings, notebook: bool = False):
        keys = keys_of(settings)
        with ExitStack() as stack:
            workspace = Workspace(settings.workspace, settings.uploads_gb)
            studio = stack.enter_context(Studio(workspace).open())
            self._studio = studio
            listening = stack.enter_context(_listen(settings))
            self.port = listening.getsockname()[1]
            self.key = keys.secret if keys and keys.made else ""
            self.url = f"http://{_shown(settings.host)}:{self.port}/"
            app = _app(studio, settings, keys, notebook)
            self._uvicorn = uvicorn.Server(uvicorn.Config(
                app, log_level="warning", server_header=False, timeout_graceful_shutdown=1,
                ws="none", proxy_headers=False,
            ))  # fmt: skip
            self._ended = threading.Event()  # a join that a signal interrupts says it is over
            threading.Thread(
                target=self._serve, args=(listening,), name="infgen-studio", daemon=True
            ).start()
            while not self._uvicorn.started and not self._ended.is_set():
                time.sleep(0.01)
            self._left = stack.pop_all()

    @property
    def link(self) -> str:
        """The address to open, with the key that was made."""
        return f"{self.url}?token={self.key}" if self.key else self.url

    def wait(self) -> None:
        """Wait until it is closed."""
        while not self._ended.wait(1):
            pass

    def close(self) -> None:
        """End the run that is going on, and the server."""
        self._studio.jobs.stop()
        # pages hold streams open: that they are cut off is no error
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._uvicorn.should_exit = True
        self._ended.wait(LAST_SECONDS)
        self._left.close()

    def _serve(self, listening: socket.socket) -> None:
        try:
            self._uvicorn.run([listening])
        finally:
            self._ended.set()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _shown(host: str) -> str:
    """An address as browsers take it; where all are meant, this machine's."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _listen(settings: ServeSettings) -> socket.socket:
    """A socket on the address that is asked for.

    Raises:
        InputError: there is no such address, or the port is taken.
    """
    ports = [settings.port] if settings.port is not None else range(FIRST_PORT, FIRST_PORT + PORTS)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    reason = ""
    for port in ports:
        listening = socket.socket(family)
        with suppress(OSError):
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, port))
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            reason = error.strerror or str(error)
    raise InputError(f"can't listen on {settings.host}, port {ports[-1]} ({reason}): choose "
                     "another --port, or --host")  # fmt: skip


def _app(studio: Studio, settings: ServeSettings, keys: Keys | None, notebook: bool) -> Gate:
    uploads = studio.workspace.uploads
    os.environ.update(QUIET)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(uploads)
    from infgen.ui.studio.page import mount

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _serve_files(app, studio)
    mount(app, studio, signed_in=keys is not None)
    known = frozenset((settings.host.lower(),)) | LOOPBACK_NAMES
    on_colab = notebook and "google.colab" in sys.modules  # which gives names of its own
    hosts = known if is_loopback(settings.host) and not on_colab else None
    door = Door(keys, settings.idle_hours, settings.session_hours) if keys else None
    return Gate(app, door, hosts, uploads, partial(no_room, studio.workspace), notebook)


def _serve_files(app: FastAPI, studio: Studio) -> None:
    """The tables, previews, and the reports of datasets with the pictures that they show."""

    @app.get("/tables/{table}")
    def download(table: str) -> Response:
        file = studio.workspace.root / table
        if table not in TABLES or not file.is_file():
            return PlainTextResponse("there is nothing here", 404)
        return FileResponse(file, filename=table, media_type="text/csv; charset=utf-8")

    @app.get("/looks/{look}/{name}")
    def look(look: str, name: str) -> Response:
        file = studio.workspace.uploads / look / "preview.html"
        if not look.isalnum() or name != file.name or not file.is_file():
            return PlainTextResponse("there is nothing here", 404)
        return FileResponse(file, media_type=SERVED[".html"])

    @app.get("/datasets/{name}/{path:path}")
    def report(name: str, path: str) -> Response:
        try:
            folder = studio.workspace.made(name)
            file = studio.workspace.inside(f"datasets/{name}/{path}", "the report")
        except InfgenError as error:
            return PlainTextResponse(studio.workspace.told(error), 404)
        kind = SERVED.get(file.suffix.lower())
        if kind is None or not file.is_file() or not _is_shown(file.relative_to(folder)):
            return PlainTextResponse("there is nothing here", 404)
        return FileResponse(file, media_type=kind)


def _is_shown(path: Path) -> bool:
    """Whether a file of a dataset is part of its report, or a picture."""
    return path.parts[0] == "report" or SERVED[path.suffix.lower()].startswith("image/")
