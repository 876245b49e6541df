"""Who may ask the studio for what: a gate before every route, whatever Gradio makes of it.

Every request has to come from a page of the studio's own (or from no page), go to a route that is
in ROUTES, carry a key where one is wanted, and name only files that were uploaded.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infgen.ui.studio.settings import Keys
from infgen.ui.studio.sign_in import sign_in_page

MOST_QUESTION = 8_000_000  # bytes of a JSON question; tables are the largest
MOST_UPLOAD = 1_000_000_000  # bytes of all files that are uploaded together
WRONG_KEY_SECONDS = 0.5  # that a wrong key costs, one after the other

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
    """Lets through to `app` what may pass. `keys` None lets anyone in who is on this machine.
    `hosts` are the names that the studio goes by (None: any), `uploads` is the folder of files that
    a question may name, `notebook` says whether one may show the studio inside it."""

    def __init__(
        self,
        app: ASGIApp,
        keys: Keys | None,
        hosts: frozenset[str] | None,
        uploads: Path,
        notebook: bool = False,
    ):
        self._app, self._keys, self._hosts = app, keys, hosts
        self._uploads, self._notebook = uploads, notebook
        self._sessions: set[str] = set()
        self._cookie = f"infgen-studio-{secrets.token_hex(4)}"  # ports of a host share cookies
        self._guessing = asyncio.Lock()

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
        if refusal is None and self._keys and not self._has_key(headers):
            refusal = await self._signed_in(scope, headers, receive)
        if refusal is None:
            refusal = _unknown_route(scope) or _too_large(scope, headers)
        if refusal is None and _is_question(scope):
            receive, refusal = await self._read_question(receive)
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

    # ---- who ---------------------------------------------------------------------------------

    def _has_key(self, headers: Headers) -> bool:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie and value in self._sessions:
                return True
        return False

    async def _signed_in(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """None for a request that brings its key along; else what leads to one."""
        path, method = scope["path"], scope["method"]
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind:
            return None if await self._fit(*_credentials(kind, text)) else _no_key()
        if path == "/" and method == "GET" and scope["query_string"].startswith(b"token="):
            token = QueryParams(scope["query_string"]).get("token", "")
            return self._welcome() if await self._fit("", token) else self._sign_in(401)
        if path == "/login" and method == "POST":
            form = parse_qs((await _body(receive, 10_000) or b"").decode(errors="replace"))
            given = [form.get(name, [""])[0] for name in ("username", "password")]
            fit = await self._fit(*given)
            if "text/html" in headers.get("accept", ""):
                return self._welcome() if fit else self._sign_in(401, wrong=True)
            return self._welcome(JSONResponse({"success": True})) if fit else _no_key()
        if path == "/login" and method == "GET":
            return self._sign_in(200)
        if path == "/" and method == "GET":
            return RedirectResponse("/login", 303)
        return _no_key()

    async def _fit(self, user: str, secret: str) -> bool:
        """Whether this is the key. Who guesses waits, all guesses in one queue."""
        assert self._keys is not None
        async with self._guessing:
            if self._keys.fit(user, secret):
                return True
            await asyncio.sleep(WRONG_KEY_SECONDS)
        return False

    def _sign_in(self, status: int, wrong: bool = False) -> Response:
        assert self._keys is not None
        return HTMLResponse(sign_in_page(bool(self._keys.user), wrong), status)

    def _welcome(self, response: Response | None = None) -> Response:
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        response = response or RedirectResponse("/", 303)
        response.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return response

    # ---- what --------------------------------------------------------------------------------

    async def _read_question(self, receive: Receive) -> tuple[Receive, Response | None]:
        """The question once more, to be read by the app, and a refusal if it names a file that
        wasn't uploaded: Gradio would fetch addresses, too."""
        body = await _body(receive, MOST_QUESTION)
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


def _credentials(kind: str, text: str) -> tuple[str, str]:
    """(user, secret) of an Authorization header: `Bearer TOKEN`, or `Basic` as curl -u sends it."""
    if kind.lower() == "bearer":
        return "", text.strip()
    try:
        user, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, secret


def _no_key() -> Response:
    return JSONResponse({"detail": "sign in first"}, 401, {"WWW-Authenticate": "Bearer"})


def _unknown_route(scope: Scope) -> Response | None:
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    known = ROUTES.get(method)
    if known and known.fullmatch(scope["path"]):
        return None
    return PlainTextResponse("there is nothing here", 404)


def _too_large(scope: Scope, headers: Headers) -> Response | None:
    """A refusal of an upload that is too large, or doesn't say how large. (Questions are read.)"""
    if scope["method"] != "POST" or _is_question(scope):
        return None
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return PlainTextResponse("an upload has to say how long it is", 411)
    if int(length) > MOST_UPLOAD:
        most = MOST_UPLOAD // 10**6
        return PlainTextResponse(f"more than {most} MB at a time: upload fewer files", 413)
    return None


def _is_question(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"].rstrip("/") != "/gradio_api/upload"


async def _body(receive: Receive, most: int) -> bytes | None:
    """A request's body; None if it is longer than `most` bytes."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


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
