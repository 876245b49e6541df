"""The gate by itself, before an app that answers everything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from infgen.ui import studio
from infgen.ui.studio import door
from infgen.ui.studio.door import Door, Guesses, Sessions
from infgen.ui.studio.security import Gate
from infgen.ui.studio.settings import Keys, ServeSettings

NAMES = frozenset(("localhost", "127.0.0.1"))
KEYS = Keys("", "a long key")


async def _answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("inside: " + (await request.body()).decode())


APP = Starlette(routes=[Route("/{path:path}", _answer, methods=["GET", "POST", "PUT"])])


def client(keys: Keys | None = None, **options: Any) -> TestClient:
    door = Door(keys, 1, 1) if keys else None
    gate = Gate(APP, door, NAMES, Path("/uploads"), lambda size: "full" * (size > 9), **options)
    return TestClient(gate, "http://localhost:7860", follow_redirects=False)


def test_without_keys_this_machine_is_let_in() -> None:
    asking = client()
    assert asking.get("/").text == "inside: "
    assert asking.post("/gradio_api/queue/join", json={"data": [1]}).text == 'inside: {"data":[1]}'
    assert asking.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert asking.post("/gradio_api/cancel", headers={"Origin": "http://x"}).status_code == 403
    assert asking.get("/gradio_api/vibe-code").status_code == 404
    assert asking.put("/").status_code == 404


def test_a_link_with_the_key_signs_in_once() -> None:
    asking = client(KEYS)
    assert asking.get("/?token=wrong").status_code == 401
    answer = asking.get("/?token=a%20long%20key")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert asking.get("/").text == "inside: "  # the cookie is in the client's jar
    asking.cookies.clear()
    assert asking.get("/").headers["location"] == "/login"
    bearer = {"Authorization": "Bearer a long key"}
    assert asking.get("/config", headers=bearer).text == "inside: "
    assert asking.get("/config", headers={"Authorization": "Bearer x"}).status_code == 401


def test_the_page_that_asks_for_the_key() -> None:
    asking = client(KEYS)
    page = asking.get("/login")
    assert page.status_code == 200 and "username" not in page.text
    html = {"Accept": "text/html"}
    wrong = asking.post("/login", data={"password": "<b>"}, headers=html)
    assert wrong.status_code == 401 and 'role="alert"' in wrong.text and "<b>" not in wrong.text
    right = asking.post("/login", data={"password": KEYS.secret}, headers=html)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert "username" in client(Keys("ann", "a long key")).get("/login").text
    assert asking.post("/login", content=b"x" * 20_000).status_code in (303, 401, 404)


def test_a_session_ends_by_signing_out_or_with_time() -> None:
    asking = client(KEYS)
    asking.get("/?token=a%20long%20key")
    assert asking.get("/config").status_code == 200
    kept = dict(asking.cookies)
    assert asking.get("/logout").status_code == 404  # a link elsewhere ends nothing
    assert asking.post("/logout").headers["location"] == "/login"
    asking.cookies.update(kept)
    assert asking.get("/config").status_code == 401
    now = 0.0
    sessions = Sessions(idle=10, longest=25, clock=lambda: now)
    one, other = sessions.begin(), sessions.begin()
    now = 9.0
    assert sessions.holds(one) and not sessions.holds("") and not sessions.holds(one + "x")
    now = 18.0
    assert sessions.holds(one) and not sessions.holds(other)
    sessions.begin()
    assert len(sessions._times) == 2  # what has ended takes no room
    now = 25.0
    assert not sessions.holds(one)


def test_a_wrong_key_keeps_only_its_sender_waiting() -> None:
    async def story() -> None:
        guesses, entered = Guesses(), []

        async def guess(client: str, go: asyncio.Event) -> None:
            async with guesses.turn(client) as is_in_turn:
                entered.append((client, is_in_turn))
                await go.wait()

        async def begin(client: str) -> None:
            tasks.append(asyncio.create_task(guess(client, go)))
            await asyncio.sleep(0)

        go, tasks = asyncio.Event(), []
        for _ in range(door.MOST_WAITING + 1):
            await begin("192.0.2.1")
        # one tries, one is too many, the others wait; and other addresses needn't
        assert entered == [("192.0.2.1", True), ("192.0.2.1", False)]
        for client, enters in (
            ("192.0.2.2", True),
            ("::ffff:192.0.2.3", True),
            ("::ffff:192.0.2.1", False),
            ("2001:db8::1", True),
            ("2001:db8::2", False),  # of the same network
            ("2001:db8:0:1::1", True),
            ("", True),
        ):
            before = len(entered)
            await begin(client)
            there = entered[before:]
            assert there == ([(client, True)] if enters else [(client, False)] * len(there)), client
        for number in range(door.MOST_CLIENTS + door.MOST_WAITING):
            await begin(f"10.0.{number // 256}.{number % 256}")
        assert len(guesses._queues) <= door.MOST_CLIENTS + 1
        go.set()
        await asyncio.gather(*tasks)
        assert not guesses._queues

    with ThreadPoolExecutor() as elsewhere:  # where a browser is open, this thread has a loop
        elsewhere.submit(asyncio.run, story()).result()


def test_uploads_say_how_large_they_are() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x"

    asking = client()
    assert asking.post("/gradio_api/upload", content=chunks()).status_code == 411
    assert asking.post("/gradio_api/upload", content=b"x").text == "inside: x"
    answer = asking.post("/gradio_api/upload", content=b"x" * 10)
    assert (answer.status_code, answer.text) == (507, "full")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/uploads/a/b.png", 200),
        ("/uploads/../etc/passwd", 403),
        ("/uploadsx/a.png", 403),
        ("a.png", 403),
        ("https://x.org/a.png", 403),
        ("a\0b", 403),
    ],
)
def test_files_of_a_question_lie_in_the_uploads(path: str, status: int) -> None:
    question = {"data": [[{"x": {"path": path, "meta": {}}}]]}
    assert client().post("/gradio_api/queue/join", json=question).status_code == status


def test_a_notebook_may_show_it_and_nobody_else() -> None:
    colab = {"Origin": "https://abc-colab.googleusercontent.com"}
    outside, inside = client(), client(notebook=True)
    assert outside.get("/", headers=colab).status_code == 403
    assert inside.get("/", headers=colab).status_code == 200
    assert inside.get("/", headers={"Origin": "https://colab.dev.evil.org"}).status_code == 403
    assert "frame-ancestors 'self'" in outside.get("/").headers["content-security-policy"]
    assert "https://colab" not in outside.get("/").headers["content-security-policy"]
    assert "https://colab" in inside.get("/").headers["content-security-policy"]


def test_it_opens_in_a_notebooks_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    server = SimpleNamespace(port=7861, link="http://127.0.0.1:7861/")
    settings: list[ServeSettings] = []
    fake = ModuleType("infgen.ui.studio.server")
    fake.Server = lambda given, notebook: settings.append(given) or server  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "infgen.ui.studio.server", fake)
    monkeypatch.setattr("IPython.display.display", shown.append)
    assert studio.serve(ServeSettings(port=1), inline=True) is server
    assert settings == [ServeSettings(port=1)]
    assert shown[0].src == "http://127.0.0.1:7861/"
    colab = ModuleType("google.colab")
    colab.output = SimpleNamespace(  # type: ignore[attr-defined]
        serve_kernel_port_as_iframe=lambda port, height: shown.append((port, height))
    )
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    studio.serve(ServeSettings(), inline=True)
    assert shown[1] == (7861, "900")
