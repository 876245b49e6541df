"""Who is let in: by a key, then by the session that it opened; and what a wrong key costs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers, QueryParams
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import Receive, Scope

from infgen.ui.studio.settings import Keys
from infgen.ui.studio.sign_in import sign_in_page

WRONG_KEY_SECONDS = 0.5  # that a wrong key costs, one after the other
MOST_CLIENTS = 1000  # that are told apart while they wait for that
MOST_WAITING = 20  # tries of one client
MOST_FORM = 10_000  # bytes of a sign-in


class Door:
    """Lets in who brings the key along, or has signed in with it. A session ends so many hours
    after its last request, and after its first."""

    def __init__(self, keys: Keys, idle_hours: float, session_hours: float):
        self._keys = keys
        self._sessions = Sessions(idle_hours * 3600, session_hours * 3600)
        self._guesses = Guesses()
        self._cookie = f"infgen-studio-{secrets.token_hex(4)}"  # ports of a host share cookies

    async def answer(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """None for a request that may pass; else what leads to a key, or ends a session."""
        path, method, session = scope["path"], scope["method"], self._session(headers)
        if (method, path) == ("POST", "/logout"):
            self._sessions.end(session)
            return RedirectResponse("/login", 303)
        if self._sessions.holds(session):
            return None
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind:
            return await self._refusal(scope, *_credentials(kind, text), _no_key())
        if (method, path) == ("GET", "/") and scope["query_string"].startswith(b"token="):
            token = QueryParams(scope["query_string"]).get("token", "")
            refusal = await self._refusal(scope, "", token, self._sign_in(401))
            return refusal or self._welcome(RedirectResponse("/", 303))
        if (method, path) == ("POST", "/login"):
            form = parse_qs((await body_of(receive, MOST_FORM) or b"").decode(errors="replace"))
            user, secret = (form.get(name, [""])[0] for name in ("username", "password"))
            if "text/html" in headers.get("accept", ""):
                refusal = await self._refusal(scope, user, secret, self._sign_in(401, wrong=True))
                return refusal or self._welcome(RedirectResponse("/", 303))
            refusal = await self._refusal(scope, user, secret, _no_key())
            return refusal or self._welcome(JSONResponse({"success": True}))
        if (method, path) == ("GET", "/login"):
            return self._sign_in(200)
        return RedirectResponse("/login", 303) if (method, path) == ("GET", "/") else _no_key()

    async def _refusal(
        self, scope: Scope, user: str, secret: str, wrong: Response
    ) -> Response | None:
        """None if this is the key; else `wrong`, after a while, or that there are too many."""
        async with self._guesses.turn((scope.get("client") or ("",))[0]) as is_in_turn:
            if not is_in_turn:
                text = "too many keys were tried from this address: wait a moment"
                return PlainTextResponse(text, 429)
            if self._keys.fit(user, secret):
                return None
            await asyncio.sleep(WRONG_KEY_SECONDS)
            return wrong

    def _session(self, headers: Headers) -> str:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie:
                return value
        return ""

    def _sign_in(self, status: int, wrong: bool = False) -> Response:
        return HTMLResponse(sign_in_page(bool(self._keys.user), wrong), status)

    def _welcome(self, response: Response) -> Response:
        session = self._sessions.begin()
        response.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return response


class Sessions:
    """Who has signed in: secrets that browsers keep, with the times of their first and their last
    request, by the `clock`. They end `idle` seconds after this, and `longest` after that."""

    def __init__(self, idle: float, longest: float, clock: Callable[[], float] = time.time):
        self._idle, self._longest, self._clock = idle, longest, clock
        self._times: dict[str, tuple[float, float]] = {}

    def begin(self) -> str:
        """A session's secret. Those that have ended are forgotten."""
        self._times = {one: times for one, times in self._times.items() if self._last(*times)}
        session, now = secrets.token_urlsafe(32), self._clock()
        self._times[session] = now, now
        return session

    def holds(self, session: str) -> bool:
        """Whether there is this session, which has made a request if there is."""
        first, last = self._times.get(session, (-math.inf, -math.inf))
        if not self._last(first, last):
            return False
        self._times[session] = first, self._clock()
        return True

    def end(self, session: str) -> None:
        """Forget a session, if there is this one."""
        self._times.pop(session, None)

    def _last(self, first: float, last: float) -> bool:
        """Whether sessions of these times haven't ended."""
        now = self._clock()
        return now - first < self._longest and now - last < self._idle


@dataclass
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Guesses:
    """Has the keys that one client tries wait for one another, and for nobody else's. Clients
    beyond MOST_CLIENTS at a time share a queue."""

    def __init__(self) -> None:
        self._queues: dict[bytes, _Queue] = {}

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[bool]:
        """The turn of a client at this address; False, at once, if too many of its tries wait."""
        name = _network(client)
        if name not in self._queues and len(self._queues) >= MOST_CLIENTS:
            name = b""
        queue = self._queues.setdefault(name, _Queue())
        if queue.waiting >= MOST_WAITING:
            yield False
            return
        queue.waiting += 1
        try:
            async with queue.lock:
                yield True
        finally:
            queue.waiting -= 1
            if not queue.waiting:
                del self._queues[name]


def _network(client: str) -> bytes:
    """What one client is known by: its IPv4 address, or the network that its IPv6 address is in, as
    it may choose among those."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client.encode()
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return mapped.packed if mapped else address.packed[:8]
    return address.packed


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


async def body_of(receive: Receive, most: int) -> bytes | None:
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
