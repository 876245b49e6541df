"""Who may ask the studio for what: a gate before every route, whatever Gradio makes of it.

Every request has to come from a page of the studio's own (or from no page), go to a route that is
in ROUTES, carry a key where one is wanted, and name only files that were uploaded.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infgen.ui.studio.door import Door, body_of

MOST_QUESTION = 8_000_000  # bytes of a JSON question; tables are the largest
MOST_UPLOAD = 1_000_000_000  # bytes of all files that are uploaded together

ROUTES = {
    "GET": re.compile(
        r"/(|config|theme\.css|favicon\.ico|(assets|static|datasets|looks|tables)/.+)"
        r"|/gradio_api/(info|startup-events|queue/data|upload_progress|heartbeat/\w+|call/\w+/\w+"
        r"|file=(?!\w+:/).+)"
    ),
    "POST": re.compile(
        r"/gradio_api/(queue/join|cancel|reset|upload|(call|call/v2|run|api)/\w+)/?"
    ),
}

NOTEBOOKS = (  # the pages that show notebooks
    "https://colab.research.google.com https://*.googleusercontent.com http://localhost:* "
    "http://127.0.0.1:* vscode-webview:"
)
COLAB = re.compile(r"https://[\w.-]+\.(googleusercontent\.com|colab\.dev)")  # its way to the studio

PAGE_RULES = (  # Gradio compiles the templates of its HTML in the page, hence 'unsafe-eval'
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' "
    "data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'"
)
REPORT_RULES = (  # a report needs no server, and none is there for what is in it
    "default-src 'self' 'unsafe-inline' data: blob:; connect-src 'none'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)


class Gate:
    """Lets through to `app` what may pass. `door` None lets anyone in who is on this machine.
    `hosts` are the names that the studio goes by (None: any), `uploads` is the folder of files that
    a question may name, `no_room` says why it can't take so many bytes more (empty: it can),
    `notebook` says whether one may show the studio inside it."""

    def __init__(
        self,
        app: ASGIApp,
        door: Door | None,
        hosts: frozenset[str] | None,
        uploads: Path,
        no_room: Callable[[int], str],
        notebook: bool = False,
    ):
        self._app, self._door, self._hosts = app, door, hosts
        self._uploads, self._no_room, self._notebook = uploads, no_room, notebook
        self._coming = 0  # bytes of the uploads that are being received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, self._with_rules(scope, send))
        else:  # Gradio has no websockets
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._stranger(scope, headers)
        if refusal is None and self._door:
            refusal = await self._door.answer(scope, headers, receive)
        if refusal is None:
            refusal = _unknown_route(scope) or _too_large(scope, headers)
        if refusal is None and _is_question(scope):
            receive, refusal = await self._read_question(receive)
        if refusal is None and _is_upload(scope):
            await self._take(int(headers["content-length"]), scope, receive, send)
        else:
            await (refusal or self._app)(scope, receive, send)

    # ---- whence ------------------------------------------------------------------------------

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        """A refusal for what another site's page sends, or sends under another name."""
        host = headers.get("host", "")
        if self._hosts is not None and _name_of(host) not in self._hosts:
            return PlainTextResponse("the studio doesn't go by this name", 421)
        origin = headers.get("origin")
        own = origin is None or origin.partition("://")[2] == host
        own = own or (self._notebook and bool(COLAB.fullmatch(origin or "")))
        site = headers.get("sec-fetch-site", "none")
        opened = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if own and (site in ("none", "same-origin") or opened):
            return None
        return PlainTextResponse("another site's page may not ask the studio", 403)

    # ---- what --------------------------------------------------------------------------------

    async def _take(self, size: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Take an upload of so many bytes, if there is room for all that come just now."""
        self._coming += size
        try:
            why = await asyncio.to_thread(self._no_room, self._coming)
            await (PlainTextResponse(why, 507) if why else self._app)(scope, receive, send)
        finally:
            self._coming -= size

    async def _read_question(self, receive: Receive) -> tuple[Receive, Response | None]:
        """The question once more, to be read by the app, and a refusal if it names a file that
        wasn't uploaded: Gradio would fetch addresses, too."""
        body = await body_of(receive, MOST_QUESTION)
        if body is None:
            return receive, PlainTextResponse("the question is too large", 413)
        try:
            paths = list(_paths_in(json.loads(body or b"null")))
        except (ValueError, RecursionError):
            return receive, PlainTextResponse("the question isn't JSON", 400)
        told = [body]

        async def again() -> Message:
            if told:
                return {"type": "http.request", "body": told.pop(), "more_body": False}
            return await receive()

        if all(self._was_uploaded(path) for path in paths):
            return again, None
        return again, PlainTextResponse("a question may name only files that were uploaded", 403)

    def _was_uploaded(self, path: str) -> bool:
        try:
            return Path(path).resolve().is_relative_to(self._uploads)
        except (ValueError, OSError):
            return False

    def _with_rules(self, scope: Scope, send: Send) -> Send:
        """`send`, with the headers that tell browsers what they may do with the answer."""
        report = scope["path"].startswith(("/datasets/", "/looks/"))
        frames = f"'self' {NOTEBOOKS}" if self._notebook else "'self'"
        rules = f"{REPORT_RULES if report else PAGE_RULES}; frame-ancestors {frames}"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = rules
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        return sending


def _name_of(host: str) -> str:
    """A Host header without its port, in lower case."""
    return re.sub(r":\d*$", "", host).lower()


def _unknown_route(scope: Scope) -> Response | None:
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    known = ROUTES.get(method)
    if known and known.fullmatch(scope["path"]):
        return None
    return PlainTextResponse("there is nothing here", 404)


def _too_large(scope: Scope, headers: Headers) -> Response | None:
    """A refusal of an upload that is too large, or doesn't say how large. (Questions are read.)"""
    if not _is_upload(scope):
        return None
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return PlainTextResponse("an upload has to say how long it is", 411)
    if int(length) > MOST_UPLOAD:
        most = MOST_UPLOAD // 10**6
        return PlainTextResponse(f"more than {most} MB at a time: upload fewer files", 413)
    return None


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"].rstrip("/") == "/gradio_api/upload"


def _is_question(scope: Scope) -> bool:
    return scope["method"] == "POST" and not _is_upload(scope)


def _paths_in(value: Any) -> Iterator[str]:
    """Every file that a question names, wherever in it."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str):
            yield path
        for inner in value.values():
            yield from _paths_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths_in(inner)
