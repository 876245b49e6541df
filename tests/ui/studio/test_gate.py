"""Who gets what by plain HTTP: nothing without a key, nothing from elsewhere, nothing beside."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import socket
from pathlib import Path

import pytest

from infgen.ui.studio.studio import API
from tests.ui.studio.served import PASSWORD, USER, Served

pytestmark = pytest.mark.xdist_group("studio")

ROUTES = [
    ("GET", "/"),
    ("GET", "/config"),
    ("GET", "/theme.css"),
    ("GET", "/favicon.ico"),
    ("GET", "/assets/index.js"),
    ("GET", "/static/img/logo.svg"),
    ("GET", "/tables/background.csv"),
    ("GET", "/datasets/dataset/report/index.html"),
    ("GET", "/gradio_api/info"),
    ("GET", "/gradio_api/openapi.json"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/gradio_api/heartbeat/abc"),
    ("GET", "/gradio_api/queue/data?session_hash=abc"),
    ("GET", "/gradio_api/upload_progress?upload_id=abc"),
    ("GET", "/gradio_api/call/tables/abc"),
    ("GET", "/gradio_api/file=/etc/passwd"),
    ("GET", "/gradio_api/nothing"),
    ("GET", "/nothing"),
    ("HEAD", "/"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/call/tables"),
    ("POST", "/gradio_api/run/tables"),
    ("POST", "/gradio_api/api/tables"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/reset"),
    ("PUT", "/"),
    ("OPTIONS", "/gradio_api/queue/join"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_a_key(studio: Served, method: str, path: str) -> None:
    answer = studio.ask(path, b"{}" if method == "POST" else None, method)
    if path == "/" and method == "GET":
        assert (answer.status, answer.headers["location"]) == (303, "/login")
    else:
        assert answer.status == 401
    assert b"gradio" not in answer.body and b"prompt" not in answer.body
    assert not answer.headers["set-cookie"]


def gradio_routes() -> set[str]:
    """The routes that are written down in Gradio's source, for GET: importing it takes seconds."""
    found = importlib.util.find_spec("gradio")
    assert found and found.origin
    source = (Path(found.origin).parent / "routes.py").read_text()
    lines = re.findall(r'@(app|router)\.get\(\s*f?"([^"]+)"', source)
    routes = {("/gradio_api" if where == "router" else "") + path for where, path in lines}
    return {re.sub(r"\{[^}]*\}", "x", route) for route in routes}


def test_of_gradios_routes_only_those_that_the_page_needs_are_there(studio: Served) -> None:
    routes = gradio_routes()
    assert len(routes) > 50
    cookie = studio.cookie()
    there = set()
    names = ("heartbeat/x", "queue/data", "upload_progress", "call/x/x")
    streams = {f"/gradio_api/{name}" for name in names}  # they are there, and don't end well
    for route in routes - streams:
        if studio.ask(route, Cookie=cookie).body != b"there is nothing here":
            there.add(route)
    assert there == {
        "/",
        "/config",
        "/theme.css",
        "/favicon.ico",
        "/assets/x",
        "/static/x",
        "/gradio_api/info",
        "/gradio_api/startup-events",
        "/gradio_api/file=x",
    }
    elsewhere = "/gradio_api/file=http://127.0.0.1:1/x.png"  # Gradio would fetch it
    assert studio.ask(elsewhere, Cookie=cookie).status == 404


def test_a_websocket_is_refused(studio: Served) -> None:
    with socket.create_connection(("127.0.0.1", studio.port), timeout=10) as line:
        line.sendall(
            f"GET /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 401")


def test_only_the_right_password_opens(studio: Served) -> None:
    for user, password in ((USER, "wrong"), ("bob", PASSWORD), ("", "")):
        answer = studio.sign_in(user, password)
        assert answer.status == 401 and not answer.headers["set-cookie"]
    right = studio.sign_in()
    assert right.status == 200
    cookie = str(right.headers["set-cookie"])
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    assert studio.ask("/config", Cookie=f"{name}={value}").status == 200
    assert studio.ask("/config", Cookie=f"{name}={value[:-1]}").status == 401
    assert studio.ask("/config", Cookie="access-token-x=1").status == 401


def test_programs_may_bring_the_password_along(studio: Served) -> None:
    from base64 import b64encode

    for text, status in ((f"{USER}:{PASSWORD}", 200), (f"{USER}:x", 401), ("x", 401)):
        basic = "Basic " + b64encode(text.encode()).decode()
        assert studio.ask("/config", Authorization=basic).status == status
    assert studio.ask("/config", Authorization="Basic %%%").status == 401
    assert studio.ask("/config", Authorization=f"Bearer {PASSWORD}").status == 401  # no user


def test_pages_of_other_sites_may_not_ask(studio: Served) -> None:
    cookie = studio.cookie()
    own = f"http://127.0.0.1:{studio.port}"
    for origin, status in (
        (own, 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("http://127.0.0.1:1", 403),
    ):
        assert studio.ask("/config", Cookie=cookie, Origin=origin).status == status
    assert studio.ask("/config", Cookie=cookie, Sec_Fetch_Site="cross-site").status == 403
    opened = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert studio.ask("/", Cookie=cookie, **opened).status == 200  # a link that was followed
    assert studio.ask("/login", b"username=a&password=b", **opened).status == 403


def test_another_name_for_this_machine_isnt_served(studio: Served) -> None:
    """A site whose name is made to mean this machine would else be one with the studio."""
    cookie = studio.cookie()
    for host, status in (
        (f"evil.example:{studio.port}", 421),
        ("127.0.0.1.evil.example", 421),
        (f"LOCALHOST:{studio.port}", 200),
    ):
        assert studio.ask("/config", Cookie=cookie, Host=host).status == status


def test_files_beside_the_uploads_arent_served(studio: Served) -> None:
    cookie = studio.cookie()
    root = studio.workspace
    for path in (
        Path("/etc/passwd"),
        root.parent / "secret.txt",
        root.parent / "password.txt",
        root / ".studio" / "lock",
        root / ".studio" / "files" / ".." / "lock",
        Path("README.md"),
        Path("pyproject.toml"),
    ):
        answer = studio.ask(f"/gradio_api/file={path}", Cookie=cookie)
        assert answer.status in (403, 404), path
    for path in ("dataset/../../../secret.txt", "..%2f..%2f..%2fsecret.txt", "x/%2e%2e/y.html"):
        assert studio.ask(f"/datasets/{path}", Cookie=cookie).status == 404, path
    assert studio.ask("/tables/..%2f..%2fsecret.txt", Cookie=cookie).status == 404
    (root / "backgrounds").mkdir(exist_ok=True)
    (root / "backgrounds" / "out.png").symlink_to("/etc/passwd")
    answer = studio.ask(f"/gradio_api/file={root}/backgrounds/out.png", Cookie=cookie)
    assert answer.status in (403, 404)


def test_of_a_dataset_its_report_and_pictures_are_served(studio: Served) -> None:
    cookie = studio.cookie()
    folder = studio.workspace / "datasets" / "made elsewhere"
    for name in ("run.toml", "samples-00000.jsonl", "report/index.html", "report/data/a.js",
                 "images/train/0.jpg", "index.html", "report/a.py"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("<b>x</b>")
    (folder / "report" / "out.html").symlink_to("/etc/passwd")
    there = {}
    for name in ("report/index.html", "report/data/a.js", "images/train/0.jpg", "index.html",
                 "run.toml", "samples-00000.jsonl", "report/a.py", "report/out.html",
                 "report/no.html"):  # fmt: skip
        answer = studio.ask(f"/datasets/made%20elsewhere/{name}", Cookie=cookie)
        there[name] = answer.status == 200
        rules = str(answer.headers["content-security-policy"])
        assert "connect-src 'none'" in rules  # a report's scripts ask the studio for nothing
    assert [name for name, found in there.items() if found] == list(there)[:3]
    assert studio.ask("/datasets/nothing/report/index.html", Cookie=cookie).status == 404
    assert studio.ask("/looks/abc/preview.html", Cookie=cookie).status == 404
    assert studio.ask("/tables/run.toml", Cookie=cookie).status == 404
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "README.md", "http://127.0.0.1:1/x.png", "https://x.org/x.png"]
)
def test_a_question_may_name_only_uploads(studio: Served, path: str) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for data in ([[file], "backgrounds", "x"], [{"deep": [file]}, "", ""]):
        answer = studio.ask(
            "/gradio_api/call/upload",
            json.dumps({"data": data}).encode(),
            Cookie=studio.cookie(),
            Content_Type="application/json",
        )
        assert answer.status == 403 and b"uploaded" in answer.body


def test_programs_call_the_studio_by_its_names_and_kinds(studio: Served) -> None:
    def ask(name: str, *values: object) -> str:
        data = json.dumps({"data": values}).encode()
        return str(studio.ask(f"/gradio_api/run/{name}", data, Cookie=cookie, **as_json).json)

    cookie, as_json = studio.cookie(), {"Content-Type": "application/json"}
    info = studio.ask("/gradio_api/info", Cookie=cookie).json
    assert [name[1:] for name in info["named_endpoints"]] == list(API)
    outside = str(studio.workspace.parent / "secret.txt")  # as text: Gradio takes it for no file
    assert "that were uploaded" in ask("upload", [outside], "backgrounds", "x")
    assert "dataset: Expected `str`, got `int`" in ask("start", 5, {})
    assert "painted: Expected `int`, got `str`" in ask("preview", {}, "two")
    assert "settings: Expected `object`" in ask("plan", ["x"])


def test_too_much_is_refused(studio: Served) -> None:
    cookie = studio.cookie()
    long = b'"' + b"x" * 8_000_001 + b'"'
    assert studio.ask("/gradio_api/call/tables", long, Cookie=cookie).status == 413
    assert studio.ask("/gradio_api/call/tables", b"{", Cookie=cookie).status == 400
    answer = studio.ask("/gradio_api/upload", b"x", Cookie=cookie, Content_Length="2000000000")
    assert answer.status == 413


def test_browsers_are_told_to_fetch_nothing_elsewhere(studio: Served) -> None:
    answer = studio.ask("/", Cookie=studio.cookie())
    rules = str(answer.headers["content-security-policy"])
    assert "default-src 'self'" in rules and "frame-ancestors 'self'" in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
